package tree

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// script applies txns one after the other.
type script struct {
	t *testing.T
	*Tree
	history
	r Result
}

func newScript(t *testing.T, opt Options) *script {
	return &script{t: t, Tree: New(opt)}
}

func (s *script) do(op protocol.OpCode, body protocol.Record) protocol.Code {
	x := s.next(op, body)
	s.Tree.Apply(x, &s.r)
	return s.r.Err
}

func (s *script) ok(op protocol.OpCode, body protocol.Record) {
	s.t.Helper()
	if code := s.do(op, body); code != protocol.OK {
		s.t.Fatalf("%v %+v: %v", op, body, code)
	}
}

func (s *script) create(path string, data []byte) {
	s.t.Helper()
	s.ok(protocol.OpCreate, &txn.Create{Path: path, Data: data, ACL: protocol.OpenACL, ParentCversion: -1})
}

func (s *script) node(path string) Node {
	s.t.Helper()
	n, ok := s.Lookup(path)
	if !ok {
		s.t.Fatalf("%q is missing", path)
	}
	return n
}

func (s *script) events() string {
	var b strings.Builder
	for _, e := range s.r.Events {
		fmt.Fprintf(&b, "%d %s %s; ", e.Type, e.Path, aclText(e.ACL))
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func aclText(acl []protocol.ACL) string {
	switch {
	case slices.Equal(acl, protocol.OpenACL):
		return "open"
	case slices.Equal(acl, protocol.ReadACL):
		return "read"
	case len(acl) == 1:
		return acl[0].ID
	}
	return fmt.Sprint(acl)
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{Extended: true})
	private := func(id string) []protocol.ACL { return []protocol.ACL{{Perms: 31, Scheme: "digest", ID: id}} }
	for _, c := range []struct {
		op   protocol.OpCode
		body protocol.Record
		want string
	}{
		{protocol.OpCreate, &txn.Create{Path: "/a", ACL: private("a"), ParentCversion: 1}, "1 /a a; 4 / open"},
		{protocol.OpCreate2, &txn.Create{Path: "/a/b", ACL: private("b"), ParentCversion: 1}, "1 /a/b b; 4 /a a"},
		{protocol.OpCreateContainer, &txn.CreateContainer{Path: "/a/c", ACL: protocol.ReadACL, ParentCversion: 2}, "1 /a/c read; 4 /a a"},
		{protocol.OpCreateTTL, &txn.CreateTTL{Path: "/a/t", ParentCversion: 3, TTL: 5}, "1 /a/t open; 4 /a a"},
		{protocol.OpSetData, &txn.SetData{Path: "/a/b"}, "3 /a/b b"},
		{protocol.OpSetData, &txn.SetData{Path: "/"}, "3 / open"},
		{protocol.OpSetACL, &txn.SetACL{Path: "/a", ACL: private("a2")}, ""},
		{protocol.OpDelete, &txn.Delete{Path: "/a/b"}, "2 /a/b b; 4 /a a2"},
		{protocol.OpDeleteContainer, &txn.Delete{Path: "/a/c"}, "2 /a/c read; 4 /a a2"},
		{protocol.OpReconfig, &txn.SetData{Path: configPath}, "3 /zookeeper/config read"},
		{protocol.OpMulti, &txn.Multi{Txns: []txn.Sub{
			{Type: protocol.OpCreate, Body: &txn.Create{Path: "/m", ParentCversion: 2}},
			{Type: protocol.OpCheck, Body: &txn.Check{Path: "/m"}},
			{Type: protocol.OpSetData, Body: &txn.SetData{Path: "/m"}},
			{Type: protocol.OpDelete, Body: &txn.Delete{Path: "/m"}},
		}}, "1 /m open; 4 / open; 3 /m open; 2 /m open; 4 / open"},
		{protocol.OpCreateSession, &txn.CreateSession{TimeoutMs: 5}, ""},
		{protocol.OpCreate, &txn.Create{Path: "/e2", Ephemeral: true, ParentCversion: 3}, "1 /e2 open; 4 / open"},
		{protocol.OpCreate, &txn.Create{Path: "/e1", Ephemeral: true, ParentCversion: 4}, "1 /e1 open; 4 / open"},
		{protocol.OpCreate, &txn.Create{Path: "/e3", Ephemeral: true, ParentCversion: 5}, "1 /e3 open; 4 / open"},
		// The paths of the txn first, then what else the session has.
		{protocol.OpCloseSession, &txn.CloseSession{Paths: []string{"/e3", "/nowhere"}},
			"2 /e3 open; 4 / open; 2 /e1 open; 4 / open; 2 /e2 open; 4 / open"},
	} {
		s.ok(c.op, c.body)
		if got := s.events(); got != c.want {
			t.Errorf("%v %+v:\n got %s\nwant %s", c.op, c.body, got, c.want)
		}
	}
	if len(s.Sessions()) != 0 || s.EphemeralCount() != 0 {
		t.Error("the session is still there")
	}
}

// What a txn that does not fit the tree does: live it cannot occur, in a replay
// it must.
func TestReplayCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op   protocol.OpCode
		body protocol.Record
		want protocol.Code
	}{
		{protocol.OpCreate, &txn.Create{Path: "/a", ParentCversion: 9}, protocol.NodeExists},
		{protocol.OpCreate, &txn.Create{Path: "/x/y", ParentCversion: 9}, protocol.NoNode},
		{protocol.OpCreate, &txn.Create{Path: "//y", ParentCversion: 9}, protocol.NoNode},
		{protocol.OpCreate, &txn.Create{Path: "/", ParentCversion: 9}, protocol.BadArguments},
		{protocol.OpCreate, &txn.Create{Path: "", ParentCversion: 9}, protocol.BadArguments},
		{protocol.OpCreate, &txn.Create{Path: "a", ParentCversion: 9}, protocol.BadArguments},
		{protocol.OpCreate, &txn.Create{Path: "/a/", ParentCversion: 9}, protocol.BadArguments},
		{protocol.OpCreateTTL, &txn.CreateTTL{Path: "/t", TTL: 0}, protocol.BadArguments},
		{protocol.OpCreateTTL, &txn.CreateTTL{Path: "/t", TTL: 1 << 40}, protocol.BadArguments},
		{protocol.OpDelete, &txn.Delete{Path: "/x"}, protocol.NoNode},
		{protocol.OpDelete, &txn.Delete{Path: "/x/y"}, protocol.NoNode},
		{protocol.OpDelete, &txn.Delete{Path: "/"}, protocol.BadArguments},
		{protocol.OpSetData, &txn.SetData{Path: "/x"}, protocol.NoNode},
		{protocol.OpSetACL, &txn.SetACL{Path: "/x"}, protocol.NoNode},
		{protocol.OpError, &txn.Error{Err: protocol.BadVersion}, protocol.BadVersion},
		{protocol.OpSetData, &txn.Delete{Path: "/a"}, protocol.MarshallingError},
		{protocol.OpDelete, nil, protocol.MarshallingError},
		{protocol.OpMulti, &txn.Multi{Txns: []txn.Sub{{Type: protocol.OpMulti, Body: &txn.Multi{}}}}, protocol.MarshallingError},
	} {
		s := newScript(t, Options{Digest: true})
		s.create("/a", []byte("old"))
		if got := s.do(c.op, c.body); got != c.want {
			t.Errorf("%v %+v: %v, want %v", c.op, c.body, got, c.want)
		}
		if len(s.r.Events) != 0 {
			t.Errorf("%v %+v: events %s", c.op, c.body, s.events())
		}
		if n := s.node("/a"); string(n.Data()) != "old" || s.LastZxid() != 2 {
			t.Errorf("%v %+v: the tree changed", c.op, c.body)
		}
	}
}

