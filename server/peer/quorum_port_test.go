package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/peer"
	"zookit/server/zab"
)

// A sink gathers what connections of the quorum port deliver.
type sink struct {
	t  *testing.T
	ch chan delivery
}

type delivery struct {
	in *peer.Inbox
	ev zab.Event
}

func newSink(t *testing.T) *sink { return &sink{t, make(chan delivery, 10_000)} }

func (s *sink) deliver(in *peer.Inbox, ev zab.Event) { s.ch <- delivery{in, ev} }

// next is the next event, released.
func (s *sink) next() zab.Event {
	s.t.Helper()
	select {
	case d := <-s.ch:
		d.in.Release(d.ev)
		return d.ev
	case <-time.After(patience):
		s.t.Fatal("no event")
		return nil
	}
}

func (s *sink) packet() quorum.Packet {
	s.t.Helper()
	ev := s.next()
	r, ok := ev.(zab.Received)
	if !ok {
		s.t.Fatalf("%#v, want a packet", ev)
	}
	return r.Packet
}

// A pair is a leader's quorum port and one learner.
type pair struct {
	t        *testing.T
	leader   *sink
	learner  *sink
	learners *peer.Learners
	link     *peer.LeaderLink
	conn     zab.Conn // at the leader
}

const linkID zab.Conn = 7

func listenLoopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func newPair(t *testing.T, change func(*peer.QuorumConfig)) *pair {
	t.Helper()
	p := &pair{t: t, leader: newSink(t), learner: newSink(t)}
	cfg := peer.QuorumConfig{Timeout: patience, DialPause: time.Millisecond, Log: func(after, through protocol.Zxid, f func(protocol.Zxid, []byte) error) error {
		for z := after + 1; z <= through; z++ {
			if err := f(z, []byte{byte(z)}); err != nil {
				return err
			}
		}
		return nil
	}}
	if change != nil {
		change(&cfg)
	}
	ln := listenLoopback(t)
	cfg.Deliver = p.leader.deliver
	p.learners = peer.NewLearners(cfg, ln)
	t.Cleanup(p.learners.Close)
	cfg.Deliver = p.learner.deliver
	p.link = peer.DialLeader(cfg, linkID, []string{ln.Addr().String()})
	t.Cleanup(p.link.Close)
	if ev := p.learner.next(); ev != (zab.Connected{Conn: linkID}) {
		t.Fatalf("learner: %#v", ev)
	}
	up, ok := p.leader.next().(zab.Connected)
	if !ok {
		t.Fatal("leader: no Connected")
	}
	p.conn = up.Conn
	return p
}

func (p *pair) say(packet quorum.Packet) {
	p.learners.Send(zab.Message{To: p.conn, Packet: packet}, nil)
	p.learners.Flush()
}

// snapshot is one that says what became of it.
type snapshot struct {
	text string
	err  error
	done chan string
}

func (s *snapshot) Send(w io.Writer) error {
	if s.err != nil {
		s.done <- "failed"
		return s.err
	}
	_, err := io.WriteString(w, s.text)
	s.done <- "sent"
	return err
}
func (s *snapshot) Close() { s.done <- "closed" }

