package ctl

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"zookit/server/config"
)

// ensemble writes the configuration of server 2 with these hosts, and its myid.
func ensemble(t *testing.T, hosts ...string) (cfg string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/myid", []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "dataDir=" + dir + "\nclientPort=0\ninitLimit=10\nsyncLimit=5\n"
	for i, host := range hosts {
		text += fmt.Sprintf("server.%d=%s:%d:%d\n", i+1, host, 2881+i, 3881+i)
	}
	return writeConfig(t, dir, "zoo.cfg", text)
}

// An ensemble's configuration is read and checked, and refused where the server would be made.
func TestEnsembleIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, cfg, stderr string
	}{
		{"three", ensemble(t, "127.0.0.1", "127.0.0.1", "127.0.0.1"),
			"zoo.cfg:6: server.2=127.0.0.1:2882:3882: an ensemble of 3 voters is not supported by this release, which runs a server alone; remove the server lines to run one server\n"},
		{"loopback", ensemble(t, "198.51.100.1", "127.0.0.1", "198.51.100.3"),
			"zoo.cfg:6: server.2=127.0.0.1:2882:3882: this server's own host is 127.0.0.1, the loopback address, which server.1 on another machine cannot reach; write a name or an address the others reach\n"},
		{"elsewhere", ensemble(t, "198.51.100.1", "198.51.100.2", "198.51.100.3"), "198.51.100.2 is none of this machine's addresses"},
	} {
		code, stdout, stderr := run(t.Context(), nil, Standalone, tt.cfg)
		if code != ExitInvocation || stdout != "" || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%s: exit code %d, stderr %s", tt.name, code, stderr)
		}
	}
}

// A port between servers that is taken has an exit code of its own, and the line to change.
func TestQuorumPortTaken(t *testing.T) {
	t.Parallel()
	cfg := ensemble(t, "127.0.0.1", "127.0.0.1", "127.0.0.1")
	taken := func(port int) error {
		return fmt.Errorf("election port: %w", &net.OpError{Op: "listen", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, Err: os.ErrExist})
	}
	for port, want := range map[int]struct {
		code   int
		stderr string
	}{
		3882: {ExitQuorumPort, "server.2=127.0.0.1:2882:3882: the election port 3882 cannot be bound: election port: listen tcp 127.0.0.1:3882: file already exists; end what listens there"},
		2882: {ExitQuorumPort, "the quorum port 2882 cannot be bound"},
		2181: {ExitUnexpected, "free it or change them"},
	} {
		code, _, stderr := run(t.Context(), nil, func(c *config.Config, _ *slog.Logger) (Server, error) {
			return &fake{cfg: c, startErr: taken(port)}, nil
		}, cfg)
		if code != want.code || !strings.Contains(stderr, want.stderr) {
			t.Errorf("%d: exit code %d, stderr %s", port, code, stderr)
		}
	}
}
