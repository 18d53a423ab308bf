package tree

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

func noLock() *sync.RWMutex { return new(sync.RWMutex) }

// memorySnapshot keeps a snapshot.
type memorySnapshot struct {
	sessions map[protocol.SessionID]int32
	acls     map[int64][]protocol.ACL
	nodes    []savedNode
	digest   ZxidDigest
	ended    bool
	asApache bool // an ACL key may be missing from the map
}

type savedNode struct {
	path string
	data []byte
	key  int64
	st   protocol.StatPersisted
}

func (w *memorySnapshot) BeginSessions(n int) error {
	w.sessions = map[protocol.SessionID]int32{}
	return nil
}
func (w *memorySnapshot) Session(id protocol.SessionID, ms int32) error {
	w.sessions[id] = ms
	return nil
}
func (w *memorySnapshot) BeginACLs(n int) error {
	w.acls = map[int64][]protocol.ACL{}
	return nil
}
func (w *memorySnapshot) ACL(key int64, acl []protocol.ACL) error {
	w.acls[key] = acl
	return nil
}
func (w *memorySnapshot) Node(path string, data []byte, key int64, st *protocol.StatPersisted) error {
	if _, ok := w.acls[key]; !ok && key != openKey && !w.asApache {
		return fmt.Errorf("znode %q: ACL key %d is not in the map", path, key)
	}
	w.nodes = append(w.nodes, savedNode{strings.Clone(path), bytes.Clone(data), key, *st})
	if data != nil && w.nodes[len(w.nodes)-1].data == nil {
		w.nodes[len(w.nodes)-1].data = []byte{}
	}
	return nil
}
func (w *memorySnapshot) EndNodes() error { w.ended = true; return nil }
func (w *memorySnapshot) Digest(zxid protocol.Zxid, version int32, digest uint64) error {
	w.digest = ZxidDigest{zxid, version, digest}
	return nil
}

// restore loads the snapshot as storage does.
func (w *memorySnapshot) restore(to *Tree, zxid protocol.Zxid) error {
	r := &Restorer{Tree: to}
	r.Reset()
	for id, ms := range w.sessions {
		r.RestoreSession(id, ms)
	}
	for key, acl := range w.acls {
		r.RestoreACL(key, acl)
	}
	for _, n := range w.nodes {
		st := n.st
		if err := r.RestoreNode(n.path, n.data, n.key, &st); err != nil {
			return err
		}
	}
	return r.EndSnapshot(zxid, w.digest.Zxid, w.digest.Version, w.digest.Digest)
}

// fuzzy takes a snapshot of g's tree while txns go on, and returns it, its zxid
// and the txns since. As Apache takes it, it holds young znodes too and shows
// every ACL as it is, in its map or not.
func fuzzy(t *testing.T, g *generator, asApache bool) (*memorySnapshot, protocol.Zxid, []*txn.Txn) {
	t.Helper()
	g.modern = true
	s := g.tr.BeginSnapshot()
	w := &memorySnapshot{asApache: asApache}
	if asApache {
		s.generation = math.MaxUint32
	}
	if err := s.writeTables(w); err != nil {
		t.Fatal(err)
	}
	var since []*txn.Txn
	c := chunk{limit: 3} // znodes
	for more := true; more; {
		if asApache {
			clear(s.oldACL)
		}
		more = s.fill(&c)
		if err := c.writeTo(w); err != nil {
			t.Fatal(err)
		}
		for range g.rng.IntN(4) {
			since = append(since, g.next())
		}
	}
	w.digest = ZxidDigest{g.tr.LastZxid(), DigestVersion, g.tr.Digest()}
	s.Close()
	for range g.rng.IntN(20) {
		since = append(since, g.next())
	}
	return w, s.Zxid(), since
}

// A fuzzy snapshot and the txns since make the same tree, and any suffix of the
// txns applied once more leaves it so.
func TestFuzzySnapshotReplay(t *testing.T) {
	t.Parallel()
	for i := range 30 {
		seed, asApache := rand.Uint64(), i%2 == 1
		t.Run(fmt.Sprintf("seed=%d/asApache=%v", seed, asApache), func(t *testing.T) {
			t.Parallel()
			g := newGenerator(seed)
			for range 150 {
				g.next()
			}
			w, zxid, since := fuzzy(t, g, asApache)
			got := New(g.tr.opt)
			if err := w.restore(got, zxid); err != nil {
				t.Fatal(err)
			}
			replay := &Restorer{Tree: got, OnMismatch: func(z protocol.Zxid) { t.Errorf("digest mismatch at %v", z) }}
			for _, x := range since {
				replay.Apply(x)
			}
			if n := got.UnresolvedACLs(); n != 0 {
				t.Errorf("%d ACLs are unresolved", n)
			}
			want := clientView(g.tr)
			if view := clientView(got); view != want {
				t.Fatalf("after the replay: %s", firstDifference(view, want))
			}
			if got.Digest() != g.tr.Digest() || !slices.Equal(got.Sessions(), g.tr.Sessions()) || got.LastZxid() != g.tr.LastZxid() {
				t.Fatal("digest, sessions or zxid differ after the replay")
			}
			from := g.rng.IntN(len(since) + 1)
			var r Result
			for _, x := range since[from:] {
				got.Apply(x, &r)
			}
			if view := clientView(got); view != want {
				t.Fatalf("after a second replay from txn %d of %d: %s", from, len(since), firstDifference(view, want))
			}
		})
	}
}

