package prep

import (
	"math"
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/acl"
	"zookit/server/tree"
)

// world is a prep with its tree. Txns wait in flight until apply.
type world struct {
	t      *testing.T
	tree   *tree.Tree
	prep   *Prep
	flight []*Txn
	clock  int64
	ids    []protocol.ID
	err    protocol.Code // of the session
}

var everything = Config{Extended: true, Digest: true, EnforceQuota: true, CloseSessionTxn: true}

func newWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	tr := tree.New(tree.Options{Extended: cfg.Extended, Digest: cfg.Digest})
	return &world{t: t, tree: tr, prep: New(cfg, tr, acl.Default()), clock: 1000, ids: []protocol.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
}

// propose makes a txn and leaves it in flight.
func (w *world) propose(session protocol.SessionID, op protocol.OpCode, r protocol.Record) *Txn {
	w.t.Helper()
	var body []byte
	if r != nil {
		body = r.AppendTo(nil)
	}
	return w.raw(&Request{Session: session, Op: op, Body: body})
}

func (w *world) raw(q *Request) *Txn {
	w.t.Helper()
	w.clock++
	q.Xid, q.TimeMs = int32(w.clock), w.clock
	q.IDs, q.SessionErr = w.ids, w.err
	before := w.prep.Zxid()
	out := new(Txn)
	w.prep.Prepare(q, out)
	if out.Zxid != before+1 || w.prep.Zxid() != before+1 {
		w.t.Fatalf("%v took zxid %v after %v", q.Op, out.Zxid, before)
	}
	if out.Err != protocol.OK && (out.Type != protocol.OpError || out.Txn.Digest != nil || out.Session != q.Session) {
		w.t.Fatalf("failed %v made txn %+v", q.Op, out.Txn)
	}
	w.flight = append(w.flight, out)
	return out
}

// apply gives the first n txns in flight to the tree, in the form the log has
// them, and checks that they do what prep said.
func (w *world) apply(n int) {
	w.t.Helper()
	for _, p := range w.flight[:n] {
		x, err := txn.Decode(p.AppendTo(nil))
		if err != nil {
			w.t.Fatalf("txn %v does not decode: %v", p.Zxid, err)
		}
		var result tree.Result
		w.tree.Apply(x, &result)
		want := p.Err
		if p.MultiErr != protocol.OK {
			want = p.MultiErr
		}
		if result.Err != want {
			w.t.Fatalf("txn %v (%v): prep said %v, tree %v", p.Zxid, p.Type, want, result.Err)
		}
		if result.DigestMismatch {
			w.t.Fatalf("txn %v (%v %+v): digest of the tree 0x%x, predicted 0x%x", p.Zxid, p.Type, p.Body, w.tree.Digest(), p.Txn.Digest.Tree)
		}
		w.prep.Applied(p.Zxid)
	}
	w.flight = slices.Delete(w.flight, 0, n)
	if len(w.flight) == 0 {
		if len(w.prep.outstanding()) != 0 || len(w.prep.byPath) != 0 || len(w.prep.owned) != 0 {
			w.t.Fatalf("nothing in flight, %d records and %d paths are left", len(w.prep.outstanding()), len(w.prep.byPath))
		}
		if got := w.tree.Digest(); w.prep.Digest() != got {
			w.t.Fatalf("nothing in flight, predicted digest 0x%x, tree 0x%x", w.prep.Digest(), got)
		}
	}
}

func (w *world) applyAll() { w.t.Helper(); w.apply(len(w.flight)) }

// must proposes and applies everything.
func (w *world) must(session protocol.SessionID, op protocol.OpCode, r protocol.Record) *Txn {
	w.t.Helper()
	p := w.propose(session, op, r)
	if p.Err != protocol.OK || p.MultiErr != protocol.OK {
		w.t.Fatalf("%v %+v: %v %v", op, r, p.Err, p.MultiErr)
	}
	w.applyAll()
	return p
}

func createOf(path string, flags protocol.CreateFlag) *protocol.CreateRequest {
	return &protocol.CreateRequest{Path: path, Data: []byte("x"), ACL: protocol.OpenACL, Flags: flags}
}

