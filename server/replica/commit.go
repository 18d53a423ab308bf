package replica

import (
	"zookit/protocol"
	"zookit/server/defect"
)

// Persisted says that the log holds, synced, everything up to zxid, which is
// the last of the batch that is out. The batch is committed in order, with the
// syncs that waited behind its txns.
func (r *Replica) Persisted(now Now, zxid protocol.Zxid) {
	if r.err != nil {
		return
	}
	if zxid == 0 || zxid != r.batch.last {
		r.broken("%v reported as persisted while the batch that is out ends at %v (0x0: none is)", zxid, r.batch.last)
		return
	}
	r.batch.last = 0
	r.commit(zxid)
}

// commit applies the queue up to zxid under the state's lock, and answers. The
// lock is held for one batch at most.
func (r *Replica) commit(zxid protocol.Zxid) {
	s := r.state
	s.mu.Lock()
	defer s.mu.Unlock() // also when a bug panics: readers must not hang on it
	for r.queue.len() > 0 && r.err == nil {
		p := r.queue.at(0)
		if p.local {
			r.localClosed(p.q)
		} else if p.sync {
			r.answerSync(p.q, p.code)
		} else if p.txn.Zxid <= zxid {
			r.commitTxn(p)
		} else {
			break
		}
		r.pendingB -= len(p.q.Body) + p.txn.Grown
		s.outstanding.Add(-1)
		r.queue.pop()
	}
	s.publish(r.sessions.Len())
}

// commitTxn applies one txn, fires its watches, and completes its request.
func (r *Replica) commitTxn(p *proposal) {
	s := r.state
	if last := s.tree.LastZxid(); p.txn.Zxid <= last {
		r.broken("commit of %v (%v) after %v", p.txn.Zxid, p.txn.Type, last)
		return
	}
	s.tree.Apply(&p.txn.Txn, &r.result)
	if !r.asPredicted(p) {
		return
	}
	r.prep.Applied(p.txn.Zxid)
	if !defect.Planted(defect.EventAfterReply) {
		r.trigger(p.txn.Zxid)
	}
	if p.txn.Type == protocol.OpCloseSession {
		r.sessionClosed(p.q.Session, p.q.Owner)
	}
	r.answer(p.q, &outcome{zxid: p.txn.Zxid, err: p.txn.Err, multiErr: p.txn.MultiErr, create2: p.txn.Create2})
	if defect.Planted(defect.EventAfterReply) {
		r.trigger(p.txn.Zxid)
	}
}

// trigger fires the watches on what the last txn changed.
func (r *Replica) trigger(zxid protocol.Zxid) {
	for i := range r.result.Events {
		r.state.watches.Trigger(&r.result.Events[i], zxid)
	}
}

// outcome is what became of a request: r.result beside it is what the tree says.
type outcome struct {
	zxid          protocol.Zxid
	err, multiErr protocol.Code
	create2       []int
}

// answer completes a request whose txn was applied.
func (r *Replica) answer(q *Request, o *outcome) {
	if q.Done == nil {
		return
	}
	reply := &r.reply
	*reply = Reply{Xid: q.Xid, Zxid: o.zxid, Err: o.err, op: q.Op, result: &r.result, create2: o.create2}
	switch {
	case o.err == protocol.SessionMoved, o.multiErr == protocol.SessionMoved:
		reply.Close, reply.Silent = true, true
	case q.Op == protocol.OpCloseSession:
		reply.Close = true
	case q.Op == protocol.OpReconfig:
		reply.config = r.configText()
	case q.Op == protocol.OpCreateSession:
		reply.Session = r.sessions.Lookup(q.Session)
	}
	q.Done.Complete(q, reply)
}

// asPredicted compares what the tree made of a txn with what prep said it
// would. A difference means that the log and the memory of this server are two
// histories: it must not answer anything any more.
func (r *Replica) asPredicted(p *proposal) bool {
	want := p.txn.Err
	if p.txn.MultiErr != protocol.OK {
		want = p.txn.MultiErr
	}
	switch {
	case r.result.Err != want:
		r.broken("txn %v (%v of session %v): prep predicted %v, the tree says %v", p.txn.Zxid, p.q.Op, p.q.Session, want, r.result.Err)
	case r.result.DigestMismatch:
		r.broken("txn %v (%v of session %v): the tree's digest is 0x%x and not the predicted 0x%x",
			p.txn.Zxid, p.q.Op, p.q.Session, r.state.tree.Digest(), p.txn.Txn.Digest.Tree)
	}
	return r.err == nil
}

// answerSync completes a sync: everything proposed before it is committed.
func (r *Replica) answerSync(q *Request, code protocol.Code) {
	if q.Done == nil {
		return
	}
	reply := &r.reply
	*reply = Reply{Xid: q.Xid, Zxid: r.state.tree.LastZxid(), Err: code, op: q.Op}
	switch code {
	case protocol.SessionMoved:
		reply.Close, reply.Silent = true, true
	case protocol.OK:
		// The path is not looked at and goes back as it came.
		if n, ok := stringLen(q.Body); ok {
			reply.path = q.Body[:n]
		} else {
			reply.Err = protocol.MarshallingError
		}
	}
	q.Done.Complete(q, reply)
}
