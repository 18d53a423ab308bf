package storage

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/vfs"
)

// A damaged history is replaced by a leader's: what was there is set aside, the
// quarantine outlives restarts until it is ended, and a second one has another
// place.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 30)
	flip(t, fsys, "log.29", records(t, fsys, "log.29")[1])
	logs := begin(t, fsys, "", "log.")

	s, err := Open(cfg)
	must(t, err)
	st := newState()
	var damage *DamageError
	if _, err = s.Recover(st); !errors.As(err, &damage) {
		t.Fatalf("Recover: %v", err)
	}
	must(t, s.Quarantine(damage.Error()+"\nand a second line", damage.LastZxid, 1_700_000_000_123))
	q := s.Quarantined()
	if q == nil || q.Seen != 45 || q.Aside != "damaged-20231114T221320Z" || strings.Contains(q.Why, "\n") || !strings.Contains(q.Why, "log.29 is damaged at offset") {
		t.Fatalf("quarantine %+v", q)
	}
	if err := s.Append(entries(46, 46, 1)); err == nil {
		t.Error("Append to a history that must not be used")
	}
	must(t, s.SetAcceptedEpoch(7))
	must(t, s.Close())

	// A restart finds the same; the mark is no reason to refuse, the damage is.
	s, err = Open(cfg)
	must(t, err)
	if _, err = s.Recover(newState()); !errors.As(err, &damage) {
		t.Fatalf("Recover after a restart: %v", err)
	}
	must(t, s.Quarantine("again", 3, 1_700_000_000_999))
	if q = s.Quarantined(); q.Seen != 45 || q.Why != "again" {
		t.Errorf("quarantine %+v", q)
	}

	must(t, s.InstallSnapshot(60, stream(t, history(60)), streamEnd))
	st = newState()
	got, err := s.Recover(st)
	must(t, err)
	if got.LastZxid != 60 || s.Quarantined() == nil {
		t.Fatalf("recovered %+v, quarantine %+v", got, s.Quarantined())
	}
	aside := begin(t, fsys, q.Aside, "log.")
	if !slices.Equal(aside, logs) || len(begin(t, fsys, "", "log.")) != 0 || len(begin(t, fsys, q.Aside, "snapshot.")) != 2 {
		t.Errorf("set aside %q of %q", aside, logs)
	}
	must(t, s.Append(entries(61, 61, 1)))
	must(t, s.Close())

	s, err = Open(cfg)
	must(t, err)
	got, err = s.Recover(newState())
	if err != nil || got.LastZxid != 61 || s.Quarantined() == nil {
		t.Fatalf("after a restart: %+v, %v, quarantine %+v", got, err, s.Quarantined())
	}
	must(t, s.EndQuarantine())
	must(t, s.Append(entries(62, 62, 1)))
	must(t, s.Quarantine("the digests differ", 62, 1_700_000_000_500))
	if second := s.Quarantined(); second.Aside != q.Aside+"-2" {
		t.Errorf("the second one is set aside in %q", second.Aside)
	}
	must(t, s.Close())
}

// begin are the files of a directory in version-2 whose names begin so.
func begin(t *testing.T, fsys vfs.FS, dir, prefix string) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, fsys, inVersion(dir)), func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// An empty server has nothing to set aside: the snapshot of its empty tree goes,
// and no directory for damaged files is made, over a restart too.
func TestQuarantineOfNothing(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		fsys := vfs.NewMem()
		s, st := start(t, memConfig(fsys))
		must(t, s.Snapshot(0, st))
		must(t, s.SetAcceptedEpoch(0))
		must(t, s.Quarantine("there is no data here, and server 3 has some", 0, 1_700_000_000_000))
		if restart {
			must(t, s.Close())
			var err error
			s, err = Open(memConfig(fsys))
			must(t, err)
			_, err = s.Recover(newState())
			must(t, err)
		}
		if q := s.Quarantined(); q == nil || q.Aside != "" || q.Seen != 0 {
			t.Fatalf("%s: quarantine %+v", name, q)
		}
		must(t, s.InstallSnapshot(60, stream(t, history(60)), streamEnd))
		got, err := s.Recover(newState())
		must(t, err)
		if got.LastZxid != 60 || s.Quarantined() == nil {
			t.Errorf("%s: recovered %+v, quarantine %+v", name, got, s.Quarantined())
		}
		must(t, s.EndQuarantine())
		must(t, s.Close())
		if aside, left := begin(t, fsys, "", damagedPrefix), begin(t, fsys, "", snapPrefix); len(aside) > 0 || !slices.Equal(left, []string{"snapshot.3c"}) {
			t.Errorf("%s: set aside %q, snapshots %q", name, aside, left)
		}
	}
}