func perms(p protocol.Perm) []protocol.ACL {
	return []protocol.ACL{{Perms: p, Scheme: "world", ID: "anyone"}}
}

// populated is a world with a znode of every kind.
func populated(t *testing.T) *world {
	w := newWorld(t, everything)
	for path, flags := range map[string]protocol.CreateFlag{"/p": 0, "/e": 1, "/full": 0, "/full/c": 0} {
		_ = flags
		if path != "/full/c" {
			w.must(7, protocol.OpCreate, createOf(path, flags))
		}
	}
	w.must(7, protocol.OpCreate, createOf("/full/c", 0))
	w.must(7, protocol.OpCreateContainer, createOf("/cont", protocol.FlagContainer))
	w.must(7, protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: "/ttl", ACL: protocol.OpenACL, Flags: protocol.FlagTTL, TTL: 500})
	for path, p := range map[string]protocol.Perm{
		"/noread": protocol.PermAll &^ protocol.PermRead, "/nowrite": protocol.PermAll &^ protocol.PermWrite,
		"/nocreate": protocol.PermAll &^ protocol.PermCreate, "/nodelete": protocol.PermAll &^ protocol.PermDelete,
		"/noadmin": protocol.PermAll &^ protocol.PermAdmin,
	} {
		w.must(7, protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: perms(p)})
	}
	w.must(7, protocol.OpSetACL, &protocol.SetACLRequest{Path: "/nodelete", ACL: perms(protocol.PermAll), Version: 0})
	w.must(7, protocol.OpCreate, createOf("/nodelete/c", 0))
	w.must(7, protocol.OpSetACL, &protocol.SetACLRequest{Path: "/nodelete", ACL: perms(protocol.PermAll &^ protocol.PermDelete), Version: 1})
	return w
}

