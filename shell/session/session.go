// Package session is the shell's ZooKeeper session: every operation of the
// client protocol, watches that survive reconnects, and events in order.
//
// go-zookeeper/zk holds the session: it connects, reconnects, pings, keeps the
// session's id and password and closes it. Everything else goes over the same
// TCP connection through a tap, the net.Conn that its dialer returns: requests
// are the records of package protocol with xids from a range the library does
// not reach, and their replies, all watch events and all error codes are taken
// out before the library sees them. So there is one order of requests, replies
// and events, and no operation or code the library lacks.
//
// On each new connection the tap sends, before any request: the identities
// given with AddAuth, then the watches (setWatches2). Requests wait for that.
package session

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"zookit/protocol"
)

const (
	DefaultSessionTimeout = 30 * time.Second
	DefaultConnectTimeout = 5 * time.Second

	// DefaultMaxReply is the longest packet accepted from a server, in bytes.
	// It is larger than jute.maxbuffer because a server does not limit what it
	// sends: the names of a hundred thousand children are a few MiB.
	DefaultMaxReply = 256 << 20
)

// Options say where the servers are and how to deal with them.
type Options struct {
	// Servers is the connect string, "h:p,h:p/chroot": the port is 2181 when
	// left out, an IPv6 address with a port stands in brackets.
	Servers string

	SessionTimeout time.Duration // to ask for; 0 is DefaultSessionTimeout
	ConnectTimeout time.Duration // for finding a server, at the start and after a loss; 0 is DefaultConnectTimeout

	// KeepTrying waits for a server until ConnectTimeout even when every one
	// has refused. Otherwise two refusals of each server are the end.
	KeepTrying bool

	// Background makes Dial return at once, in state CONNECTING.
	Background bool

	ReadOnly  bool        // a read-only server will do
	Frozen    bool        // nothing is to be changed through this session: a request that writes is a *FrozenError
	TLS       *tls.Config // nil is plain TCP; an empty ServerName becomes the host dialed
	MaxBuffer int         // jute.maxbuffer of the servers, in bytes: a longer request is refused; 0 is protocol.DefaultMaxBuffer
	MaxReply  int         // longest packet accepted, in bytes; 0 is DefaultMaxReply

	// Identities are sent on each connection before anything else, as those of
	// AddAuth are.
	Identities []Identity

	// OnEvent gets every event, one at a time and in order, on a goroutine of
	// the session. It may be slow, since events wait for it without holding
	// up the session, but it must not call Close.
	OnEvent func(Event)

	Logger *slog.Logger // nil logs nothing
}

// Identity is what AddAuth takes.
type Identity struct {
	Scheme string
	Auth   []byte
}

// State is the word Apache's prompt shows (ZooKeeper.States in 3.9).
type State string

const (
	StateConnecting State = "CONNECTING"
	StateConnected  State = "CONNECTED"
	StateReadOnly   State = "CONNECTEDREADONLY"
	StateClosed     State = "CLOSED"
)

// Session is an open session. All methods may be called from any goroutine.
// Paths are the caller's; the chroot is put before them and taken off results,
// errors and events. Every call returns soon after its context ends, and the
// session stays.
type Session struct {
	c      *core
	chroot string // "" or an absolute path
}

// Chroot is the path that is put before every other, "" for none.
func (s *Session) Chroot() string { return s.chroot }

// Unrooted is the same session without its chroot.
func (s *Session) Unrooted() *Session { return &Session{c: s.c} }

// State is the state of the connection.
func (s *Session) State() State { return s.c.state() }

// SessionID is the id of the session, 0 before the first connection.
func (s *Session) SessionID() protocol.SessionID { return s.c.sessionID() }

// Server is the host:port of the current connection, "" when there is none.
func (s *Session) Server() string { return s.c.server() }

// Timeout is the session timeout the server granted, 0 before the first
// connection.
func (s *Session) Timeout() time.Duration { return s.c.timeout() }

// Watches lists the watches the session holds, sorted.
func (s *Session) Watches() []Watch { return s.c.listWatches() }

// Ephemerals lists the ephemeral znodes this session created and did not
// delete, sorted, as far as it knows without asking.
func (s *Session) Ephemerals() []string { return s.c.listEphemerals() }

// Settle waits until OnEvent has returned from every event that has arrived so
// far, or ctx ends. A server sends the events of a change before the reply to
// whoever reads or makes it, so after a call and Settle they have been told.
// OnEvent must not call it.
func (s *Session) Settle(ctx context.Context) { s.c.events.settle(ctx) }

// Close ends the session at the server and releases everything. It takes at
// most until the context ends, or two seconds; an error says that the server
// did not confirm, so that the session's ephemerals stay until it times out. A
// second Close does nothing.
func (s *Session) Close(ctx context.Context) error { return s.c.close(ctx) }
