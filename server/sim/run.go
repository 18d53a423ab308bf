package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/vfs"
)

// Result is what became of a run.
type Result struct {
	Seed      uint64
	Violation *Violation // nil: every invariant held
	Trace     []byte     // when one was asked for

	Requests, Answered int
	Writes             int // acknowledged, without an error
	Txns               int
	Events             int   // of the simulation
	Boots              int   // of servers
	Virtual            int64 // µs

	// Met counts what the run came upon: faults that hit, and rare ways through
	// the product.
	Met map[string]int
}

// Run plays a plan; with trace the result has a line for everything that
// happened.
func (p *Plan) Run(trace bool) *Result {
	w := p.world(trace)
	for i := range p.Actions {
		a := &p.Actions[i]
		w.at(a.At, func() { w.act(a, i) })
	}
	w.runUntil(p.Heal, never)
	w.settle()
	w.finish()
	r := &Result{Seed: p.Seed, Violation: w.broken, Requests: len(w.history.ops), Txns: len(w.ledger.chain), Events: w.events, Virtual: w.now, Met: w.met}
	for _, o := range w.history.ops {
		r.Answered += b2i(o.Answered)
		r.Writes += b2i(o.Answered && o.Code == protocol.OK && isWrite(o.Type))
	}
	for _, s := range w.processes {
		r.Boots += s.run
	}
	if trace {
		r.Trace = w.trace.Bytes()
	}
	return r
}

// finish reads the tree of every server, and the disks a last time.
func (w *world) finish() {
	w.audit()
	for _, s := range w.processes {
		if s.up {
			s.disk.dead = true
			s.stopFibers()
		}
	}
	if w.broken == nil {
		w.judge.found(w.judge.sessions())
	}
	if w.broken == nil {
		w.atRest()
	}
}

// world is the servers of a plan, about to start, and its clients.
func (p *Plan) world(trace bool) *world {
	w := &world{plan: p, rng: rand.New(rand.NewPCG(p.Seed, 0x52)), history: new(history), met: map[string]int{}}
	if trace {
		w.trace = new(bytes.Buffer)
		w.tracef("seed %d: %+v", p.Seed, p.Options)
	}
	if o := &p.Options; o.Groups != nil {
		w.reached("seed with groups and weights")
		if len(o.Groups) > 1 {
			w.reached("seed with more than one group")
		}
	}
	w.judge = newJudge(w)
	if p.Options.Voters > 0 {
		w.ensemble = newEnsemble(w)
	}
	w.ledger = newLedger(w)
	for i := range p.Options.Processes {
		s := &process{w: w, id: i + 1, mem: vfs.NewTrackedMem(), rate: 1000}
		if p.Options.Rates != nil {
			s.rate = p.Options.Rates[i]
		}
		w.processes = append(w.processes, s)
		s.setClock(0)
		w.after(0, s.boot)
	}
	for i := range p.Options.Clients {
		w.clients = append(w.clients, newClient(w, i, []int32{1000, 2000, 4000}[w.rng.IntN(3)]))
	}
	return w
}

// act does what the plan says.
func (w *world) act(a *Action, n int) {
	if a.Kind != DoRequest {
		w.tracef("* %v", a)
		w.reached("fault: " + a.Kind.String())
	}
	switch {
	case a.Kind == DoOutage:
		a.Outage.begin(w)
	case a.Kind <= FaultReset:
		w.clients[a.Client].act(a, n)
	default:
		w.aim(a).act(a)
	}
}

// aim is the process that an action is for.
func (w *world) aim(a *Action) *process {
	if a.Leader && w.ensemble != nil {
		for _, p := range w.processes {
			if p.up && p.serving && p.seat.role.State == quorum.Leading && p.id-1 != a.Peer {
				return p
			}
		}
	}
	return w.processes[a.Server]
}

func (c *client) act(a *Action, n int) {
	now := c.w.now
	switch a.Kind {
	case DoRequest:
		op, r := c.ask(a, fmt.Sprintf("%d.", n))
		c.request(op, r)
	case DoClose:
		if c.connected && !c.closing {
			c.request(protocol.OpCloseSession, nil)
			c.closing = true
		}
	case DoVanish:
		c.silent = now + a.Length
		c.drop(true)
	case DoMove:
		c.drop(true)
	case FaultStall:
		for _, r := range c.route {
			for dir := range r.stalledUntil {
				if a.N == dir || a.N == 2 {
					r.stalledUntil[dir] = max(r.stalledUntil[dir], now+a.Length)
				}
			}
		}
	case FaultSlow:
		for _, r := range c.route {
			r.slowUntil = max(r.slowUntil, now+a.Length)
		}
	case FaultReset:
		if c.link != nil {
			c.link.cut()
		}
	}
}

