package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
)

// bounded is a context that ends before the test binary is killed.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, o Options) *Session {
	t.Helper()
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 20 * time.Second
	}
	s, err := Dial(bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func mustCreate(t *testing.T, s *Session, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, _, err := s.Create(bounded(t), p, nil, protocol.OpenACL, protocol.FlagPersistent, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func isLoss(err error, sent bool) bool {
	var loss *ConnectionLossError
	return errors.As(err, &loss) && loss.Sent == sent && errors.Is(err, protocol.ConnectionLoss)
}

// recorder collects events as short lines.
type recorder struct {
	mu      sync.Mutex
	lines   []string
	noNotes bool
	signal  chan struct{}
}

// deaf makes the recorder leave notes out.
func (r *recorder) deaf() *recorder {
	r.noNotes = true
	return r
}

func newRecorder() *recorder { return &recorder{signal: make(chan struct{}, 1)} }

var lossTime = regexp.MustCompile(`lost for [0-9a-zµ.]+`)

func line(ev Event) string {
	switch {
	case ev.Note != "":
		return "note: " + lossTime.ReplaceAllString(ev.Note, "lost for X")
	case ev.Type != protocol.EventNone:
		return ev.Type.String() + " " + ev.Path
	case ev.State == Expired:
		return fmt.Sprintf("Expired lost=%v watches=%v", ev.LostEphemerals, ev.LostWatches)
	}
	return ev.State
}

func (r *recorder) add(ev Event) {
	if ev.Note != "" && r.noNotes {
		return
	}
	r.mu.Lock()
	r.lines = append(r.lines, line(ev))
	r.mu.Unlock()
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// await waits for as many events as are wanted and compares them.
func (r *recorder) await(t *testing.T, want ...string) {
	t.Helper()
	if got := r.take(t, want); !slices.Equal(got, want) {
		t.Fatalf("events:\n got %q\nwant %q", got, want)
	}
}

// awaitAll is await in any order.
func (r *recorder) awaitAll(t *testing.T, want ...string) {
	t.Helper()
	got := slices.Sorted(slices.Values(r.take(t, want)))
	if want := slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
		t.Fatalf("events:\n got %q\nwant %q", got, want)
	}
}

func (r *recorder) take(t *testing.T, want []string) []string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		if len(r.lines) >= len(want) {
			got := slices.Clone(r.lines[:len(want)])
			r.lines = r.lines[len(want):]
			r.mu.Unlock()
			return got
		}
		got := slices.Clone(r.lines)
		r.mu.Unlock()
		select {
		case <-r.signal:
		case <-deadline:
			t.Fatalf("events:\n got %q\nwant %q", got, want)
		}
	}
}

// none checks that nothing else came.
func (r *recorder) none(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) > 0 {
		t.Errorf("more events: %q", r.lines)
	}
}

// gate is a TCP relay that can be shut: connections end and new ones are
// closed at once.
type gate struct {
	l  net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	target string
	closed bool
	conns  map[net.Conn]struct{}
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{l: l, target: target, conns: map[net.Conn]struct{}{}}
	g.wg.Add(1)
	go g.accept()
	t.Cleanup(func() {
		l.Close()
		g.shut()
		g.wg.Wait()
	})
	return g
}

func (g *gate) addr() string { return g.l.Addr().String() }

func (g *gate) accept() {
	defer g.wg.Done()
	for {
		in, err := g.l.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		target := g.target
		g.mu.Unlock()
		out, err := net.Dial("tcp", target)
		if err != nil || !g.keep(in, out) {
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			g.wg.Add(1)
			go func() {
				defer g.wg.Done()
				_, _ = io.Copy(pair[0], pair[1])
				pair[0].Close()
				pair[1].Close()
			}()
		}
	}
}

func (g *gate) keep(conns ...net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	for _, c := range conns {
		g.conns[c] = struct{}{}
	}
	return true
}

// to leads new connections to another address.
func (g *gate) to(target string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = target
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for c := range g.conns {
		c.Close()
	}
	clear(g.conns)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}
