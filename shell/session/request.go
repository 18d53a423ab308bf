package session

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// call is one request. done and failed run on the goroutine that reads the
// connection, with core.mu held, where the reply stands among the events, and
// also when the caller has stopped waiting.
type call struct {
	op     protocol.OpCode
	path   string          // for errors, as the caller gave it
	req    protocol.Record // with the chroot
	reply  protocol.Record // nil when success has no body
	done   func()          // after reply was decoded
	failed func(protocol.Code)
}

// none is the empty record.
type none struct{}

func (none) AppendTo(b []byte) []byte   { return b }
func (none) Decode(*jute.Decoder) error { return nil }

// pending is a request on its way over one connection.
type pending struct {
	call
	xid    int32
	packet []byte
	sent   bool          // guarded by core.mu: it may have reached the server
	zxid   protocol.Zxid // of the reply
	result chan error    // capacity 1
}

// errNotSent: the connection ended before the request was written, so it may
// be sent again over the next one.
var errNotSent = errors.New("not sent")

// encode makes the packet of a call; its xid is filled in when it is queued.
// Every request of ours comes through here, so this is where a frozen session
// refuses to write.
func (c *core) encode(r call) (*pending, error) {
	if c.o.Frozen && writes(r.op) {
		return nil, &FrozenError{Op: r.op, Path: r.path}
	}
	packet := protocol.AppendFrame(nil, &protocol.RequestHeader{Type: r.op}, r.req)
	if size := len(packet) - 4; size > c.o.MaxBuffer {
		return nil, &TooLargeError{Op: r.op, Path: r.path, Size: size, Limit: c.o.MaxBuffer}
	}
	return &pending{call: r, packet: packet}, nil
}

// enter gives the request an xid and a place among the connection's pending
// ones. core.mu is held.
func (c *core) enter(t *tap, p *pending) {
	if c.xid++; c.xid < firstXid {
		c.xid = firstXid
	}
	p.xid, p.sent, p.result = c.xid, false, make(chan error, 1)
	binary.BigEndian.PutUint32(p.packet[4:], uint32(p.xid))
	t.pending[p.xid] = p
}

// writes tells whether an operation changes znodes. The others can be repeated
// without harm; a watch, too, ends with its connection and can be set again.
func writes(op protocol.OpCode) bool {
	switch op {
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateContainer, protocol.OpCreateTTL,
		protocol.OpDelete, protocol.OpSetData, protocol.OpSetACL, protocol.OpMulti, protocol.OpReconfig:
		return true
	}
	return false
}

// call sends a request when there is a connection and waits for its reply. One
// that does not write is sent once more when its connection is lost.
func (c *core) call(ctx context.Context, r call) error {
	p, err := c.encode(r)
	if err != nil {
		return err
	}
	wait := c.newPatience()
	defer wait.stop()
	repeated := writes(r.op)
	for {
		t, err := c.submit(ctx, p, wait)
		if err != nil {
			return err
		}
		t.signal()
		select {
		case err = <-p.result:
		case <-ctx.Done():
			err = c.abandon(t, p, ctx.Err())
		}
		var loss *ConnectionLossError
		switch {
		case errors.Is(err, errNotSent):
		case errors.As(err, &loss) && !repeated && !c.isClosed():
			repeated = true
		default:
			return err
		}
	}
}

// submit waits for a connection and queues the request on it.
func (c *core) submit(ctx context.Context, p *pending, wait *patience) (*tap, error) {
	for {
		c.mu.Lock()
		err := wait.over(p)
		if err == nil && c.live != nil && ctx.Err() == nil {
			t := c.live
			c.enter(t, p)
			t.queue = append(t.queue, p)
			c.mu.Unlock()
			return t, nil
		}
		changed := c.changed
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if err := wait.pause(ctx, changed, p); err != nil {
			return nil, err
		}
	}
}

// abandon stops waiting for a reply. A request that was not written is taken
// back; a reply that came at the same moment counts.
func (c *core) abandon(t *tap, p *pending, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case err := <-p.result:
		if !errors.Is(err, errNotSent) {
			return err
		}
	default:
	}
	if !p.sent {
		delete(t.pending, p.xid)
		t.queue = slices.DeleteFunc(t.queue, func(q *pending) bool { return q == p })
	}
	return &CanceledError{Op: p.op, Path: p.path, Sent: p.sent, Cause: cause}
}

// patience is how long a request waits for a connection: until every server
// has refused twice since it came, or for the connect timeout.
type patience struct {
	c       *core
	expiry  int   // core.expiries at the start
	refused []int // core.refusals at the start
	timer   *time.Timer
	timeout bool
}

func (c *core) newPatience() *patience {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &patience{c: c, expiry: c.expiries, refused: slices.Clone(c.refusals)}
}

