package command

import (
	"context"
	"fmt"
	"time"

	"zookit/protocol"
	"zookit/shell/session"
)

// closeTimeout bounds the wait for the server's answer to closeSession.
const closeTimeout = 2 * time.Second

// Dial opens a session with the servers of a connect string. onEvent is called
// as session.Options.OnEvent says.
type Dial func(ctx context.Context, servers string, onEvent func(session.Event)) (Session, error)

// connection is one of those the shell holds: a session, or what it takes to
// open one. Its fields are guarded by Shell.mu.
type connection struct {
	profile *Profile
	session Session         // nil until a command needs it
	closed  bool            // by close: only connect opens a new session
	lost    []session.Watch // ended with a session that expired, until they are set again
	expired bool            // the session expired and nothing was said to that since

	dir, lastDir string // where relative paths begin, and where they did before cd; "" is the root, and no cd yet

	listener func(*session.Event) bool // of a running watch command; see Shell.listen
}

// here is the connection that commands work on.
func (s *Shell) here() *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

// find is the connection that is called so, or nil.
func (s *Shell) find(label string) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.profile.Label() == label {
			return c
		}
	}
	return nil
}

// add is the connection of a profile; a new one is kept beside the others.
func (s *Shell) add(p *Profile) *connection {
	if c := s.find(p.Label()); c != nil {
		return c
	}
	c := &connection{profile: p}
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	return c
}

// Current is the open session that commands work on, or nil.
func (s *Shell) Current() Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.session
}

// Profile is that of the connection commands work on.
func (s *Shell) Profile() *Profile { return s.here().profile }

// isClosed tells that the session was closed and nothing connected since.
func (s *Shell) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.closed
}

// NeverConnected tells that no session has been opened since the start or the
// last connect.
func (s *Shell) NeverConnected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.session == nil && !s.conn.closed
}

// open is the session of a connection, a new one unless close was said.
func (s *Shell) open(ctx context.Context, c *connection) (Session, error) {
	s.mu.Lock()
	current, closed, dial := c.session, c.closed, c.profile.Dial
	s.mu.Unlock()
	switch {
	case current != nil:
		return current, nil
	case closed:
		return nil, errNotConnected
	}
	if dial == nil {
		dial = s.dialAny
	}
	opened, err := dial(ctx, c.profile.Servers, func(e session.Event) { s.onEvent(c, e) })
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	c.session = opened
	s.mu.Unlock()
	s.sessionChanged()
	return opened, nil
}

func (s *Shell) sessionChanged() {
	if s.SessionChanged != nil {
		s.SessionChanged()
	}
}

// Connect opens the session now instead of with the first command that needs
// it.
func (s *Shell) Connect(ctx context.Context) error {
	_, err := s.open(ctx, s.here())
	return err
}

// reconnect closes the session and opens one with other servers in its place.
// When that fails the next command tries again.
func (s *Shell) reconnect(ctx context.Context, p *Profile) error {
	here := s.here()
	if other := s.find(p.Label()); other != nil && other != here {
		s.drop(other)
	}
	s.closeSession(here, true)
	s.mu.Lock()
	here.profile, here.closed, here.lost, here.expired = p, false, nil, false
	here.dir, here.lastDir = "", ""
	s.mu.Unlock()
	s.sessionChanged()
	return s.Connect(ctx)
}

// drop closes a connection and forgets it.
func (s *Shell) drop(c *connection) {
	s.closeSession(c, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.conns {
		if other == c {
			s.conns = append(s.conns[:i:i], s.conns[i+1:]...)
		}
	}
}

// turnTo makes a connection the one that commands work on.
func (s *Shell) turnTo(c *connection) {
	s.mu.Lock()
	s.conn = c
	s.mu.Unlock()
	s.sessionChanged()
}

// settle lets the events that have arrived be printed first, so that what a
// script prints is in the order in which it happened.
func (s *Shell) settle(ctx context.Context) {
	s.mu.Lock()
	var open []Session
	for _, c := range s.conns {
		if c.session != nil {
			open = append(open, c.session)
		}
	}
	s.mu.Unlock()
	for _, o := range open {
		o.Settle(ctx)
	}
}

// Close ends all sessions when the shell ends. Announce tells their ids (or,
// as Apache does, an event).
func (s *Shell) Close(announce bool) {
	if s.txn != nil && len(s.txn.ops) > 0 {
		s.Out.Warn("multi: the transaction was not committed; nothing of it was done: " + count(len(s.txn.ops), "operation"))
		s.setTxn(nil)
	}
	s.mu.Lock()
	conns := append([]*connection(nil), s.conns...)
	s.mu.Unlock()
	for _, c := range conns {
		s.closeSession(c, announce)
	}
}

// closeSession ends a session without the command's context: the user's
// interrupt must not leave ephemerals behind.
func (s *Shell) closeSession(c *connection, announce bool) {
	s.mu.Lock()
	open, closed := c.session, c.closed
	c.session = nil
	s.mu.Unlock()
	if open == nil {
		if announce && s.Compat.ClosedEvent && !closed && !s.quit {
			s.closedEvent() // Apache's shell would have connected by now
		}
		return
	}
	id := open.SessionID()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := open.Close(ctx)
	s.sessionChanged()
	switch {
	case err != nil && s.Compat.Release == Own:
		s.Out.Warn(err.Error())
	case !announce:
	case s.Compat.ClosedEvent:
		s.closedEvent()
	case s.Compat.Release == Own && id != 0:
		s.Out.Note(fmt.Sprintf("Session %v closed", id))
	}
}

func (s *Shell) closedEvent() {
	s.event("", session.Event{Type: protocol.EventNone, State: session.Closed, Zxid: -1})
}
