package vfs

import (
	"os"
	"testing"
)

// What EachDurable shows is what Crash leaves when nothing unsynced survives.
func TestDurable(t *testing.T) {
	t.Parallel()
	m := NewTrackedMem()
	read := func() (content string, shrunk int, there bool) {
		var files []Durable
		m.EachDurable("/d", func(_ string, f Durable) { files = append(files, f) })
		if len(files) == 0 {
			return "", 0, false
		}
		b := make([]byte, 10)
		return string(b[:files[0].ReadAt(b, 0)]), files[0].Shrunk(), files[0].Size() >= 0
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(content string, shrunk int, there bool) {
		t.Helper()
		if c, s, is := read(); c != content || s != shrunk || is != there {
			t.Fatalf("durable: %q, cut %d times, there %v; want %q, %d, %v", c, s, is, content, shrunk, there)
		}
	}
	ok(m.MkdirAll("/d", 0o700))
	f, err := m.Open("/d/f", os.O_RDWR|os.O_CREATE, 0o600)
	ok(err)
	_, err = f.Write([]byte("one"))
	ok(err)
	ok(f.Sync())
	expect("", 0, false) // the directory entries are not synced
	ok(m.SyncDir("/"))
	ok(m.SyncDir("/d"))
	expect("one", 0, true)
	_, err = f.Write([]byte("two"))
	ok(err)
	expect("one", 0, true)
	ok(f.Sync())
	expect("onetwo", 0, true)
	ok(f.Truncate(2))
	expect("onetwo", 0, true)
	ok(f.Sync())
	expect("on", 1, true)
}
