package sim

import (
	"fmt"
	"strings"

	"zookit/protocol/quorum"
	"zookit/server/election"
	"zookit/server/replica"
)

// ensemble is what the servers of a world share: the configuration and the network
// between them.
type ensemble struct {
	w        *world
	verifier *quorum.Verifier
	text     []byte
	routes   map[[2]int]*route // by the ids, the lower first: direction 0 is from it
	links    []*peerLink       // of the quorum ports, that one side uses at least
	votes    map[[2]int]*voteLink
}

func newEnsemble(w *world) *ensemble {
	o := &w.plan.Options
	e := &ensemble{w: w, routes: map[[2]int]*route{}, votes: map[[2]int]*voteLink{}}
	for i := range o.Processes {
		for j := range i {
			e.routes[[2]int{j + 1, i + 1}] = &route{}
			e.votes[[2]int{j + 1, i + 1}] = &voteLink{}
		}
	}
	c := o.config()
	v, err := quorum.NewVerifier(c)
	if err != nil {
		panic(err) // the generator's
	}
	e.verifier, e.text = v, []byte(c.String())
	return e
}

func (e *ensemble) seat(p *process) *seat {
	return &seat{p: p}
}

// between is the route of two processes and the direction from a to b.
func (e *ensemble) between(a, b *process) (*route, int) {
	if a.id < b.id {
		return e.routes[[2]int{a.id, b.id}], 0
	}
	return e.routes[[2]int{b.id, a.id}], 1
}

// reachable tells that a connection can be made.
func (e *ensemble) reachable(a, b *process) bool {
	r, _ := e.between(a, b)
	return e.w.now >= max(r.stalledUntil[0], r.stalledUntil[1], r.cutUntil)
}

// latency is when what a sends to b now arrives.
func (e *ensemble) latency(a, b *process) int64 {
	w := e.w
	r, dir := e.between(a, b)
	t := w.now + w.between(20, 600)
	if w.now < r.slowUntil {
		t += w.between(5*millisecond, 300*millisecond)
	}
	if s := max(r.stalledUntil[dir], r.cutUntil); t < s {
		t = s + w.between(0, millisecond)
	}
	return t
}

// resetRoute breaks the connections between two processes.
func (e *ensemble) resetRoute(a, b *process) {
	for _, l := range append([]*peerLink(nil), e.links...) {
		if l.ends[0] == a && l.ends[1] == b || l.ends[0] == b && l.ends[1] == a {
			l.cut()
		}
	}
	e.voteLink(a, b).close()
}

// voteLink is the connection of two election ports. Of what is sent while there
// is none only the newest is kept, and the last notification goes out again on
// a new connection (QuorumCnxManager).
type voteLink struct {
	open    bool
	life    int // what an earlier connection carried is lost
	arrival [2]int64
	last    [2]*quorum.Notification
}

func (v *voteLink) close() { v.open, v.life = false, v.life+1 }

func (e *ensemble) voteLink(a, b *process) *voteLink {
	return e.votes[[2]int{min(a.id, b.id), max(a.id, b.id)}]
}

// endVotes breaks the election connections of a process that has ended.
func (e *ensemble) endVotes(p *process) {
	for _, o := range e.w.processes {
		if o != p {
			v := e.voteLink(p, o)
			v.close()
			_, dir := e.between(p, o)
			v.last[dir] = nil
		}
	}
}

// vote sends a notification, over a new connection if there is none.
func (e *ensemble) vote(from *process, m election.Message) {
	w, to := e.w, e.w.processes[m.To-1]
	v := e.voteLink(from, to)
	_, dir := e.between(from, to)
	v.last[dir] = m.Notification
	if v.open {
		e.carry(v, from, to, m.Notification)
		return
	}
	if !to.up || !e.reachable(from, to) {
		from.do(w.between(millisecond, 50*millisecond), func() {
			from.seat.arrive(func(now replica.Now) { from.rep.ElectionEvent(now, election.Unreachable{Sid: m.To}) })
		})
		return
	}
	v.open = true
	for _, ends := range [][2]*process{{from, to}, {to, from}} {
		a, b := ends[0], ends[1]
		a.do(w.between(20, millisecond), func() {
			a.seat.arrive(func(now replica.Now) { a.rep.ElectionEvent(now, election.Reached{Sid: int64(b.id)}) })
		})
		if _, dir := e.between(a, b); v.last[dir] != nil {
			e.carry(v, a, b, v.last[dir])
		}
	}
}

