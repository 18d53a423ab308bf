//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// A nemesis carries one plan out, step by step. Two run at a time.
type nemesis struct {
	e   *ensemble
	rng *rand.Rand
	ctx context.Context
}

func (m *nemesis) run(plan []Step) {
	for _, s := range plan {
		rest(m.ctx, s.At-time.Since(m.e.log.begin))
		if m.ctx.Err() != nil {
			return
		}
		m.step(s)
	}
}

// step resolves the target, logs the fault and does it. A fault that the machine
// refuses is told and is no violation.
func (m *nemesis) step(s Step) {
	n, leader := m.e.nodes[s.Target-1], ""
	if s.Leader {
		if l := m.e.leader(); l != nil {
			n, leader = l, ", the leader"
		}
	}
	other := m.e.nodes[s.Other-1]
	if other == n {
		other = m.e.nodes[n.sid%len(m.e.nodes)]
	}
	m.e.log.printf("%s: %v%s (other: %d), for %v", s.Fault, n, leader, other.sid, s.Hold)
	if err := m.do(s, n, other); err != nil {
		m.e.log.printf("%s: not done: %v", s.Fault, err)
	}
}

func (m *nemesis) do(s Step, n, other *node) error {
	hold := func() { rest(m.ctx, s.Hold) }
	switch s.Fault {
	case "kill -9":
		n.end(syscall.SIGKILL)
		hold()
		return n.start()
	case "kill -9 of all":
		m.killAll(m.e.nodes)
		return m.startWithout(n, s.Hold)
	case "kill -9 of most":
		m.killAll(m.without(n, len(m.e.nodes)/2))
		hold()
		return m.e.start()
	case "restart":
		n.end(syscall.SIGTERM)
		hold()
		return n.start()
	case "SIGSTOP":
		n.signal(syscall.SIGSTOP)
		hold()
		n.signal(syscall.SIGCONT)
		return nil
	case "slow syncs":
		_, err := n.inject(fmt.Sprintf("delay_enter=%d", 20_000+m.rng.IntN(400_000)), false, s.Hold)
		return err
	case "failing syncs":
		return m.failingSyncs(n, s.Hold)
	case "kill -9 during slow syncs":
		return m.slowThenKill(n, s.Hold)
	case "full disk":
		return m.fullDisk(n, s.Hold)
	case "wiped disk":
		return m.wipe(n)
	case "stale backup":
		return m.stale(n, s.Hold)
	case "swapped disks":
		return m.swap(n, other)
	case "flipped bit":
		return m.flip(n)
	case "removed from the ensemble", "observes":
		return m.leave(n, s)
	}
	return m.link(s, n, other)
}

// without is the nodes but for n and some more of the last.
func (m *nemesis) without(n *node, spare int) (list []*node) {
	for _, x := range m.e.nodes {
		if x != n {
			list = append(list, x)
		}
	}
	return list[:len(list)-spare+1]
}

func (m *nemesis) killAll(nodes []*node) {
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() { n.end(syscall.SIGKILL) })
	}
	wg.Wait()
}

// slowThenKill widens the time between the arrival of a txn and its sync at all
// servers but one, kills all in it, and lets the others begin without that one:
// whatever they had acknowledged before they had it on disk is lost.
func (m *nemesis) slowThenKill(n *node, d time.Duration) error {
	slow := 500*time.Millisecond + d/2 // until strace has hold of all threads, and more
	var wg sync.WaitGroup
	for _, x := range m.e.nodes {
		if x != n {
			wg.Go(func() { _, _ = x.inject("delay_enter=400000", false, slow+time.Second) })
		}
	}
	rest(m.ctx, slow)
	m.killAll(m.e.nodes)
	wg.Wait()
	return m.startWithout(n, d)
}

// startWithout starts all servers, one of them later.
func (m *nemesis) startWithout(n *node, d time.Duration) error {
	for _, x := range m.e.nodes {
		if x != n {
			if err := x.start(); err != nil {
				return err
			}
		}
	}
	rest(m.ctx, d)
	return n.start()
}

// fullDisk: the server must end by itself, or have written nothing meanwhile.
func (m *nemesis) fullDisk(n *node, d time.Duration) error {
	if !n.tmpfs {
		return nil
	}
	err := n.fill()
	rest(m.ctx, d)
	n.empty()
	if n.apache {
		n.end(syscall.SIGKILL) // parts of it go on without those that failed
	}
	if err != nil {
		return err
	}
	return n.start()
}
