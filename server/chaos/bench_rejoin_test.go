//go:build bench && linux

package chaos

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// rejoins of a wiped server; there is one more before, which is not counted.
const rejoins = 5

// TestBenchRejoin measures the time from the start of a follower whose disk was
// wiped, its process included, to its serving again, with 100 MB of data.
func TestBenchRejoin(t *testing.T) {
	both := newPair(t, none)
	for _, e := range both {
		e.up(t)
		if err := e.grow(1000, 100_000); err != nil {
			t.Fatal(err)
		}
	}
	var took [2][]time.Duration
	for k := range rejoins + 1 {
		for turn := range both {
			i := (k + turn) % 2
			d := both[i].rejoin(t)
			if k > 0 {
				took[i] = append(took[i], d)
			}
		}
	}
	fmt.Printf("\n| a wiped server serves again, 1000 znodes of 100 kB, %d each | zkserver | Apache | ratio |\n|---|---|---|---|\n", rejoins)
	ours, theirs := middle(took[0]), middle(took[1])
	fmt.Printf("| median | %s | %s | %.2f |\n", ms(ours), ms(theirs), float64(ours)/float64(theirs))
	ours, theirs = slices.Max(took[0]), slices.Max(took[1])
	fmt.Printf("| worst | %s | %s | %.2f |\n", ms(ours), ms(theirs), float64(ours)/float64(theirs))
}

// rejoin wipes a follower that was level, and waits until it has everything.
func (e *ensemble) rejoin(t *testing.T) time.Duration {
	t.Helper()
	victim := e.nodes[0]
	if victim == e.up(t) {
		victim = e.nodes[1]
	}
	want := field(victim.srvr(), "Node count")
	victim.end(syscall.SIGKILL)
	if err := os.RemoveAll(victim.version()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := victim.start(); err != nil {
		t.Fatal(err)
	}
	for {
		if got := victim.srvr(); field(got, "Mode") == "follower" {
			took := time.Since(begin)
			if count := field(got, "Node count"); count != want {
				t.Fatalf("%v serves %s znodes, before it was wiped %s", victim, count, want)
			}
			return took
		}
		if time.Since(begin) > 2*time.Minute {
			t.Fatalf("%v does not serve two minutes after it was wiped", victim)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// grow makes n znodes of a size.
func (e *ensemble) grow(n, size int) error {
	c, err := wire.Dial(e.nodes[0].door, wire.Options{TimeoutMs: 60_000})
	if err != nil {
		return err
	}
	defer c.Drop()
	data := bytes.Repeat([]byte{'x'}, size)
	for i := range n {
		if err := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: fmt.Sprintf("/big-%d", i), Data: data, ACL: protocol.OpenACL}, nil); err != nil {
			return err
		}
	}
	return nil
}