func TestPacketsBothWays(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.link.Send(zab.Message{Packet: quorum.Packet{Type: quorum.FollowerInfo, Zxid: 5, Data: []byte("info"), Auth: []protocol.ID{{Scheme: "ip", ID: "::1"}}}})
	p.link.Flush()
	if got := p.leader.packet(); got.Type != quorum.FollowerInfo || got.Zxid != 5 || string(got.Data) != "info" || len(got.Auth) != 1 {
		t.Errorf("leader has %+v", got)
	}
	p.say(quorum.Packet{Type: quorum.Diff, Zxid: 3})
	p.learners.Send(zab.Message{To: p.conn, Kind: zab.LogRange, After: 1, Through: 3}, nil)
	p.learners.Flush()
	p.say(quorum.Packet{Type: quorum.NewLeader, Data: []byte("config")})
	p.learners.Send(zab.Message{To: p.conn + 1, Packet: quorum.Packet{Type: quorum.Ping}}, nil) // nobody
	p.learners.Flush()
	var got []string
	for range 6 {
		q := p.learner.packet()
		got = append(got, fmt.Sprintf("%v %d %d", q.Type, q.Zxid, len(q.Data)))
	}
	want := fmt.Sprintf("%v 3 0,%v 2 1,%v 2 0,%v 3 1,%v 3 0,%v 0 6", quorum.Diff, quorum.Proposal, quorum.Commit, quorum.Proposal, quorum.Commit, quorum.NewLeader)
	if strings.Join(got, ",") != want {
		t.Errorf("learner has %v, want %v", got, want)
	}
	// What is queued goes out before the end.
	p.say(quorum.Packet{Type: quorum.UpToDate, Zxid: 9})
	p.learners.End(zab.Closing{Conn: p.conn, Why: "test"})
	if got := p.learner.packet(); got.Type != quorum.UpToDate {
		t.Errorf("learner has %+v", got)
	}
	if ev := p.learner.next(); ev != (zab.Disconnected{Conn: linkID}) {
		t.Errorf("learner: %#v", ev)
	}
	if ev := p.leader.next(); ev != (zab.Disconnected{Conn: p.conn}) {
		t.Errorf("leader: %#v", ev)
	}
}

// The snapshot behind a SNAP is read by whoever installs it, and the packets
// behind it after that.
func TestSnapshotBetweenPackets(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	s := &snapshot{text: strings.Repeat("tree", 100_000), done: make(chan string, 1)}
	p.learners.Send(zab.Message{To: p.conn, Kind: zab.SnapshotStream, Packet: quorum.Packet{Type: quorum.Snap, Zxid: 4}}, s)
	p.learners.Flush()
	p.say(quorum.Packet{Type: quorum.NewLeader})
	if got := p.learner.packet(); got.Type != quorum.Snap {
		t.Fatalf("learner has %+v", got)
	}
	var read []byte
	progress := 0
	err := p.link.ReadSnapshot(func() { progress++ }, func(in io.Reader) (err error) {
		read = make([]byte, len(s.text))
		_, err = io.ReadFull(in, read)
		return err
	})
	if err != nil || !bytes.Equal(read, []byte(s.text)) || progress == 0 || <-s.done != "sent" {
		t.Fatalf("%d bytes, %v, progress told %d times", len(read), err, progress)
	}
	if got := p.learner.packet(); got.Type != quorum.NewLeader {
		t.Errorf("learner has %+v", got)
	}
}

// A snapshot that fails ends the connection; one that is never sent is closed.
func TestSnapshotFails(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	bad := &snapshot{err: errors.New("abandoned"), done: make(chan string, 1)}
	late := &snapshot{done: make(chan string, 1)}
	snap := zab.Message{To: p.conn, Kind: zab.SnapshotStream, Packet: quorum.Packet{Type: quorum.Snap}}
	p.learners.Send(snap, bad)
	p.learners.Flush()
	p.learners.Send(snap, late)
	p.learners.Flush()
	if ev := p.leader.next(); ev != (zab.Disconnected{Conn: p.conn}) {
		t.Errorf("leader: %#v", ev)
	}
	if a, b := <-bad.done, <-late.done; a != "failed" || b != "closed" {
		t.Errorf("%s, %s", a, b)
	}
	gone := &snapshot{done: make(chan string, 1)}
	p.learners.Send(snap, gone)
	p.learners.Flush()
	if got := <-gone.done; got != "closed" {
		t.Errorf("to a connection that is gone: %s", got)
	}
}

