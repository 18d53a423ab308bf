package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
)

const (
	created  = protocol.EventNodeCreated
	deleted  = protocol.EventNodeDeleted
	changed  = protocol.EventNodeDataChanged
	children = protocol.EventNodeChildrenChanged
)

// Which event is for which watch, and which watches it uses up.
func TestFire(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind  WatchKind
		path  string // of the watch
		ev    protocol.EventType
		at    string
		fires bool
		stays bool
	}{
		{WatchData, "/a", changed, "/a", true, false},
		{WatchData, "/a", deleted, "/a", true, false},
		{WatchData, "/a", created, "/a", true, false},
		{WatchData, "/a", children, "/a", false, true},
		{WatchData, "/a", changed, "/b", false, true},
		{WatchExist, "/a", created, "/a", true, false},
		{WatchExist, "/a", deleted, "/a", true, false},
		{WatchChildren, "/a", children, "/a", true, false},
		{WatchChildren, "/a", deleted, "/a", true, false},
		{WatchChildren, "/a", changed, "/a", false, true},
		{WatchPersistent, "/a", changed, "/a", true, true},
		{WatchPersistent, "/a", children, "/a", true, true},
		{WatchPersistent, "/a", deleted, "/a", true, true},
		{WatchPersistent, "/a", created, "/a/b", false, true},
		{WatchRecursive, "/a", created, "/a", true, true},
		{WatchRecursive, "/a", created, "/a/b/c", true, true},
		{WatchRecursive, "/a", deleted, "/a/b", true, true},
		{WatchRecursive, "/a", children, "/a", false, true},
		{WatchRecursive, "/a", changed, "/ab", false, true},
		{WatchRecursive, "/", changed, "/x/y", true, true},
		{WatchRecursive, "/", changed, "/", true, true},
	}
	for _, tt := range tests {
		w := newWatchTable()
		w.Add(tt.path, tt.kind)
		if got := w.Fire(tt.ev, tt.at, false); got != tt.fires {
			t.Errorf("%v watch on %s, %v %s: fires %v", tt.kind, tt.path, tt.ev, tt.at, got)
		}
		if got := w.Len() == 1; got != tt.stays {
			t.Errorf("%v watch on %s after %v %s: stays %v", tt.kind, tt.path, tt.ev, tt.at, got)
		}
	}
}

// A znode with several watches fires once and keeps the lasting ones.
func TestFireAll(t *testing.T) {
	t.Parallel()
	w := newWatchTable()
	for k := WatchData; k <= WatchRecursive; k++ {
		w.Add("/a", k)
	}
	if !w.Fire(deleted, "/a", false) || fmt.Sprint(w.List()) != "[/a (persistent) /a (recursive)]" {
		t.Errorf("after the deletion: %v", w.List())
	}
}

func TestReplayedDeletionFiresOnce(t *testing.T) {
	t.Parallel()
	w := newWatchTable()
	w.Add("/a", WatchPersistent)
	w.Learn("/a", present)
	if !w.Fire(deleted, "/a", true) {
		t.Error("the first does not fire")
	}
	if w.Fire(deleted, "/a", true) {
		t.Error("the second fires")
	}
	w.Fire(created, "/a", false)
	if !w.Fire(deleted, "/a", true) {
		t.Error("a later one does not fire")
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	all := func() *watchTable {
		w := newWatchTable()
		for k := WatchData; k <= WatchRecursive; k++ {
			w.Add("/a", k)
			w.Add("/b", k)
		}
		return w
	}
	for kind, want := range map[protocol.WatcherType]string{
		protocol.WatcherData:                "[DataWatchRemoved] 3",
		protocol.WatcherChildren:            "[ChildWatchRemoved] 4",
		protocol.WatcherPersistent:          "[PersistentWatchRemoved] 4",
		protocol.WatcherPersistentRecursive: "[PersistentWatchRemoved] 4",
		protocol.WatcherAny:                 "[DataWatchRemoved ChildWatchRemoved PersistentWatchRemoved] 0",
		99:                                  "[] 5",
	} {
		w := all()
		had := w.Has("/a", kind)
		if got := fmt.Sprintf("%v %d", w.Remove("/a", kind), w.Len()-5); got != want {
			t.Errorf("type %d: got %s, want %s", kind, got, want)
		}
		if w.Has("/a", kind) || had != (kind != 99) {
			t.Errorf("type %d: had %v, has %v", kind, had, w.Has("/a", kind))
		}
	}
}

func TestRearm(t *testing.T) {
	t.Parallel()
	w := newWatchTable()
	w.Add("/d", WatchData)
	w.Add("/e", WatchExist)
	w.Add("/c", WatchChildren)
	for path, e := range map[string]existence{"/p1": present, "/p2": missing, "/p3": unknown} {
		w.Add(path, WatchPersistent)
		w.Learn(path, e)
	}
	w.Add("/r", WatchRecursive)
	w.Learn("/r", present)
	reqs := w.Rearm(9, rearmLimit)
	if len(reqs) != 1 {
		t.Fatalf("%d requests", len(reqs))
	}
	r := reqs[0]
	got := fmt.Sprint(r.RelativeZxid, r.Data, r.Exist, r.Child, r.Persistent, r.PersistentRecursive)
	if want := "0x9 [/d /p1 /r] [/e /p2] [/c /p1] [/p1 /p2 /p3] [/r]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := fmt.Sprint(w.Blind()); got != "[/p3 /r]" {
		t.Errorf("blind: %s", got)
	}
}

// Many watches go in several packets, each within the limit, the lasting ones
// last.
func TestRearmSplits(t *testing.T) {
	t.Parallel()
	w := newWatchTable()
	var want []string
	for i := range 100 {
		p := fmt.Sprintf("/%03d", i)
		want = append(want, p)
		w.Add(p, WatchData)
		w.Add(p, WatchRecursive)
	}
	const limit = 80
	var data, recursive []string
	for _, r := range w.Rearm(1, limit) {
		if size := 8 * (len(r.Data) + len(r.PersistentRecursive)); size > limit {
			t.Errorf("a packet has %d bytes of paths", size)
		}
		if len(r.Data) > 0 && len(recursive) > 0 {
			t.Error("a one-shot watch comes after a lasting one")
		}
		data, recursive = append(data, r.Data...), append(recursive, r.PersistentRecursive...)
	}
	if !slices.Equal(data, want) || !slices.Equal(recursive, want) {
		t.Errorf("%d and %d watches of 100", len(data), len(recursive))
	}
	long := newWatchTable()
	long.Add("/"+strings.Repeat("x", 2*limit), WatchData)
	if reqs := long.Rearm(1, limit); len(reqs) != 1 {
		t.Errorf("one long path makes %d requests", len(reqs))
	}
}
