package replica

import (
	"cmp"
	"slices"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/session"
	"zookit/server/zab"
)

// forwarded is what a learner has sent to its leader and waits for.
type forwarded struct {
	bySession map[protocol.SessionID][]*inFlight
	syncs     []*inFlight // in the order of the leader's answers
	reopening map[protocol.SessionID][]*reopening
	sent      uint64

	touchedAtMs int64 // when the last table of touched sessions was made
	detached    []protocol.SessionID
}

// inFlight is a request that is with the leader.
type inFlight struct {
	q    *Request
	seq  uint64
	done bool
	// local: the close of a local session, which waits here for its turn alone.
	local bool
	// observer has asked for this sync, not a client here; 0: no observer has.
	observer zab.Conn
}

// reopening is a connection that waits for the leader's word on its session.
type reopening struct {
	session   protocol.SessionID
	timeoutMs int32
	owner     Owner
	done      func(*session.Handle)
	seq       uint64
	observer  zab.Conn // has asked, not a client here; 0: no observer has
}

func (f *forwarded) reset() {
	*f = forwarded{bySession: map[protocol.SessionID][]*inFlight{}, reopening: map[protocol.SessionID][]*reopening{}}
}

func (f *forwarded) add(q *Request) *inFlight {
	f.sent++
	p := &inFlight{q: q, seq: f.sent}
	f.bySession[q.Session] = append(f.bySession[q.Session], p)
	if q.Op == protocol.OpSync {
		f.syncs = append(f.syncs, p)
	}
	return p
}

// match is the request a txn answers: the first of its session with its cxid. A
// session that the leader has expired is closed by a txn of cxid 0, which
// nobody here waits for.
func (f *forwarded) match(t *txn.Txn) *inFlight {
	for _, p := range f.bySession[t.Session] {
		if p.q.Xid == t.Cxid && !p.local && p.q.Op != protocol.OpSync && (t.Type == protocol.OpError || (p.q.Op == protocol.OpCreateSession) == (t.Type == protocol.OpCreateSession)) {
			return p
		}
	}
	return nil
}

func (f *forwarded) head(id protocol.SessionID) *inFlight { return f.bySession[id][0] }

func (f *forwarded) remove(p *inFlight) {
	p.done = true
	list := f.bySession[p.q.Session]
	for i := range list {
		if list[i] == p {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(f.bySession, p.q.Session)
	} else {
		f.bySession[p.q.Session] = list
	}
}

func (f *forwarded) nextSync() *inFlight {
	if len(f.syncs) == 0 {
		return nil
	}
	p := f.syncs[0]
	f.syncs[0] = nil
	f.syncs = f.syncs[1:]
	return p
}

func (f *forwarded) reopen(w *reopening) {
	f.sent++
	w.seq = f.sent
	f.reopening[w.session] = append(f.reopening[w.session], w)
}

func (f *forwarded) nextReopening(id protocol.SessionID) *reopening {
	list := f.reopening[id]
	if len(list) == 0 {
		return nil
	}
	if len(list) == 1 {
		delete(f.reopening, id)
	} else {
		f.reopening[id] = list[1:]
	}
	return list[0]
}

// takeAll empties the requests, in the order in which they were sent.
func (f *forwarded) takeAll() []*inFlight {
	var all []*inFlight
	for _, list := range f.bySession {
		all = append(all, list...)
	}
	f.bySession, f.syncs = map[protocol.SessionID][]*inFlight{}, nil
	slices.SortFunc(all, func(a, b *inFlight) int { return cmp.Compare(a.seq, b.seq) })
	return all
}

func (f *forwarded) takeReopening() []*reopening {
	var all []*reopening
	for _, list := range f.reopening {
		all = append(all, list...)
	}
	f.reopening = map[protocol.SessionID][]*reopening{}
	slices.SortFunc(all, func(a, b *reopening) int { return cmp.Compare(a.seq, b.seq) })
	return all
}