// Each request breaks the rule it is named for and every rule that is checked
// after it, as far as one request can: so the table is Apache's order of checks.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	create := func(path string, list []protocol.ACL, flags protocol.CreateFlag) protocol.Record {
		return &protocol.CreateRequest{Path: path, ACL: list, Flags: flags}
	}
	ttl := func(path string, flags protocol.CreateFlag, ms int64) protocol.Record {
		return &protocol.CreateTTLRequest{Path: path, ACL: protocol.OpenACL, Flags: flags, TTL: ms}
	}
	const ok = protocol.OK
	open, none := protocol.OpenACL, []protocol.ACL{}
	tests := []struct {
		name    string
		op      protocol.OpCode
		req     protocol.Record
		session protocol.Code
		want    protocol.Code
	}{
		{"create: flags before session", protocol.OpCreate, create("bad", none, 7), protocol.SessionMoved, protocol.BadArguments},
		{"create: negative flags", protocol.OpCreate2, create("/n", open, -1), ok, protocol.BadArguments},
		{"create: ttl flags without a ttl", protocol.OpCreate, create("/n", open, 5), protocol.SessionMoved, protocol.BadArguments},
		{"createContainer: ttl flags", protocol.OpCreateContainer, create("/n", open, 6), ok, protocol.BadArguments},
		{"create: session before path", protocol.OpCreate, create("bad", none, 0), protocol.SessionExpired, protocol.SessionExpired},
		{"create: session moved", protocol.OpCreate, create("bad", none, 0), protocol.SessionMoved, protocol.SessionMoved},
		{"create: unknown session", protocol.OpCreate, create("bad", none, 0), protocol.UnknownSession, protocol.UnknownSession},
		{"create: unknown session, ephemeral", protocol.OpCreate, create("bad", none, 1), protocol.UnknownSession, protocol.SessionExpired},
		{"create: slash before ACL", protocol.OpCreate, create("bad", none, 0), ok, protocol.BadArguments},
		{"create: empty path", protocol.OpCreate, create("", none, 0), ok, protocol.BadArguments},
		{"create: NUL before ACL", protocol.OpCreate, create("/n\x00", none, 0), ok, protocol.BadArguments},
		{"create: ACL before parent", protocol.OpCreate, create("/none/n", none, 0), ok, protocol.InvalidACL},
		{"create: null ACL", protocol.OpCreate, create("/none/n", nil, 0), ok, protocol.InvalidACL},
		{"create: parent before permission and path", protocol.OpCreate, create("/none/.", open, 0), ok, protocol.NoNode},
		{"create: empty element makes a parent that is not there", protocol.OpCreate, create("/p//x", open, 0), ok, protocol.NoNode},
		{"create: permission before path", protocol.OpCreate, create("/nocreate/.", open, 0), ok, protocol.NoAuth},
		{"create: path before existence", protocol.OpCreate, create("/p/", open, 0), ok, protocol.BadArguments},
		{"create: existence", protocol.OpCreate, create("/p", open, 1), ok, protocol.NodeExists},
		{"create: the root", protocol.OpCreate, create("/", open, 0), ok, protocol.NodeExists},
		{"create: ephemeral parent", protocol.OpCreate, create("/e/n", open, 0), ok, protocol.NoChildrenForEphemerals},
		{"create: container parent", protocol.OpCreate, create("/cont/n", open, 0), ok, ok},
		{"create: ttl parent", protocol.OpCreate, create("/ttl/n", open, 0), ok, ok},
		{"create: sequential after a slash", protocol.OpCreate, create("/p/", open, 2), ok, ok},
		{"createTTL: ttl 0", protocol.OpCreateTTL, ttl("bad", 5, 0), protocol.SessionMoved, protocol.BadArguments},
		{"createTTL: ttl too large", protocol.OpCreateTTL, ttl("/n", 5, 1<<40), ok, protocol.BadArguments},
		{"createTTL: largest ttl", protocol.OpCreateTTL, ttl("/n", 5, 1<<40-1), ok, ok},
		{"createTTL: ttl without the flag", protocol.OpCreateTTL, ttl("/n", 0, 500), ok, protocol.BadArguments},
		{"createTTL: neither", protocol.OpCreateTTL, ttl("/n", 0, -1), ok, protocol.BadArguments},

		{"delete: session before path", protocol.OpDelete, &protocol.DeleteRequest{Path: "bad"}, protocol.SessionMoved, protocol.SessionMoved},
		{"delete: no slash", protocol.OpDelete, &protocol.DeleteRequest{Path: "bad"}, ok, protocol.BadArguments},
		{"delete: NUL", protocol.OpDelete, &protocol.DeleteRequest{Path: "/none/\x00"}, ok, protocol.BadArguments},
		{"delete: the root", protocol.OpDelete, &protocol.DeleteRequest{Path: "/", Version: 9}, ok, protocol.BadArguments},
		{"delete: /zookeeper", protocol.OpDelete, &protocol.DeleteRequest{Path: "/zookeeper", Version: 9}, ok, protocol.BadArguments},
		{"delete: /zookeeper/quota", protocol.OpDelete, &protocol.DeleteRequest{Path: "/zookeeper/quota"}, ok, protocol.BadArguments},
		{"delete: /zookeeper/config", protocol.OpDelete, &protocol.DeleteRequest{Path: "/zookeeper/config"}, ok, protocol.BadArguments},
		{"delete: parent", protocol.OpDelete, &protocol.DeleteRequest{Path: "/none/x", Version: 9}, ok, protocol.NoNode},
		{"delete: permission before znode", protocol.OpDelete, &protocol.DeleteRequest{Path: "/nodelete/x", Version: 9}, ok, protocol.NoAuth},
		{"delete: permission before version", protocol.OpDelete, &protocol.DeleteRequest{Path: "/nodelete/c", Version: 9}, ok, protocol.NoAuth},
		{"delete: znode", protocol.OpDelete, &protocol.DeleteRequest{Path: "/none", Version: 9}, ok, protocol.NoNode},
		{"delete: version before children", protocol.OpDelete, &protocol.DeleteRequest{Path: "/full", Version: 9}, ok, protocol.BadVersion},
		{"delete: children", protocol.OpDelete, &protocol.DeleteRequest{Path: "/full", Version: 0}, ok, protocol.NotEmpty},
		{"delete: any version", protocol.OpDelete, &protocol.DeleteRequest{Path: "/full/c", Version: -1}, ok, ok},

		{"setData: session before path", protocol.OpSetData, &protocol.SetDataRequest{Path: "bad"}, protocol.SessionExpired, protocol.SessionExpired},
		{"setData: path", protocol.OpSetData, &protocol.SetDataRequest{Path: "/none/."}, ok, protocol.BadArguments},
		{"setData: znode", protocol.OpSetData, &protocol.SetDataRequest{Path: "/none", Version: 9}, ok, protocol.NoNode},
		{"setData: permission before version", protocol.OpSetData, &protocol.SetDataRequest{Path: "/nowrite", Version: 9}, ok, protocol.NoAuth},
		{"setData: version", protocol.OpSetData, &protocol.SetDataRequest{Path: "/p", Version: 9}, ok, protocol.BadVersion},
		{"setData: config is read only", protocol.OpSetData, &protocol.SetDataRequest{Path: "/zookeeper/config", Version: -1}, ok, protocol.NoAuth},
		{"setData: the root", protocol.OpSetData, &protocol.SetDataRequest{Path: "/", Data: []byte("r"), Version: 0}, ok, ok},

		{"setACL: session before path", protocol.OpSetACL, &protocol.SetACLRequest{Path: "bad"}, protocol.SessionExpired, protocol.SessionExpired},
		{"setACL: path before ACL", protocol.OpSetACL, &protocol.SetACLRequest{Path: "/none/", ACL: none}, ok, protocol.BadArguments},
		{"setACL: ACL before znode", protocol.OpSetACL, &protocol.SetACLRequest{Path: "/none", ACL: none}, ok, protocol.InvalidACL},
		{"setACL: znode", protocol.OpSetACL, &protocol.SetACLRequest{Path: "/none", ACL: open, Version: 9}, ok, protocol.NoNode},
		{"setACL: permission before version", protocol.OpSetACL, &protocol.SetACLRequest{Path: "/noadmin", ACL: open, Version: 9}, ok, protocol.NoAuth},
		{"setACL: version", protocol.OpSetACL, &protocol.SetACLRequest{Path: "/p", ACL: open, Version: 9}, ok, protocol.BadVersion},
		{"setACL: auth without an authenticated id", protocol.OpSetACL, &protocol.SetACLRequest{Path: "/p", ACL: []protocol.ACL{{Perms: 31, Scheme: "auth"}}}, ok, protocol.InvalidACL},

		{"reconfig", protocol.OpReconfig, &protocol.ReconfigRequest{}, ok, protocol.ReconfigDisabled},
		{"check outside a multi", protocol.OpCheck, &protocol.CheckVersionRequest{Path: "/p"}, ok, protocol.Unimplemented},
		{"unknown op", 999, nil, ok, protocol.Unimplemented},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := populated(t)
			w.err = tc.session
			before := w.tree.Digest()
			p := w.propose(7, tc.op, tc.req)
			if p.Err != tc.want {
				t.Errorf("got %v, want %v", p.Err, tc.want)
			}
			w.applyAll()
			if tc.want != ok && w.tree.Digest() != before {
				t.Error("a failed write changed the tree")
			}
		})
	}
}

