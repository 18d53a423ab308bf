package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/vfs"
)

const streamEnd = "the end"

// history is a tree with the txns 1 to last.
func history(last protocol.Zxid) *state {
	st := newState()
	for z := protocol.Zxid(1); z <= last; z++ {
		t, err := txn.Decode(entry(z, 3).Payload)
		if err != nil {
			panic(err)
		}
		st.Apply(t)
	}
	st.sessions[7], st.acls[3] = 4000, protocol.OpenACL
	st.last = last
	return st
}

func stream(t testing.TB, st *state) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	must(t, WriteSnapshotStream(&b, st, streamEnd))
	return &b
}

func TestSnapshotStream(t *testing.T) {
	t.Parallel()
	sent, got := history(40), newState()
	b := stream(t, sent)
	whole := bytes.Clone(b.Bytes())
	b.WriteString("next")
	got.Reset()
	must(t, ReadSnapshotStream(b, got, streamEnd))
	if b.String() != "next" {
		t.Errorf("%q is left of the stream", b.String())
	}
	if len(got.nodes) != 41 || got.sessions[7] != 4000 || len(got.acls) != 1 {
		t.Errorf("%d nodes, sessions %v, ACLs %v", len(got.nodes), got.sessions, got.acls)
	}
	for _, n := range []int{0, 3, 20, len(whole) / 2, len(whole) - 1} {
		if err := ReadSnapshotStream(bytes.NewReader(whole[:n]), newState(), streamEnd); err == nil {
			t.Errorf("%d of %d bytes are a whole snapshot", n, len(whole))
		}
	}
	if err := ReadSnapshotStream(bytes.NewReader(whole), newState(), "another"); err == nil {
		t.Error("another end is taken")
	}
}

// A bad stream changes nothing: the store goes on with what it has.
func TestInstallOfABadStream(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	s, st := start(t, memConfig(mem))
	add(t, s, st, entries(1, 5, 10))
	whole := stream(t, history(9)).Bytes()
	if err := s.InstallSnapshot(9, bytes.NewReader(whole[:len(whole)-20]), streamEnd); !errors.Is(err, ErrStream) {
		t.Fatalf("error %v, want ErrStream", err)
	}
	add(t, s, st, entries(6, 6, 10))
	must(t, s.Close())
	_, st, _ = mustOpen(t, memConfig(mem))
	st.holds(t, 6)
}

// Whenever the power goes, the directory holds the old history or the new one,
// and never a mixture; afterwards the new one alone.
func TestInstallPowerCut(t *testing.T) {
	t.Parallel()
	base := seed(t)
	for _, to := range []protocol.Zxid{4, 12, 30} { // before, at and behind the old snapshot and log
		for cut := 1; ; cut++ {
			done, err := installCut(base+int64(cut), to, cut)
			if err != nil {
				t.Fatalf("ZOOKIT_SEED=%d snapshot %v, cut at operation %d: %v", base, to, cut, err)
			}
			if done {
				break
			}
		}
	}
}

func installCut(seed int64, to protocol.Zxid, cut int) (done bool, err error) {
	rng := rand.New(rand.NewSource(seed))
	mem := vfs.NewTrackedMem()
	s, st, _, err := open(memConfig(mem))
	if err != nil {
		return false, err
	}
	if err := errors.Join(s.Snapshot(0, st), s.Append(entries(1, 12, 50)), s.Snapshot(12, history(12)), s.Roll(), s.Append(entries(13, 20, 50)), s.Close()); err != nil {
		return false, err
	}
	faulty := vfs.NewFaulty(mem, vfs.Fault{Op: vfs.OpAny, N: cut, Sticky: true, Short: rng.Intn(2) == 0, Err: errPower})
	var b bytes.Buffer
	if err := WriteSnapshotStream(&b, history(to), streamEnd); err != nil {
		return false, err
	}
	installed := false
	s, _, _, err = open(memConfig(faulty))
	if err == nil {
		if err = s.InstallSnapshot(to, &b, streamEnd); err == nil {
			installed = true
			st := newState()
			if _, err = s.Recover(st); err == nil {
				err = st.check(to)
			}
			if err == nil {
				err = s.Append(entries(to+1, to+2, 10))
			}
		}
	}
	done = err == nil
	if err != nil && !errors.Is(err, errPower) && !errors.Is(err, ErrFailed) {
		return false, err
	}
	after := mem.Crash(rng)
	s, st, rec, err := open(memConfig(after))
	if err != nil {
		return false, fmt.Errorf("installed %v: %w", installed, err)
	}
	if err := st.check(rec.LastZxid); err != nil {
		return false, err
	}
	if rec.LastZxid != 20 && (rec.LastZxid < to || rec.LastZxid > to+2) || installed && rec.LastZxid == 20 || done && rec.LastZxid != to+2 {
		return false, fmt.Errorf("installed %v, done %v, recovered to %v", installed, done, rec.LastZxid)
	}
	if rec.LastZxid != 20 {
		snaps, err := listFiles(after, s.snapDir, snapPrefix)
		if err != nil || len(snaps) != 1 || snaps[0].zxid != to {
			return false, fmt.Errorf("snapshots %v, %w", snaps, err)
		}
		logs, err := listFiles(after, s.logDir, logPrefix)
		if err != nil || slices.ContainsFunc(logs, func(l dataFile) bool { return l.zxid <= to }) {
			return false, fmt.Errorf("logs %v, %w", logs, err)
		}
	}
	return done, s.Close()
}

