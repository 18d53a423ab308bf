//go:build bench && unix

package shell

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/shell/session"
)

// TestBenchDelete deletes 100,000 znodes on Apache's server with Apache's
// shell and with zkcli, plan and journal on, turn by turn, each as a whole
// process. It prints a table and fails below ten times Apache's speed. The
// last tree is brought back with undo and compared.
func TestBenchDelete(t *testing.T) {
	const rounds = 3
	server := apache.Start(t, apache.Options{})
	state := t.TempDir()
	program := filepath.Join(t.TempDir(), "zkcli")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/zkcli").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	zkcli := func(args ...string) (string, time.Duration) {
		cmd := exec.Command(program, append([]string{"-server", server.Addr}, args...)...)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "ZKCLI_JOURNAL=", "ZKCLI_COMPAT=")
		start := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("zkcli %q: %v\n%s", args, err, out)
		}
		return string(out), time.Since(start)
	}
	ctx := context.Background()
	s, err := session.Dial(ctx, session.Options{Servers: server.Addr})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(ctx)
	for _, shape := range []struct {
		name            string
		parents, leaves int
	}{{"100 parents of 999", 100, 999}, {"two parents of 49,999", 2, 49_999}} {
		var theirs, ours []time.Duration
		for range rounds {
			plantBench(t, s, shape.parents, shape.leaves)
			start := time.Now()
			if r := apache.Shell(t, server.Addr, "", "deleteall", "/bench"); r.Code != 0 {
				t.Fatalf("%+v", r)
			}
			theirs = append(theirs, time.Since(start))
			plantBench(t, s, shape.parents, shape.leaves)
			_, took := zkcli("deleteall", "/bench")
			ours = append(ours, took)
			if _, err := s.Exists(ctx, "/bench", false); err == nil {
				t.Fatal("/bench is still there")
			}
		}
		slices.Sort(theirs)
		slices.Sort(ours)
		ratio := theirs[rounds/2].Seconds() / ours[rounds/2].Seconds()
		fmt.Printf("\n| deleteall, 100,000 znodes, %s | median of %d | best | worst |\n|---|---|---|---|\n", shape.name, rounds)
		fmt.Printf("| Apache's shell | %.2f s | %.2f s | %.2f s |\n", theirs[rounds/2].Seconds(), theirs[0].Seconds(), theirs[rounds-1].Seconds())
		fmt.Printf("| zkcli, plan and undo on | %.2f s | %.2f s | %.2f s |\n| ratio | %.1f | | |\n", ours[rounds/2].Seconds(), ours[0].Seconds(), ours[rounds-1].Seconds(), ratio)
		if ratio < 10 {
			t.Errorf("%s: only %.1f times as fast as Apache's shell", shape.name, ratio)
		}
		out, took := zkcli("undo")
		t.Logf("undo took %v: %s", took, out)
		if n, err := s.GetAllChildrenNumber(ctx, "/bench"); err != nil || n != shape.parents*(1+shape.leaves) {
			t.Errorf("undo brought back %d, %v", n, err)
		}
		leaf := "/bench/p001/n0000000007"
		if data, _, err := s.Get(ctx, leaf, false); err != nil || !bytes.Equal(data, bytes.Repeat([]byte("x"), 100)) {
			t.Errorf("undo brought back %q, %v", data, err)
		}
		zkcli("deleteall", "/bench")
	}
}

// plantBench makes /bench with parents below it and leaves of 100 bytes below
// each. Apache's shell cannot list more names than fit into 1 MiB.
func plantBench(t *testing.T, s *session.Session, parents, leaves int) {
	t.Helper()
	ctx := context.Background()
	var ops []protocol.MultiOp
	flush := func() {
		if _, err := s.Multi(ctx, ops); err != nil {
			t.Fatal(err)
		}
		ops = nil
	}
	add := func(path string, data []byte) {
		ops = append(ops, protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: path, Data: data, ACL: protocol.OpenACL}})
		if len(ops) == 1000 {
			flush()
		}
	}
	data := bytes.Repeat([]byte("x"), 100)
	add("/bench", nil)
	for p := range parents {
		parent := fmt.Sprintf("/bench/p%03d", p)
		add(parent, nil)
		for n := range leaves {
			add(fmt.Sprintf("%s/n%010d", parent, n), data)
		}
	}
	if len(ops) > 0 {
		flush()
	}
}