func TestReconfigEnabledStandalone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{ReconfigEnabled: true})
	if p := w.propose(7, protocol.OpReconfig, &protocol.ReconfigRequest{}); p.Err != protocol.Unimplemented {
		t.Errorf("got %v, want Unimplemented", p.Err)
	}
}

func TestTTLNeedsExtendedTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{Digest: true})
	for _, ttl := range []int64{500, 0} {
		p := w.propose(7, protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: "/t", ACL: protocol.OpenACL, Flags: 5, TTL: ttl})
		if p.Err != protocol.Unimplemented {
			t.Errorf("ttl %d: %v, want Unimplemented", ttl, p.Err)
		}
	}
}

// A body that ends early, at every byte, is answered MarshallingError and takes
// a zxid; one that goes on is not looked at further.
func TestUndecodableBodies(t *testing.T) {
	t.Parallel()
	w := populated(t)
	path := "/p"
	for op, r := range map[protocol.OpCode]protocol.Record{
		protocol.OpCreate: createOf("/n", 0), protocol.OpCreate2: createOf("/n", 0), protocol.OpCreateContainer: createOf("/n", 4),
		protocol.OpCreateTTL: &protocol.CreateTTLRequest{Path: "/n", ACL: protocol.OpenACL, Flags: 5, TTL: 1},
		protocol.OpDelete:    &protocol.DeleteRequest{Path: path}, protocol.OpSetData: &protocol.SetDataRequest{Path: path},
		protocol.OpSetACL:   &protocol.SetACLRequest{Path: path, ACL: protocol.OpenACL},
		protocol.OpReconfig: &protocol.ReconfigRequest{},
		protocol.OpMulti:    &protocol.MultiRequest{Ops: []protocol.MultiOp{{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: path}}}},
	} {
		body := r.AppendTo(nil)
		for n := range len(body) {
			if p := w.raw(&Request{Session: 7, Op: op, Body: body[:n]}); p.Err != protocol.MarshallingError {
				t.Fatalf("%v cut at %d of %d: %v", op, n, len(body), p.Err)
			}
		}
		if op != protocol.OpReconfig && op != protocol.OpMulti {
			null := append([]byte{255, 255, 255, 255}, body[4+2:]...)
			want := protocol.MarshallingError
			if op == protocol.OpSetData || op == protocol.OpSetACL {
				want = protocol.BadArguments
			}
			if p := w.raw(&Request{Session: 7, Op: op, Body: null}); p.Err != want {
				t.Errorf("%v with a null path: %v, want %v", op, p.Err, want)
			}
		}
		w.applyAll()
	}
	if p := w.raw(&Request{Session: 7, Op: protocol.OpDelete, Body: append((&protocol.DeleteRequest{Path: path}).AppendTo(nil), 1, 2, 3)}); p.Err != protocol.OK {
		t.Errorf("bytes after the body: %v", p.Err)
	}
}

