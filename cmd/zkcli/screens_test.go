//go:build linux || darwin

package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/shell/repl/ptytest"
)

// The screens of the README stand between these lines of it.
const (
	readme       = "../../README.md"
	screensBegin = "<!-- screens: UPDATE=1 go test -run TestScreens ./cmd/zkcli -->\n"
	screensEnd   = "<!-- end of screens -->\n"
)

// TestScreens takes the screens that the README shows, from three servers in
// this process, and fails when they have become different ones. With UPDATE set
// it writes them.
func TestScreens(t *testing.T) {
	t.Parallel()
	got := takeScreens(t)
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), screensBegin)
	shown, after, ended := strings.Cut(rest, screensEnd)
	if !begun || !ended {
		t.Fatalf("%s has no place for the screens", readme)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(readme, []byte(before+screensBegin+got+screensEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if a, b := timeless(got), timeless(shown); a != b {
		t.Errorf("the screens are\n%s\nand the README has\n%s\nUPDATE=1 writes them: look at them first", a, b)
	}
}

// What two runs differ in: times, and the numbers of servers and sessions. Their
// width moves what stands behind them.
var passing = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d+ [0-9:]+ [A-Z]+ \d{4}\b`), "N"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?(µs|ms|s|m|h|d))+\b`), "T"},
	{regexp.MustCompile(`0x[0-9a-f]+`), "X"},
	{regexp.MustCompile(`[0-9][0-9.:-]*`), "N"},
	{regexp.MustCompile(`[ ─-]+`), " "},
	{regexp.MustCompile(` \n`), "\n"},
}

// timeless is a text without all that, its lines sorted: any server may lead.
func timeless(s string) string {
	for _, p := range passing {
		s = p.find.ReplaceAllString(s, p.with)
	}
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func takeScreens(t *testing.T) string {
	t.Helper()
	e := zktest.StartEnsemble(t, 3)
	leader := e.Leader()
	addr := e.Server(leader).Addr()
	plantScreens(t, e, leader)

	s := &screens{t: t, shell: startSized(t, addr, 124, 17), addr: addr}
	s.take("Looking around", "ls -l /app", "tree /app")
	s.take("A value as what it is", "get /app/config")
	s.take("An error says what to do next", "delete /app/workers")
	s.drop("Completion descends with /", "get /app/")
	s.take("Who holds it", "owner /app/leader")
	s.take("The ensemble as one table", "status")
	s.full("The same, live: top")
	s.shell.Send("quit\r")
	s.shell.Exits(0)
	return s.out.String()
}

// plantScreens makes what the screens show: an application with its workers,
// each a session on another server.
func plantScreens(t *testing.T, e *zktest.Ensemble, leader int64) {
	t.Helper()
	c := zktest.Dial(t, e.Server(leader).Addr())
	c.Create("/app", nil, protocol.FlagPersistent)
	c.Create("/app/config", []byte(`{"pool":{"max":20,"idle":5},"debug":false}`), protocol.FlagPersistent)
	c.Create("/app/workers", nil, protocol.FlagPersistent)
	for sid := int64(1); sid <= 3; sid++ {
		w := zktest.Dial(t, e.Server(sid).Addr())
		w.Must(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil)
		w.Create("/app/workers/worker-", fmt.Appendf(nil, "host%d", sid), protocol.FlagEphemeralSequential)
		if sid == 1 {
			w.Create("/app/leader", []byte("host1"), protocol.FlagEphemeral)
		}
	}
}

// screens takes them one by one from a shell.
type screens struct {
	t     *testing.T
	shell *ptytest.Console
	addr  string
	lines int // typed so far
	out   strings.Builder
}

// take runs commands on an empty screen and keeps it without the last prompt.
func (s *screens) take(title string, lines ...string) {
	clear := "\x0c"
	for _, l := range lines {
		s.lines++
		s.shell.Send(clear + l + "\r")
		clear = ""
		prompt(s.shell, s.addr, s.lines)
	}
	s.keep(title, func(screen string) string { return screen[:strings.LastIndex(screen, "\n")] })
}

// drop keeps the screen while a line is typed that Tab completes.
func (s *screens) drop(title, typed string) {
	s.shell.Send("\x0c" + typed)
	s.shell.Has("workers")
	s.keep(title, func(screen string) string { return screen })
	s.shell.Send("\x15") // the line is given up
	prompt(s.shell, s.addr, s.lines)
}

// full keeps the screen of top.
func (s *screens) full(title string) {
	s.lines++
	s.shell.Send("\x0ctop\r")
	s.shell.Has("leader")
	s.shell.Has("follower")
	s.shell.Has("interval")
	s.keep(title, func(screen string) string { return screen })
	s.shell.Send("q")
	prompt(s.shell, s.addr, s.lines)
}

func (s *screens) keep(title string, cut func(string) string) {
	var screen string
	s.shell.Await("the screen", func(now, _ string) bool { screen = cut(now); return true })
	fmt.Fprintf(&s.out, "%s:\n\n```\n%s\n```\n\n", title, strings.Trim(screen, "\n"))
}
