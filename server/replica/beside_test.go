package replica

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/storage"
	"zookit/server/vfs"
	"zookit/server/watch"
)

// watcher is a connection whose queue is filled by commits while it reads.
type watcher struct {
	mu     sync.Mutex
	events int
}

func (w *watcher) Session() protocol.SessionID { return 1 }
func (w *watcher) IDs() []protocol.ID          { return nil }
func (w *watcher) Deliver(*watch.Event) {
	w.mu.Lock()
	w.events++
	w.mu.Unlock()
}

func (w *watcher) drain() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.events
	w.events = 0
	return n
}

// No wake-up is lost and none is early: whoever reads with a watch, again and
// again, has an event in its queue before a reply that shows a change, and none
// when the reply shows none.
func TestReadersBesideCommits(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := g.connect()
	c.do(protocol.OpCreate, createOf("/a", 0))
	c.take()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	var changes [4]atomic.Int64 // that each reader has seen
	for i := range changes {
		readers.Go(func() {
			w := &watcher{}
			reader := Reader{Watcher: w}
			body := (&protocol.GetDataRequest{Path: "/a", Watch: true}).AppendTo(nil)
			s := g.r.State()
			var out []byte
			last, reads := "", 0
			for {
				s.RLock()
				events := w.drain()
				out, _ = s.AppendRead(out[:0], protocol.RequestHeader{Xid: 1, Type: protocol.OpGetData}, body, &reader)
				s.RUnlock()
				var r protocol.GetDataResponse
				if err := r.Decode(jute.NewDecoder(out[4+protocol.ReplyHeaderLen:])); err != nil {
					t.Error(err)
					return
				}
				if changed := string(r.Data) != last; reads > 0 && changed != (events == 1) {
					t.Errorf("reader %d: from %q to %q with %d events", i, last, r.Data, events)
					return
				} else if changed {
					changes[i].Add(1)
				}
				last = string(r.Data)
				reads++
				select {
				case <-stop:
					s.RemoveWatcher(w)
					return
				default:
				}
			}
		})
	}
	slowest := func() (n int64) {
		n = changes[0].Load()
		for i := range changes {
			n = min(n, changes[i].Load())
		}
		return n
	}
	for n := 0; slowest() < 50 && !t.Failed(); n++ {
		c.write(protocol.OpSetData, setOf("/a", fmt.Sprint(n)))
		if n%3 == 0 {
			g.settle()
		}
	}
	g.settle()
	close(stop)
	readers.Wait()
	if got := g.r.State().Status().Watches.Watches; got != 0 {
		t.Errorf("%d watches left", got)
	}
}

// A snapshot written while txns go on, and the log behind it, give the same
// state again.
func TestRecoveryFromDisk(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	open := func() *storage.Store {
		store, err := storage.Open(storage.Config{FS: fs, DataDir: "/data"})
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	recovered := func(store *storage.Store) (*rig, storage.Recovered) {
		r, err := New(testConfig())
		if err != nil {
			t.Fatal(err)
		}
		found, err := store.Recover(r.Sink())
		if err != nil {
			t.Fatal(err)
		}
		g := &rig{t: t, r: r, now: Now{MonoMs: 1, WallMs: 1_000_000}}
		if err := r.Start(g.now); err != nil {
			t.Fatal(err)
		}
		return g, found
	}
	store := open()
	g, found := recovered(store)
	src, zxid := g.r.state.beginSnapshot()
	if err := store.Snapshot(zxid, src); err != nil || zxid != 0 || !found.Fresh {
		t.Fatalf("snapshot %v of a fresh directory (%v): %v", zxid, found.Fresh, err)
	}
	written := 0
	flush := func() {
		g.settle()
		for ; written < len(g.log); written++ {
			if err := store.Append(g.log[written : written+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := g.connect()
	c.do(protocol.OpCreate, createOf("/dir", 0))
	change := func(from, to int) {
		for i := from; i < to; i++ {
			c.write(protocol.OpCreate, createOf(fmt.Sprintf("/dir/%d", i), protocol.CreateFlag(i%2)))
			c.write(protocol.OpSetData, setOf(fmt.Sprintf("/dir/%d", i/2), strings.Repeat("v", i%50)))
			c.write(protocol.OpDelete, &protocol.DeleteRequest{Path: fmt.Sprintf("/dir/%d", i/3), Version: -1})
			if i%5 == 0 {
				c.write(protocol.OpSetACL, &protocol.SetACLRequest{Path: fmt.Sprintf("/dir/%d", i-1), ACL: protocol.ReadACL, Version: -1})
			}
			flush()
		}
	}
	change(0, 100)
	g.r.TakeSnapshot()
	rd := g.ready()
	if rd.Snapshot == nil || !rd.Roll {
		t.Fatalf("ready %+v", rd)
	}
	if err := store.Roll(); err != nil {
		t.Fatal(err)
	}
	change(100, 200) // the snapshot is written over a state that went on
	if err := store.Snapshot(rd.SnapshotZxid, rd.Snapshot); err != nil {
		t.Fatal(err)
	}
	g.r.SnapshotDone(nil)
	change(200, 250)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	store = open()
	again, found := recovered(store)
	if found.SnapshotZxid != rd.SnapshotZxid || found.Txns == 0 {
		t.Errorf("recovered %+v, want snapshot %v and the log behind it", found, rd.SnapshotZxid)
	}
	x, y := g.r.State().Status(), again.r.State().Status()
	x.Watches = y.Watches
	if x != y || g.r.state.tree.Digest() != again.r.state.tree.Digest() {
		t.Errorf("digest 0x%x, status %+v\nrecovered 0x%x, %+v", g.r.state.tree.Digest(), x, again.r.state.tree.Digest(), y)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