func pathOf(t *testing.T, p *Txn) string {
	t.Helper()
	switch b := p.Body.(type) {
	case *txn.Create:
		return b.Path
	case *txn.CreateContainer:
		return b.Path
	case *txn.CreateTTL:
		return b.Path
	}
	t.Fatalf("no create: %v %v %+v", p.Err, p.Type, p.Body)
	return ""
}

func TestSequence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everything)
	w.must(7, protocol.OpCreate, createOf("/q", 0))
	var got []string
	for _, flags := range []protocol.CreateFlag{2, 0, 3, 2} {
		path := "/q/n-"
		if flags == 0 {
			path = "/q/plain" // counts too
		}
		got = append(got, pathOf(t, w.propose(7, protocol.OpCreate, createOf(path, flags))))
	}
	// A failed create does not count, nor does a delete.
	w.propose(7, protocol.OpCreate, createOf("/q/plain", 0))
	w.propose(7, protocol.OpDelete, &protocol.DeleteRequest{Path: "/q/plain", Version: -1})
	got = append(got, pathOf(t, w.propose(7, protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: "/q/", ACL: protocol.OpenACL, Flags: 6, TTL: 9})))
	want := []string{"/q/n-0000000000", "/q/plain", "/q/n-0000000002", "/q/n-0000000003", "/q/0000000004"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.applyAll()
	n, _ := w.tree.Lookup("/q")
	if st := n.Stat(); st.Cversion != 6 || st.NumChildren != 4 {
		t.Errorf("cversion %d of %d children, want 6 (five creations, one deletion) of 4", st.Cversion, st.NumChildren)
	}
}

func TestSequenceText(t *testing.T) {
	t.Parallel()
	for n, want := range map[int32]string{0: "0000000000", 42: "0000000042", math.MaxInt32: "2147483647", math.MinInt32: "-2147483648", -1: "-000000001"} {
		if got := sequence(n); got != want {
			t.Errorf("sequence(%d) = %q, want %q as %%010d of Java writes it", n, got, want)
		}
	}
}

