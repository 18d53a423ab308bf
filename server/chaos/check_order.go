package chaos

import (
	"cmp"
	"slices"
	"time"

	"zookit/protocol"
)

// connections: zxids in the replies of a session never go back, wherever it is
// connected, and nothing is shown that is not in the log.
func (c *checker) connections() {
	for _, l := range c.h.Conns {
		seen := l.Relative
		for _, p := range l.Packets {
			if p.Op == nil {
				continue
			}
			z := p.Op.Zxid
			if z < seen && p.Op.Code != protocol.SessionExpired && p.Op.Code != protocol.SessionMoved {
				c.fail(violation("S3 a session never goes back", "it had been shown %v: %v", seen, p.Op).at(p.Op.path()))
				break
			}
			if z > c.line.Last {
				c.fail(violation("D2 what was shown stays", "the log ends at %v: %v", c.line.Last, p.Op).at(p.Op.path()))
				break
			}
			seen = max(seen, z)
		}
	}
}

// realTime: a write that was sent after another was answered has a higher zxid,
// and a sync after it shows it, unless the sync's server was led by a leader
// that had been replaced and could not know.
func (c *checker) realTime() {
	type point struct {
		at   time.Duration
		done bool
		o    *Op
	}
	var points []point
	for _, o := range c.h.Ops {
		write := writes(o.Type) && c.byOp[o] != nil
		if o.Answered && (write || o.Type == protocol.OpSync && o.Code == protocol.OK) {
			points = append(points, point{o.Sent, false, o}, point{o.Done, true, o})
		}
	}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	order := func(o *Op) protocol.Zxid {
		if t := c.byOp[o]; t != nil {
			return t.Zxid
		}
		return o.Zxid
	}
	var newest *Op
	floor := map[*Op]*Op{}
	for _, p := range points {
		z := order(p.o)
		if !p.done {
			floor[p.o] = newest
			continue
		}
		f := floor[p.o]
		delete(floor, p.o)
		if f != nil && p.o.Type == protocol.OpSync && z < order(f) && z.Epoch() >= order(f).Epoch() {
			v := violation("S4 a sync is not behind", "%v; answered before it was sent: %v", p.o, f)
			if p.o.Conn.Apache {
				// A leader of Apache's answers without what it has committed and not
				// applied itself, as happened with 3.8.0.
				c.ref.Notes = append(c.ref.Notes, "Apache: "+v.String())
			} else {
				c.fail(v)
			}
		}
		if p.o.Type == protocol.OpSync {
			continue
		}
		if f != nil && z <= order(f) {
			c.fail(violation("S1 writes are linearizable", "%v; answered before it was sent: %v", p.o, f).at(p.o.path()))
		}
		if newest == nil || z > order(newest) {
			newest = p.o
		}
	}
}

// expired: a session that a client was told is gone has an end in the log.
func (c *checker) expired() {
	open := map[protocol.SessionID]bool{}
	for _, t := range c.ref.Txns {
		switch t.Type {
		case protocol.OpCreateSession:
			open[t.Session] = true
		case protocol.OpCloseSession:
			delete(open, t.Session)
		}
	}
	mixed := slices.ContainsFunc(c.h.Conns, func(l *Conn) bool { return l.Apache })
	for _, id := range c.h.Expired {
		if !open[id] {
			continue
		}
		v := violation("S5 sessions that are gone end", "a client was told that session %v has expired, and the log has no end of it", id)
		if mixed {
			// A leader of Apache's tells so, its followers as well, when it has proposed
			// the end of a session; that may never be committed.
			c.ref.Notes = append(c.ref.Notes, "Apache: "+v.String())
			continue
		}
		c.fail(v)
	}
}
