package ctl

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/config"
	"zookit/server/zktest/wire"
)

// startAndStop runs the program until its server serves, calls while it does, and then orders it to stop.
func startAndStop(t *testing.T, cfg string, while func(addr string), args ...string) (code int, stderr string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	serve := func(c *config.Config, log *slog.Logger) (Server, error) {
		srv, err := Standalone(c, log)
		return &started{Server: srv, then: func(addr string) { while(addr); stop() }}, err
	}
	code, _, stderr = run(ctx, nil, serve, append(args, cfg)...)
	return code, stderr
}

// started tells when Start has returned.
type started struct {
	Server
	then func(addr string)
}

func (s *started) Start() error {
	err := s.Server.Start()
	if err == nil {
		s.then(s.Addr().String())
	}
	return err
}

func createRoot(t *testing.T, path string) func(addr string) {
	return func(addr string) {
		c, err := wire.Dial(addr, wire.Options{})
		if err == nil {
			err = c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL}, nil)
		}
		if err == nil {
			err = c.CloseSession()
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// The life of a directory: made, in use, damaged, refused with the words that mend it, and opened by them.
func TestStandalone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := fmt.Sprintf("dataDir=%s/data # of the test\nclientPort=0\nclientPortAddress=127.0.0.1\npreAllocSize=64\n", dir)
	cfg := writeConfig(t, dir, "zoo.cfg", text)

	code, stderr := startAndStop(t, cfg, func(addr string) {
		createRoot(t, "/kept")(addr)
		if code, _, stderr := run(t.Context(), nil, Standalone, cfg); code != ExitDataDir || !strings.Contains(stderr, "another server is running on it") {
			t.Errorf("a second server: exit code %d, stderr %q", code, stderr)
		}
	})
	if code != ExitOK || !strings.Contains(stderr, "stopped") {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	if got, err := filepath.Glob(dir + "/*"); err != nil || len(got) != 2 {
		t.Errorf("the comment behind dataDir left %q, %v", got, err)
	}

	// The first byte of the first record's payload, with valid records behind it.
	log := dir + "/data/version-2/log.1"
	records, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	records[16+12] ^= 1
	if err := os.WriteFile(log, records, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = run(t.Context(), nil, Standalone, cfg)
	mend := regexp.MustCompile(`set (acceptDataLoss=0x[0-9a-f]+) for one start`).FindStringSubmatch(stderr)
	if code != ExitDamage || mend == nil || !strings.Contains(stderr, log+" is damaged at offset 16: ") {
		t.Fatalf("damage: exit code %d, stderr %q", code, stderr)
	}
	cfg = writeConfig(t, dir, "zoo.cfg", text+mend[1]+"\n")
	if code, stderr = startAndStop(t, cfg, createRoot(t, "/kept")); code != ExitOK {
		t.Errorf("with %s: exit code %d, stderr %q", mend[1], code, stderr)
	}
	if code, stderr = startAndStop(t, cfg, createRoot(t, "/more")); code != ExitOK || !strings.Contains(stderr, "nothing is damaged: remove this key") {
		t.Errorf("with %s once more: exit code %d, stderr %q", mend[1], code, stderr)
	}
}
