package config

import (
	"fmt"
	"math"
	"strings"
)

// The keys Apache 3.9.5 knows and a standalone server of ours takes no action on.

// without marks a key that Apache's standalone server acts on and ours does not; note says what holds instead.
func without(name, note string) key {
	return key{name: name, property: "zookeeper." + name, effect: ineffective, set: anyText, note: note}
}

// unless is without for a value that asks for something; inert is the value that does not.
func unless(inert string, k key) key { k.inert = inert; return k }

// idle marks a key whose value is checked, and which asks for nothing when it is inert.
func idle(inert, note string, k key) key {
	k.effect, k.inert, k.note = ineffective, inert, note
	return k
}

const (
	noThreads = "this server has no such pool of threads; nothing to tune"
	noAdmin   = "this release has no HTTP admin server; four-letter words on the client port answer the same questions"
	noMetrics = "this release has no metrics provider; the four-letter word mntr has the figures"
	noTLS     = "this release has no such setting of TLS"
	noSASL    = "this release has no SASL; such clients stay unauthenticated"
	noCache   = "replies are encoded from the tree each time; there is no such cache"
	noWatcher = "there is one watch manager; nothing to tune"
	noNetty   = "there is one connection layer; nothing to choose"
	noAudit   = "this release writes no audit log"
	noTrack   = "this release keeps no such trace"
)

var otherKeys = []key{
	unless("false", without("admin.enableServer", noAdmin)), without("admin.*", noAdmin),
	{name: "metricsProvider.*", effect: ineffective, set: anyText, note: noMetrics},
	unless("false", key{name: "jvm.pause.monitor", effect: ineffective, set: anyText, note: "there is no JVM whose pauses could be watched"}),
	{name: "jvm.pause.*", effect: ineffective, set: anyText, note: "there is no JVM whose pauses could be watched"},
	secret(without("ssl.*", noTLS)), idle("true", "what Go's library of TLS takes for safe is used", zk("fips-mode", anyBool)),
	without("X509AuthenticationProvider.*", "identities are the subjects of certificates"), without("authProvider.*", "this release has the schemes world, auth, digest, ip and x509; no class is loaded"),
	without("sasl.*", noSASL), without("SASLAuthenticationProvider.*", noSASL), without("allowSaslFailedClients", noSASL),
	without("requireClientAuthScheme", noSASL), without("jaasLoginRenew", noSASL), without("superUser", noSASL), without("letAnySaslUserDoX", noSASL),
	without("kerberos.*", noSASL), without("kinit", noSASL), without("security.auth_to_local", noSASL), without("requireKerberosConfig", noSASL),
	unless("false", without("IPAuthenticationProvider.usexforwardedfor", noAdmin)),
	without("serverCnxnFactory", noNetty), without("netty.*", noNetty),
	without("nio.*", noThreads), without("commitProcessor.*", noThreads), without("request_throttler.shutdownTimeout", noThreads),
	without("maxResponseCacheSize", noCache), without("maxGetChildrenResponseCacheSize", noCache), without("intBufferStartingSizeBytes", noCache),
	without("watchManagerName", noWatcher), without("watcherClean*", noWatcher), without("maxInProcessingDeadWatchers", noWatcher), without("bitHashCacheSize", noWatcher),
	idle("-1", "the system's default is used", fileOnly("clientPortListenBacklog", integer(func(c *Config) *int { return &c.ListenBacklog }, -1, math.MaxInt32, "connections"))),
	idle("0", "a batch never waits for company; what comes while the disk syncs is the next one", zk("flushDelay", anyInt)),
	idle("0", "an empty directory begins at zxid 0", zk("testingonly.initialZxid", anyInt)),
	without("maxWriteQueuePollTime", "a batch is what waits while the disk syncs; nothing to tune"),
	unless("false", without("audit.enable", noAudit)), without("audit.*", noAudit),
	without("messageTracker.*", noTrack), without("pathStats.*", noTrack),
	without("jmx.*", "there is no JMX"), without("controllerPort", "there is no controller"),

	refuse(zk("sessionRequireClientSASLAuth", nil), "true", "SASL is not supported by this release, so no client could do anything", "leave the line out, or use enforce.auth.enabled=true with enforce.auth.schemes=digest"),

	refuse(zk("emulate353TTLNodes", nil), "true", "the encoding of TTL nodes of 3.5.3 is not supported; read as another, such nodes would be taken for ephemerals and deleted", "let Apache rewrite them as extendedTypesEnabled=true without this line first"),

	// Set by zkServer.sh and by the unit files of distributions on every start: nothing to say.
	only(zk("log.*", anyText)), only(zk("root.logger", anyText)), only(zk("console.threshold", anyText)), only(zk("DigestAuthenticationProvider", anyText)),
}

// refuse makes an entry whose promise would be broken in silence if the server started without it. asks is the value
// that asks for it; "" is any.
func refuse(k key, asks, why, mend string) key {
	k.effect = acts
	k.set = func(_ *Config, v string) (string, string, string) {
		if asks == "" || strings.EqualFold(v, asks) {
			return "", why, mend
		}
		return "", "", ""
	}
	return k
}

// tables are all entries.
func tables() [][]key {
	return [][]key{activeKeys, throttleKeys, ensembleKeys, securityKeys, saslKeys, secureClientKeys, otherKeys}
}

// find returns the entry for a key of zoo.cfg, or for a system property.
func find(name string, nameOf func(key) string) (key, bool) {
	var best key
	found := false
	for _, table := range tables() {
		for _, k := range table {
			pattern := nameOf(k)
			if pattern == "" {
				continue
			}
			if pattern == name {
				return k, true
			}
			stem, open := strings.CutSuffix(pattern, "*")
			if open && len(name) > len(stem) && strings.HasPrefix(name, stem) && !found {
				best, found = k, true
			}
		}
	}
	return best, found
}

func findKey(name string) (key, bool) { return find(name, func(k key) string { return k.name }) }
func findProperty(name string) (key, bool) {
	return find(name, func(k key) string { return k.property })
}

// maxSuggestBytes bounds the work spent on a name that is no typing error.
const maxSuggestBytes = 64

// suggest names the known key nearest to a mistyped one, or "".
func suggest(name string, nameOf func(key) string) string {
	if len(name) > maxSuggestBytes {
		return ""
	}
	best, bestDistance := "", 1+len(name)/4
	for _, table := range tables() {
		for _, k := range table {
			known := nameOf(k)
			if known == "" || strings.HasSuffix(known, "*") {
				continue
			}
			if strings.EqualFold(known, name) {
				return fmt.Sprintf("; did you mean %s?", known)
			}
			if d := distance(name, known); d <= bestDistance && (d < bestDistance || best == "") {
				best, bestDistance = known, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance counts the insertions, deletions and replacements between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(diagonal+cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
