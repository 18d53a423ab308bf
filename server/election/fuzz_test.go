package election_test

import (
	"slices"
	"testing"

	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/election"
)

// FuzzElection feeds a core messages of arbitrary bytes: it does not panic, it
// decides only with a quorum, and it leads only itself.
func FuzzElection(f *testing.F) {
	f.Add([]byte{2, 1}, []byte{3, 9})
	n := &quorum.Notification{State: quorum.Leading, Leader: 3, ElectionEpoch: 1, Version: quorum.NotificationVersion, Config: []byte{}}
	f.Add(append([]byte{3, 2}, n.AppendTo(nil)[2:]...), append([]byte{2, 1}, n.AppendTo(nil)[2:]...))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		config, err := quorum.ParseConfig("server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2\nserver.4=h:1:2:observer")
		if err != nil {
			t.Fatal(err)
		}
		v, err := quorum.NewVerifier(config)
		if err != nil {
			t.Fatal(err)
		}
		e, err := election.New(election.Config{ID: 1, Verifier: v})
		if err != nil {
			t.Fatal(err)
		}
		e.Step(0, election.Look{Zxid: 5, CurrentEpoch: 1})
		for now, in := range [][]byte{a, b, a, b} {
			if len(in) < 2 {
				return
			}
			// The first byte is the sender, the second the state; the rest follows it on the wire.
			body := append([]byte{0, 0, 0, in[1] % 4}, in[2:]...)
			n := new(quorum.Notification)
			if n.Decode(jute.NewDecoder(body)) != nil {
				n = &quorum.Notification{State: quorum.ServerState(in[1] % 4), Leader: int64(in[0] % 5), ElectionEpoch: int64(in[1] / 4), Version: 2}
			}
			e.Step(int64(now*250), election.Received{From: int64(in[0] % 6), Notification: n})
			d := e.Ready().Decision
			if d == nil {
				continue
			}
			if !v.ContainsQuorum(func(sid int64) bool { return slices.Contains(d.Supporters, sid) }) || (d.State == quorum.Leading) != (d.Leader == 1) {
				t.Fatalf("decided %+v", d)
			}
		}
	})
}
