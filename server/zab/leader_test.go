package zab

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// bench is a leader alone, whose learners are the test.
type bench struct {
	t    *testing.T
	l    *Leader
	now  int64
	sent map[Conn][]quorum.Packet
	all  Ready // gathered
}

func leaderConfig(t *testing.T, voters int) LeaderConfig {
	t.Helper()
	c := &quorum.Config{}
	for i := range voters {
		c.Members = append(c.Members, quorum.Member{ID: int64(i + 1)})
	}
	v, err := quorum.NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return LeaderConfig{ID: 3, Verifier: v, Config: []byte("config"), Timing: Timing{TickMs: 100, InitLimit: 10, SyncLimit: 5}, Recent: NewRecent(0, 0)}
}

func newBench(t *testing.T, cfg LeaderConfig) *bench {
	t.Helper()
	b := &bench{t: t, l: NewLeader(cfg, 0), sent: map[Conn][]quorum.Packet{}}
	b.pump()
	return b
}

// pump does the disk's work at once.
func (b *bench) pump() {
	for {
		rd := b.l.Ready()
		for _, m := range rd.Messages {
			b.sent[m.To] = append(b.sent[m.To], m.Packet)
		}
		b.all.Close = append(b.all.Close, rd.Close...)
		b.all.Outputs = append(b.all.Outputs, rd.Outputs...)
		b.all.Commits = append(b.all.Commits, rd.Commits...)
		b.all.LookUps = append(b.all.LookUps, rd.LookUps...)
		if rd.Order == nil {
			return
		}
		switch o := rd.Order; o.Kind {
		case Append:
			b.l.Step(b.now, Persisted{o.Zxid})
		default:
			b.l.Step(b.now, EpochWritten{o.Kind, o.Epoch})
		}
	}
}

func (b *bench) step(ev Event) { b.l.Step(b.now, ev); b.pump() }

func (b *bench) packet(c Conn, t quorum.PacketType, z protocol.Zxid, data []byte) {
	b.step(Received{c, quorum.Packet{Type: t, Zxid: z, Data: data}})
}

func (b *bench) hello(c Conn, t quorum.PacketType, sid int64, accepted int64) {
	b.step(Connected{c})
	b.packet(c, t, protocol.MakeZxid(accepted, 0), quorum.NewLearnerInfo(sid, 0).AppendTo(nil))
}

func (b *bench) ackEpoch(c Conn, z protocol.Zxid, current int32) {
	b.packet(c, quorum.AckEpoch, z, (&quorum.FollowerEpoch{CurrentEpoch: current}).AppendTo(nil))
}

// joined brings a follower as far as the ack of NEWLEADER.
func (b *bench) joined(c Conn, sid int64, z protocol.Zxid) {
	b.hello(c, quorum.FollowerInfo, sid, b.l.Epoch())
	b.ackEpoch(c, z, 0)
	b.packet(c, quorum.Ack, protocol.MakeZxid(b.l.Epoch(), 0), nil)
}

func (b *bench) types(c Conn) string {
	var s []string
	for _, p := range b.sent[c] {
		s = append(s, p.Type.String()+" "+zxidText(p.Zxid))
	}
	b.sent[c] = nil
	return strings.Join(s, ", ")
}

func (b *bench) closed(c Conn) string {
	for _, cl := range b.all.Close {
		if cl.Conn == c {
			return cl.Why
		}
	}
	return ""
}

