package zab

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// joiner is a learner alone, whose leader is the test.
type joiner struct {
	t       *testing.T
	l       *Learner
	now     int64
	sent    []string
	orders  []string
	applied []protocol.Zxid
	outputs []Output
	held    *Order // out, and not to be done
	hold    OrderKind
}

func newJoiner(t *testing.T, cfg LearnerConfig) *joiner {
	t.Helper()
	cfg.ID, cfg.Timing = 1, Timing{TickMs: 100, InitLimit: 10, SyncLimit: 5}
	j := &joiner{t: t, l: NewLearner(cfg, 0)}
	j.step(Connected{})
	return j
}

func (j *joiner) step(ev Event) {
	j.l.Step(j.now, ev)
	for {
		rd := j.l.Ready()
		for _, e := range rd.Commits {
			j.applied = append(j.applied, e.Zxid)
		}
		for _, m := range rd.Messages {
			j.sent = append(j.sent, m.Packet.Type.String()+" "+zxidText(m.Packet.Zxid))
		}
		j.outputs = append(j.outputs, rd.Outputs...)
		if rd.Order == nil {
			return
		}
		j.orders = append(j.orders, rd.Order.String())
		if rd.Order.Kind == j.hold {
			o := *rd.Order
			j.held = &o
			return
		}
		answer(j.l, rd.Order)
	}
}

func (j *joiner) packet(t quorum.PacketType, z protocol.Zxid, data []byte) {
	j.step(Received{0, quorum.Packet{Type: t, Zxid: z, Data: data}})
}

func (j *joiner) propose(zs ...protocol.Zxid) {
	for _, zx := range zs {
		j.packet(quorum.Proposal, zx, testEntry(zx, "x").Payload)
	}
}

func (j *joiner) commit(zs ...protocol.Zxid) {
	for _, zx := range zs {
		j.packet(quorum.Commit, zx, nil)
	}
}

// accepted brings it to where DIFF, TRUNC or SNAP comes.
func (j *joiner) accepted(epoch int64) {
	j.packet(quorum.LeaderInfo, z(epoch, 0), (&quorum.LeaderEpoch{ProtocolVersion: quorum.ProtocolVersion}).AppendTo(nil))
}

func (j *joiner) serve(epoch int64) {
	j.accepted(epoch)
	j.packet(quorum.Diff, j.l.last, nil)
	j.packet(quorum.NewLeader, z(epoch, 0), nil)
	j.packet(quorum.UpToDate, -1, nil)
	if !j.l.Serving() {
		j.t.Fatalf("not serving: %v, %v", j.l.role, j.l.Stopped())
	}
	j.sent, j.orders = nil, nil
}

// TestJoinOrder is the order of writes and words, with TRUNC and txns of two
// epochs, some committed before NEWLEADER and some after it.
func TestJoinOrder(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{AcceptedEpoch: 2, CurrentEpoch: 1, LastZxid: z(1, 9), Batching: Batching{MaxBatchEntries: 1}})
	j.accepted(4)
	j.packet(quorum.Trunc, z(1, 7), nil)
	j.propose(z(2, 1))
	j.commit(z(2, 1))
	j.propose(z(4, 1), z(4, 2))
	j.packet(quorum.NewLeader, z(4, 0), []byte("config"))
	j.commit(z(4, 1))
	j.packet(quorum.Ping, z(4, 2), nil)
	j.propose(z(4, 3))
	j.packet(quorum.UpToDate, -1, nil)
	j.commit(z(4, 2))
	wantOrders := []string{"write acceptedEpoch 4", "truncate 0x100000007", "append 0x200000001..0x200000001", "append 0x400000001..0x400000001",
		"append 0x400000002..0x400000002", "write currentEpoch 4", "append 0x400000003..0x400000003"}
	wantSent := []string{"FOLLOWERINFO 0x200000000", "ACKEPOCH 0x100000009", "ACK 0x400000000", "ACK 0x400000001", "ACK 0x400000002",
		"PING 0x400000002", "ACK 0x400000003", "ACK 0x400000000"}
	wantApplied := []protocol.Zxid{z(2, 1), z(4, 1), z(4, 2)}
	if !slices.Equal(j.orders, wantOrders) || !slices.Equal(j.sent, wantSent) || !slices.Equal(j.applied, wantApplied) {
		t.Errorf("orders  %v\nwant    %v\nsent    %v\nwant    %v\napplied %v\nwant    %v", j.orders, wantOrders, j.sent, wantSent, j.applied, wantApplied)
	}
	if o, ok := j.outputs[0].(EnsembleConfig); !ok || string(o.Text) != "config" {
		t.Errorf("first output: %+v", j.outputs[0])
	}
	if r := j.l.cfg.Recent; r.Last() != z(4, 2) || r.Base() != z(1, 7) || r.Len() != 3 {
		t.Errorf("recent log from %v to %v, %d txns", r.Base(), r.Last(), r.Len())
	}
}