// What is read and not released is bounded: the sender waits.
func TestInboxBound(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *peer.QuorumConfig) { c.MaxInbox = 10_000 })
	const n = 2000
	for i := range n {
		p.link.Send(zab.Message{Packet: quorum.Packet{Type: quorum.Request, Zxid: protocol.Zxid(i), Data: make([]byte, 1000)}})
		p.link.Flush()
	}
	first := <-p.leader.ch
	// Never more are delivered at a time than fit, however long one waits.
	for i := 0; ; i++ {
		if held := len(p.leader.ch) + 1; held > 10_000/1000 {
			t.Fatalf("%d packets of 1000 bytes are held, the limit is 10000 bytes", held)
		}
		r, ok := first.ev.(zab.Received)
		if !ok || r.Packet.Zxid != protocol.Zxid(i) {
			t.Fatalf("%#v, want packet %d", first.ev, i)
		}
		first.in.Release(first.ev)
		if i == n-1 {
			break
		}
		first = <-p.leader.ch
	}
}

// A learner that takes nothing in loses its connection, and nobody waits for
// it.
func TestOutboxBound(t *testing.T) {
	t.Parallel()
	s := newSink(t)
	ln := listenLoopback(t)
	learners := peer.NewLearners(peer.QuorumConfig{Deliver: s.deliver, Timeout: patience, MaxOutbox: 1 << 20}, ln)
	t.Cleanup(learners.Close)
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	up := s.next().(zab.Connected)
	data := make([]byte, 64<<10)
	for range 10_000 {
		learners.Send(zab.Message{To: up.Conn, Packet: quorum.Packet{Type: quorum.Proposal, Data: data}}, nil)
		learners.Flush()
	}
	if ev := s.next(); ev != zab.Event(zab.Disconnected(up)) {
		t.Errorf("%#v", ev)
	}
}

// Garbage and silence cost their sender the connection.
func TestQuorumPortGarbage(t *testing.T) {
	t.Parallel()
	for name, bytes := range map[string][]byte{
		"http":             []byte("GET / HTTP/1.0\r\n\r\n"),
		"a huge packet":    {0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff},
		"a negative one":   {0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0},
		"half a packet":    {0, 0, 0, 11, 0, 0},
		"nothing":          nil,
		"a million logins": {0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSink(t)
			ln := listenLoopback(t)
			const silence = 100 * time.Millisecond
			learners := peer.NewLearners(peer.QuorumConfig{Deliver: s.deliver, Timeout: silence}, ln)
			t.Cleanup(learners.Close)
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if _, err := c.Write(bytes); err != nil {
				t.Fatal(err)
			}
			up := s.next().(zab.Connected)
			if ev := s.next(); ev != zab.Event(zab.Disconnected(up)) {
				t.Errorf("%#v", ev)
			}
		})
	}
}

// A leader that is not there after some attempts is given up.
func TestDialGivesUp(t *testing.T) {
	t.Parallel()
	s := newSink(t)
	refused := func(context.Context, string) (net.Conn, error) { return nil, errors.New("refused") }
	link := peer.DialLeader(peer.QuorumConfig{Deliver: s.deliver, DialPause: time.Millisecond, Dial: refused}, 1, []string{"127.0.0.1:1"})
	defer link.Close()
	if ev := s.next(); ev != (zab.Disconnected{Conn: 1}) {
		t.Errorf("%#v", ev)
	}
}

// A learner dials until there is a leader, and Close ends the dialing.
func TestDialUntilThereIsALeader(t *testing.T) {
	t.Parallel()
	ln := listenLoopback(t)
	address := ln.Addr().String()
	ln.Close()
	s := newSink(t)
	cfg := peer.QuorumConfig{Deliver: s.deliver, DialPause: time.Second}
	link := peer.DialLeader(cfg, 1, []string{address})
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	leader := newSink(t)
	learners := peer.NewLearners(peer.QuorumConfig{Deliver: leader.deliver}, ln)
	if ev := s.next(); ev != (zab.Connected{Conn: 1}) {
		t.Errorf("%#v", ev)
	}
	learners.Close()
	if ev := s.next(); ev != (zab.Disconnected{Conn: 1}) {
		t.Errorf("%#v", ev)
	}
	link.Close()
	never := peer.DialLeader(cfg, 2, []string{address})
	never.Close()
}
