package ctl

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

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
}
