package prep

import (
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/tree"
)

func multi(ops ...protocol.MultiOp) *protocol.MultiRequest { return &protocol.MultiRequest{Ops: ops} }

func mCreate(path string, flags protocol.CreateFlag) protocol.MultiOp {
	return protocol.MultiOp{Type: protocol.OpCreate, Record: createOf(path, flags)}
}
func mDelete(path string, v int32) protocol.MultiOp {
	return protocol.MultiOp{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: path, Version: v}}
}
func mSet(path string, v int32) protocol.MultiOp {
	return protocol.MultiOp{Type: protocol.OpSetData, Record: &protocol.SetDataRequest{Path: path, Data: []byte("new"), Version: v}}
}
func mCheck(path string, v int32) protocol.MultiOp {
	return protocol.MultiOp{Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: path, Version: v}}
}

// codes is what the txn of a failed multi says of each op.
func codes(t *testing.T, p *Txn) []protocol.Code {
	t.Helper()
	if p.Type != protocol.OpMulti || p.Txn.Digest == nil {
		t.Fatalf("a failed multi is type %v with digest %v", p.Type, p.Txn.Digest)
	}
	var out []protocol.Code
	for _, s := range p.Body.(*txn.Multi).Txns {
		if s.Type != protocol.OpError {
			t.Fatalf("a failed multi holds a %v", s.Type)
		}
		out = append(out, s.Body.(*txn.Error).Err)
	}
	return out
}

func TestMultiOpsSeeEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everything)
	p := w.must(7, protocol.OpMulti, multi(
		mCreate("/a", 0), mCreate("/a/n-", 2), mCreate("/a/n-", 3), mSet("/a", 0), mSet("/a", 1), mCheck("/a", 2),
		mDelete("/a/n-0000000000", 0), mCreate("/b", 0), mDelete("/b", -1),
	))
	var types []protocol.OpCode
	for _, s := range p.Body.(*txn.Multi).Txns {
		types = append(types, s.Type)
	}
	if want := []protocol.OpCode{1, 1, 1, 5, 5, 13, 2, 1, 2}; !slices.Equal(types, want) {
		t.Errorf("types %v, want %v", types, want)
	}
	n, ok := w.tree.Lookup("/a")
	if st := n.Stat(); !ok || st.Version != 2 || st.NumChildren != 1 || st.Cversion != 3 || st.Czxid != p.Zxid {
		t.Errorf("/a: %+v", st)
	}
	if n, _ := w.tree.Lookup("/a/n-0000000001"); n.Owner() != 7 {
		t.Errorf("the ephemeral belongs to %v", n.Owner())
	}
	if _, ok := w.tree.Lookup("/b"); ok {
		t.Error("/b is there")
	}
}

func TestFailedMultiLeavesNothing(t *testing.T) {
	t.Parallel()
	w := populated(t)
	digest := w.prep.Digest()
	p := w.propose(7, protocol.OpMulti, multi(mCreate("/a", 0), mSet("/p", -1), mCheck("/p", 0), mCreate("/b", 0)))
	if got, want := codes(t, p), []protocol.Code{0, 0, protocol.BadVersion, protocol.RuntimeInconsistency}; !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
	if p.MultiErr != protocol.BadVersion || w.prep.Digest() != digest || len(w.prep.outstanding()) != 0 {
		t.Errorf("%v; digest 0x%x, was 0x%x; %d records left", p.MultiErr, w.prep.Digest(), digest, len(w.prep.outstanding()))
	}
	if got := w.propose(7, protocol.OpSetData, &protocol.SetDataRequest{Path: "/a"}); got.Err != protocol.NoNode {
		t.Errorf("the znode of a failed multi: %v", got.Err)
	}
	w.applyAll()
}

