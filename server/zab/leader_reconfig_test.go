package zab

import (
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// viewOf is a configuration of these voters.
func viewOf(t *testing.T, version int64, sids ...int64) *quorum.View {
	t.Helper()
	c := &quorum.Config{Version: version}
	for _, sid := range sids {
		c.Members = append(c.Members, quorum.Member{ID: sid, Addresses: []quorum.Address{{Host: "h", QuorumPort: int(sid), ElectionPort: 100 + int(sid)}}})
	}
	v, err := quorum.NewView(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func changingConfig(t *testing.T, version int64, sids ...int64) LeaderConfig {
	t.Helper()
	cfg := leaderConfig(t, 3)
	cfg.View = viewOf(t, version, sids...)
	cfg.Verifier, cfg.Config = cfg.View.Verifier, cfg.View.Text
	return cfg
}

// leading is a bench of leader 3 with followers on the connections of their ids,
// and an observer on connection 9.
func leading(t *testing.T, sids ...int64) *bench {
	t.Helper()
	b := newBench(t, changingConfig(t, 5, 1, 2, 3))
	b.joined(1, 1, 0)
	for _, sid := range sids {
		b.joined(Conn(sid), sid, 0)
	}
	b.hello(9, quorum.ObserverInfo, 9, 0)
	b.ackEpoch(9, 0, 0)
	b.packet(9, quorum.Ack, z(1, 0), nil)
	if !b.l.Serving() {
		t.Fatalf("the leader does not serve: %v", b.l.Stopped())
	}
	for c := range b.sent {
		b.sent[c] = nil
	}
	b.all = Ready{}
	return b
}

func (b *bench) change(c uint32, next *quorum.View) {
	b.l.ProposeConfig(b.now, testEntry(z(1, c), "config"), next)
	b.pump()
}

func (b *bench) proposeAll(counters ...uint32) {
	for _, c := range counters {
		b.l.Propose(b.now, testEntry(z(1, c), "x"))
	}
	b.pump()
}

func (b *bench) acks(c uint32, conns ...Conn) {
	for _, conn := range conns {
		b.packet(conn, quorum.Ack, z(1, c), nil)
	}
}

func (b *bench) activated() (out []string) {
	for _, o := range b.all.Outputs {
		if a, ok := o.(Activated); ok {
			out = append(out, fmt.Sprintf("%v of %x by %d", a.Zxid, a.View.Version, a.DesignatedLeader))
		}
	}
	return out
}

// From a change on, both configurations decide; from its commit on, the new one.
func TestChangeNeedsBothQuorums(t *testing.T) {
	t.Parallel()
	b := leading(t, 2, 4, 5)
	next := viewOf(t, int64(z(1, 2)), 3, 4, 5)
	b.proposeAll(1)
	b.change(2, next)
	b.proposeAll(3)
	if !b.l.Changing() {
		t.Error("no change is on its way")
	}
	committed := func(c uint32) {
		t.Helper()
		if got := b.l.Committed(); got != protocol.MakeZxid(1, 0)+protocol.Zxid(c) && !(c == 0 && got == 0) {
			t.Errorf("committed %v, want counter %d", got, c)
		}
	}
	b.acks(3, 4, 5) // the new one alone
	committed(0)
	b.acks(1, 1)
	committed(1)
	b.acks(2, 2)
	committed(3) // 4 and 5 have it, and now they are enough
	if got, want := b.types(4), "PROPOSAL 0x100000001, PROPOSAL 0x100000002, PROPOSAL 0x100000003, COMMIT 0x100000001, COMMITANDACTIVATE 0x100000002, COMMIT 0x100000003"; got != want {
		t.Errorf("server 4 was sent %s", got)
	}
	if got, want := b.types(9), "INFORM 0x100000001, INFORMANDACTIVATE 0x100000002, INFORM 0x100000003"; got != want {
		t.Errorf("the observer was sent %s", got)
	}
	if got := strings.Join(b.activated(), " "); got != fmt.Sprintf("%v of 100000002 by 3", z(1, 2)) {
		t.Errorf("activated %s", got)
	}
	b.proposeAll(4)
	b.acks(4, 1, 2) // voters no more
	committed(3)
	b.acks(4, 5)
	committed(4)
	if b.l.Changing() || b.l.Retired() {
		t.Error("the change is not over")
	}
}

// What is behind a change waits for it: nothing is committed by the new
// configuration alone before it is in force.
func TestNothingOvertakesAChange(t *testing.T) {
	t.Parallel()
	b := leading(t, 2, 4, 5)
	b.change(1, viewOf(t, int64(z(1, 1)), 3, 4, 5))
	b.proposeAll(2)
	b.acks(2, 4, 5)
	b.acks(1, 4, 5)
	if got := b.l.Committed(); got != 0 {
		t.Errorf("committed %v", got)
	}
	b.acks(2, 2)
	if got := b.l.Committed(); got != z(1, 2) {
		t.Errorf("committed %v after the old quorum has it", got)
	}
}

// A leader that is removed commits the change, names the one that has most, and
// ends when its learners have left; or when they have had the time to.
func TestHandingOver(t *testing.T) {
	t.Parallel()
	for _, leave := range []bool{true, false} {
		b := leading(t, 2)
		b.change(1, viewOf(t, int64(z(1, 1)), 1, 2))
		b.proposeAll(2)
		b.acks(1, 1)
		b.acks(2, 2)
		if got := b.activated(); len(got) != 1 || !strings.HasSuffix(got[0], "by 2") {
			t.Fatalf("activated %v", got)
		}
		data := b.sent[1][len(b.sent[1])-1].Data
		if len(data) != 8 || data[7] != 2 {
			t.Errorf("COMMITANDACTIVATE names %x", data)
		}
		b.acks(2, 1)
		b.proposeAll(3)
		if got := b.l.Committed(); got != z(1, 1) || !b.l.Retired() || b.l.Stopped() != nil {
			t.Errorf("committed %v, retired %v, ended by %v", got, b.l.Retired(), b.l.Stopped())
		}
		b.joinRefused(7, 7)
		if leave {
			for _, c := range []Conn{1, 2, 9} {
				b.step(Disconnected{c})
			}
		} else {
			b.now += 500
			b.step(Tick{})
		}
		if s := b.l.Stopped(); s == nil || s.Reason != HandedOver {
			t.Errorf("ended by %v", s)
		}
	}
}

func (b *bench) joinRefused(c Conn, sid int64) {
	b.t.Helper()
	b.hello(c, quorum.FollowerInfo, sid, 0)
	if why := b.closed(c); !strings.Contains(why, "handed over") {
		b.t.Errorf("a server that joins is told %q", why)
	}
}

// A change that a leader finds in its history needs both quorums for the epoch,
// and is in force with it.
func TestEpochCompletesAChange(t *testing.T) {
	t.Parallel()
	cfg := changingConfig(t, 5, 1, 2, 3)
	cfg.Next = viewOf(t, 77, 3, 4, 5)
	b := newBench(t, cfg)
	b.hello(1, quorum.FollowerInfo, 1, 0)
	b.hello(2, quorum.FollowerInfo, 2, 0)
	if b.l.Epoch() != 0 {
		t.Fatal("an epoch without a quorum of the next configuration")
	}
	b.hello(4, quorum.FollowerInfo, 4, 0)
	if b.l.Epoch() != 1 {
		t.Fatalf("epoch %d", b.l.Epoch())
	}
	for _, c := range []Conn{1, 2} {
		b.ackEpoch(c, 0, 0)
	}
	if got := b.types(1); got != "LEADERINFO 0x100000000" {
		t.Errorf("synchronised before server 4 has told its history: %s", got)
	}
	b.ackEpoch(4, 0, 0)
	if p := b.sent[4][len(b.sent[4])-1]; p.Type != quorum.NewLeader || string(p.Data) != string(cfg.Next.Text) {
		t.Errorf("%v %q", p.Type, p.Data)
	}
	b.packet(1, quorum.Ack, z(1, 0), nil)
	b.packet(2, quorum.Ack, z(1, 0), nil)
	if b.l.Serving() {
		t.Fatal("serving without a quorum of the next configuration")
	}
	b.packet(4, quorum.Ack, z(1, 0), nil)
	if got := strings.Join(b.activated(), " "); !b.l.Serving() || got != "0x0 of 4d by 3" {
		t.Errorf("serving %v, activated %s", b.l.Serving(), got)
	}
}

// A voter of the next configuration that does not know of it, as an observer of
// the one in force, counts for the epoch that completes the change.
func TestPromotedObserverCounts(t *testing.T) {
	t.Parallel()
	cfg := changingConfig(t, 5, 1, 2, 3)
	cfg.Next = viewOf(t, 77, 3, 4)
	b := newBench(t, cfg)
	b.hello(1, quorum.FollowerInfo, 1, 0)
	b.hello(9, quorum.ObserverInfo, 9, 0)
	if b.l.Epoch() != 0 {
		t.Fatal("an observer of neither counts")
	}
	b.hello(4, quorum.ObserverInfo, 4, 6)
	if b.l.Epoch() != 7 {
		t.Fatalf("epoch %d", b.l.Epoch())
	}
	for _, c := range []Conn{1, 4} {
		b.ackEpoch(c, 0, 0)
	}
	for _, c := range []Conn{1, 4} {
		b.packet(c, quorum.Ack, z(7, 0), nil)
	}
	if got := strings.Join(b.activated(), " "); !b.l.Serving() || got != "0x0 of 4d by 3" {
		t.Errorf("serving %v, activated %s", b.l.Serving(), got)
	}
}

// A voter of the next configuration alone may be ahead: it counts, and is given the leader's history.
// One of the configuration in force ends the role.
func TestAheadInTheNextConfigurationAlone(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int64{4, 1} {
		cfg := changingConfig(t, 5, 1, 2, 3)
		cfg.Next = viewOf(t, 77, 3, 4)
		b := newBench(t, cfg)
		b.hello(1, quorum.FollowerInfo, 1, 0)
		b.hello(4, quorum.FollowerInfo, 4, 0)
		for _, sid := range []int64{1, 4} {
			last := protocol.Zxid(0)
			if sid == ahead {
				last = 1
			}
			if b.l.Stopped() == nil {
				b.ackEpoch(Conn(sid), last, 0)
			}
		}
		if s := b.l.Stopped(); ahead == 1 {
			if s == nil || s.Reason != FollowerAhead {
				t.Errorf("a voter is ahead: stopped %v", s)
			}
			continue
		}
		for _, c := range []Conn{1, 4} {
			b.packet(c, quorum.Ack, z(1, 0), nil)
		}
		if got := b.types(4); !b.l.Serving() || !strings.Contains(got, "SNAP 0x0") {
			t.Errorf("serving %v, stopped %v, sent %s", b.l.Serving(), b.l.Stopped(), got)
		}
	}
}

// The first configuration of an ensemble gets the epoch for its version.
func TestFirstVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t, changingConfig(t, 0, 1, 2, 3))
	b.joined(1, 1, 0)
	if got := strings.Join(b.activated(), " "); got != "0x0 of 100000000 by 3" {
		t.Errorf("activated %s", got)
	}
	for _, p := range b.sent[1] {
		if p.Type == quorum.NewLeader && !strings.HasSuffix(string(p.Data), "version=100000000") {
			t.Errorf("NEWLEADER carries %q", p.Data)
		}
	}
	// One whose configuration is newer is ahead of this leader; one that wants to
	// join has an older one.
	b.step(Connected{7})
	b.packet(7, quorum.FollowerInfo, 0, quorum.NewLearnerInfo(7, int64(z(1, 1))).AppendTo(nil))
	if why := b.closed(7); !strings.Contains(why, "0x100000001") {
		t.Errorf("closed: %q", why)
	}
	b.hello(8, quorum.FollowerInfo, 8, 0)
	if why := b.closed(8); why != "" {
		t.Errorf("closed: %q", why)
	}
}

// Who joins while a change is on its way is told of the configuration in force,
// and of the change as of any txn.
func TestJoinDuringAChange(t *testing.T) {
	t.Parallel()
	b := leading(t, 2)
	if v := viewOf(t, 9, 3, 4); b.l.QuorumSynced(v.Verifier) {
		t.Error("server 4 is synchronised before it has joined")
	}
	b.change(1, viewOf(t, int64(z(1, 1)), 1, 2, 3, 4))
	b.hello(4, quorum.FollowerInfo, 4, 0)
	b.ackEpoch(4, 0, 0)
	for _, p := range b.sent[4] {
		if p.Type == quorum.NewLeader && !strings.HasSuffix(string(p.Data), "version=5") {
			t.Errorf("NEWLEADER carries %q", p.Data)
		}
	}
	b.acks(1, 1, 2)
	b.packet(4, quorum.Ack, z(1, 0), nil)
	if got := b.types(4); !strings.HasSuffix(got, "PROPOSAL 0x100000001, COMMITANDACTIVATE 0x100000001, UPTODATE -1") {
		t.Errorf("server 4 was sent %s", got)
	}
	if v := viewOf(t, 9, 3, 4); !b.l.QuorumSynced(v.Verifier) {
		t.Error("server 4 has joined and is not synchronised")
	}
}

// A learner that is told to leave says no more.
func TestLeave(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{})
	j.serve(1)
	j.propose(z(1, 1))
	j.packet(quorum.CommitAndActivate, z(1, 1), (&quorum.Activation{DesignatedLeader: 2}).AppendTo(nil))
	if o := j.outputs[len(j.outputs)-1]; o != (Activate{z(1, 1), 2}) {
		t.Errorf("last output: %+v", o)
	}
	j.step(Leave{Why: "another server leads"})
	if s := j.l.Stopped(); s == nil || s.Reason != Reconfigured || s.Detail != "another server leads" {
		t.Errorf("ended by %v", s)
	}
}
