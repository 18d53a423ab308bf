package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"zookit/protocol"
	"zookit/server/vfs"
)

// written is a directory with log.1 (1 to 20), log.15 (21 to 40) and, with a
// snapshot in between, log.29 (41 to 45), each record its own batch.
func written(t testing.TB, fsys vfs.FS, snapshotAt protocol.Zxid) Config {
	t.Helper()
	cfg := memConfig(fsys)
	s, st := start(t, cfg)
	for z := protocol.Zxid(1); z <= 45; z++ {
		if z == 21 || z == 41 {
			must(t, s.Roll())
		}
		add(t, s, st, entries(z, z, 40))
		if z == snapshotAt {
			must(t, s.Snapshot(z, st))
		}
	}
	must(t, s.Close())
	return cfg
}

// records are the offsets at which the records of a log begin, and its end.
func records(t testing.TB, fsys vfs.FS, name string) []int64 {
	t.Helper()
	lr, err := OpenLog(fsys, inVersion(name))
	must(t, err)
	defer lr.Close()
	var at []int64
	for lr.Next() {
		at = append(at, lr.Offset())
	}
	must(t, lr.Err())
	return append(at, lr.End().Offset)
}

// flip changes one bit of a file.
func flip(t testing.TB, fsys vfs.FS, name string, off int64) {
	t.Helper()
	b := readFile(t, fsys, inVersion(name))
	b[off] ^= 4
	putFile(t, fsys, inVersion(name), b)
}

