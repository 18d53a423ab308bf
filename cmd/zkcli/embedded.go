package main

import (
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
	srv, err := server.New(cfg, server.InMemory(), server.WithFourLetterWords("*"))
	if err != nil {
		return "", nil, err
	}
	if err := srv.Start(); err != nil {
		return "", nil, err
	}
	return srv.Addr().String(), func() { _ = srv.Close() }, nil
}
