//go:build chaos && linux

package chaos

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/server/zktest/apache"
)

// program builds zkserver once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "zkserver")
	args := []string{"build", "-o", path}
	if os.Getenv("DEFECT") != "" {
		args = append(args, "-tags", "defects")
	}
	out, err := exec.Command("go", append(args, "zookit/cmd/zkserver")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}

// TestChaos plays rounds for CHAOS_SECONDS seconds of faults in all, the n-th
// with seed SEED+n and the n-th ensemble of CHAOS_MIX, in turns. CHAOS_ROUND is
// the length of one. A + behind an ensemble lets its members change. CHAOS_ONLY names the faults to play, separated by commas;
// DEFECT one (package defect) to plant in our servers. The files of a round are
// kept when it fails, and in the directory CHAOS_DIR always.
func TestChaos(t *testing.T) {
	seconds, seed, length := number(t, "CHAOS_SECONDS", 60), number(t, "SEED", 1), number(t, "CHAOS_ROUND", 20)
	mix := strings.Split("ooo,ooooo+,ooA", ",")
	if text := os.Getenv("CHAOS_MIX"); text != "" {
		mix = strings.Split(text, ",")
	}
	var only []string
	if text := os.Getenv("CHAOS_ONLY"); text != "" {
		only = strings.Split(text, ",")
	}
	var environ []string
	if defect := os.Getenv("DEFECT"); defect != "" {
		environ = append(environ, "ZOOKIT_DEFECT="+defect)
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	var ops, acked, txns, faults, leaders int
	for n := 0; n*length < seconds && !t.Failed(); n++ {
		kinds, members := strings.CutSuffix(mix[n%len(mix)], "+")
		t.Run(fmt.Sprintf("seed=%d,%s", seed+n, mix[n%len(mix)]), func(t *testing.T) {
			if strings.Contains(kinds, "A") {
				apache.Need(t)
			}
			dir, err := os.MkdirTemp(os.Getenv("CHAOS_DIR"), "chaos-"+kinds+"-")
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			r, err := Run(Options{
				Program: path, Environ: environ, Dir: dir, Kinds: kinds, Members: members, Seed: uint64(seed + n), Only: only,
				Faults: time.Duration(min(length, seconds-n*length)) * time.Second, Log: verbose(),
			})
			if err != nil {
				t.Fatalf("%v; the files are in %s", err, dir)
			}
			if err := r.Report(dir); err != nil {
				t.Error(err)
			}
			t.Logf("%d requests, %d answered, %d txns, %d faults, %d leaders, %v", r.Ops, r.Acked, r.Txns, r.Faults, r.Leaders, time.Since(begin).Round(time.Second))
			for _, line := range r.LeftOut {
				t.Log(line)
			}
			for _, note := range r.Notes[:min(len(r.Notes), 10)] {
				t.Logf("%.500s", note)
			}
			if more := len(r.Notes) - 10; more > 0 {
				t.Logf("and %d more notes", more)
			}
			for _, v := range r.Violations {
				t.Errorf("%.3000s", v.String())
			}
			ops, acked, txns, faults, leaders = ops+r.Ops, acked+r.Acked, txns+r.Txns, faults+r.Faults, leaders+r.Leaders
			if t.Failed() {
				t.Logf("%s", r.Journal)
				t.Logf("make chaos SEED=%d SECONDS=%d ROUND=%d MIX=%s draws the same faults; the servers' files and report.txt are in %s", seed+n, length, length, mix[n%len(mix)], dir)
				return
			}
			if os.Getenv("CHAOS_DIR") == "" {
				os.RemoveAll(dir)
			}
		})
	}
	t.Logf("in all: %d requests, %d answered, %d txns, %d faults, %d leaders", ops, acked, txns, faults, leaders)
}

// verbose is where faults are told as they happen.
func verbose() io.Writer {
	if os.Getenv("VERBOSE") != "" {
		return os.Stderr
	}
	return io.Discard
}