// TestServesWhatIsCommitted: UPTODATE comes while the disk is behind; requests
// are taken when all that was committed by then is applied.
func TestServesWhatIsCommitted(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{})
	j.accepted(1)
	j.packet(quorum.Diff, 0, nil)
	j.packet(quorum.NewLeader, z(1, 0), nil)
	j.hold = Append
	j.propose(z(1, 1))
	j.commit(z(1, 1))
	j.packet(quorum.UpToDate, -1, nil)
	if j.l.Serving() || len(j.applied) > 0 {
		t.Fatal("it serves, or has applied, what is not on its disk")
	}
	j.hold = 0
	j.step(Persisted{j.held.Zxid})
	if !j.l.Serving() || len(j.applied) != 1 {
		t.Errorf("serving %v, applied %v", j.l.Serving(), j.applied)
	}
}

// TestSyncReplyBehindCommits: the leader's SYNC is an answer when everything
// committed before it is applied here.
func TestSyncReplyBehindCommits(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{})
	j.serve(1)
	j.outputs = nil
	j.hold = Append
	j.propose(z(1, 1))
	j.commit(z(1, 1))
	j.packet(quorum.Sync, 0, nil)
	if len(j.outputs) != 0 {
		t.Fatalf("outputs before the disk has it: %v", j.outputs)
	}
	j.hold = 0
	j.step(Persisted{z(1, 1)})
	if len(j.outputs) != 1 || j.outputs[0] != (Synced{}) {
		t.Errorf("outputs: %v", j.outputs)
	}
}

// TestPromised: who votes from quarantine tells the leader which epoch damaged
// disks have accepted, and follows none of that epoch or an earlier one.
func TestPromised(t *testing.T) {
	t.Parallel()
	for epoch, want := range map[int64]string{4: "write acceptedEpoch 4", 3: "", 2: ""} {
		j := newJoiner(t, LearnerConfig{AcceptedEpoch: 1, Promised: 3, AskSnapshot: true, Counts: true})
		if got := strings.Join(j.sent, " "); got != "FOLLOWERINFO 0x300000000" {
			t.Errorf("sent %s", got)
		}
		j.accepted(epoch)
		switch s := j.l.Stopped(); {
		case want != "" && (s != nil || strings.Join(j.orders, " ") != want):
			t.Errorf("epoch %d: stopped %v, orders %q", epoch, s, j.orders)
		case want == "" && (s == nil || s.Reason != LeaderBehind || len(j.orders) > 0):
			t.Errorf("epoch %d: stopped %v, orders %q", epoch, s, j.orders)
		}
	}
	j := newJoiner(t, LearnerConfig{AcceptedEpoch: 3, Promised: 3, AskSnapshot: true, Counts: true})
	if j.accepted(3); j.l.Stopped() != nil { // it has accepted this leader's before
		t.Errorf("stopped %v", j.l.Stopped())
	}
}