// TestWire is a captured join of Apache 3.8.0's (server.md 3.4 of its facts:
// FOLLOWERINFO, LEADERINFO, ACKEPOCH, DIFF, NEWLEADER, ACK, UPTODATE), byte for
// byte from both cores.
func TestWire(t *testing.T) {
	t.Parallel()
	cfg := leaderConfig(t, 3)
	cfg.Config = bytes.Repeat([]byte{'c'}, 0x8a)
	b := newBench(t, cfg)
	l := NewLearner(LearnerConfig{ID: 1, Timing: cfg.Timing}, 0)
	var up, down []string
	b.step(Connected{1})
	l.Step(0, Connected{})
	for range 20 {
		rd := l.Ready()
		for _, m := range rd.Messages {
			up = append(up, hex.EncodeToString(m.Packet.AppendTo(nil)))
			b.step(Received{1, m.Packet})
		}
		if rd.Order != nil {
			l.Step(0, EpochWritten{rd.Order.Kind, rd.Order.Epoch})
		}
		for _, p := range b.sent[1] {
			down = append(down, hex.EncodeToString(p.AppendTo(nil)))
			l.Step(0, Received{0, p})
		}
		b.sent[1] = nil
	}
	wantUp := []string{
		"0000000b0000000000000000000000140000000000000001000100000000000000000000ffffffff",
		"0000001200000000000000000000000400000000ffffffff",
		"000000030000000100000000ffffffffffffffff",
		"000000030000000100000000ffffffffffffffff",
	}
	wantDown := []string{
		"0000001100000001000000000000000400010000ffffffff",
		"0000000d0000000000000000ffffffffffffffff",
		"0000000a00000001000000000000008a" + strings.Repeat("63", 0x8a) + "ffffffff",
		"0000000cffffffffffffffffffffffffffffffff",
	}
	if !slices.Equal(up, wantUp) || !slices.Equal(down, wantDown) {
		t.Errorf("learner sent\n%s\nwant\n%s\nleader sent\n%s\nwant\n%s", strings.Join(up, "\n"), strings.Join(wantUp, "\n"), strings.Join(down, "\n"), strings.Join(wantDown, "\n"))
	}
}

// TestSyncDecision is the table of Apache's LearnerHandler.syncFollower, with
// ours where it differs.
func TestSyncDecision(t *testing.T) {
	t.Parallel()
	// 1.1 to 1.6 on disk, 1.4 to 1.6 and 3.1, 3.2 in memory.
	history := func() *Recent {
		r := NewRecent(0, 0)
		r.Reset(z(1, 3))
		for _, zx := range []protocol.Zxid{z(1, 4), z(1, 5), z(1, 6), z(3, 1), z(3, 2)} {
			r.Add(testEntry(zx, "x"))
		}
		return r
	}
	const rest14 = "PROPOSAL 0x100000005, COMMIT 0x100000005, "
	const rest16 = "PROPOSAL 0x300000001, COMMIT 0x300000001, PROPOSAL 0x300000002, COMMIT 0x300000002, NEWLEADER 0x400000000"
	for _, tc := range []struct {
		name string
		last protocol.Zxid
		disk *Located // nil: not asked
		want string
	}{
		{"level", z(3, 2), nil, "DIFF 0x300000002, NEWLEADER 0x400000000"},
		{"ahead in the last epoch", z(3, 5), nil, "TRUNC 0x300000002, NEWLEADER 0x400000000"},
		{"one behind", z(3, 1), nil, "DIFF 0x300000002, PROPOSAL 0x300000002, COMMIT 0x300000002, NEWLEADER 0x400000000"},
		{"an epoch behind", z(1, 6), nil, "DIFF 0x300000002, " + rest16},
		{"new epoch, no txn", z(3, 0), nil, "DIFF 0x300000002, " + rest16},
		{"uncommitted tail of an older epoch", z(1, 9), nil, "TRUNC 0x100000006, " + rest16}, // Apache: SNAP
		{"unknown epoch", z(2, 4), nil, "SNAP 0x300000002, NEWLEADER 0x400000000"},
		{"at the base", z(1, 3), nil, "DIFF 0x300000002, PROPOSAL 0x100000004, COMMIT 0x100000004, " + rest14 + "PROPOSAL 0x100000006, COMMIT 0x100000006, " + rest16},
		{"on disk", z(1, 1), &Located{Found: true, Floor: z(1, 1)}, "DIFF 0x300000002, log 0x100000001 to 0x100000003, PROPOSAL 0x100000004, COMMIT 0x100000004, " + rest14 + "PROPOSAL 0x100000006, COMMIT 0x100000006, " + rest16},
		{"empty, all on disk", 0, &Located{Found: true}, "DIFF 0x300000002, log 0x0 to 0x100000003, PROPOSAL 0x100000004, COMMIT 0x100000004, " + rest14 + "PROPOSAL 0x100000006, COMMIT 0x100000006, " + rest16},
		{"empty, not on disk", 0, &Located{}, "SNAP 0x300000002, NEWLEADER 0x400000000"},
		{"other history before the disk's", z(0, 7), &Located{Found: true, Floor: 0}, "SNAP 0x300000002, NEWLEADER 0x400000000"},
		{"from the future", z(9, 1), nil, "TRUNC 0x300000002, NEWLEADER 0x400000000"},
		{"start of a later epoch", z(5, 0), nil, "SNAP 0x300000002, NEWLEADER 0x400000000"},
		{"no data base", -1, nil, "SNAP 0x300000002, NEWLEADER 0x400000000"},
		{"asks for a snapshot", nowhere, nil, "SNAP 0x300000002, NEWLEADER 0x400000000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := leaderConfig(t, 3)
			cfg.AcceptedEpoch, cfg.CurrentEpoch, cfg.LastZxid, cfg.Recent = 3, 3, z(3, 2), history()
			b := newBench(t, cfg)
			b.joined(1, 1, z(3, 2)) // a quorum
			if !b.l.Serving() {
				t.Fatalf("not established: %v", b.l.phase)
			}
			b.hello(2, quorum.FollowerInfo, 2, 3)
			b.sent[2] = nil
			b.l.Step(0, Received{2, quorum.Packet{Type: quorum.AckEpoch, Zxid: tc.last, Data: (&quorum.FollowerEpoch{CurrentEpoch: 3}).AppendTo(nil)}})
			rd := b.l.Ready()
			if (len(rd.LookUps) > 0) != (tc.disk != nil) {
				t.Fatalf("look-ups %v", rd.LookUps)
			}
			if tc.disk != nil {
				ev := *tc.disk
				ev.Conn, ev.Zxid = 2, tc.last
				b.l.Step(0, ev)
				rd = b.l.Ready()
			}
			var got []string
			for _, m := range rd.Messages {
				if m.Kind == LogRange {
					got = append(got, "log "+m.After.String()+" to "+m.Through.String())
					continue
				}
				got = append(got, m.Packet.Type.String()+" "+zxidText(m.Packet.Zxid))
				if (m.Kind == SnapshotStream) != (m.Packet.Type == quorum.Snap) {
					t.Errorf("%v is sent as kind %d", m.Packet.Type, m.Kind)
				}
			}
			if g := strings.Join(got, ", "); g != tc.want {
				t.Errorf("got  %s\nwant %s", g, tc.want)
			}
		})
	}
}

