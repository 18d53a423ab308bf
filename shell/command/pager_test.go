//go:build unix

package command

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is a terminal of 20 columns and 10 rows, safe for the pager's writes.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *screen) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.buf.String()
	s.buf.Reset()
	return text
}

func newPagedBench(t *testing.T, program string) (*bench, *screen) {
	b := newBench(t, "", "/a")
	s := &screen{}
	b.Out.Stdout, b.Out.Stderr, b.Out.OutTerminal, b.Out.ErrTerminal = s, s, true, true
	b.Shell.Pager = &Pager{Program: program, Window: func() (int, int) { return 20, 10 }}
	return b, s
}

// Whatever a command prints is paged when it is more than the screen, counted in
// rows as the terminal breaks them, colours left out.
func TestPaging(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, data string
		paged      bool
	}{
		{"8 rows", strings.Repeat("x\n", 7) + "x", false},
		{"9 rows and the prompt", strings.Repeat("x\n", 9), true},
		{"one long line that fits", strings.Repeat("x", 8*20), false},
		{"one that does not", strings.Repeat("x", 9*20+1), true},
		{"wide characters", strings.Repeat("世", 8*10), false},
		{"and more of them", strings.Repeat("世", 9*10+1), true},
	} {
		b, s := newPagedBench(t, "sed s/^/paged:/")
		b.fake.data["/a"] = []byte(c.data)
		b.do("get -f raw /a")
		if text := s.take(); strings.HasPrefix(text, "paged:") != c.paged || !strings.Contains(text, c.data[:1]) {
			t.Errorf("%s: %q", c.name, text)
		}
	}
	b, s := newPagedBench(t, "sed s/^/paged:/")
	tree := []string{}
	for _, name := range strings.Split("abcdefghijklmnop", "") {
		tree = append(tree, "/"+name)
	}
	b.fake = newFake(tree...)
	for line, paged := range map[string]bool{
		"ls -R /": true, "tree /": true, "find /": true, "help": true, "du -d 9 /": true, "ls -l /": true,
		"help get > /dev/null": false, "find / | cat": false, "ls -o jsonl / ; pwd": false,
	} {
		b.do(line)
		if text := s.take(); strings.Contains(text, "paged:") != paged {
			t.Errorf("%s: %q", line, text)
		}
	}
	for _, off := range []string{"off", "cat", "false"} {
		b.Profile().Pager = off
		if b.do("help"); strings.Contains(s.take(), "paged:") {
			t.Errorf("a pager in spite of %s", off)
		}
	}
	b.Profile().Pager = "sed s/^/own:/"
	if b.do("help"); !strings.HasPrefix(s.take(), "own:") {
		t.Error("the profile's pager was not used")
	}
	b.Profile().Pager = "exec /nowhere/pager"
	if b.do("help"); !strings.Contains(s.take(), "No such file") && b.exit != ExitOK {
		t.Error("a pager that does not start")
	}
	apache, s := newPagedBench(t, "sed s/^/paged:/")
	apache.Compat, _ = CompatFor("3.9")
	apache.fake = b.fake
	if apache.do("ls -R /"); strings.Contains(s.take(), "paged:") {
		t.Error("Apache's manner has no pager")
	}
}

// A question is asked when everything before it is to be read; failures stand
// where they happened.
func TestPagingEnds(t *testing.T) {
	t.Parallel()
	b, s := newPagedBench(t, "sed s/^/paged:/")
	p := b.Out
	begin := func() func() { return b.page(get) }

	end := begin()
	p.Print([]byte("plan\n"))
	p.Ask("sure? ")
	if text := s.take(); text != "plan\nsure? " {
		t.Errorf("a question behind a few lines: %q", text)
	}
	p.Print([]byte("done\n"))
	_ = p.Flush()
	end()
	if text := s.take(); text != "done\n" {
		t.Errorf("and what follows: %q", text)
	}

	end = begin()
	p.Print([]byte(strings.Repeat("line\n", 12)))
	p.Ask("sure? ")
	if text := s.take(); !strings.HasPrefix(text, "paged:line\n") || !strings.HasSuffix(text, "sure? ") {
		t.Errorf("a question behind many: %q", text)
	}
	end()

	end = begin()
	p.Print([]byte("one\n"))
	p.Warn("failed")
	p.Print([]byte(strings.Repeat("line\n", 12)))
	p.Warn("failed again")
	end()
	text := s.take()
	if !strings.HasPrefix(text, "one\nfailed\npaged:one\n") || !strings.HasSuffix(text, "paged:failed again\n") {
		t.Errorf("failures: %q", text)
	}

	// What takes its time is shown as it comes.
	end = begin()
	defer end()
	p.Print([]byte("early\n"))
	_ = p.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for s.take() != "early\n" {
		if ctx.Err() != nil {
			t.Fatal("it was held back")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
