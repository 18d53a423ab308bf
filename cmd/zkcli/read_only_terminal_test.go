package main

import (
	"strings"
	"testing"

	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
)

// On a server that serves reads alone, having lost the others, the prompt says
// so and a write is refused in words; when the others are back the same shell
// writes.
func TestReadOnlyServerInTerminal(t *testing.T) {
	t.Parallel()
	e := zktest.NewEnsemble(t, 3, func(_ int64, cfg *config.Config) []server.Option {
		cfg.ReadOnlyMode = true
		return nil
	})
	e.Start(1)
	s := e.Server(1)
	e.Until("the server to be read-only", func() bool { return s.Server().Status().ReadOnly })
	c := operator(t, "", "-r", "-server", s.Addr())
	prompt := func(state string, n string) string { return "[zk: " + s.Addr() + "(" + state + ") " + n + "]" }
	c.Ends(prompt("CONNECTEDREADONLY", "0"))
	c.Send("ls /\r")
	c.Has("[zookeeper]\n" + prompt("CONNECTEDREADONLY", "1"))
	c.Send("create /x\r")
	c.Has("Not a read-only call: /x\n")
	c.Ends(prompt("CONNECTEDREADONLY", "2"))
	e.Start(2)
	c.Await("the prompt of a server that serves all", func(screen, _ string) bool {
		return strings.HasSuffix(strings.TrimRight(screen, " \n"), prompt("CONNECTED", "2"))
	})
	c.Send("create /x\r")
	c.Has("Created /x\n" + prompt("CONNECTED", "3"))
	c.Send("quit\r")
	c.Exits(0)
}
