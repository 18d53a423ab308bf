// Package admin answers those who watch over a server: the four-letter words of
// the client port. It reads one Status value and a few listings, and changes
// nothing but counters and the trace mask.
//
// Texts are those of Apache ZooKeeper 3.9 (server/command/*.java), compared
// with the answers of a running 3.8.0.
package admin

import (
	"time"

	"zookit/protocol"
	"zookit/server/cnxn"
	"zookit/server/watch"
)

// Version is the ZooKeeper release whose behaviour clients find here. Clients
// that look at it (kazoo, go-zookeeper) want three numbers first, and nothing
// but letters, digits, dots and dashes behind.
const Version = "3.9.5-zookit"

// Status is the state of a server at one moment, for people and monitors.
type Status struct {
	Built    time.Time // of the program; zero when unknown
	Started  time.Time
	Serving  bool // false before recovery is done and after a failure
	ReadOnly bool
	Mode     string // standalone, leader, follower, observer, read-only

	LatencyMin, LatencyMax int64 // ms, from a request's arrival to its reply
	LatencyAvg             float64
	Received, Sent         int64 // packets
	// Bytes of the last, smallest and largest packet sent; −1: none yet.
	ResponseLast, ResponseMin, ResponseMax int64
	Connections                            int
	Rejected                               int64 // connections refused for a limit
	// DropChance is that of a client that connects to be sent away
	// (connection_throttle_freeze_time).
	DropChance float64
	// ThrottleWaits is how often a request had to wait for
	// request_throttle_max_requests, each request_throttle_stall_time anew.
	ThrottleWaits int64
	// Requests that were answered ThrottledOp, dropped as stale, refused as large.
	ThrottledOps, StaleDropped, LargeRejected int64
	AuthFailed                                int64
	Outstanding                               int // writes not yet answered

	Zxid          protocol.Zxid // last applied
	Nodes         int
	Ephemerals    int
	DataBytes     int64 // names and data of all znodes
	Sessions      int
	LocalSessions int
	Watches       int
	WatchedPaths  int // paths with a watch of the data table
	DataWatches   int // watches of the data table, persistent ones included
	WatchingConns int // connections with such a watch

	OpenFiles, MaxFiles int64 // descriptors; -1 where the system does not tell

	Snapshots int64     // taken since the start
	Syncs     SyncStats // of the txn log
	Settings  Settings
	Ensemble  *Ensemble // nil of a server alone

	// Quarantine is not nil of a member whose data cannot be used; it is not Serving
	// then.
	Quarantine *Quarantine
}

// SyncStats counts syncs of the txn log; times in milliseconds.
type SyncStats struct {
	Count, SumMs, MinMs, MaxMs int64
	Slow                       int64 // slower than fsync.warningthresholdms
}

// Settings is what conf prints of the configuration.
type Settings struct {
	ClientPort          int    // -1: none
	SecureClientPort    int    // -1: none
	DataDir, LogDir     string // version-2 directories
	TickMs              int
	MaxClientCnxns      int
	MinSessionTimeoutMs int
	MaxSessionTimeoutMs int
	ListenBacklog       int
	ServerID            int64
}

// Expiry is the sessions or connections that end at one time unless they are
// heard of before.
type Expiry struct {
	At       time.Time
	Sessions []protocol.SessionID
}

// Session is a session of the ensemble.
type Session struct {
	ID        protocol.SessionID
	TimeoutMs int32
}

// Digest is the tree's digest after the txn with that zxid.
type Digest struct {
	Zxid   protocol.Zxid
	Digest uint64
}

// Source is the server behind the answers. Its listings may be long and are
// made when they are asked for.
type Source interface {
	Status() Status
	Conns() []cnxn.Info
	Sizes() (dataDir, logDir int64) // bytes in the two directories
	Expiries() []Expiry             // sessions by the time of their expiry, earliest first
	// LocalExpiries is the same for the sessions that this server alone knows; ok is
	// false when there are no such sessions here.
	LocalExpiries() (list []Expiry, ok bool)
	Sessions() []Session // of the tree, ascending
	Ephemerals() map[protocol.SessionID][]string
	Watches() *watch.Listing
	Digests() []Digest // oldest first
	ResetServer()      // srst
	ResetConns()       // crst
	TraceMask() int64
	SetTraceMask(int64)
}