func z(epoch int64, counter uint32) protocol.Zxid { return protocol.MakeZxid(epoch, counter) }

// TestZK4685EarlyAcks: acks of proposals before that of NEWLEADER are
// no error, and count from that on.
func TestZK4685EarlyAcks(t *testing.T) {
	t.Parallel()
	b := newBench(t, leaderConfig(t, 5))
	for _, c := range []Conn{1, 2} {
		b.hello(c, quorum.FollowerInfo, int64(c), 0)
	}
	for _, c := range []Conn{1, 2} {
		b.ackEpoch(c, 0, 0)
	}
	for _, c := range []Conn{1, 2} {
		b.packet(c, quorum.Ack, z(1, 0), nil)
	}
	b.hello(4, quorum.FollowerInfo, 4, 0)
	b.ackEpoch(4, 0, 0)
	b.l.Propose(0, testEntry(z(1, 1), "a"))
	b.pump()
	b.packet(4, quorum.Ack, z(1, 1), nil)
	b.packet(1, quorum.Ack, z(1, 1), nil)
	if b.l.Committed() != 0 || b.closed(4) != "" {
		t.Fatalf("committed %v, closed %q: the ack counts before its epoch does", b.l.Committed(), b.closed(4))
	}
	b.packet(4, quorum.Ack, z(1, 0), nil)
	if b.l.Committed() != z(1, 1) {
		t.Fatalf("committed %v after the ack of NEWLEADER", b.l.Committed())
	}
	if got, want := b.types(4), "LEADERINFO 0x100000000, DIFF 0x0, NEWLEADER 0x100000000, PROPOSAL 0x100000001, UPTODATE -1, COMMIT 0x100000001"; got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}

