package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/vfs"
)

// TestReadApacheDirectories: reading finds what recovery finds, and leaves every
// file of a directory as Apache left it; recovery trims two of them.
func TestReadApacheDirectories(t *testing.T) {
	t.Parallel()
	for _, name := range apacheNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			want := unpack(t, fsys, name)
			cfg := memConfig(fsys)
			if name == "separate" {
				cfg.LogDir = filepath.Join(dataDir, "logs")
			}
			before := fingerprint(t, fsys)
			read := newState()
			got, err := Read(cfg, 0, read)
			must(t, err)
			if after := fingerprint(t, fsys); after != before {
				t.Errorf("the directory has changed:\n%s\n%s", before, after)
			}
			if got.LastZxid < want.Acked {
				t.Errorf("read to %v, Apache had acknowledged %v", got.LastZxid, want.Acked)
			}
			s, st, rec := mustOpen(t, cfg)
			defer s.Close()
			if rec.LastZxid != got.LastZxid || rec.Txns != got.Txns || rec.Snapshot != got.Snapshot || len(st.nodes) != len(read.nodes) {
				t.Errorf("read %+v with %d znodes, recovered %+v with %d", got, len(read.nodes), rec, len(st.nodes))
			}
		})
	}
}

// TestReadBesideAServer reads a directory again and again while a server
// appends, rolls, snapshots and purges. Every look finds a whole history, at
// least as long as what was acknowledged when it began.
func TestReadBesideAServer(t *testing.T) {
	t.Parallel()
	cfg := memConfig(vfs.NewMem())
	s, st := start(t, cfg)
	acked, done := make(chan protocol.Zxid, 1), make(chan error, 1)
	looking := make(chan struct{}, 1) // a look begins: files may be taken away under it, but not time and again
	acked <- 0
	go func() {
		done <- func() error {
			for z := protocol.Zxid(1); z <= 900; z += 3 {
				batch := entries(z, z+2, 300)
				if err := s.Append(batch); err != nil {
					return err
				}
				for _, e := range batch {
					st.nodes[fmt.Sprintf("/n%d", e.Zxid)] = ""
					st.last = e.Zxid
				}
				<-acked
				acked <- st.last
				if z%90 == 1 {
					<-looking
					if err := errors.Join(s.Roll(), s.Snapshot(st.last, st), s.Purge(3)); err != nil {
						return err
					}
				}
			}
			return nil
		}()
	}()
	for looks := 0; ; looks++ {
		select {
		case looking <- struct{}{}:
		default:
		}
		atLeast := <-acked
		acked <- atLeast
		read := newState()
		read.nodes[""] = ""
		got, err := Read(cfg, 0, read)
		if err != nil {
			t.Fatalf("look %d, from %v on: %v", looks, atLeast, err)
		}
		if got.LastZxid < atLeast {
			t.Fatalf("look %d: read to %v, %v had been acknowledged", looks, got.LastZxid, atLeast)
		}
		read.nodes[""] = ""
		read.holds(t, got.LastZxid)
		txns := 0
		if _, err := EachTxn(cfg, func(*txn.Txn) error { txns++; return nil }); err != nil || txns == 0 && atLeast > 0 {
			t.Fatalf("look %d: %d txns, %v", looks, txns, err)
		}
		if got.LastZxid == 900 {
			break
		}
	}
	must(t, <-done)
	must(t, s.Close())
}

// TestReadThrough makes the state at any zxid that a snapshot leads to, also
// when what comes later is damaged.
func TestReadThrough(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 30)
	at := records(t, fsys, "log.15")
	flip(t, fsys, "log.15", at[15]+20) // zxid 36
	before := fingerprint(t, fsys)

	read := newState()
	got, err := Read(cfg, 0, read)
	var damage *DamageError
	if !errors.As(err, &damage) || damage.FirstZxid != 36 || got.LastZxid != 35 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, through := range []protocol.Zxid{1, 20, 29, 30, 31, 35} {
		read := newState()
		got, err := Read(cfg, through, read)
		if err != nil {
			t.Fatalf("through %v: %v", through, err)
		}
		read.nodes[""] = ""
		read.holds(t, through)
		if got.LastZxid != through {
			t.Errorf("through %v: %+v", through, got)
		}
	}
	if after := fingerprint(t, fsys); after != before {
		t.Errorf("the directory has changed:\n%s\n%s", before, after)
	}
	must(t, fsys.Remove(inVersion("snapshot.0")))
	var dir *DirError
	if _, err := Read(cfg, 29, newState()); !errors.As(err, &dir) || !strings.Contains(err.Error(), "an older snapshot than snapshot.1e") {
		t.Errorf("before the oldest snapshot: %v", err)
	}
	whole := written(t, vfs.NewMem(), 30)
	if _, err := Read(whole, 46, newState()); !errors.As(err, &dir) || !strings.Contains(err.Error(), "ends at 0x2d") {
		t.Errorf("beyond the end: %v", err)
	}
}

// TestReadNothing: what is no data directory is refused, and is not made one.
func TestReadNothing(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	must(t, fsys.MkdirAll("/empty", 0o777))
	for _, dir := range []string{"/empty", "/missing"} {
		var refused *DirError
		if _, err := Read(Config{FS: fsys, DataDir: dir}, 0, newState()); !errors.As(err, &refused) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if list, err := fsys.ReadDir("/empty"); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestEachTxn goes through all logs; what is damaged is told and passed over.
func TestEachTxn(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 30)
	collect := func() (seen []protocol.Zxid, notes []string) {
		t.Helper()
		notes, err := EachTxn(cfg, func(x *txn.Txn) error { seen = append(seen, x.Zxid); return nil })
		must(t, err)
		return seen, notes
	}
	if seen, notes := collect(); len(seen) != 45 || !slices.IsSorted(seen) || len(notes) > 0 {
		t.Errorf("%v, %q", seen, notes)
	}
	at := records(t, fsys, "log.15")
	flip(t, fsys, "log.15", at[15]+20)
	seen, notes := collect()
	if len(seen) != 44 || slices.Contains(seen, 36) || len(notes) != 1 || notes[0] != "the transactions between 0x23 and 0x25 are missing (log.15)" {
		t.Errorf("%v, %q", seen, notes)
	}
	snaps, err := Snapshots(cfg)
	if err != nil || len(snaps) != 2 || snaps[1].Zxid != 30 || snaps[1].Path != inVersion("snapshot.1e") {
		t.Errorf("%+v, %v", snaps, err)
	}
	stop := errors.New("enough")
	if _, err := EachTxn(cfg, func(*txn.Txn) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}