// At 2^31−1 children ever created the count stays, in prep and tree alike.
func TestSequenceRunsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everything)
	r := tree.Restorer{Tree: w.tree}
	r.Reset()
	for _, path := range []string{"", "/zookeeper", "/q"} {
		if err := r.RestoreNode(path, nil, -1, &protocol.StatPersisted{Cversion: math.MaxInt32 - 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.EndSnapshot(5, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	w.prep.Reset()
	var got []string
	for range 2 {
		got = append(got, pathOf(t, w.propose(7, protocol.OpCreate, createOf("/q/n", 2))))
	}
	if want := []string{"/q/n2147483646", "/q/n2147483647"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.applyAll()
	if p := w.propose(7, protocol.OpCreate, createOf("/q/n", 2)); p.Err != protocol.NodeExists {
		t.Errorf("the number after the last: %v, want NodeExists", p.Err)
	}
	w.applyAll()
}

// Flags and op may disagree; the op decides the kind, and the digest follows it.
func TestKindOfZnode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everything)
	for _, tc := range []struct {
		op    protocol.OpCode
		flags protocol.CreateFlag
		want  protocol.SessionID
	}{
		{protocol.OpCreate, 0, 0}, {protocol.OpCreate, 1, 7}, {protocol.OpCreate2, 1, 7}, {protocol.OpCreate, 4, 0},
		{protocol.OpCreateContainer, 4, protocol.ContainerOwner}, {protocol.OpCreateContainer, 0, protocol.ContainerOwner},
		{protocol.OpCreateContainer, 1, protocol.ContainerOwner},
	} {
		w.must(7, tc.op, createOf("/n", tc.flags))
		n, _ := w.tree.Lookup("/n")
		if n.Owner() != tc.want {
			t.Errorf("%v with flags %d: owner %v, want %v", tc.op, tc.flags, n.Owner(), tc.want)
		}
		w.must(7, protocol.OpDelete, &protocol.DeleteRequest{Path: "/n", Version: 0})
	}
	w.must(7, protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: "/n", ACL: protocol.OpenACL, Flags: 5, TTL: 500})
	if n, _ := w.tree.Lookup("/n"); n.Owner() != protocol.OwnerOfTTL(500) {
		t.Errorf("ttl znode: owner %v", n.Owner())
	}
}

// Reuse of a request's memory after its txn was applied does not reach prep:
// what it keeps for txns in flight is its own.
func TestRecordsOwnTheirMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everything)
	secret := []protocol.ACL{{Perms: protocol.PermAll, Scheme: "ip", ID: "127.0.0.1"}}
	body := (&protocol.CreateRequest{Path: "/dir", Data: []byte("data"), ACL: secret}).AppendTo(nil)
	w.raw(&Request{Session: 7, Op: protocol.OpCreate, Body: body})
	w.propose(7, protocol.OpCreate, createOf("/dir/a", 0)) // copies the record of /dir
	w.apply(1)
	for i := range body {
		body[i] = 'z'
	}
	if p := w.propose(7, protocol.OpCreate, createOf("/dir/b", 0)); p.Err != protocol.OK {
		t.Errorf("create under a znode whose request is gone: %v", p.Err)
	}
	w.applyAll()
}

// TestSetACLInFlight: what is proposed behind a setACL is judged by the new
// ACL, as it would be once that is applied.
func TestSetACLInFlight(t *testing.T) {
	t.Parallel()
	w := populated(t)
	set := &protocol.SetDataRequest{Path: "/p", Version: -1}
	w.propose(7, protocol.OpSetACL, &protocol.SetACLRequest{Path: "/p", ACL: perms(protocol.PermRead), Version: -1})
	if p := w.propose(7, protocol.OpSetData, set); p.Err != protocol.NoAuth {
		t.Errorf("before it is applied: %v", p.Err)
	}
	w.applyAll()
	if p := w.propose(7, protocol.OpSetData, set); p.Err != protocol.NoAuth {
		t.Errorf("after: %v", p.Err)
	}
	w.applyAll()
}
