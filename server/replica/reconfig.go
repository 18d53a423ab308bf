package replica

import (
	"bytes"
	"fmt"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/config"
	"zookit/server/defect"
	"zookit/server/election"
	"zookit/server/tree"
	"zookit/server/zab"
)

// With reconfigEnabled the configuration of an ensemble changes while it runs.
// A member knows two:
//
//	in force   committed: from the files it was started with, from a change it
//	           has applied, from its leader's NEWLEADER, or, while it looks for
//	           a leader, from another member's notification
//	seen       newer, in its log, and not known to be committed: elections and
//	           a new leader's epoch need a quorum of both
//
// What is seen follows from the log alone. Differs from Apache, which believes
// the file zoo.cfg.dynamic.next too, and goes on to wait for the quorum of a
// change that was cut off its log.
//
// A member in no configuration follows without a vote; one whose part or leader
// the new configuration changes leaves its role and takes up the new one, with
// the leader that was designated, without an election (QuorumPeer.processReconfig
// of Apache 3.9.5).
type changes struct {
	view     *quorum.View // in force; nil without reconfigEnabled
	proposed *quorum.View // seen; nil: none

	made      *quorum.View // leader: what prep has just made
	newLeader *quorum.View // learner: NEWLEADER's, to be in force with UPTODATE
	passed    []byte       // the last configuration of another that was of no use

	designated *int64 // who leads next, for the end of a role
	leaving    string // why this learner's role is to end, when its clients have been answered
}

// newChanges begins with what the ensemble was configured with.
func newChanges(cfg *Config) changes {
	if !cfg.ReconfigEnabled || cfg.Ensemble == nil {
		return changes{}
	}
	return changes{view: cfg.Ensemble.View}
}

// configVersion is what a learner says of its configuration.
func (c *changes) configVersion() int64 {
	if c.view == nil {
		return 0
	}
	return c.view.Version
}

// seenIn is the configuration that a tree holds when it is newer than v. A
// client may set the data of /zookeeper/config if it is super: what a change
// wrote has version −1, and names the txn it came with.
func seenIn(t *tree.Tree, v *quorum.View) *quorum.View {
	node, found := t.Lookup(configPath)
	if !found || node.Version() != -1 || int64(node.Mzxid()) <= v.Version {
		return nil
	}
	seen, err := quorum.ParseView(node.Data())
	if err != nil || seen.Version != int64(node.Mzxid()) {
		return nil
	}
	return seen
}

// proposedIn is seenIn at the beginning of a role.
func proposedIn(t *tree.Tree, v *quorum.View) *quorum.View {
	if defect.Planted(defect.ChangeForgotten) {
		return nil
	}
	return seenIn(t, v)
}

// configPath is the znode of the configuration (ZooDefs.CONFIG_NODE).
const configPath = "/zookeeper/config"

// configText is the data of /zookeeper/config. The state is locked.
func (r *Replica) configText() []byte {
	node, found := r.state.tree.Lookup(configPath)
	if !found {
		return nil
	}
	return node.Data()
}

// useConfig puts the configuration in force into a tree, unless that holds a
// newer one, which is seen then.
func (r *Replica) useConfig(t *tree.Tree) {
	e := r.ens
	if e.view != nil {
		e.proposed = proposedIn(t, e.view)
		r.tellElection()
	}
	if e.proposed == nil {
		t.SetConfig(e.ConfigText, e.Verifier.Version(), e.now.WallMs)
	}
}

// look over: what the log holds at the end of a role says what is seen.
func (r *Replica) seeAgain() {
	if e := r.ens; e.view != nil {
		e.proposed, e.newLeader = proposedIn(r.state.tree, e.view), nil
		r.tellElection()
	}
}

// tellElection tells who decides now, and whether this server observes.
func (r *Replica) tellElection() {
	e := r.ens
	rc := election.Reconfigured{Verifier: e.Verifier, ConfigText: e.ConfigText}
	voting := e.Verifier.Voting(e.ID)
	if e.proposed != nil {
		rc.LastSeen = e.proposed.Verifier
		voting = voting || e.proposed.Verifier.Voting(e.ID)
	}
	e.Observer = e.Verifier.Observing(e.ID) && !voting
	e.election.Step(e.now.MonoMs, rc)
}

// adopt puts a committed configuration in force. It is false when one at least
// as new is already.
func (r *Replica) adopt(v *quorum.View) bool {
	e := r.ens
	if v.Version <= e.view.Version {
		return false
	}
	e.view, e.Verifier, e.ConfigText = v, v.Verifier, v.Text
	if e.proposed != nil && e.proposed.Version <= v.Version {
		e.proposed = nil
	}
	e.out.View = v
	r.tellElection()
	s := r.state
	s.mu.Lock()
	defer s.mu.Unlock() // also when a bug panics: readers must not hang on it
	if node, found := s.tree.Lookup(configPath); !found || node.Version() != -1 || int64(node.Mzxid()) < v.Version {
		s.tree.SetConfig(v.Text, v.Version, e.now.WallMs)
	}
	r.note(Note{Text: fmt.Sprintf("the configuration of the ensemble has version %x now: %q", uint64(v.Version), v.Text)})
	return true
}

