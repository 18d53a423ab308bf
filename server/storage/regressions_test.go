package storage

import (
	"errors"
	"math/rand"
	"slices"
	"strings"
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

// TestZK2846RangeWithAGap: what a leader reads for a learner from its logs has no
// hole. With a log missing in between nothing is found that far back (the learner
// gets a snapshot), or the reading ends at the hole.
func TestZK2846RangeWithAGap(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	s, st := start(t, memConfig(mem))
	for first := protocol.Zxid(1); first <= 9; first += 3 {
		add(t, s, st, entries(first, first+2, 10))
		must(t, s.Roll())
	}
	read := func(after, through protocol.Zxid) (got []protocol.Zxid, err error) {
		err = s.ReadRange(after, through, func(z protocol.Zxid, _ []byte) error {
			got = append(got, z)
			return nil
		})
		return got, err
	}
	if got, err := read(2, 9); err != nil || !slices.Equal(got, []protocol.Zxid{3, 4, 5, 6, 7, 8, 9}) {
		t.Fatalf("read %v, %v", got, err)
	}
	must(t, mem.Remove(inVersion("log.4")))
	if floor, found, err := s.Locate(2, 0); err == nil && found {
		t.Errorf("2 is found, at %v, with the log behind it gone", floor)
	}
	got, err := read(2, 9)
	if err == nil || len(got) > 0 && got[len(got)-1] != 3 {
		t.Errorf("over a hole: read %v, %v", got, err)
	}
	if got, err := read(7, 9); err != nil || !slices.Equal(got, []protocol.Zxid{8, 9}) {
		t.Errorf("behind the hole: read %v, %v", got, err)
	}
}

// TestZK3056LogsWithoutASnapshot: logs beside which the snapshots are missing, or
// empty files (ZOOKEEPER-2325, 3644), are no history by themselves. An upgrade
// from 3.4 says with snapshot.trust.empty that there was never one; then a
// snapshot is taken, and the next start needs no such word.
func TestZK3056LogsWithoutASnapshot(t *testing.T) {
	t.Parallel()
	const snapshot = "snapshot.0"
	for name, tt := range map[string]struct {
		spoil   func(fsys vfs.FS)
		trusted bool // it starts, told to trust
	}{
		"missing":                      {func(fsys vfs.FS) { must(t, fsys.Remove(inVersion(snapshot))) }, true},
		"empty file":                   {func(fsys vfs.FS) { putFile(t, fsys, inVersion(snapshot), nil) }, false},
		"missing, and the logs before": {func(fsys vfs.FS) { must(t, fsys.Remove(inVersion(snapshot))); must(t, fsys.Remove(inVersion("log.1"))) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			cfg := written(t, fsys, 0)
			tt.spoil(fsys)
			open := func() (*Store, *state, Recovered, error) {
				s, err := Open(cfg)
				must(t, err)
				st := newState()
				rec, err := s.Recover(st)
				return s, st, rec, err
			}
			s, _, _, err := open()
			var damage *DamageError
			if !errors.As(err, &damage) || !strings.Contains(err.Error(), "snapshot.trust.empty=true") {
				t.Fatalf("without the word: %v", err)
			}
			must(t, s.Close())
			cfg.TrustEmptySnapshot = true
			s, st, rec, err := open()
			if !tt.trusted {
				if !errors.As(err, &damage) {
					t.Errorf("trusted: %v", err)
				}
				must(t, s.Close())
				return
			}
			must(t, err)
			st.nodes[""] = ""
			st.holds(t, 45)
			if !rec.WantSnapshot {
				t.Error("no snapshot is asked for")
			}
			must(t, s.Snapshot(45, st))
			must(t, s.Close())
			cfg.TrustEmptySnapshot = false
			_, st, _ = mustOpen(t, cfg)
			st.holds(t, 45)
		})
	}
}
