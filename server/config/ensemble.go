package config

import (
	"fmt"
	"net"
	"strconv"

	"zookit/protocol/quorum"
)

// An Ensemble is what a configuration says of the servers that form one, and of the way they work together. A server
// alone has the settings too, at their defaults, and uses none. Limits are ticks, times milliseconds; the comment of a
// field names its key.
type Ensemble struct {
	// Servers are the server, group and weight lines with the version: of zoo.cfg 0, of a dynamic configuration file the
	// one its name ends with. Its String is what /zookeeper/config, notifications and NEWLEADER carry. A client port that
	// zoo.cfg gives as clientPort is not in it. Empty without such lines.
	Servers quorum.Config

	InitLimit    int // initLimit: ticks a learner has to connect and to synchronise; an ensemble needs it
	SyncLimit    int // syncLimit: ticks a learner may lag behind or be silent; an ensemble needs it
	ConnectLimit int // connectToLearnerMasterLimit: ticks to connect to the leader; initLimit when not above 0

	ListenOnAllIPs    bool   // quorumListenOnAllIPs: both ports on every interface, not on the server line's address
	MultiAddress      bool   // multiAddress.enabled: a server line may have several addresses; another initial message
	ConnectTimeoutMs  int    // cnxTimeout: to connect to an election port
	ReadTimeoutMs     int    // quorumCnxnTimeoutMs: of the first message on the election port, and of a write; -1 is syncLimit
	BindRetries       int    // electionPortBindRetry: attempts to bind the election port; 0 goes on for ever
	MinNotificationMs int    // fastleader.minNotificationInterval: the first wait for votes
	MaxNotificationMs int    // fastleader.maxNotificationInterval: it doubles up to here
	TCPKeepAlive      bool   // tcpKeepAlive: on the election port
	LeaderNoDelay     bool   // leader.nodelay: TCP_NODELAY on the leader's side of the quorum port
	FollowerNoDelay   bool   // follower.nodelay: on the learner's
	ConnectRetryMs    int    // leaderConnectDelayDuringRetryMs: a learner's wait between two attempts
	PeerType          string // peerType: participant or observer; the server lines decide when they differ

	LeaderServes       bool    // leaderServes: the leader takes clients too
	MaxSnapSyncs       int     // leader.maxConcurrentSnapSyncs
	MaxDiffSyncs       int     // leader.maxConcurrentDiffSyncs
	CommitLogCount     int     // commitLogCount: committed txns kept to synchronise learners from, at least 500
	SnapshotSizeFactor float64 // snapshotSizeFactor: share of the snapshot's size the log on disk may have; negative never reads it
	ForceSnapshotSync  bool    // forceSnapshotSync: always SNAP

	ReconfigEnabled   bool   // reconfigEnabled: the members change while they run
	DynamicFile       string // dynamicConfigFile: where the server lines are; "" for the configuration file itself
	StandaloneEnabled bool   // standaloneEnabled: one voter is a server alone

	ObserverMasterPort int // observerMasterPort: followers serve observers on this port, and observers look for them there; 0: none

	LocalSessions          bool     // localSessionsEnabled: sessions begin on one server alone, without a txn
	LocalSessionsUpgrading bool     // localSessionsUpgradingEnabled: one that creates an ephemeral becomes the ensemble's
	Security               Security // who may call, and how

	lines map[int64]source // of each server line
}

// A source is where a value was written.
type source struct {
	file  string
	line  int
	key   string
	value string
}

func (s source) refuse(why, mend string) *Error {
	return &Error{File: s.file, Line: s.line, Key: s.key, Value: s.value, Why: why, Mend: mend}
}

func (s source) warn(format string, args ...any) Warning {
	return Warning{File: s.file, Line: s.line, Key: s.key, Text: fmt.Sprintf(format, args...)}
}

// Values of peerType.
const (
	participant = "participant"
	observer    = "observer"
)

// minCommitLog is ZKDatabase.DEFAULT_COMMIT_LOG_COUNT, to which Apache raises a lower count.
const minCommitLog = 500

