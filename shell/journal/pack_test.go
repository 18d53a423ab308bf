package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"zookit/protocol"
)

// small begins and ends a change of one record.
func small(t *testing.T, j *Journal, line string, data int) *Change {
	t.Helper()
	c, err := j.Begin(Header{Line: line})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Add(&Record{Kind: Set, Path: "/" + line, Data: make([]byte, data), Before: protocol.Stat{Version: 3}}), c.Keep()); err != nil {
		t.Fatal(err)
	}
	return c
}

func names(t *testing.T, j *Journal) (list []string) {
	t.Helper()
	files, err := j.files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		list = append(list, f.name())
	}
	return list
}

// Small changes wait in memory and share a file; each can be read and taken out
// by itself, by other shells too, and numbers go on behind them.
func TestPack(t *testing.T) {
	t.Parallel()
	j := New(t.TempDir(), 0)
	first := small(t, j, "one", 10)
	small(t, j, "two", 10)
	small(t, j, "three", 10)
	if list := names(t, j); list != nil {
		t.Errorf("written at once: %q", list)
	}
	if n := first.Number(); n != 1 {
		t.Errorf("the first is %d", n)
	}
	other := New(j.dir, 0)
	if got := fmt.Sprint(names(t, j)); got != "[000001-000003.undo]" || lines(t, other) != "3 three, 2 two, 1 one" {
		t.Errorf("%s: %s", got, lines(t, other))
	}
	if st, err := os.Stat(j.path(file{1, 3})); err != nil || st.Mode().Perm() != 0o600 || st.Size() > 2000 {
		t.Errorf("%v, %v", st, err)
	}
	r, err := other.Open(2)
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.Index()
	if n != 1 || err != nil {
		t.Fatalf("%d records, %v", n, err)
	}
	if rec, err := r.Record(0); err != nil || rec.Path != "/two" || rec.Before.Version != 3 || len(rec.Data) != 10 {
		t.Errorf("%+v, %v", rec, err)
	}
	if err := other.Remove(2); err != nil {
		t.Fatal(err)
	}
	if rec, err := r.Record(0); err != nil || rec.Path != "/two" {
		t.Errorf("what is being read went away: %+v, %v", rec, err)
	}
	r.Close()
	if _, err := j.Open(2); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was removed: %v", err)
	}
	if text := lines(t, j); text != "3 three, 1 one" {
		t.Error(text)
	}
	// One that has a file of its own keeps it, and its number is known at once.
	c, err := j.Begin(Header{Line: "large"})
	if err != nil {
		t.Fatal(err)
	}
	if n := c.Number(); n != 4 {
		t.Errorf("the next is %d", n)
	}
	c.Drop()
	if err := errors.Join(j.Remove(1), j.Remove(3)); err != nil {
		t.Fatal(err)
	}
	if list := names(t, j); list != nil {
		t.Errorf("left: %q", list)
	}
	if n := small(t, other, "next", 1).Number(); n != 4 {
		t.Errorf("after all were removed comes %d", n)
	}
}

// What waits is bounded by number and bytes, and packs count as what they hold.
func TestPackLimits(t *testing.T) {
	t.Parallel()
	j := New(t.TempDir(), 1<<20)
	j.most = 40
	for i := range 23 {
		small(t, j, fmt.Sprint("c", i), 10)
	}
	if got := fmt.Sprint(names(t, j)); got != "[000001-000005.undo 000006-000010.undo 000011-000015.undo 000016-000020.undo]" {
		t.Errorf("by number: %s", got)
	}
	small(t, j, "big", 60_000)
	small(t, j, "bigger", 63_000)
	small(t, j, "more", 63_000)
	if files := names(t, j); files[len(files)-1] != "000021-000026.undo" && files[len(files)-1] != "000021-000025.undo" {
		t.Errorf("by bytes: %s", files)
	}
	for i := range 60 {
		small(t, j, fmt.Sprint("d", i), 10)
	}
	list, err := j.List()
	if err != nil || len(list) > 40 || len(list) < 20 || list[0].Line != "d59" {
		t.Errorf("%d changes, %v", len(list), err)
	}
}

// Of a pack that is cut short or wrong what is whole counts; it never panics.
func TestPackDamage(t *testing.T) {
	t.Parallel()
	j := New(t.TempDir(), 0)
	for i := range 3 {
		small(t, j, fmt.Sprint("c", i), 100)
	}
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	name := j.path(file{1, 3})
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int]bool{}
	for cut := 0; cut < len(whole); cut += 9 {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := j.List()
		if err != nil || len(list) > 2 {
			t.Fatalf("cut at %d: %d changes, %v", cut, len(list), err)
		}
		counts[len(list)] = true
	}
	if !counts[0] || !counts[1] || !counts[2] {
		t.Errorf("cuts left %v", counts)
	}
	for i := range packHead + 4 {
		bad := bytes.Clone(whole)
		bad[i] ^= 0xff
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := j.List(); err != nil || len(list) != 0 {
			t.Errorf("byte %d: %d changes, %v", i, len(list), err)
		}
	}
}