// Creates and deletes leave the parent as Apache does, in any order of replay.
func TestParentOfReplay(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{})
	s.create("/p", nil)
	for i, c := range []struct {
		op       protocol.OpCode
		body     protocol.Record
		cversion int32
		pzxid    protocol.Zxid
	}{
		{protocol.OpCreate, &txn.Create{Path: "/p/a", ParentCversion: 5}, 5, 2},
		{protocol.OpCreate, &txn.Create{Path: "/p/b", ParentCversion: 4}, 5, 2},  // a later one is in already
		{protocol.OpCreate, &txn.Create{Path: "/p/a", ParentCversion: 6}, 6, 4},  // exists
		{protocol.OpCreate2, &txn.Create{Path: "/p/a", ParentCversion: 7}, 7, 5}, // exists
		{protocol.OpDelete, &txn.Delete{Path: "/p/gone"}, 7, 6},
		{protocol.OpDelete, &txn.Delete{Path: "/p/a"}, 7, 7},
		{protocol.OpCreate, &txn.Create{Path: "/p/c", ParentCversion: -1}, 8, 8}, // before 3.4
		{protocol.OpCreate, &txn.Create{Path: "/p/d", ParentCversion: math.MinInt32}, 8, 8},
	} {
		s.do(c.op, c.body)
		n := s.node("/p")
		if n.PersistedCversion() != c.cversion || n.Pzxid() != c.pzxid {
			t.Errorf("step %d: cversion %d, pzxid %v, want %d, %v", i, n.PersistedCversion(), n.Pzxid(), c.cversion, c.pzxid)
		}
	}
	// An old delete does not move pzxid back.
	s.Tree.Apply(&txn.Txn{Header: txn.Header{Zxid: 1, Type: protocol.OpDelete}, Body: &txn.Delete{Path: "/p/zzz"}}, &s.r)
	if got := s.node("/p").Pzxid(); got != 8 || s.LastZxid() != 9 {
		t.Errorf("pzxid %v and last zxid %v after an old txn", got, s.LastZxid())
	}
}