// ask makes the request of an action; what it writes is unlike anything else.
func (c *client) ask(a *Action, unique string) (protocol.OpCode, protocol.Record) {
	version := int32(-1)
	if v, ok := c.versions[a.Path]; ok && a.Guarded {
		version = v
	}
	data := []byte(unique + strings.Repeat("x", a.Size))
	switch a.Op {
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateContainer:
		path := a.Path
		if a.Flags.Sequential() {
			path += "-"
		}
		return a.Op, &protocol.CreateRequest{Path: path, Data: data, ACL: protocol.OpenACL, Flags: a.Flags}
	case protocol.OpDelete:
		return a.Op, &protocol.DeleteRequest{Path: a.Path, Version: version}
	case protocol.OpSetData:
		return a.Op, &protocol.SetDataRequest{Path: a.Path, Data: data, Version: version}
	case protocol.OpMulti:
		r := &protocol.MultiRequest{}
		for i := range a.Also {
			op, sub := c.ask(&a.Also[i], fmt.Sprintf("%s%d.", unique, i))
			r.Ops = append(r.Ops, protocol.MultiOp{Type: op, Record: sub})
		}
		return a.Op, r
	case protocol.OpSync:
		return a.Op, &protocol.PathRequest{Path: a.Path}
	case protocol.OpAddWatch:
		return a.Op, &protocol.AddWatchRequest{Path: a.Path, Mode: a.Mode}
	}
	return a.Op, &protocol.PathWatchRequest{Path: a.Path, Watch: a.Watch}
}

func (p *process) act(a *Action) {
	switch a.Kind {
	case FaultPowerCut:
		if p.up {
			p.powerCut()
		}
	case FaultKill:
		p.exit()
	case FaultStop:
		p.stop()
	case FaultCutIn:
		if p.up {
			p.disk.cutIn, p.disk.cutOp = a.N, a.Effect
		} else {
			p.cutNext, p.cutNextOp = a.N, a.Effect
		}
	case FaultDisk:
		f := failure{op: a.Effect, short: a.Short, clean: a.Short}
		if p.up {
			p.disk.failIn, p.disk.fail = a.N, f
		} else {
			p.failNext, p.failNextAs = a.N, f
		}
	case FaultSlowDisk:
		p.slowDisk = max(p.slowDisk, p.w.now+a.Length)
	case FaultSlowDisks:
		for _, o := range p.w.processes {
			if o != p {
				o.slowDisk = max(o.slowDisk, p.w.now+a.Length)
			}
		}
	case FaultOverload:
		p.overload(a.Length, a.N)
	case FaultFull:
		p.fullUntil, p.fullShort = max(p.fullUntil, p.w.now+a.Length), a.Short
	case FaultPause:
		p.pause(a.Length)
	case FaultDamage:
		p.damage(a)
	case FaultClock:
		p.setClock(p.wallOffset + a.Length)
	case DoPurge:
		p.purge()
	case DoReconfig:
		p.reconfig(a)
	case FaultPeerStall, FaultPeerSlow, FaultPeerReset, FaultPeerCut:
		p.w.ensemble.act(a, p, p.w.processes[a.Peer])
	case FaultIsolate:
		for _, o := range p.w.processes {
			if o != p {
				p.w.ensemble.act(a, p, o)
			}
		}
	}
}

// audit cuts the power everywhere a last time, and reads the whole tree.
func (w *world) audit() {
	if w.broken != nil {
		return
	}
	w.tracef("* audit")
	for _, p := range w.processes {
		if p.up {
			p.powerCut()
		}
	}
	left := slices.Repeat([]int{1}, len(w.processes))
	for i := range w.processes {
		w.auditor(i, &left[i])
	}
	w.runUntil(w.now+auditTime, func() bool { return !slices.ContainsFunc(left, func(n int) bool { return n > 0 }) })
	if w.broken == nil && slices.ContainsFunc(left, func(n int) bool { return n > 0 }) && !w.anySpoilt() {
		w.violated("V2 every request is answered", "the last clients could not read the tree within %d s: %v", auditTime/second, left)
		return
	}
}

// auditor is a client that reads the whole tree of one server. left is what it
// waits for.
func (w *world) auditor(server int, left *int) {
	c := newClient(w, len(w.clients), 4000)
	w.clients = append(w.clients, c)
	c.server, c.pinned = server, true
	visit := func(path string) {
		for _, op := range []protocol.OpCode{protocol.OpGetData, protocol.OpGetChildren2} {
			c.xid++
			c.send(c.xid, op, &protocol.PathWatchRequest{Path: path})
		}
	}
	c.answered = func(o *Op) {
		r, ok := o.Reply.(*protocol.GetChildren2Response)
		if !ok {
			return
		}
		*left--
		path := o.Request.(*protocol.PathWatchRequest).Path
		for _, name := range r.Children {
			if path == "/" && name == "zookeeper" {
				continue
			}
			*left++
			visit(protocol.Join(path, name))
		}
	}
	c.backlog = []func(){func() { visit("/") }}
}
