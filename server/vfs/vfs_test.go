package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestContract holds every file system to what storage relies on.
func TestContract(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, fsys := range map[string]FS{
		"os": OS(), "mem": NewMem(), "tracked": NewTrackedMem(), "faulty": NewFaulty(NewMem()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract(t, fsys, filepath.Join(dir, "a", "b"))
		})
	}
}

func contract(t *testing.T, fsys FS, dir string) {
	if _, err := fsys.Open(filepath.Join(dir, "x"), os.O_RDWR|os.O_CREATE, 0o666); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("create in a missing directory: %v", err)
	}
	must(t, fsys.MkdirAll(dir, 0o777))
	must(t, fsys.MkdirAll(dir, 0o777))
	x, y := filepath.Join(dir, "x"), filepath.Join(dir, "y")
	if _, err := fsys.Open(x, os.O_RDONLY, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("open of a missing file: %v", err)
	}
	f, err := fsys.Open(x, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	must(t, err)
	if _, err := fsys.Open(x, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("exclusive create of an existing file: %v", err)
	}
	mustWrite(t, f, "hello")
	must(t, f.Preallocate(5, 3*pageSize))
	_, err = f.WriteAt([]byte("end"), 2*pageSize-1)
	must(t, err)
	must(t, f.Sync())
	size, err := f.Size()
	must(t, err)
	if size != 5+3*pageSize {
		t.Fatalf("size after Preallocate: %d", size)
	}
	want := make([]byte, size)
	copy(want, "hello")
	copy(want[2*pageSize-1:], "end")
	got := make([]byte, size)
	if n, err := f.ReadAt(got, 0); n != len(got) || (err != nil && err != io.EOF) || !bytes.Equal(got, want) {
		t.Fatalf("ReadAt: %d %v", n, err)
	}
	if n, err := f.ReadAt(make([]byte, 2), size-1); n != 1 || err != io.EOF {
		t.Fatalf("ReadAt over the end: %d %v", n, err)
	}
	must(t, f.Truncate(2))
	must(t, f.Truncate(4))
	must(t, f.Close())
	must(t, fsys.Rename(x, y))
	must(t, fsys.SyncDir(dir))
	if got := readFile(t, fsys, y); got != "he\x00\x00" {
		t.Fatalf("after truncating and growing: %q", got)
	}
	list, err := fsys.ReadDir(dir)
	must(t, err)
	if len(list) != 1 || list[0].Name() != "y" || list[0].IsDir() {
		t.Fatalf("ReadDir: %v", list)
	}
	if err := fsys.Remove(dir); err == nil {
		t.Fatal("a directory with a file in it was removed")
	}
	lock, err := fsys.Lock(filepath.Join(dir, "lock"))
	must(t, err)
	if _, err := fsys.Lock(filepath.Join(dir, "lock")); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v", err)
	}
	must(t, lock.Close())
	lock, err = fsys.Lock(filepath.Join(dir, "lock"))
	must(t, err)
	must(t, lock.Close())
	must(t, fsys.Remove(y))
	if _, err := fsys.Stat(y); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("stat of a removed file: %v", err)
	}
	st, err := fsys.Stat(dir)
	must(t, err)
	if !st.IsDir() {
		t.Fatal("a directory is not said to be one")
	}
}

func TestCrashDropsWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	m := NewTrackedMem()
	must(t, m.MkdirAll("/d", 0o777))
	must(t, m.SyncDir("/"))
	write(t, m, "/d/synced", "one", true)
	write(t, m, "/d/lost-entry", "two", true)
	must(t, m.Rename("/d/lost-entry", "/d/kept"))
	must(t, m.SyncDir("/d"))
	f, err := m.Open("/d/synced", os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("XX"), 1)
	must(t, err)
	must(t, m.Rename("/d/kept", "/d/renamed"))
	write(t, m, "/d/new", "three", true)

	after := m.Crash(nil)
	for name, want := range map[string]string{"/d/synced": "one", "/d/kept": "two"} {
		if got := readFile(t, after, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"/d/renamed", "/d/new"} {
		if _, err := after.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there after the crash (%v)", name, err)
		}
	}
	if got := readFile(t, m, "/d/synced"); got != "oXX" {
		t.Errorf("the file system that was crashed changed: %q", got)
	}
}

