package cnxn

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"zookit/protocol"
	"zookit/server/acl"
	"zookit/server/replica"
	"zookit/server/session"
)

// Backend is the server behind the connections.
type Backend interface {
	// Serving tells whether requests are answered; while it is false,
	// connections are closed as soon as they send a connect packet.
	Serving() bool
	// ReadOnly tells, while Serving, that only those are served who said when they
	// connected that a read-only server will do.
	ReadOnly() bool
	// State is what reads look at.
	State() *replica.State
	// Submit hands requests to the pipeline, in order. It must not block and
	// not keep the slice.
	Submit(list []*replica.Request)
	// Connect asks for a session: a new one, or the one the request names. The
	// answer comes as a call of Attached or Refused, from any goroutine; what
	// it queues goes out with the flush of the connection's goroutine.
	Connect(c *Conn, r *protocol.ConnectRequest)
	// Gone says that the connection has ended; its watches go with it.
	Gone(c *Conn)
	// Authenticate checks an auth packet and returns the identities it proves;
	// ip is the connection's first identity.
	Authenticate(scheme string, auth []byte, ip protocol.ID) ([]protocol.ID, protocol.Code)
	// Word writes the answer of a four-letter word; arg is the mask of stmk.
	Word(out io.Writer, word string, arg int64) error
}

// Conn is one client connection.
type Conn struct {
	server *Server
	sock   socket
	remote netip.AddrPort
	since  time.Time

	in  frames // of the connection's goroutine
	out output

	// Of the connection's goroutine: the run of reads that is being answered,
	// and the writes collected for the pipeline.
	run    run
	writes []*replica.Request
	bodies int // bytes of the collected bodies

	reader replica.Reader
	handle *session.Handle // set with the session
	ids    atomic.Pointer[[]protocol.ID]
	id     atomic.Int64 // protocol.SessionID; 0 before it is attached

	timeoutMs atomic.Int32
	heard     atomic.Int64 // when the last request came, Unix ms
	pending   atomic.Int32 // writes collected or submitted, and not answered
	ended     atomic.Bool  // closed; nothing is sent or taken any more
	lingers   atomic.Bool  // answered to the end: see linger

	certified     []protocol.ID // what the certificate of the handshake proved
	authenticated bool          // what Config.RequireAuth asks for was shown

	hasReadOnly bool // the connect request had the readOnly flag: mirrored
	readOnly    bool // the server was read-only when the session was asked for

	touched bool // see Server.touched; guarded by the state lock

	// Guarded by out.mu.
	stats    connStats
	waiting  bool // the goroutine waits for its own writes or its session
	answered bool // the connect request was answered
	last     bool // no request is taken after what is queued; close when it is out
}

func newConn(s *Server, sock socket) *Conn {
	c := &Conn{server: s, sock: sock, since: time.Now()}
	if a, ok := sock.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		c.remote = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	c.in.s, c.in.max, c.in.large = sock, s.cfg.MaxBuffer, &s.large
	c.out.init()
	c.stats.reset()
	// Every connection begins with its address as an identity (Apache's
	// NIOServerCnxn adds Id("ip", address)).
	c.ids.Store(&[]protocol.ID{acl.IPIdentity(c.remote.Addr())})
	return c
}

// Remote is the client's address.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Session is the session the connection carries; 0 before it has one.
func (c *Conn) Session() protocol.SessionID { return protocol.SessionID(c.id.Load()) }

// IDs are the identities of the connection. The slice is never changed.
func (c *Conn) IDs() []protocol.ID { return *c.ids.Load() }

var (
	// errDone ends a connection that was answered to the end.
	errDone = errors.New("done")
	// errWord ends a connection whose four-letter word was answered.
	errWord = errors.New("four-letter word answered")
	// errNotServing ends a connection the server cannot serve.
	errNotServing = errors.New("not serving requests")
)

// greeted answers a four-letter word, or shakes hands; true says that the
// connection has a session and requests are to be served. Otherwise it has
// ended.
func (c *Conn) greeted() (ok bool) {
	defer func() {
		if !ok {
			c.gone(recover())
		}
	}()
	err := c.greet()
	if err == nil {
		return true
	}
	c.end(err)
	return false
}

