//go:build linux || darwin

package main

import (
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

// top has the whole window, follows its size and gives it back as it was; what
// was on it before is there again.
func TestTopInTerminal(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	c := startShell(t, addr)
	c.Send("create /before\r")
	c.Ends("Created /before\n" + at(addr, 1, ""))
	c.Send("top -d 1\r")
	c.Has("1 of 1 serve, standalone")
	c.Has("q leaves  Tab clients")
	if !c.Raw() {
		t.Error("the terminal is not raw while top runs")
	}
	c.Send("\t")
	c.Has("client↓")
	c.Send("\x1b[C")
	c.Has("session↓")
	c.Resize(60, 15)
	c.Await("rows of the new width", func(screen, _ string) bool {
		lines := strings.Split(screen, "\n")
		return len(lines) == 15 && strings.HasPrefix(lines[14], "q leaves  Tab") && strings.Contains(screen, "session↓")
	})
	c.Resize(100, 30)
	c.Has("+- interval")
	c.Send("q")
	c.Ends(at(addr, 2, ""))
	c.Send("ls /\r")
	c.Ends("[before, zookeeper]\n" + at(addr, 3, ""))
	c.Send("top\r")
	c.Has("q leaves")
	c.Send("\x03")
	c.Ends(at(addr, 4, ""))
	c.Send("\x04")
	c.Exits(0)
}

// status takes a wide terminal for its frame, and a row a server on one that is
// not, also after its size has changed.
func TestStatusFitsTheTerminal(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	c := startSized(t, addr, 120, 30)
	see := func(lines int, want string, without ...string) {
		t.Helper()
		c.Send("\x0cstatus\r")
		c.Ends(at(addr, lines, ""))
		c.Await("the table", func(screen, _ string) bool {
			for _, w := range without {
				if strings.Contains(screen, w) {
					return false
				}
			}
			return strings.Contains(screen, want)
		})
	}
	see(1, "│ "+addr+" │ ")
	c.Has("version")
	c.Resize(80, 30)
	see(2, "\nserver ", "│", "version")
	c.Has("-  standalone  ")
	c.Send("quit\r")
	c.Exits(0)
}

// watch at the prompt ends at Ctrl-C, and the shell goes on; what it watched is
// watched no more.
func TestWatchInTerminal(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	other := zktest.Dial(t, addr)
	other.Create("/app", []byte("one"), protocol.FlagPersistent)
	set := func(data string) {
		other.Must(protocol.OpSetData, &protocol.SetDataRequest{Path: "/app", Data: []byte(data), Version: -1}, nil)
	}
	c := startShell(t, addr)
	c.Send("watch /app\r")
	c.Has("watching /app; Ctrl-C ends it")
	set("two\x1b]0;title\x07")
	c.Has("changed   /app  version 1 13 bytes")
	c.Has("|two.]0;title.   |") // hostile bytes do not reach the terminal
	c.Send("\x03")
	c.Ends(at(addr, 1, ""))
	set("three")
	c.Send("get /app\r")
	c.Ends("three\n" + at(addr, 2, ""))
	if strings.Contains(c.Written(), "WATCHER") {
		t.Errorf("an event came after the end of watch: %q", c.Written())
	}
	c.Send("\x0cstatus\r")
	c.Has(addr + "  ")
	c.Ends(at(addr, 3, ""))
	c.Send("quit\r")
	c.Exits(0)
}