// TestSyncBehindProposals: SYNC goes out behind the COMMIT of what was proposed
// before it, at once when nothing is under way.
func TestSyncBehindProposals(t *testing.T) {
	t.Parallel()
	b := newBench(t, leaderConfig(t, 3))
	b.joined(1, 1, 0)
	b.types(1)
	b.step(SyncRequest{1})
	b.l.Propose(0, testEntry(z(1, 1), "a"))
	b.l.Propose(0, testEntry(z(1, 2), "b"))
	b.l.Step(0, SyncRequest{1})
	b.l.Propose(0, testEntry(z(1, 3), "c"))
	b.pump()
	for c := uint32(1); c <= 3; c++ {
		b.packet(1, quorum.Ack, z(1, c), nil)
	}
	if got, want := b.types(1), "SYNC 0x0, PROPOSAL 0x100000001, PROPOSAL 0x100000002, PROPOSAL 0x100000003, COMMIT 0x100000001, COMMIT 0x100000002, SYNC 0x0, COMMIT 0x100000003"; got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}

// TestLeaderRefuses: what a connection is closed for. The leader goes on.
func TestLeaderRefuses(t *testing.T) {
	t.Parallel()
	info := func(sid int64) []byte { return quorum.NewLearnerInfo(sid, 0).AppendTo(nil) }
	for _, tc := range []struct {
		name string
		do   func(b *bench)
		why  string
	}{
		{"first packet", func(b *bench) { b.packet(9, quorum.Ping, 0, nil) }, "first packet is PING"},
		{"short learner info", func(b *bench) { b.packet(9, quorum.FollowerInfo, 0, []byte{1, 2}) }, "learner info"},
		{"3.3", func(b *bench) { b.packet(9, quorum.FollowerInfo, 0, info(2)[:8]) }, "older than 3.4"},
		{"own id", func(b *bench) { b.packet(9, quorum.FollowerInfo, 0, info(3)) }, "share a myid"},
		{"later configuration", func(b *bench) {
			b.packet(9, quorum.FollowerInfo, 0, quorum.NewLearnerInfo(2, 7).AppendTo(nil))
		}, "version 0x7"},
		{"last epoch", func(b *bench) { b.packet(9, quorum.FollowerInfo, z(0x7fffffff, 0), info(2)) }, "leaves no later one"},
		{"ack out of place", func(b *bench) {
			b.packet(9, quorum.FollowerInfo, 0, info(2))
			b.packet(9, quorum.Ack, z(1, 1), nil)
		}, "ACK 0x100000001"},
		{"ack from the future", func(b *bench) { b.joined(10, 2, 0); b.packet(10, quorum.Ack, z(1, 5), nil) }, "ACK 0x100000005"},
		{"ACKEPOCH twice", func(b *bench) {
			b.packet(9, quorum.FollowerInfo, 0, info(2))
			b.ackEpoch(9, 0, 0)
			b.ackEpoch(9, 0, 0)
		}, "while it is syncing"},
		{"ACKEPOCH empty", func(b *bench) {
			b.packet(9, quorum.FollowerInfo, 0, info(2))
			b.packet(9, quorum.AckEpoch, 0, nil)
		}, "ACKEPOCH: follower epoch"},
		{"request too early", func(b *bench) {
			b.packet(9, quorum.ObserverInfo, 0, info(9))
			b.packet(9, quorum.Request, -1, make([]byte, 16))
		}, "REQUEST while it is informed"},
		{"short request", func(b *bench) { b.joined(10, 2, 0); b.packet(10, quorum.Request, -1, make([]byte, 5)) }, "forwarded request"},
		{"cut touches", func(b *bench) { b.joined(10, 2, 0); b.packet(10, quorum.Ping, z(1, 0), make([]byte, 13)) }, "touched sessions"},
		{"short revalidate", func(b *bench) { b.joined(10, 2, 0); b.packet(10, quorum.Revalidate, -1, make([]byte, 3)) }, "revalidate"},
		{"unknown type", func(b *bench) { b.joined(10, 2, 0); b.packet(10, 99, 0, nil) }, "packet type 99"},
		{"connected again", func(b *bench) {
			b.packet(9, quorum.FollowerInfo, 0, info(2))
			b.now = 251 // more than half of syncLimit
			b.hello(10, quorum.FollowerInfo, 2, 0)
		}, "server 2 has connected again, and nothing was heard of this connection for 251 ms"},
		{"connected twice", func(b *bench) {
			b.packet(9, quorum.FollowerInfo, 0, info(2))
			b.now = 250
			b.hello(10, quorum.FollowerInfo, 2, 0)
		}, "two servers have the myid 2: correct one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, leaderConfig(t, 3))
			b.joined(1, 1, 0)
			b.step(Connected{9})
			tc.do(b)
			if len(b.all.Close) != 1 || !strings.Contains(b.all.Close[0].Why, tc.why) {
				t.Errorf("closed: %v, want one for %q", b.all.Close, tc.why)
			}
			if b.l.Stopped() != nil || b.closed(1) != "" {
				t.Errorf("the leader ended (%v) or dropped another learner (%q)", b.l.Stopped(), b.closed(1))
			}
		})
	}
}

