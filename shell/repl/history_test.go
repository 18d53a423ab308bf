package repl

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Shells that run at the same time append to one file, and no line is lost or broken.
func TestHistoryConcurrent(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history")
	const shells, lines = 8, 50
	var wg sync.WaitGroup
	for s := range shells {
		wg.Go(func() {
			h := history{file: file, keep: KeepInHistory}
			for i := range lines {
				if err := h.add(fmt.Sprintf("get /%d/%d", s, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := (&history{file: file}).load()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != shells*lines {
		t.Errorf("%d lines, want %d", len(got), shells*lines)
	}
}

// The file is halved when it has grown to its bound; whole lines and the newest are kept.
func TestHistoryBound(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(file, []byte(strings.Repeat("old line\n", maxHistory/9)), 0o644); err != nil {
		t.Fatal(err)
	}
	h := history{file: file, keep: KeepInHistory}
	if err := h.add("new line"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxHistory/2+9 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v bytes, mode %v, %v", info.Size(), info.Mode(), err)
	}
	lines, err := h.load()
	if err != nil || lines[0] != "old line" || lines[len(lines)-1] != "new line" {
		t.Errorf("from %q to %q, %v", lines[0], lines[len(lines)-1], err)
	}
}

// What is not to be kept is not; what somebody else wrote is read with care.
func TestHistoryContents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := history{file: filepath.Join(dir, "history"), keep: KeepInHistory}
	for _, line := range []string{"ls /", "addauth digest joe:pw", "  addauth digest joe:pw", " create /quiet", "set /a " + strings.Repeat("x", maxHistoryLine), "bad \xff", "stat /"} {
		if err := h.add(line); err != nil {
			t.Fatal(err)
		}
	}
	b, _ := os.ReadFile(h.file)
	if string(b) != "ls /\nstat /\n" {
		t.Errorf("kept %q", b)
	}
	if err := os.WriteFile(h.file, []byte("a\x1b[31mb\r\n\n \nc\xffd\nlast"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := h.load(); err != nil || !slices.Equal(got, []string{"a[31mb", "c\uFFFDd", "last"}) {
		t.Errorf("%q, %v", got, err)
	}
	h.file = dir
	if _, err := h.load(); err == nil {
		t.Error("a directory was read")
	}
	if err := h.add("ls /"); err == nil {
		t.Error("a directory was written")
	}
}

// The search goes back through the lines as readline's does.
func TestSearch(t *testing.T) {
	t.Parallel()
	s := &search{lines: []string{"create /a", "get /a", "get /b", "ls /"}}
	step := func(k stroke, line, prompt string) {
		t.Helper()
		now, then := s.stroke(k)
		p, _ := s.prompt()
		if s.result() != line || p != prompt || now != strokeSetLine || then != "" {
			t.Errorf("%q: line %q, prompt %q, strokes %q %q; want %q, %q", k, s.result(), p, now, then, line, prompt)
		}
	}
	s.start("typed")
	step("g", "get /b", "(reverse-i-search)`g': ")
	step("et", "get /b", "(reverse-i-search)`get': ")
	step(strokeSearch, "get /a", "(reverse-i-search)`get': ")
	step(strokeSearch, "get /a", "(failed reverse-i-search)`get': ")
	step(strokeBackspace, "get /b", "(reverse-i-search)`ge': ")
	step(strokeBackspace, "get /b", "(reverse-i-search)`g': ")
	step(strokeBackspace, "typed", "(reverse-i-search)`': ")
	step(strokeBackspace, "typed", "(reverse-i-search)`': ")
	step("é", "typed", "(failed reverse-i-search)`é': ")
	step(strokeBell, "typed", "")
	s.start("")
	step("/a", "get /a", "(reverse-i-search)`/a': ")
	if now, then := s.stroke(strokeEnter); now != strokeSetLine || then != strokeEnter || s.active() {
		t.Errorf("Enter: %q, %q", now, then)
	}
	for i := range maxLines {
		s.add(fmt.Sprint("line ", i))
	}
	if lines := s.all(); len(lines) > maxLines || lines[len(lines)-1] != fmt.Sprint("line ", maxLines-1) {
		t.Errorf("%d lines are held, the last is %q", len(lines), lines[len(lines)-1])
	}
	s = &search{}
	s.start("x")
	step("q", "x", "(failed reverse-i-search)`q': ")
	step(strokeSearch, "x", "(failed reverse-i-search)`q': ")
	step(strokeEscape, "x", "")
}
