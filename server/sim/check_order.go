package sim

import "zookit/protocol"

// realTime compares the order in which things happened with zxids: a write that
// begins after another was answered has a higher one.
type realTime struct {
	newest  *Op // the write answered so far with the highest zxid
	earlier *Op // the same before the instant at which newest was answered
}

// sent: what is sent at the instant of an answer did not follow it.
func (r *realTime) sent(o *Op) {
	o.floor = r.newest
	if r.newest != nil && r.newest.Done == o.Sent {
		o.floor = r.earlier
	}
}

func (r *realTime) answered(w *world, o *Op) *Violation {
	write := isWrite(o.Type)
	if f := o.floor; f != nil {
		behind := write && o.Zxid <= f.Zxid || o.Zxid < f.Zxid
		if behind && (write || w.current(o, f)) {
			name := "S1 writes are linearizable"
			if o.Type == protocol.OpSync {
				name = "S4 a sync is not behind"
			}
			return violation(name, "%v was answered at %v, though it began after the answer to %v at %v", o, o.Zxid, f, f.Zxid)
		}
	}
	if write && (r.newest == nil || o.Zxid > r.newest.Zxid) {
		if r.newest == nil || r.newest.Done < o.Done {
			r.earlier = r.newest
		}
		r.newest = o
	}
	return nil
}

// current tells whether what o was answered with must not be older than f. With
// one server every read is so; in an ensemble a sync, unless its server was led
// by a leader that had been replaced and could not know.
func (w *world) current(o, f *Op) bool {
	return len(w.processes) == 1 || o.Type == protocol.OpSync && o.Epoch >= f.Zxid.Epoch()
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
