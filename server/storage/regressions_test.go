package storage

import (
	"errors"
	"math/rand"
	"syscall"
	"testing"

	"zookit/protocol"
	"zookit/server/vfs"
)

// TestZK4269AcceptedEpochRename: a call fails, or the power does, at any point
// of a new acceptedEpoch. currentEpoch is not written behind it, so that the next
// start finds no epoch that was entered and never accepted, and starts.
func TestZK4269AcceptedEpochRename(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		mem := vfs.NewTrackedMem()
		faulty := vfs.NewFaulty(mem)
		s, st := start(t, memConfig(faulty))
		must(t, s.SetAcceptedEpoch(1))
		must(t, s.SetCurrentEpoch(1))
		add(t, s, st, []Entry{entry(protocol.MakeZxid(1, 1), 1)})
		faulty.Add(vfs.Fault{Op: vfs.OpAny, N: n, Err: syscall.EIO})
		err := s.SetAcceptedEpoch(2)
		if err == nil {
			if n < 6 {
				t.Fatalf("acceptedEpoch was replaced by %d calls", n-1)
			}
			return
		}
		if err := s.SetCurrentEpoch(2); !errors.Is(err, ErrFailed) {
			t.Fatalf("call %d: currentEpoch behind it: %v", n, err)
		}
		power := mem.Crash(rand.New(rand.NewSource(int64(n))))
		must(t, s.Close())
		for name, fsys := range map[string]vfs.FS{"restart": mem, "power cut": power} {
			_, _, rec := mustOpen(t, memConfig(fsys))
			if rec.CurrentEpoch != 1 || rec.AcceptedEpoch != 1 && rec.AcceptedEpoch != 2 || rec.LastZxid != protocol.MakeZxid(1, 1) {
				t.Errorf("call %d, %s: recovered %+v", n, name, rec)
			}
		}
	}
}
