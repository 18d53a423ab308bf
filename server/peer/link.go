package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/election"
)

// redialAfter is how long a connection must have stood for the larger id to
// dial at once when it breaks.
const redialAfter = time.Second

// A link is one connection behind its initial message: a reader and a writer.
type link struct {
	conn  net.Conn
	since time.Time
	heard bool          // it has brought a message; Connections.mu guards it
	pulse chan struct{} // capacity 1: something waits
	gone  chan struct{} // closed with the link
	once  sync.Once
}

func (l *link) wake() {
	select {
	case l.pulse <- struct{}{}:
	default:
	}
}

// close ends the link; its goroutines find out.
func (l *link) close() {
	l.once.Do(func() {
		close(l.gone)
		_ = l.conn.Close()
	})
}

// establish makes conn the connection of a server, in place of an older one.
// mu is held.
func (m *Connections) establish(r *remote, conn net.Conn) {
	if m.closed {
		_ = conn.Close()
		return
	}
	if r.link != nil {
		r.link.close()
	}
	l := &link{conn: conn, since: time.Now(), pulse: make(chan struct{}, 1), gone: make(chan struct{})}
	r.link = l
	if r.waiting == nil {
		r.waiting = r.last // it may have been lost with the connection before
	}
	l.wake()
	m.config.Log.Debug("election connection", "sid", r.sid, "remote", conn.RemoteAddr().String())
	m.spawn(func() { m.write(r, l) })
	m.spawn(func() {
		err := m.read(r, l)
		m.ended(r, l, err)
	})
}

// write sends what waits until the link is gone.
func (m *Connections) write(r *remote, l *link) {
	for {
		select {
		case <-l.pulse:
		case <-l.gone:
			return
		}
		m.mu.Lock()
		b := r.waiting
		if r.link != l {
			b = nil
		}
		if b != nil {
			r.waiting, r.last = nil, b
		}
		m.mu.Unlock()
		if b == nil {
			continue
		}
		_ = l.conn.SetWriteDeadline(time.Now().Add(m.config.SocketTimeout))
		if _, err := l.conn.Write(b); err != nil {
			l.close()
			return
		}
	}
}

// errNotification marks bytes that no server of an ensemble sends.
var errNotification = errors.New("not a notification")

// read hands on what comes until the link is gone.
func (m *Connections) read(r *remote, l *link) error {
	frames := protocol.NewFrameReader(bufio.NewReaderSize(l.conn, 512), quorum.MaxNotification)
	for {
		b, err := frames.Next()
		switch {
		case errors.Is(err, protocol.ErrFrameLength):
			return fmt.Errorf("%w: a message longer than %d bytes", errNotification, quorum.MaxNotification)
		case err != nil:
			return err
		}
		n := new(quorum.Notification)
		if err := n.Decode(jute.NewDecoder(b)); err != nil {
			return fmt.Errorf("%w: %w", errNotification, err)
		}
		m.heard(l)
		m.compare(r, l.conn.RemoteAddr().String(), n.Config)
		select {
		case m.events <- election.Received{From: r.sid, Notification: n}:
		case <-l.gone:
			return io.EOF
		}
	}
}

func (m *Connections) heard(l *link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.heard = true
}

// ended takes a link out of use.
func (m *Connections) ended(r *remote, l *link, err error) {
	l.close()
	if errors.Is(err, errNotification) || alert(err) {
		m.log.say(l.conn.RemoteAddr().String(), "election connection closed", "sid", r.sid, "error", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.link != l {
		return
	}
	r.link = nil
	if !m.missed(r, l) && !r.stranger && r.sid < m.config.ID && time.Since(l.since) >= redialAfter {
		m.dial(r)
	}
	m.forget(r)
}

// compare warns of a server that knows other voters: the
// two would not agree on what a quorum is.
func (m *Connections) compare(r *remote, from string, text []byte) {
	m.mu.Lock()
	known := text == nil || r.config == string(text)
	if !known {
		r.config = string(text)
	}
	servers := m.config.Servers
	m.mu.Unlock()
	if known {
		return
	}
	theirs, err := quorum.ParseConfig(string(text))
	switch {
	case err != nil:
		m.log.say(from, "the configuration of a server cannot be read", "sid", r.sid, "error", err)
	case theirs.Version == servers.Version && !theirs.SameVoting(servers):
		m.log.say(from, "a server has other voters in its configuration; make the server lines, groups and weights the same on all servers",
			"sid", r.sid, "theirs", theirs.String(), "ours", servers.String())
	}
}