// Epoch files and a leader's snapshot that cannot be read are out of the way at
// once, and kept. What was accepted is known from the other epoch, and stays.
func TestQuarantineOfEpochs(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 30)
	putFile(t, fsys, inVersion("acceptedEpoch"), []byte("x"))
	putFile(t, fsys, inVersion("currentEpoch"), []byte("3"))
	putFile(t, fsys, inVersion("install-snapshot.99"), []byte("no snapshot"))
	s, err := Open(cfg)
	must(t, err)
	defer s.Close()
	if _, err := s.Recover(newState()); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("Recover: %v", err)
	}
	must(t, s.Quarantine("why", 0, 0))
	if a, c := s.Epochs(); a != 3 || c != 3 {
		t.Errorf("epochs %d, %d", a, c)
	}
	for _, name := range []string{"acceptedEpoch", "install-snapshot.99"} {
		if _, err := fsys.Stat(inVersion(name)); name != "acceptedEpoch" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := fsys.Stat(inVersion(filepath.Join(s.Quarantined().Aside, name))); err != nil {
			t.Error(err)
		}
	}
}

// Whatever it is that cannot be read: how far the history went is told by what
// can be, so that nobody who has less is voted for.
func TestQuarantineTellsHowFar(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(t *testing.T, f vfs.FS){
		"an epoch file": func(t *testing.T, f vfs.FS) { putFile(t, f, inVersion("acceptedEpoch"), []byte("x")) },
		"all snapshots": func(t *testing.T, f vfs.FS) {
			flip(t, f, "snapshot.0", 0)
			flip(t, f, "snapshot.1e", 0)
		},
		"no snapshot is left": func(t *testing.T, f vfs.FS) {
			must(t, f.Remove(inVersion("snapshot.0")))
			must(t, f.Remove(inVersion("snapshot.1e")))
		},
		"the middle of an older log": func(t *testing.T, f vfs.FS) { flip(t, f, "log.15", records(t, f, "log.15")[12]+40) },
		"the end of the newest log":  func(t *testing.T, f vfs.FS) { flip(t, f, "log.29", records(t, f, "log.29")[4]+40) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			cfg := written(t, fsys, 30)
			harm(t, fsys)
			s, err := Open(cfg)
			must(t, err)
			defer s.Close()
			if _, err := s.Recover(newState()); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("Recover: %v", err)
			}
			must(t, s.Quarantine("why", 0, 0))
			if got := s.Quarantined().Seen; got != 45 {
				t.Errorf("the history is known to have gone to %v, want 45", got)
			}
		})
	}
	t.Run("a log that was begun and never written to", func(t *testing.T) {
		t.Parallel()
		fsys := vfs.NewMem()
		cfg := written(t, fsys, 30)
		must(t, fsys.Remove(inVersion(witnessName)))
		putFile(t, fsys, inVersion("log.2e"), readFile(t, fsys, inVersion("log.29"))[:16])
		s, err := Open(cfg)
		must(t, err)
		defer s.Close()
		_, err = s.Recover(newState())
		must(t, err)
		must(t, s.Quarantine("why", 0, 0))
		if got := s.Quarantined().Seen; got != 45 {
			t.Errorf("the history is known to have gone to %v, want 45", got)
		}
	})
	t.Run("a leader's snapshot alone", func(t *testing.T) {
		t.Parallel()
		fsys := vfs.NewMem()
		cfg := written(t, fsys, 30)
		putFile(t, fsys, inVersion("install-snapshot.99"), []byte("no snapshot"))
		s, err := Open(cfg)
		must(t, err)
		defer s.Close()
		if _, err := s.Recover(newState()); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("Recover: %v", err)
		}
		must(t, s.Quarantine("why", 0, 0))
		if got := s.Quarantined().Seen; got != 0x99 {
			t.Errorf("the history is known to have gone to %v, want 0x99", got)
		}
	})
}

