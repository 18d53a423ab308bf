package watch

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/acl"
	"zookit/server/tree"
)

// conn is a connection that notes what it is told as "type path".
type conn struct {
	id    protocol.SessionID
	ids   []protocol.ID
	got   []string
	zxids []protocol.Zxid
}

func (c *conn) Session() protocol.SessionID { return c.id }
func (c *conn) IDs() []protocol.ID          { return c.ids }
func (c *conn) Deliver(ev *Event) {
	c.got = append(c.got, fmt.Sprintf("%d %s", ev.Type, ev.Path))
	c.zxids = append(c.zxids, ev.Zxid)
}

func (c *conn) take() []string {
	got := c.got
	c.got, c.zxids = nil, nil
	return got
}

// world is a tree and its watches; every txn is applied and triggers.
type world struct {
	t    *testing.T
	tree *tree.Tree
	*Tables
	zxid protocol.Zxid
	r    tree.Result
}

func newWorld(t *testing.T, paths ...string) *world {
	w := &world{t: t, tree: tree.New(tree.Options{}), Tables: NewTables(acl.Default())}
	for _, p := range paths {
		w.create(p, protocol.OpenACL)
	}
	return w
}

func (w *world) apply(op protocol.OpCode, body protocol.Record) {
	w.t.Helper()
	w.zxid++
	w.tree.Apply(&txn.Txn{Header: txn.Header{Session: 9, Zxid: w.zxid, Type: op}, Body: body}, &w.r)
	if w.r.Err != protocol.OK {
		w.t.Fatalf("%v %+v: %v", op, body, w.r.Err)
	}
	for i := range w.r.Events {
		w.Trigger(&w.r.Events[i], w.zxid)
	}
	check(w.t, w.Tables)
}

func (w *world) create(path string, acl []protocol.ACL) {
	w.t.Helper()
	w.apply(protocol.OpCreate, &txn.Create{Path: path, ACL: acl, ParentCversion: -1})
}
func (w *world) set(path string) {
	w.t.Helper()
	w.apply(protocol.OpSetData, &txn.SetData{Path: path})
}
func (w *world) remove(path string) {
	w.t.Helper()
	w.apply(protocol.OpDelete, &txn.Delete{Path: path})
}

// step runs "create /p", "set /p" or "delete /p".
func (w *world) step(s string) {
	w.t.Helper()
	op, path, _ := strings.Cut(s, " ")
	switch op {
	case "create":
		w.create(path, protocol.OpenACL)
	case "set":
		w.set(path)
	case "delete":
		w.remove(path)
	default:
		w.t.Fatalf("no step %q", s)
	}
}

// check compares the counts with the records.
func check(t *testing.T, w *Tables) {
	t.Helper()
	data, child, recursive := 0, 0, 0
	dataPaths := map[uint32]bool{}
	for _, r := range w.watches {
		if r.modes&inData != 0 {
			data++
			dataPaths[r.path] = true
		}
		if r.modes&inChild != 0 {
			child++
		}
		if r.modes&Recursive != 0 {
			recursive++
		}
	}
	if w.data != data || w.child != child || w.recursive != recursive || w.dataPaths != len(dataPaths) {
		t.Fatalf("counts %d %d %d %d, want %d %d %d %d", w.data, w.child, w.recursive, w.dataPaths, data, child, recursive, len(dataPaths))
	}
}

