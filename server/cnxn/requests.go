package cnxn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/replica"
	"zookit/server/watch"
)

// errBadRequest is a packet that is too short for its header, or a connect
// packet that does not decode: the stream cannot be trusted any further.
var errBadRequest = errors.New("malformed packet")

const (
	// submitCount and submitBytes end a collection of writes: they go to the
	// pipeline before more frames are cut.
	submitCount = 256
	submitBytes = 256 << 10
	// runReads ends a run of reads, so that commits do not wait for the lock.
	runReads = 256
)

// run is a run of replies that the connection's goroutine makes under one hold
// of the state lock.
type run struct {
	locked  bool
	replies *buffer // not yet in the queue
	n       int64   // replies in it
	op      protocol.OpCode
	xid     int32
	zxid    protocol.Zxid
	arrived int64 // when the requests were found, Unix ms

	last, least, most int64 // bytes of the replies, without the length before each
}

// started counts the milliseconds of the steady clock that requests and
// sessions are timed with.
var started = time.Now()

// SteadyMs is the steady clock of sessions: milliseconds since the process
// started.
func SteadyMs() int64 { return int64(time.Since(started) / time.Millisecond) }

func nowMs() int64 { return time.Now().UnixMilli() }

// requests works through the frames that have arrived.
func (c *Conn) requests() error {
	c.run.arrived = nowMs()
	n, err := c.dispatchAll()
	if n > 0 {
		c.handle.Touch(SteadyMs())
		c.heard.Store(c.run.arrived)
		c.server.stats.Received.Add(n)
		c.out.mu.Lock()
		c.stats.received += n
		c.out.mu.Unlock()
	}
	c.endRun()
	c.submit()
	c.flushWaiting()
	return err
}

func (c *Conn) dispatchAll() (n int64, err error) {
	for ; ; n++ {
		body, ok, err := c.in.next()
		if !ok || err != nil {
			return n, err
		}
		if len(body) < 8 {
			return n, fmt.Errorf("%w: %d bytes are no request header", errBadRequest, len(body))
		}
		h := protocol.RequestHeader{
			Xid:  int32(binary.BigEndian.Uint32(body)),
			Type: protocol.OpCode(binary.BigEndian.Uint32(body[4:])),
		}
		if err := c.dispatch(h, body[8:]); err != nil {
			return n + 1, err
		}
	}
}

// dispatch runs one request. An error ends the connection.
func (c *Conn) dispatch(h protocol.RequestHeader, body []byte) error {
	kind := replica.KindOf(h.Type)
	switch kind {
	case replica.KindAuth:
		return c.auth(h, body)
	case replica.KindSASL:
		return c.sasl(h, body)
	}
	if len(c.server.cfg.RequireAuth) > 0 && !c.authenticated {
		c.reply(h.Type, protocol.ReplyHeader{Xid: h.Xid, Err: protocol.SessionClosedRequireAuth}, nil)
		return errDone
	}
	if kind == replica.KindWrite {
		return c.write(h, body)
	}
	if c.pending.Load() > 0 {
		c.endRun()
		c.submit()
		c.flushWaiting()
		if err := c.awaitWrites(); err != nil {
			return err
		}
	}
	return c.read(kind, h, body)
}

// read answers a read, a ping or a refused operation in the run.
func (c *Conn) read(kind replica.Kind, h protocol.RequestHeader, body []byte) error {
	c.beginRun()
	r := &c.run
	out, state := r.replies.b, c.server.backend.State()
	refused := false
	switch kind {
	case replica.KindPing:
		out = state.AppendPing(out)
	case replica.KindRead:
		out, _ = state.AppendRead(out, h, body, &c.reader)
	default:
		refused = true
		out = replica.AppendError(out, h.Xid, -1, protocol.Unimplemented)
	}
	r.sized(int64(len(out) - len(r.replies.b) - frameHead))
	r.replies.b = out
	r.n++
	r.op, r.xid = h.Type, h.Xid
	if refused {
		return errDone
	}
	if len(r.replies.b) >= runBytes || r.n >= runReads {
		c.endRun()
		c.flushWaiting()
	}
	return nil
}

