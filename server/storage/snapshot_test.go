package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"syscall"
	"testing"

	"zookit/protocol"
	"zookit/server/vfs"
)

func writeSnapshotFile(t testing.TB, fsys vfs.FS, name string, src Source, method string) {
	t.Helper()
	ext, err := compressionExt(method)
	must(t, err)
	s := &Store{fs: fsys}
	must(t, s.writeSnapshot(inVersion(name), ext, src))
}

// rich is a state with everything a snapshot can hold.
func rich() *state {
	s := newState()
	s.sessions = map[protocol.SessionID]int32{0x100: 4000, -1: 30000}
	s.acls = map[int64][]protocol.ACL{1: protocol.ReadACL, 2: {{Perms: 31, Scheme: "digest", ID: "u:é"}, {Perms: 1, Scheme: "ip", ID: "::1"}}}
	for i := range 300 {
		p := fmt.Sprintf("/n%d", i)
		s.nodes[p] = strings.Repeat("x", i*37)
		s.stats[p] = protocol.StatPersisted{Czxid: 1, Mzxid: protocol.Zxid(i), Ctime: 3, Mtime: 4, Version: 5, Cversion: 6, Aversion: 7, EphemeralOwner: -8, Pzxid: 9}
	}
	s.nodes["/big"] = strings.Repeat("big", 1<<18)
	s.last, s.digest = 77, &SnapshotDigest{77, 2, 0xfedcba9876543210}
	return s
}

func TestSnapshotRoundTrip(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"", "gz", "snappy"} {
		for _, sections := range []string{"all", "no last", "tree"} {
			t.Run(method+"/"+sections, func(t *testing.T) {
				t.Parallel()
				fsys := vfs.NewMem()
				cfg := memConfig(fsys)
				cfg.Compression, cfg.NoLastProcessedZxid, cfg.NoDigest = method, sections == "no last", sections == "tree"
				s, st := start(t, cfg)
				add(t, s, st, entries(1, 70, 0))
				want := rich()
				must(t, s.Snapshot(70, want))
				must(t, s.Close())
				ext, _ := compressionExt(method)
				got := newState()
				info, err := ReadSnapshot(fsys, inVersion("snapshot.46"+ext), got)
				must(t, err)
				want.nodes[""] = got.nodes[""]
				if fmt.Sprint(got.nodes, got.sessions, got.acls) != fmt.Sprint(want.nodes, want.sessions, want.acls) {
					t.Error("the content differs")
				}
				for p, st := range want.stats {
					if got.stats[p] != st {
						t.Fatalf("%s: %+v, want %+v", p, got.stats[p], st)
					}
				}
				wantLast, wantCovered := protocol.Zxid(77), protocol.Zxid(77)
				if sections != "all" {
					wantLast = -1
				}
				if sections == "tree" {
					wantCovered = 0
				} else if info.Digest == nil || *info.Digest != *want.digest {
					t.Errorf("digest %v", info.Digest)
				}
				if info.LastProcessed != wantLast || info.Covered != wantCovered || int(info.Nodes) != len(want.nodes) {
					t.Errorf("info %+v", info)
				}
			})
		}
	}
}

// TestSnapshotDamage: no changed bit and no missing byte goes unnoticed,
// except where the absence of the last sections is valid, and where a
// compressed form has another encoding of the same content.
func TestSnapshotDamage(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	must(t, fsys.MkdirAll(inVersion(""), 0o777))
	st := newState()
	st.sessions[5], st.acls[1] = 4000, protocol.ReadACL
	st.nodes["/a"], st.last, st.digest = "data", 9, &SnapshotDigest{9, 2, 99}
	for _, name := range []string{"snapshot.5", "snapshot.5.gz", "snapshot.5.snappy"} {
		method := strings.TrimPrefix(compressionOf(name), ".")
		writeSnapshotFile(t, fsys, name, st, method)
		b := readFile(t, fsys, inVersion(name))
		var got *state
		read := func(content []byte) error {
			putFile(t, fsys, inVersion(name), content)
			got = newState()
			_, err := ReadSnapshot(fsys, inVersion(name), got)
			return err
		}
		must(t, read(b))
		valid := map[int]bool{len(b) - lastLen - sealLen: true, len(b) - lastLen - 2*sealLen - 20: true}
		for n := range b {
			if err := read(b[:n]); (err == nil) && !(method == "" && valid[n]) {
				t.Errorf("%s: %d of %d bytes were taken for a whole snapshot", name, n, len(b))
			}
		}
		for bit := range 8 * len(b) {
			c := bytes.Clone(b)
			c[bit/8] ^= 1 << (bit % 8)
			err := read(c)
			if err == nil && (method == "" || fmt.Sprint(got.nodes, got.sessions, got.acls) != fmt.Sprint(st.nodes, st.sessions, st.acls)) {
				t.Errorf("%s: bit %d was not noticed", name, bit)
			} else if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: bit %d: %v", name, bit, err)
			}
		}
	}
}

