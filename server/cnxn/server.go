package cnxn

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/server/watch"
)

// Config holds the limits of the client port. Zero values mean Apache's
// defaults unless a field says otherwise.
type Config struct {
	// MaxBuffer is jute.maxbuffer: the longest frame taken, in bytes; 0 means
	// protocol.DefaultMaxBuffer.
	MaxBuffer int
	// MaxPerIP is maxClientCnxns: connections from one address; 0 is no limit.
	MaxPerIP int
	// MaxTotal is maxCnxns: connections at all; 0 is no limit.
	MaxTotal int
	// ConnectWait is nio.sessionlessCnxnTimeout: how long a connection may stay
	// without a session; 0 means 10 s.
	ConnectWait time.Duration
	// OutstandingLimit is globalOutstandingLimit: with this many writes under
	// way, connections that wait for one of theirs are not read; 0 means 1000.
	OutstandingLimit int
	// RequireAuth is enforce.auth.schemes when enforce.auth.enabled is set: no
	// operation is done for a connection that has not authenticated by one of
	// them. Empty: nothing is required.
	RequireAuth []string
	// Throttle bounds requests and connections further; its zero value does not.
	Throttle Throttle
	// LocalSessions says that new sessions are local ones, for Throttle's weights.
	LocalSessions bool
	// Logger gets what an operator acts on; nil discards it.
	Logger *slog.Logger
}

func (c *Config) setDefaults() {
	if c.MaxBuffer == 0 {
		c.MaxBuffer = protocol.DefaultMaxBuffer
	}
	if c.ConnectWait == 0 {
		c.ConnectWait = 10 * time.Second
	}
	if c.OutstandingLimit == 0 {
		c.OutstandingLimit = 1000
	}
	c.Throttle.setDefaults()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Server owns the listener and every client connection.
type Server struct {
	cfg     Config
	backend Backend
	log     *slog.Logger
	secure  *Secure        // nil: no client comes under TLS
	running sync.WaitGroup // accept loop, connections, temporary writers
	gate    gate
	large   largeRequests
	tokens  tokens
	stats   Totals

	// Of the pipeline's goroutine.
	touched    []*Conn        // commits have appended to since the last Flush
	shared     int            // the first so many of touched are with sharing
	sharing    sync.WaitGroup // goroutines that flush a part of touched
	event      *watch.Event   // the last one delivered, and
	eventFrame *buffer        // its frame

	mu       sync.Mutex
	ln       *net.TCPListener // nil: none is open
	secureLn *net.TCPListener // nil: there is none
	closed   bool
	conns    map[*Conn]struct{}
	perIP    map[netip.Addr]int
	warned   time.Time // when the last refusal was logged
	refused  int       // refusals since
}

// New returns a server of the connections that ln accepts, which may be nil
// beside that of Secure. Serve starts it.
func New(ln *net.TCPListener, backend Backend, cfg Config) *Server {
	cfg.setDefaults()
	s := &Server{
		cfg: cfg, backend: backend, log: cfg.Logger, ln: ln,
		conns: map[*Conn]struct{}{},
		perIP: map[netip.Addr]int{},
	}
	s.gate.init(cfg.OutstandingLimit)
	s.gate.most = int64(cfg.Throttle.MaxRequests)
	s.large.limit, s.large.threshold = int64(cfg.Throttle.LargeMaxBytes), cfg.Throttle.LargeThreshold
	s.tokens.init(&cfg.Throttle, SteadyMs())
	s.stats.reset()
	return s
}

// Serve starts to accept and returns at once.
func (s *Server) Serve() {
	if s.ln != nil {
		s.acceptOn(s.ln)
	}
	if ln := s.secureLn; ln != nil {
		s.running.Go(func() { s.accept(ln, func(nc *net.TCPConn) { s.admitSecure(nc, false) }) })
	}
}

// acceptOn begins to accept those who may come without TLS.
func (s *Server) acceptOn(ln *net.TCPListener) {
	admit := s.admit
	if s.secure != nil && s.secure.Plain {
		admit = func(nc *net.TCPConn) { s.admitSecure(nc, true) }
	}
	s.running.Go(func() { s.accept(ln, admit) })
}

// Rebind accepts on ln from now on, and no more where it did; on nothing if it
// is nil. The connections stay (NIOServerCnxnFactory.reconfigure).
func (s *Server) Rebind(ln *net.TCPListener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ln != nil {
		s.ln.Close()
	}
	s.ln = ln
	switch {
	case ln == nil:
	case s.closed:
		ln.Close()
	default:
		s.acceptOn(ln)
	}
}

// acceptPause is the wait after an accept that failed for want of descriptors
// or memory, as Apache's acceptor does.
const acceptPause = 10 * time.Millisecond

func (s *Server) accept(ln *net.TCPListener, admit func(*net.TCPConn)) {
	for {
		nc, err := ln.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.warn("accept", "error", err)
			time.Sleep(acceptPause)
		default:
			admit(nc)
		}
	}
}

// admit starts a connection, or closes it without a word when a limit is
// reached, as Apache does.
func (s *Server) admit(nc *net.TCPConn) {
	sock, err := newSocket(nc)
	if err != nil {
		nc.Close()
		return
	}
	if c := s.open(sock); c != nil {
		s.start(c)
	}
}

