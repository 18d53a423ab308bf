// Package zktest gives a Go test a running ZooKeeper server in one line:
//
//	srv := zktest.Start(t)
//	conn, _, err := zk.Connect([]string{srv.Addr()}, 5*time.Second)
//
// The server keeps its data in memory, listens on a free port of 127.0.0.1,
// answers every four-letter word, logs into the test's output, and is stopped
// when the test ends.
package zktest

import (
	"log/slog"
	"testing"

	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
)

// Server is a server that belongs to a test.
type Server struct {
	t    testing.TB
	cfg  *config.Config
	opts []server.Option
	srv  *server.Server
}

// TickMs is the tick of test servers: sessions may be as short as two of them.
const TickMs = 100

// Config is the configuration Start uses: Apache's defaults with short ticks, a
// free port of 127.0.0.1 and no limit of connections from there.
func Config() *config.Config {
	cfg := config.Default()
	cfg.DataDir = "/data"
	cfg.DataLogDir = "/data"
	cfg.ClientPort = 0
	cfg.ClientPortAddress = "127.0.0.1"
	cfg.TickMs, cfg.MinSessionTimeoutMs, cfg.MaxSessionTimeoutMs = TickMs, 2*TickMs, 600_000
	cfg.MaxClientCnxns = 0
	cfg.ExtendedTypes = true
	return cfg
}

// Start starts a server with Config and the options.
func Start(t testing.TB, opts ...server.Option) *Server {
	t.Helper()
	return StartConfig(t, Config(), opts...)
}

// StartConfig starts a server with a configuration of the test's own. Its data
// is in memory unless an option says otherwise.
func StartConfig(t testing.TB, cfg *config.Config, opts ...server.Option) *Server {
	t.Helper()
	s := &Server{t: t, cfg: cfg}
	s.opts = append([]server.Option{
		server.WithFS(vfs.NewMem()),
		server.WithFourLetterWords("*"),
		server.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
	}, opts...)
	t.Cleanup(func() { _ = s.close() })
	s.start()
	return s
}

func (s *Server) start() {
	s.t.Helper()
	srv, err := server.New(s.cfg, s.opts...)
	if err == nil {
		err = srv.Start()
	}
	if err != nil {
		s.t.Fatalf("start a test server: %v", err)
	}
	s.srv = srv
}

// Addr is the host:port of the client port.
func (s *Server) Addr() string { return s.srv.Addr().String() }

// Server is the server itself, for Status, Done and Err.
func (s *Server) Server() *server.Server { return s.srv }

// Stop stops the server; Restart brings it back.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.close(); err != nil {
		s.t.Errorf("stop the test server: %v", err)
	}
}

// Restart stops the server, if it runs, and starts it again with the same data
// and on the same port.
func (s *Server) Restart() {
	s.t.Helper()
	cfg := *s.cfg
	cfg.ClientPort = s.srv.Status().Settings.ClientPort
	s.cfg = &cfg
	s.Stop()
	s.start()
}

func (s *Server) close() error {
	if s.srv == nil {
		return nil
	}
	return s.srv.Close()
}