// TestLeaderLimits: connections, snapshots and bytes that wait.
func TestLeaderLimits(t *testing.T) {
	t.Parallel()
	cfg := leaderConfig(t, 3)
	cfg.MaxConns, cfg.MaxQueue, cfg.MaxInFlight, cfg.MaxSnapshots = 3, 1000, 300, 1
	b := newBench(t, cfg)
	b.joined(1, 1, 0)
	b.step(Connected{2})
	b.step(Connected{3})
	if b.closed(3) != "" {
		t.Fatal("the third connection is refused")
	}
	b.step(Connected{4})
	if !strings.Contains(b.closed(4), "more are not allowed") {
		t.Errorf("the fourth connection: %q", b.closed(4))
	}
	b.packet(2, quorum.FollowerInfo, 0, quorum.NewLearnerInfo(2, 0).AppendTo(nil))
	b.ackEpoch(2, 0, 0)
	b.packet(2, quorum.Ack, z(1, 0), nil)
	for c := uint32(1); c <= 10; c++ {
		b.l.Propose(0, testEntry(z(1, c), "x"))
		b.pump()
		b.packet(1, quorum.Ack, z(1, c), nil)
	}
	if b.closed(1) != "" || b.closed(2) != "" {
		t.Fatalf("closed: %v", b.all.Close)
	}
	b.l.Propose(0, testEntry(z(1, 11), "x"))
	b.pump()
	if !strings.Contains(b.closed(2), "bytes behind") || b.closed(1) != "" {
		t.Errorf("closed: %v, want the follower that acks nothing", b.all.Close)
	}
	for c := uint32(12); c <= 14; c++ {
		b.l.Propose(0, testEntry(z(1, c), "x"))
	}
	if b.l.Accepting() {
		t.Error("it accepts more than MaxInFlight")
	}
	// Snapshots.
	b.packet(3, quorum.ObserverInfo, 0, quorum.NewLearnerInfo(7, 0).AppendTo(nil))
	b.ackEpoch(3, nowhere, 0)
	b.pump()
	b.packet(1, quorum.Ack, z(1, 14), nil)
	b.hello(5, quorum.ObserverInfo, 8, 0)
	b.ackEpoch(5, nowhere, 0)
	if got := b.types(3); !strings.Contains(got, "SNAP 0x10000000a") {
		t.Errorf("to the first: %s", got)
	}
	if !strings.Contains(b.closed(5), "1 learners are being synchronised") {
		t.Errorf("a second snapshot at the same time: %v", b.all.Close)
	}
}

// TestSyncThrottle: observers wait until others are synchronised, each kind of
// synchronisation by itself; followers never do.
func TestSyncThrottle(t *testing.T) {
	t.Parallel()
	cfg := leaderConfig(t, 3)
	cfg.MaxSnapshots, cfg.MaxDiffs = 1, 2
	b := newBench(t, cfg)
	b.joined(1, 1, 0)
	join := func(c Conn, kind quorum.PacketType, sid int64, from protocol.Zxid) {
		t.Helper()
		b.hello(c, kind, sid, 0)
		b.ackEpoch(c, from, 0)
	}
	join(2, quorum.ObserverInfo, 10, 0)
	join(3, quorum.ObserverInfo, 11, 0)
	join(4, quorum.ObserverInfo, 12, nowhere)
	if len(b.all.Close) > 0 {
		t.Fatalf("closed within the limits: %v", b.all.Close)
	}
	join(5, quorum.ObserverInfo, 13, 0)
	join(6, quorum.ObserverInfo, 14, nowhere)
	if !strings.Contains(b.closed(5), "2 learners") || !strings.Contains(b.closed(6), "1 learners") {
		t.Errorf("beyond the limits: %v", b.all.Close)
	}
	join(7, quorum.FollowerInfo, 2, nowhere)
	if b.closed(7) != "" || !strings.Contains(b.types(7), "SNAP") {
		t.Errorf("a follower waits for observers: %q", b.closed(7))
	}
	for _, c := range []Conn{2, 3} {
		b.packet(c, quorum.Ack, z(1, 0), nil)
	}
	join(8, quorum.ObserverInfo, 13, 0)
	if got := b.types(8); b.closed(8) != "" || !strings.Contains(got, "DIFF") {
		t.Errorf("once the others are done: %q %q", got, b.closed(8))
	}
}

