//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options of a round.
type Options struct {
	Program string        // zkserver
	Environ []string      // for the servers, beside this process's
	Dir     string        // the files of the round; made, and left
	Kinds   string        // a letter for each server: o is ours, A Apache's
	Members bool          // the members change meanwhile, where network namespaces can be made
	Seed    uint64        // of everything that is drawn
	Faults  time.Duration // how long there are faults
	Only    []string      // of the faults, these alone; nil is all
	Log     io.Writer     // gets a line for every fault; may be nil
}

// A Result is what a round has shown.
type Result struct {
	Violations []Violation
	Notes      []string // what Apache has lost or left
	LeftOut    []string // what this machine cannot do
	History    *History
	Ops, Acked int
	Txns       int
	Faults     int
	Leaders    int // that were seen, by epoch
	Journal    string
}

// clients of a round, and the pause of each between two requests.
const (
	clients = 8
	pace    = 12 * time.Millisecond
)

// settlePatience bounds the time from the end of all faults to all servers
// serving, and to every client having a write.
const settlePatience = 60 * time.Second

// Run plays a round. An error is of the machine, not of the servers.
func Run(o Options) (*Result, error) {
	journal := &journal{begin: time.Now(), out: o.Log}
	e := &ensemble{program: o.Program, environ: o.Environ, log: journal, changes: o.Members}
	defer e.close()
	rng := newRand(o.Seed)
	// Short ticks, so that a run has many elections.
	lines := []string{"tickTime=250", "initLimit=20", "syncLimit=8", "preAllocSize=64", fmt.Sprint("snapCount=", []int{100, 300, 1000, 5000}[rng.IntN(4)])}
	if rng.IntN(2) == 0 {
		lines = append(lines, fmt.Sprint("txnLogSizeLimitInKb=", 16+rng.IntN(200)))
	}
	if err := e.begin(o.Dir, o.Kinds, lines); err != nil {
		return nil, err
	}
	can := e.capabilities()
	if can[needsMount] {
		for _, n := range e.nodes {
			if rng.IntN(2) == 0 {
				if err := errors.Join(n.mount(), n.writeID()); err != nil {
					return nil, err
				}
			}
		}
	}
	journal.printf("seed %d, servers %s, %v of faults, %s", o.Seed, o.Kinds, o.Faults, strings.Join(lines, " "))
	if err := e.start(); err != nil {
		return nil, err
	}
	if err := e.awaitServing(settlePatience, nil); err != nil {
		e.fail(violation("V1 servers that are let alone serve", "%v", err))
		return e.result(nil, nil), nil
	}

	crowd, err := e.crowd(o.Seed)
	if err != nil {
		return nil, err
	}
	working, stopWork := context.WithCancel(context.Background())
	defer stopWork()
	var work sync.WaitGroup
	for _, c := range crowd {
		work.Go(func() { c.run(working) })
	}
	work.Go(func() { e.watch(working) })
	work.Go(func() { e.archive(working) })
	faults := e.faults(o, rng, can)
	e.heal()
	if err := e.start(); err != nil {
		return nil, err
	}
	if e.changes {
		if err := e.everybodyVotes(settlePatience); err != nil {
			e.fail(violation("V4 servers come back by themselves", "%v", err))
		}
	}
	if err := e.revive(settlePatience); err != nil {
		e.fail(violation("V4 servers come back by themselves", "%v", err))
	}
	stopWork()
	work.Wait()
	e.settle(crowd)
	audits := e.audit()
	h := collect(append(crowd, audits...))
	e.rest(rng)
	r := e.judge(h)
	r.Faults = faults
	if len(r.Violations) > 0 {
		for _, n := range e.nodes {
			if n.tmpfs { // it goes with the round
				err = errors.Join(err, copyDir(filepath.Join(n.home, "data.kept"), n.data()))
			}
		}
	}
	return r, err
}

// capabilities finds what the machine lets be done.
func (e *ensemble) capabilities() map[string]bool {
	can := map[string]bool{needsNetwork: e.network != nil, needsProxies: !e.changes, needsStatic: !e.changes}
	if out, err := exec.Command("strace", "-qq", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		e.leaveOut("slow and failing syncs, which take strace: %v %s", err, out)
	} else {
		can[needsStrace] = true
	}
	if n := e.nodes[0]; os.Getuid() == 0 {
		if err := n.mount(); err != nil {
			e.leaveOut("full disks: %v", err)
		} else {
			can[needsMount] = true
			_ = syscall.Unmount(n.data(), 0)
			n.tmpfs = false
		}
	}
	return can
}

// faults draws the two plans and carries them out.
func (e *ensemble) faults(o Options, rng *rand.Rand, can map[string]bool) (count int) {
	offset := time.Since(e.log.begin)
	ctx, cancel := context.WithTimeout(context.Background(), o.Faults)
	defer cancel()
	var wg sync.WaitGroup
	first := processFaults
	if e.changes {
		first = append(slices.Clone(processFaults), memberFaults...)
	}
	for _, kinds := range [][]kind{first, linkFaults} {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return o.Only != nil && !slices.Contains(o.Only, k.name) })
		m := &nemesis{e: e, rng: rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())), ctx: ctx}
		if len(kinds) == 0 {
			continue
		}
		plan := draw(m.rng, kinds, can, len(e.nodes), o.Faults)
		for i := range plan {
			plan[i].At += offset
		}
		count += len(plan)
		wg.Go(func() { m.run(plan) })
	}
	wg.Wait()
	<-ctx.Done()
	return count
}

// revive waits until all servers serve. Those of Apache's that a defect of
// theirs has killed without ending their process are started again.
func (e *ensemble) revive(patience time.Duration) error {
	until := time.Now().Add(patience)
	for {
		err := e.awaitServing(10*time.Second, nil)
		if err == nil || time.Now().After(until) {
			return err
		}
		for _, n := range e.nodes {
			if n.apache && n.mode() == "" {
				e.log.printf("%v does not serve, and is started again", n)
				n.end(syscall.SIGKILL)
				if err := n.start(); err != nil {
					return err
				}
			}
		}
	}
}

// rest ends all servers, in one way or the other.
func (e *ensemble) rest(rng *rand.Rand) {
	var wg sync.WaitGroup
	for _, n := range e.nodes {
		how := syscall.SIGTERM
		if rng.IntN(2) == 0 {
			how = syscall.SIGKILL
		}
		wg.Go(func() { n.end(how) })
	}
	wg.Wait()
}
