// Zkserver is a ZooKeeper server. Run `zkserver help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"zookit/server/ctl"
)

func main() {
	// A log that nobody reads any more (zkserver 2>&1 | head) must not end the server.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	env := ctl.Env{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Serve: ctl.Standalone}
	os.Exit(ctl.Main(ctx, env, os.Args[1:]))
}
