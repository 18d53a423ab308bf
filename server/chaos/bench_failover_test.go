//go:build bench && linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// warmUps are failovers of each kind that are not counted: Apache's servers load
// and compile what leads and follows.
const warmUps = 3

// loadTime is how long clients have been writing when the leader fails.
const loadTime = 500 * time.Millisecond

// TestBenchFailover measures the time from the end of the leader, or from its
// standing still, to the first write of the next epoch that one of the others
// acknowledges, while eight clients write as they can. FAILOVERS of each, ours
// and Apache's in turns; both ensembles are up all the time.
func TestBenchFailover(t *testing.T) {
	both := newPair(t, none)
	n := count(t, "FAILOVERS", 50)
	for _, e := range both {
		e.up(t)
		if _, err := e.crowd(1); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Printf("\n| failover under load, 3 servers, tickTime 500, syncLimit 4, %d each | zkserver: median | worst | Apache: median | worst |\n|---|---|---|---|---|\n", n)
	for _, kind := range []struct {
		name string
		how  syscall.Signal
	}{{"leader frozen", syscall.SIGSTOP}, {"leader killed", syscall.SIGKILL}} {
		var took [2][]time.Duration
		for k := range warmUps + n {
			for turn := range both {
				i := (k + turn) % 2
				d := both[i].failover(t, kind.how)
				if k >= warmUps {
					took[i] = append(took[i], d)
				}
			}
		}
		fmt.Printf("| %s | %s | %s | %s | %s |\n", kind.name, ms(middle(took[0])), ms(slices.Max(took[0])), ms(middle(took[1])), ms(slices.Max(took[1])))
		for i, name := range names {
			t.Logf("%s, %s: %v", kind.name, name, took[i])
		}
	}
}

// failover fails the leader under load and brings it back.
func (e *ensemble) failover(t *testing.T, how syscall.Signal) time.Duration {
	t.Helper()
	leader := e.up(t)
	epoch := e.epoch()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var targets []target
	for _, x := range e.nodes {
		if x != leader {
			targets = append(targets, target{x.sid, x.apache, x.door})
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
	time.Sleep(loadTime)
	first := make(chan time.Time, len(targets))
	begin := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if how == syscall.SIGKILL {
			leader.end(how)
		} else {
			leader.signal(how)
		}
	}()
	for _, g := range targets {
		go func() { first <- writeIn(ctx, epoch+1, g.addr) }()
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
	<-ended
	leader.signal(syscall.SIGCONT)
	return took
}

// attemptTime bounds the opening of a session by writeIn: a server that has lost
// its leader and does not know it yet takes connections.
const attemptTime = 100 * time.Millisecond

// writeIn tries to write until that is acknowledged with a zxid of the epoch or
// a later one, and tells when. It tries again after a millisecond.
func writeIn(ctx context.Context, epoch int64, addr string) time.Time {
	for ctx.Err() == nil {
		at, err := writeOnce(ctx, epoch, addr)
		if err == nil {
			return at
		}
		rest(ctx, time.Millisecond)
	}
	return time.Time{}
}

var errEarlier = errors.New("a write of an earlier epoch")

func writeOnce(ctx context.Context, epoch int64, addr string) (time.Time, error) {
	c, err := wire.Open(addr)
	if err != nil {
		return time.Time{}, err
	}
	defer c.Drop()
	defer context.AfterFunc(ctx, c.Drop)()
	patience := time.AfterFunc(attemptTime, c.Drop)
	defer patience.Stop()
	err = c.Connect(&protocol.ConnectRequest{TimeoutMs: 30_000, Password: make([]byte, protocol.PasswordLen), HasReadOnly: true})
	if err == nil && !patience.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		return time.Time{}, err
	}
	r, err := c.Call(protocol.OpSetData, &protocol.SetDataRequest{Path: root, Version: -1})
	at := time.Now()
	switch {
	case err != nil:
		return at, err
	case r.Err != protocol.OK:
		return at, r.Err
	case r.Zxid.Epoch() < epoch:
		return at, errEarlier
	}
	_ = c.CloseSession()
	return at, nil
}