// TestDamage: each case is damage, named by file, offset and first zxid, and
// changes nothing on the disk.
func TestDamage(t *testing.T) {
	t.Parallel()
	const foreign = true // as if Apache had written it: no witness
	cases := map[string]struct {
		snapshotAt protocol.Zxid
		foreign    bool
		harm       func(t *testing.T, fsys vfs.FS)
		file       string
		first      protocol.Zxid
		last       protocol.Zxid
	}{
		"payload, middle of the newest log": {0, foreign, func(t *testing.T, f vfs.FS) { flip(t, f, "log.29", records(t, f, "log.29")[2]+40) }, "log.29", 43, 45},
		"terminator, middle":                {0, foreign, func(t *testing.T, f vfs.FS) { flip(t, f, "log.29", records(t, f, "log.29")[3]-1) }, "log.29", 43, 45},
		"length, middle":                    {0, foreign, func(t *testing.T, f vfs.FS) { flip(t, f, "log.29", records(t, f, "log.29")[2]+11) }, "log.29", 43, 45},
		"length negative":                   {0, foreign, func(t *testing.T, f vfs.FS) { overwrite(t, f, "log.29", records(t, f, "log.29")[2]+8, 0xff, 4) }, "log.29", 43, 45},
		"length zeroed":                     {0, foreign, func(t *testing.T, f vfs.FS) { overwrite(t, f, "log.29", records(t, f, "log.29")[2]+8, 0, 4) }, "log.29", 43, 45},
		"a record zeroed before the last": {0, foreign, func(t *testing.T, f vfs.FS) {
			at := records(t, f, "log.29")
			overwrite(t, f, "log.29", at[3], 0, int(at[4]-at[3]))
		}, "log.29", 44, 45},
		"terminator in an older log": {0, foreign, func(t *testing.T, f vfs.FS) { flip(t, f, "log.15", records(t, f, "log.15")[6]-1) }, "log.15", 26, 45},
		"older log cut short": {0, foreign, func(t *testing.T, f vfs.FS) {
			b := readFile(t, f, inVersion("log.15"))
			putFile(t, f, inVersion("log.15"), b[:records(t, f, "log.15")[10]])
		}, "log.29", 31, 45},
		"log in the middle missing": {0, foreign, func(t *testing.T, f vfs.FS) { must(t, f.Remove(inVersion("log.15"))) }, "log.29", 21, 45},
		"first log missing":         {0, foreign, func(t *testing.T, f vfs.FS) { must(t, f.Remove(inVersion("log.1"))) }, "log.15", 1, 45},
		"header of the newest log":  {0, foreign, func(t *testing.T, f vfs.FS) { overwrite(t, f, "log.29", 0, 'x', 60) }, "log.29", 41, 45},
		"log under another name": {0, foreign, func(t *testing.T, f vfs.FS) {
			must(t, f.Rename(inVersion("log.29"), inVersion("log.28")))
		}, "log.28", 41, 45},
		"garbage of more than a batch behind": {0, foreign, func(t *testing.T, f vfs.FS) {
			b := readFile(t, f, inVersion("log.29"))
			putFile(t, f, inVersion("log.29"), append(b, bytes.Repeat([]byte("garbage "), 3<<17)...))
		}, "log.29", 46, 0},

		"last record, below the witness":          {0, false, func(t *testing.T, f vfs.FS) { flip(t, f, "log.29", records(t, f, "log.29")[4]+40) }, "log.29", 45, 45},
		"newest log cut short, below the witness": {0, false, func(t *testing.T, f vfs.FS) { cutTo(t, f, "log.29", records(t, f, "log.29")[3]) }, "log.29", 44, 45},
		"newest log emptied, below the witness":   {0, false, func(t *testing.T, f vfs.FS) { cutTo(t, f, "log.29", 0) }, "log.29", 41, 45},
		"newest log missing":                      {0, false, func(t *testing.T, f vfs.FS) { must(t, f.Remove(inVersion("log.29"))) }, "log.29", 41, 45},
		"all logs missing": {0, false, func(t *testing.T, f vfs.FS) {
			for _, l := range []string{"log.1", "log.15", "log.29"} {
				must(t, f.Remove(inVersion(l)))
			}
		}, "log.29", 1, 45},
		"logs and snapshots missing": {0, false, func(t *testing.T, f vfs.FS) {
			for _, l := range []string{"log.1", "log.15", "log.29", "snapshot.0"} {
				must(t, f.Remove(inVersion(l)))
			}
		}, "log.29", 1, 45},
		"newest snapshot unreadable and the logs behind it gone": {45, foreign, func(t *testing.T, f vfs.FS) {
			flip(t, f, "snapshot.2d", 100)
			must(t, f.Remove(inVersion("log.29")))
		}, "snapshot.2d", 41, 45},
		"snapshot covers more than the logs": {0, foreign, func(t *testing.T, f vfs.FS) {
			st := newState()
			st.last = 50
			st.nodes["/n50"] = ""
			writeSnapshotFile(t, f, "snapshot.2d", st, "")
		}, "snapshot.2d", 46, 50},
		"only snapshot unreadable": {0, foreign, func(t *testing.T, f vfs.FS) { flip(t, f, "snapshot.0", 30) }, "snapshot.0", 0, 0},
		"no snapshot but logs":     {0, foreign, func(t *testing.T, f vfs.FS) { must(t, f.Remove(inVersion("snapshot.0"))) }, "", 0, 0},
		"epoch file unreadable":    {0, foreign, func(t *testing.T, f vfs.FS) { putFile(t, f, inVersion("currentEpoch"), []byte("7x")) }, "currentEpoch", 0, 0},
		"epochs but nothing else": {0, foreign, func(t *testing.T, f vfs.FS) {
			for _, l := range []string{"log.1", "log.15", "log.29", "snapshot.0"} {
				must(t, f.Remove(inVersion(l)))
			}
			putFile(t, f, inVersion("acceptedEpoch"), []byte("7"))
			putFile(t, f, inVersion("currentEpoch"), []byte("7"))
		}, "", 0, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			cfg := written(t, fsys, c.snapshotAt)
			if c.foreign {
				must(t, fsys.Remove(inVersion(witnessName)))
			}
			c.harm(t, fsys)
			before := fingerprint(t, fsys)
			_, _, _, err := open(cfg)
			var d *DamageError
			if !errors.As(err, &d) || !errors.Is(err, ErrCorrupt) {
				t.Fatalf("open: %v", err)
			}
			if want := inVersion(c.file); filepath.Clean(d.File) != filepath.Clean(want) || d.FirstZxid != c.first || d.LastZxid < c.last {
				t.Errorf("%+v\nwant file %s, first %v, last %v", *d, want, c.first, c.last)
			}
			if after := fingerprint(t, fsys); after != before {
				t.Errorf("the refusal changed the directory:\n%s\nbefore:\n%s", after, before)
			}
			if d.Acceptable != strings.Contains(err.Error(), fmt.Sprintf("acceptDataLoss=%v", c.first)) {
				t.Errorf("text: %v", err)
			}
		})
	}
}