// TestForceSnapshot: with forceSnapshotSync even a learner with the whole
// history is sent a snapshot.
func TestForceSnapshot(t *testing.T) {
	t.Parallel()
	cfg := leaderConfig(t, 3)
	cfg.ForceSnapshot = true
	b := newBench(t, cfg)
	b.hello(1, quorum.FollowerInfo, 1, 0)
	b.ackEpoch(1, 0, 0)
	if got := b.types(1); !strings.Contains(got, "SNAP 0x0, NEWLEADER") {
		t.Errorf("sent %s", got)
	}
}

// TestSnapshotWaits: a follower's acks have helped to commit what the leader's
// own disk has not synced; the snapshot that replaces the follower's log waits
// for it.
func TestSnapshotWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t, leaderConfig(t, 3))
	b.joined(1, 1, 0)
	b.joined(2, 2, 0)
	b.l.Propose(0, testEntry(z(1, 1), "a"))
	rd := b.l.Ready()
	if rd.Order == nil {
		t.Fatal("no order")
	}
	b.l.Step(0, Received{1, quorum.Packet{Type: quorum.Ack, Zxid: z(1, 1)}})
	b.l.Step(0, Received{2, quorum.Packet{Type: quorum.Ack, Zxid: z(1, 1)}})
	b.step(Disconnected{1})
	b.hello(7, quorum.FollowerInfo, 1, 1)
	b.types(7)
	b.ackEpoch(7, nowhere, -1)
	if got := b.types(7); got != "" {
		t.Fatalf("sent before the own log has it: %s", got)
	}
	b.step(Persisted{z(1, 1)})
	if got, want := b.types(7), "SNAP 0x100000001, NEWLEADER 0x100000000"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// TestLeaderTime: every wait of a leader ends.
func TestLeaderTime(t *testing.T) {
	t.Parallel()
	t.Run("nobody comes", func(t *testing.T) {
		b := newBench(t, leaderConfig(t, 3))
		b.until(1000, NoFollowers)
	})
	t.Run("no ACKEPOCH", func(t *testing.T) {
		b := newBench(t, leaderConfig(t, 3))
		b.now = 900
		b.hello(1, quorum.FollowerInfo, 1, 0)
		b.until(1900, NoFollowers)
	})
	t.Run("no ack of NEWLEADER", func(t *testing.T) {
		b := newBench(t, leaderConfig(t, 3))
		b.hello(1, quorum.FollowerInfo, 1, 0)
		b.ackEpoch(1, 0, 0)
		b.until(1000, NoFollowers)
	})
	t.Run("silent follower", func(t *testing.T) {
		b := newBench(t, leaderConfig(t, 3))
		b.joined(1, 1, 0)
		b.until(600, LostQuorum)
	})
	t.Run("follower that pings and does not ack", func(t *testing.T) {
		b := newBench(t, leaderConfig(t, 3))
		b.joined(1, 1, 0)
		b.l.Propose(0, testEntry(z(1, 1), "a"))
		for b.now < 450 {
			b.now += 50
			b.packet(1, quorum.Ping, z(1, 1), []byte{})
		}
		b.until(600, LostQuorum)
		if !strings.Contains(b.closed(1), "not acknowledged") {
			t.Errorf("closed: %v", b.all.Close)
		}
	})
	t.Run("own disk", func(t *testing.T) {
		cfg := leaderConfig(t, 1)
		cfg.ID = 1
		b := newBench(t, cfg)
		b.l.Propose(0, testEntry(z(1, 1), "a"))
		b.l.Ready()
		b.now = 700
		b.l.Step(b.now, Tick{})
		if s := b.l.Stopped(); s == nil || s.Reason != DiskStalled {
			t.Errorf("stopped: %v", s)
		}
	})
}

