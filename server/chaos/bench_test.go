//go:build bench && linux

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/load"
	"zookit/server/zktest/wire"
)

// count is how often something is measured: a number from the environment.
func count(t *testing.T, name string, otherwise int) int {
	t.Helper()
	if text := os.Getenv(name); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("%s=%q is no number above 0", name, text)
		}
		return n
	}
	return otherwise
}

// pair are three servers of ours and three of Apache's, from the same settings.
func newPair(t *testing.T) [2]*ensemble {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "zkserver")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "zookit/cmd/zkserver")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var both [2]*ensemble
	for i, kinds := range []string{"ooo", "AAA"} {
		e := &ensemble{program: bin, log: &journal{begin: time.Now(), out: io.Discard}}
		both[i] = e
		t.Cleanup(func() {
			e.close()
			for _, n := range e.nodes {
				if text := n.said(); t.Failed() {
					t.Logf("%v:\n%s", n, text[max(0, len(text)-10_000):])
				}
			}
		})
		if err := both[i].begin(t.TempDir(), kinds, []string{"tickTime=500", "initLimit=20", "syncLimit=4"}); err != nil {
			t.Fatal(err)
		}
	}
	return both
}

// up starts what does not run, waits for all, and tells who leads.
func (e *ensemble) up(t *testing.T) *node {
	t.Helper()
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	if err := e.awaitServing(2*time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if l := e.leader(); l != nil {
			return l
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("nobody says that it leads")
	return nil
}

// down ends all servers, so that the other ensemble has the machine.
func (e *ensemble) down() {
	for _, n := range e.nodes {
		n.end(syscall.SIGKILL)
	}
}

// TestBenchFailover measures the time from the end of the leader, or from its
// standing still, to the first write that one of the others acknowledges, while
// eight clients write as they can. FAILOVERS of each, ours and Apache's in turns.
func TestBenchFailover(t *testing.T) {
	both := newPair(t)
	n := count(t, "FAILOVERS", 50)
	fmt.Printf("\n| failover under load, 3 servers, tickTime 500, syncLimit 4, %d each | zkserver: median | worst | Apache: median | worst |\n|---|---|---|---|---|\n", n)
	for _, how := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		var took [2][]time.Duration
		for _, e := range both {
			e.up(t)
			if _, err := e.crowd(1); err != nil {
				t.Fatal(err)
			}
			e.down()
		}
		for range n {
			for i, e := range both {
				leader := e.up(t)
				took[i] = append(took[i], e.failover(t, leader, how))
				e.down()
			}
		}
		name := map[syscall.Signal]string{syscall.SIGKILL: "leader killed", syscall.SIGSTOP: "leader frozen"}[how]
		fmt.Printf("| %s | %v | %v | %v | %v |\n", name, middle(took[0]), slices.Max(took[0]).Round(time.Millisecond), middle(took[1]), slices.Max(took[1]).Round(time.Millisecond))
		for _, e := range both {
			for _, x := range e.nodes {
				_ = os.RemoveAll(x.version())
			}
		}
	}
}

func middle(list []time.Duration) time.Duration {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2].Round(time.Millisecond)
}

func (e *ensemble) failover(t *testing.T, leader *node, how syscall.Signal) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var targets []target
	for _, x := range e.nodes {
		if x != leader {
			targets = append(targets, target{x.sid, x.apache, x.client.addr()})
		}
	}
	done := make(chan struct{})
	for id := range clients {
		c := newClient(id, 1, e.log.begin, targets, pace)
		go func() {
			c.run(ctx)
			done <- struct{}{}
		}()
	}
	time.Sleep(time.Second) // of load
	first := make(chan time.Time, len(targets))
	begin := time.Now()
	if how == syscall.SIGKILL {
		leader.end(how)
	} else {
		leader.signal(how)
	}
	for _, g := range targets {
		go func() { first <- writeSoon(ctx, g.addr) }()
	}
	var took time.Duration
	select {
	case at := <-first:
		took = at.Sub(begin)
	case <-time.After(time.Minute):
		t.Fatalf("no write within a minute of %v", how)
	}
	cancel()
	for range clients {
		<-done
	}
	leader.signal(syscall.SIGCONT)
	return took
}