// Young znodes are left out, and an old one shows the ACL that the map has.
func TestZK3306SnapshotHasEveryACL(t *testing.T) {
	t.Parallel()
	tr := New(Options{Digest: true})
	h := history{}
	var r Result
	old := []protocol.ACL{{Perms: 31, Scheme: "digest", ID: "old:x"}}
	young := []protocol.ACL{{Perms: 31, Scheme: "digest", ID: "young:x"}}
	tr.Apply(h.next(protocol.OpCreate, &txn.Create{Path: "/a", ACL: old, ParentCversion: 1}), &r)
	s := tr.BeginSnapshot()
	tr.Apply(h.next(protocol.OpSetACL, &txn.SetACL{Path: "/a", ACL: young, Version: 1}), &r)
	tr.Apply(h.next(protocol.OpCreate, &txn.Create{Path: "/b", ACL: young, ParentCversion: 2}), &r)
	w := &memorySnapshot{}
	if err := s.WriteTo(w, noLock()); err != nil { // Node refuses an unknown key
		t.Fatal(err)
	}
	var paths []string
	for _, n := range w.nodes {
		paths = append(paths, n.path)
		if n.path == "/a" && !slices.Equal(w.acls[n.key], old) {
			t.Errorf("/a is written with %v", w.acls[n.key])
		}
	}
	if want := []string{"", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/a"}; !slices.Equal(paths, want) {
		t.Errorf("written: %q, want %q", paths, want)
	}
	if len(tr.snapshots) != 0 {
		t.Error("the snapshot was not closed")
	}
}

func TestSnapshotOfResetTree(t *testing.T) {
	t.Parallel()
	tr := New(Options{})
	s := tr.BeginSnapshot()
	(&Restorer{Tree: tr}).Reset()
	if err := s.WriteTo(&memorySnapshot{}, noLock()); err != ErrAbandoned {
		t.Errorf("got %v", err)
	}
}

// A snapshot of Apache can refer to an ACL that its map lacks (ZOOKEEPER-4846).
func TestZK4846ACLMissingFromASnapshot(t *testing.T) {
	t.Parallel()
	w := &memorySnapshot{acls: map[int64][]protocol.ACL{}, nodes: []savedNode{
		{path: "", key: openKey}, {path: "/lost", key: 7}, {path: "/found", key: 8},
	}}
	tr := New(Options{})
	if err := w.restore(tr, 10); err != nil {
		t.Fatal(err)
	}
	if n, _ := tr.Lookup("/lost"); !slices.Equal(n.ACL(), closedACL) {
		t.Errorf("an unknown ACL is read as %v, want a closed one", n.ACL())
	}
	var r Result
	x := &txn.Txn{Header: txn.Header{Zxid: 11, Type: protocol.OpCreate}, Body: &txn.Create{Path: "/found", ACL: protocol.ReadACL, ParentCversion: 1}}
	tr.Apply(x, &r)
	n, _ := tr.Lookup("/found")
	if r.Err != protocol.NodeExists || !slices.Equal(n.ACL(), protocol.ReadACL) || tr.UnresolvedACLs() != 1 {
		t.Errorf("after the replayed create: %v, ACL %v, %d unresolved", r.Err, n.ACL(), tr.UnresolvedACLs())
	}
	if tr.acls.entries[n.n.acl].key <= 8 {
		t.Error("an ACL key of the snapshot was given again")
	}
}

func TestRestoreRefusals(t *testing.T) {
	t.Parallel()
	var st protocol.StatPersisted
	for name, paths := range map[string][]string{
		"no root": {}, "no root first": {"/a"}, "orphan": {"", "/a/b"}, "no slash": {"", "a"}, "empty name": {"", "/a/"}, "two slashes": {"", "//a"},
	} {
		r := &Restorer{Tree: New(Options{})}
		r.Reset()
		var err error
		for _, p := range paths {
			if err = r.RestoreNode(p, nil, openKey, &st); err != nil {
				break
			}
		}
		if err == nil {
			err = r.EndSnapshot(1, 0, 0, 0)
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A damaged snapshot can name the root twice and give it an owner.
func TestRestoreRootTwice(t *testing.T) {
	t.Parallel()
	r := Restorer{Tree: New(Options{Digest: true})}
	r.Reset()
	for range 2 {
		if err := r.RestoreNode("", nil, -1, &protocol.StatPersisted{EphemeralOwner: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Tree.EphemeralCount(); n != 0 {
		t.Errorf("the root counts as %d ephemerals", n)
	}
}
