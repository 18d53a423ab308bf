package tree

import (
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// TestZK1573ReplayWithoutTheParent: a fuzzy snapshot was begun when a znode was
// there and came to its place when the znode was gone. The log has changes below
// it in between: they find no parent, and the replay goes on to the state that
// they led to.
func TestZK1573ReplayWithoutTheParent(t *testing.T) {
	t.Parallel()
	live := New(Options{Digest: true})
	h := history{}
	var r Result
	live.Apply(h.create("/p", nil, 1), &r)
	begun := live.LastZxid()
	owner := func(x *txn.Txn) *txn.Txn { x.Header.Session = 9; return x }
	since := []*txn.Txn{
		h.next(protocol.OpCreate, &txn.Create{Path: "/p/c", ACL: protocol.ReadACL, ParentCversion: 1}),
		h.next(protocol.OpSetData, &txn.SetData{Path: "/p/c", Data: []byte("x"), Version: 1}),
		h.next(protocol.OpSetACL, &txn.SetACL{Path: "/p/c", ACL: protocol.OpenACL, Version: 1}),
		h.next(protocol.OpMulti, &txn.Multi{Txns: []txn.Sub{
			{Type: protocol.OpCreate, Body: &txn.Create{Path: "/p/d", ParentCversion: 2}},
			{Type: protocol.OpSetData, Body: &txn.SetData{Path: "/p/d", Version: 1}},
			{Type: protocol.OpCreate, Body: &txn.Create{Path: "/kept", ParentCversion: 2}},
		}}),
		owner(h.next(protocol.OpCreateSession, &txn.CreateSession{TimeoutMs: 4000})),
		owner(h.next(protocol.OpCreate, &txn.Create{Path: "/p/e", Ephemeral: true, ParentCversion: 3})),
		owner(h.next(protocol.OpCloseSession, &txn.CloseSession{Paths: []string{"/p/e"}})),
		h.next(protocol.OpDelete, &txn.Delete{Path: "/p/c"}),
		h.next(protocol.OpDelete, &txn.Delete{Path: "/p/d"}),
		h.next(protocol.OpDelete, &txn.Delete{Path: "/p"}),
		h.next(protocol.OpCreate, &txn.Create{Path: "/after", ParentCversion: 3}),
	}
	for i, x := range since {
		if live.Apply(x, &r); r.Err != protocol.OK {
			t.Fatalf("txn %d: %v", i, r.Err)
		}
	}
	// What was written has neither /p nor what came later.
	w := &memorySnapshot{nodes: []savedNode{{path: "", data: []byte{}, key: openKey, st: protocol.StatPersisted{Cversion: 1, Pzxid: begun}}}}
	for _, path := range []string{"/zookeeper", "/zookeeper/quota", "/zookeeper/config"} {
		n, _ := live.Lookup(path)
		key := int64(openKey)
		if !slices.Equal(n.ACL(), protocol.OpenACL) {
			key = 1
			w.acls = map[int64][]protocol.ACL{key: n.ACL()}
		}
		w.nodes = append(w.nodes, savedNode{path: path, key: key, data: n.Data(), st: protocol.StatPersisted{Aversion: n.Aversion()}})
	}
	got := New(Options{Digest: true})
	if err := w.restore(got, begun); err != nil {
		t.Fatal(err)
	}
	missing := 0
	for _, x := range since {
		if got.Apply(x, &r); r.Err == protocol.NoNode {
			missing++
		}
	}
	if missing < 6 {
		t.Errorf("%d txns found no znode: the story is not told", missing)
	}
	if view, want := clientView(got), clientView(live); view != want || got.LastZxid() != live.LastZxid() || len(got.Sessions()) != 0 {
		t.Errorf("after the replay: %s", firstDifference(view, want))
	}
}

// TestZK2808SharedACLs: an ACL that znodes of a snapshot share stays while one
// uses it, though a replay takes it from the same znodes again and again, two keys
// of the snapshot hold it, and it comes back to one that had lost it; then it is
// forgotten.
func TestZK2808SharedACLs(t *testing.T) {
	t.Parallel()
	shared := []protocol.ACL{{Perms: protocol.PermRead, Scheme: "digest", ID: "a:x="}}
	other := []protocol.ACL{{Perms: protocol.PermRead, Scheme: "digest", ID: "b:x="}}
	w := &memorySnapshot{acls: map[int64][]protocol.ACL{5: shared, 6: shared, 7: other}, nodes: []savedNode{
		{path: "", key: openKey}, {path: "/a", key: 5}, {path: "/b", key: 5}, {path: "/c", key: 6},
	}}
	s := newScript(t, Options{})
	if err := w.restore(s.Tree, 10); err != nil {
		t.Fatal(err)
	}
	s.zxid = 10
	has := func(when string, want map[string][]protocol.ACL) {
		t.Helper()
		for path, acl := range want {
			if got := s.node(path).ACL(); !slices.Equal(got, acl) {
				t.Errorf("%s: %s has %v, want %v", when, path, got, acl)
			}
		}
	}
	has("restored", map[string][]protocol.ACL{"/a": shared, "/b": shared, "/c": shared})
	for range 3 { // of a log that overlaps the snapshot
		s.do(protocol.OpCreate, &txn.Create{Path: "/a", ACL: shared, ParentCversion: 1})
		s.do(protocol.OpSetACL, &txn.SetACL{Path: "/b", ACL: shared, Version: 1})
		s.do(protocol.OpSetACL, &txn.SetACL{Path: "/c", ACL: other, Version: 1})
		s.do(protocol.OpSetACL, &txn.SetACL{Path: "/c", ACL: shared, Version: 2})
	}
	has("replayed", map[string][]protocol.ACL{"/a": shared, "/b": shared, "/c": shared})
	s.ok(protocol.OpDelete, &txn.Delete{Path: "/a"})
	s.ok(protocol.OpSetACL, &txn.SetACL{Path: "/b", ACL: other, Version: 3})
	s.ok(protocol.OpCreate, &txn.Create{Path: "/d", ACL: []protocol.ACL{{Perms: 1, Scheme: "digest", ID: "c:x="}}, ParentCversion: 9})
	has("one is left", map[string][]protocol.ACL{"/b": other, "/c": shared})
	again := &memorySnapshot{}
	if err := s.BeginSnapshot().WriteTo(again, noLock()); err != nil {
		t.Fatal(err)
	}
	if len(again.acls) != 3 {
		t.Errorf("a snapshot holds the ACLs %v, want three", again.acls)
	}
	for _, path := range []string{"/b", "/c", "/d"} {
		s.ok(protocol.OpDelete, &txn.Delete{Path: path})
	}
	if n := len(s.acls.byKey); n != 0 {
		t.Errorf("%d ACLs are kept that no znode has", n)
	}
}
