package peer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/election"
	"zookit/server/peer"
	"zookit/server/peer/peertest"
)

// patience bounds every wait of these tests; nothing comes near it unless it
// is broken.
const patience = 20 * time.Second

// An ensemble has an election port for each of its servers.
type ensemble struct {
	t         *testing.T
	config    *quorum.Config
	listeners map[int64]net.Listener
}

// newEnsemble takes n ports, for servers 1 to n.
func newEnsemble(t *testing.T, n int) *ensemble {
	t.Helper()
	e := &ensemble{t: t, config: &quorum.Config{}, listeners: map[int64]net.Listener{}}
	for sid := int64(1); sid <= int64(n); sid++ {
		ln := listen(t)
		e.listeners[sid] = ln
		e.config.Members = append(e.config.Members, quorum.Member{ID: sid,
			Addresses: []quorum.Address{{Host: "127.0.0.1", QuorumPort: 1, ElectionPort: ln.Addr().(*net.TCPAddr).Port}}})
	}
	return e
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// connections runs the connection manager of one server.
func (e *ensemble) connections(sid int64, change ...func(*peer.ConnectionsConfig)) *peer.Connections {
	e.t.Helper()
	c := peer.ConnectionsConfig{ID: sid, Servers: e.config}
	for _, f := range change {
		f(&c)
	}
	m, err := peer.NewConnections(c, e.listeners[sid])
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(m.Close)
	return m
}

// A server is a connection manager with an elector.
type server struct {
	*peer.Connections
	*peertest.Elector
	id int64
}

func (s *server) Close() {
	s.Elector.Close()
	s.Connections.Close()
}

func (e *ensemble) server(sid int64, change ...func(*peer.ConnectionsConfig)) *server {
	e.t.Helper()
	v, err := quorum.NewVerifier(e.config)
	if err != nil {
		e.t.Fatal(err)
	}
	core, err := election.New(election.Config{ID: sid, Verifier: v, ConfigText: []byte(e.config.String())})
	if err != nil {
		e.t.Fatal(err)
	}
	s := &server{Connections: e.connections(sid, change...), id: sid}
	s.Elector = peertest.NewElector(core, s.Connections, nil)
	e.t.Cleanup(s.Close)
	return s
}

func (s *server) decision(t *testing.T) election.Decision {
	t.Helper()
	select {
	case d := <-s.Decisions():
		return d
	case <-time.After(patience):
		t.Fatalf("server %d: no decision", s.id)
		panic("unreachable")
	}
}

// agree waits until these have decided for the leader, and tell their states.
func agree(t *testing.T, leader int64, servers ...*server) {
	t.Helper()
	for _, s := range servers {
		d := s.decision(t)
		want := quorum.Following
		if s.id == leader {
			want = quorum.Leading
		}
		if d.Leader != leader || d.State != want {
			t.Fatalf("server %d decided %+v, want %v with leader %d", s.id, d, want, leader)
		}
	}
}

// event waits for the next event of a connection manager.
func event(t *testing.T, m *peer.Connections) election.Event {
	t.Helper()
	select {
	case ev := <-m.Events():
		return ev
	case <-time.After(patience):
		t.Fatal("no event")
		panic("unreachable")
	}
}

// awaitReached takes events until a connection to sid stands.
func awaitReached(t *testing.T, m *peer.Connections, sid int64) {
	t.Helper()
	for {
		if ev := event(t, m); ev == (election.Reached{Sid: sid}) {
			return
		}
	}
}

// awaitConnected waits until a server is connected to these and nobody else. Two
// that dial one another drop a connection, so for a moment there may be none.
func (s *server) awaitConnected(t *testing.T, want []int64) {
	t.Helper()
	var got []int64
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		got = s.Connected()
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("server %d is connected to %v, want %v", s.id, got, want)
}

// note is a notification that can be told from others by its round.
func note(round int64) *quorum.Notification {
	return &quorum.Notification{Leader: 1, ElectionEpoch: round, Version: quorum.NotificationVersion, Config: []byte("version=0")}
}

func message(to, round int64) election.Message {
	return election.Message{To: to, Notification: note(round)}
}

// A raw is the other end of an election connection, played by hand.
type raw struct {
	t *testing.T
	net.Conn
}

func dialRaw(t *testing.T, ln net.Listener, greeting []byte) *raw {
	t.Helper()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r := &raw{t, c}
	_ = c.SetDeadline(time.Now().Add(patience))
	r.write(greeting)
	return r
}

func acceptRaw(t *testing.T, ln net.Listener) *raw {
	t.Helper()
	_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &raw{t, c}
}

func greeting(sid int64, address string) []byte {
	return (&quorum.InitialMessage{Form: quorum.InitialAddress, ServerID: sid, Addresses: []string{address}}).AppendTo(nil)
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) hello() *quorum.InitialMessage {
	r.t.Helper()
	m := new(quorum.InitialMessage)
	if err := m.Read(r.Conn); err != nil {
		r.t.Fatal(err)
	}
	return m
}

func (r *raw) send(n *quorum.Notification) {
	r.t.Helper()
	b := n.AppendTo(nil)
	r.write(append(jute.AppendInt(nil, int32(len(b))), b...))
}

// round reads one notification and gives its round.
func (r *raw) round() int64 {
	r.t.Helper()
	b, err := protocol.NewFrameReader(r.Conn, quorum.MaxNotification).Next()
	var n quorum.Notification
	if err == nil {
		err = n.Decode(jute.NewDecoder(b))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return n.ElectionEpoch
}

// closed waits until the other side has closed.
func (r *raw) closed(why string) {
	r.t.Helper()
	if b, err := io.ReadAll(r.Conn); len(b) > 0 || isTimeout(err) {
		r.t.Errorf("%s: %d bytes, %v, want the connection closed", why, len(b), err)
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// A logbook keeps what is logged.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// lines that contain text.
func (l *logbook) lines(text string) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.SplitSeq(l.b.String(), "\n") {
		if strings.Contains(line, text) {
			out = append(out, line)
		}
	}
	return out
}

func withLog(l *logbook) func(*peer.ConnectionsConfig) {
	return func(c *peer.ConnectionsConfig) { c.Log = l.logger() }
}

// blackhole makes dials to some servers hang, as to a machine that is switched
// off, until they are given up.
func (e *ensemble) blackhole(sids ...int64) func(*peer.ConnectionsConfig) {
	dead := map[string]bool{}
	for _, sid := range sids {
		m, _ := e.config.Member(sid)
		dead[m.Addresses[0].Election()] = true
	}
	return func(c *peer.ConnectionsConfig) {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			if dead[address] {
				<-ctx.Done()
				return nil, fmt.Errorf("dial %s: %w", address, ctx.Err())
			}
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
}