// TestEpochsGoneBack: an epoch file that says less than the witness knows it to
// have said is damage, as is one digit of it that flips; a missing one is not, nor
// one that says more, as after a time under another implementation.
func TestEpochsGoneBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, cause string }{
		"currentEpoch earlier":  {"currentEpoch", "5", "it says 5, and 7 had been written to it"},
		"acceptedEpoch earlier": {"acceptedEpoch", "3", "it says 3, and 7 had been written to it"},
		"as they were":          {"currentEpoch", "7", ""},
		"acceptedEpoch later":   {"acceptedEpoch", "9", ""},
		"currentEpoch missing":  {"currentEpoch", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			cfg := written(t, fsys, 30)
			s, _, _, err := open(cfg)
			must(t, err)
			must(t, s.SetAcceptedEpoch(7))
			must(t, s.SetCurrentEpoch(7))
			must(t, s.Close())
			if c.text == "" {
				must(t, fsys.Remove(inVersion(c.file)))
			} else {
				putFile(t, fsys, inVersion(c.file), []byte(c.text))
			}
			s, _, _, err = open(cfg)
			var d *DamageError
			switch {
			case c.cause == "":
				must(t, err)
				must(t, s.Close())
			case !errors.As(err, &d) || d.Cause != c.cause || d.LastZxid != 45:
				t.Errorf("%+v, %v, want %q", d, err, c.cause)
			}
		})
	}
}

func overwrite(t testing.TB, fsys vfs.FS, name string, off int64, with byte, n int) {
	t.Helper()
	b := readFile(t, fsys, inVersion(name))
	for i := range n {
		b[int(off)+i] = with
	}
	putFile(t, fsys, inVersion(name), b)
}

func cutTo(t testing.TB, fsys vfs.FS, name string, size int64) {
	t.Helper()
	putFile(t, fsys, inVersion(name), readFile(t, fsys, inVersion(name))[:size])
}

// fingerprint lists the files with their sums.
func fingerprint(t testing.TB, fsys vfs.FS) string {
	t.Helper()
	var b strings.Builder
	for _, name := range names(t, fsys, inVersion("")) {
		content := readFile(t, fsys, inVersion(name))
		fmt.Fprintf(&b, "%s %d %08x\n", name, len(content), adler32.Checksum(content))
	}
	return b.String()
}

// TestCleanEnds: what a crash leaves is trimmed, with a copy, and every record
// before it is there.
func TestCleanEnds(t *testing.T) {
	t.Parallel()
	torn := entry(46, 900).Payload
	frame := appendRecord(nil, torn)
	cases := map[string]struct {
		tail   []byte // behind log.29, or
		newest string // a further log with tail as its content
		last   protocol.Zxid
		copied bool
	}{
		"zeros":                    {tail: make([]byte, 4096), last: 45},
		"head of a record":         {tail: frame[:7], last: 45, copied: true},
		"half a record":            {tail: frame[:500], last: 45, copied: true},
		"half a record and zeros":  {tail: append(bytes.Clone(frame[:500]), make([]byte, 9000)...), last: 45, copied: true},
		"all but the terminator":   {tail: frame[:len(frame)-1], last: 45, copied: true},
		"garbage":                  {tail: bytes.Repeat([]byte{0xa5}, 700), last: 45, copied: true},
		"whole but unacknowledged": {tail: frame, last: 46},
		"empty log":                {newest: "log.2e", tail: nil, last: 45},
		"half a header":            {newest: "log.2e", tail: appendLogHead(nil)[:9], last: 45, copied: true},
		"header alone":             {newest: "log.2e", tail: appendLogHead(nil), last: 45},
		"a log of zeros":           {newest: "log.2e", tail: make([]byte, 70000), last: 45},
		"header and a torn record": {newest: "log.2e", tail: append(appendLogHead(nil), frame[:100]...), last: 45, copied: true},
	}
	for name, c := range cases {
		for _, foreign := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/foreign=%v", name, foreign), func(t *testing.T) {
				t.Parallel()
				fsys := vfs.NewMem()
				cfg := written(t, fsys, 0)
				if foreign {
					must(t, fsys.Remove(inVersion(witnessName)))
				}
				if c.newest != "" {
					putFile(t, fsys, inVersion(c.newest), c.tail)
				} else {
					putFile(t, fsys, inVersion("log.29"), append(readFile(t, fsys, inVersion("log.29")), c.tail...))
				}
				var log testLogger
				cfg.Logger = log.logger()
				s, st, _ := mustOpen(t, cfg)
				st.holds(t, c.last)
				copied := false
				for _, n := range names(t, fsys, inVersion("")) {
					copied = copied || strings.HasPrefix(n, trimmedPrefix)
				}
				if copied != c.copied || copied != strings.Contains(log.String(), "trimmed") {
					t.Errorf("copied %v, log:\n%s", copied, log.String())
				}
				add(t, s, st, entries(c.last+1, c.last+3, 10))
				must(t, s.Close())
				_, st, _ = mustOpen(t, cfg)
				st.holds(t, c.last+3)
			})
		}
	}
}