// The matrix of what each kind of watch on /w sees, each change alone.
func TestMatrix(t *testing.T) {
	t.Parallel()
	changes := []string{"create /w/n", "set /w/o", "delete /w/o", "set /w", "delete /w/g", "create /w/o/x", "delete /w/g/x"}
	for _, c := range []struct {
		name string
		mode Mode
		want []string // one for each change; "" for silence
		left bool     // still armed after an event
	}{
		{"data", DataOneShot, []string{"", "", "", "3 /w", "", "", ""}, false},
		{"child", ChildOneShot, []string{"4 /w", "", "4 /w", "", "4 /w", "", ""}, false},
		{"persistent", Persistent, []string{"4 /w", "", "4 /w", "3 /w", "4 /w", "", ""}, true},
		{"recursive", Recursive, []string{"1 /w/n", "3 /w/o", "2 /w/o", "3 /w", "2 /w/g", "1 /w/o/x", "2 /w/g/x"}, true},
		{"data and child", DataOneShot | ChildOneShot, []string{"4 /w", "", "4 /w", "3 /w", "4 /w", "", ""}, true},
		{"persistent and recursive", Persistent | Recursive, []string{"4 /w 1 /w/n", "3 /w/o", "4 /w 2 /w/o", "3 /w", "4 /w 2 /w/g", "1 /w/o/x", "2 /w/g/x"}, true},
		{"all", DataOneShot | ChildOneShot | Persistent | Recursive, []string{"4 /w 1 /w/n", "3 /w/o", "4 /w 2 /w/o", "3 /w", "4 /w 2 /w/g", "1 /w/o/x", "2 /w/g/x"}, true},
	} {
		for i, change := range changes {
			w := newWorld(t, "/w", "/w/o", "/w/g", "/w/g/x")
			if change == "delete /w/g" {
				w.remove("/w/g/x")
			}
			a := &conn{}
			w.Add("/w", a, c.mode)
			w.step(change)
			slices.SortFunc(a.got, func(x, y string) int { return strings.Compare(y, x) }) // "4 /w" first
			if got := strings.Join(a.take(), " "); got != c.want[i] {
				t.Errorf("%s, %s: %q, want %q", c.name, change, got, c.want[i])
			}
			if left := w.Check("/w", protocol.WatcherAny, a) == protocol.OK; c.want[i] != "" && left != c.left {
				t.Errorf("%s, %s: armed afterwards: %v", c.name, change, left)
			}
		}
	}
}

