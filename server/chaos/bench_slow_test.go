//go:build bench && linux

package chaos

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/load"
)

// slowRequests of one measurement with a slow minority, slowRounds of each; the
// first of these warms up.
const (
	slowRequests = 60_000
	slowRounds   = 4
)

// slowed is the server that is slow; it must not lead. Only its links have proxies.
const slowed = 1

// TestBenchSlowMinority measures writes a second of clients at the leader and
// one follower while the other follower is slow, and the longest time that one of
// them waited.
func TestBenchSlowMinority(t *testing.T) {
	cases := []struct {
		name string
		slow func(e *ensemble, n *node) (undo func())
	}{
		{"well", func(*ensemble, *node) func() { return func() {} }},
		{"slow of disk: 50 ms more a sync", func(_ *ensemble, n *node) func() {
			done := make(chan struct{})
			go func() {
				_, _ = n.inject("delay_enter=50000", false, time.Hour)
				close(done)
			}()
			return func() {
				n.letGo()
				<-done
			}
		}},
		{"slow of link: 100 ms more a packet", func(e *ensemble, n *node) func() {
			m := &nemesis{e: e}
			m.set(Fault{Delay: 100 * time.Millisecond}, append(m.from(n), m.to(n)...)...)
			return e.heal
		}},
		{"frozen", func(_ *ensemble, n *node) func() {
			n.signal(syscall.SIGSTOP)
			return func() { n.signal(syscall.SIGCONT) }
		}},
	}
	both := newPair(t, func(from, to int) bool { return from == slowed || to == slowed })
	rates, longest := make([][2][]float64, len(cases)), make([][2][]time.Duration, len(cases))
	for round := range slowRounds {
		for k, c := range cases {
			for turn := range both {
				i := (round + turn) % 2
				r, err := both[i].throughput(t, fmt.Sprintf("/slow-%d-%d", round, k), c.slow)
				if err != nil {
					t.Fatalf("%s, the third %s: %v", names[i], c.name, err)
				}
				if round > 0 {
					rates[k][i] = append(rates[k][i], r.PerSecond())
					longest[k][i] = append(longest[k][i], r.Quantile(1))
				}
			}
		}
	}
	fmt.Printf("\n| writes a second at two of 3 servers, 16 sessions × 32, 100 bytes, median of %d; the third is | zkserver | Apache | ratio | longest wait of a write: zkserver | Apache |\n|---|---|---|---|---|---|\n", slowRounds-1)
	for k, c := range cases {
		ours, theirs := middle(rates[k][0]), middle(rates[k][1])
		fmt.Printf("| %s | %.0f | %.0f | %.2f | %s | %s |\n", c.name, ours, theirs, ours/theirs, ms(middle(longest[k][0])), ms(middle(longest[k][1])))
		t.Logf("%s: %.0f", c.name, rates[k])
	}
}

// throughput writes at the two others while a follower is slow.
func (e *ensemble) throughput(t *testing.T, parent string, slow func(*ensemble, *node) func()) (load.Result, error) {
	t.Helper()
	n := e.nodes[slowed-1]
	for e.up(t) == n {
		n.end(syscall.SIGKILL)
		if err := e.awaitServing(time.Minute, n); err != nil {
			t.Fatal(err)
		}
	}
	addrs := e.doors(n)
	if err := makeAt(addrs, parent); err != nil {
		return load.Result{}, err
	}
	defer slow(e, n)()
	time.Sleep(500 * time.Millisecond) // strace takes hold of all threads
	return load.Run(context.Background(), load.Options{Addrs: addrs, Op: load.Set, Sessions: 16, InFlight: 32, Requests: slowRequests, ValueSize: 100, Parent: parent})
}

// letGo ends what strace does to the server.
func (n *node) letGo() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tracer != nil {
		_ = n.tracer.Process.Kill()
	}
}

// makeAt makes a znode and waits until every server has it.
func makeAt(addrs []string, path string) error {
	for i, addr := range addrs {
		c, err := load.Dial(context.Background(), addr)
		if err != nil {
			return err
		}
		if i == 0 {
			err = c.Call(protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL}, nil)
		} else {
			err = c.Call(protocol.OpSync, &protocol.SyncRequest{Path: path}, nil)
		}
		_ = c.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
