package server

import (
	"sync"
	"sync/atomic"
	"time"

	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/admin"
	"zookit/server/zab"
)

// tally counts what a leader tells of its term. The pipeline writes it, the
// words read it.
type tally struct {
	voting       func(sid int64) bool
	pendingSyncs atomic.Int64 // of learners' clients

	mu       sync.Mutex
	learners map[zab.Conn]*learnerTally
	// Bytes of proposals: the last, smallest and largest since the start; −1: none.
	last, least, most int
}

type learnerTally struct {
	observer, voting, synced bool
}

func newTally(voting func(int64) bool) *tally {
	return &tally{voting: voting, learners: map[zab.Conn]*learnerTally{}, last: -1, least: -1, most: -1}
}

// reset forgets the learners of a term that has ended.
func (c *tally) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.learners)
	c.pendingSyncs.Store(0)
}

// heard notes what came from a learner.
func (c *tally) heard(ev zab.Event) {
	switch ev := ev.(type) {
	case zab.Disconnected:
		c.mu.Lock()
		delete(c.learners, ev.Conn)
		c.mu.Unlock()
	case zab.Received:
		if t := ev.Packet.Type; t != quorum.FollowerInfo && t != quorum.ObserverInfo {
			return
		}
		var info quorum.LearnerInfo
		if info.Decode(jute.NewDecoder(ev.Packet.Data)) != nil {
			return
		}
		c.mu.Lock()
		c.learners[ev.Conn] = &learnerTally{observer: ev.Packet.Type == quorum.ObserverInfo, voting: c.voting(info.ServerID)}
		c.mu.Unlock()
	}
}

// said notes what goes to a learner.
func (c *tally) said(m *zab.Message) {
	if m.Packet.Type != quorum.UpToDate {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.learners[m.To]; l != nil {
		l.synced = true
	}
}

// proposed notes the txns of a batch.
func (c *tally) proposed(batch []zab.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range batch {
		n := len(batch[i].Payload)
		if c.last = n; c.least < 0 || n < c.least {
			c.least = n
		}
		c.most = max(c.most, n)
	}
}

// observers counts the observers that are served.
func (c *tally) observers() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.learners {
		if x.observer && x.synced {
			n++
		}
	}
	return n
}

// report fills in what a leader tells.
func (c *tally) report(a *admin.Ensemble, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &admin.Leader{Since: since, LastProposal: c.last, MinProposal: c.least, MaxProposal: c.most, Learners: len(c.learners), PendingSyncs: int(c.pendingSyncs.Load())}
	for _, x := range c.learners {
		switch {
		case !x.synced:
		case x.observer:
			a.SyncedObservers++
		default:
			l.SyncedFollowers++
			if !x.voting {
				l.SyncedNonVoting++
			}
		}
	}
	a.Leader = l
}