func TestStories(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		paths []string
		set   map[string]Mode
		steps []string
		want  []string
	}{
		{"deletion is told once, whatever the watches", []string{"/w"}, map[string]Mode{"/w": DataOneShot | ChildOneShot | Persistent | Recursive},
			[]string{"delete /w"}, []string{"2 /w"}},
		{"child watch sees the deletion of its znode", []string{"/w"}, map[string]Mode{"/w": ChildOneShot}, []string{"delete /w"}, []string{"2 /w"}},
		{"exists on a missing znode", nil, map[string]Mode{"/w": DataOneShot}, []string{"create /w", "set /w"}, []string{"1 /w"}},
		{"one-shot", []string{"/w"}, map[string]Mode{"/w": DataOneShot}, []string{"set /w", "set /w"}, []string{"3 /w"}},
		{"persistent stays through a new creation", []string{"/w"}, map[string]Mode{"/w": Persistent},
			[]string{"set /w", "delete /w", "create /w", "create /w/n"}, []string{"3 /w", "2 /w", "1 /w", "4 /w"}},
		{"recursive stays through a new creation", []string{"/w"}, map[string]Mode{"/w": Recursive},
			[]string{"delete /w", "create /w", "create /w/n", "create /w/n/m"}, []string{"2 /w", "1 /w", "1 /w/n", "1 /w/n/m"}},
		{"recursive on the root sees all", nil, map[string]Mode{"/": Recursive}, []string{"create /a", "set /a", "set /"}, []string{"1 /a", "3 /a", "3 /"}},
		{"children of the root", nil, map[string]Mode{"/": ChildOneShot}, []string{"create /a", "delete /a"}, []string{"4 /"}},
		{"a one-shot below a recursive watch gives one event", []string{"/w", "/w/n"}, map[string]Mode{"/w": Recursive, "/w/n": DataOneShot},
			[]string{"set /w/n", "set /w/n"}, []string{"3 /w/n", "3 /w/n"}},
		{"recursive does not see a sibling with the same beginning", []string{"/w", "/wx"}, map[string]Mode{"/w": Recursive}, []string{"set /wx"}, nil},
		{"two recursive watches above give one event", []string{"/w", "/w/n"}, map[string]Mode{"/": Recursive, "/w": Recursive}, []string{"set /w/n"}, []string{"3 /w/n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, a := newWorld(t, c.paths...), &conn{}
			for path, mode := range c.set {
				w.Add(path, a, mode)
			}
			for _, s := range c.steps {
				w.step(s)
			}
			if got := a.take(); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A standard watch over a persistent one must not replace it (ZOOKEEPER-4466).
func TestZK4466WatchesSideBySide(t *testing.T) {
	t.Parallel()
	w, a := newWorld(t, "/w"), &conn{}
	w.Add("/w", a, Persistent)
	w.Add("/w", a, DataOneShot)
	w.set("/w")
	w.set("/w")
	if got, want := a.take(), []string{"3 /w", "3 /w"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if w.Check("/w", protocol.WatcherPersistent, a) != protocol.OK || w.Check("/w", protocol.WatcherData, a) != protocol.NoWatcher {
		t.Error("the persistent watch alone should be left")
	}
}

// Only who may read learns of a change, and a one-shot watch is gone either way
// (CVE-2024-23944).
func TestCVE2024_23944EventsNeedRead(t *testing.T) {
	t.Parallel()
	secret := []protocol.ACL{{Perms: protocol.PermRead, Scheme: "digest", ID: "bob:x="}}
	bob := &conn{ids: []protocol.ID{{Scheme: "digest", ID: "bob:x="}}}
	eve := &conn{ids: []protocol.ID{{Scheme: "ip", ID: "10.0.0.1"}}}
	w := newWorld(t)
	for _, c := range []*conn{bob, eve} {
		w.Add("/s", c, DataOneShot)
		w.Add("/", c, ChildOneShot)
		w.Add("/", c, Recursive)
	}
	w.create("/s", secret)
	if got, want := bob.take(), []string{"1 /s", "4 /"}; !slices.Equal(got, want) {
		t.Errorf("bob: %q, want %q", got, want)
	}
	if got, want := eve.take(), []string{"4 /"}; !slices.Equal(got, want) { // the root is open
		t.Errorf("eve: %q, want %q", got, want)
	}
	if w.Check("/s", protocol.WatcherData, eve) != protocol.NoWatcher {
		t.Error("the filtered one-shot watch is still armed")
	}
	w.create("/s/n", protocol.OpenACL)
	w.Add("/s", eve, ChildOneShot)
	w.remove("/s/n") // /s/n is open, the list of children of /s is not
	if got, want := eve.take(), []string{"1 /s/n", "2 /s/n"}; !slices.Equal(got, want) {
		t.Errorf("eve: %q, want %q", got, want)
	}
	eve.ids = bob.ids // authenticated since
	w.remove("/s")
	if got, want := eve.take(), []string{"2 /s"}; !slices.Equal(got, want) {
		t.Errorf("eve after authentication: %q, want %q", got, want)
	}
}

func TestSetWatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "/old", "/kids", "/kept") // zxids 1 to 3
	w.create("/kids/a", protocol.OpenACL)
	w.create("/new", protocol.OpenACL)
	w.set("/old")
	const seen = 3
	a := &conn{}
	all := []string{"/old", "/kids", "/kept", "/new", "/gone"}
	w.SetWatches(&protocol.SetWatches2Request{RelativeZxid: seen, Data: all, Exist: all, Child: all,
		Persistent: []string{"/kept", "/gone"}, PersistentRecursive: []string{"/old"}}, a, w.tree, a.Deliver)
	want := []string{
		"3 /old", "3 /new", "2 /gone", // data; /new was made since
		"1 /old", "1 /kids", "1 /kept", "1 /new", // exist: present is Created, whenever it was
		"4 /kids", "4 /new", "2 /gone", // child
	}
	zxids := a.zxids
	if got := a.take(); !slices.Equal(got, want) {
		t.Errorf("replayed %q\nwant %q", got, want)
	}
	for _, z := range zxids {
		if z != NoZxid {
			t.Fatalf("a replayed event carries zxid %v", z)
		}
	}
	armed := map[string]Mode{"/old": ChildOneShot | Recursive, "/kids": DataOneShot, "/kept": DataOneShot | ChildOneShot | Persistent, "/gone": DataOneShot | Persistent}
	for _, path := range all {
		var got Mode
		if i := w.lookup(path, a); i != 0 {
			got = w.watches[i].modes
		}
		if got != armed[path] {
			t.Errorf("%s is armed with %b, want %b", path, got, armed[path])
		}
	}
	check(t, w.Tables)
}

func TestZK4471OneKindIsRemoved(t *testing.T) {
	t.Parallel()
	kinds := []protocol.WatcherType{protocol.WatcherChildren, protocol.WatcherData, protocol.WatcherAny, protocol.WatcherPersistent, protocol.WatcherPersistentRecursive}
	for mode := Mode(0); mode < 16; mode++ {
		for _, kind := range kinds {
			w, a, b := newWorld(t), &conn{}, &conn{}
			w.Add("/p", b, DataOneShot|ChildOneShot|Persistent|Recursive)
			if mode != 0 {
				w.Add("/p", a, mode)
			}
			gone := map[protocol.WatcherType]Mode{1: ChildOneShot, 2: DataOneShot, 3: 15, 4: Persistent, 5: Recursive}[kind]
			want := protocol.OK
			if mode&gone == 0 {
				want = protocol.NoWatcher
			}
			if got := w.Check("/p", kind, a); got != want {
				t.Fatalf("check of kind %d with modes %04b: %v, want %v", kind, mode, got, want)
			}
			if got := w.Remove("/p", kind, a); got != want {
				t.Fatalf("removal of kind %d with modes %04b: %v, want %v", kind, mode, got, want)
			}
			var left Mode
			if i := w.lookup("/p", a); i != 0 {
				left = w.watches[i].modes
			}
			if left != mode&^gone {
				t.Fatalf("kind %d removed from %04b leaves %04b", kind, mode, left)
			}
			if w.Check("/p", protocol.WatcherPersistent, b) != protocol.OK {
				t.Fatal("another watcher's watch is gone")
			}
			check(t, w.Tables)
		}
	}
	w, a := newWorld(t), &conn{}
	w.Add("/p", a, Persistent)
	for _, kind := range []protocol.WatcherType{0, 6, -1} {
		if w.Check("/p", kind, a) != protocol.MarshallingError || w.Remove("/p", kind, a) != protocol.MarshallingError {
			t.Errorf("kind %d is taken", kind)
		}
	}
}

// listing collects that many entries at a time, and no more.
func (w *world) listing(step int) *Listing {
	w.t.Helper()
	l := new(Listing)
	for steps := 1; l.Collect(w.Tables, step); steps++ {
		if have := len(l.sessions) + len(l.watches); have > steps*step {
			w.t.Fatalf("%d entries in %d steps of %d", have, steps, step)
		}
	}
	return l
}

func TestDumps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "/a", "/b")
	x, y := &conn{id: 0x20}, &conn{id: 0x10}
	w.Add("/b", x, DataOneShot)
	w.Add("/a", x, Recursive)
	w.Add("/a", y, Persistent)
	w.Add("/c", y, ChildOneShot) // Apache's words know the data table alone
	if got, want := w.Counts(), (Counts{Connections: 2, Paths: 2, Watches: 3}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if got := w.Count(); got != 5 { // /b, /a, /a twice, /c
		t.Errorf("watch count %d", got)
	}
	for step := 1; step < 4; step++ {
		if got, want := fmt.Sprint(w.listing(step).BySession()), "[{0x10 [/a]} {0x20 [/a /b]}]"; got != want {
			t.Errorf("by session %s, want %s", got, want)
		}
		if got, want := fmt.Sprint(w.listing(step).ByPath()), "[{/a [0x10 0x20]} {/b [0x20]}]"; got != want {
			t.Errorf("by path %s, want %s", got, want)
		}
	}
	w.set("/b")
	w.Remove("/a", protocol.WatcherAny, x) // removed by hand, it has none left in the table
	if got, want := w.Counts(), (Counts{Connections: 1, Paths: 1, Watches: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	z := &conn{id: 0x30}
	w.Add("/a", z, DataOneShot)
	w.set("/a") // fired: Apache counts the connection until it ends
	if got, want := w.Counts(), (Counts{Connections: 2, Paths: 1, Watches: 1}); got != want {
		t.Errorf("counts after firing %+v, want %+v", got, want)
	}
	if got, want := fmt.Sprint(w.listing(100).BySession()), "[{0x10 [/a]} {0x30 []}]"; got != want {
		t.Errorf("after firing, by session %s, want %s", got, want)
	}
	// Between two steps watches come and go, and come back.
	l := new(Listing)
	for l.Collect(w.Tables, 1) {
		w.Remove("/a", protocol.WatcherAny, y)
		w.Add("/new", y, DataOneShot)
		w.Add("/a", y, Persistent)
		w.Remove("/new", protocol.WatcherAny, y)
	}
	if got := l.ByPath(); len(got) != 1 || len(got[0].Sessions) != 1 {
		t.Errorf("while watches change %v, want the one that stays, once", got)
	}
	for _, c := range []*conn{x, y, z} {
		w.RemoveWatcher(c)
	}
	if got := w.Counts(); got != (Counts{}) || w.Count() != 0 || len(w.byPath) != 0 || len(w.byWatcher) != 0 {
		t.Errorf("left after all are gone: %+v", got)
	}
}

func TestFrame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "/a")
	c := &frames{}
	w.Add("/a", c, DataOneShot)
	w.set("/a")
	want := []byte("\x00\x00\x00\x1e" + "\xff\xff\xff\xff" + "\x00\x00\x00\x00\x00\x00\x00\x02" + "\x00\x00\x00\x00" +
		"\x00\x00\x00\x03" + "\x00\x00\x00\x03" + "\x00\x00\x00\x02/a")
	if len(c.got) != 1 || !bytes.Equal(c.got[0], want) {
		t.Errorf("frames %x\nwant %x", c.got, want)
	}
}

type frames struct {
	conn
	got [][]byte
}

func (f *frames) Deliver(ev *Event) { f.got = append(f.got, ev.Frame()) }

// All watchers share one frame, and the path does not alias a borrowed one.
func TestFanOutSharesTheFrame(t *testing.T) {
	w := newWorld(t, "/a")
	var all []*frames
	for range 1000 {
		f := &frames{}
		all = append(all, f)
		w.Add("/a", f, DataOneShot)
	}
	w.set("/a")
	for _, f := range all {
		if len(f.got) != 1 || &f.got[0][0] != &all[0].got[0][0] {
			t.Fatal("a watcher has a frame of its own, or none")
		}
	}
	path := []byte("/borrowed")
	c := &conn{}
	w.Add(string(path), c, Persistent)
	copy(path, "/OVERWRITTEN")
	if w.Check("/borrowed", protocol.WatcherPersistent, c) != protocol.OK {
		t.Error("the path was not copied")
	}
}

// Random use against a map from (watcher, path) to modes.
func TestModel(t *testing.T) {
	t.Parallel()
	type key struct {
		c    *conn
		path string
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := NewTables(acl.Default())
	model := map[key]Mode{}
	conns := make([]*conn, 5)
	for i := range conns {
		conns[i] = &conn{id: protocol.SessionID(i)}
	}
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/a/c", "/ab"}
	for range 20000 {
		k := key{conns[rng.IntN(len(conns))], paths[rng.IntN(len(paths))]}
		switch rng.IntN(6) {
		case 0, 1:
			m := Mode(1) << rng.IntN(4)
			w.Add(k.path, k.c, m)
			model[k] |= m
		case 2:
			kind := protocol.WatcherType(1 + rng.IntN(5))
			gone, _ := modesOf(kind)
			if (w.Remove(k.path, kind, k.c) == protocol.OK) != (model[k]&gone != 0) {
				t.Fatalf("removal of %v, modes %04b", kind, model[k])
			}
			model[k] &^= gone
		case 3:
			if rng.IntN(10) == 0 {
				w.RemoveWatcher(k.c)
				maps.DeleteFunc(model, func(m key, _ Mode) bool { return m.c == k.c })
			}
		default:
			ev := &tree.Event{Type: protocol.EventType(1 + rng.IntN(4)), Path: k.path}
			want := map[*conn]bool{}
			for m, modes := range model {
				above := m.path == "/" || strings.HasPrefix(ev.Path, m.path+"/")
				match, consume := Mode(0), Mode(0)
				if ev.Type != protocol.EventNodeChildrenChanged {
					if m.path == ev.Path {
						match, consume = match|inData, consume|DataOneShot
					} else if above {
						match |= Recursive
					}
				}
				if m.path == ev.Path && (ev.Type == protocol.EventNodeChildrenChanged || ev.Type == protocol.EventNodeDeleted) {
					match, consume = match|inChild, consume|ChildOneShot
				}
				if modes&match != 0 {
					want[m.c] = true
					model[m] &^= consume
				}
			}
			w.Trigger(ev, 1)
			for _, c := range conns {
				if n := len(c.take()); n > 1 || (n == 1) != want[c] {
					t.Fatalf("%d events of type %d on %s, want %v", n, ev.Type, ev.Path, want[c])
				}
			}
		}
		check(t, w)
	}
	for k, modes := range model {
		var got Mode
		if i := w.lookup(k.path, k.c); i != 0 {
			got = w.watches[i].modes
		}
		if got != modes {
			t.Errorf("%d %s: modes %04b, want %04b", k.c.id, k.path, got, modes)
		}
	}
}

func BenchmarkFanOut1000(b *testing.B) {
	w := NewTables(acl.Default())
	for range 1000 {
		w.Add("/a", &quiet{}, Persistent)
	}
	ev := &tree.Event{Type: protocol.EventNodeDataChanged, Path: "/a", ACL: protocol.OpenACL}
	b.ReportAllocs()
	for b.Loop() {
		w.Trigger(ev, 1)
	}
}

func BenchmarkAddTrigger(b *testing.B) {
	w := NewTables(acl.Default())
	c := &quiet{}
	ev := &tree.Event{Type: protocol.EventNodeDataChanged, Path: "/some/path", ACL: protocol.OpenACL}
	b.ReportAllocs()
	for b.Loop() {
		w.Add("/some/path", c, DataOneShot)
		w.Trigger(ev, 1)
	}
}

// BenchmarkMemory reports the heap bytes of a watch: 1,000 connections with 300
// watches each, on paths of 20 bytes, each watched by three.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		w := NewTables(acl.Default())
		conns := make([]*quiet, 1000)
		for i := range conns {
			conns[i] = &quiet{}
		}
		for i := range 300_000 {
			w.Add(fmt.Sprintf("/app/group/%09d", i/3), conns[i%1000], DataOneShot)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/300_000, "B/watch")
		runtime.KeepAlive(w)
	}
}

type quiet struct{ n int }

func (q *quiet) Session() protocol.SessionID { return 1 }
func (q *quiet) IDs() []protocol.ID          { return nil }
func (q *quiet) Deliver(*Event)              { q.n++ }
