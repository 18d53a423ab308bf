package admin

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"

	"zookit/server/watch"
)

// crowded is a server with watches that counts how many answers it is asked for
// at a time.
type crowded struct {
	still
	mu   sync.Mutex
	now  int
	most int
}

func (s *crowded) Watches() *watch.Listing {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now++
	s.most = max(s.most, s.now)
	return new(watch.Listing)
}

// A caller takes its answer when it likes.
type caller struct {
	s *crowded
	*io.PipeWriter
}

func (c caller) Write(b []byte) (int, error) {
	n, err := c.PipeWriter.Write(b)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.now--
	return n, err
}

// While a long answer is sent, other words are answered, and the next long one is
// not begun: many callers take no more memory than one.
func TestOneListingAtATime(t *testing.T) {
	t.Parallel()
	s := &crowded{still: still{status: Status{Serving: true}}}
	w := &Words{Source: s, Allowed: []string{"wchp", "wchc", "ruok"}}
	const callers = 8
	var ends []*io.PipeReader
	done := make(chan error, callers)
	for i := range callers {
		in, out := io.Pipe()
		ends = append(ends, in)
		go func() { done <- w.Write(caller{s, out}, []string{"wchp", "wchc"}[i%2], 0) }()
	}
	var quick bytes.Buffer
	for _, word := range []string{"ruok", "dump"} { // dump is refused, not made to wait
		if err := w.Write(&quick, word, 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := quick.String(); !strings.HasPrefix(got, "imokdump is not executed") {
		t.Errorf("meanwhile: %q", got)
	}
	for _, in := range ends {
		go func() { _, _ = io.Copy(io.Discard, in) }()
	}
	for range callers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, in := range ends {
		in.Close()
	}
	if s.most != 1 {
		t.Errorf("%d answers were made at a time", s.most)
	}
}