func TestFailedMulti(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{Digest: true})
	before := s.Digest()
	code := s.do(protocol.OpMulti, &txn.Multi{Txns: []txn.Sub{
		{Type: protocol.OpCreate, Body: &txn.Create{Path: "/a"}},
		{Type: protocol.OpError, Body: &txn.Error{Err: protocol.OK}},
		{Type: protocol.OpError, Body: &txn.Error{Err: protocol.NoNode}},
		{Type: protocol.OpSetData, Body: &txn.SetData{Path: "/"}},
		{Type: protocol.OpError, Body: &txn.Error{Err: protocol.RuntimeInconsistency}},
	}})
	var got []protocol.Code
	for _, r := range s.r.Multi {
		if r.Type != protocol.OpError {
			t.Errorf("a result of type %v", r.Type)
		}
		got = append(got, r.Err)
	}
	// Once an error txn was seen, even an OK one, the rest is inconsistent
	// (DataTree.processTxn); prep writes error bodies alone.
	want := []protocol.Code{protocol.OK, protocol.OK, protocol.NoNode, protocol.RuntimeInconsistency, protocol.RuntimeInconsistency}
	if code != protocol.NoNode || !slices.Equal(got, want) || s.Digest() != before || len(s.r.Events) != 0 {
		t.Errorf("%v, %v, want %v", code, got, want)
	}
}

func TestClientStat(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{Extended: true})
	s.create("/p", nil)
	for _, name := range []string{"a", "b", "c"} {
		s.create("/p/"+name, []byte{})
	}
	if got := s.node("/p").Stat(); got.Cversion != 3 || got.NumChildren != 3 {
		t.Errorf("after three creations: %+v", got)
	}
	s.ok(protocol.OpDelete, &txn.Delete{Path: "/p/a"})
	if got := s.node("/p").Stat(); got.Cversion != 4 || got.NumChildren != 2 || got.Pzxid != 5 {
		t.Errorf("after a deletion: %+v", got)
	}
	s.ok(protocol.OpCreate, &txn.Create{Path: "/e", Ephemeral: true, ParentCversion: -1})
	s.ok(protocol.OpCreateContainer, &txn.CreateContainer{Path: "/c", ParentCversion: -1})
	s.ok(protocol.OpCreateTTL, &txn.CreateTTL{Path: "/t", TTL: 7, ParentCversion: -1})
	for path, want := range map[string]protocol.SessionID{"/e": 1, "/c": 0, "/t": 0} {
		if got := s.node(path).Stat().EphemeralOwner; got != want {
			t.Errorf("%s: owner %v, want %v", path, got, want)
		}
	}
	st := s.node("/e").Stat()
	if got := s.node("/e").AppendStat(nil); string(got) != string(st.AppendTo(nil)) || len(got) != protocol.StatLen {
		t.Error("AppendStat is not Stat")
	}
	if got := s.node("/p").AppendChildren(nil); string(got) != "\x00\x00\x00\x02\x00\x00\x00\x01b\x00\x00\x00\x01c" {
		t.Errorf("children %q", got)
	}
	if got := s.node("/").Descendants(); got != 9 { // Apache: its node count less 2
		t.Errorf("%d znodes below the root", got)
	}
}

