package replica

import (
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/protocol/txn"
	"zookit/server/defect"
	"zookit/server/session"
	"zookit/server/zab"
)

// forward sends a request of a client here to the leader. It is answered when
// its txn is committed here; a sync, when the leader answers it.
func (r *Replica) forward(now Now, q *Request) {
	e := r.ens
	body := q.Body
	switch {
	case q.Op == protocol.OpCreateSession:
		r.createSession(now, q)
		body = jute.AppendInt(nil, q.TimeoutMs)
	case r.movedHere(q):
		r.state.mu.Lock()
		r.drop(q)
		r.state.mu.Unlock()
		return
	case q.Op == protocol.OpCloseSession:
		if h := r.sessions.Lookup(q.Session); h != nil {
			r.sessions.Close(h)
		}
	}
	if defect.Planted(defect.SyncAnsweredEarly) && q.Op == protocol.OpSync {
		r.state.mu.Lock()
		r.answerSync(q, protocol.OK)
		r.state.mu.Unlock()
		return
	}
	r.state.outstanding.Add(1)
	r.pendingB += len(q.Body)
	e.forwarded.add(q)
	e.learner.Step(now.MonoMs, zab.Forward{
		Request: quorum.ForwardedRequest{Session: q.Session, Cxid: q.Xid, Type: q.Op, Body: body},
		Auth:    q.IDs,
	})
}

// movedHere tells that a session has moved to another connection to this very
// server, which the leader could not tell from the old one. All else it knows
// better.
func (r *Replica) movedHere(q *Request) bool {
	owner := r.owners[q.Session]
	return q.Owner != nil && owner != nil && owner != q.Owner
}

// reopenElsewhere asks the leader for a session that has come here.
func (r *Replica) reopenElsewhere(now Now, id protocol.SessionID, timeoutMs int32, owner Owner, done func(*session.Handle)) {
	e := r.ens
	if !r.Serving() {
		owner.Disconnect(ReasonNotServing)
		return
	}
	e.now = now
	e.forwarded.reopen(&reopening{session: id, timeoutMs: timeoutMs, owner: owner, done: done})
	e.learner.Step(now.MonoMs, zab.Revalidate{Session: id, TimeoutMs: timeoutMs})
}

// detached notes that a session has no connection here any more.
func (e *ensemble) detached(id protocol.SessionID) {
	if e.learner != nil {
		e.forwarded.detached = append(e.forwarded.detached, id)
	}
}

// readableTxn refuses a txn that this server cannot read before it comes into
// the log, where it would stay for ever: Apache's 3.8.0 can be made to write
// such (ZOOKEEPER-2623).
func (r *Replica) readableTxn(ev *zab.Received) bool {
	p := &ev.Packet
	e := r.ens
	if e.learner == nil || p.Type != quorum.Proposal && p.Type != quorum.Inform {
		return true
	}
	t, err := txn.DecodeBorrowed(p.Data)
	if err != nil {
		r.note(Note{Text: fmt.Sprintf("leaving the leader: its txn %v cannot be read: %v", p.Zxid, err)})
		e.out.Close = append(e.out.Close, zab.Closing{Conn: ev.Conn, Why: "a txn that cannot be read"})
		e.learner.Step(e.now.MonoMs, zab.Disconnected{Conn: ev.Conn})
		return false
	}
	if b, ok := t.Body.(*txn.SetData); ok && t.Type == protocol.OpReconfig && e.view != nil && p.Type == quorum.Proposal {
		e.out.Next = nextOf(b.Data)
	}
	return true
}

// commitEntry applies one txn that the ensemble has committed, fires its
// watches, and completes its request if that came from here.
func (r *Replica) commitEntry(entry zab.Entry) {
	s := r.state
	t, err := txn.DecodeBorrowed(entry.Payload)
	if err != nil {
		r.broken("txn %v is committed and cannot be read: %v", entry.Zxid, err)
		return
	}
	if last := s.tree.LastZxid(); t.Zxid <= last {
		r.broken("commit of %v (%v) after %v", t.Zxid, t.Type, last)
		return
	}
	if r.ens.fuzzy {
		t.Digest = nil // the tree is ahead of it
	}
	s.tree.Apply(t, &r.result)
	if r.result.DigestMismatch && r.digestMismatch(t) {
		return
	}
	r.trigger(t.Zxid)
	f := r.ens.forwarded.match(t)
	var asker Owner
	if f != nil {
		asker = f.q.Owner
	}
	if t.Type == protocol.OpCloseSession {
		r.sessionClosed(t.Session, asker)
		delete(r.ens.hosting.at, t.Session)
	}
	if f == nil {
		return
	}
	r.overtaken(f)
	out := outcome{zxid: t.Zxid, err: r.result.Err}
	switch {
	case t.Type == protocol.OpMulti:
		out.err, out.multiErr = protocol.OK, r.result.Err
		out.create2 = create2Ops(f.q)
	case t.Type == protocol.OpError:
		if b, ok := t.Body.(*txn.Error); ok {
			out.err = b.Err
		}
		if f.q.ephemeralErr != protocol.OK {
			out.err = f.q.ephemeralErr
		}
	}
	r.ens.forwarded.remove(f)
	r.completed(f)
	r.answer(f.q, &out)
	r.closeLocalBehind(t.Session)
}