// sized counts the size of the next reply of the run in.
func (r *run) sized(n int64) {
	if r.n == 0 {
		r.least, r.most = n, n
	}
	r.last, r.least, r.most = n, min(r.least, n), max(r.most, n)
}

// write collects a write for the pipeline. Its body is copied: it outlives the
// buffer.
func (c *Conn) write(h protocol.RequestHeader, body []byte) error {
	if c.server.gate.full() && c.pending.Load() > 0 {
		c.endRun()
		c.submit()
		c.flushWaiting()
		if err := c.awaitWrites(); err != nil {
			return err
		}
	}
	if c.server.gate.most > 0 {
		if done, err := c.throttle(h); done || err != nil {
			return err
		}
	}
	if !c.server.large.enter(len(body) + requestHead) {
		if c.server.gate.most > 0 {
			c.server.gate.vacate()
		}
		return errLarge
	}
	w := &write{conn: c, arrived: c.run.arrived, bytes: len(body)}
	w.Request = replica.Request{
		Session: c.Session(), Xid: h.Xid, Op: h.Type, Body: slices.Clone(body),
		IDs: c.IDs(), Owner: c, Done: w,
	}
	c.pending.Add(1)
	c.writes = append(c.writes, &w.Request)
	c.bodies += len(body)
	if h.Type == protocol.OpCloseSession {
		c.endRun()
		c.submit()
		c.flushWaiting()
		return c.awaitEnd()
	}
	if c.server.gate.most > 0 || len(c.writes) >= submitCount || c.bodies >= submitBytes {
		c.endRun()
		c.submit()
	}
	return nil
}

// submit hands the collected writes to the pipeline. The run has ended before:
// replies to earlier reads are in the queue when the first commit appends.
func (c *Conn) submit() {
	if len(c.writes) == 0 {
		return
	}
	c.server.gate.enter(len(c.writes), c.bodies)
	c.server.backend.Submit(c.writes)
	clear(c.writes)
	c.writes, c.bodies = c.writes[:0], 0
	if cap(c.writes) > submitCount/8 {
		c.writes = nil // an idle connection keeps little
	}
}

// write is a request in the pipeline and the way back to its connection.
type write struct {
	replica.Request
	conn    *Conn
	arrived int64 // Unix ms
	bytes   int
}

// Complete appends the reply to the connection's queue. The pipeline calls it
// in commit order, with the state lock held.
func (w *write) Complete(_ *replica.Request, reply *replica.Reply) {
	c := w.conn
	c.server.gate.leave(w.bytes)
	c.server.large.leave(w.bytes + requestHead)
	if reply.Silent {
		c.closeNow("the session has moved to another connection")
		return
	}
	b := getBuffer()
	defer putBuffer(b)
	b.b = reply.AppendFrame(b.b)
	now := nowMs()
	c.server.stats.Sent.Add(1)
	c.server.stats.packet(b.b)
	c.server.stats.add(1, now-w.arrived)
	if !c.commit(b.b, w, reply.Zxid, now) {
		c.drop()
		return
	}
	c.server.touch(c)
	if reply.Close {
		c.finish()
	}
}

// commit queues the reply of one write and counts it.
func (c *Conn) commit(frame []byte, w *write, zxid protocol.Zxid, now int64) bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !c.out.addCommitted(frame) {
		return false
	}
	c.stats.add(1, w.Op, w.Xid, zxid, now, now-w.arrived)
	if c.pending.Add(-1) == 0 && c.waiting {
		c.out.idle.Broadcast()
	}
	return true
}

// Deliver appends a watch event to the queue. The pipeline calls it while it
// applies a commit, with the state lock held.
func (c *Conn) Deliver(ev *watch.Event) {
	c.out.mu.Lock()
	ok := c.out.addEvent(c.server.eventBuffer(ev))
	if ok {
		c.stats.sent++
	}
	c.out.mu.Unlock()
	if !ok {
		c.drop()
		return
	}
	c.server.stats.Sent.Add(1)
	c.server.stats.packet(ev.Frame())
	c.server.touch(c)
	c.server.share()
}

// Disconnect closes the connection without a word, as the replica asks.
func (c *Conn) Disconnect(why replica.Reason) { c.closeNow(why.String()) }

