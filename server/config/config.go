package config

// A Config is a checked configuration of one server, alone or in an ensemble. The zero value is not usable: begin with Default, Load
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
	Digest           bool   // digest.enabled: tree digest in txns and snapshots
	AcceptDataLoss   int64  // acceptDataLoss: start although the txns from exactly this zxid on are damaged; 0 never
	CloseSessionPath bool   // closeSessionTxn.enabled: closeSession txns name the ephemerals they delete

	// Client port.
	ClientPort          int      // clientPort; 0 takes a free port, -1 is none, beside a secureClientPort
	ClientPortAddress   string   // clientPortAddress; "" is every interface
	ListenBacklog       int      // clientPortListenBacklog, shown by conf; the system's default is used
	MaxClientCnxns      int      // maxClientCnxns: connections of one address; 0 is no limit
	MaxCnxns            int      // maxCnxns: connections in all; 0 is no limit
	ClientTCPKeepAlive  bool     // clientTcpKeepAlive
	SessionlessMs       int      // nio.sessionlessCnxnTimeout: a connection must have a session by then
	MaxBuffer           int      // jute.maxbuffer: bytes of one packet
	MaxBufferExtra      int      // jute.maxbuffer.extrasize: what stored records may have beyond MaxBuffer
	FourLetterWhitelist []string // 4lw.commands.whitelist, srvr always in it; "*" alone is all
	ReadOnlyMode        bool     // readonlymode.enabled: serve readers without a quorum

	SecureClients SecureClients // clients under TLS

	// Sessions.
	TickMs              int // tickTime
	MinSessionTimeoutMs int // minSessionTimeout; 2 ticks unless set
	MaxSessionTimeoutMs int // maxSessionTimeout; 20 ticks unless set

	// Znodes.
	ExtendedTypes          bool  // extendedTypesEnabled: TTL nodes
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

	Throttle Throttle // of requests and connections

	// MyID is the number in dataDir/myid, -1 without the file. Alone, a server needs none.
	MyID int64

	// Ensemble is about several servers; see Distributed.
	Ensemble Ensemble

	// literalDirs are dataDir and dataLogDir with the trailing comment that was left out of them, "" without one.
	literalDirs [2]string
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

		SecureClients: defaultSecureClients(),

		TickMs: DefaultTickMs, MinSessionTimeoutMs: 2 * DefaultTickMs, MaxSessionTimeoutMs: 20 * DefaultTickMs,

		ContainerCheckMs: 60_000, ContainerMaxPerMinute: 10_000, GlobalOutstandingLimit: 1000,
		DigestAuth: true, DigestAlg: "SHA1",

		Throttle: defaultThrottle(),

		MyID: -1, Ensemble: defaultEnsemble(),
	}
}
