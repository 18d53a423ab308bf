package sim

import (
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/protocol/txn"
	"zookit/server/acl"
	"zookit/server/replica"
)

// In the runs of this file the members of the ensemble change meanwhile: the
// leader is asked for another configuration of the servers there are, each of
// which votes, observes or is no member in it. Each server keeps the
// configuration in force in a file, a while after it has come into force, so that
// a crash may find the one before. The ledger asks for the quorums of every
// configuration that counts.

// NewChangingPlan draws the plan of a seed for servers whose parts change.
func NewChangingPlan(seed uint64) *Plan {
	p := NewEnsemblePlan(seed)
	g := newGenerator(seed, 0x55)
	o := &p.Options
	o.Changing, o.Hung, o.Groups, o.Weights = true, 0, nil, nil
	if o.Processes == o.Voters && g.IntN(2) == 0 {
		o.Voters-- // one observes at first
	}
	for range 1 + g.IntN(8) {
		p.Actions = append(p.Actions, Action{At: g.Int64N(p.Heal), Kind: DoReconfig, Leader: true, Server: g.IntN(o.Processes), N: g.IntN(1 << (2 * o.Processes))})
	}
	sortActions(p.Actions)
	return p
}

// reconfigXid is below the xids of the requests for a change, which no client
// sends.
const reconfigXid = 1 << 30

// asReconfig tells that a txn is of one of them.
func asReconfig(t *txn.Txn) bool {
	return t.Cxid >= reconfigXid && (t.Type == protocol.OpReconfig || t.Type == protocol.OpError)
}

// reconfig asks this server for another configuration, if it leads: N has two
// bits for each server.
func (p *process) reconfig(a *Action) {
	w := p.w
	if !p.up || !p.serving || p.seat.role.State != quorum.Leading {
		return
	}
	sessions := p.rep.State().Tree().Sessions()
	if len(sessions) == 0 {
		return
	}
	c := w.plan.Options.config()
	var lines []string
	voters := 0
	for i, m := range c.Members {
		part := a.N >> (2 * i) & 3
		if m.Observer = part == 1; part == 0 {
			continue
		}
		if !m.Observer {
			voters++
		}
		lines = append(lines, fmt.Sprintf("server.%d=%v", m.ID, m))
	}
	if voters < 2 { // the ledger knows a leader by what it says to its followers
		return
	}
	text := strings.Join(lines, "\n")
	w.changes++
	w.reached("reconfig asked")
	q := protocol.ReconfigRequest{NewMembers: &text, CurConfigID: -1}
	p.submit(task{request: &replica.Request{Session: sessions[0], Xid: reconfigXid + int32(w.changes), Op: protocol.OpReconfig, Body: q.AppendTo(nil)}})
}

// changing adds to the configuration of a replica what a change needs.
func (p *process) changing(c *replica.Config) {
	if p.file == nil {
		view, err := quorum.NewView(p.w.plan.Options.config())
		if err != nil {
			panic(err) // the generator's
		}
		p.file = view
	}
	rules, err := acl.New(acl.Options{SkipACL: true})
	if err != nil {
		panic(err)
	}
	c.ReconfigEnabled, c.ACL = true, rules
	c.Ensemble.View, c.Ensemble.Verifier, c.Ensemble.ConfigText = p.file, p.file.Verifier, p.file.Text
}

// Reconfigure keeps the configuration in force in a file, after a while.
func (s *seat) Reconfigure(view, _ *quorum.View) {
	if view == nil {
		return
	}
	p := s.p
	p.w.tracef("%v has the configuration %x: %q", p, view.Version, view.Text)
	p.do(p.w.between(0, 200*millisecond), func() {
		if view.Version > p.file.Version {
			p.file = view
		}
	})
}

// configs are the configurations of a changing ensemble, as they were committed.
type configs struct {
	inForce *quorum.Verifier
}

// changeOf is the configuration that a txn carries, nil for all others.
func changeOf(payload []byte) *quorum.View {
	t, err := txn.Decode(payload)
	if err != nil || t.Type != protocol.OpReconfig {
		return nil
	}
	view, err := quorum.ParseView(t.Body.(*txn.SetData).Data)
	if err != nil {
		return nil
	}
	return view
}

// deciding are the configurations of which a quorum must have z: that in force
// and, while z is not committed, those proposed up to z.
func (g *ledger) deciding(z protocol.Zxid) []*quorum.Verifier {
	if g.inForce == nil {
		v, err := quorum.NewVerifier(g.w.plan.Options.config())
		if err != nil {
			panic(err) // the generator's
		}
		g.inForce = v
	}
	list := []*quorum.Verifier{g.inForce}
	for x := z; x > g.end(); {
		r := g.txns[x]
		if r == nil {
			break
		}
		if view := changeOf(r.payload); view != nil {
			list = append(list, view.Verifier)
		}
		x = r.prev
	}
	return list
}

// decided tells whether those for which has holds are a quorum of every
// configuration that decides about z.
func (g *ledger) decided(z protocol.Zxid, has func(*process) bool) bool {
	if !g.w.plan.Options.Changing {
		return g.quorum(has)
	}
	for _, v := range g.deciding(z) {
		if !v.ContainsQuorum(func(sid int64) bool { return has(g.w.processes[sid-1]) }) {
			return false
		}
	}
	return true
}

// changed follows the txns that are committed.
func (g *ledger) changed(e logged) {
	if !g.w.plan.Options.Changing {
		return
	}
	if view := changeOf(e.payload); view != nil {
		g.inForce = view.Verifier
		g.w.reached("reconfig committed")
		if slices.ContainsFunc(g.w.processes, (*process).masters) {
			g.w.reached("reconfig committed while a follower serves observers")
		}
	}
}
