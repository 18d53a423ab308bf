// Package replica is the composite core of a server: prep, the order of log and
// commit, tree, watches and sessions, joined into one state machine that holds
// no goroutine, socket, file or clock. Package server drives it with real ones,
// the simulator with its own.
//
// One goroutine owns a Replica. It hands in what happened (Propose, Reopen,
// Persisted, Tick) and after each asks Ready what to write:
//
//	Propose(q)            takes the next zxid, makes the txn, queues it
//	Ready().Append        one batch: append all of it, sync once
//	Persisted(zxid)       commits the batch in zxid order
//
// A txn becomes visible, and its request is answered, only when it is on disk.
// The commit holds the state's lock while it applies the txns, puts the watch
// events on the queues of the connections and completes the requests, in that
// order for each txn; so an event precedes the reply that shows its change, on
// every connection.
//
// Readers are other goroutines. They use State, which shares that lock.
//
// With Config.Ensemble the replica is a member of an ensemble: it owns the
// election and, by its role, a leader's or a learner's side of zab, and
// Ready().Peers says what to send and to write. A txn is then committed when
// zab says so, by the same code; a learner sends what its clients ask for to
// the leader, and answers at its own commit (ensemble.go and beside it).
//
// An error is final: a failed sync (Failed) or a broken invariant. Err is then
// set, nothing is completed after it, and the driver closes every connection.
//
// Facts come from ZooKeeperServer, PrepRequestProcessor, SyncRequestProcessor,
// FinalRequestProcessor and ContainerManager of Apache ZooKeeper 3.9.5, checked
// against a running 3.8.0.
package replica

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"zookit/protocol"
	"zookit/server/acl"
	"zookit/server/prep"
	"zookit/server/session"
	"zookit/server/storage"
	"zookit/server/tree"
)

// ErrInvariant marks the error of a replica that found itself in a state that
// cannot be: a bug. Its message holds that state.
var ErrInvariant = errors.New("broken invariant")

// Now is one reading of the two clocks.
type Now struct {
	MonoMs int64 // a steady clock with any origin ≥ 0: sessions, deadlines
	WallMs int64 // Unix ms: the times in txns, TTLs
}

// Config is the replica's part of the server's configuration. Zero values of
// the limits mean the defaults named here.
type Config struct {
	ServerID            int64 // top byte of session ids: myid, 1 when standalone
	TickMs              int32 // tickTime
	MinSessionTimeoutMs int32 // default 2 ticks
	MaxSessionTimeoutMs int32 // default 20 ticks

	Tree tree.Options
	ACL  *acl.Rules // nil: the default rules

	EnforceQuota    bool // zookeeper.enforceQuota
	ReconfigEnabled bool // reconfigEnabled
	CloseSessionTxn bool // zookeeper.closeSessionTxn.enabled

	MaxTxnBytes int // jute.maxbuffer + jute.maxbuffer.extrasize: the longest txn; 0 is no bound

	SnapCount  int   // zookeeper.snapCount, txns; default 100000
	SnapSizeKB int64 // zookeeper.snapSizeLimitInKb; default 4194304, ≤ 0 none

	ContainerCheckMs        int64 // znode.container.checkIntervalMs; default 60000
	ContainerMaxPerMinute   int64 // znode.container.maxPerMinute; default 10000
	ContainerMaxNeverUsedMs int64 // znode.container.maxNeverUsedIntervalMs; 0 keeps unused containers

	GlobalOutstandingLimit int // zookeeper.globalOutstandingLimit; default 1000

	// A batch is what one sync covers: no more than both, unless one record
	// alone is larger. Neither can be raised above what storage takes.
	MaxBatchRecords int // zookeeper.maxBatchSize; default 1000
	MaxBatchBytes   int // default storage.MaxBatchBytes

	// MaxPendingBytes bounds the requests that wait for their commit, by the
	// size of their bodies; see Accepting. Default 256 MiB.
	MaxPendingBytes int

	Seed uint64 // spreads the snapshots of the members of an ensemble

	Ensemble *Ensemble // nil: standalone
}

func (c *Config) setDefaults() {
	orInt := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	orLong := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	if c.TickMs <= 0 {
		c.TickMs = 3000
	}
	if c.MinSessionTimeoutMs <= 0 {
		c.MinSessionTimeoutMs = 2 * c.TickMs
	}
	if c.MaxSessionTimeoutMs <= 0 {
		c.MaxSessionTimeoutMs = 20 * c.TickMs
	}
	orInt(&c.SnapCount, 100_000)
	c.SnapCount = max(c.SnapCount, 2)
	if c.SnapSizeKB == 0 {
		c.SnapSizeKB = 4_194_304
	}
	orLong(&c.ContainerCheckMs, 60_000)
	orLong(&c.ContainerMaxPerMinute, 10_000)
	orInt(&c.GlobalOutstandingLimit, 1000)
	orInt(&c.MaxBatchRecords, 1000)
	orInt(&c.MaxBatchBytes, storage.MaxBatchBytes)
	c.MaxBatchRecords = min(c.MaxBatchRecords, storage.MaxBatchRecords)
	c.MaxBatchBytes = min(c.MaxBatchBytes, storage.MaxBatchBytes)
	orInt(&c.MaxPendingBytes, 256<<20)
	if c.ACL == nil {
		c.ACL = acl.Default()
	}
}

