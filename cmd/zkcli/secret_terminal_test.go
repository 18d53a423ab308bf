//go:build linux || darwin

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/server/zktest"
)

// A password that is typed is on no screen and in no history.
func TestSecretOnTerminal(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	state := t.TempDir()
	c := startShell(t, addr, "XDG_STATE_HOME="+state)
	c.Send("addauth digest joe -\r")
	c.Ends("password of joe (not shown):")
	c.Send("geheim\r")
	c.Ends(at(addr, 1, ""))
	c.Send("addauth digest ann:secret\r")
	c.Ends(at(addr, 2, ""))
	c.Send("addauth digest -\r")
	c.Ends("user:password (not shown):")
	c.Send("\x03")
	c.Ends("nothing was sent\n" + at(addr, 3, ""))
	c.Send("whoami\r")
	c.Has("joe")
	c.Has("ann")
	c.Send("\x12addauth")
	c.Has("addauth digest …")
	c.Send("\x07quit\r")
	c.Exits(0)
	if strings.Contains(c.Written(), "geheim") {
		t.Error("what was typed for the password is on the screen")
	}
	history, err := os.ReadFile(filepath.Join(state, "zkcli", "history"))
	if err != nil || strings.Contains(string(history), "geheim") || strings.Contains(string(history), "secret") || !strings.Contains(string(history), "addauth") {
		t.Errorf("history: %q, %v", history, err)
	}
}