// TestLearnerEnds: what a learner leaves its leader for.
func TestLearnerEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		do   func(j *joiner)
		want Reason
	}{
		{"older leader", func(j *joiner) { j.accepted(2) }, LeaderBehind},
		{"no LEADERINFO", func(j *joiner) { j.packet(quorum.Diff, 0, nil) }, BadPacket},
		{"short LEADERINFO", func(j *joiner) { j.packet(quorum.LeaderInfo, z(4, 0), nil) }, BadPacket},
		{"gap (ZOOKEEPER-4925)", func(j *joiner) { j.accepted(4); j.packet(quorum.Diff, 0, nil); j.propose(z(3, 8)) }, Discontinuity},
		{"epoch begins with 2", func(j *joiner) { j.accepted(4); j.packet(quorum.Diff, 0, nil); j.propose(z(4, 2)) }, Discontinuity},
		{"epoch of nobody", func(j *joiner) { j.accepted(4); j.packet(quorum.Diff, 0, nil); j.propose(z(5, 1)) }, Discontinuity},
		{"COMMIT of nothing (ZOOKEEPER-4394)", func(j *joiner) { j.accepted(4); j.packet(quorum.Diff, 0, nil); j.commit(z(4, 1)) }, CommitMismatch},
		{"COMMIT out of order", func(j *joiner) { j.serve(4); j.propose(z(4, 1), z(4, 2)); j.commit(z(4, 2)) }, CommitMismatch},
		{"txn of another zxid", func(j *joiner) {
			j.serve(4)
			j.packet(quorum.Proposal, z(4, 1), testEntry(z(4, 2), "x").Payload)
		}, BadPacket},
		{"short txn", func(j *joiner) { j.serve(4); j.packet(quorum.Proposal, z(4, 1), []byte("x")) }, BadPacket},
		{"null txn", func(j *joiner) { j.serve(4); j.packet(quorum.Inform, z(4, 1), nil) }, BadPacket},
		{"short activation", func(j *joiner) { j.serve(4); j.packet(quorum.CommitAndActivate, z(4, 1), []byte("x")) }, BadPacket},
		{"NEWLEADER of another epoch", func(j *joiner) {
			j.accepted(4)
			j.packet(quorum.Diff, 0, nil)
			j.packet(quorum.NewLeader, z(5, 0), nil)
		}, BadPacket},
		{"UPTODATE first", func(j *joiner) { j.accepted(4); j.packet(quorum.Diff, 0, nil); j.packet(quorum.UpToDate, -1, nil) }, BadPacket},
		{"TRUNC forward", func(j *joiner) { j.accepted(4); j.packet(quorum.Trunc, z(3, 9), nil) }, BadPacket},
		{"TRUNC that cannot be", func(j *joiner) {
			j.accepted(4)
			j.hold = Truncate
			j.packet(quorum.Trunc, z(3, 2), nil)
			j.step(Truncated{z(3, 2), errors.New("no snapshot as old as that")})
		}, CannotTruncate},
		{"half a snapshot (ZOOKEEPER-3642)", func(j *joiner) {
			j.accepted(4)
			j.hold = InstallSnapshot
			j.packet(quorum.Snap, z(4, 2), nil)
			j.step(SnapshotInstalled{z(4, 2), errors.New("the stream ended")})
		}, SnapshotFailed},
		{"too much uncommitted", func(j *joiner) {
			j.serve(4)
			for c := uint32(1); c < 20 && j.l.Stopped() == nil; c++ {
				j.propose(z(4, c))
			}
		}, TooManyUncommitted},
		{"connection lost", func(j *joiner) { j.serve(4); j.step(Disconnected{}) }, LeaderLost},
		{"disk failed", func(j *joiner) { j.serve(4); j.step(StorageFailed{errors.New("EIO")}) }, DiskFailed},
		{"answer without an order", func(j *joiner) { j.serve(4); j.step(Persisted{z(4, 1)}) }, Broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j := newJoiner(t, LearnerConfig{AcceptedEpoch: 3, CurrentEpoch: 3, LastZxid: z(3, 5), MaxUncommitted: 1000})
			tc.do(j)
			if s := j.l.Stopped(); s == nil || s.Reason != tc.want {
				t.Fatalf("ended by %v, want %v", s, tc.want)
			}
			sent := len(j.sent)
			j.step(Received{0, quorum.Packet{Type: quorum.Ping, Zxid: z(4, 0)}})
			if len(j.sent) != sent {
				t.Errorf("it speaks after its end: %v", j.sent[sent:])
			}
		})
	}
}