// digestMismatch: this tree and the leader's differ. It is discarded, and this
// member goes into quarantine; it is true then. If they differ again in the same
// epoch, on the leader's own snapshot, the fault is not here: like Apache the
// server goes on, and counts it.
func (r *Replica) digestMismatch(t *txn.Txn) bool {
	e := r.ens
	again := e.mismatched == e.learner.Epoch()
	if again && r.state.tree.DigestMismatches() > 1 {
		return false
	}
	text := fmt.Sprintf("the tree differs from the leader's since %v: its digest is 0x%x, the leader's 0x%x", t.Zxid, r.state.tree.Digest(), t.Digest.Tree)
	if again {
		r.note(Note{Text: text + ", though it began with the leader's snapshot; compare the members' data (zkcli diff), and restart the leader"})
		return false
	}
	r.note(Note{Text: text})
	e.mismatched = e.learner.Epoch()
	r.quarantine(text, t.Zxid)
	e.learner.Step(e.now.MonoMs, zab.Disconnected{})
	return true
}

// create2Ops are the create2 ops of a multi, whose txn does not tell them from
// create: see prep.Txn.
func create2Ops(q *Request) []int {
	var m protocol.MultiRequest
	d := jute.Decoder{Borrow: true}
	d.Reset(q.Body)
	if m.Decode(&d) != nil {
		return nil
	}
	var ops []int
	for i := range m.Ops {
		if m.Ops[i].Type == protocol.OpCreate2 {
			ops = append(ops, i)
		}
	}
	return ops
}

// overtaken ends the requests before f in its session: a sync whose answer is
// on its way behind this commit, and what the leader has passed over, whose
// outcome nobody knows. The state is locked.
func (r *Replica) overtaken(f *inFlight) {
	for head := r.ens.forwarded.head(f.q.Session); head != f; head = r.ens.forwarded.head(f.q.Session) {
		r.ens.forwarded.remove(head)
		r.completed(head)
		if head.q.Op == protocol.OpSync {
			r.answerSync(head.q, protocol.OK)
		} else if head.local {
			r.localClosed(head.q)
		} else {
			r.drop(head.q)
		}
	}
}

// completed gives back what a request has taken up.
func (r *Replica) completed(f *inFlight) {
	r.pendingB -= len(f.q.Body)
	r.state.outstanding.Add(-1)
}

// synced answers the oldest sync. All that was committed before is applied.
func (r *Replica) synced() {
	f := r.ens.forwarded.nextSync()
	if f == nil {
		r.note(Note{Text: "the leader has answered a sync that was not asked for"})
		return
	}
	if f.observer != 0 {
		r.ens.hosting.in = append(r.ens.hosting.in, zab.SyncRequest{Conn: f.observer})
		return
	}
	if f.done {
		return // a commit behind it came with the same packets
	}
	r.state.mu.Lock()
	defer r.state.mu.Unlock()
	r.overtaken(f)
	r.ens.forwarded.remove(f)
	r.completed(f)
	r.answerSync(f.q, protocol.OK)
	r.closeLocalBehind(f.q.Session)
}

// revalidated attaches a session that the leader knows to the connection that
// asked for it, or refuses it.
func (r *Replica) revalidated(reply quorum.RevalidateReply) {
	e := r.ens
	w := e.forwarded.nextReopening(reply.Session)
	if w == nil {
		r.note(Note{Text: "the leader has answered for a session that was not asked for", Session: reply.Session})
		return
	}
	if w.observer != 0 {
		r.revalidatedForObserver(w, reply.Valid)
		return
	}
	if !reply.Valid {
		w.done(nil)
		return
	}
	r.attach(w.session, w.owner)
	delete(e.hosting.at, w.session)
	w.done(r.sessions.Track(w.session, w.timeoutMs, e.now.MonoMs))
}

// pong tells the leader which sessions were heard of since its last PING, and
// forgets those that have no connection any more.
func (r *Replica) pong(zxid protocol.Zxid) {
	e := r.ens
	handles := r.sessions.Touched(e.forwarded.touchedAtMs)
	e.forwarded.touchedAtMs = e.now.MonoMs
	touches := make(quorum.Touches, 0, len(handles))
	for _, h := range handles {
		touches = append(touches, quorum.Touch{Session: h.ID(), TimeoutMs: h.TimeoutMs()})
	}
	touches = e.hosting.takeTouched(touches)
	for _, id := range e.forwarded.detached {
		if r.owners[id] == (departed{}) {
			r.sessions.Remove(id)
			delete(r.owners, id)
		}
	}
	e.forwarded.detached = e.forwarded.detached[:0]
	e.learner.Step(e.now.MonoMs, zab.PingReply{Zxid: zxid, Touches: touches})
}

// compareConfig warns of members that were configured differently.
func (r *Replica) compareConfig(text []byte) {
	e := r.ens
	if string(text) == string(e.ConfigText) {
		return
	}
	theirs, err := quorum.ParseConfig(string(text))
	if err != nil {
		r.note(Note{Text: "the leader's configuration cannot be read: " + err.Error()})
		return
	}
	ours, err := quorum.ParseConfig(string(e.ConfigText))
	if err == nil && !ours.SameVoting(theirs) {
		r.note(Note{Text: fmt.Sprintf("the server lines here and on the leader differ: make them the same in every zoo.cfg (here %q, there %q)", e.ConfigText, text)})
	}
}