// TestCrashOutcomes crashes one state with many seeds: synced bytes are always
// there, each sector of the rest is old or new, and torn, lost, kept and
// reordered outcomes all occur; equal seeds give equal outcomes.
func TestCrashOutcomes(t *testing.T) {
	t.Parallel()
	const sectors = 8
	m := NewTrackedMem()
	old := bytes.Repeat([]byte("o"), sectors*sector)
	write(t, m, "/f", string(old), true)
	must(t, m.SyncDir("/"))
	f, err := m.Open("/f", os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte("n"), 4*sector), 100)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte("N"), 4*sector), 4*sector)
	must(t, err)
	whole := readFile(t, m, "/f")

	seen := make(map[string]int)
	for seed := range int64(400) {
		got := readFile(t, m.Crash(rand.New(rand.NewSource(seed))), "/f")
		if again := readFile(t, m.Crash(rand.New(rand.NewSource(seed))), "/f"); again != got {
			t.Fatalf("seed %d has two outcomes", seed)
		}
		if len(got) != len(whole) {
			t.Fatalf("seed %d: size %d", seed, len(got))
		}
		shape := ""
		for s := range sectors {
			part := got[s*sector : (s+1)*sector]
			switch {
			case part == string(old[:sector]):
				shape += "o"
			case part == whole[s*sector:(s+1)*sector]:
				shape += "n"
			case s == 4 && part[0] == 'n':
				shape += "n" // the first write is there, the second is not
			default:
				t.Fatalf("seed %d: sector %d is neither old nor new", seed, s)
			}
		}
		seen[shape]++
	}
	if seen["oooooooo"] == 0 || seen["nnnnnnnn"] == 0 || seen["nnoooooo"] == 0 || len(seen) < 40 {
		t.Errorf("outcomes: %d, %v", len(seen), seen)
	}
}

func TestSparseFilesTakeNoMemory(t *testing.T) {
	t.Parallel()
	m := NewMem()
	f, err := m.Open("/f", os.O_RDWR|os.O_CREATE, 0o666)
	must(t, err)
	must(t, f.Preallocate(0, 1<<40))
	_, err = f.WriteAt([]byte("x"), 1<<20)
	must(t, err)
	used := 0
	for _, p := range m.root.entries["f"].data.page {
		used += len(p)
	}
	if used != pageSize {
		t.Errorf("%d bytes in use", used)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	f := NewFaulty(NewMem(),
		Fault{Op: OpWrite, N: 2, Short: true, Err: syscall.ENOSPC},
		Fault{Op: OpSync, N: 1, Sticky: true, Err: syscall.EIO},
		Fault{Op: OpRename, N: 1, Match: func(n string) bool { return n == "/b" }, Err: syscall.EIO})
	x, err := f.Open("/x", os.O_RDWR|os.O_CREATE, 0o666)
	must(t, err)
	mustWrite(t, x, "abcd")
	if n, err := x.Write([]byte("efgh")); n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("second write: %d %v", n, err)
	}
	for range 2 {
		if err := x.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("sync: %v", err)
		}
	}
	must(t, f.Rename("/x", "/a"))
	if err := f.Rename("/a", "/b"); !errors.Is(err, syscall.EIO) {
		t.Errorf("rename: %v", err)
	}
	if got := readFile(t, f, "/a"); got != "abcdef" {
		t.Errorf("content: %q", got)
	}
	if f.Count(OpWrite) != 2 || f.Trace()[0] != (Call{OpCreate, "/x"}) {
		t.Errorf("trace: %v", f.Trace())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustWrite(t *testing.T, f File, s string) {
	t.Helper()
	if n, err := f.Write([]byte(s)); err != nil || n != len(s) {
		t.Fatalf("write: %d %v", n, err)
	}
}

func write(t *testing.T, fsys FS, name, content string, sync bool) {
	t.Helper()
	f, err := fsys.Open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	must(t, err)
	mustWrite(t, f, content)
	if sync {
		must(t, f.Sync())
	}
	must(t, f.Close())
}

func readFile(t *testing.T, fsys FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name, os.O_RDONLY, 0)
	must(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	must(t, err)
	return string(b)
}
