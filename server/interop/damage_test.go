//go:build interop

package interop

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/storage"
	"zookit/server/vfs"
)

// Three servers, one is down; the two others acknowledge twenty writes; all end;
// one bit flips in a log of one of the two, and it is started with the stale one.
// Apache's 3.8.0 goes on without the twenty writes then, and takes them off the
// third when that comes back. Here nobody serves until the third is there, and
// nothing is lost.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, kinds            string
		stale, damaged, intact int64
	}{
		{"it followed", "ooo", 3, 1, 2},
		{"it led", "ooo", 3, 2, 1},
		{"the stale one has the highest id", "ooo", 1, 2, 3},
		{"the others are Apache's", "oAA", 3, 1, 2},
		{"it led, the others are Apache's", "AAo", 1, 3, 2},
		{"the stale one is Apache's", "ooA", 3, 1, 2},
		{"the intact one is Apache's", "oAo", 3, 1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnsemble(t, tt.kinds, nil)
			e.start(1, 2, 3)
			for sid := int64(1); sid <= 3; sid++ {
				e.await("all to serve", func() bool { return e.mode(sid) != "" })
			}
			before := e.write("/before", tt.damaged)
			before.more(10)
			before.end()
			e.sameTrees()
			e.member(tt.stale).stop()
			for _, sid := range []int64{tt.damaged, tt.intact} {
				e.await("the two to serve", func() bool { return e.mode(sid) != "" })
			}
			twenty := e.write("/twenty", tt.damaged, tt.intact)
			twenty.more(20)
			twenty.end()
			e.sameTrees()
			e.member(tt.damaged).stop()
			e.member(tt.intact).stop()
			flipEnd(t, e.member(tt.damaged).dir(), 15)

			d := e.member(tt.damaged)
			const again = "election: notification time out"
			asked := strings.Count(d.log(), again)
			e.start(tt.damaged, tt.stale)
			e.await("it to have looked for a leader for a while", func() bool { return strings.Count(d.log(), again) >= asked+4 })
			if e.mode(tt.damaged) != "" || e.mode(tt.stale) != "" {
				t.Fatalf("the damaged server is %q, the stale one %q", e.mode(tt.damaged), e.mode(tt.stale))
			}
			if answer, err := protocol.FourLetter(t.Context(), d.addr(), "mntr"); err != nil || !strings.Contains(answer, "zk_quarantined\t1\n") ||
				!strings.Contains(answer, "is damaged at offset") || !strings.Contains(answer, "zk_quarantined_awaits\ta leader") {
				t.Errorf("mntr: %v, %q", err, answer)
			}
			e.start(tt.intact)
			for sid := int64(1); sid <= 3; sid++ {
				e.await("all to serve again", func() bool { return e.mode(sid) != "" })
			}
			after := e.write("/after", tt.damaged)
			after.more(5)
			e.check(before, twenty, after)
			aside, err := filepath.Glob(filepath.Join(d.dir(), "version-2", "damaged-*", "log.*"))
			if err != nil || len(aside) == 0 {
				t.Errorf("nothing was set aside: %v", err)
			}

			// It is a voter again: with one other it makes a quorum.
			e.member(tt.stale).stop()
			more := e.write("/more", tt.damaged, tt.intact)
			more.more(5)
			e.check(before, twenty, after, more)
		})
	}
}

// flipEnd flips a bit in the byte behind the record that is n from the end of the
// newest log: to Apache's 3.8.0 that is the end of the log.
func flipEnd(t *testing.T, dir string, n int) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "version-2", "log.*"))
	if err != nil || len(logs) == 0 {
		t.Fatal("no log in ", dir, err)
	}
	var ends []int64
	newest := ""
	for _, name := range logs {
		lr, err := storage.OpenLog(vfs.OS(), name)
		if err != nil {
			t.Fatal(err)
		}
		var at []int64
		last := protocol.Zxid(0)
		for lr.Next() {
			at, last = append(at, lr.Offset()), lr.Zxid()
		}
		_ = lr.Close()
		if len(at) > n && last.Counter() > 0 && (newest == "" || len(at) > 0) {
			newest, ends = name, at
		}
	}
	if newest == "" {
		t.Fatalf("no log in %s has %d records", dir, n)
	}
	flipByte(t, newest, ends[len(ends)-n]-1)
}

func flipByte(t *testing.T, name string, off int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
}

// What happens to disks in a rack: the power goes everywhere, and then one disk
// has a flipped bit; a server gets an empty one, or one from a backup; two are
// exchanged; two of three are empty.
func TestDisks(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "ooo", nil)
	version := func(sid int64) string { return filepath.Join(e.member(sid).dir(), "version-2") }
	var writers []*writer
	all := func(what string, sids ...int64) {
		t.Helper()
		for sid := int64(1); sid <= 3; sid++ {
			e.await(fmt.Sprintf("server %d to serve: %s", sid, what), func() bool { return e.mode(sid) != "" })
		}
		w := e.write(fmt.Sprintf("/%d", len(writers)), 1, 2, 3)
		w.more(20)
		writers = append(writers, w)
		e.check(writers...)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	e.start(1, 2, 3)
	all("at first")
	backup := t.TempDir()
	must(copyDir(version(2), backup))
	all("after the backup")

	for _, m := range e.members {
		m.kill()
	}
	flipEnd(t, e.member(1).dir(), 5)
	e.start(1, 2, 3)
	all("after a power cut and a flipped bit")

	e.member(3).kill()
	must(os.RemoveAll(version(3)))
	e.start(3)
	all("with an empty disk")

	e.member(2).kill()
	must(os.RemoveAll(version(2)))
	must(copyDir(backup, version(2)))
	e.start(2)
	all("with a disk from the backup")

	e.member(1).kill()
	e.member(2).kill()
	must(os.Rename(version(1), backup+".swap"))
	must(os.Rename(version(2), version(1)))
	must(os.Rename(backup+".swap", version(2)))
	e.start(1, 2)
	all("with each other's disk")

	for _, m := range e.members {
		m.kill()
	}
	must(os.RemoveAll(version(1)))
	must(os.RemoveAll(version(2)))
	intact := e.member(3)
	looking := strings.Count(intact.log(), "election: looking")
	e.start(3) // were it not there, two empty servers of three would be a new ensemble
	e.await("the intact one to look", func() bool { return strings.Count(intact.log(), "election: looking") > looking })
	e.start(1, 2)
	all("with one intact disk of three")
}

func copyDir(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.IsDir() })
	for _, e := range entries {
		in, err := os.Open(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		out, err := os.Create(filepath.Join(to, e.Name()))
		if err == nil {
			_, err = io.Copy(out, in)
			if cerr := out.Close(); err == nil {
				err = cerr
			}
		}
		_ = in.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
