package election_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/election"
)

// A network carries the messages of some cores under a clock of its own. Each
// pair of servers has a connection that keeps order; where it is cut the newest
// message waits, and the last one is sent again when the connection is back, as
// the connection manager does it.
type network struct {
	t     testing.TB
	now   int64
	nodes map[int64]*node
	links map[pair]*link
	cut   map[pair]bool
	delay func(pair) int64 // ms
	trace func(string)     // nil: nobody listens
	debug bool             // trace debugging notes and messages too
	told  bool             // cores hear of cut and mended connections

	decided func(*node, *election.Decision)          // nil: nobody listens
	sent    func(from int64, n *quorum.Notification) // likewise
}

type pair struct{ from, to int64 }

type link struct {
	flying        []flight
	waiting, last *quorum.Notification
}

type flight struct {
	at int64
	n  *quorum.Notification
}

type node struct {
	id    int64
	core  *election.Election
	alive bool
	zxid  protocol.Zxid
	epoch int64
	began election.Vote // what its last Look proposed
	last  *election.Decision
	heard *election.History
}

func newNetwork(t testing.TB, config *quorum.Config) *network {
	t.Helper()
	w := &network{t: t, nodes: map[int64]*node{}, links: map[pair]*link{}, cut: map[pair]bool{}, delay: func(pair) int64 { return 1 }, told: true}
	for _, m := range config.Members {
		w.nodes[m.ID] = &node{id: m.ID}
		w.boot(m.ID, config)
	}
	return w
}

// boot gives a server a new core, which has not looked yet.
func (w *network) boot(sid int64, config *quorum.Config) {
	w.t.Helper()
	v, err := quorum.NewVerifier(config)
	if err != nil {
		w.t.Fatal(err)
	}
	n := w.nodes[sid]
	if n.core, err = election.New(election.Config{ID: sid, Verifier: v, ConfigText: []byte(config.String())}); err != nil {
		w.t.Fatal(err)
	}
	n.last = nil
	for p, l := range w.links {
		if p.from == sid {
			l.waiting, l.last = nil, nil
		}
	}
}

func (w *network) sids() []int64 {
	var sids []int64
	for sid := range w.nodes {
		sids = append(sids, sid)
	}
	slices.Sort(sids)
	return sids
}

func (w *network) link(p pair) *link {
	if w.links[p] == nil {
		w.links[p] = &link{}
	}
	return w.links[p]
}

func (w *network) look(sid int64, abstain bool) {
	n := w.nodes[sid]
	n.alive = true
	n.began = election.Vote{Leader: sid, Zxid: n.zxid, PeerEpoch: n.epoch}
	w.step(n, election.Look{Zxid: n.zxid, CurrentEpoch: n.epoch, Abstain: abstain})
}

// crash ends a server; what it has sent arrives, unless its links are cut too.
func (w *network) crash(sid int64) { w.nodes[sid].alive = false }

func (w *network) step(n *node, ev election.Event) {
	if !n.alive {
		return
	}
	n.core.Step(w.now, ev)
	r := n.core.Ready()
	for i := range r.Notes {
		if w.trace != nil && (w.debug || !r.Notes[i].Debug()) {
			w.trace(fmt.Sprintf("%4d  %d %v", w.now, n.id, &r.Notes[i]))
		}
	}
	if r.History != nil {
		n.heard = r.History
	}
	if r.Decision != nil {
		n.last = r.Decision
		if w.decided != nil {
			w.decided(n, r.Decision)
		}
	}
	for _, m := range r.Messages {
		if w.sent != nil {
			w.sent(n.id, m.Notification)
		}
		w.send(pair{n.id, m.To}, m.Notification)
	}
}

func (w *network) blocked(p pair) bool {
	to := w.nodes[p.to]
	return w.cut[p] || to == nil || !to.alive
}

func (w *network) send(p pair, n *quorum.Notification) {
	l := w.link(p)
	l.last = n
	if w.blocked(p) {
		l.waiting = n
		if w.told {
			w.step(w.nodes[p.from], election.Unreachable{Sid: p.to})
		}
		return
	}
	l.waiting = nil
	at := w.now + w.delay(p)
	if len(l.flying) > 0 {
		at = max(at, l.flying[len(l.flying)-1].at)
	}
	l.flying = append(l.flying, flight{at, n})
}

// mend brings the connections back that nothing blocks any more.
func (w *network) mend() {
	for _, from := range w.sids() {
		for _, to := range w.sids() {
			p := pair{from, to}
			if l := w.link(p); from != to && w.nodes[from].alive && !w.blocked(p) && l.waiting != nil {
				if w.told {
					w.step(w.nodes[from], election.Reached{Sid: to})
				}
				w.send(p, l.waiting)
			}
		}
	}
}

// reset breaks a connection and makes it anew: what flies is lost, the last
// message is sent again.
func (w *network) reset(p pair) {
	l := w.link(p)
	l.flying = nil
	if l.last != nil {
		w.send(p, l.last)
	}
}

// next is the time of the next thing to happen.
func (w *network) next() int64 {
	at := int64(math.MaxInt64)
	for _, n := range w.nodes {
		if n.alive {
			at = min(at, n.core.Deadline())
		}
	}
	for _, l := range w.links {
		if len(l.flying) > 0 {
			at = min(at, l.flying[0].at)
		}
	}
	return at
}

// run lets ms pass.
func (w *network) run(ms int64) {
	for end := w.now + ms; ; {
		at := w.next()
		if at > end {
			w.now = end
			return
		}
		w.now = max(w.now, at)
		for _, from := range w.sids() {
			for _, to := range w.sids() {
				w.arrive(pair{from, to})
			}
		}
		for _, sid := range w.sids() {
			if n := w.nodes[sid]; n.alive && n.core.Deadline() <= w.now {
				w.step(n, nil)
			}
		}
	}
}

// arrive delivers what is due on a connection.
func (w *network) arrive(p pair) {
	l := w.links[p]
	for l != nil && len(l.flying) > 0 && l.flying[0].at <= w.now {
		n := l.flying[0].n
		l.flying = l.flying[1:]
		if w.blocked(p) {
			continue
		}
		if w.debug && w.trace != nil {
			w.trace(fmt.Sprintf("%4d  %d -> %d %v leader %d round %d", w.now, p.from, p.to, n.State, n.Leader, n.ElectionEpoch))
		}
		w.step(w.nodes[p.to], election.Received{From: p.from, Notification: n})
	}
}

// states is what each server is doing, in one line each.
func (w *network) states() string {
	var b strings.Builder
	for _, sid := range w.sids() {
		n := w.nodes[sid]
		if !n.alive {
			fmt.Fprintf(&b, "%d down\n", sid)
			continue
		}
		fmt.Fprintf(&b, "%d %v round %d", sid, n.core.State(), n.core.Round())
		if n.core.State() != quorum.Looking {
			fmt.Fprintf(&b, " leader %d supporters %v", n.core.Vote().Leader, n.last.Supporters)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
