package zab

import (
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// BenchmarkBroadcast is what the leader's core spends on a txn with two
// followers, in batches of 32.
func BenchmarkBroadcast(b *testing.B) {
	qc := &quorum.Config{Members: []quorum.Member{{ID: 1}, {ID: 2}, {ID: 3}}}
	v, err := quorum.NewVerifier(qc)
	if err != nil {
		b.Fatal(err)
	}
	l := NewLeader(LeaderConfig{ID: 3, Verifier: v, Timing: Timing{TickMs: 100, InitLimit: 10, SyncLimit: 5}}, 0)
	pump := func() {
		for {
			rd := l.Ready()
			if rd.Order == nil {
				return
			}
			if rd.Order.Kind == Append {
				l.Step(0, Persisted{rd.Order.Zxid})
			} else {
				l.Step(0, EpochWritten{rd.Order.Kind, rd.Order.Epoch})
			}
		}
	}
	pump()
	in := func(c Conn, t quorum.PacketType, z protocol.Zxid, data []byte) {
		l.Step(0, Received{c, quorum.Packet{Type: t, Zxid: z, Data: data}})
		pump()
	}
	for c := Conn(1); c <= 2; c++ {
		l.Step(0, Connected{c})
		in(c, quorum.FollowerInfo, 0, quorum.NewLearnerInfo(int64(c), 0).AppendTo(nil))
		in(c, quorum.AckEpoch, 0, (&quorum.FollowerEpoch{}).AppendTo(nil))
		in(c, quorum.Ack, z(1, 0), nil)
	}
	e := testEntry(0, string(make([]byte, 150)))
	const batch = 32
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += batch {
		first := l.Proposed()
		if first.Epoch() == 0 {
			first = z(1, 0)
		}
		for k := 1; k <= batch; k++ {
			n := testEntry(first+protocol.Zxid(k), "")
			copy(e.Payload, n.Payload)
			l.Propose(0, Entry{n.Zxid, e.Payload})
		}
		pump()
		for k := 1; k <= batch; k++ {
			for c := Conn(1); c <= 2; c++ {
				l.Step(0, Received{c, quorum.Packet{Type: quorum.Ack, Zxid: first + protocol.Zxid(k)}})
			}
		}
		pump()
	}
	if l.Stopped() != nil {
		b.Fatal(l.Stopped())
	}
}