// A failed multi gives each path the record back that another txn in flight had
// made, the parents of its creates included, or the next sequence number
// repeats one (ZOOKEEPER-1624).
func TestZK1624FailedMulti(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everything)
	w.must(7, protocol.OpCreate, createOf("/q", 0))
	first := pathOf(t, w.propose(7, protocol.OpCreate, createOf("/q/n", 2)))
	w.propose(7, protocol.OpMulti, multi(mCreate("/q/n", 2), mCreate("/q/n", 2), mDelete(first, -1), mDelete("/none", -1)))
	second := pathOf(t, w.propose(7, protocol.OpCreate, createOf("/q/n", 2)))
	if first != "/q/n0000000000" || second != "/q/n0000000001" {
		t.Errorf("names %s and %s", first, second)
	}
	if p := w.propose(7, protocol.OpDelete, &protocol.DeleteRequest{Path: first, Version: 0}); p.Err != protocol.OK {
		t.Errorf("delete of what the failed multi had deleted: %v", p.Err)
	}
	w.applyAll()
}

func TestMultiThatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	noACL := protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: "/n"}}
	read := protocol.MultiOp{Type: protocol.OpGetData, Record: &protocol.GetDataRequest{Path: "/p"}}
	setACL := protocol.MultiOp{Type: protocol.OpSetACL, Record: &protocol.SetACLRequest{Path: "/p", ACL: protocol.OpenACL}}
	for name, m := range map[string]*protocol.MultiRequest{
		"bad flags": multi(mCreate("/n", 7)), "ttl flags": multi(mCreate("/n", 5)), "null ACL": multi(noACL),
		"reads": multi(read), "mixed": multi(mCheck("/p", 0), read), "setACL": multi(mCheck("/p", 0), setACL),
	} {
		w := populated(t)
		if p := w.propose(7, protocol.OpMulti, m); p.Err != protocol.MarshallingError {
			t.Errorf("%s: %v, want MarshallingError", name, p.Err)
		}
	}
}

func TestMultiOps(t *testing.T) {
	t.Parallel()
	ttl := func(flags protocol.CreateFlag, ms int64) protocol.MultiOp {
		return protocol.MultiOp{Type: protocol.OpCreateTTL, Record: &protocol.CreateTTLRequest{Path: "/n", ACL: protocol.OpenACL, Flags: flags, TTL: ms}}
	}
	container := func(flags protocol.CreateFlag) protocol.MultiOp {
		return protocol.MultiOp{Type: protocol.OpCreateContainer, Record: createOf("/n", flags)}
	}
	for _, tc := range []struct {
		name  string
		op    protocol.MultiOp
		want  protocol.Code
		owner protocol.SessionID
	}{
		{"create with the container flag", mCreate("/n", 4), 0, protocol.ContainerOwner},
		{"createContainer with it", container(4), 0, protocol.ContainerOwner},
		{"createContainer without it is a create", container(0), 0, 0},
		{"createTTL", ttl(5, 500), 0, protocol.OwnerOfTTL(500)},
		{"createTTL, ttl 0", ttl(5, 0), protocol.BadArguments, 0},
		{"createTTL without the flag is a create", ttl(0, 500), 0, 0},
		{"createTTL with the container flag", ttl(4, 500), 0, protocol.ContainerOwner},
		{"createTTL with bad flags", ttl(9, 500), protocol.BadArguments, 0},
		{"check needs READ", mCheck("/noread", 0), protocol.NoAuth, 0},
		{"check of a path that is none", mCheck("/p/", 0), protocol.BadArguments, 0},
		{"check of any version", mCheck("/p", -1), 0, 0},
	} {
		w := populated(t)
		p := w.propose(7, protocol.OpMulti, multi(tc.op))
		if p.Err != protocol.OK || p.MultiErr != tc.want {
			t.Errorf("%s: %v %v, want %v", tc.name, p.Err, p.MultiErr, tc.want)
		}
		w.applyAll()
		if n, ok := w.tree.Lookup("/n"); ok && n.Owner() != tc.owner {
			t.Errorf("%s: owner %v, want %v", tc.name, n.Owner(), tc.owner)
		}
	}
}