// serve takes requests until the connection ends.
func (c *Conn) serve() {
	defer func() { c.gone(recover()) }()
	c.end(c.converse())
}

// end lets what is queued leave, when the connection was answered to its end.
func (c *Conn) end(err error) {
	if errors.Is(err, errDone) {
		c.flushWaiting()
		c.out.drained()
		c.linger()
	}
	c.report(err)
}

// gone ends the connection, whatever happened. A panic while a request was
// served is a bug that costs this connection and no other.
func (c *Conn) gone(panicked any) {
	if panicked != nil {
		c.server.log.Error("bug: panic while serving a client; its connection is closed", "client", c.remote,
			"session", c.Session(), "panic", panicked, "stack", string(debug.Stack()))
	}
	if c.run.locked {
		c.server.backend.State().RUnlock()
		c.run.locked = false
	}
	c.closeNow("")
	c.in.release()
	c.server.unregister(c)
	c.server.backend.Gone(c)
}

func (c *Conn) greet() error {
	if err := c.prove(); err != nil {
		return err
	}
	if err := c.sock.SetReadDeadline(c.since.Add(c.server.cfg.ConnectWait)); err != nil {
		return err
	}
	if err := c.word(); err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return err
	}
	return c.sock.SetReadDeadline(time.Time{})
}

func (c *Conn) converse() error {
	for {
		if err := c.requests(); err != nil {
			return err
		}
		if err := c.in.fill(); err != nil {
			return err
		}
	}
}

// report logs why a connection ended, unless that is an everyday matter.
func (c *Conn) report(err error) {
	switch {
	case errors.Is(err, errDone), errors.Is(err, errWord), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), c.ended.Load():
	case errors.Is(err, errHandshake):
		c.server.stats.AuthFail.Add(1)
		c.server.warn("client refused", "client", c.remote, "error", err)
	case errors.Is(err, errLarge):
		c.server.stats.LargeRejected.Add(1)
		c.server.warn("client closed: its request is large, and too many bytes of such are under way", "client", c.remote, "session", c.Session(), "limit", c.server.large.limit)
	case errors.Is(err, protocol.ErrFrameLength), errors.Is(err, errBadRequest):
		c.server.warn("client closed for a malformed packet", "client", c.remote, "session", c.Session(), "error", err)
	default:
		c.server.log.Debug("connection ended", "client", c.remote, "session", c.Session(), "error", err)
	}
}

// closeNow closes the socket and drops what is queued. The connection's
// goroutine notices and ends.
func (c *Conn) closeNow(why string) {
	if c.ended.Swap(true) {
		return
	}
	if why != "" {
		c.server.log.Debug("connection closed", "client", c.remote, "session", c.Session(), "why", why)
	}
	c.sock.Close()
	c.out.shut()
}

// drop closes a connection whose client leaves too much unread.
func (c *Conn) drop() {
	c.server.warn("client closed: it does not read what it is sent", "client", c.remote, "session", c.Session(), "limit", maxQueued)
	c.closeNow("")
}

// fail closes the connection after a write that went wrong.
func (c *Conn) fail(error) { c.closeNow("") }

// finish says that no request is taken any more: the connection closes when all
// that is queued has been written. It may be called by the pipeline.
func (c *Conn) finish() {
	c.out.mu.Lock()
	c.last = true
	c.out.idle.Broadcast()
	c.out.mu.Unlock()
	// The goroutine may be waiting for the socket; a deadline in the past wakes
	// it and leaves the sending side alone.
	_ = c.sock.SetReadDeadline(time.Unix(1, 0))
}

// awaitWrites waits until all writes of the connection are answered.
func (c *Conn) awaitWrites() error {
	if c.pending.Load() == 0 {
		return nil
	}
	return c.await(func() bool { return c.pending.Load() == 0 })
}

// await waits for the pipeline to bring about what done tells of, under out.mu,
// or the end of the connection.
func (c *Conn) await(done func() bool) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.waiting = true
	for !done() && !c.out.closed && !c.last {
		c.out.idle.Wait()
	}
	c.waiting = false
	switch {
	case c.out.closed:
		return net.ErrClosed
	case c.last:
		return errDone
	}
	return nil
}

// awaitEnd waits until the answer of the closeSession is queued.
func (c *Conn) awaitEnd() error {
	return c.await(func() bool { return false })
}
