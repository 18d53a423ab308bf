package main

import (
	"time"

	"zookit/server"
	"zookit/server/config"
)

// startEmbedded starts the server of -embedded: in memory, on a free port of
// the loopback interface, with every four-letter word and TTL znodes.
func startEmbedded() (addr string, stop func(), err error) {
	cfg := config.Default()
	cfg.DataDir, cfg.DataLogDir = "/data", "/data"
	cfg.ClientPort, cfg.ClientPortAddress = 0, "127.0.0.1"
	cfg.ExtendedTypes, cfg.EnforceQuota = true, true
	opts := []server.Option{server.InMemory(), server.WithFourLetterWords("*")}
	if _, built := build(); built != "" {
		if at, err := time.Parse(time.RFC3339, built); err == nil {
			opts = append(opts, server.WithBuildTime(at))
		}
	}
	srv, err := server.New(cfg, opts...)
	if err != nil {
		return "", nil, err
	}
	if err := srv.Start(); err != nil {
		return "", nil, err
	}
	return srv.Addr().String(), func() { _ = srv.Close() }, nil
}
