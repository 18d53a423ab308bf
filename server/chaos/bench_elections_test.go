//go:build bench && linux

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// electionSettings: a leader misses its quorum within a tick, and then all three
// look, so the tick is most of what an election takes here.
var electionSettings = []string{"tickTime=20", "initLimit=100", "syncLimit=100", "preAllocSize=64"}

// TestBenchElections makes the leader lose all its connections ELECTIONS times,
// and Apache's APACHE_ELECTIONS times, which takes a hundred times as long. It
// prints what the processes hold before, on the way and afterwards: descriptors,
// threads, resident memory and, by SIGQUIT at the end, goroutines.
func TestBenchElections(t *testing.T) {
	both := newPairOf(t, all, electionSettings)
	fmt.Printf("\n| elections | of 3 servers | descriptors | threads | resident, MiB |\n|---|---|---|---|---|\n")
	for i, n := range []int{count(t, "ELECTIONS", 10_000), count(t, "APACHE_ELECTIONS", 100)} {
		e := both[i]
		e.up(t)
		if _, err := e.crowd(1); err != nil {
			t.Fatal(err)
		}
		var took []time.Duration
		for k := range n + 1 {
			if k == n/100 || k == n/10 || k == n/3 || k == n*2/3 || k == n {
				e.held(t, names[i], k)
			}
			if k < n {
				begin := time.Now()
				e.elect(t)
				took = append(took, time.Since(begin))
			}
		}
		t.Logf("%s: %d elections, %d epochs, until all serve again %s in the median, %s at worst", names[i], n, e.epoch(), ms(middle(took)), ms(slices.Max(took)))
		if i == 0 {
			e.goroutines(t)
		}
		e.down()
	}
}

// elect resets all connections between the servers until a write is in another
// epoch, and waits until all serve. Followers may be back before their leader has
// missed them: then there is none, and they are reset again.
func (e *ensemble) elect(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for known := e.epoch(); e.epoch() == known; {
		for _, list := range e.links {
			for _, p := range list[:2] {
				p.resetAll()
			}
		}
		if writeIn(ctx, known, e.nodes[0].door).IsZero() {
			t.Fatal("no write within a minute of an election")
		}
		for e.leader() == nil || e.nodes[0].mode() == "" || e.nodes[1].mode() == "" || e.nodes[2].mode() == "" {
			if rest(ctx, time.Millisecond); ctx.Err() != nil {
				t.Fatal("not all serve within a minute of an election")
			}
		}
	}
}

// goroutines ends the servers and prints how many each had.
func (e *ensemble) goroutines(t *testing.T) {
	t.Helper()
	for _, x := range e.nodes {
		x.mu.Lock()
		x.ending = true
		x.mu.Unlock()
		x.signal(syscall.SIGQUIT)
		<-x.done
		t.Logf("%v: %d goroutines at the end", x, len(regexp.MustCompile(`(?m)^goroutine \d+ `).FindAllString(x.said(), -1)))
	}
}

// held prints what the processes hold.
func (e *ensemble) held(t *testing.T, name string, elections int) {
	t.Helper()
	e.up(t)
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
	fmt.Printf("| %d | %s | %v | %v | %v |\n", elections, name, files, threads, memory)
}
