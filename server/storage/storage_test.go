package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/vfs"
)

// state is a tree small enough to trust: the created paths with their data.
// Every txn of these tests creates /n<zxid>, so a history without a hole is
// easily told.
type state struct {
	nodes    map[string]string
	stats    map[string]protocol.StatPersisted
	sessions map[protocol.SessionID]int32
	acls     map[int64][]protocol.ACL
	last     protocol.Zxid
	digest   *SnapshotDigest
	applied  []protocol.Zxid
	resets   int
}

func newState() *state {
	s := new(state)
	s.Reset()
	s.nodes[""] = ""
	return s
}

func (s *state) Reset() {
	*s = state{nodes: make(map[string]string), stats: make(map[string]protocol.StatPersisted),
		sessions: make(map[protocol.SessionID]int32), acls: make(map[int64][]protocol.ACL), resets: s.resets + 1}
}

func (s *state) RestoreSession(id protocol.SessionID, timeoutMs int32) { s.sessions[id] = timeoutMs }
func (s *state) RestoreACL(key int64, acl []protocol.ACL)              { s.acls[key] = acl }
func (s *state) RestoreNode(path string, data []byte, aclKey int64, st protocol.StatPersisted) error {
	path = strings.Clone(path)
	s.nodes[path], s.stats[path] = string(data), st
	return nil
}

func (s *state) EndSnapshot(zxid protocol.Zxid, digest *SnapshotDigest) error {
	s.last, s.digest = zxid, digest
	return nil
}

func (s *state) Apply(t *txn.Txn) {
	switch b := t.Body.(type) {
	case *txn.Create:
		s.nodes[b.Path] = string(b.Data)
	case *txn.CreateSession:
		s.sessions[t.Session] = b.TimeoutMs
	case *txn.CloseSession:
		delete(s.sessions, t.Session)
	}
	s.last = t.Zxid
	s.applied = append(s.applied, t.Zxid)
}

func (s *state) WriteSnapshot(w *SnapshotWriter) error {
	w.BeginSessions(len(s.sessions))
	for id, timeout := range s.sessions {
		w.Session(id, timeout)
	}
	w.BeginACLs(len(s.acls))
	for key, acl := range s.acls {
		w.ACL(key, acl)
	}
	paths := make([]string, 0, len(s.nodes))
	for p := range s.nodes {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, p := range paths {
		w.Node(p, []byte(s.nodes[p]), OpenACLKey, s.stats[p])
	}
	w.EndNodes()
	return w.Finish(s.last, s.digest)
}

// entry is the txn that creates /n<zxid>, with size bytes of data.
func entry(z protocol.Zxid, size int) Entry {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(int(z) + i*7 + 1)
	}
	t := txn.Txn{
		Header: txn.Header{Session: 0x100, Cxid: 1, Zxid: z, TimeMs: 1700000000000, Type: protocol.OpCreate},
		Body:   &txn.Create{Path: fmt.Sprintf("/n%d", z), Data: data, ACL: protocol.OpenACL, ParentCversion: int32(z)},
		Digest: &txn.Digest{Version: txn.DigestVersion, Tree: uint64(z)},
	}
	return Entry{z, t.AppendTo(nil)}
}

func entries(from, to protocol.Zxid, size int) []Entry {
	var list []Entry
	for z := from; z <= to; z++ {
		list = append(list, entry(z, size))
	}
	return list
}

// holds fails unless the state is that after the txns 1 to last exactly.
func (s *state) holds(t *testing.T, last protocol.Zxid) {
	t.Helper()
	if err := s.check(last); err != nil {
		t.Fatal(err)
	}
}

func (s *state) check(last protocol.Zxid) error {
	if s.last != last {
		return fmt.Errorf("recovered to %v, want %v", s.last, last)
	}
	if len(s.nodes) != int(last)+1 {
		return fmt.Errorf("%d nodes at %v", len(s.nodes)-1, last)
	}
	for z := protocol.Zxid(1); z <= last; z++ {
		if _, ok := s.nodes[fmt.Sprintf("/n%d", z)]; !ok {
			return fmt.Errorf("/n%d is missing of %d", z, last)
		}
	}
	return nil
}

const dataDir = "/data"