// reconfigure is what prep asks: the text of the new configuration, or why there
// is none.
func (r *Replica) reconfigure(q *protocol.ReconfigRequest, zxid protocol.Zxid) ([]byte, protocol.Code) {
	e := r.ens
	switch {
	case e.leader.Changing():
		return nil, protocol.ReconfigInProgress
	case q.CurConfigID != -1 && q.CurConfigID != e.view.Version:
		return nil, protocol.BadVersion
	}
	ch := config.Change{Request: q, MultiAddress: e.MultiAddress, StandaloneEnabled: e.StandaloneEnabled}
	next, code, why := ch.Of(e.view.Config, int64(zxid))
	if code != protocol.OK {
		r.note(Note{Text: "reconfig refused: " + why})
		return nil, code
	}
	if !e.leader.QuorumSynced(next.Verifier) {
		r.note(Note{Text: fmt.Sprintf("reconfig refused: no quorum of the new configuration follows this leader: start its servers and wait until they have joined; observers count when they follow (%q)", next.Text)})
		return nil, protocol.NewConfigNoQuorum
	}
	e.made = next
	return next.Text, protocol.OK
}

// propose hands a leader's txn to zab.
func (e *ensemble) propose(p *proposal, entry zab.Entry) {
	if p.txn.Type == protocol.OpReconfig && !e.leader.Retired() {
		e.out.Next = e.made
		e.leader.ProposeConfig(e.now.MonoMs, entry, e.made)
		return
	}
	e.leader.Propose(e.now.MonoMs, entry)
}

// activated: the leader's configuration is in force.
func (r *Replica) activated(a *zab.Activated) {
	r.adopt(a.View)
	if a.DesignatedLeader != r.ens.ID && a.DesignatedLeader >= 0 {
		r.ens.designated = &a.DesignatedLeader
	}
}

// activate: a learner has applied a change that its leader has committed.
func (r *Replica) activate(a *zab.Activate) {
	e := r.ens
	if e.view == nil {
		r.note(Note{Text: "the ensemble was reconfigured; this server keeps the configuration it was started with: set reconfigEnabled=true here as on the others"})
		return
	}
	was := e.view
	if v := seenIn(r.state.tree, e.view); v != nil {
		r.adopt(v)
	}
	r.take(was, &a.DesignatedLeader)
}

// takeOffered puts in force what NEWLEADER carried, now that the leader is
// established. One that is a change on its way is not: it comes with its commit.
// It is false when the role goes on.
func (r *Replica) takeOffered() (left bool) {
	e := r.ens
	v, was := e.newLeader, e.view
	e.newLeader = nil
	if v == nil || protocol.Zxid(v.Version).Counter() != 0 && protocol.Zxid(v.Version) > r.state.tree.LastZxid() || !r.adopt(v) {
		return false
	}
	return r.take(was, nil)
}

// take leaves a learner's role that the configuration in force has changed: its
// part in the ensemble, or its leader, who is nil when nobody has said.
func (r *Replica) take(was *quorum.View, designated *int64) (left bool) {
	e := r.ens
	if e.learner == nil || e.ending {
		return false
	}
	stays := was.SameLeader(e.view, e.role.Leader)
	leader := e.role.Leader
	if designated != nil {
		stays, leader = *designated == leader, *designated
	}
	if stays && (e.Quarantined || (e.role.State == quorum.Observing) == e.Observer) {
		return false
	}
	why := "another server leads"
	if stays {
		why = "this server has another part in the ensemble"
	}
	if stays || designated != nil {
		e.designated = &leader
	}
	e.leaving = why
	if !e.role.Serving {
		r.leave()
	}
	return true
}

// leave ends a learner's role for the configuration's sake. While it serves that
// waits for the next Tick, which is due at once: so the driver has answered who
// asked for the change.
func (r *Replica) leave() {
	e := r.ens
	why := e.leaving
	e.leaving = ""
	if why != "" && e.learner != nil && !e.ending {
		e.learner.Step(e.now.MonoMs, zab.Leave{Why: why})
	}
}

// lookForDesignated takes up the leader that was designated, without an
// election. It is false when there is none.
func (r *Replica) lookForDesignated() bool {
	e := r.ens
	d := e.designated
	e.designated = nil
	if d == nil || e.Quarantined || !e.Verifier.Voting(*d) {
		return false
	}
	e.election.Step(e.now.MonoMs, election.Designated{Leader: *d, Zxid: e.logEnd, CurrentEpoch: e.CurrentEpoch})
	return true
}

// offer notes the configuration that NEWLEADER carries.
func (r *Replica) offer(text []byte) {
	v, err := quorum.ParseView(text)
	if err != nil {
		r.note(Note{Text: "the leader's configuration cannot be read: " + err.Error()})
		return
	}
	r.ens.newLeader = v
}

// hear takes a newer configuration from a notification, while this server looks
// for a leader: whoever tells it has it in force.
func (r *Replica) hear(text []byte) {
	e := r.ens
	if e.view == nil || e.core != nil || e.role.State != quorum.Looking || len(text) == 0 ||
		bytes.Equal(text, e.ConfigText) || bytes.Equal(text, e.passed) {
		return
	}
	v, err := quorum.ParseView(text)
	if err != nil || !r.adopt(v) {
		e.passed = bytes.Clone(text)
	}
}

// nextOf is the configuration that a proposal of a leader carries.
func nextOf(data []byte) *quorum.View {
	v, err := quorum.ParseView(data)
	if err != nil {
		return nil
	}
	return v
}
