package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server"
	"zookit/server/zktest"
)

// FuzzClientPort gives arbitrary bytes, in pieces of any length, to a connection
// of a whole server: handshake, frames, dispatch, prep, log, tree, watches. No
// panic, no end of the server; what comes back is whole frames, replies in the
// order of the requests; and the next client is served.
func FuzzClientPort(f *testing.F) {
	for _, seed := range capturedSessions(f) {
		f.Add(seed, uint16(0xffff))
		f.Add(seed, uint16(7))
	}
	f.Add([]byte("srvr\n"), uint16(3))
	f.Add([]byte("stmk\x00\x00\x00\x00\x00\x00\x00\x01"), uint16(5))
	f.Add(length(-1), uint16(1))
	f.Add(append(length(protocol.DefaultMaxBuffer), 1, 2, 3), uint16(9))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(99))
	f.Fuzz(func(t *testing.T, in []byte, piece uint16) {
		srv, err := server.New(zktest.Config(), server.InMemory(), server.WithFourLetterWords("*"), server.WithLogger(slog.New(bugs{t})))
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.Start(); err != nil {
			t.Fatal(err)
		}
		defer srv.Close()

		// The ping at the end is answered behind every write before it.
		in = append(slices.Clone(in), zktest.Request(nil, protocol.XidPing, protocol.OpPing, nil)...)
		out := play(srv, in, int(piece)+1)
		if !isWord(in) {
			sameOrder(t, requested(in), replied(t, out))
		}
		good := connectFrame()
		good = zktest.Request(good, 1, protocol.OpExists, &protocol.ExistsRequest{Path: "/"})
		if got := replied(t, play(srv, good, len(good))); !slices.Equal(got, []int32{1}) {
			t.Errorf("the next client got replies %d", got)
		}
		if err := srv.Err(); err != nil {
			t.Error(err)
		}
	})
}

func connectFrame() []byte {
	return protocol.AppendFrame(nil, &protocol.ConnectRequest{TimeoutMs: 30_000, Password: make([]byte, protocol.PasswordLen)})
}

// capturedSessions is what clients sent to Apache 3.8.0, one element a
// connection.
func capturedSessions(t testing.TB) [][]byte {
	t.Helper()
	f, err := os.Open("../testdata/wire/client-3.8.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sessions [][]byte
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		parts := strings.Fields(lines.Text())
		if len(parts) != 3 || parts[0] != ">" {
			continue
		}
		body, err := hex.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		if parts[1] == "connect" {
			sessions = append(sessions, nil)
		}
		last := &sessions[len(sessions)-1]
		*last = append(append(*last, length(int32(len(body)))...), body...)
	}
	if len(sessions) < 2 {
		t.Fatalf("%d captured sessions", len(sessions))
	}
	return sessions
}

// play lets a server read in, piece by piece, and returns what it wrote.
func play(srv *server.Server, in []byte, piece int) []byte {
	s := &script{in: in, piece: piece}
	srv.ServeConn(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out
}

// script is a connection in memory: its reads give a fixed text in pieces, and
// then the end.
type script struct {
	mu       sync.Mutex
	in, out  []byte
	piece    int
	deadline time.Time
	closed   bool
}

func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case !s.deadline.IsZero() && time.Now().After(s.deadline):
		return 0, os.ErrDeadlineExceeded
	case len(s.in) == 0:
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.piece)], s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	s.out = append(s.out, p...)
	return len(p), nil
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *script) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	return nil
}

func (s *script) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) CloseWrite() error                { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2181} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000} }

// bugs fails the test when the server logs an error: a panic that was contained
// is one.
type bugs struct{ t *testing.T }

func (b bugs) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (b bugs) WithAttrs([]slog.Attr) slog.Handler           { return b }
func (b bugs) WithGroup(string) slog.Handler                { return b }
func (b bugs) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	b.t.Error(text)
	return nil
}

func isWord(in []byte) bool { return len(in) > 0 && in[0] >= 'a' }

// requested lists the xids that replies should have: those of the requests
// behind the connect packet, as far as they are whole. It is nil when some
// cannot be told from other packets, or are answered out of turn.
func requested(in []byte) []int32 {
	frames := protocol.NewFrameReader(bytes.NewReader(in), protocol.DefaultMaxBuffer)
	if _, err := frames.Next(); err != nil {
		return nil
	}
	xids := []int32{}
	for {
		frame, err := frames.Next()
		var h protocol.RequestHeader
		if err != nil || h.Decode(jute.NewDecoder(frame)) != nil {
			return xids
		}
		switch {
		case h.Type == protocol.OpPing:
			h.Xid = protocol.XidPing
		case h.Xid == protocol.XidNotification, h.Type == protocol.OpAuth, h.Type == protocol.OpSASL:
			return nil
		}
		xids = append(xids, h.Xid)
	}
}

// replied lists the xids of the replies, and fails the test unless the bytes are
// whole packets.
func replied(t *testing.T, out []byte) []int32 {
	t.Helper()
	frames := protocol.NewFrameReader(bytes.NewReader(out), 64<<20)
	frame, err := frames.Next()
	if err == io.EOF {
		return nil
	}
	var c protocol.ConnectResponse
	if err != nil || c.Decode(jute.NewDecoder(frame)) != nil {
		t.Fatalf("no connect response: %x, %v", out, err)
	}
	var xids []int32
	for {
		frame, err := frames.Next()
		if err == io.EOF {
			return xids
		}
		var h protocol.ReplyHeader
		if err != nil || h.Decode(jute.NewDecoder(frame)) != nil {
			t.Fatalf("no packet: %x, %v", frame, err)
		}
		if h.Xid != protocol.XidNotification {
			xids = append(xids, h.Xid)
		}
	}
}

// sameOrder fails the test unless the replies are those of the first requests.
func sameOrder(t *testing.T, requests, replies []int32) {
	t.Helper()
	if requests != nil && (len(replies) > len(requests) || !slices.Equal(replies, requests[:len(replies)])) {
		t.Errorf("requests %d got replies %d", requests, replies)
	}
}
