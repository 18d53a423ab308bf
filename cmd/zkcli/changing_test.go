//go:build linux || darwin

package main

import (
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/server/zktest/apache"
)

// At the prompt: the plan is told, other sessions' ephemerals are asked about,
// a transaction shows in the prompt, and undo takes back step by step.
func TestChangesAtThePrompt(t *testing.T) {
	t.Parallel()
	changesAtThePrompt(t, zktest.Start(t).Addr())
}

// The same on Apache's server, as it is without any configuration of ours.
func TestChangesAtThePromptOnApache(t *testing.T) {
	t.Parallel()
	changesAtThePrompt(t, apache.Start(t, apache.Options{}).Addr)
}

func changesAtThePrompt(t *testing.T, addr string) {
	t.Helper()
	other := zktest.Dial(t, addr)
	other.Create("/app", []byte("top"), protocol.FlagPersistent)
	other.Create("/app/node", []byte("data"), protocol.FlagPersistent)
	other.Create("/app/worker", nil, protocol.FlagEphemeral)

	c := startShell(t, addr)
	c.Send("deleteall /app\r")
	c.Ends("Delete /app and 2 znodes below it, 1 of them ephemerals of other sessions? [y/N]")
	c.Send("n\r")
	c.Ends("deleteall: nothing was deleted\n" + at(addr, 1, ""))
	c.Send("deleteall -y /app\r")
	prompt(c, addr, 2)
	c.Send("undo\r")
	c.Has("Undone deleteall -y /app: 2 znodes created again\n")
	c.Has("1 ephemeral of session ")
	c.Send("get /app/node\r")
	c.Ends("data\n" + at(addr, 4, ""))

	c.Send("\x0cmulti\r")
	c.Ends("create, set, delete and check are collected until commit or abort\n[zk: " + addr + "(CONNECTED) 5 multi 0]")
	c.Send("set /app/node changed\r")
	c.Ends("operation 1: set /app/node, 7 bytes\n[zk: " + addr + "(CONNECTED) 6 multi 1]")
	c.Send("delete /app/gone\r")
	c.Ends("[zk: " + addr + "(CONNECTED) 7 multi 2]")
	c.Send("commit -n\r")
	c.Has("2: delete /app/gone\n   would fail: it does not exist\n")
	c.Send("commit\r")
	c.Has("commit: operation 2 of 2, delete /app/gone, failed: Node does not exist: /app/gone;")
	prompt(c, addr, 9)
	c.Send("\x0cmv /app /moved\r")
	c.Has("moving /app and 1 znode below it to /moved\nMoved /app to /moved: 2 znodes\n")
	prompt(c, addr, 10)
	c.Send("quit\r")
	c.Exits(0)
}