// Replica is the core. Its methods belong to one goroutine.
type Replica struct {
	cfg   Config
	state *State
	prep  *prep.Prep
	rng   *rand.Rand
	err   error

	sessions *session.Tracker
	local    *session.Tracker // the sessions that this server alone knows; nil: there are none
	owners   map[protocol.SessionID]Owner

	// queue holds what is proposed and not committed, in order: txns and syncs.
	// The first sent txns of it are in the batch that is out, if any.
	queue    fifo
	batch    batch
	pendingB int // bytes of the requests in queue, and what their txns add

	result     tree.Result // reused by every commit
	reply      Reply
	containers containerCheck
	snapshots  snapshotTrigger
	notes      []Note
	started    bool

	ens *ensemble // nil: standalone
}

// New returns a replica with an empty tree. Fill Sink from the storage, then
// Start.
func New(cfg Config) (*Replica, error) {
	cfg.setDefaults()
	if cfg.MinSessionTimeoutMs > cfg.MaxSessionTimeoutMs {
		return nil, fmt.Errorf("minSessionTimeout %d is larger than maxSessionTimeout %d: raise maxSessionTimeout or lower minSessionTimeout",
			cfg.MinSessionTimeoutMs, cfg.MaxSessionTimeoutMs)
	}
	if cfg.Tree.Extended && cfg.ServerID > protocol.MaxServerID {
		return nil, fmt.Errorf("server id %d is larger than %d: with extendedTypesEnabled the top byte 0xff of a session id marks TTL znodes",
			cfg.ServerID, protocol.MaxServerID)
	}
	r := &Replica{
		cfg:    cfg,
		rng:    rand.New(rand.NewPCG(cfg.Seed, 0x7a6b)),
		owners: make(map[protocol.SessionID]Owner),
	}
	r.state = newState(&r.cfg)
	if cfg.Ensemble != nil {
		ens, err := newEnsemble(cfg.Ensemble)
		if err != nil {
			return nil, err
		}
		ens.changes = newChanges(&cfg)
		r.ens = ens
	}
	return r, nil
}

// Start begins to serve what the sink has received: ephemerals of sessions that
// are not there are removed, as Apache does when it loads its data, and the
// sessions that are there get their whole timeout from now. A member of an
// ensemble begins to look for a leader.
func (r *Replica) Start(now Now) error {
	if r.started {
		return errors.New("replica: started twice")
	}
	r.started = true
	r.snapshots.reset(&r.cfg, r.rng)
	if r.ens != nil {
		r.startEnsemble(now)
		return r.err
	}
	t := r.state.tree
	r.state.mu.Lock()
	r.removeOrphans()
	r.sessions = session.NewTracker(r.cfg.TickMs, session.FirstID(r.cfg.ServerID, now.WallMs))
	for _, id := range t.Sessions() {
		timeoutMs, _ := t.SessionTimeout(id)
		r.sessions.Track(id, timeoutMs, now.MonoMs)
	}
	r.state.publish(r.sessions.Len())
	r.state.mu.Unlock()

	r.prep = r.newPrep()
	r.containers.next = now.MonoMs + r.cfg.ContainerCheckMs
	return r.err
}

// newPrep returns a prep that goes on from the tree as it is.
func (r *Replica) newPrep() *prep.Prep {
	var reconfig func(*protocol.ReconfigRequest, protocol.Zxid) ([]byte, protocol.Code)
	if r.ens != nil && r.ens.view != nil {
		reconfig = r.reconfigure
	}
	return prep.New(prep.Config{
		Extended:        r.cfg.Tree.Extended,
		Digest:          r.cfg.Tree.Digest,
		EnforceQuota:    r.cfg.EnforceQuota,
		ReconfigEnabled: r.cfg.ReconfigEnabled, Reconfig: reconfig,
		CloseSessionTxn: r.cfg.CloseSessionTxn,
		MaxTxnBytes:     r.cfg.MaxTxnBytes,
	}, r.state.tree, r.cfg.ACL)
}

// State is what readers use.
func (r *Replica) State() *State { return r.state }

// Err is why the replica stopped, or nil.
func (r *Replica) Err() error { return r.err }

// Failed stops the replica: the log could not be written or synced.
func (r *Replica) Failed(err error) {
	if r.err == nil {
		r.err = err
	}
}

// broken stops the replica on a broken invariant.
func (r *Replica) broken(format string, args ...any) {
	r.Failed(fmt.Errorf("%w: %s", ErrInvariant, fmt.Sprintf(format, args...)))
}

// Deadline is the reading of the steady clock at which Tick is due;
// math.MaxInt64 when there is nothing to wait for.
func (r *Replica) Deadline() int64 {
	if r.err != nil || !r.started {
		return math.MaxInt64
	}
	if r.ens != nil {
		return r.ensembleDeadline()
	}
	return min(r.sessions.Deadline(), r.containers.deadline())
}

// Tick does what time brings: sessions expire, containers and TTL znodes go;
// in an ensemble, elections and roles end.
func (r *Replica) Tick(now Now) {
	if r.err != nil || !r.started {
		return
	}
	if r.ens != nil && !r.tickEnsemble(now) {
		return
	}
	r.expireSessions(now)
	r.checkContainers(now)
}

// Note is something the driver should log. Text is a constant phrase.
type Note struct {
	Text    string
	Session protocol.SessionID // 0: none
	Path    string             // "": none
	Ms      int64              // a duration, where the text speaks of one
}

func (r *Replica) note(n Note) {
	const keep = 1000 // a driver that does not collect them must not pay for it
	if len(r.notes) < keep {
		r.notes = append(r.notes, n)
	}
}