// until lets time pass by deadlines until the leader has ended.
func (b *bench) until(ms int64, want Reason) {
	b.t.Helper()
	for n := 0; b.l.Stopped() == nil; n++ {
		at := b.l.Deadline()
		if at > ms || n > 1000 || at < b.now {
			b.t.Fatalf("not ended by %d ms, next deadline %d", ms, at)
		}
		b.now = at
		b.step(Tick{})
	}
	if b.l.Stopped().Reason != want {
		b.t.Errorf("ended by %v, want %v", b.l.Stopped(), want)
	}
}

// TestQuietLeader: PINGs come every half tick while there are clients, and every
// tick when nothing has told of one for a while.
func TestQuietLeader(t *testing.T) {
	t.Parallel()
	b := newBench(t, leaderConfig(t, 3))
	b.joined(1, 1, 0)
	b.types(1)
	// pings counts those of a second, each answered with the touches.
	pings := func(touches quorum.Touches) (n int) {
		t.Helper()
		for end := b.now + 1000; b.now < end; {
			b.now = min(end, b.l.Deadline())
			b.step(Tick{})
			for _, p := range b.sent[1] {
				if p.Type == quorum.Ping {
					n++
					b.packet(1, quorum.Ping, p.Zxid, touches.AppendTo([]byte{}))
				}
			}
			b.sent[1] = nil
		}
		return n
	}
	session := quorum.Touches{{Session: 7, TimeoutMs: 1000}}
	for i, tt := range []struct {
		touches quorum.Touches
		want    int
	}{{nil, 20}, {nil, 10}, {nil, 10}, {session, 19}, {session, 20}, {nil, 20}, {nil, 10}} {
		if got := pings(tt.touches); got < tt.want-1 || got > tt.want+1 {
			t.Errorf("second %d: %d PINGs, want %d", i, got, tt.want)
		}
	}
	b.l.Propose(b.now, testEntry(z(1, 1), "a"))
	b.packet(1, quorum.Ack, z(1, 1), nil)
	if got := pings(nil); got < 19 {
		t.Errorf("after a proposal %d PINGs", got)
	}
	cfg := leaderConfig(t, 3)
	cfg.SyncLimit = 3
	b = newBench(t, cfg)
	b.joined(1, 1, 0)
	pings(nil)
	if got := pings(nil); got < 19 {
		t.Errorf("with a short syncLimit %d PINGs", got)
	}
}

// TestEpochOvertaken: a voter that has accepted a later epoch cannot join this
// one; the leader makes way for a later epoch instead of leaving it out.
func TestEpochOvertaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, leaderConfig(t, 3))
	b.joined(1, 1, 0)
	b.hello(7, quorum.ObserverInfo, 9, 8)
	if b.l.Stopped() != nil {
		t.Fatal("an observer ended the role")
	}
	b.hello(2, quorum.FollowerInfo, 2, 7)
	if s := b.l.Stopped(); s == nil || s.Reason != EpochOvertaken || s.Epoch != 7 {
		t.Fatalf("stopped: %v", s)
	}
	cfg := leaderConfig(t, 3)
	cfg.OfferedEpoch = b.l.Stopped().Epoch
	b = newBench(t, cfg)
	b.joined(1, 1, 0)
	if b.l.Epoch() != 8 {
		t.Errorf("the next epoch is %d", b.l.Epoch())
	}
}

