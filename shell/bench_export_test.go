//go:build bench && linux

package shell

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/shell/session"
)

// buildProgram builds a program of this module.
func buildProgram(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "../cmd/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// startProgram runs zkserver as a process of its own.
func startProgram(t *testing.T) (addr string) {
	t.Helper()
	port := apache.FreePort(t)
	cmd := exec.Command(buildProgram(t, "zkserver"), strconv.Itoa(port), t.TempDir())
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func dialBench(t *testing.T, addr string) *session.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s, err := session.Dial(ctx, session.Options{Servers: addr, KeepTrying: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// peakOf runs a command and returns how long it took and the most memory that
// was resident, in bytes, as the kernel counts for that program alone.
func peakOf(t *testing.T, argv ...string) (took time.Duration, peak int64) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "ZKCLI_COMPAT=", "ZKCLI_JOURNAL=off")
	var out bytes.Buffer
	cmd.Stderr = &out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%q: %v\n%s", argv, err, out.String())
			}
			return time.Since(begin), peak
		case <-time.After(5 * time.Millisecond):
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
				peak = max(peak, kib<<10)
			}
		}
	}
}

// TestBenchExport exports a million znodes of 100 bytes, below a thousand
// parents and below one.
func TestBenchExport(t *testing.T) {
	zkcli := buildProgram(t, "zkcli")
	addr := startProgram(t)
	s := dialBench(t, addr)
	file := filepath.Join(t.TempDir(), "export.jsonl")
	fmt.Printf("\n| export of 1,000,000 znodes of 100 bytes | peak resident | time |\n|---|---|---|\n")
	for _, shape := range []struct {
		name            string
		parents, leaves int
	}{{"a thousand parents", 1000, 1000}, {"one parent", 1, 1_000_000}} {
		plantMany(t, s, "/export", shape.parents, shape.leaves)
		took, peak := peakOf(t, zkcli, "-server", addr, "export", "/export", file)
		fmt.Printf("| %s | %.1f MB | %.1f s |\n", shape.name, float64(peak)/1e6, took.Seconds())
		if peak > 40e6 {
			t.Errorf("%s: %.1f MB resident, more than 40", shape.name, float64(peak)/1e6)
		}
		if out, err := exec.Command(zkcli, "-server", addr, "-y", "deleteall", "/export").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// plantMany makes a root with parents below it and leaves of 100 bytes below
// each, ten transactions at once.
func plantMany(t *testing.T, s *session.Session, root string, parents, leaves int) {
	t.Helper()
	ctx := context.Background()
	create := func(path string, data []byte) protocol.MultiOp {
		return protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: path, Data: data, ACL: protocol.OpenACL}}
	}
	top := []protocol.MultiOp{create(root, nil)}
	for p := range parents {
		top = append(top, create(fmt.Sprintf("%s/p%04d", root, p), nil))
	}
	if _, err := s.Multi(ctx, top); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("x"), 100)
	slots := make(chan error, 10)
	send := func(ops []protocol.MultiOp) {
		go func() {
			_, err := s.Multi(ctx, ops)
			slots <- err
		}()
	}
	sent, answered := 0, 0
	take := func() {
		if err := <-slots; err != nil {
			t.Fatal(err)
		}
		answered++
	}
	for p := range parents {
		for n := 0; n < leaves; n += 1000 {
			var ops []protocol.MultiOp
			for i := n; i < min(n+1000, leaves); i++ {
				ops = append(ops, create(fmt.Sprintf("%s/p%04d/n%010d", root, p, i), data))
			}
			if sent-answered == cap(slots) {
				take()
			}
			send(ops)
			sent++
		}
	}
	for answered < sent {
		take()
	}
}