func memConfig(fsys vfs.FS) Config { return Config{FS: fsys, DataDir: dataDir} }

// open opens and recovers.
func open(cfg Config) (*Store, *state, Recovered, error) {
	s, err := Open(cfg)
	if err != nil {
		return nil, nil, Recovered{}, err
	}
	st := newState()
	rec, err := s.Recover(st)
	if err != nil {
		s.Close()
		return nil, nil, rec, err
	}
	st.nodes[""] = ""
	return s, st, rec, nil
}

func mustOpen(t testing.TB, cfg Config) (*Store, *state, Recovered) {
	t.Helper()
	s, st, rec, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, st, rec
}

// start is mustOpen of an empty directory with the first snapshot, as a server
// begins.
func start(t testing.TB, cfg Config) (*Store, *state) {
	t.Helper()
	s, st, rec := mustOpen(t, cfg)
	if !rec.Fresh {
		t.Fatalf("not fresh: %+v", rec)
	}
	must(t, s.Snapshot(0, st))
	return s, st
}

// add appends txns in one batch and applies them.
func add(t testing.TB, s *Store, st *state, batch []Entry) {
	t.Helper()
	must(t, s.Append(batch))
	apply(t, st, batch)
}

func apply(t testing.TB, st *state, batch []Entry) {
	t.Helper()
	for _, e := range batch {
		x, err := txn.Decode(e.Payload)
		must(t, err)
		st.Apply(x)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, fsys vfs.FS, path string) []byte {
	t.Helper()
	f, err := fsys.Open(path, os.O_RDONLY, 0)
	must(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	must(t, err)
	return b
}

func putFile(t testing.TB, fsys vfs.FS, path string, content []byte) {
	t.Helper()
	must(t, fsys.MkdirAll(filepath.Dir(path), 0o777))
	f, err := fsys.Open(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	must(t, err)
	_, err = f.Write(content)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

func inVersion(name string) string { return filepath.Join(dataDir, versionDir, name) }

func names(t testing.TB, fsys vfs.FS, dir string) []string {
	t.Helper()
	list, err := fsys.ReadDir(dir)
	must(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func TestAppendAndRecover(t *testing.T) {
	t.Parallel()
	for _, separate := range []bool{false, true} {
		for _, kind := range []string{"mem", "os"} {
			t.Run(fmt.Sprintf("%s/separate=%v", kind, separate), func(t *testing.T) {
				t.Parallel()
				cfg := memConfig(vfs.NewMem())
				if kind == "os" {
					cfg = Config{DataDir: t.TempDir()}
				}
				if separate {
					cfg.LogDir = filepath.Join(cfg.DataDir, "logs")
				}
				appendAndRecover(t, cfg)
			})
		}
	}
}

func appendAndRecover(t *testing.T, cfg Config) {
	s, st := start(t, cfg)
	add(t, s, st, entries(1, 10, 50))
	add(t, s, st, entries(11, 11, 0))
	must(t, s.Roll())
	add(t, s, st, entries(12, 20, 3000))
	must(t, s.Snapshot(20, st))
	add(t, s, st, entries(21, 25, 10))
	if _, err := Open(cfg); !errors.Is(err, ErrInUse) {
		t.Fatalf("a second server on the directory: %v", err)
	}
	must(t, s.Close())
	must(t, s.Close())

	s, got, rec := mustOpen(t, cfg)
	got.holds(t, 25)
	if rec.LastZxid != 25 || rec.SnapshotZxid != 20 || rec.Txns != 5 || rec.Fresh || rec.WantSnapshot {
		t.Errorf("recovered %+v", rec)
	}
	if s.LastZxid() != 25 || s.LastSnapshot() != 20 {
		t.Errorf("last %v, last snapshot %v", s.LastZxid(), s.LastSnapshot())
	}
	add(t, s, got, entries(26, 30, 10))
	must(t, s.Close())
	s, got, _ = mustOpen(t, cfg)
	got.holds(t, 30)
	data, log, err := s.Sizes()
	must(t, err)
	if data <= 0 || log <= 0 {
		t.Errorf("sizes %d, %d", data, log)
	}
	must(t, s.Close())
}

// TestLogBytes holds the log to Apache's format byte by byte.
func TestLogBytes(t *testing.T) {
	t.Parallel()
	m := vfs.NewMem()
	s, _ := start(t, memConfig(m))
	e := entry(1, 3)
	must(t, s.Append([]Entry{e}))
	b := readFile(t, m, inVersion("log.1"))
	want := []byte("ZKLG\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00")
	want = appendRecord(want, e.Payload)
	if !bytes.Equal(b[:len(want)], want) {
		t.Errorf("log begins\n%x, want\n%x", b[:len(want)], want)
	}
	if len(b) < len(want)+keepAhead || len(bytes.TrimRight(b, "\x00")) != len(want) {
		t.Errorf("behind the record: %d bytes, not all zero", len(b)-len(want))
	}
	must(t, s.Close())
	if b := readFile(t, m, inVersion("log.1")); !bytes.Equal(b, want) {
		t.Errorf("after Close the log has %d bytes, want %d", len(b), len(want))
	}
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	big := entry(3, 3000)
	for name, batch := range map[string][]Entry{
		"gap":          {entry(4, 1)},
		"repetition":   {entry(2, 1)},
		"gap inside":   {entry(3, 1), entry(5, 1)},
		"too large":    {big},
		"too short":    {{3, []byte("short")}},
		"other zxid":   {{3, entry(4, 1).Payload}},
		"epoch from 2": {entry(protocol.MakeZxid(1, 2), 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := memConfig(vfs.NewMem())
			cfg.MaxRecordBytes = 2000
			s, st := start(t, cfg)
			add(t, s, st, entries(1, 2, 1))
			if err := s.Append(batch); err == nil || errors.Is(err, ErrFailed) {
				t.Fatalf("append: %v", err)
			}
			if err := s.Append([]Entry{entry(3, 1)}); !errors.Is(err, ErrFailed) {
				t.Fatalf("append after a failure: %v", err)
			}
			must(t, s.Close())
			_, st, _ = mustOpen(t, cfg)
			st.holds(t, 2)
		})
	}
}

// TestBatchBounds: a batch beyond the limits is synced in parts.
func TestBatchBounds(t *testing.T) {
	t.Parallel()
	cfg := memConfig(vfs.NewMem())
	s, st := start(t, cfg)
	add(t, s, st, entries(1, MaxBatchRecords+1, 0))
	if got := s.Stats(); got.Syncs != 2 || got.Records != MaxBatchRecords+1 {
		t.Errorf("many records: %+v", got)
	}
	add(t, s, st, entries(MaxBatchRecords+2, MaxBatchRecords+4, MaxBatchBytes*2/5))
	add(t, s, st, entries(MaxBatchRecords+5, MaxBatchRecords+5, MaxBatchBytes*3/2))
	if got := s.Stats(); got.Syncs != 5 {
		t.Errorf("large records: %+v", got)
	}
	must(t, s.Close())
	_, st, _ = mustOpen(t, cfg)
	st.holds(t, MaxBatchRecords+5)
}

func TestLogSizeLimit(t *testing.T) {
	t.Parallel()
	cfg := memConfig(vfs.NewMem())
	cfg.TxnLogSizeLimitKB = 1
	s, st := start(t, cfg)
	for z := protocol.Zxid(1); z <= 6; z++ {
		add(t, s, st, entries(z, z, 600))
	}
	must(t, s.Close())
	logs, err := listFiles(cfg.FS, inVersion(""), logPrefix)
	must(t, err)
	if len(logs) != 3 {
		t.Errorf("logs: %v", logs)
	}
	_, st, _ = mustOpen(t, cfg)
	st.holds(t, 6)
}

func TestEpochChange(t *testing.T) {
	t.Parallel()
	cfg := memConfig(vfs.NewMem())
	s, st := start(t, cfg)
	must(t, s.SetAcceptedEpoch(0))
	must(t, s.SetCurrentEpoch(0))
	add(t, s, st, entries(1, 3, 1))
	must(t, s.SetAcceptedEpoch(7))
	must(t, s.SetCurrentEpoch(7))
	add(t, s, st, []Entry{entry(protocol.MakeZxid(7, 1), 1), entry(protocol.MakeZxid(7, 2), 1)})
	must(t, s.Close())
	_, _, rec := mustOpen(t, cfg)
	if rec.LastZxid != protocol.MakeZxid(7, 2) || rec.AcceptedEpoch != 7 || rec.CurrentEpoch != 7 || rec.EpochBehind || rec.Txns != 5 {
		t.Errorf("recovered %+v", rec)
	}
	if got := string(readFile(t, cfg.FS, inVersion("currentEpoch"))); got != "7" {
		t.Errorf("currentEpoch %q", got)
	}
}

// TestZK1653CurrentEpochBehind: a crash between the log and currentEpoch, at which
// Apache does not start (ZOOKEEPER-1653), starts here and says so; one between
// the temporary file and the rename is finished.
func TestZK1653CurrentEpochBehind(t *testing.T) {
	t.Parallel()
	for _, tmp := range []string{"", "5", "2", "junk"} {
		t.Run("tmp="+tmp, func(t *testing.T) {
			t.Parallel()
			mem := vfs.NewTrackedMem()
			cfg := memConfig(mem)
			s, st := start(t, cfg)
			add(t, s, st, []Entry{entry(protocol.MakeZxid(5, 1), 1)})
			must(t, s.Close())
			putFile(t, cfg.FS, inVersion("currentEpoch"), []byte("4"))
			putFile(t, cfg.FS, inVersion("acceptedEpoch"), []byte("5"))
			if tmp != "" {
				f, err := mem.Open(inVersion("currentEpoch.tmp"), os.O_RDWR|os.O_CREATE, 0o600)
				must(t, err)
				_, err = f.Write([]byte(tmp)) // and no sync
				must(t, err)
				must(t, f.Close())
			}
			_, _, rec := mustOpen(t, cfg)
			want := int64(4)
			if tmp == "5" {
				want = 5
			}
			if rec.CurrentEpoch != want || rec.EpochBehind != (want == 4) || rec.LastZxid != protocol.MakeZxid(5, 1) {
				t.Errorf("recovered %+v", rec)
			}
			if tmp != "5" {
				return
			}
			// The temporary file may never have been synced: what was adopted is.
			if got := string(readFile(t, mem.Crash(nil), inVersion("currentEpoch"))); got != "5" {
				t.Errorf("currentEpoch is %q after a power cut", got)
			}
		})
	}
}

func TestDirectoriesMixedUp(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"log in dataDir": "/data/version-2/log.1", "snapshot in dataLogDir": "/logs/version-2/snapshot.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := memConfig(vfs.NewMem())
			cfg.LogDir = "/logs"
			putFile(t, cfg.FS, path, []byte("x"))
			var de *DirError
			if _, err := Open(cfg); !errors.As(err, &de) || !strings.Contains(err.Error(), "dataLogDir and dataDir") {
				t.Errorf("open: %v", err)
			}
		})
	}
}

func TestAutoCreate(t *testing.T) {
	t.Parallel()
	cfg := memConfig(vfs.NewMem())
	cfg.NoAutoCreateDirs = true
	var de *DirError
	if _, err := Open(cfg); !errors.As(err, &de) {
		t.Fatalf("missing directory: %v", err)
	}
	cfg.NoAutoCreateDirs, cfg.NoAutoCreateDB = false, true
	s, _, rec := mustOpen(t, cfg)
	if rec.LastZxid != -1 || !rec.Fresh {
		t.Errorf("without initialize: %+v", rec)
	}
	must(t, s.Close())
	served := cfg // a standalone server counts from 0 all the same
	served.DataDir = "/served"
	s, st, _ := mustOpen(t, served)
	must(t, s.Snapshot(0, st))
	add(t, s, st, entries(1, 2, 1))
	must(t, s.Close())
	_, st, _ = mustOpen(t, served)
	st.holds(t, 2)
	putFile(t, cfg.FS, "/data/initialize", nil)
	s, _, rec = mustOpen(t, cfg)
	if rec.LastZxid != 0 || !rec.Fresh {
		t.Errorf("with initialize: %+v", rec)
	}
	if _, err := cfg.FS.Stat("/data/initialize"); !os.IsNotExist(err) {
		t.Errorf("initialize was not consumed (%v)", err)
	}
	must(t, s.Close())
}

// testLogger collects messages.
type testLogger struct{ bytes.Buffer }

func (l *testLogger) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
