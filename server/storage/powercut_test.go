package storage

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/vfs"
)

// everything says whether a sampled test runs in full (make crash).
func everything() bool { return os.Getenv("ZOOKIT_CRASH") == "all" }

// seed is ZOOKIT_SEED or a new one, printed.
func seed(t *testing.T) int64 {
	n, err := strconv.ParseInt(os.Getenv("ZOOKIT_SEED"), 10, 64)
	if err != nil {
		n = time.Now().UnixNano() % 1e6
	}
	t.Logf("ZOOKIT_SEED=%d", n)
	return n
}

var errPower = errors.New("power cut")

// TestPowerCut runs a server through several lives, each ended by a power cut
// at some file operation: the operation and everything after it fails, and the
// disk keeps of what was not synced whatever the seed says. Every acknowledged
// txn is there afterwards, nothing that was never appended is, and a power cut
// is never taken for damage, also when it meets the recovery from the last one.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	runs := 200
	if everything() {
		runs = 5000
	}
	base := seed(t)
	for i := range runs {
		if err := powerCuts(base + int64(i)); err != nil {
			t.Fatalf("ZOOKIT_SEED=%d: %v", base+int64(i), err)
		}
	}
}

func powerCuts(seed int64) error {
	rng := rand.New(rand.NewSource(seed))
	mem := vfs.NewTrackedMem()
	var acked, sent protocol.Zxid
	for life := range 5 {
		faulty := vfs.NewFaulty(mem, vfs.Fault{Op: vfs.OpAny, N: 1 + rng.Intn(150), Sticky: true, Short: rng.Intn(2) == 0, Err: errPower})
		cfg := memConfig(faulty)
		cfg.Compression = []string{"", "gz", "snappy"}[rng.Intn(3)]
		cfg.TxnLogSizeLimitKB = int64(rng.Intn(3) * 4)
		err := live(rng, cfg, &acked, &sent)
		if !errors.Is(err, errPower) {
			return fmt.Errorf("life %d: %w", life, err)
		}
		mem = mem.Crash(rng)
		// A second look with healthy files at a copy of what is left.
		_, st, rec, err := open(memConfig(mem.Crash(nil)))
		if err != nil {
			return fmt.Errorf("after life %d: %w", life, err)
		}
		if rec.LastZxid < acked || rec.LastZxid > sent {
			return fmt.Errorf("after life %d: recovered to %v, acknowledged %v, sent %v", life, rec.LastZxid, acked, sent)
		}
		if rec.LastZxid > 0 {
			if err := st.check(rec.LastZxid); err != nil {
				return fmt.Errorf("after life %d: %w", life, err)
			}
		}
		acked, sent = rec.LastZxid, rec.LastZxid // served, so durable from now on
		if rng.Intn(2) == 0 {
			continue // the next life recovers
		}
		s, _, again, err := open(memConfig(mem))
		if err != nil || again.LastZxid != acked {
			return fmt.Errorf("after life %d, again: %v, %w", life, again.LastZxid, err)
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}

// live recovers and works until the power goes. The error is the first that a
// call returned.
func live(rng *rand.Rand, cfg Config, acked, sent *protocol.Zxid) error {
	s, st, rec, err := open(cfg)
	if err != nil {
		return err
	}
	if rec.Fresh {
		if err := s.Snapshot(0, st); err != nil {
			return err
		}
	}
	if rec.LastZxid < *acked {
		return fmt.Errorf("recovered to %v, acknowledged %v", rec.LastZxid, *acked)
	}
	for {
		next := s.LastZxid() + 1
		switch rng.Intn(14) {
		case 0:
			err = s.Roll()
		case 1:
			err = s.Snapshot(next-1, st)
		case 2:
			err = s.Purge(1 + rng.Intn(3))
		case 3:
			if err = s.Close(); err == nil {
				if s, st, _, err = open(cfg); err != nil {
					return err
				}
			}
		case 4:
			err = s.SetAcceptedEpoch(int64(rng.Intn(3)))
		case 5:
			to := max(0, next-1-protocol.Zxid(rng.Intn(8)))
			was := *acked
			*acked = min(*acked, to)
			if err = s.Truncate(to); errors.Is(err, ErrTruncate) {
				*acked, err = was, nil // no snapshot as old as that
			} else if err == nil {
				*sent, st = to, newState()
				if rec, err = s.Recover(st); err == nil && rec.LastZxid != to {
					return fmt.Errorf("truncated to %v, recovered to %v", to, rec.LastZxid)
				}
				st.nodes[""] = ""
			}
		default:
			batch := entries(next, next+protocol.Zxid(rng.Intn(6)), rng.Intn(900))
			*sent = batch[len(batch)-1].Zxid
			if err = s.Append(batch); err == nil {
				*acked = *sent
				for _, e := range batch {
					st.nodes[fmt.Sprintf("/n%d", e.Zxid)] = ""
					st.last = e.Zxid
				}
			}
		}
		if err != nil {
			if ferr := s.Append(entries(next, next, 1)); ferr == nil && *acked != next {
				return fmt.Errorf("an append after %w succeeded", err)
			}
			return err
		}
	}
}

// TestDroppedUnsynced: with nothing left but what was synced, every
// acknowledged batch is there.
func TestDroppedUnsynced(t *testing.T) {
	t.Parallel()
	mem := vfs.NewTrackedMem()
	s, st := start(t, memConfig(mem))
	for z := protocol.Zxid(1); z < 200; z += 3 {
		add(t, s, st, entries(z, z+2, 100))
		if z%50 == 1 {
			must(t, s.Roll())
			must(t, s.Snapshot(z+2, st))
		}
		_, got, _ := mustOpen(t, memConfig(mem.Crash(nil)))
		got.holds(t, z+2)
	}
}

// TestFailureIsFinal: an error of any call that Append makes, once, ends the
// store: nothing is written after it, and nothing acknowledged is missing.
func TestFailureIsFinal(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for _, short := range []bool{false, true} {
			for n := 1; ; n++ {
				mem := vfs.NewMem()
				faulty := vfs.NewFaulty(mem)
				cfg := memConfig(faulty)
				cfg.TxnLogSizeLimitKB = 2
				s, st := start(t, cfg)
				faulty.Add(vfs.Fault{Op: vfs.OpAny, N: n, Short: short, Err: cause})
				var acked protocol.Zxid
				var err error
				for z := protocol.Zxid(1); z <= 12 && err == nil; z++ {
					if err = s.Append(entries(z, z, 500)); err == nil {
						acked = z
					}
				}
				if err == nil {
					if n < 30 {
						t.Fatalf("only %d calls were made", n)
					}
					break
				}
				if !errors.Is(err, cause) || !errors.Is(s.Err(), cause) {
					t.Fatalf("call %d: %v", n, err)
				}
				calls := faulty.Count(vfs.OpAny)
				for _, err := range []error{s.Append(entries(acked+1, acked+1, 1)), s.Roll(), s.Snapshot(acked, st), s.Truncate(0), s.SetCurrentEpoch(1)} {
					if !errors.Is(err, ErrFailed) || !errors.Is(err, cause) {
						t.Fatalf("call %d: afterwards: %v", n, err)
					}
				}
				if faulty.Count(vfs.OpAny) != calls {
					t.Fatalf("call %d: the files were touched after the failure", n)
				}
				must(t, s.Close())
				_, st, _ = mustOpen(t, memConfig(mem))
				if st.last < acked || st.last > acked+1 {
					t.Fatalf("call %d: recovered to %v, acknowledged %v", n, st.last, acked)
				}
			}
		}
	}
}

// TestFailedSyncLeavesCleanPages: a sync of the log fails, and the kernel counts
// as clean what it could not write back, or part of it. Whatever the next start
// has read and serves is on the disk then: a power cut takes nothing of it away.
func TestFailedSyncLeavesCleanPages(t *testing.T) {
	t.Parallel()
	log := func(name string) bool { return strings.Contains(name, "log.") }
	for seed := range int64(20) {
		mem := vfs.NewTrackedMem()
		faulty := vfs.NewFaulty(mem)
		s, st := start(t, memConfig(faulty))
		add(t, s, st, entries(1, 3, 900))
		faulty.Add(vfs.Fault{Op: vfs.OpSync, Match: log, N: 1, Err: syscall.EIO})
		if err := s.Append(entries(4, 6, 900)); !errors.Is(err, syscall.EIO) {
			t.Fatalf("append: %v", err)
		}
		mem.FailSync("/data/version-2/log.1", rand.New(rand.NewSource(seed)))
		must(t, s.Close())

		again, got, _ := mustOpen(t, memConfig(mem))
		if got.last < 3 || got.last > 6 {
			t.Fatalf("seed %d: recovered to %v", seed, got.last)
		}
		_, after, _ := mustOpen(t, memConfig(mem.Crash(nil)))
		after.holds(t, got.last)
		add(t, again, got, entries(got.last+1, got.last+2, 900))
		_, after, _ = mustOpen(t, memConfig(mem.Crash(nil)))
		after.holds(t, got.last)
	}
}

// TestOrderOfCalls holds the order of calls of a first append, a roll and a
// snapshot: a directory is synced after every creation and rename, the witness
// names a log before it exists, and nothing is acknowledged before a sync.
func TestOrderOfCalls(t *testing.T) {
	t.Parallel()
	faulty := vfs.NewFaulty(vfs.NewMem())
	s, st := start(t, memConfig(faulty))
	from := len(faulty.Trace())
	add(t, s, st, entries(1, 2, 10))
	add(t, s, st, entries(3, 3, 10))
	must(t, s.Roll())
	must(t, s.Snapshot(3, st))
	got := ""
	for _, c := range faulty.Trace()[from:] {
		got += c.String() + "\n"
	}
	const want = `create /data/version-2/zookit.witness
preallocate /data/version-2/zookit.witness
write /data/version-2/zookit.witness
sync /data/version-2/zookit.witness
syncdir /data/version-2
create /data/version-2/log.1
write /data/version-2/log.1
preallocate /data/version-2/log.1
sync /data/version-2/log.1
syncdir /data/version-2
write /data/version-2/log.1
sync /data/version-2/log.1
write /data/version-2/zookit.witness
write /data/version-2/log.1
sync /data/version-2/log.1
write /data/version-2/zookit.witness
truncate /data/version-2/log.1
create /data/version-2/tmp-snapshot.3
write /data/version-2/tmp-snapshot.3
write /data/version-2/tmp-snapshot.3
write /data/version-2/tmp-snapshot.3
write /data/version-2/tmp-snapshot.3
sync /data/version-2/tmp-snapshot.3
rename /data/version-2/snapshot.3
syncdir /data/version-2
`
	if got != want {
		t.Errorf("calls:\n%s", got)
	}
}

// TestDirectoryMadeBefore: the first start made the directory and ended before it
// could sync that. The second one syncs it before anything is in it, or a power cut
// would take all of it away.
func TestDirectoryMadeBefore(t *testing.T) {
	t.Parallel()
	mem := vfs.NewTrackedMem()
	if _, err := Open(memConfig(vfs.NewFaulty(mem, vfs.Fault{Op: vfs.OpSyncDir, N: 1, Sticky: true, Err: errPower}))); !errors.Is(err, errPower) {
		t.Fatalf("Open: %v", err)
	}
	s, st := start(t, memConfig(mem))
	must(t, s.Snapshot(0, st))
	add(t, s, st, entries(1, 9, 10))
	_, _, got, err := open(memConfig(mem.Crash(nil)))
	if err != nil || got.LastZxid != 9 {
		t.Errorf("after a power cut: %+v, %v", got, err)
	}
	must(t, s.Close())
}