func (w *patience) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// over is the reason to give up, nil while there is hope. core.mu is held.
func (w *patience) over(p *pending) error {
	c := w.c
	switch {
	case c.closed:
		return ErrClosed
	case c.expiries != w.expiry:
		// The caller counted on the old session; the next request gets the new.
		return &OpError{Op: p.op, Path: p.path, Code: protocol.SessionExpired}
	case c.live != nil:
		return nil
	case w.timeout || !c.o.KeepTrying && w.allRefused():
		return &ConnectionLossError{Op: p.op, Path: p.path, Reason: c.connectError(nil)}
	}
	return nil
}

func (w *patience) allRefused() bool {
	for i, n := range w.c.refusals {
		if n < w.refused[i]+2 {
			return false
		}
	}
	return true
}

// pause waits until something changed.
func (w *patience) pause(ctx context.Context, changed <-chan struct{}, p *pending) error {
	if w.timer == nil {
		w.timer = time.NewTimer(w.c.o.ConnectTimeout)
	}
	w.c.wait(1)
	defer w.c.wait(-1)
	select {
	case <-changed:
	case <-w.timer.C:
		w.timeout = true
	case <-ctx.Done():
		return &CanceledError{Op: p.op, Path: p.path, Cause: ctx.Err()}
	}
	return nil
}

// finalCode tells whether the server closes the connection after such a reply.
// It is given up at once then, so that the next request is not lost on it.
func finalCode(op protocol.OpCode, code protocol.Code) bool {
	switch code {
	case protocol.AuthFailed:
		return op == protocol.OpAuth
	case protocol.SessionExpired, protocol.SessionMoved, protocol.SessionClosedRequireAuth:
		return true
	case protocol.Unimplemented:
		// Of these the server does not know the number. Others it knows and
		// has switched off, and the connection stays.
		return op == protocol.OpCreate2 || op == protocol.OpAddWatch || op == protocol.OpSetWatches2 ||
			op == protocol.OpWhoAmI || op == protocol.OpGetEphemerals || op == protocol.OpGetAllChildrenNumber || op == protocol.OpMultiRead
	}
	return false
}

// replied takes a reply to its request; d is nil when it has been read into its
// record already. An error ends the connection.
func (c *core) replied(t *tap, h protocol.ReplyHeader, d *jute.Decoder) error {
	c.mu.Lock()
	p := t.pending[h.Xid]
	delete(t.pending, h.Xid)
	c.mu.Unlock()
	var err error
	if p != nil && h.Err == protocol.OK && p.reply != nil && d != nil {
		if bad := p.reply.Decode(d); bad != nil {
			err = &ReplyError{Op: p.op, Path: p.path, Err: bad}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saw(h.Zxid)
	if p == nil {
		return nil
	}
	var final error
	switch {
	case h.Err != protocol.OK:
		err = &OpError{Op: p.op, Path: p.path, Code: h.Err}
		if p.failed != nil {
			p.failed(h.Err)
		}
		if finalCode(p.op, h.Err) {
			final = err
			if c.live == t {
				c.live = nil
			}
		}
	case err == nil && p.done != nil:
		p.done()
	}
	p.zxid = h.Zxid
	p.result <- err
	return final
}

// run writes what is queued on a connection, once its identities and watches
// are restored, until it ends.
func (c *core) run(t *tap) {
	defer c.wg.Done()
	if !c.restore(t) {
		return
	}
	for {
		if batch, packets := c.take(t); len(packets) > 0 {
			if n, err := t.write(packets); err != nil {
				c.unsent(batch, n)
				t.shut(err)
				return
			}
			continue
		}
		select {
		case <-t.wake:
		case <-t.done:
			return
		}
	}
}

// batchLimit bounds what is written at once, in bytes, unless one packet alone
// is longer.
const batchLimit = 64 << 10

// take removes packets from the queue to be written together.
func (c *core) take(t *tap) (batch []*pending, packets []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.err != nil {
		return nil, nil
	}
	if t.pingDue {
		t.pingDue = false
		packets = protocol.AppendFrame(packets, &protocol.RequestHeader{Xid: protocol.XidPing, Type: protocol.OpPing})
	}
	n := 0
	for n < len(t.queue) && (len(packets) == 0 || len(packets)+len(t.queue[n].packet) <= batchLimit) {
		t.queue[n].sent = true
		packets = append(packets, t.queue[n].packet...)
		n++
	}
	batch = slices.Clone(t.queue[:n])
	t.queue = slices.Delete(t.queue, 0, n)
	return batch, packets
}

// unsent takes back the mark of requests of which nothing was written.
func (c *core) unsent(batch []*pending, written int) {
	if written > 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range batch {
		p.sent = false
	}
}