func TestNullData(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{Digest: true})
	for i, data := range [][]byte{nil, {}, []byte("x"), nil, make([]byte, 1<<20), {}, nil} {
		if i == 0 {
			s.create("/n", data)
		} else {
			s.ok(protocol.OpSetData, &txn.SetData{Path: "/n", Data: data})
		}
		got := s.node("/n")
		if (got.Data() == nil) != (data == nil) || string(got.Data()) != string(data) || int(got.Stat().DataLength) != len(data) {
			t.Errorf("step %d: %d bytes, null %v", i, len(got.Data()), got.Data() == nil)
		}
		if want := string([]byte{255, 255, 255, 255}); data == nil && string(got.AppendData(nil)) != want {
			t.Errorf("step %d: null is encoded as %x", i, got.AppendData(nil))
		}
	}
}

func TestContainersAndTTL(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{Extended: true}) // txns have the time 1700000000000 + zxid
	const born = 1700000000000
	due := func(now int64, never int64, limit int) string {
		return strings.Join(s.ExpiredContainers(now, ContainerPolicy{NeverUsedMs: never}, limit), " ")
	}
	s.ok(protocol.OpCreateContainer, &txn.CreateContainer{Path: "/c", ParentCversion: -1})
	s.ok(protocol.OpCreateTTL, &txn.CreateTTL{Path: "/t", TTL: 100, ParentCversion: -1})
	for _, c := range []struct {
		name       string
		now, never int64
		want       string
	}{
		{"fresh", born + 2, 0, ""},
		{"a container without use stays", born + 102, 0, ""},
		{"unless told otherwise", born + 102, 100, "/c"},
		{"at its TTL", born + 102, 0, ""},
		{"past its TTL", born + 103, 0, "/t"},
		{"both", born + 103, 1, "/c /t"},
	} {
		if got := due(c.now, c.never, 0); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	s.create("/c/x", nil)
	s.create("/t/x", nil)
	if got := due(math.MaxInt64/2, 1, 0); got != "" {
		t.Errorf("with children: %q", got)
	}
	s.ok(protocol.OpDelete, &txn.Delete{Path: "/c/x"})
	s.ok(protocol.OpDelete, &txn.Delete{Path: "/t/x"})
	if got := due(born+200, 0, 0); got != "/c /t" {
		t.Errorf("after use: %q", got)
	}
	if got := due(born+200, 0, 1); got != "/c" {
		t.Errorf("one at a time: %q", got)
	}
	s.ok(protocol.OpSetData, &txn.SetData{Path: "/t"}) // mtime
	s.ok(protocol.OpDeleteContainer, &txn.Delete{Path: "/c"})
	if got := due(born+103, 0, 0); got != "" {
		t.Errorf("after set and delete: %q", got)
	}
	plain := newScript(t, Options{}) // without extended types the owner is a session
	plain.ok(protocol.OpCreateTTL, &txn.CreateTTL{Path: "/t", TTL: 1, ParentCversion: -1})
	if got := plain.ExpiredContainers(math.MaxInt64, ContainerPolicy{}, 0); len(got) != 0 || plain.EphemeralCount() != 1 {
		t.Errorf("without extended types: %q", got)
	}
}

func TestSessionsAndEphemerals(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{})
	s.ok(protocol.OpCreateSession, &txn.CreateSession{TimeoutMs: 4000})
	for _, p := range []string{"/z", "/b", "/a"} {
		s.ok(protocol.OpCreate, &txn.Create{Path: p, Ephemeral: true, ParentCversion: -1})
	}
	if got := s.Ephemerals(1); !slices.Equal(got, []string{"/a", "/b", "/z"}) {
		t.Errorf("ephemerals %q", got)
	}
	if ms, ok := s.SessionTimeout(1); ms != 4000 || !ok {
		t.Errorf("timeout %d, %v", ms, ok)
	}
	x := s.next(protocol.OpCreate, &txn.Create{Path: "/dead", Ephemeral: true, ParentCversion: -1})
	x.Session = 7
	s.Tree.Apply(x, &s.r)
	if got := s.DeadSessions(); !slices.Equal(got, []protocol.SessionID{7}) {
		t.Errorf("dead sessions %v", got)
	}
	s.ok(protocol.OpCloseSession, nil) // the form before 3.6
	if _, ok := s.SessionTimeout(1); ok || len(s.Ephemerals(1)) != 0 || s.EphemeralCount() != 1 {
		t.Error("the session is still there")
	}
}

