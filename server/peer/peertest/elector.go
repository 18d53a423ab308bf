// Package peertest drives an election without the rest of a server, for tests
// of elections over real connections.
package peertest

import (
	"log/slog"
	"math"
	"sync"
	"time"

	"zookit/server/election"
	"zookit/server/peer"
)

// An Elector drives one election core with Connections: one goroutine owns the
// core, and sleeps until a message comes or the core's deadline.
type Elector struct {
	core        *election.Election
	connections *peer.Connections
	log         *slog.Logger
	began       time.Time
	asked       chan election.Event
	decisions   chan election.Decision
	stop        chan struct{}
	once        sync.Once
	done        sync.WaitGroup
}

// NewElector starts to drive core. Close does not close the connections.
func NewElector(core *election.Election, c *peer.Connections, log *slog.Logger) *Elector {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Elector{core: core, connections: c, log: log, began: time.Now(), asked: make(chan election.Event),
		decisions: make(chan election.Decision, 1), stop: make(chan struct{})}
	e.done.Go(e.run)
	return e
}

// Tell hands an event to the core: Look, Established, Reconfigured.
func (e *Elector) Tell(ev election.Event) {
	select {
	case e.asked <- ev:
	case <-e.stop:
	}
}

// Decisions has the latest decision that nobody has taken yet.
func (e *Elector) Decisions() <-chan election.Decision { return e.decisions }

// Close ends the goroutine and waits for it.
func (e *Elector) Close() {
	e.once.Do(func() { close(e.stop) })
	e.done.Wait()
}

func (e *Elector) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var ev election.Event
		select {
		case ev = <-e.asked:
			if _, look := ev.(election.Look); look {
				e.take() // of the election before
			}
		case ev = <-e.connections.Events():
		case <-timer.C:
		case <-e.stop:
			return
		}
		now := time.Since(e.began).Milliseconds()
		e.core.Step(now, ev)
		e.carryOut(e.core.Ready())
		timer.Stop()
		if at := e.core.Deadline(); at != math.MaxInt64 {
			timer.Reset(time.Duration(max(at-now, 0)) * time.Millisecond)
		}
	}
}

// take empties the channel of decisions.
func (e *Elector) take() {
	select {
	case <-e.decisions:
	default:
	}
}

func (e *Elector) carryOut(r election.Ready) {
	for i := range r.Notes {
		peer.LogNote(e.log, &r.Notes[i])
	}
	for _, m := range r.Messages {
		e.connections.Send(m)
	}
	if r.Decision != nil {
		e.take()
		e.decisions <- *r.Decision
	}
}
