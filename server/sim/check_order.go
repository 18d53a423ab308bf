package sim

import (
	"cmp"
	"slices"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// order compares real time with zxids.
func (c *checker) order() *Violation {
	type point struct {
		at   int64
		done bool
		o    *Op
	}
	var points []point
	for _, o := range c.h.ops {
		if o.Answered {
			points = append(points, point{o.Sent, false, o}, point{o.Done, true, o})
		}
	}
	// At one instant, what is sent comes before what is answered: it did not
	// follow it.
	slices.SortStableFunc(points, func(a, b point) int {
		if d := cmp.Compare(a.at, b.at); d != 0 {
			return d
		}
		return cmp.Compare(b2i(a.done), b2i(b.done))
	})
	var newest *Op // the write answered so far with the highest zxid
	floor := map[*Op]*Op{}
	for _, p := range points {
		write := isWrite(p.o.Type)
		switch {
		case !p.done:
			floor[p.o] = newest
		case write && (newest == nil || p.o.Zxid > newest.Zxid):
			newest = p.o
		}
		if f := floor[p.o]; p.done && f != nil {
			behind := write && p.o.Zxid <= f.Zxid || p.o.Zxid < f.Zxid
			if behind && (write || c.current(p.o, f)) {
				name := "S1 writes are linearizable"
				if p.o.Type == protocol.OpSync {
					name = "S4 a sync is not behind"
				}
				return violation(name, "%v was answered at %v, though it began after the answer to %v at %v", p.o, p.o.Zxid, f, f.Zxid)
			}
		}
	}
	return nil
}

// current tells whether what o was answered with must not be older than f. With
// one server every read is so; in an ensemble a sync, unless its server was led
// by a leader that had been replaced and could not know.
func (c *checker) current(o, f *Op) bool {
	return len(c.w.processes) == 1 || o.Type == protocol.OpSync && o.Epoch >= f.Zxid.Epoch()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func isWrite(op protocol.OpCode) bool {
	switch op {
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateContainer, protocol.OpDelete, protocol.OpSetData, protocol.OpMulti, protocol.OpCloseSession:
		return true
	}
	return false
}

// sessions looks at the ends of sessions.
func (c *checker) sessions() *Violation {
	for _, e := range c.h.expiry {
		if open := c.m.sessions[e.session]; open {
			return violation("S5 sessions that are gone end", "c%d was told that session %v has expired, and the log has no end of it", e.client, e.session)
		}
	}
	for _, end := range c.expired {
		if v := c.notEarly(end); v != nil {
			return v
		}
	}
	held := map[protocol.SessionID]bool{}
	for _, cl := range c.w.clients {
		held[cl.session] = true
	}
	for _, id := range sortedKeys(c.m.sessions) {
		if c.m.sessions[id] && !held[id] && c.m.made[id] <= c.h.calm {
			return violation("S5 sessions that are gone end", "session %v is open at the end, and no client has it", id)
		}
	}
	return nil
}

// notEarly: an expiry is proposed no earlier than the timeout after whatever the
// client had an answer to by then. A later ping may be answered while the end of
// the session is on its way to the disk.
func (c *checker) notEarly(end *txn.Txn) *Violation {
	at, ok := c.w.timeOf(end)
	if !ok {
		return nil // a jump of the clock makes it ambiguous
	}
	var heard, timeout int64
	for _, l := range c.h.conns {
		if l.Session != end.Session || l.Welcomed == 0 || l.Welcomed > at {
			continue
		}
		if c.w.ensemble != nil && !l.Leading {
			// What a learner has heard reaches the leader by the next PING, if the
			// network lets it.
			return nil
		}
		heard, timeout = max(heard, l.Opened), int64(l.TimeoutMs)*millisecond
		for _, p := range l.packets {
			if p.op != nil && p.at <= at && p.op.Code != protocol.SessionExpired {
				heard = max(heard, p.op.Sent)
			}
		}
	}
	if waited := at + millisecond - heard; waited < timeout {
		return violation("S5 sessions do not expire early", "session %v was ended at %s, %d ms after a request that was answered; its timeout is %d ms",
			end.Session, clockText(at), waited/millisecond, timeout/millisecond)
	}
	return nil
}

// timeOf finds the time at which the server that made a txn read its wall clock.
func (w *world) timeOf(t *txn.Txn) (at int64, ok bool) {
	n, wallMs := 0, t.TimeMs
	for _, p := range w.processes {
		if w.ensemble != nil && w.ensemble.leaders[t.Zxid.Epoch()] != p {
			continue
		}
		for i, s := range p.clocks {
			end := w.now
			if i+1 < len(p.clocks) {
				end = p.clocks[i+1].from
			}
			if t := (wallMs - wallStart - s.offset) * millisecond; s.from-millisecond <= t && t <= end {
				at = t
				n++
			}
		}
	}
	return at, n == 1
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	list := make([]K, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
