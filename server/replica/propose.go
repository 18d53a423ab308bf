package replica

import (
	"zookit/protocol"
	"zookit/server/defect"
	"zookit/server/prep"
	"zookit/server/storage"
)

// proposal is one entry of the queue: a txn that waits for the log, or a sync
// that waits for the txns before it.
type proposal struct {
	q    *Request // its own is used for what the replica proposes itself
	own  Request
	txn  prep.Txn
	sync bool
	code protocol.Code // sync: the code of its reply
	// local, with sync: the close of a local session, which is no txn either.
	local bool
}

// Propose takes a request in: a write becomes a txn and joins the outgoing
// batch. Its completion comes from a later Persisted; that of a sync with
// nothing before it, at once.
func (r *Replica) Propose(now Now, q *Request) {
	if r.err != nil || !r.started {
		return
	}
	if r.ens != nil && !r.leads(now, q) {
		return
	}
	p := r.queue.take()
	p.q = q
	r.propose(now, p)
}

// proposeOwn proposes a request of the replica's own, that nobody waits for.
func (r *Replica) proposeOwn(now Now, q Request) {
	p := r.queue.take()
	p.own = q
	p.q = &p.own
	r.propose(now, p)
}

func (r *Replica) propose(now Now, p *proposal) {
	q := p.q
	r.state.outstanding.Add(1)
	r.pendingB += len(q.Body)
	sessionErr := protocol.OK
	switch q.Op {
	case protocol.OpSync:
		p.sync = true
		p.code = r.checkSession(q)
		r.queue.push(p)
		if r.queue.len() == 1 {
			r.commit(r.state.tree.LastZxid())
		}
		return
	case protocol.OpCreateSession:
		if q.Session != 0 {
			r.adoptSession(now, q)
		} else {
			r.createSession(now, q)
		}
	case protocol.OpCloseSession:
		if h := r.sessions.Lookup(q.Session); h != nil {
			r.sessions.Close(h)
		}
	default:
		sessionErr = r.checkSession(q)
	}
	if r.prep.Exhausted() {
		r.broken("zxid %v is the last there is: no write can follow it", r.prep.Zxid())
		return
	}
	r.prep.Prepare(&prep.Request{
		Session: q.Session, Xid: q.Xid, Op: q.Op, Body: q.Body, IDs: q.IDs,
		TimeMs: now.WallMs, SessionErr: sessionErr, EphemeralErr: q.ephemeralErr, TimeoutMs: q.TimeoutMs, Path: q.path,
	}, &p.txn)
	r.pendingB += p.txn.Grown
	if p.txn.TooLong {
		r.note(Note{Text: "write refused: with every identity its ACLs stand for, its txn is longer than jute.maxbuffer and jute.maxbuffer.extrasize allow", Session: q.Session})
	}
	r.queue.push(p)
	if r.ens != nil {
		r.ens.broadcast(p)
	}
}

// Accepting is false while the requests that wait for their commit hold more
// than Config.MaxPendingBytes: propose no more until a batch is persisted.
func (r *Replica) Accepting() bool {
	return r.pendingB < r.cfg.MaxPendingBytes && (r.ens == nil || r.ens.accepting())
}

// Ready is what the driver has to do, in this order.
type Ready struct {
	// Roll: end the log file, so that Append begins a new one.
	Roll bool
	// Append is one batch: append every entry, sync once, then call Persisted
	// with the last zxid. The entries are valid until then.
	Append []storage.Entry
	// Snapshot, when not nil, is to be written in the background under
	// SnapshotZxid, with SnapshotDone at its end.
	Snapshot     storage.Source
	SnapshotZxid protocol.Zxid
	// Notes are for the log.
	Notes []Note
	// Peers is what an ensemble adds. It has batches of its own: Append is then
	// empty.
	Peers
}

// batch is the part of the queue that is with the disk.
type batch struct {
	entries []storage.Entry
	ends    []int
	buf     []byte
	last    protocol.Zxid // 0: nothing is out
}

// Ready hands out the next work. Ask after every call that may have made some;
// a second batch comes only after the first was persisted.
func (r *Replica) Ready() Ready {
	var rd Ready
	rd.Notes, r.notes = r.notes, nil
	if r.err != nil || !r.started || r.batch.last != 0 {
		return rd
	}
	if r.ens != nil {
		r.readyPeers(&rd)
		return rd
	}
	if r.snapshots.due {
		r.snap(&rd)
	}
	r.fillBatch()
	rd.Append = r.batch.entries
	if defect.Planted(defect.CommitBeforeSync) && r.batch.last != 0 {
		r.commit(r.batch.last)
	}
	return rd
}

// snap begins a snapshot and a new log file.
func (r *Replica) snap(rd *Ready) {
	r.snapshots.reset(&r.cfg, r.rng)
	rd.Roll = true
	if !r.snapshots.running {
		r.snapshots.running = true
		src, zxid := r.state.beginSnapshot()
		// When a role ends, the tree of a member gets what is only logged, and the
		// next leader may cut that off again. A snapshot that shows it must not
		// stay, and without digests its file does not tell that it does.
		src.snap.CommittedOnly = r.ens != nil
		rd.Snapshot, rd.SnapshotZxid = src, zxid
	} else {
		r.note(Note{Text: "too busy to snap, skipping"})
	}
}

// recordOverhead is what the log adds to a payload, rounded up.
const recordOverhead = 16

// fillBatch encodes the txns at the head of the queue up to the bounds. A txn
// that is larger alone is a batch of its own.
func (r *Replica) fillBatch() {
	b := &r.batch
	b.entries, b.ends, b.buf = b.entries[:0], b.ends[:0], b.buf[:0]
	for i := 0; i < r.queue.len(); i++ {
		p := r.queue.at(i)
		if p.sync {
			continue
		}
		start := len(b.buf)
		b.buf = p.txn.AppendTo(b.buf)
		full := len(b.buf)+(len(b.entries)+1)*recordOverhead > r.cfg.MaxBatchBytes || len(b.entries) == r.cfg.MaxBatchRecords
		if full && len(b.entries) > 0 {
			b.buf = b.buf[:start]
			break
		}
		b.ends = append(b.ends, len(b.buf))
		b.entries = append(b.entries, storage.Entry{Zxid: p.txn.Zxid})
		b.last = p.txn.Zxid
	}
	start := 0
	for i, end := range b.ends {
		b.entries[i].Payload = b.buf[start:end:end]
		start = end
	}
	r.snapshots.count(len(b.entries), len(b.buf))
}

// fifo is the queue with a free list. Entries leave from the head.
type fifo struct {
	items []*proposal
	head  int
	free  []*proposal
}

func (f *fifo) len() int           { return len(f.items) - f.head }
func (f *fifo) at(i int) *proposal { return f.items[f.head+i] }
func (f *fifo) push(p *proposal)   { f.items = append(f.items, p) }

func (f *fifo) take() *proposal {
	if n := len(f.free); n > 0 {
		p := f.free[n-1]
		f.free = f.free[:n-1]
		return p
	}
	return new(proposal)
}

func (f *fifo) pop() {
	const keep = 4096
	p := f.items[f.head]
	f.items[f.head] = nil
	f.head++
	p.q, p.own, p.sync, p.code, p.local = nil, Request{}, false, protocol.OK, false
	p.txn.Forget()
	if len(f.free) < keep {
		f.free = append(f.free, p)
	}
	switch {
	case f.head == len(f.items):
		f.items, f.head = f.items[:0], 0
	case f.head > 1024 && f.head > len(f.items)/2:
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
}