func TestDigestOfApacheTxns(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{Digest: true})
	if got := s.Digest(); got != 0x51c6d660 { // an empty Apache
		t.Errorf("digest of the empty tree: %#x", got)
	}
	x := s.next(protocol.OpCreate, &txn.Create{Path: "/a", ParentCversion: 1})
	x.Digest = &txn.Digest{Version: DigestVersion, Tree: 1}
	s.Tree.Apply(x, &s.r)
	if !s.r.DigestMismatch || s.DigestMismatches() != 1 {
		t.Error("a wrong digest is not noticed")
	}
	x = s.next(protocol.OpCreate, &txn.Create{Path: "/b", ParentCversion: 2})
	x.Digest = &txn.Digest{Version: 99, Tree: 1}
	s.Tree.Apply(x, &s.r)
	if s.r.DigestMismatch {
		t.Error("a digest of another version is compared")
	}
	// What prep predicts for /c: the root's stat changes, then the znode is added.
	root := s.node("/")
	st := root.StatPersisted()
	want := s.Digest() - NodeDigest("", root.Content(), &st)
	st.Cversion, st.Pzxid = 3, 3
	want += NodeDigest("/", root.Content(), &st)
	child := protocol.StatPersisted{Czxid: 3, Mzxid: 3, Pzxid: 3, Ctime: 1700000000003, Mtime: 1700000000003}
	want += NodeDigest("/c", ContentCRC("/c", []byte("d")), &child)
	x = s.next(protocol.OpCreate, &txn.Create{Path: "/c", Data: []byte("d"), ParentCversion: 3})
	x.Digest = &txn.Digest{Version: DigestVersion, Tree: want}
	s.Tree.Apply(x, &s.r)
	if s.r.DigestMismatch {
		t.Errorf("predicted %#x, got %#x", want, s.Digest())
	}
	if NodeDigest("/zookeeper/x", 1, &st) != 0 || NodeDigest("/zookeeper", 1, &st) == 0 || NodeDigest("/zookeeperx", 1, &st) == 0 {
		t.Error("what lies below /zookeeper/, and only that, has no digest")
	}
}

func TestDigestLogIsBounded(t *testing.T) {
	t.Parallel()
	tr := New(Options{Digest: true})
	var r Result
	for z := protocol.Zxid(1); z <= 128*1100; z++ {
		tr.Apply(&txn.Txn{Header: txn.Header{Zxid: z, Type: protocol.OpError}, Body: &txn.Error{}}, &r)
	}
	log := tr.DigestLog()
	if len(log) != 1024 || log[0].Zxid != 128*77 || log[1023].Zxid != 128*1100 {
		t.Errorf("%d entries from %v to %v", len(log), log[0].Zxid, log[len(log)-1].Zxid)
	}
}

func TestReadsDoNotAllocate(t *testing.T) {
	s := newScript(t, Options{Digest: true})
	s.create("/some", nil)
	s.create("/some/znode", make([]byte, 100))
	buf := make([]byte, 0, 1024)
	path := []byte("/some/znode")
	if n := testing.AllocsPerRun(100, func() {
		node, ok := s.Lookup(string(path)) // the look-up keeps nothing of the path
		if !ok {
			t.Fatal("missing")
		}
		buf = node.AppendStat(node.AppendData(buf[:0]))
		parent, _ := s.Lookup("/some")
		buf = parent.AppendChildren(buf)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	set := s.next(protocol.OpSetData, &txn.SetData{Path: "/some/znode", Data: make([]byte, 100)})
	if n := testing.AllocsPerRun(100, func() { s.Tree.Apply(set, &s.r) }); n != 0 {
		t.Errorf("setData: %v allocations", n)
	}
}
