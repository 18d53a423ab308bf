package chaos

import (
	"time"

	"zookit/protocol"
)

// watches follows the one-shot watches of each connection: an event comes
// before any reply that shows its change, once, of the kind of the first change
// since the watch was set, and in the order of the changes.
func (c *checker) watches() {
	for _, l := range c.h.Conns {
		w := watching{c: c, l: l, armed: map[Watch]protocol.Zxid{}, again: map[Watch]bool{}, came: map[Watch]time.Duration{}}
		for _, watch := range l.Rearmed {
			w.again[watch] = true
		}
		for i := range l.Packets {
			if !w.packet(&l.Packets[i]) {
				break
			}
		}
	}
}

// watching is one connection.
type watching struct {
	c     *checker
	l     *Conn
	armed map[Watch]protocol.Zxid // by the zxid from which on changes count
	again map[Watch]bool          // in a setWatches that is not answered yet: their events may come at any time
	last  protocol.Zxid           // of the last event
	came  map[Watch]time.Duration // when events came
}

func (w *watching) packet(p *Packet) bool {
	if p.Op == nil {
		return w.event(p)
	}
	o := p.Op
	if o.Type == protocol.OpSetWatches2 && o.Code != protocol.OK {
		w.c.fail(violation("W4 watches can be set again", "%v", o))
		return false
	}
	if o.Type == protocol.OpSetWatches2 {
		for watch := range w.again {
			w.armed[watch] = w.l.Relative
			// Whether the znode was there meanwhile and is gone again is not asked.
			if s, _ := w.c.line.at(watch.Path, o.Zxid); watch.Kind == WatchExist && (!s.Exists || w.l.Apache) {
				w.armed[watch] = o.Zxid
			}
		}
		w.again = nil
	}
	for watch, from := range w.armed {
		if change, ok := w.c.line.next(watch, from); ok && change.Zxid <= o.Zxid {
			w.c.failAt(w.l, violation("W1 events precede what shows the change", "the watch %+v counts from %v, %v changed it at %v, and no event came before: %v", watch, from, change.Type, change.Zxid, o).at(watch.Path))
			return false
		}
	}
	if watch, ok := sets(o); ok {
		at, early := w.came[watch]
		early = early && w.l.Apache && at >= o.Sent // its event overtook this reply
		if _, had := w.armed[watch]; !had && !w.again[watch] && !early {
			w.armed[watch] = o.Zxid
		}
	}
	return true
}

// sets is the watch that an answered read has set.
func sets(o *Op) (Watch, bool) {
	r, ok := o.Request.(*protocol.PathWatchRequest)
	if !ok || !r.Watch {
		return Watch{}, false
	}
	switch {
	case o.Type == protocol.OpGetChildren2 && o.Code == protocol.OK:
		return Watch{WatchChildren, r.Path}, true
	case o.Type == protocol.OpExists && o.Code == protocol.NoNode:
		return Watch{WatchData, r.Path}, true // servers keep both in one table
	case o.Type != protocol.OpGetChildren2 && o.Code == protocol.OK:
		return Watch{WatchData, r.Path}, true
	}
	return Watch{}, false
}

func (w *watching) event(p *Packet) bool {
	e := p.Event
	expected, first := false, protocol.Zxid(0)
	for _, k := range []WatchKind{WatchData, WatchExist, WatchChildren} {
		watch := Watch{k, e.Path}
		if !k.asksFor(e.Type) {
			continue
		}
		if w.again[watch] {
			// It tells of the state of the znode, not of the first change.
			w.came[watch] = p.At
			delete(w.again, watch)
			delete(w.armed, watch)
			return true
		}
		w.came[watch] = p.At
		from, ok := w.armed[watch]
		if !ok {
			continue
		}
		if change, ok := w.c.line.next(watch, from); ok && change.Type == e.Type {
			expected, first = true, change.Zxid
		}
		delete(w.armed, watch)
	}
	if w.l.Apache {
		return true // its event may overtake the reply of the read that set the watch
	}
	switch {
	case !expected:
		w.c.fail(violation("W3 events are asked for, and come once", "client %d, server %d, session %v: %v %s at %s", w.l.Client, w.l.Server, w.l.Session, e.Type, e.Path, clock(p.At)).at(e.Path))
		return false
	case first < w.last:
		w.c.fail(violation("W2 events come in order", "client %d, server %d, session %v: %v %s of %v comes after an event of %v", w.l.Client, w.l.Server, w.l.Session, e.Type, e.Path, first, w.last).at(e.Path))
		return false
	}
	w.last = first
	return true
}
