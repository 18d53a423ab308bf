package config

import (
	"math"
	"slices"
	"strings"
)

// How a key takes effect.
type effect int

const (
	acts        effect = iota
	ensemble           // means something in an ensemble alone, in Apache too: checked; a word about it there if it has a note
	ineffective        // means something to Apache's standalone server, but not to this one: one warning that says why
)

// A key is one entry of the table of everything Apache 3.9.5 reads.
type key struct {
	name     string // in zoo.cfg; a trailing '*' stands for any ending
	property string // the Java system property; "" when Apache reads the key from zoo.cfg alone
	effect   effect
	set      setter
	note     string // of a key without effect: what holds instead
	secret   bool   // the value is never printed
	inert    string // of a key with a note: the values, blanks between, that ask for nothing we lack
}

// asks reports that a value of a key with a note asks for something this server does not do.
func (k key) asks(value string) bool {
	return !slices.ContainsFunc(strings.Fields(k.inert), func(v string) bool { return strings.EqualFold(v, value) })
}

// zk is a key that is a system property with the prefix zookeeper.
func zk(name string, set setter) key { return key{name: name, property: "zookeeper." + name, set: set} }

// bare is a system property without a prefix.
func bare(name string, set setter) key { return key{name: name, property: name, set: set} }

// fileOnly is read from zoo.cfg alone.
func fileOnly(name string, set setter) key { return key{name: name, set: set} }

func secret(k key) key { k.secret = true; return k }

var activeKeys = []key{
	fileOnly("dataDir", directory(func(c *Config) *string { return &c.DataDir })),
	fileOnly("dataLogDir", directory(func(c *Config) *string { return &c.DataLogDir })),
	zk("datadir.autocreate", boolean(func(c *Config) *bool { return &c.AutoCreateDirs })),
	zk("db.autocreate", boolean(func(c *Config) *bool { return &c.AutoCreateDB })),
	zk("snapshot.trust.empty", boolean(func(c *Config) *bool { return &c.TrustEmpty })),
	zk("snapshot.compression.method", compression),
	zk("acceptDataLoss", zxid(func(c *Config) *int64 { return &c.AcceptDataLoss })), // not Apache's: the answer to a refusal
	zk("serializeLastProcessedZxid.enabled", boolean(func(c *Config) *bool { return &c.LastZxidInSnap })),
	zk("snapCount", atLeast(func(c *Config) *int { return &c.SnapCount }, 2, math.MaxInt32, "")),
	zk("snapSizeLimitInKb", limit(func(c *Config) *int64 { return &c.SnapSizeKB }, math.MaxInt64>>10, "KiB")),
	zk("preAllocSize", limit(func(c *Config) *int64 { return &c.PreAllocKB }, math.MaxInt32, "KiB")),
	zk("txnLogSizeLimitInKb", limit(func(c *Config) *int64 { return &c.TxnLogSizeKB }, math.MaxInt64>>10, "KiB")),
	zk("forceSync", yesNo(func(c *Config) *bool { return &c.ForceSync })),
	zk("fsync.warningthresholdms", limit(func(c *Config) *int64 { return &c.FsyncWarningMs }, math.MaxInt32, "milliseconds")),
	// The older name without the prefix still counts (Apache FileTxnLog.java).
	{property: "fsync.warningthresholdms", set: limit(func(c *Config) *int64 { return &c.FsyncWarningMs }, math.MaxInt32, "milliseconds")},
	fileOnly("autopurge.snapRetainCount", atLeast(func(c *Config) *int { return &c.SnapRetainCount }, minSnapRetain, math.MaxInt32, "")),
	fileOnly("autopurge.purgeInterval", purgeInterval),
	zk("maxBatchSize", integer(func(c *Config) *int { return &c.MaxBatchSize }, 1, math.MaxInt32, "txns in one sync")),
	zk("digest.enabled", boolean(func(c *Config) *bool { return &c.Digest })),
	zk("closeSessionTxn.enabled", boolean(func(c *Config) *bool { return &c.CloseSessionPath })),

	fileOnly("clientPort", port(func(c *Config) *int { return &c.ClientPort })),
	fileOnly("clientPortAddress", address(func(c *Config) *string { return &c.ClientPortAddress }, "clientPort")),
	fileOnly("maxClientCnxns", limit(func(c *Config) *int { return &c.MaxClientCnxns }, math.MaxInt32, "connections; 0 is no limit")),
	zk("maxCnxns", limit(func(c *Config) *int { return &c.MaxCnxns }, math.MaxInt32, "connections; 0 is no limit")),
	zk("clientTcpKeepAlive", boolean(func(c *Config) *bool { return &c.ClientTCPKeepAlive })),
	zk("nio.sessionlessCnxnTimeout", integer(func(c *Config) *int { return &c.SessionlessMs }, 1, math.MaxInt32, "milliseconds")),
	bare("jute.maxbuffer", integer(func(c *Config) *int { return &c.MaxBuffer }, minMaxBuffer, math.MaxInt32, "bytes")),
	zk("jute.maxbuffer.extrasize", atLeast(func(c *Config) *int { return &c.MaxBufferExtra }, minMaxBufferExtra, math.MaxInt32, "bytes")),
	zk("4lw.commands.whitelist", whitelist),
	bare("readonlymode.enabled", boolean(func(c *Config) *bool { return &c.ReadOnlyMode })),

	fileOnly("tickTime", integer(func(c *Config) *int { return &c.TickMs }, 1, math.MaxInt32/20, "milliseconds")),
	fileOnly("minSessionTimeout", integer(func(c *Config) *int { return &c.MinSessionTimeoutMs }, -1, math.MaxInt32, "milliseconds")),
	fileOnly("maxSessionTimeout", integer(func(c *Config) *int { return &c.MaxSessionTimeoutMs }, -1, math.MaxInt32, "milliseconds")),

	zk("extendedTypesEnabled", boolean(func(c *Config) *bool { return &c.ExtendedTypes })),
	zk("enforceQuota", boolean(func(c *Config) *bool { return &c.EnforceQuota })),
	bare("znode.container.checkIntervalMs", integer(func(c *Config) *int64 { return &c.ContainerCheckMs }, 1, math.MaxInt32, "milliseconds")),
	bare("znode.container.maxPerMinute", integer(func(c *Config) *int { return &c.ContainerMaxPerMinute }, 1, math.MaxInt32, "znodes")),
	bare("znode.container.maxNeverUsedIntervalMs", limit(func(c *Config) *int64 { return &c.ContainerNeverUsedMs }, math.MaxInt64, "milliseconds")),
	zk("globalOutstandingLimit", integer(func(c *Config) *int { return &c.GlobalOutstandingLimit }, 1, math.MaxInt32, "requests")),

	zk("skipACL", yesNo(func(c *Config) *bool { return &c.SkipACL })),
	zk("DigestAuthenticationProvider.enabled", boolean(func(c *Config) *bool { return &c.DigestAuth })),
	zk("DigestAuthenticationProvider.digestAlg", digestAlg),
	secret(zk("DigestAuthenticationProvider.superDigest", superDigest)),
	zk("enforce.auth.enabled", boolean(func(c *Config) *bool { return &c.EnforceAuth })),
	zk("enforce.auth.schemes", schemes),
}
