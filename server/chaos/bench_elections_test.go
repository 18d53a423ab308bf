//go:build bench && linux

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestBenchElections makes the leader lose all its connections ELECTIONS times,
// and prints what the processes of our servers hold before, on the way and
// afterwards: descriptors, threads, resident memory and, by SIGQUIT at the end,
// goroutines.
func TestBenchElections(t *testing.T) {
	n := count(t, "ELECTIONS", 10_000)
	e := newPair(t, nil)[0]
	m := &nemesis{e: e}
	e.up(t)
	if _, err := e.crowd(1); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\n| elections of 3 servers | descriptors | threads | resident, MiB |\n|---|---|---|---|\n")
	begin := time.Now()
	for i := range n + 1 {
		leader := e.up(t)
		if i == n/10 || i == n/2 || i == n {
			e.held(t, i)
		}
		for known, again := e.epochs(), 0; i < n && e.epochs() == known; again++ {
			if again == 20 {
				t.Fatalf("nobody has followed %v", leader)
			}
			m.each((*proxy).resetAll, append(m.from(leader), m.to(leader)...)...)
			e.awaitEpoch(known, leader)
		}
	}
	fmt.Printf("\n%d elections in %v, %d epochs\n", n, time.Since(begin).Round(time.Second), e.epochs())
	for _, x := range e.nodes {
		x.mu.Lock()
		x.ending = true
		x.mu.Unlock()
		x.signal(syscall.SIGQUIT)
		<-x.done
		fmt.Printf("%v: %d goroutines at the end\n", x, len(regexp.MustCompile(`(?m)^goroutine \d+ `).FindAllString(x.said(), -1)))
	}
}

// awaitEpoch waits until a write has been done in another epoch than the known
// ones; it is by its zxid that srvr tells of one. A leader may have a quorum
// again before it has missed it: then there is none, and the wait is short.
func (e *ensemble) awaitEpoch(known int, was *node) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	for ctx.Err() == nil && e.epochs() == known {
		writeIn(ctx, 0, e.nodes[was.sid%len(e.nodes)].door)
		e.leader()
	}
}

func (e *ensemble) epochs() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.leaders)
}

// held prints what the processes hold.
func (e *ensemble) held(t *testing.T, elections int) {
	t.Helper()
	var files, threads []int
	var memory []string
	for _, n := range e.nodes {
		proc := fmt.Sprintf("/proc/%d/", n.cmd.Process.Pid)
		list, err := os.ReadDir(proc + "fd")
		if err != nil {
			t.Fatal(err)
		}
		tasks, err := os.ReadDir(proc + "task")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(proc + "statm")
		if err != nil {
			t.Fatal(err)
		}
		pages, err := strconv.Atoi(string(bytes.Fields(text)[1]))
		if err != nil {
			t.Fatal(err)
		}
		files, threads = append(files, len(list)), append(threads, len(tasks))
		memory = append(memory, fmt.Sprintf("%.1f", float64(pages*os.Getpagesize())/(1<<20)))
	}
	fmt.Printf("| %d | %v | %v | %v |\n", elections, files, threads, memory)
}
