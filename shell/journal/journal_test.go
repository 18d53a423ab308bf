package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
)

func keep(t *testing.T, j *Journal, line string, records ...*Record) int {
	t.Helper()
	c, err := j.Begin(Header{Line: line, Servers: "h:1", Time: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := c.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Keep(); err != nil {
		t.Fatal(err)
	}
	return c.Number()
}

func lines(t *testing.T, j *Journal) string {
	t.Helper()
	list, err := j.List()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, h := range list {
		out = append(out, fmt.Sprintf("%d %s", h.Number, h.Line))
	}
	return strings.Join(out, ", ")
}

// What is recorded is read back, in the order in which it is taken back, and
// nobody else can read it.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "journal")
	j := New(dir, 0)
	if text := lines(t, j); text != "" {
		t.Errorf("an empty journal lists %q", text)
	}
	full := &Record{Kind: DeletedTree, Path: "/a/é", Before: protocol.Stat{Czxid: 7, Version: 3, EphemeralOwner: 9}, Data: []byte("\x00\xff"),
		ACL: []protocol.ACL{{Perms: 31, Scheme: "digest", ID: "joe:x"}}}
	null := &Record{Kind: Set, Path: "/n", After: protocol.Stat{Mzxid: 8}}
	n := keep(t, j, "mixed", &Record{Kind: Created, Path: "/1"}, full, &Record{Kind: CreatedTree, Path: "/3"}, &Record{Kind: DeletedTree, Path: "/4"}, null)
	for path, want := range map[string]os.FileMode{dir: 0o700, j.path(file{n, n}): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
	r, err := j.Open(n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if count, err := r.Index(); count != 5 || err != nil || r.Header.Records != 5 || !r.Header.Ended {
		t.Fatalf("%d, %v, %+v", count, err, r.Header)
	}
	if order := r.Order(); !slices.Equal(order, []int{1, 3, 4, 2, 0}) {
		t.Errorf("order %v", order)
	}
	for i, want := range map[int]*Record{1: full, 4: null} {
		if got, err := r.Record(i); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	// A change without records is none; one that could not be recorded is.
	keep(t, j, "nothing")
	c, _ := j.Begin(Header{Line: "lost"})
	c.Missed(1, strings.Repeat("\x01", 5000))
	if err := c.Keep(); err != nil {
		t.Fatal(err)
	}
	if text := lines(t, j); text != "3 lost, 1 mixed" {
		t.Errorf("listed %q", text)
	}
	// Numbers are not given again.
	if err := j.Remove(3); err != nil {
		t.Fatal(err)
	}
	if n := keep(t, New(dir, 0), "next", null); n != 4 {
		t.Errorf("the next change is %d", n)
	}
}

// The journal stays below its limit: the oldest changes go, and a change that
// is larger by itself ends with ErrFull and can be taken out.
func TestLimit(t *testing.T) {
	t.Parallel()
	j := New(t.TempDir(), 64<<10)
	rec := &Record{Kind: Deleted, Path: "/a", Data: bytes.Repeat([]byte("x"), 10_000)}
	for i := range 8 {
		keep(t, j, fmt.Sprint("c", i), rec)
	}
	list, _ := j.List()
	var total int64
	for _, h := range list {
		total += h.Bytes
	}
	if len(list) < 2 || list[0].Line != "c7" || total > 64<<10 {
		t.Errorf("%d changes of %d bytes: %s", len(list), total, lines(t, j))
	}
	// So does the number of changes.
	many := New(t.TempDir(), 0)
	many.most = 40
	for i := range 50 {
		keep(t, many, fmt.Sprint("c", i), &Record{Kind: Created, Path: "/a"})
	}
	if list, err := many.List(); err != nil || len(list) > 40 || len(list) < 20 || list[0].Number != 50 {
		t.Errorf("%d changes, %v", len(list), err)
	}
	c, err := j.Begin(Header{Line: "large"})
	if err != nil {
		t.Fatal(err)
	}
	small := &Record{Kind: Created, Path: "/s"}
	if err := c.Add(small); err != nil {
		t.Fatal(err)
	}
	mark := c.Mark()
	for err == nil {
		err = c.Add(rec)
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("too much: %v", err)
	}
	if err := c.Back(mark); err != nil {
		t.Fatal(err)
	}
	if err := c.Add(small); err != nil {
		t.Errorf("after going back: %v", err)
	}
	if err := c.Keep(); err != nil {
		t.Fatal(err)
	}
	r, err := j.Open(c.Number())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := r.Index(); n != 2 || err != nil || r.Header.Bytes > 5000 {
		t.Errorf("%d records, %v, %d bytes", n, err, r.Header.Bytes)
	}
}

// Shells at the same time never share a number.
func TestSeveralShells(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			j := New(dir, 0)
			for range 5 {
				c, err := j.Begin(Header{Line: "x"})
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(c.Add(&Record{Kind: Created, Path: "/a"}), c.Keep()); err != nil {
					t.Error(err)
				}
			}
			if err := j.Flush(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if list, err := New(dir, 0).List(); len(list) != 40 || err != nil {
		t.Errorf("%d changes, %v", len(list), err)
	}
}

// What a killed shell left is read as far as it is whole; damage is told.
func TestDamage(t *testing.T) {
	t.Parallel()
	j := New(t.TempDir(), 0)
	n := keep(t, j, "x", &Record{Kind: Created, Path: "/a"}, &Record{Kind: Created, Path: "/b"})
	whole, err := os.ReadFile(j.path(file{n, n}))
	if err != nil {
		t.Fatal(err)
	}
	index := func(b []byte) (int, error) {
		if err := os.WriteFile(j.path(file{n, n}), b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := j.Open(n)
		if err != nil {
			return 0, err
		}
		defer r.Close()
		count, err := r.Index()
		for i := range count {
			if _, err := r.Record(i); err != nil {
				return count, err
			}
		}
		return count, err
	}
	if count, err := index(whole[:len(whole)-3]); count != 1 || err != nil {
		t.Errorf("cut: %d, %v", count, err)
	}
	bad := slices.Clone(whole)
	bad[headerLen] = 0xff
	if _, err := index(bad); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a wild length: %v", err)
	}
	bad = slices.Clone(whole)
	bad[headerLen+7] = 99
	if _, err := index(bad); err == nil || !strings.Contains(err.Error(), "unknown kind") {
		t.Errorf("a wild kind: %v", err)
	}
	for _, b := range [][]byte{nil, whole[:100], bytes.Repeat([]byte{0xff}, headerLen)} {
		if _, err := index(b); err == nil {
			t.Errorf("%d bytes were read as a change", len(b))
		}
	}
	if text := lines(t, j); text != "" {
		t.Errorf("a damaged file is listed: %q", text)
	}
}
