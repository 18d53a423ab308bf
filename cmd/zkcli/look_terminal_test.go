//go:build linux || darwin

package main

import (
	"fmt"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

// At the prompt one goes to a znode: the prompt says where, Tab completes from
// there, and no path is that place.
func TestGoingAroundOnTerminal(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	other := zktest.Dial(t, addr)
	for _, path := range []string{"/app", "/app/config", "/app/jobs", "/app/jobs/one", "/app/jobs/two"} {
		other.Create(path, []byte("of "+path), protocol.FlagPersistent)
	}
	at := func(dir string, n int) string { return fmt.Sprintf("[zk: %s(CONNECTED) %s %d]", addr, dir, n) }
	c := startShell(t, addr)
	c.Send("cd app\r")
	c.Ends(at("/app", 1))
	c.Send("ls\r")
	c.Ends("[config, jobs]\n" + at("/app", 2))
	c.Send("get jobs/t\t")
	c.Has("get jobs/two")
	c.Send("\r")
	c.Ends("of /app/jobs/two\n" + at("/app", 3))
	c.Send("cd jobs\r")
	c.Ends(at("/app/jobs", 4))
	c.Send("tree\r")
	c.Ends("/app/jobs\n├── one\n└── two\n3 znodes\n" + at("/app/jobs", 5))
	c.Send("get *o\r")
	c.Ends("of /app/jobs/two\n" + at("/app/jobs", 6))
	c.Send("cd -\r")
	c.Ends("/app\n" + at("/app", 7))
	c.Send("quit\r")
	c.Exits(0)
}
