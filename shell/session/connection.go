package session

import (
	"errors"
	"io"
	"maps"
	"slices"
	"syscall"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// adopt makes a fresh connection the current one.
func (c *core) adopt(t *tap) (*tap, error) {
	c.mu.Lock()
	old, closed := c.cur, c.closed
	if !closed {
		c.cur = t
	}
	c.mu.Unlock()
	if old != nil {
		old.shut(errShut)
	}
	if closed {
		t.shut(errShut)
		return nil, ErrClosed
	}
	return t, nil
}

// connectRequest completes the library's connect request: the read-only flag,
// the timeout asked for at first instead of the one granted last, and the last
// zxid seen, which the library does not know because our replies pass it by. A
// server that is behind it refuses us, so the session never goes back in time.
// The session of a read-only server ends with it, so a new one is asked for.
func (c *core) connectRequest(packet []byte) ([]byte, error) {
	var r protocol.ConnectRequest
	if len(packet) < 4 {
		return nil, errHandshake
	}
	if err := r.Decode(jute.NewDecoder(packet[4:])); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.HasReadOnly, r.ReadOnly = true, c.o.ReadOnly
	r.TimeoutMs = int32(min(max(c.o.SessionTimeout, time.Millisecond), maxSessionTimeout) / time.Millisecond)
	r.LastZxidSeen = c.seen
	if c.readOnly {
		r.Session, r.Password = 0, make([]byte, protocol.PasswordLen)
	}
	return protocol.AppendFrame(nil, &r), nil
}

// attach takes a connection on which a server has accepted the session.
func (c *core) attach(t *tap, r *protocol.ConnectResponse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != 0 && c.session != r.Session && !c.readOnly {
		c.loseSession()
	}
	c.session, c.timeoutMs, c.readOnly = r.Session, r.TimeoutMs, r.ReadOnly
	clear(c.reasons)
	t.established, t.since = true, time.Now()
	if t.err != nil || c.closed {
		return
	}
	c.emit(Event{Type: protocol.EventNone, State: c.connectedWord(), Zxid: -1, Session: r.Session})
	c.wg.Add(1)
	go c.run(t)
	c.tell()
}

func (c *core) connectedWord() string {
	if c.readOnly {
		return ConnectedReadOnly
	}
	return SyncConnected
}

// expired takes the answer that there is no such session. The library asks for
// a new one next.
func (c *core) expired(t *tap) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == 0 || c.readOnly {
		return &refusalError{text: "it refused to open a session", err: errHandshake}
	}
	t.settled = true
	c.loseSession()
	return nil
}

// loseSession forgets what ended with the session and tells so. mu is held.
func (c *core) loseSession() {
	ev := Event{Type: protocol.EventNone, State: Expired, Zxid: -1, Session: c.session}
	for _, p := range slices.Sorted(maps.Keys(c.ephemerals)) {
		ev.LostEphemerals = append(ev.LostEphemerals, relative(c.chroot, p))
	}
	for _, w := range c.watches.List() {
		ev.LostWatches = append(ev.LostWatches, Watch{Path: relative(c.chroot, w.Path), Kind: w.Kind})
	}
	c.watches.Clear()
	clear(c.ephemerals)
	c.mayOwn = false
	c.session, c.timeoutMs, c.readOnly, c.seen = 0, 0, false, 0
	c.expiries++
	c.emit(ev)
	c.tell()
}

// refused counts a failed attempt at a server.
func (c *core) refused(addr string, reason error) {
	c.log.Debug("connecting failed", "server", addr, "reason", reason)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.misses++
	if i := slices.Index(c.list, addr); i >= 0 {
		c.refusals[i]++
		c.reasons[i] = reason
	}
	c.tell()
}

// lost takes the end of a connection: its requests get their answer.
func (c *core) lost(t *tap, err error) {
	var reason error
	if !t.attached() {
		reason = c.refusal(err, t)
	}
	c.mu.Lock()
	t.err = err
	if c.cur == t {
		c.cur = nil
	}
	if c.live == t {
		c.live = nil
	}
	for _, p := range t.pending {
		if p.sent {
			c.mayOwn = c.mayOwn || createsEphemeral(p.req)
			p.result <- &ConnectionLossError{Op: p.op, Path: p.path, Sent: true, Reason: c.lossReason(err)}
		} else {
			p.result <- errNotSent
		}
	}
	t.pending, t.queue = map[int32]*pending{}, nil
	switch {
	case c.closed:
	case t.established:
		c.lostAt = time.Now()
		var final *OpError
		switch {
		case c.lostAt.Sub(t.since) >= lastPause || errors.As(err, &final):
			c.misses = 0
		default:
			c.misses++ // a server that accepts and hangs up is not hammered
		}
		c.emit(Event{Type: protocol.EventNone, State: Disconnected, Zxid: -1, Session: c.session})
	}
	refused := !t.established && !t.settled && !c.closed
	c.tell()
	c.mu.Unlock()
	if refused {
		c.refused(t.addr, reason)
	}
}

// lossReason names why a connection ended under a request.
func (c *core) lossReason(err error) error {
	switch {
	case c.closed:
		return ErrClosed
	case errors.Is(err, errShut):
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &refusalError{text: "the server closed the connection", err: err}
	}
	return err
}

// saw notes the zxid of a reply: every event of a change up to it came before.
// The zxid of a notification is none of that, since other events of the same
// change may follow. mu is held.
func (c *core) saw(zxid protocol.Zxid) { c.seen = max(c.seen, zxid) }

// passing looks at a reply for the library.
func (c *core) passing(t *tap, h protocol.ReplyHeader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saw(h.Zxid)
	switch h.Xid {
	case protocol.XidPing:
		t.pinged = false
	case t.closeXid:
		t.closeOK = h.Err == protocol.OK
	}
}

// fired takes a watch event. A ping behind it tells, by its zxid, that this
// change need not be replayed after a reconnect: events before 3.9 carry no
// zxid, and a persistent watch would show the change twice.
func (c *core) fired(t *tap, zxid protocol.Zxid, ev *protocol.WatcherEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ev.Type == protocol.EventNodeDeleted {
		delete(c.ephemerals, ev.Path)
	}
	if !c.watches.Fire(ev.Type, ev.Path, t.replaying) {
		return
	}
	c.emit(Event{Type: ev.Type, State: SyncConnected, Path: ev.Path, Zxid: zxid})
	if !t.pinged && c.watches.Lasting() > 0 {
		t.pinged, t.pingDue = true, true
		t.signal()
	}
}
