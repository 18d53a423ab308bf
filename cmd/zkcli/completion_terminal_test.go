//go:build linux || darwin

package main

import (
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

// What servers have to be asked for is offered at the prompt when they have
// answered: sessions, servers, what is below a pattern; so are the words of
// values with what they mean.
func TestCompletionAsksServers(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	other := zktest.Dial(t, addr)
	for _, path := range []string{"/app", "/app/a1", "/app/a2", "/app/a1/config", "/app/a2/config", "/app/two words"} {
		other.Create(path, nil, protocol.FlagPersistent)
	}
	other.Create("/mine", nil, protocol.FlagEphemeral)
	id := other.Session.Session.String()

	c := startShell(t, addr)
	for _, step := range []struct{ typed, shown string }{
		{"sessions 0x", id + "  client 127.0.0.1:"},
		{"owner 0x", id + "  client 127.0.0.1:"},
		{"watches -s ", ", 1 ephemeral"},
		{"get /app/*/co", "config  in 2 of 3"},
		{"find / -type ", "e  ephemeral"},
		{"ls -o js", "jsonl  a record a line"},
		{"addauth d", "digest  user:password"},
		{"help pro", "profiles  names for servers"},
		{"latency 127", addr},
	} {
		c.Send(step.typed)
		c.Has(step.shown)
		c.Send("\x03")
		c.Ends(at(addr, 0, ""))
	}
	c.Send("owner " + id[:len(id)-1] + "\t\r")
	c.Has("ephemeral = /mine")
	c.Send("quit\r")
	c.Exits(0)
}
