package sim

import (
	"cmp"
	"slices"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// sessions looks at the ends of sessions when a run is over.
func (j *judge) sessions() *Violation {
	for _, e := range j.w.history.expiry {
		if open := j.m.sessions[e.session]; open {
			return violation("S5 sessions that are gone end", "c%d was told that session %v has expired, and the log has no end of it", e.client, e.session)
		}
	}
	held := map[protocol.SessionID]bool{}
	for _, c := range j.w.clients {
		held[c.session] = true
	}
	for _, id := range sortedKeys(j.m.sessions) {
		if j.m.sessions[id] && !held[id] && j.m.made[id] <= j.w.history.calm {
			return violation("S5 sessions that are gone end", "session %v is open at the end, and no client has it", id)
		}
	}
	return nil
}

// notEarly: an expiry is proposed no earlier than the timeout after whatever the
// client had an answer to by then. A later ping may be answered while the end of
// the session is on its way to the disk.
func (j *judge) notEarly(end *txn.Txn) *Violation {
	at, rate, ok := j.w.timeOf(end)
	if !ok {
		return nil // a jump of the clock makes it ambiguous
	}
	var heard, timeout int64
	for _, l := range j.bySession[end.Session] {
		if l.Welcomed > at {
			continue
		}
		if j.w.ensemble != nil && !l.Leading {
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
	if waited := (at + millisecond - heard) * rate / 1000; waited < timeout-millisecond {
		return violation("S5 sessions do not expire early", "session %v was ended at %s, %d ms of its leader's clock after a request that was answered; its timeout is %d ms",
			end.Session, clockText(at), waited/millisecond, timeout/millisecond)
	}
	return nil
}

// timeOf finds the time at which the server that made a txn read its wall clock,
// and how many ms that goes in a second.
func (w *world) timeOf(t *txn.Txn) (at, rate int64, ok bool) {
	n, wallMs := 0, t.TimeMs
	for _, p := range w.processes {
		if w.ensemble != nil && w.ledger.leaders[t.Zxid.Epoch()] != p {
			continue
		}
		for i, s := range p.clocks {
			end := w.now
			if i+1 < len(p.clocks) {
				end = p.clocks[i+1].from
			}
			if t := (wallMs - wallStart - s.offset) * second / p.rate; s.from-2*millisecond <= t && t <= end {
				at, rate = t, p.rate
				n++
			}
		}
	}
	return at, rate, n == 1
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	list := make([]K, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
