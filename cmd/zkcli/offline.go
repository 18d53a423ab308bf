package main

import (
	"context"
	"os"

	stored "zookit/server/offline"
	"zookit/shell/command"
	"zookit/shell/offline"
)

// openSource opens the data of a stopped server, or an export, as a session.
func openSource(_ context.Context, name string) (command.Session, error) {
	open := func(name string) (offline.Data, error) { return stored.Open(name) }
	return offline.Open(name, open, func(note string) { _, _ = os.Stderr.WriteString("zkcli: " + note + "\n") })
}