// beginRun takes the state lock, shared, for a run of reads.
func (c *Conn) beginRun() {
	r := &c.run
	if !r.locked {
		c.server.backend.State().RLock()
		r.locked = true
	}
	if r.replies == nil {
		r.replies = getBuffer()
	}
}

// endRun moves the replies of the run to the queue and lets the state lock go,
// in this order: an event of a later commit must come after them.
func (c *Conn) endRun() {
	r := &c.run
	if r.n > 0 {
		now := nowMs()
		if r.locked {
			r.zxid = c.server.backend.State().Zxid()
		}
		c.server.stats.Sent.Add(r.n)
		c.server.stats.sizes(r.last, r.least, r.most)
		c.server.stats.add(r.n, now-r.arrived)
		c.out.mu.Lock()
		c.out.addBuffer(r.replies)
		c.stats.add(r.n, r.op, r.xid, r.zxid, now, now-r.arrived)
		c.out.mu.Unlock()
		r.replies, r.n = nil, 0
	}
	if r.locked {
		r.locked = false
		c.server.backend.State().RUnlock()
	}
}

// auth answers an auth packet at once, ahead of writes under way. A refusal is
// the last thing the connection hears (Apache 3.9 ZooKeeperServer.processPacket).
func (c *Conn) auth(h protocol.RequestHeader, body []byte) error {
	var r protocol.AuthRequest
	if err := r.Decode(jute.NewDecoder(body)); err != nil {
		return fmt.Errorf("%w: %w", errBadRequest, err)
	}
	proved, code := c.server.backend.Authenticate(r.Scheme, r.Auth, c.IDs()[0])
	if r.Scheme == "x509" && len(c.certified) > 0 {
		proved, code = c.certified, protocol.OK // as it was in the handshake
	}
	if code == protocol.OK {
		ids := slices.Clone(c.IDs())
		for _, id := range proved {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if tooMany(ids, c.server.cfg.MaxBuffer) {
			return fmt.Errorf("%w: the connection's identities are longer than jute.maxbuffer together", errBadRequest)
		}
		c.ids.Store(&ids)
		c.reader.IDs = ids
		c.authenticated = c.authenticated || slices.Contains(c.server.cfg.RequireAuth, r.Scheme)
	} else {
		c.server.stats.AuthFail.Add(1)
		c.server.warn("authentication refused", "client", c.remote, "session", c.Session(), "scheme", r.Scheme)
	}
	c.reply(h.Type, protocol.ReplyHeader{Xid: h.Xid, Err: code}, nil)
	if code != protocol.OK {
		return errDone
	}
	return nil
}

// tooMany tells whether identities take more than limit bytes. Apache keeps as
// many as a client sends.
func tooMany(ids []protocol.ID, limit int) bool {
	const each = 32 // two string headers
	n := 0
	for _, id := range ids {
		n += each + len(id.Scheme) + len(id.ID)
	}
	return n > limit
}

// sasl answers a SASL token with an empty one: there is no SASL here, and this
// is what Apache 3.8.0 says without it.
func (c *Conn) sasl(h protocol.RequestHeader, body []byte) error {
	var r protocol.SASLRequest
	if err := r.Decode(jute.NewDecoder(body)); err != nil {
		return fmt.Errorf("%w: %w", errBadRequest, err)
	}
	c.reply(h.Type, protocol.ReplyHeader{Xid: h.Xid}, &protocol.SASLResponse{})
	return nil
}

// reply puts an answer of the connection itself into the queue.
func (c *Conn) reply(op protocol.OpCode, h protocol.ReplyHeader, body protocol.Record) {
	c.endRun()
	var frame []byte
	if body == nil {
		frame = protocol.AppendFrame(nil, &h)
	} else {
		frame = protocol.AppendFrame(nil, &h, body)
	}
	now := nowMs()
	c.server.stats.Sent.Add(1)
	c.server.stats.packet(frame)
	c.server.stats.add(1, now-c.run.arrived)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.add(frame)
	c.stats.add(1, op, h.Xid, h.Zxid, now, now-c.run.arrived)
}
