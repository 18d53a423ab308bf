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

	"zookit/protocol"
	"zookit/server/offline"
	"zookit/server/storage"
	"zookit/server/zktest/wire"
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
	if _, err := exec.LookPath("strace"); err != nil {
		e.leaveOut("slow and failing syncs, which take strace")
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

// crowd makes the znodes that are there for good, and the clients.
func (e *ensemble) crowd(seed uint64) (list []*client, err error) {
	c, err := wire.Dial(e.nodes[0].door, wire.Options{TimeoutMs: 30_000})
	if err != nil {
		return nil, err
	}
	for _, q := range setup() {
		if err := c.Do(q.op, q.record, nil); err != nil {
			return nil, err
		}
	}
	if err := c.CloseSession(); err != nil {
		return nil, err
	}
	var targets []target
	for _, n := range e.nodes {
		targets = append(targets, target{n.sid, n.apache, n.client.addr()})
	}
	for id := range clients {
		list = append(list, newClient(id, seed, e.log.begin, targets, pace))
	}
	return list, nil
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

// settle: every client must have a write and a sync answered.
func (e *ensemble) settle(crowd []*client) {
	ctx, cancel := context.WithTimeout(context.Background(), settlePatience)
	defer cancel()
	var wg sync.WaitGroup
	for _, c := range crowd {
		wg.Go(func() {
			if err := c.finish(ctx); err != nil {
				e.fail(violation("V2 requests are answered", "%v", err))
			}
		})
	}
	wg.Wait()
}

// audit reads every znode at every server.
func (e *ensemble) audit() (list []*client) {
	ctx, cancel := context.WithTimeout(context.Background(), settlePatience)
	defer cancel()
	for i, n := range e.nodes {
		c := newClient(1000+i, 0, e.log.begin, []target{{n.sid, n.apache, n.client.addr()}}, time.Millisecond)
		list = append(list, c)
		if err := c.readAll(ctx); err != nil {
			e.fail(violation("V2 requests are answered", "%v: %v", n, err))
		}
	}
	return list
}

// readAll syncs and reads the tree below /chaos.
func (c *client) readAll(ctx context.Context) error {
	for ctx.Err() == nil {
		w, err := c.connect(c.targets[0])
		if err != nil {
			rest(ctx, 50*time.Millisecond)
			continue
		}
		todo := []call{{protocol.OpSync, &protocol.SyncRequest{Path: root}}}
		visit := func(path string) {
			todo = append(todo, call{protocol.OpGetData, &protocol.GetDataRequest{Path: path}}, call{protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: path}})
		}
		visit(root)
		var asked []*Op
		seen := 0
		c.work(ctx, w, func() bool {
			c.mu.Lock()
			for ; seen < len(asked) && asked[seen].Answered; seen++ {
				if r, ok := asked[seen].Reply.(*protocol.GetChildren2Response); ok {
					for _, name := range r.Children {
						visit(protocol.Join(asked[seen].path(), name))
					}
				}
			}
			c.mu.Unlock()
			if len(todo) > 0 {
				asked = append(asked, c.send(w, todo[0]))
				todo = todo[1:]
			}
			return seen < len(asked)
		})
		if len(asked) > 0 && seen == len(asked) && len(todo) == 0 {
			return nil
		}
	}
	return errors.New("its tree could not be read")
}

func collect(crowd []*client) *History {
	h := &History{}
	for _, c := range crowd {
		h.Ops = append(h.Ops, c.ops...)
		h.Conns = append(h.Conns, c.conns...)
		h.Seen = append(h.Seen, c.broken...)
		h.Expired = append(h.Expired, c.expired...)
	}
	return h
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

// judge reads what the servers have left, and holds the history against it.
func (e *ensemble) judge(h *History) *Result {
	var logs []Log
	for _, n := range e.nodes {
		l, err := n.log()
		if err != nil {
			e.fail(violation("logs can be read", "%v: %v", n, err))
		}
		logs = append(logs, l)
		if text := n.said(); !n.apache {
			for _, bad := range []string{"DATA RACE", "panic:", "broken invariant", "the tree differs"} {
				if strings.Contains(text, bad) {
					e.fail(violation("assertions hold", "%v: %q in its output", n, bad))
				}
			}
		}
	}
	ref, broken := Agree(logs, e.saved)
	more, lost := Check(h, ref)
	broken = append(append(h.Seen, broken...), more...)
	for _, o := range lost {
		v := violation("D1 acknowledged writes survive", "no log has it: %v", o).at(o.path())
		if by := e.lostBy(o.Zxid); by != nil && by.apache {
			ref.Notes = append(ref.Notes, fmt.Sprintf("lost by Apache, whose server %d led the next epoch without it: %v", by.sid, o))
			continue
		}
		broken = append(broken, v)
	}
	for _, v := range broken[:min(len(broken), 20)] {
		e.fail(v)
	}
	if len(broken) == 0 {
		e.trees(ref)
	}
	return e.result(h, ref)
}

// lostBy is who led the epoch in which a txn of an earlier one was not there any
// more; nil when nobody was seen.
func (e *ensemble) lostBy(z protocol.Zxid) *node {
	next := int64(0)
	for epoch := range e.leaders {
		if epoch > z.Epoch() && (next == 0 || epoch < next) {
			next = epoch
		}
	}
	if next == 0 {
		return nil
	}
	return e.nodes[e.leaders[next]-1]
}

// trees compares what each data directory recovers to with the reference.
func (e *ensemble) trees(ref *Reference) {
	for _, n := range e.nodes {
		d, err := offline.Open(n.data())
		if err == nil {
			err = d.Load()
		}
		if err != nil {
			if !n.apache || !errors.Is(err, storage.ErrCorrupt) {
				e.fail(violation("D4 what is on disk can be recovered", "%v: %v", n, err))
			}
			continue
		}
		part := *ref
		for i, t := range part.Txns {
			if t.Zxid > d.Zxid() {
				part.Txns = part.Txns[:i]
				break
			}
		}
		want := replay(&part).Tree
		if diff := sameTree(d, want, root); diff != "" {
			e.fail(violation("I14 equal histories are equal trees", "%v: %s", n, diff).at(strings.Fields(diff)[0]))
		}
	}
}

func (e *ensemble) result(h *History, ref *Reference) *Result {
	r := &Result{Violations: e.broken, History: h, Leaders: len(e.leaders), Journal: e.log.text(), LeftOut: e.leftOut}
	if h != nil {
		r.Ops = len(h.Ops)
		r.Acked = countAnswered(h.Ops)
	}
	if ref != nil {
		r.Txns, r.Notes = len(ref.Txns), ref.Notes
	}
	return r
}

// Report writes what whoever looks into a failure needs, into the directory of
// the round: the faults, the violations, and the histories of the znodes in
// question.
func (r *Result) Report(dir string) error {
	var b strings.Builder
	b.WriteString(r.Journal)
	done := map[string]bool{}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "\n%v\n", v)
		if v.Path == "" || done[v.Path] || r.History == nil {
			continue
		}
		done[v.Path] = true
		fmt.Fprintf(&b, "History of %s:\n", v.Path)
		for _, line := range r.History.about(v.Path) {
			fmt.Fprintln(&b, "  "+line)
		}
	}
	return os.WriteFile(filepath.Join(dir, "report.txt"), []byte(b.String()), 0o600)
}
