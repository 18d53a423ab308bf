package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binary is zkcli as people get it, built once for all tests of this package.
var binary = struct {
	once sync.Once
	dir  string
	path string
	err  error
	out  []byte
}{}

func zkcli(t testing.TB) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "zkcli-test-"); binary.err != nil {
			return
		}
		binary.path = filepath.Join(binary.dir, "zkcli")
		build := exec.Command("go", "build", "-o", binary.path, ".")
		build.Env = append(build.Environ(), "CGO_ENABLED=0")
		binary.out, binary.err = build.CombinedOutput()
	})
	if binary.err != nil {
		t.Fatalf("build zkcli: %v\n%s", binary.err, binary.out)
	}
	return binary.path
}

func TestMain(m *testing.M) {
	// The scripts run with the journal on, which must not show.
	state, err := os.MkdirTemp("", "zkcli-state")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_STATE_HOME", state)
	code := m.Run()
	os.RemoveAll(state)
	if binary.dir != "" {
		os.RemoveAll(binary.dir)
	}
	os.Exit(code)
}
