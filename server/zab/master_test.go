package zab

import (
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// TestMasterCatchesUp: an observer that has more than its new master waits, and
// is told each txn behind its own once, also when the master commits several
// together.
func TestMasterCatchesUp(t *testing.T) {
	t.Parallel()
	recent := NewRecent(0, 0)
	recent.Reset(z(1, 8))
	cfg := leaderConfig(t, 3)
	m := NewMaster(MasterConfig{
		ID: cfg.ID, Verifier: cfg.Verifier, Timing: cfg.Timing,
		Epoch: 1, Applied: z(1, 8), Recent: recent,
	}, 0)
	step := func(ev Event) { m.Step(0, ev) }
	packet := func(p quorum.PacketType, zxid protocol.Zxid, data []byte) {
		step(Received{1, quorum.Packet{Type: p, Zxid: zxid, Data: data}})
	}
	said := func() string {
		var list []string
		for _, msg := range m.Ready().Messages {
			list = append(list, msg.Packet.Type.String()+" "+msg.Packet.Zxid.String())
		}
		return strings.Join(list, ", ")
	}
	step(Connected{1})
	packet(quorum.ObserverInfo, z(1, 0), quorum.NewLearnerInfo(9, 0).AppendTo(nil))
	if got := said(); got != "LEADERINFO 0x100000000" {
		t.Fatal(got)
	}
	packet(quorum.AckEpoch, z(1, 12), (&quorum.FollowerEpoch{CurrentEpoch: 1}).AppendTo(nil))
	if got := said(); got != "" {
		t.Fatalf("an observer that is ahead is told %s", got)
	}
	// Five txns are committed here at once: all are in Recent before the first is told.
	for c := uint32(9); c <= 13; c++ {
		recent.Add(testEntry(z(1, c), "x"))
	}
	for c := uint32(9); c <= 13; c++ {
		m.Inform(0, testEntry(z(1, c), "x"), nil)
	}
	if got, want := said(), "DIFF 0x10000000d, PROPOSAL 0x10000000d, COMMIT 0x10000000d, NEWLEADER 0x100000000"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}