// TestLostSector: above the witness, a sector of the last batch that never
// reached the disk is a clean end although a later record did; a flipped bit
// in its place is damage.
func TestLostSector(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{true, false} {
		t.Run(fmt.Sprint("lost=", lost), func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			cfg := memConfig(fsys)
			s, st := start(t, cfg)
			add(t, s, st, entries(1, 3, 300))
			old := readFile(t, fsys, inVersion(witnessName))
			must(t, s.Append(entries(4, 9, 700)))
			must(t, s.Close())
			putFile(t, fsys, inVersion(witnessName), old) // it had not reached the disk
			at := records(t, fsys, "log.1")[4]            // record 5
			sector := (at + sectorLength) / sectorLength * sectorLength
			if lost {
				overwrite(t, fsys, "log.1", sector, 0, sectorLength)
			} else {
				flip(t, fsys, "log.1", sector)
			}
			_, st, _, err := open(cfg)
			if lost {
				must(t, err)
				st.holds(t, 4)
			} else if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("open: %v", err)
			}
		})
	}
}

// TestOlderSnapshot: an unreadable newest snapshot costs nothing as long as
// the logs go on from an older one.
func TestOlderSnapshot(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 30)
	b := readFile(t, fsys, inVersion("snapshot.1e"))
	for name, content := range map[string][]byte{"flipped": append(bytes.Clone(b[:200]), b[201:]...), "cut": b[:len(b)/2], "empty": nil} {
		putFile(t, fsys, inVersion("snapshot.1e"), content)
		s, st, rec := mustOpen(t, cfg)
		st.holds(t, 45)
		if rec.SnapshotZxid != 0 || !rec.WantSnapshot || st.resets < 2 {
			t.Errorf("%s: %+v", name, rec)
		}
		must(t, s.Close())
	}
}

// TestSnapshotReadError: a snapshot that the disk does not give is not an
// empty directory.
func TestSnapshotReadError(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	s, _ := start(t, memConfig(mem))
	must(t, s.Close())
	isSnap := func(name string) bool { return strings.HasSuffix(name, "snapshot.0") }
	faulty := vfs.NewFaulty(mem, vfs.Fault{Op: vfs.OpRead, Match: isSnap, N: 1, Sticky: true, Err: syscall.EIO})
	if _, _, _, err := open(memConfig(faulty)); !errors.Is(err, syscall.EIO) || errors.Is(err, ErrCorrupt) {
		t.Fatalf("open: %v", err)
	}
}

// TestDamageBelowSnapshot: records that the snapshot holds are not missed.
func TestDamageBelowSnapshot(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 44)
	flip(t, fsys, "log.29", records(t, fsys, "log.29")[1]+30)
	s, st, rec := mustOpen(t, cfg)
	st.holds(t, 45)
	if !rec.WantSnapshot || rec.Txns != 1 {
		t.Errorf("recovered %+v", rec)
	}
	must(t, s.Close())
}

// TestAcceptDataLoss: one number, the right one, lets the server start without
// the txns at stake; the files are kept; the next start needs no number.
func TestAcceptDataLoss(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		harm  func(t *testing.T, f vfs.FS)
		first protocol.Zxid
		kept  []string
	}{
		"middle of an older log": {func(t *testing.T, f vfs.FS) { flip(t, f, "log.15", records(t, f, "log.15")[6]-1) }, 26, []string{"log.15", "log.29", "snapshot.1e"}},
		"missing log":            {func(t *testing.T, f vfs.FS) { must(t, f.Remove(inVersion("log.15"))) }, 21, []string{"log.29", "snapshot.1e"}},
		"newest log missing":     {func(t *testing.T, f vfs.FS) { must(t, f.Remove(inVersion("log.29"))) }, 41, nil},
		"newest log unreadable":  {func(t *testing.T, f vfs.FS) { overwrite(t, f, "log.29", 0, 'x', 60) }, 41, []string{"log.29"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			cfg := written(t, fsys, 30)
			c.harm(t, fsys)
			flip(t, fsys, "snapshot.1e", 100) // or it would make up for the older logs
			for _, wrong := range []protocol.Zxid{0, c.first - 1, c.first + 1} {
				cfg.AcceptDataLoss = wrong
				if _, _, _, err := open(cfg); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("with %v accepted: %v", wrong, err)
				}
			}
			cfg.AcceptDataLoss = c.first
			s, st, rec := mustOpen(t, cfg)
			st.holds(t, c.first-1)
			if rec.Lost == nil || rec.Lost.FirstZxid != c.first {
				t.Errorf("recovered %+v", rec)
			}
			if len(c.kept) > 0 {
				got := names(t, fsys, damagedDir(inVersion(""), c.first))
				if fmt.Sprint(got) != fmt.Sprint(c.kept) {
					t.Errorf("set aside %v, want %v", got, c.kept)
				}
			}
			add(t, s, st, entries(c.first, c.first+4, 5))
			must(t, s.Close())
			cfg.AcceptDataLoss = 0
			_, st, _ = mustOpen(t, cfg)
			st.holds(t, c.first+4)
		})
	}
}

