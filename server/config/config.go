package config

// A Config is a checked configuration of one standalone server. The zero value is not usable: begin with Default, Load
// or Parse. Times are milliseconds, sizes KiB where the name says so; the comment of a field names its key.
type Config struct {
	File string // the file it was read from, as given; "" without one
	Text string // the file's text as it was read (the AdminServer's initial_configuration)

	// Storage.
	DataDir          string // dataDir, without version-2
	DataLogDir       string // dataLogDir; equals DataDir unless set
	AutoCreateDirs   bool   // datadir.autocreate: make a missing data directory
	AutoCreateDB     bool   // db.autocreate: an empty directory is a new database, without an "initialize" file
	TrustEmpty       bool   // snapshot.trust.empty: accept logs without a snapshot
	Compression      string // snapshot.compression.method: "", "gz" or "snappy"
	LastZxidInSnap   bool   // serializeLastProcessedZxid.enabled: the third section of a 3.9 snapshot
	SnapCount        int    // snapCount: txns between snapshots, at least 2
	SnapSizeKB       int64  // snapSizeLimitInKb: log bytes between snapshots; 0 is no limit
	PreAllocKB       int64  // preAllocSize: step by which the log file is extended; 0 is none
	TxnLogSizeKB     int64  // txnLogSizeLimitInKb: roll the log at this size; 0 is no limit
	ForceSync        bool   // forceSync: sync the log before a reply
	FsyncWarningMs   int64  // fsync.warningthresholdms
	SnapRetainCount  int    // autopurge.snapRetainCount, at least 3
	PurgeIntervalMs  int64  // autopurge.purgeInterval (hours there); 0 is never
	MaxBatchSize     int    // maxBatchSize: txns in one sync
	FlushDelayMs     int64  // flushDelay: how long a batch may wait for company
	Digest           bool   // digest.enabled: tree digest in txns and snapshots
	CloseSessionPath bool   // closeSessionTxn.enabled: closeSession txns name the ephemerals they delete
	InitialZxid      int64  // testingonly.initialZxid; 0 unless set

	// Client port.
	ClientPort          int      // clientPort; 0 takes a free port
	ClientPortAddress   string   // clientPortAddress; "" is every interface
	ListenBacklog       int      // clientPortListenBacklog; -1 is the system's default
	MaxClientCnxns      int      // maxClientCnxns: connections of one address; 0 is no limit
	MaxCnxns            int      // maxCnxns: connections in all; 0 is no limit
	ClientTCPKeepAlive  bool     // clientTcpKeepAlive
	SessionlessMs       int      // nio.sessionlessCnxnTimeout: a connection must have a session by then
	MaxBuffer           int      // jute.maxbuffer: bytes of one packet
	MaxBufferExtra      int      // jute.maxbuffer.extrasize: what stored records may have beyond MaxBuffer
	FourLetterWhitelist []string // 4lw.commands.whitelist, srvr always in it; "*" alone is all
	ReadOnlyMode        bool     // readonlymode.enabled; alone, a server is always read-write

	// Sessions.
	TickMs              int // tickTime
	MinSessionTimeoutMs int // minSessionTimeout; 2 ticks unless set
	MaxSessionTimeoutMs int // maxSessionTimeout; 20 ticks unless set

	// Znodes.
	ExtendedTypes          bool  // extendedTypesEnabled: TTL nodes
	Emulate353TTL          bool  // emulate353TTLNodes: the owner encoding of 3.5.3
	EnforceQuota           bool  // enforceQuota: hard limits refuse
	ContainerCheckMs       int64 // znode.container.checkIntervalMs
	ContainerMaxPerMinute  int   // znode.container.maxPerMinute
	ContainerNeverUsedMs   int64 // znode.container.maxNeverUsedIntervalMs; 0 keeps unused containers
	GlobalOutstandingLimit int   // globalOutstandingLimit: requests in the pipeline before connections are not read

	// Who may do what.
	SkipACL            bool     // skipACL=yes: no ACL is checked
	DigestAuth         bool     // DigestAuthenticationProvider.enabled
	DigestAlg          string   // DigestAuthenticationProvider.digestAlg: SHA1, SHA-256, …
	SuperDigest        string   // DigestAuthenticationProvider.superDigest: super:<base64 of the digest>
	EnforceAuth        bool     // enforce.auth.enabled: no operation before an auth of EnforceAuthSchemes
	EnforceAuthSchemes []string // enforce.auth.schemes

	// Throttles.
	RequestThrottle     RequestThrottle
	ConnectionThrottle  ConnectionThrottle
	ThrottledOpWaitMs   int // throttled_op_wait_time; 0 is off
	LargeRequestMax     int // largeRequestMaxBytes: bytes of large requests in the pipeline
	LargeRequestMinimum int // largeRequestThreshold: from this size a request is large; -1 is off

	// MyID is the number in dataDir/myid, -1 without the file. Alone, a server needs none.
	MyID int64

	// literalDirs are dataDir and dataLogDir with the trailing comment that was left out of them, "" without one.
	literalDirs [2]string
}

