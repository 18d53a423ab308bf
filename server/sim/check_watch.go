package sim

import (
	"slices"

	"zookit/protocol"
)

// armed are the watches of a connection on one path.
type armed struct{ data, child, persistent, recursive bool }

// follower follows a connection, packet by packet. The watches that are armed on
// it say which events the txns must bring; an event that is due is there before
// any reply with its zxid or a later one, and no other event is.
type follower struct {
	j        *judge
	l        *connLog
	at       protocol.Zxid // the txns up to here have been looked at
	begun    bool
	armed    map[string]armed
	due      []change // with the zxid dueAt
	dueAt    []protocol.Zxid
	replayed []change // events of setWatches, before its reply
}

func (f *follower) packet(p packetSeen) *Violation {
	switch {
	case p.event != nil && p.zxid == -1:
		f.replayed = append(f.replayed, change{p.event.Type, p.event.Path})
		return nil
	case p.event != nil:
		return f.event(p)
	}
	return f.reply(p)
}

// advance looks at the txns up to z. Before the first packet nothing is armed.
func (f *follower) advance(z protocol.Zxid) {
	if !f.begun {
		f.begun, f.at = true, z
		return
	}
	for i := f.j.w.ledger.upTo(f.at); i < len(f.j.txns) && f.j.txns[i].Zxid <= z; i++ {
		for _, ch := range f.j.changes[i] {
			if f.fires(ch) {
				f.due = append(f.due, ch)
				f.dueAt = append(f.dueAt, f.j.txns[i].Zxid)
			}
		}
	}
	f.at = max(f.at, z)
}

// fires tells whether a change is told to this connection, and takes the
// one-shot watches that it consumes.
func (f *follower) fires(ch change) bool {
	a := f.armed[ch.path]
	fired := false
	if ch.kind != protocol.EventNodeChildrenChanged {
		fired = a.data || a.persistent || a.recursive
		a.data = false
		for path, w := range f.armed {
			fired = fired || w.recursive && above(path, ch.path)
		}
	}
	if ch.kind == protocol.EventNodeChildrenChanged || ch.kind == protocol.EventNodeDeleted {
		fired = fired || a.child || a.persistent
		a.child = false
	}
	f.set(ch.path, a)
	return fired
}

func (f *follower) set(path string, a armed) {
	if a == (armed{}) {
		delete(f.armed, path)
	} else {
		f.armed[path] = a
	}
}

// event must be the next that is due.
func (f *follower) event(p packetSeen) *Violation {
	f.advance(p.zxid)
	got := change{p.event.Type, p.event.Path}
	if len(f.due) == 0 {
		return violation("W3 watches fire once", "c%d, session %v: event %v %s of %v, which nothing armed on the connection asks for",
			f.l.Client, f.l.Session, got.kind, got.path, p.zxid)
	}
	if f.due[0] != got || f.dueAt[0] != p.zxid {
		name := "W2 events come in zxid order"
		if f.dueAt[0] == p.zxid && (f.due[0].path == got.path || f.due[0].kind == got.kind) {
			name = "W5 events name what happened"
		}
		return violation(name, "c%d, session %v: event %v %s of %v where %v %s of %v is due",
			f.l.Client, f.l.Session, got.kind, got.path, p.zxid, f.due[0].kind, f.due[0].path, f.dueAt[0])
	}
	f.due, f.dueAt = f.due[1:], f.dueAt[1:]
	return nil
}

// reply comes behind all events up to its zxid; then its own watch is armed.
func (f *follower) reply(p packetSeen) *Violation {
	f.advance(p.zxid)
	if len(f.due) > 0 {
		what := "a ping's reply"
		if p.op.Xid != protocol.XidPing {
			what = p.op.String()
		}
		return violation("W1 events precede the reply", "c%d, session %v: %s came at %v without the event %v %s of %v",
			f.l.Client, f.l.Session, what, p.zxid, f.due[0].kind, f.due[0].path, f.dueAt[0])
	}
	replayed := f.replayed
	f.replayed = nil
	switch r := p.op.Request.(type) {
	case *protocol.SetWatches2Request:
		if p.op.Code == protocol.OK {
			return f.again(p.op, r, replayed)
		}
	case *protocol.AddWatchRequest:
		if p.op.Code == protocol.OK {
			a := f.armed[r.Path]
			a.persistent = a.persistent || r.Mode == protocol.AddWatchPersistent
			a.recursive = a.recursive || r.Mode == protocol.AddWatchPersistentRecursive
			f.set(r.Path, a)
		}
	case *protocol.PathWatchRequest:
		if r.Watch {
			f.arm(p.op, r.Path)
		}
	}
	if len(replayed) > 0 {
		return violation("W3 watches fire once", "c%d, session %v: events %v without a zxid before the reply to %v", f.l.Client, f.l.Session, replayed, p.op)
	}
	return nil
}

func (f *follower) arm(o *Op, path string) {
	a := f.armed[path]
	switch {
	case o.Type == protocol.OpExists && (o.Code == protocol.OK || o.Code == protocol.NoNode):
		a.data = true
	case o.Code != protocol.OK:
	case o.Type == protocol.OpGetChildren2:
		a.child = true
	default:
		a.data = true
	}
	f.set(path, a)
}

// again follows a setWatches: what has changed since is told before the reply,
// the rest is armed (the table in package watch).
func (f *follower) again(o *Op, r *protocol.SetWatches2Request, told []change) *Violation {
	var want []change
	for _, path := range r.Data {
		switch s := f.j.m.zxids(path, o.Zxid); {
		case !s.exists:
			want = append(want, change{protocol.EventNodeDeleted, path})
		case s.mzxid > r.RelativeZxid:
			want = append(want, change{protocol.EventNodeDataChanged, path})
		default:
			a := f.armed[path]
			a.data = true
			f.set(path, a)
		}
	}
	for _, path := range r.Exist {
		if f.j.m.zxids(path, o.Zxid).exists {
			want = append(want, change{protocol.EventNodeCreated, path})
		} else {
			a := f.armed[path]
			a.data = true
			f.set(path, a)
		}
	}
	for _, path := range r.Child {
		switch s := f.j.m.zxids(path, o.Zxid); {
		case !s.exists:
			want = append(want, change{protocol.EventNodeDeleted, path})
		case s.pzxid > r.RelativeZxid:
			want = append(want, change{protocol.EventNodeChildrenChanged, path})
		default:
			a := f.armed[path]
			a.child = true
			f.set(path, a)
		}
	}
	for _, path := range r.Persistent {
		a := f.armed[path]
		a.persistent = true
		f.set(path, a)
	}
	for _, path := range r.PersistentRecursive {
		a := f.armed[path]
		a.recursive = true
		f.set(path, a)
	}
	if !slices.Equal(told, want) {
		return violation("W4 no wake-up is lost", "c%d, session %v: %v told %v, and should tell %v", f.l.Client, f.l.Session, o, told, want)
	}
	return nil
}