// TestOutputs: what a learner's client wants reaches the replica.
func TestOutputs(t *testing.T) {
	t.Parallel()
	b := newBench(t, leaderConfig(t, 3))
	b.joined(1, 1, 0)
	b.all.Outputs = nil
	req := quorum.ForwardedRequest{Session: 5, Cxid: 7, Type: protocol.OpCreate, Body: []byte("body")}
	b.step(Received{1, quorum.Packet{Type: quorum.Request, Zxid: -1, Data: req.AppendTo(nil), Auth: []protocol.ID{{Scheme: "ip", ID: "1.2.3.4"}}}})
	b.packet(1, quorum.Ping, z(1, 0), quorum.Touches{{Session: 5, TimeoutMs: 4000}}.AppendTo(nil))
	b.packet(1, quorum.Revalidate, -1, (&quorum.RevalidateRequest{Session: 5, TimeoutMs: 4000}).AppendTo(nil))
	b.step(Disconnected{1})
	if len(b.all.Outputs) != 4 {
		t.Fatalf("outputs: %v", b.all.Outputs)
	}
	f, ok := b.all.Outputs[0].(Forwarded)
	if !ok || f.Sid != 1 || f.Conn != 1 || f.Request.Session != 5 || string(f.Request.Body) != "body" || f.Auth[0].ID != "1.2.3.4" {
		t.Errorf("request: %+v", b.all.Outputs[0])
	}
	if o, ok := b.all.Outputs[1].(Touched); !ok || len(o.Touches) != 1 || o.Touches[0].TimeoutMs != 4000 {
		t.Errorf("touched: %+v", b.all.Outputs[1])
	}
	if o, ok := b.all.Outputs[2].(RevalidateAsked); !ok || o.Request.Session != 5 {
		t.Errorf("revalidate: %+v", b.all.Outputs[2])
	}
	if o, ok := b.all.Outputs[3].(LearnerGone); !ok || o.Sid != 1 {
		t.Errorf("gone: %+v", b.all.Outputs[3])
	}
}

// TestGarbage: whatever arrives, nothing panics and no broken invariant is
// reported, for the sender alone is to blame.
func TestGarbage(t *testing.T) {
	t.Parallel()
	for seed := uint64(0); seed < 300; seed++ {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, leaderConfig(t, 3))
		if rng.IntN(2) == 0 {
			b.joined(1, 1, 0)
		}
		l := NewLearner(LearnerConfig{ID: 1, Timing: Timing{100, 10, 5}, Observer: rng.IntN(2) == 0}, 0)
		l.Step(0, Connected{})
		if rng.IntN(2) == 0 {
			l.Step(0, Received{0, quorum.Packet{Type: quorum.LeaderInfo, Zxid: z(1, 0), Data: []byte{0, 1, 0, 0}}})
		}
		next := Conn(10)
		for range 200 {
			p := randomPacket(rng)
			if rng.IntN(10) == 0 {
				next++
				b.step(Connected{next})
			}
			b.step(Received{Conn(10 + rng.IntN(int(next)-8)), p})
			if b.l.Stopped() != nil && b.l.Stopped().Reason.Final() {
				t.Fatalf("seed %d: leader: %v", seed, b.l.Stopped())
			}
			l.Step(0, Received{0, p})
			for rd := l.Ready(); rd.Order != nil; rd = l.Ready() {
				answer(l, rd.Order)
			}
			if s := l.Stopped(); s != nil {
				if s.Reason.Final() {
					t.Fatalf("seed %d: learner: %v", seed, s)
				}
				l = NewLearner(LearnerConfig{ID: 1, Timing: Timing{100, 10, 5}}, 0)
				l.Step(0, Connected{})
			}
		}
	}
}

func answer(l *Learner, o *Order) {
	switch o.Kind {
	case Append:
		l.Step(0, Persisted{o.Zxid})
	case Truncate:
		l.Step(0, Truncated{Zxid: o.Zxid})
	case InstallSnapshot:
		l.Step(0, SnapshotInstalled{Zxid: o.Zxid})
	default:
		l.Step(0, EpochWritten{o.Kind, o.Epoch})
	}
}

func randomPacket(rng *rand.Rand) quorum.Packet {
	zs := []protocol.Zxid{0, -1, z(1, 0), z(1, 1), z(1, 2), z(2, 0), z(0, 1), nowhere, 1<<63 - 1, -1 << 63}
	p := quorum.Packet{Type: quorum.PacketType(rng.IntN(21)), Zxid: zs[rng.IntN(len(zs))]}
	switch rng.IntN(4) {
	case 0:
		p.Data = make([]byte, rng.IntN(40))
		for i := range p.Data {
			p.Data[i] = byte(rng.Uint32())
		}
	case 1:
		p.Data = testEntry(p.Zxid, "x").Payload
	case 2:
		p.Data = quorum.NewLearnerInfo(int64(rng.IntN(4)), 0).AppendTo(nil)
	}
	return p
}