// Whatever is in the file, there is a quarantine, and nothing is set aside
// outside the directory.
func TestQuarantineFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Quarantine{
		string((&Quarantine{Why: "a b", Seen: 0x100000002, Since: 5, Aside: "damaged-x"}).text()): {Why: "a b", Seen: 0x100000002, Since: 5, Aside: "damaged-x"},
		quarantineHead + "aside ../damaged-x\nseen zz\n":                                          {Why: "", Aside: "damaged-unknown"},
		quarantineHead + "aside damaged-x/..\n":                                                   {Aside: "damaged-unknown"},
		"":                                                                                        {Aside: "damaged-unknown"},
		"\x00\x01":                                                                                {Aside: "damaged-unknown"},
	} {
		got := parseQuarantine(text, "/f")
		if want.Why == "" {
			got.Why = ""
		}
		if *got != want {
			t.Errorf("%q: %+v, want %+v", text, *got, want)
		}
	}
}

// The operator's word ends a quarantine only by the zxid behind the history.
func TestAcceptQuarantine(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 30)
	s, err := Open(cfg)
	must(t, err)
	_, err = s.Recover(newState())
	must(t, err)
	must(t, s.Quarantine("perhaps emptied", 0, 0))
	must(t, s.Close())
	for _, zxid := range []protocol.Zxid{0, 45, 47} {
		cfg.AcceptDataLoss = zxid
		s, err := Open(cfg)
		must(t, err)
		got, err := s.Recover(newState())
		if err != nil || got.Lost != nil || s.Quarantined() == nil {
			t.Errorf("accepting %v: %+v, %v", zxid, got, err)
		}
		must(t, s.Close())
	}
	v, err := Look(cfg)
	if err != nil || v.Quarantine == nil || v.Damage != nil || v.Last != 45 {
		t.Errorf("survey %+v, %v", v, err)
	}
	lost, err := Accept(cfg, 46)
	if err != nil || lost == nil || lost.FirstZxid != 46 {
		t.Fatalf("lost %+v, %v", lost, err)
	}
	if v, err = Look(cfg); err != nil || v.Quarantine != nil || v.Damage != nil || v.Last != 45 {
		t.Errorf("survey %+v, %v", v, err)
	}
}

// A survey shows every damage of every log, and what is valid behind it.
func TestLook(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 0)
	at := map[string][]int64{}
	for name, bad := range map[string][]int{"log.1": {3, 9}, "log.15": {19}} {
		at[name] = records(t, fsys, name)
		for _, n := range bad {
			flip(t, fsys, name, at[name][n]+14)
		}
	}
	v, err := Look(cfg)
	must(t, err)
	one := at["log.1"]
	want := []LogSpan{
		{From: one[0], To: one[3], Records: 3, First: 1, Last: 3},
		{From: one[3], To: one[4], Cause: v.Logs[0].Spans[1].Cause},
		{From: one[4], To: one[9], Records: 5, First: 5, Last: 9},
		{From: one[9], To: one[10], Cause: v.Logs[0].Spans[3].Cause},
		{From: one[10], To: one[20], Records: 10, First: 11, Last: 20},
	}
	if !slices.Equal(v.Logs[0].Spans, want) {
		t.Errorf("log.1: %+v, want %+v", v.Logs[0].Spans, want)
	}
	if n := len(v.Logs[1].Spans); n != 2 || v.Logs[1].Spans[1].Cause == "" {
		t.Errorf("log.15: %+v", v.Logs[1].Spans)
	}
	if v.Damage == nil || v.Damage.FirstZxid != 4 || v.Damage.LastZxid != 45 || v.Last != 3 {
		t.Errorf("damage %+v, last %v", v.Damage, v.Last)
	}
}