// RequestThrottle is Apache's RequestThrottler.
type RequestThrottle struct {
	MaxRequests int  // request_throttle_max_requests; 0 is off
	StallMs     int  // request_throttle_stall_time
	DropStale   bool // request_throttle_drop_stale: drop requests of closed connections
}

// ConnectionThrottle is Apache's BlueThrottle.
type ConnectionThrottle struct {
	Tokens       int     // connection_throttle_tokens; 0 is off
	FillMs       int     // connection_throttle_fill_time
	FillCount    int     // connection_throttle_fill_count
	FreezeMs     int     // connection_throttle_freeze_time; -1 is off
	DropIncrease float64 // connection_throttle_drop_increase
	DropDecrease float64 // connection_throttle_drop_decrease
	Ratio        float64 // connection_throttle_decrease_ratio
}

// Apache's defaults that other packages name too.
const (
	DefaultTickMs     = 3000
	DefaultMaxBuffer  = 0xfffff
	unsetPort         = -1
	minSnapRetain     = 3
	minMaxBuffer      = 64 // a connect request has 45 bytes
	minMaxBufferExtra = 1024
)

// Default is Apache's configuration without any key: DataDir is empty, and there is no client port yet.
func Default() *Config {
	return &Config{
		AutoCreateDirs: true, AutoCreateDB: true, LastZxidInSnap: true,
		SnapCount: 100_000, SnapSizeKB: 4_194_304, PreAllocKB: 65_536, ForceSync: true, FsyncWarningMs: 1000,
		SnapRetainCount: minSnapRetain, MaxBatchSize: 1000, Digest: true, CloseSessionPath: true,

		ClientPort: unsetPort, ListenBacklog: -1, MaxClientCnxns: 60, SessionlessMs: 10_000,
		MaxBuffer: DefaultMaxBuffer, MaxBufferExtra: DefaultMaxBuffer,
		FourLetterWhitelist: []string{"srvr"},

		TickMs: DefaultTickMs, MinSessionTimeoutMs: 2 * DefaultTickMs, MaxSessionTimeoutMs: 20 * DefaultTickMs,

		ContainerCheckMs: 60_000, ContainerMaxPerMinute: 10_000, GlobalOutstandingLimit: 1000,
		DigestAuth: true, DigestAlg: "SHA1",

		RequestThrottle:     RequestThrottle{StallMs: 100, DropStale: true},
		ConnectionThrottle:  ConnectionThrottle{FillMs: 1, FillCount: 1, FreezeMs: -1, DropIncrease: 0.02, DropDecrease: 0.002},
		LargeRequestMax:     100 << 20,
		LargeRequestMinimum: -1,
		MyID:                -1,
	}
}
