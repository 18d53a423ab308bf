package sim

import (
	"slices"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// Limits of the parts of a run after the faults, µs.
const (
	settleTime = 60 * second // a session, a write and a sync for everybody
	calmTime   = 12 * second // and then: abandoned sessions end
	auditTime  = 60 * second
)

// settle ends the faults and waits for progress: first, in some seeds, with one
// voter standing still, then of everybody.
func (w *world) settle() {
	if w.broken != nil {
		return
	}
	w.tracef("* faults stop")
	for _, p := range w.processes {
		p.pausedUntil, p.slowDisk, p.fullUntil, p.cutNext, p.failNext = w.now, 0, 0, 0, 0
		if p.disk != nil {
			p.disk.cutIn, p.disk.failIn = 0, 0
			if !p.disk.lied() {
				p.disk.lie = nil
			}
		}
		p.resume()
	}
	if w.ensemble != nil {
		w.ensemble.heal()
	}
	w.blackout.end(w)
	for _, c := range w.clients {
		c.silent = min(c.silent, w.now)
		for _, r := range c.route {
			*r = route{}
		}
		c.settle()
	}
	if hung := w.plan.Options.Hung; hung > 0 && w.votersBeside(hung) {
		w.tracef("* s%d stands still", hung)
		p := w.processes[hung-1]
		p.pause(settleTime)
		w.settled("V3 a hung minority stalls nobody", w.answered)
		p.pausedUntil = w.now
		p.resume()
	}
	w.settled("V2 every request is answered", w.answered)
	if w.ensemble != nil {
		w.settled("V1 a leader comes", w.ensemble.led)
		w.settled("V4 everybody comes back", w.ensemble.whole)
	}
	w.history.calm = w.history.high
	w.runUntil(w.now+calmTime, never)
	for _, p := range w.processes {
		if w.broken == nil && p.up && p.rep.State().Outstanding() != 0 {
			w.violated("V2 every request is answered", "%v: %d requests are under way, and nobody asks", p, p.rep.State().Outstanding())
		}
	}
}

// settled waits until done.
func (w *world) settled(invariant string, done func() bool) {
	w.runUntil(w.now+settleTime-second, done)
	if w.broken != nil || done() {
		return
	}
	state := ""
	for _, c := range w.clients {
		if !c.wrote || !c.synced {
			state += c.String() + " waits; "
		}
	}
	if w.ensemble != nil {
		state += w.ensemble.state()
	}
	w.violated(invariant, "%d s after the faults stopped: %s", settleTime/second, state)
}

// answered tells that every client has had a write and a sync answered.
func (w *world) answered() bool {
	return !slices.ContainsFunc(w.clients, func(c *client) bool { return !c.wrote || !c.synced })
}

// settle asks until it is answered.
func (c *client) settle() {
	if c.wrote && c.synced {
		return
	}
	if c.connected && len(c.waiting) == 0 {
		c.request(protocol.OpCreate, &protocol.CreateRequest{Path: "/settled-", ACL: protocol.OpenACL, Flags: protocol.FlagSequential})
		c.request(protocol.OpSync, &protocol.PathRequest{Path: "/"})
	}
	c.w.after(300*millisecond, c.settle)
}

// led tells that one server leads and serves.
func (e *ensemble) led() bool {
	for _, p := range e.w.processes {
		if p.up && p.serving && p.seat.role.State == quorum.Leading {
			return true
		}
	}
	return false
}