func TestSnapshotFailureLeavesTheStore(t *testing.T) {
	t.Parallel()
	for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpSyncDir} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			mem := vfs.NewMem()
			faulty := vfs.NewFaulty(mem)
			cfg := memConfig(faulty)
			s, st := start(t, cfg)
			add(t, s, st, entries(1, 3, 10))
			faulty.Add(vfs.Fault{Op: op, N: 1, Err: syscall.ENOSPC, Short: true})
			if err := s.Snapshot(3, st); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("snapshot: %v", err)
			}
			add(t, s, st, entries(4, 5, 10))
			must(t, s.Snapshot(5, st))
			must(t, s.Close())
			_, st, _ = mustOpen(t, memConfig(mem))
			st.holds(t, 5)
			for _, n := range names(t, mem, inVersion("")) {
				if strings.HasPrefix(n, tmpPrefix) {
					t.Errorf("%s is left", n)
				}
			}
		})
	}
}

// unruly is a Source that breaks the order of calls.
type unruly func(w *SnapshotWriter) error

func (u unruly) WriteSnapshot(w *SnapshotWriter) error { return u(w) }

func TestSnapshotWriterChecksItsSource(t *testing.T) {
	t.Parallel()
	s, _ := start(t, memConfig(vfs.NewMem()))
	if err := s.Snapshot(1, newState()); err == nil {
		t.Error("a snapshot beyond the log was accepted")
	}
	var st protocol.StatPersisted
	for name, u := range map[string]unruly{
		"nothing": func(w *SnapshotWriter) error { return nil },
		"no end": func(w *SnapshotWriter) error {
			w.BeginSessions(0)
			w.BeginACLs(0)
			w.Node("", nil, -1, st)
			w.EndNodes()
			return nil
		},
		"missing":  func(w *SnapshotWriter) error { w.BeginSessions(1); w.BeginACLs(0); return w.Err() },
		"too many": func(w *SnapshotWriter) error { w.BeginSessions(0); w.Session(1, 2); return w.Err() },
		"root missing": func(w *SnapshotWriter) error {
			w.BeginSessions(0)
			w.BeginACLs(0)
			w.Node("/a", nil, -1, st)
			return w.Err()
		},
		"own error": func(w *SnapshotWriter) error { return os.ErrPermission },
	} {
		if err := s.Snapshot(0, u); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if got := names(t, s.fs, inVersion("")); fmt.Sprint(got) != "[snapshot.0 zookit.lock]" {
		t.Errorf("left behind: %v", got)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T) (*Store, *state, *vfs.Mem) {
		fsys := vfs.NewMem()
		s, st := start(t, memConfig(fsys))
		for i := protocol.Zxid(1); i <= 6; i++ { // log.1, snapshot.a, log.b, snapshot.14, …
			add(t, s, st, entries(i*10-9, i*10, 5))
			must(t, s.Roll())
			must(t, s.Snapshot(i*10, st))
		}
		putFile(t, fsys, inVersion("trimmed-log.1-99"), []byte("x"))
		return s, st, fsys
	}
	data := func(t *testing.T, fsys vfs.FS) string {
		var out []string
		for _, n := range names(t, fsys, inVersion("")) {
			if n != witnessName && n != lockName {
				out = append(out, n)
			}
		}
		return strings.Join(out, " ")
	}
	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		mem := vfs.NewTrackedMem()
		s, st := start(t, memConfig(mem))
		for i := protocol.Zxid(1); i <= 6; i++ {
			add(t, s, st, entries(i*10-9, i*10, 5))
			must(t, s.Roll())
			must(t, s.Snapshot(i*10, st))
		}
		must(t, s.Purge(3))
		for seed := range int64(50) {
			after := mem.Crash(rand.New(rand.NewSource(seed)))
			for _, n := range names(t, after, inVersion("")) {
				switch n {
				case "log.1", "log.b", "log.15", "snapshot.0", "snapshot.a", "snapshot.14", "snapshot.1e":
					t.Fatalf("a power cut after it brings %s back", n)
				}
			}
		}
	})
	t.Run("leaves no snapshot without the logs behind it", func(t *testing.T) {
		t.Parallel()
		for cut := 1; ; cut++ {
			mem := vfs.NewTrackedMem()
			faulty := vfs.NewFaulty(mem)
			s, st := start(t, memConfig(faulty))
			for e := range int64(4) { // an epoch each
				first := protocol.MakeZxid(e+1, 1)
				add(t, s, st, entries(first, first+4, 5))
				must(t, s.Roll())
				must(t, s.Snapshot(first+4, st))
			}
			faulty.Add(vfs.Fault{Op: vfs.OpAny, N: cut, Sticky: true, Err: errPower})
			done := s.Purge(1) == nil
			for seed := range int64(20) {
				after := mem.Crash(rand.New(rand.NewSource(seed)))
				flip(t, after, fmt.Sprintf("snapshot.%x", int64(protocol.MakeZxid(4, 5))), 60)
				if s, st, _, err := open(memConfig(after)); err == nil {
					if len(st.nodes) != 21 {
						t.Fatalf("purge ends at call %d, then the newest snapshot is damaged: %d znodes of 20", cut, len(st.nodes)-1)
					}
					must(t, s.Close())
				}
			}
			if done {
				return
			}
		}
	})
	t.Run("zk-2574 keeps the newest and the log below", func(t *testing.T) {
		t.Parallel()
		s, _, fsys := build(t)
		must(t, s.Purge(3))
		if got, want := data(t, fsys), "log.1f log.29 log.33 snapshot.28 snapshot.32 snapshot.3c"; got != want {
			t.Errorf("left %s, want %s", got, want)
		}
		must(t, s.Close())
		must(t, fsys.Remove(inVersion("snapshot.3c")))
		must(t, fsys.Remove(inVersion("snapshot.32")))
		_, st, _ := mustOpen(t, memConfig(fsys))
		st.holds(t, 60)
	})
	t.Run("zk-3231 counts whole snapshots alone", func(t *testing.T) {
		t.Parallel()
		s, _, fsys := build(t)
		must(t, s.Close())
		for _, n := range []string{"snapshot.32", "snapshot.3c"} {
			flip(t, fsys, n, 60)
		}
		s, st, _ := mustOpen(t, memConfig(fsys))
		st.holds(t, 60)
		must(t, s.Purge(2))
		if got, want := data(t, fsys), "log.15 log.1f log.29 log.33 snapshot.1e snapshot.28 snapshot.32 snapshot.3c"; got != want {
			t.Errorf("left %s, want %s", got, want)
		}
		must(t, s.Close())
		_, st, _ = mustOpen(t, memConfig(fsys))
		st.holds(t, 60)
	})
	t.Run("with too few snapshots removes nothing", func(t *testing.T) {
		t.Parallel()
		s, _, fsys := build(t)
		before := data(t, fsys)
		must(t, s.Purge(8))
		if got := data(t, fsys); got != before {
			t.Errorf("left %s", got)
		}
		if s.Purge(0) == nil {
			t.Error("keeping none was accepted")
		}
	})
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	for _, to := range []protocol.Zxid{45, 43, 41, 40, 39, 21, 20, 1} {
		t.Run(fmt.Sprint(int64(to)), func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			cfg := written(t, fsys, 30)
			s, _, _ := mustOpen(t, cfg)
			must(t, s.Truncate(to))
			if err := s.Append(entries(to+1, to+1, 1)); err == nil {
				t.Fatal("append before Recover")
			}
			st := newState()
			_, err := s.Recover(st)
			must(t, err)
			st.nodes[""] = ""
			st.holds(t, to)
			add(t, s, st, entries(to+1, to+5, 3))
			must(t, s.Close())
			_, st, _ = mustOpen(t, cfg)
			st.holds(t, to+5)
		})
	}
	t.Run("a purge was cut short", func(t *testing.T) {
		t.Parallel()
		// snapshot.0 is left without the first log behind it.
		fsys := vfs.NewMem()
		cfg := written(t, fsys, 30)
		must(t, fsys.Remove(inVersion("log.1")))
		s, _, _ := mustOpen(t, cfg)
		if err := s.Truncate(29); !errors.Is(err, ErrTruncate) {
			t.Errorf("truncated to what no snapshot leads to: %v", err)
		}
		must(t, s.Append(entries(46, 47, 1))) // nothing has happened
		must(t, s.Close())
		_, st, _ := mustOpen(t, cfg)
		st.holds(t, 47)
	})
	t.Run("not that far back", func(t *testing.T) {
		t.Parallel()
		fsys := vfs.NewMem()
		cfg := written(t, fsys, 30)
		must(t, fsys.Remove(inVersion("snapshot.0")))
		s, _, _ := mustOpen(t, cfg)
		for _, to := range []protocol.Zxid{29, 46} {
			if err := s.Truncate(to); !errors.Is(err, ErrTruncate) {
				t.Errorf("to %v: %v", to, err)
			}
		}
		must(t, s.Append(entries(46, 47, 1))) // nothing has happened
	})
}
