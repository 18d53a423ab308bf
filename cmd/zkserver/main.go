// Command zkserver is a ZooKeeper server.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"zookit/server"
	"zookit/server/config"
	"zookit/server/ctl"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(ctl.Main(ctx, ctl.Env{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Serve: serve}, os.Args[1:]))
}

func serve(cfg *config.Config, log *slog.Logger) (ctl.Server, error) {
	srv, err := server.New(cfg, server.WithLogger(log))
	if err != nil {
		return nil, err
	}
	return srv, nil
}