// TestWitnessVoid: what another server did to the directory is no damage.
func TestWitnessVoid(t *testing.T) {
	t.Parallel()
	t.Run("goes on in a log of its own behind a torn one", func(t *testing.T) {
		t.Parallel()
		fsys := vfs.NewMem()
		cfg := written(t, fsys, 0)
		at := records(t, fsys, "log.29")
		overwrite(t, fsys, "log.29", at[3]-1, 0, 1) // Apache stops here and starts again from 43
		log := appendLogHead(nil)
		for z := protocol.Zxid(43); z <= 50; z++ {
			log = appendRecord(log, entry(z, 20).Payload)
		}
		putFile(t, fsys, inVersion("log.2b"), log)
		_, st, _ := mustOpen(t, cfg)
		st.holds(t, 50)
	})
	t.Run("truncated it as a learner", func(t *testing.T) {
		t.Parallel()
		fsys := vfs.NewMem()
		cfg := written(t, fsys, 0)
		putFile(t, fsys, inVersion("acceptedEpoch"), []byte("3"))
		cutTo(t, fsys, "log.29", records(t, fsys, "log.29")[2])
		_, st, _ := mustOpen(t, cfg)
		st.holds(t, 42)
	})
}

// TestWitnessSlots: either slot may be torn.
func TestWitnessSlots(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	w, err := openWitness(fsys, "/", os.O_RDWR)
	must(t, err)
	for seq := range int64(4) {
		must(t, w.write(mark{Log: 1, Offset: 100 + seq, Zxid: protocol.Zxid(seq), Accepted: -1, Current: -1}, true))
	}
	b := readFile(t, fsys, "/"+witnessName)
	for i, want := range []int64{102, 103} { // seq 4 is in slot 0, seq 3 in slot 1
		c := bytes.Clone(b)
		clear(c[i*sectorLength : (i+1)*sectorLength])
		putFile(t, fsys, "/"+witnessName, c)
		w, err := openWitness(fsys, "/", os.O_RDWR)
		must(t, err)
		if !w.ok || w.mark.Offset != want {
			t.Errorf("slot %d torn: %+v", i, w.mark)
		}
	}
	for bit := range 8 * 100 {
		c := bytes.Clone(b)
		c[bit/8] ^= 1 << (bit % 8)
		if seq, m, ok := parseMark(c[:sectorLength]); ok && (seq != 4 || m.Offset != 103) {
			t.Fatalf("bit %d: %d %+v", bit, seq, m)
		}
	}
}

// TestSearchIsBounded: data that looks like heads of records everywhere costs
// bounded time and is never taken for a clean end.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	fsys := vfs.NewMem()
	cfg := written(t, fsys, 0)
	must(t, fsys.Remove(inVersion(witnessName)))
	tail := bytes.Repeat([]byte{0xff}, 900<<10)
	for i := 1; i+100 < len(tail)/2; i += 48 {
		binary.BigEndian.PutUint64(tail[i:], 1)
		binary.BigEndian.PutUint32(tail[i+8:], uint32(len(tail)-i-recordFrame-8))
		binary.BigEndian.PutUint64(tail[i+12+zxidInTxn:], 46)
		binary.BigEndian.PutUint32(tail[i+12+typeInTxn:], uint32(protocol.OpCreate))
		tail[len(tail)-9] = endOfRecord
	}
	putFile(t, fsys, inVersion("log.29"), append(readFile(t, fsys, inVersion("log.29")), tail...))
	if _, _, _, err := open(cfg); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("open: %v", err)
	}
}