func defaultEnsemble() Ensemble {
	return Ensemble{
		ConnectTimeoutMs: 5000, ReadTimeoutMs: -1, BindRetries: 3,
		MinNotificationMs: 200, MaxNotificationMs: 60_000, LeaderNoDelay: true, FollowerNoDelay: true, ConnectRetryMs: 100,
		PeerType: participant, LeaderServes: true, MaxSnapSyncs: 10, MaxDiffSyncs: 100,
		CommitLogCount: minCommitLog, SnapshotSizeFactor: 0.33,
		Security:          defaultSecurity(),
		StandaloneEnabled: true,
	}
}

// Distributed reports that the configuration is of an ensemble: more than one voter, or any with
// standaloneEnabled=false (QuorumPeerConfig.isDistributed).
func (c *Config) Distributed() bool {
	voters := c.Ensemble.voters()
	return voters > 1 || (voters == 1 && !c.Ensemble.StandaloneEnabled)
}

func (e *Ensemble) voters() (n int) {
	for _, m := range e.Servers.Members {
		if !m.Observer {
			n++
		}
	}
	return n
}

// OutstandingLimit is what a server's clients may have under way together: globalOutstandingLimit, of which in an
// ensemble each voter has its share (LeaderZooKeeperServer, FollowerZooKeeperServer).
func (c *Config) OutstandingLimit() int {
	self, _ := c.Self()
	if voters := c.Ensemble.voters(); c.Distributed() && !self.Observer && voters > 2 {
		return max(1, c.GlobalOutstandingLimit/(voters-1))
	}
	return c.GlobalOutstandingLimit
}

// Self is the server line of MyID; ok is false without one.
func (c *Config) Self() (m quorum.Member, ok bool) { return c.Ensemble.Servers.Member(c.MyID) }

// source is where a server line stands; a configuration made in Go has its value alone.
func (e *Ensemble) source(sid int64) source {
	if s, ok := e.lines[sid]; ok {
		return s
	}
	m, _ := e.Servers.Member(sid)
	return source{key: fmt.Sprintf("server.%d", sid), value: m.String()}
}

// Listen are the addresses of the two ports this server has in its ensemble, host:port each, one for every address of
// its line; with quorumListenOnAllIPs the host is empty. None without a server line of its own.
func (c *Config) Listen() (quorumPort, electionPort []string) {
	self, _ := c.Self()
	return c.ListenAs(self)
}

// ListenAs is Listen for another server line of this server.
func (c *Config) ListenAs(self quorum.Member) (quorumPort, electionPort []string) {
	for _, a := range self.Addresses {
		host := a.Host
		if c.Ensemble.ListenOnAllIPs {
			host = ""
		}
		quorumPort = append(quorumPort, net.JoinHostPort(host, strconv.Itoa(a.QuorumPort)))
		electionPort = append(electionPort, net.JoinHostPort(host, strconv.Itoa(a.ElectionPort)))
	}
	return quorumPort, electionPort
}

// PortTaken explains why a port of the configuration could not be bound: which line it is of, and the mend. quorumPort
// tells the two ports of the ensemble, whose exit code is another, from the client port.
func (c *Config) PortTaken(port int, cause error) (quorumPort bool, err error) {
	self, _ := c.Self()
	at := c.Ensemble.source(c.MyID)
	for _, a := range self.Addresses {
		name := "quorum"
		switch port {
		case a.ElectionPort:
			name = "election"
		case a.QuorumPort:
		default:
			continue
		}
		return true, at.refuse(fmt.Sprintf("the %s port %d cannot be bound: %v", name, port, cause),
			"end what listens there, or change the port in this line on every server")
	}
	if s := &c.SecureClients; port != c.ClientPort && port == s.Port {
		return false, fmt.Errorf("%w; the address is secureClientPort=%d with secureClientPortAddress=%s of %s: free it or change them", cause, s.Port, s.Address, c.File)
	}
	return false, fmt.Errorf("%w; the address is clientPort=%d with clientPortAddress=%s of %s: free it or change them", cause, c.ClientPort, c.ClientPortAddress, c.File)
}