// TestDuplicates: proposals and commits that the history holds already, as a
// leader may send them around a join, change nothing.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{AcceptedEpoch: 1, CurrentEpoch: 1, LastZxid: z(1, 5)})
	j.accepted(2)
	j.packet(quorum.Snap, z(1, 7), nil)
	j.propose(z(1, 6), z(1, 7), z(1, 8))
	j.commit(z(1, 6), z(1, 7), z(1, 8))
	j.packet(quorum.NewLeader, z(2, 0), nil)
	j.packet(quorum.UpToDate, -1, nil)
	want := []string{"write acceptedEpoch 2", "install snapshot 0x100000007", "append 0x100000008..0x100000008", "write currentEpoch 2"}
	if !slices.Equal(j.orders, want) || !slices.Equal(j.applied, []protocol.Zxid{z(1, 8)}) {
		t.Errorf("orders %v, applied %v, ended by %v", j.orders, j.applied, j.l.Stopped())
	}
}

// TestAskSnapshot: it says nothing of its history, does not count, and takes
// nothing but a snapshot.
func TestAskSnapshot(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cfg  LearnerConfig
		asks bool
	}{
		{LearnerConfig{AskSnapshot: true, LastZxid: z(1, 5)}, true},
		{LearnerConfig{LastZxid: -1}, true},
		{LearnerConfig{AskInEpoch: 4, LastZxid: z(1, 5)}, true},
		{LearnerConfig{AskInEpoch: 3, LastZxid: z(1, 5)}, false},
	} {
		j := newJoiner(t, tc.cfg)
		j.accepted(4)
		if got := slices.Contains(j.sent, "ACKEPOCH 0xffffffff"); got != tc.asks {
			t.Errorf("%+v: sent %v", tc.cfg, j.sent)
		}
		j.packet(quorum.Diff, z(1, 5), nil)
		if got := j.l.Stopped() != nil; got != tc.asks {
			t.Errorf("%+v: DIFF: %v", tc.cfg, j.l.Stopped())
		}
	}
}

// TestObserver: it acks NEWLEADER and no txn.
func TestObserver(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{Observer: true})
	j.serve(1)
	j.packet(quorum.Inform, z(1, 1), testEntry(z(1, 1), "x").Payload)
	j.packet(quorum.InformAndActivate, z(1, 2), append((&quorum.Activation{DesignatedLeader: 2}).AppendTo(nil), testEntry(z(1, 2), "x").Payload...))
	if len(j.sent) != 0 || !slices.Equal(j.applied, []protocol.Zxid{z(1, 1), z(1, 2)}) {
		t.Errorf("sent %v, applied %v", j.sent, j.applied)
	}
	if o := j.outputs[len(j.outputs)-1]; o != (Activate{z(1, 2), 2}) {
		t.Errorf("last output: %+v", o)
	}
}

// TestClientTraffic: what the replica of a learner sends, and what comes back.
func TestClientTraffic(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{})
	j.step(Forward{Request: quorum.ForwardedRequest{Session: 1}})
	j.serve(1)
	j.outputs = nil
	j.step(Forward{Request: quorum.ForwardedRequest{Session: 1}})
	j.step(Revalidate{Session: 1, TimeoutMs: 2000})
	j.packet(quorum.Ping, z(1, 0), nil)
	j.step(PingReply{Zxid: z(1, 0)})
	j.packet(quorum.Revalidate, -1, (&quorum.RevalidateReply{Session: 1, Valid: true}).AppendTo(nil))
	if got, want := strings.Join(j.sent, ", "), "REQUEST -1, REVALIDATE -1, PING 0x100000000"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	if want := []Output{PingAsked{z(1, 0)}, RevalidateAnswered{quorum.RevalidateReply{Session: 1, Valid: true}}}; !slices.Equal(j.outputs, want) {
		t.Errorf("outputs %v, want %v", j.outputs, want)
	}
}

