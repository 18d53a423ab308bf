package ctl

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"zookit/protocol/quorum"
	"zookit/server/config"
)

func TestExposed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no file modes")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(filepath.Join(dir, "version-2"), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.DataDir, cfg.DataLogDir = dir, dir
	everywhere := &net.TCPAddr{IP: net.IPv6zero, Port: 2181}
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2181}
	if got := exposed(cfg, everywhere); len(got) != 2 || !strings.Contains(got[0], "clientPortAddress") || !strings.Contains(got[1], "chmod o-rx "+dir) {
		t.Errorf("open port and directory: %q", got)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if got := exposed(cfg, local); len(got) != 0 {
		t.Errorf("nothing is open: %q", got)
	}

	cfg.MyID = 1
	for _, c := range []struct {
		host string
		set  func(*config.Security)
		want int
	}{
		{"10.0.0.1", func(*config.Security) {}, 1},
		{"127.0.0.1", func(*config.Security) {}, 0},
		{"10.0.0.1", func(s *config.Security) { s.SSL = true }, 0},
		{"10.0.0.1", func(s *config.Security) { s.SSL, s.PortUnification = true, true }, 1},
		{"10.0.0.1", func(s *config.Security) { s.SASL.Enabled = true }, 1},
		{"10.0.0.1", func(s *config.Security) {
			s.SASL.Enabled, s.SASL.LearnerRequire, s.SASL.ServerRequire = true, true, true
		}, 0},
	} {
		ensemble := *cfg
		c.set(&ensemble.Ensemble.Security)
		for id := range int64(3) {
			ensemble.Ensemble.Servers.Members = append(ensemble.Ensemble.Servers.Members, quorum.Member{ID: id + 1, Addresses: []quorum.Address{{Host: c.host, QuorumPort: 2888, ElectionPort: 3888}}})
		}
		if got := exposed(&ensemble, local); len(got) != c.want || c.want > 0 && !strings.Contains(got[0], "sslQuorum=true") {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