func TestEmptyMulti(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.err = protocol.SessionMoved // nobody asks
	p := w.propose(7, protocol.OpMulti, multi())
	if p.Err != protocol.OK || p.MultiErr != protocol.OK || p.Txn.Digest.Tree != w.tree.Digest() {
		t.Errorf("empty multi: %v, digest %v", p.Err, p.Txn.Digest)
	}
	w.applyAll()
}

func TestMultiOfMovedSession(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.err = protocol.SessionMoved
	if p := w.propose(7, protocol.OpMulti, multi(mCreate("/n", 0), mCreate("/m", 0))); p.MultiErr != protocol.SessionMoved {
		t.Errorf("got %v", p.MultiErr)
	}
	w.applyAll()
}

func TestCloseSession(t *testing.T) {
	t.Parallel()
	for _, paths := range []bool{true, false} {
		cfg := everything
		cfg.CloseSessionTxn = paths
		w := newWorld(t, cfg)
		w.raw(&Request{Session: 7, Op: protocol.OpCreateSession, TimeoutMs: 4000})
		w.must(7, protocol.OpCreate, createOf("/dir", 0))
		for _, path := range []string{"/dir/z", "/old", "/again"} {
			w.must(7, protocol.OpCreate, createOf(path, 1))
		}
		w.must(8, protocol.OpCreate, createOf("/other", 1))
		// In flight: one more, one less, one that goes and comes back as
		// another's, and one that comes and goes.
		w.propose(7, protocol.OpCreate, createOf("/dir/a", 1))
		w.propose(7, protocol.OpDelete, &protocol.DeleteRequest{Path: "/old"})
		w.propose(8, protocol.OpMulti, multi(mDelete("/again", -1), mCreate("/again", 1)))
		w.propose(7, protocol.OpMulti, multi(mCreate("/brief", 1), mDelete("/brief", -1)))
		w.propose(7, protocol.OpSetData, &protocol.SetDataRequest{Path: "/dir/z", Version: 0})

		p := w.propose(7, protocol.OpCloseSession, nil)
		got := p.Body.(*txn.CloseSession).Paths
		if want := []string{"/dir/a", "/dir/z"}; paths && !slices.Equal(got, want) {
			t.Errorf("paths %v, want %v", got, want)
		}
		if !paths && (got != nil || p.Txn.Digest != nil) {
			t.Errorf("the form before 3.6 has paths %v and digest %v", got, p.Txn.Digest)
		}
		// What comes behind the close sees what it leaves.
		if p := w.propose(8, protocol.OpDelete, &protocol.DeleteRequest{Path: "/dir", Version: -1}); p.Err != protocol.OK {
			t.Errorf("delete of the parent behind the close: %v", p.Err)
		}
		w.applyAll()
		if got := w.tree.Ephemerals(7); len(got) != 0 {
			t.Errorf("ephemerals left: %v", got)
		}
		if got, want := w.tree.Ephemerals(8), []string{"/again", "/other"}; !slices.Equal(got, want) {
			t.Errorf("the other session has %v, want %v", got, want)
		}
	}
}

func TestDeleteContainer(t *testing.T) {
	t.Parallel()
	w := populated(t)
	for path, want := range map[string]protocol.Code{
		"/cont": protocol.OK, "/ttl": protocol.OK, "/p": protocol.BadVersion, "/e": protocol.BadVersion,
		"/none": protocol.NoNode, "/none/x": protocol.NoNode, "bad": protocol.BadArguments, "/zookeeper": protocol.BadArguments, "/full": protocol.NotEmpty,
	} {
		p := w.raw(&Request{Op: protocol.OpDeleteContainer, Path: path})
		if p.Err != want {
			t.Errorf("%s: %v, want %v", path, p.Err, want)
		}
		if want == protocol.OK && p.Type != protocol.OpDeleteContainer {
			t.Errorf("%s: txn type %v", path, p.Type)
		}
	}
	w.applyAll()
}