func (e *ensemble) carry(v *voteLink, from, to *process, n *quorum.Notification) {
	_, dir := e.between(from, to)
	t := max(e.latency(from, to), v.arrival[dir])
	v.arrival[dir] = t
	life, run := v.life, to.run
	e.w.at(t, func() {
		if v.life != life {
			return
		}
		to.perform(run, func() {
			to.seat.arrive(func(now replica.Now) {
				to.rep.ElectionEvent(now, election.Received{From: int64(from.id), Notification: n})
			})
		})
	})
}

// act is a fault of the network between two servers.
func (e *ensemble) act(a *Action, p, o *process) {
	r, dir := e.between(p, o)
	until := e.w.now + a.Length
	switch {
	case a.Kind == FaultPeerStall, a.Kind == FaultIsolate && a.N < 3:
		if a.N == 0 || a.N == 2 {
			r.stalledUntil[dir] = max(r.stalledUntil[dir], until)
		}
		if a.N == 1 || a.N == 2 {
			r.stalledUntil[1-dir] = max(r.stalledUntil[1-dir], until)
		}
	case a.Kind == FaultPeerSlow:
		r.slowUntil = max(r.slowUntil, until)
	case a.Kind == FaultPeerReset:
		e.resetRoute(p, o)
	default:
		r.cutUntil = max(r.cutUntil, until)
		e.resetRoute(p, o)
	}
}

// overload is a machine with too much to do: its disk is slow for a time, and
// meanwhile it is late on n connections, which the others give up.
func (p *process) overload(length int64, n int) {
	w := p.w
	p.slowDisk = max(p.slowDisk, w.now+length)
	for range n {
		o := w.processes[(p.id+w.rng.IntN(len(w.processes)-1))%len(w.processes)]
		w.after(w.between(0, length), func() { w.ensemble.resetRoute(p, o) })
	}
}

// heal ends the faults between servers.
func (e *ensemble) heal() {
	for _, k := range e.pairs() {
		*e.routes[k] = route{}
	}
}

func (e *ensemble) pairs() [][2]int {
	var list [][2]int
	for i := range e.w.processes {
		for j := range i {
			list = append(list, [2]int{j + 1, i + 1})
		}
	}
	return list
}

// whole tells that one server leads and all the others serve under it, and
// stand where it does.
func (e *ensemble) whole() bool {
	leaders := 0
	first := e.w.processes[0]
	for _, p := range e.w.processes {
		if !p.up || p.seat == nil || !p.seat.role.Serving {
			return false
		}
		if p.seat.role.State == quorum.Leading {
			leaders++
		}
		if p.seat.role.Epoch != first.seat.role.Epoch || p.rep.State().Zxid() != first.rep.State().Zxid() {
			return false
		}
	}
	return leaders == 1
}

func (e *ensemble) state() string {
	var all []string
	for _, p := range e.w.processes {
		if !p.up || p.seat == nil {
			all = append(all, fmt.Sprintf("%v is down", p))
			continue
		}
		r := p.seat.role
		text := fmt.Sprintf("%v %v", p, r.State)
		if r.State != quorum.Looking && r.State != quorum.Leading {
			text += fmt.Sprintf(" s%d", r.Leader)
		}
		if r.Serving {
			text += fmt.Sprintf(", serving, epoch %d", r.Epoch)
		}
		all = append(all, fmt.Sprintf("%s, zxid %v", text, p.rep.State().Zxid()))
	}
	return strings.Join(all, "\n")
}
