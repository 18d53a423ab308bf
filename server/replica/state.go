package replica

import (
	"sync"
	"sync/atomic"

	"zookit/protocol"
	"zookit/server/acl"
	"zookit/server/tree"
	"zookit/server/watch"
)

// State is what reads see: the tree and the watches, under one lock. Its
// methods are for any goroutine.
//
// A commit holds the lock while it applies a batch and queues its events. A
// reader holds it, shared, from its look-up to the end of its reply, so an
// event comes before every reply that shows its change and after the reply that
// set its watch. A connection that runs several reads under one RLock first
// moves the events on its queue to its output.
type State struct {
	// mu guards tree and watches: held for writing by the replica's goroutine
	// while it commits, shared by readers.
	mu   sync.RWMutex
	tree *tree.Tree

	// Readers also change the watches, under the shared lock: they hold watchMu
	// then, and while they list them. Who holds mu for writing needs it not.
	watchMu sync.Mutex
	watches *watch.Tables

	acl *acl.Rules

	zxid        atomic.Int64 // the tree's last zxid, as of the last commit
	outstanding atomic.Int64 // requests proposed and not completed
	sessions    atomic.Int64 // sessions tracked, as of the last commit
	locals      atomic.Int64 // local sessions
	limit       int64        // globalOutstandingLimit
}

func newState(cfg *Config) *State {
	return &State{
		tree:    tree.New(cfg.Tree),
		watches: watch.NewTables(cfg.ACL),
		acl:     cfg.ACL,
		limit:   int64(cfg.GlobalOutstandingLimit),
	}
}

// publish shows the end of a commit to those who do not take the lock.
func (s *State) publish(sessions int) {
	s.zxid.Store(int64(s.tree.LastZxid()))
	s.sessions.Store(int64(sessions))
}

// RLock begins a run of reads, RUnlock ends it.
func (s *State) RLock()   { s.mu.RLock() }
func (s *State) RUnlock() { s.mu.RUnlock() }

// Tree is for a caller that holds RLock.
func (s *State) Tree() *tree.Tree { return s.tree }

// Watches calls f with the watch tables, for the listings of the four-letter
// words. It takes the locks; f must not keep the tables.
func (s *State) Watches(f func(*watch.Tables)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	f(s.watches)
}

// Zxid is the last zxid committed. No lock is needed.
func (s *State) Zxid() protocol.Zxid { return protocol.Zxid(s.zxid.Load()) }

// Outstanding is the number of requests proposed and not completed.
func (s *State) Outstanding() int64 { return s.outstanding.Load() }

// Throttled tells that there are more of them than globalOutstandingLimit: a
// connection that has some under way should read no more for now.
func (s *State) Throttled() bool { return s.outstanding.Load() > s.limit }

// RemoveWatcher forgets the watches of a connection that is gone.
func (s *State) RemoveWatcher(w watch.Watcher) {
	s.Watches(func(t *watch.Tables) { t.RemoveWatcher(w) })
}

// Status is what the four-letter words and the metrics report of the state.
type Status struct {
	LastZxid         protocol.Zxid
	Nodes            int   // znodes as Apache counts them: the root twice
	DataSize         int64 // bytes of paths and data
	Ephemerals       int
	Sessions         int
	LocalSessions    int
	Watches          watch.Counts
	Outstanding      int64
	DigestMismatches int
}

// Status takes the lock for the time of a look.
func (s *State) Status() Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.watchMu.Lock()
	watches := s.watches.Counts()
	s.watchMu.Unlock()
	return Status{
		LastZxid:         s.tree.LastZxid(),
		Nodes:            s.tree.NodeCount(),
		DataSize:         s.tree.DataSize(),
		Ephemerals:       s.tree.EphemeralCount(),
		Sessions:         int(s.sessions.Load()),
		LocalSessions:    int(s.locals.Load()),
		Watches:          watches,
		Outstanding:      s.outstanding.Load(),
		DigestMismatches: s.tree.DigestMismatches(),
	}
}