// TestLearnerTime: every wait of a learner ends.
func TestLearnerTime(t *testing.T) {
	t.Parallel()
	ends := func(t *testing.T, l *Learner, at int64, want Reason) {
		t.Helper()
		if d := l.Deadline(); d != at {
			t.Fatalf("deadline %d, want %d", d, at)
		}
		l.Step(at-1, Tick{})
		if l.Stopped() != nil {
			t.Fatalf("ended early: %v", l.Stopped())
		}
		l.Step(at, Tick{})
		if s := l.Stopped(); s == nil || s.Reason != want {
			t.Errorf("ended by %v, want %v", s, want)
		}
	}
	timing := Timing{TickMs: 100, InitLimit: 10, SyncLimit: 5}
	ends(t, NewLearner(LearnerConfig{Timing: timing}, 0), 1000, LeaderUnreachable)
	ends(t, NewLearner(LearnerConfig{Timing: timing, ConnectMs: 300}, 0), 300, LeaderUnreachable)
	j := newJoiner(t, LearnerConfig{})
	ends(t, j.l, 1000, LeaderSilent)
	j = newJoiner(t, LearnerConfig{})
	j.now = 500
	j.serve(1)
	ends(t, j.l, 1000, LeaderSilent)
	// A snapshot may take its time as long as some of it comes.
	j = newJoiner(t, LearnerConfig{})
	j.accepted(1)
	j.hold = InstallSnapshot
	j.packet(quorum.Snap, z(1, 3), nil)
	for j.now = 900; j.now < 5000; j.now += 900 {
		j.step(StreamProgress{})
	}
	ends(t, j.l, j.now-900+1000, LeaderSilent)
}

// TestAccepting: it asks to read no more while the disk is behind.
func TestAccepting(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{MaxUnsynced: 300})
	j.serve(1)
	j.hold = Append
	for c := uint32(1); c <= 3; c++ {
		j.propose(z(1, c))
	}
	if !j.l.Accepting() {
		t.Error("not accepting at 291 bytes of 300")
	}
	j.propose(z(1, 4))
	if j.l.Accepting() {
		t.Error("accepting beyond the limit")
	}
	j.hold = 0
	j.step(Persisted{z(1, 1)})
	if !j.l.Accepting() {
		t.Error("not accepting after the sync")
	}
}

// TestTail: a role that ends leaves what is logged, committed or not, and drops
// what is not.
func TestTail(t *testing.T) {
	t.Parallel()
	j := newJoiner(t, LearnerConfig{})
	j.serve(1)
	j.propose(z(1, 1), z(1, 2), z(1, 3))
	j.hold = Append
	j.propose(z(1, 4), z(1, 5))
	j.commit(z(1, 1))
	j.step(Disconnected{})
	j.step(Persisted{z(1, 4)})
	var got []protocol.Zxid
	for _, e := range j.l.Tail() {
		got = append(got, e.Zxid)
	}
	if want := []protocol.Zxid{z(1, 2), z(1, 3), z(1, 4)}; !slices.Equal(got, want) || !slices.Equal(j.applied, []protocol.Zxid{z(1, 1)}) {
		t.Errorf("tail %v, want %v; applied %v", got, want, j.applied)
	}
	if last := j.l.cfg.Recent.Last(); last != z(1, 4) {
		t.Errorf("the recent log ends at %v", last)
	}
}

// TestRecent: bounds, holes and truncation.
func TestRecent(t *testing.T) {
	t.Parallel()
	r := NewRecent(3, 0)
	for c := uint32(1); c <= 200; c++ {
		r.Add(testEntry(z(1, c), "x"))
	}
	check := func(base, last protocol.Zxid, n int) {
		t.Helper()
		if r.Base() != base || r.Last() != last || r.Len() != n || len(r.after(r.Base())) != n {
			t.Errorf("%v to %v, %d txns; want %v to %v, %d", r.Base(), r.Last(), r.Len(), base, last, n)
		}
	}
	check(z(1, 197), z(1, 200), 3)
	r.Truncate(z(1, 199))
	check(z(1, 197), z(1, 199), 2)
	r.Add(testEntry(z(2, 1), "x"))
	check(z(1, 197), z(2, 1), 3)
	r.Add(testEntry(z(2, 3), "x"))
	check(z(2, 3), z(2, 3), 0)
	r.Truncate(z(1, 5))
	check(z(1, 5), z(1, 5), 0)
	r = NewRecent(0, 250)
	for c := uint32(1); c <= 5; c++ {
		r.Add(testEntry(z(1, c), "x"))
	}
	check(z(1, 3), z(1, 5), 2)
}