// start serves a connection. The handshake grows the stack of its goroutine. An
// idle connection should not keep that: its requests get a goroutine of their
// own.
func (s *Server) start(c *Conn) {
	s.running.Go(func() {
		if c.greeted() {
			s.running.Go(c.serve)
		}
	})
}

// ServeConn serves a connection that did not come over the listener, until it
// ends.
func (s *Server) ServeConn(nc interface {
	net.Conn
	CloseWrite() error
}) {
	if c := s.open(plainSocket{nc}); c != nil && c.greeted() {
		c.serve()
	}
}

// open counts a connection in; nil when a limit is reached.
func (s *Server) open(sock socket) *Conn {
	c := newConn(s, sock)
	if why := s.register(c); why != "" {
		s.stats.Rejected.Add(1)
		s.warn("connection refused", "client", c.remote, "why", why)
		sock.Close()
		return nil
	}
	return c
}

// register counts the connection in, or says which limit it would exceed.
func (s *Server) register(c *Conn) (refused string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ip := c.remote.Addr()
	switch {
	case s.closed:
		return "server closing"
	case s.cfg.MaxTotal > 0 && len(s.conns) >= s.cfg.MaxTotal:
		return "maxCnxns reached"
	case s.cfg.MaxPerIP > 0 && s.perIP[ip] >= s.cfg.MaxPerIP:
		return "maxClientCnxns reached for this address"
	}
	s.conns[c] = struct{}{}
	s.perIP[ip]++
	return ""
}

func (s *Server) unregister(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.conns[c]; !ok {
		return
	}
	delete(s.conns, c)
	ip := c.remote.Addr()
	if s.perIP[ip]--; s.perIP[ip] <= 0 {
		delete(s.perIP, ip)
	}
}

// warn logs at most one line a second; what it left out is counted in the next.
func (s *Server) warn(msg string, args ...any) {
	s.mu.Lock()
	now := time.Now()
	if now.Sub(s.warned) < time.Second {
		s.refused++
		s.mu.Unlock()
		return
	}
	if s.refused > 0 {
		args = append(args, "suppressed", s.refused)
	}
	s.warned, s.refused = now, 0
	s.mu.Unlock()
	s.log.Warn(msg, args...)
}

// touch remembers that a commit appended to c. The pipeline calls it, through
// Complete and Deliver.
func (s *Server) touch(c *Conn) {
	if !c.touched {
		c.touched = true
		s.touched = append(s.touched, c)
	}
}

// flushShare is the number of connections whose flush is worth another
// goroutine.
const flushShare = 64

// share has the connections that an event touched flushed by another goroutine
// as soon as there are enough of them: a watch event on a thousand connections
// is a thousand system calls, which need not wait until it is in the last queue.
// What commits append to them later leaves with the flush of the batch.
func (s *Server) share() {
	if len(s.touched)-s.shared < flushShare {
		return
	}
	part := s.touched[s.shared:]
	s.shared = len(s.touched)
	s.sharing.Go(func() { flushAll(part) })
}

// Flush writes out what the connections touched by commits have queued, without
// waiting for any of them. It belongs to the pipeline's goroutine.
func (s *Server) Flush() {
	for _, c := range s.touched {
		c.touched = false
	}
	flushAll(s.touched[s.shared:])
	for i := s.shared - 1; i >= 0; i-- { // the others began at the other end
		s.touched[i].flush()
	}
	s.sharing.Wait()
	clear(s.touched)
	s.touched, s.shared = s.touched[:0], 0
}

// eventBuffer is the event's frame for the queues of all its connections. It
// belongs to the pipeline's goroutine.
func (s *Server) eventBuffer(ev *watch.Event) *buffer {
	if s.event != ev {
		s.event, s.eventFrame = ev, &buffer{b: ev.Frame(), shared: true}
	}
	return s.eventFrame
}

func flushAll(list []*Conn) {
	for _, c := range list {
		c.flush()
	}
}

// CloseConns closes the listener and every connection at once, without waiting
// for their goroutines: the first thing a failed server does.
func (s *Server) CloseConns(why string) {
	s.mu.Lock()
	if s.ln != nil {
		s.ln.Close()
	}
	if s.secureLn != nil {
		s.secureLn.Close()
	}
	s.closed = true
	list := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	s.mu.Unlock()
	s.gate.open()
	for _, c := range list {
		c.closeNow(why)
	}
}

// DropConns closes every connection at once and goes on accepting: what a
// member of an ensemble does that has lost its leader.
func (s *Server) DropConns(why string) {
	for _, c := range s.all() {
		c.closeNow(why)
	}
}

// Close closes the listener and every connection, and waits until all their
// goroutines have ended.
func (s *Server) Close() {
	s.CloseConns("server closing")
	s.running.Wait()
}

// all returns the connections that are there, but for those that linger.
func (s *Server) all() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		if !c.lingers.Load() {
			list = append(list, c)
		}
	}
	return list
}

// Few tells that there are no more than n connections.
func (s *Server) Few(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns) <= n
}

// Count is the number of connections, but for those that linger.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for c := range s.conns {
		if !c.lingers.Load() {
			n++
		}
	}
	return n
}

// Totals are the counters of all connections.
func (s *Server) Totals() *Totals { return &s.stats }

// Outstanding is the number of writes handed to the pipeline that are not
// answered yet.
func (s *Server) Outstanding() int { return s.gate.used() }
