package cnxn

import (
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/replica"
	"zookit/server/session"
)

// connect reads the connect request and waits for its answer. A client whose
// last zxid is ahead of the server's, and any client of a server that is not
// serving, is closed without one (Apache 3.9 ZooKeeperServer.processConnectRequest).
func (c *Conn) connect() error {
	body, err := c.frame()
	if err != nil {
		return err
	}
	if !c.server.backend.Serving() {
		return errNotServing
	}
	c.server.stats.Received.Add(1)
	c.out.mu.Lock()
	c.stats.received++
	c.out.mu.Unlock()
	var r protocol.ConnectRequest
	if err := r.Decode(jute.NewDecoder(body)); err != nil {
		return fmt.Errorf("%w: %w", errBadRequest, err)
	}
	if last := c.server.backend.State().Zxid(); r.LastZxidSeen > last {
		c.server.warn("client refused: it has seen a later zxid than this server has", "client", c.remote, "seen", r.LastZxidSeen, "server", last)
		return errNotServing
	}
	if !c.server.tokens.take(SteadyMs(), c.server.cost(&r)) {
		c.server.stats.Rejected.Add(1)
		c.server.warn("client refused: connections come faster than connection_throttle_tokens allows", "client", c.remote)
		return errNotServing
	}
	c.hasReadOnly, c.readOnly = r.HasReadOnly, c.server.backend.ReadOnly()
	if c.readOnly && !r.ReadOnly {
		c.server.warn("client refused: this server is read-only, and the client did not say that such a one will do", "client", c.remote)
		return errNotServing
	}
	c.server.backend.Connect(c, &r)
	if err := c.awaitSession(); err != nil {
		return err
	}
	c.reader = replica.Reader{Session: c.handle, IDs: c.IDs(), Watcher: c}
	c.flushWaiting()
	return nil
}

// frame waits for the next whole frame.
func (c *Conn) frame() ([]byte, error) {
	for {
		body, ok, err := c.in.next()
		if ok || err != nil {
			return body, err
		}
		if err := c.in.fill(); err != nil {
			return nil, err
		}
	}
}

func (c *Conn) awaitSession() error {
	return c.await(func() bool { return c.answered })
}

// Attached answers the connect request with the session. The pipeline calls it
// when the session is in the tree. The connection's goroutine wakes and writes
// the answer out.
func (c *Conn) Attached(h *session.Handle, zxid protocol.Zxid) {
	id, timeoutMs := h.ID(), h.TimeoutMs()
	password := session.Password(id)
	c.handle = h
	c.id.Store(int64(id))
	c.heard.Store(nowMs())
	c.timeoutMs.Store(timeoutMs)
	c.answerConnect(&protocol.ConnectResponse{TimeoutMs: timeoutMs, Session: id, Password: password[:]}, zxid, false)
}

// Refused answers that the session is gone, or that the password is wrong: all
// fields zero, and then the connection closes.
func (c *Conn) Refused() {
	c.answerConnect(&protocol.ConnectResponse{Password: make([]byte, protocol.PasswordLen)}, -1, true)
}

func (c *Conn) answerConnect(r *protocol.ConnectResponse, zxid protocol.Zxid, last bool) {
	r.HasReadOnly, r.ReadOnly = c.hasReadOnly, c.readOnly && !last
	now := nowMs()
	ms := now - c.since.UnixMilli()
	frame := protocol.AppendFrame(make([]byte, 0, 64), r)
	c.server.stats.Sent.Add(1)
	c.server.stats.add(1, ms)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.add(frame)
	c.stats.add(1, protocol.OpCreateSession, -1, zxid, now, ms)
	c.answered, c.last = true, last
	c.out.idle.Broadcast()
}