// writeSoon tries to write until that is acknowledged, and tells when.
func writeSoon(ctx context.Context, addr string) time.Time {
	for ctx.Err() == nil {
		attempt, end := context.WithTimeout(ctx, 100*time.Millisecond)
		c, err := load.Dial(attempt, addr)
		end()
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Drop() })
		err = c.Call(protocol.OpSetData, &protocol.SetDataRequest{Path: root, Version: -1}, nil)
		at := time.Now()
		stop()
		if err == nil {
			_ = c.Close()
			return at
		}
		_ = c.Drop()
	}
	return time.Time{}
}

// rejoins of a wiped server.
const rejoins = 3

// TestBenchRejoin measures the time from the start of a server whose disk was
// wiped to its serving again, with 100 MB of data.
func TestBenchRejoin(t *testing.T) {
	var took [2][]time.Duration
	for i, e := range newPair(t) {
		e.up(t)
		if err := e.grow(1000, 100_000); err != nil {
			t.Fatal(err)
		}
		for range rejoins {
			victim := e.nodes[0]
			if victim == e.leader() {
				victim = e.nodes[1]
			}
			victim.end(syscall.SIGKILL)
			if err := os.RemoveAll(victim.version()); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			e.up(t)
			took[i] = append(took[i], time.Since(begin))
		}
		e.down()
	}
	fmt.Printf("\n| a wiped server serves again, 1000 znodes of 100 kB, %d each | median | worst |\n|---|---|---|\n", rejoins)
	for i, name := range []string{"zkserver", "Apache"} {
		fmt.Printf("| %s | %v | %v |\n", name, middle(took[i]), slices.Max(took[i]).Round(time.Millisecond))
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

// slowRequests of one measurement with a slow minority.
const slowRequests = 20_000

// TestBenchSlowMinority measures writes a second of clients at the leader and
// one follower while the other follower is slow.
func TestBenchSlowMinority(t *testing.T) {
	fmt.Printf("\n| writes a second at two of 3 servers, the third is | zkserver | Apache |\n|---|---|---|\n")
	both := newPair(t)
	cases := []struct {
		name string
		slow func(e *ensemble, n *node) (undo func())
	}{
		{"well", func(*ensemble, *node) func() { return func() {} }},
		{"slow of disk: 50 ms more a sync", func(e *ensemble, n *node) func() {
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
		{"frozen", func(e *ensemble, n *node) func() {
			n.signal(syscall.SIGSTOP)
			return func() { n.signal(syscall.SIGCONT) }
		}},
	}
	var rate [2][]float64
	for i, e := range both {
		e.up(t)
		for k, c := range append(cases[:1:1], cases...) { // the first warms up
			leader := e.up(t)
			slow := e.nodes[leader.sid%3]
			var addrs []string
			for _, n := range e.nodes {
				if n != slow {
					addrs = append(addrs, n.door)
				}
			}
			parent := fmt.Sprintf("/slow-%d", k)
			if err := makeAt(addrs, parent); err != nil {
				t.Fatal(err)
			}
			undo := c.slow(e, slow)
			time.Sleep(500 * time.Millisecond)
			r, err := load.Run(context.Background(), load.Options{Addrs: addrs, Op: load.Set, Sessions: 16, InFlight: 8, Requests: slowRequests, ValueSize: 100, Parent: parent})
			undo()
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if k > 0 {
				rate[i] = append(rate[i], r.PerSecond())
			}
		}
		e.down()
	}
	for k, c := range cases {
		fmt.Printf("| %s | %.0f | %.0f |\n", c.name, rate[0][k], rate[1][k])
	}
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