// What the logs hold is found and read while they grow; what they do not hold
// without a gap is not.
func TestLocateAndReadRange(t *testing.T) {
	t.Parallel()
	s, st := start(t, memConfig(vfs.NewMem()))
	e2 := protocol.MakeZxid(2, 0)
	must(t, s.InstallSnapshot(2, stream(t, history(2)), streamEnd))
	_, err := s.Recover(st)
	must(t, err)
	add(t, s, st, entries(3, 5, 10))
	must(t, s.Roll())
	add(t, s, st, entries(6, 9, 10))
	add(t, s, st, entries(e2+1, e2+3, 10))
	for _, tt := range []struct {
		zxid, floor protocol.Zxid
		found       bool
	}{
		{2, 2, true}, {1, 0, false}, {3, 3, true}, {5, 5, true}, {7, 7, true}, {12, 9, true}, {e2, 9, true}, {e2 + 2, e2 + 2, true}, {e2 + 9, e2 + 3, true},
	} {
		if floor, found, err := s.Locate(tt.zxid, 0.33); err != nil || found != tt.found || found && floor != tt.floor {
			t.Errorf("%v: at %v, %v, %v; want %v, %v", tt.zxid, floor, found, err, tt.floor, tt.found)
		}
	}
	if _, found, _ := s.Locate(7, -1); found {
		t.Error("found with a negative snapshotSizeFactor")
	}
	var got []string
	read := func(after, through protocol.Zxid) error {
		got = nil
		return s.ReadRange(after, through, func(z protocol.Zxid, payload []byte) error {
			if !bytes.Equal(payload, entry(z, 10).Payload) {
				return fmt.Errorf("payload of %v", z)
			}
			got = append(got, z.String())
			return nil
		})
	}
	if err := read(4, e2+1); err != nil || strings.Join(got, " ") != "0x5 0x6 0x7 0x8 0x9 0x200000001" {
		t.Errorf("read %v, %v", got, err)
	}
	if err := read(2, 3); err != nil || len(got) != 1 {
		t.Errorf("read %v, %v", got, err)
	}
	for _, r := range [][2]protocol.Zxid{{1, 5}, {7, e2 + 4}} {
		if err := read(r[0], r[1]); !errors.Is(err, ErrNotInLog) {
			t.Errorf("%v: %v, want ErrNotInLog", r, err)
		}
	}
}

// TestEndOfAnEpochDamaged: what the log that ends an epoch holds last cannot be
// read, and the snapshot makes up for it, so that the server starts. No learner is
// sent the logs over that place, where no zxid shows that some are missing.
func TestEndOfAnEpochDamaged(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := memConfig(fsys)
	s, st := start(t, cfg)
	must(t, s.Snapshot(0, st))
	e2 := protocol.MakeZxid(2, 0)
	add(t, s, st, entries(1, 9, 10))
	must(t, s.Snapshot(9, st))
	must(t, s.Roll())
	add(t, s, st, entries(e2+1, e2+3, 10))
	must(t, s.Close())
	whole := readFile(t, fsys, inVersion("log.1"))
	for name, damaged := range map[string]bool{"whole": false, "damaged": true} {
		putFile(t, fsys, inVersion("log.1"), whole)
		if damaged {
			flip(t, fsys, "log.1", records(t, fsys, "log.1")[5]+30)
		}
		s, _, got, err := open(cfg)
		must(t, err)
		if got.LastZxid != e2+3 || got.SnapshotZxid != 9 {
			t.Fatalf("%s: recovered %+v", name, got)
		}
		if floor, found, err := s.Locate(5, 0.33); found == damaged || err != nil {
			t.Errorf("%s: 0x5 is found: %v, %v, %v", name, found, floor, err)
		}
		if err := s.ReadRange(5, e2+3, func(protocol.Zxid, []byte) error { return nil }); errors.Is(err, ErrNotInLog) != damaged {
			t.Errorf("%s: read: %v", name, err)
		}
		if floor, found, err := s.Locate(e2+1, 0.33); !found || err != nil {
			t.Errorf("%s: the first of the next epoch is found: %v, %v, %v", name, found, floor, err)
		}
		must(t, s.Close())
	}
}
