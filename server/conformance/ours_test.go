package conformance

import (
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

// startOurs starts our server, in memory, with the configuration Apache's gets in zktest/apache.
func startOurs(t *testing.T, g group) string {
	t.Helper()
	cfg := zktest.Config()
	cfg.TickMs, cfg.MinSessionTimeoutMs, cfg.MaxSessionTimeoutMs = 500, 1000, 60_000
	cfg.SuperDigest = protocol.DigestID(superAuth)
	g.set(cfg)
	return zktest.StartConfig(t, cfg).Addr()
}