func TestQuota(t *testing.T) {
	t.Parallel()
	setup := func(limits string) *world {
		w := newWorld(t, everything)
		w.must(7, protocol.OpCreate, createOf("/q", 0)) // 1 znode, 1 byte
		for _, path := range []string{"/zookeeper/quota/q", "/zookeeper/quota/q/zookeeper_limits", "/zookeeper/quota/q/zookeeper_stats"} {
			r := &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL}
			if path == "/zookeeper/quota/q/zookeeper_limits" {
				r.Data = []byte(limits)
			}
			w.must(7, protocol.OpCreate, r)
		}
		return w
	}
	small, large := []byte("12"), []byte("1234567890")
	create := func(path string, data []byte) (protocol.OpCode, protocol.Record) {
		return protocol.OpCreate, &protocol.CreateRequest{Path: path, Data: data, ACL: protocol.OpenACL}
	}
	set := func(data []byte, v int32) (protocol.OpCode, protocol.Record) {
		return protocol.OpSetData, &protocol.SetDataRequest{Path: "/q", Data: data, Version: v}
	}
	check := func(w *world, what string, want protocol.Code) func(protocol.OpCode, protocol.Record) {
		return func(op protocol.OpCode, r protocol.Record) {
			t.Helper()
			if p := w.propose(7, op, r); p.Err != want {
				t.Errorf("%s: %v, want %v", what, p.Err, want)
			}
			w.applyAll()
		}
	}
	hard := setup("count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=2")
	check(hard, "second znode", protocol.OK)(create("/q/a", small)) // now 2 znodes, 3 bytes
	check(hard, "third znode", protocol.QuotaExceeded)(create("/q/b", nil))
	check(hard, "outside", protocol.OK)(create("/other", large))
	check(hard, "4 more bytes", protocol.QuotaExceeded)(set([]byte("12345"), -1))
	check(hard, "quota before version", protocol.QuotaExceeded)(set(large, 9))
	check(hard, "2 more bytes", protocol.OK)(set([]byte("123"), 0))
	check(hard, "fewer bytes", protocol.OK)(set(nil, 1))
	if p := hard.propose(7, protocol.OpMulti, multi(mCheck("/q", -1), mCreate("/q/b", 0))); p.MultiErr != protocol.QuotaExceeded {
		t.Errorf("in a multi: %v", p.MultiErr)
	}
	soft := setup("count=1,bytes=1")
	check(soft, "a soft limit", protocol.OK)(create("/q/a", large))

	off := everything
	off.EnforceQuota = false
	hard.prep = New(off, hard.tree, hard.prep.acl)
	hard.flight = nil
	check(hard, "not enforced", protocol.OK)(create("/q/b", large))
}

// Prep goes on where the tree stands, and the counter runs over into the epoch.
func TestZxidRunsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, everything)
	r := tree.Restorer{Tree: w.tree}
	r.Apply(&txn.Txn{Header: txn.Header{Zxid: 0x5_fffffffe, Type: protocol.OpError}, Body: &txn.Error{Err: protocol.NoNode}})
	w.prep.Reset()
	w.must(7, protocol.OpCreate, createOf("/a", 0))
	if p := w.must(7, protocol.OpCreate, createOf("/b", 0)); p.Zxid != 0x6_00000000 {
		t.Errorf("after 0x5ffffffff came %v, want 0x600000000", p.Zxid)
	}
	r.Apply(&txn.Txn{Header: txn.Header{Zxid: 1<<63 - 1, Type: protocol.OpError}, Body: &txn.Error{Err: protocol.NoNode}})
	w.prep.Reset()
	if !w.prep.Exhausted() {
		t.Error("there is a zxid after the last")
	}
}
