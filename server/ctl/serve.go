package ctl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"

	"zookit/server"
	"zookit/server/config"
	"zookit/server/replica"
	"zookit/server/storage"
)

// Standalone is the Serve of the program: one server on the operating system's files.
func Standalone(cfg *config.Config, log *slog.Logger) (Server, error) {
	options := []server.Option{server.WithLogger(log)}
	if when, ok := buildTime(); ok {
		options = append(options, server.WithBuildTime(when))
	}
	return server.New(cfg, options...)
}

// A Server is what start-foreground needs of package server.
type Server interface {
	Start() error          // returns once clients are served
	Addr() net.Addr        // of the client port; nil without one
	Addresses() string     // of all ports for clients
	Done() <-chan struct{} // closed when the server has ended
	Err() error            // why it ended by itself; nil after Close
	Close() error          // ends it and waits
}

// serve runs a server until ctx ends (exit code 0) or the server fails.
func (c *invocation) serve(ctx context.Context, env Env) int {
	cfg, warnings, err := c.load(env)
	if err != nil {
		for _, w := range warnings {
			fmt.Fprintf(env.Stderr, "zkserver: warning: %s\n", w)
		}
		return refuse(env, err)
	}
	log := slog.New(newHandler(env.Stderr, c.logJSON, cfg.MyID))
	log.Info("reading configuration", "file", cfg.File)
	for _, w := range warnings {
		log.Warn(w.String())
	}
	if err := cfg.CheckDirs(); err != nil {
		return refuse(env, err)
	}
	if err := checkMembers(ctx, cfg, log); err != nil {
		return refuse(env, err)
	}
	stopCollector := setCollector(env.Getenv)
	defer stopCollector()

	srv, err := env.Serve(cfg, log)
	if err != nil {
		return refuse(env, err)
	}
	// A start may wait for a port, and for a disk; Close ends the wait.
	unhook := context.AfterFunc(ctx, func() { srv.Close() })
	err = srv.Start()
	unhook()
	if err != nil {
		srv.Close()
		if ctx.Err() != nil {
			log.Info("stopped before it had started", "cause", context.Cause(ctx))
			return ExitOK
		}
		return refuse(env, withPort(err, cfg))
	}
	for _, w := range exposed(cfg, srv.Addr()) {
		log.Warn(w)
	}
	log.Info("started", "address", srv.Addresses(), "dataDir", cfg.DataDir, "dataLogDir", cfg.DataLogDir, "pid", os.Getpid(), "version", version())
	select {
	case <-ctx.Done():
		log.Info("stopping", "cause", context.Cause(ctx))
		if err := srv.Close(); err != nil {
			return refuse(env, err)
		}
		log.Info("stopped")
		return ExitOK
	case <-srv.Done():
		err := srv.Err()
		srv.Close()
		if err == nil {
			return ExitOK
		}
		log.Error("the server has ended", "cause", err.Error())
		if code := refuse(env, err); code != ExitUnexpected {
			return code
		}
		return ExitDamage // a running server ends by itself when its log cannot be written
	}
}

// load reads the configuration the words name: a file, or a port and a directory.
func (c *invocation) load(env Env) (*config.Config, []config.Warning, error) {
	if c.verb == "" && len(c.words) > 1 {
		return config.FromArguments(c.words, c.configEnv(env))
	}
	path, err := c.configPath(env)
	if err != nil {
		return nil, nil, &config.Error{Why: err.Error()}
	}
	if len(c.words) == 0 {
		fmt.Fprintf(env.Stderr, "Using config: %s\n", path)
	}
	return config.Load(path, c.configEnv(env))
}

// refuse prints why the server does not run, whole, and returns the exit code that says the kind.
func refuse(env Env, err error) int {
	for _, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		fmt.Fprintf(env.Stderr, "zkserver: %s\n", line)
	}
	if diskRefuses(err) {
		fmt.Fprintln(env.Stderr, "zkserver: the disk does not take what the server must write before it serves: free space on it, or mend or replace it, and start again; nothing was lost by this")
	}
	return exitCode(err)
}

// diskRefuses tells errors of the disk itself from those of paths and rights.
func diskRefuses(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// exitCode is the kind of an error that ended the server or kept it from starting.
func exitCode(err error) int {
	var invalid *config.Error
	var dir *config.DirError
	var storeDir *storage.DirError
	var port *portError
	switch {
	case errors.As(err, &port) && port.quorum:
		return ExitQuorumPort
	case errors.As(err, &invalid):
		return ExitInvocation
	case errors.As(err, &dir), errors.As(err, &storeDir):
		return ExitDataDir
	case errors.Is(err, replica.ErrInvariant):
		return ExitBrokenInside
	case errors.Is(err, storage.ErrCorrupt), errors.Is(err, storage.ErrFailed), diskRefuses(err):
		return ExitDamage
	}
	return ExitUnexpected
}
