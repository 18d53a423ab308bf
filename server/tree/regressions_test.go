package tree

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// TestFuzzyReplay: txns are applied while a snapshot is written, at each point
// of the walk over the znodes, all at once or one every few znodes. With the log
// replayed over it, the snapshot gives the tree in memory: Stats, sessions and
// digest, as it is written here and as Apache writes it.
func TestFuzzyReplay(t *testing.T) {
	t.Parallel()
	const owner = 0x7700000000000001
	create := func(path string, ephemeral bool) txn.Sub {
		return txn.Sub{Type: protocol.OpCreate, Body: &txn.Create{Path: path, ACL: protocol.OpenACL, Ephemeral: ephemeral}}
	}
	remove := func(path string) txn.Sub { return txn.Sub{Type: protocol.OpDelete, Body: &txn.Delete{Path: path}} }
	session := txn.Sub{Type: protocol.OpCreateSession, Body: &txn.CreateSession{TimeoutMs: 4000}}
	end := func(paths ...string) txn.Sub {
		return txn.Sub{Type: protocol.OpCloseSession, Body: &txn.CloseSession{Paths: paths}}
	}
	multi := func(subs ...txn.Sub) txn.Sub {
		return txn.Sub{Type: protocol.OpMulti, Body: &txn.Multi{Txns: subs}}
	}
	for name, tt := range map[string]struct{ before, since []txn.Sub }{
		"zk-3127 a multi": {
			[]txn.Sub{session, create("/a", false), create("/a/x", false), create("/b", false)},
			[]txn.Sub{multi(create("/a/y", false), remove("/a/x"), create("/b/z", true), remove("/b/z"), create("/a/x", false))},
		},
		"zk-3144 sessions come and go": {
			[]txn.Sub{session, create("/a", false), create("/a/e", true), create("/b", false)},
			[]txn.Sub{end("/a/e"), session, create("/a/e", true), create("/b/e", true)},
		},
		"zk-3145 a closeSession": {
			[]txn.Sub{session, create("/a", false), create("/a/e", true), create("/b", false), create("/b/e", true), create("/c", false)},
			[]txn.Sub{end("/a/e", "/b/e")},
		},
		"zk-3125 a delete": {
			[]txn.Sub{create("/a", false), create("/a/x", false), create("/b", false)},
			[]txn.Sub{remove("/a/x"), create("/b/x", false), remove("/b/x")},
		},
		"zk-3249 later creates are in it": {
			[]txn.Sub{create("/a", false), create("/b", false), create("/b/x", false)},
			[]txn.Sub{create("/a/1", false), remove("/a/1"), create("/a/2", false), remove("/b/x"), create("/a/1", false), create("/b/x", false)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, asApache := range []bool{false, true} {
				for _, every := range []int{0, 1, 2} {
					for at := range len(tt.before) + 6 {
						replayOver(t, owner, tt.before, tt.since, at, every, asApache)
					}
				}
			}
		})
	}
}

// replayOver writes a snapshot znode by znode. Before znode at the txns begin to
// be applied, all of them, or one more behind every few znodes.
func replayOver(t *testing.T, owner protocol.SessionID, before, since []txn.Sub, at, every int, asApache bool) {
	t.Helper()
	tr := New(Options{Digest: true})
	var zxid protocol.Zxid
	var r Result
	created := map[string]int32{} // below each parent, ever: its cversion in a txn
	var decided func(s txn.Sub) protocol.Record
	decided = func(s txn.Sub) protocol.Record {
		switch body := s.Body.(type) {
		case *txn.Create:
			c := *body
			parent := protocol.Parent(c.Path)
			created[parent]++
			c.ParentCversion = created[parent]
			return &c
		case *txn.Multi:
			var m txn.Multi
			for _, s := range body.Txns {
				m.Txns = append(m.Txns, txn.Sub{Type: s.Type, Body: decided(s)})
			}
			return &m
		}
		return s.Body
	}
	do := func(s txn.Sub) *txn.Txn {
		zxid++
		x := &txn.Txn{Header: txn.Header{Session: owner, Zxid: zxid, TimeMs: 1_700_000_000_000 + int64(zxid), Type: s.Type}, Body: decided(s)}
		tr.Apply(x, &r)
		if r.Err != 0 {
			t.Fatalf("txn %v: %v", x, r.Err)
		}
		x.Digest = &txn.Digest{Version: DigestVersion, Tree: tr.Digest()}
		return x
	}
	for _, s := range before {
		do(s)
	}
	snapshot := tr.BeginSnapshot()
	w := &memorySnapshot{asApache: asApache}
	if asApache {
		snapshot.generation = math.MaxUint32
	}
	if err := snapshot.writeTables(w); err != nil {
		t.Fatal(err)
	}
	var log []*txn.Txn
	c := chunk{limit: 1}
	for n, more := 0, true; more; n++ {
		if n >= at && (every == 0 || (n-at)%every == 0) {
			for len(log) < len(since) {
				if log = append(log, do(since[len(log)])); every > 0 {
					break
				}
			}
		}
		more = snapshot.fill(&c)
		if err := c.writeTo(w); err != nil {
			t.Fatal(err)
		}
	}
	w.digest = ZxidDigest{tr.LastZxid(), DigestVersion, tr.Digest()}
	snapshot.Close()
	for len(log) < len(since) {
		log = append(log, do(since[len(log)]))
	}

	where := fmt.Sprintf("from znode %d on, one every %d, as Apache %v", at, every, asApache)
	got := New(tr.opt)
	if err := w.restore(got, snapshot.Zxid()); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	replay := &Restorer{Tree: got, OnMismatch: func(z protocol.Zxid) { t.Errorf("%s: digest mismatch at %v", where, z) }}
	for _, x := range log {
		replay.Apply(x)
	}
	if a, b := clientView(got), clientView(tr); a != b {
		t.Fatalf("%s: %s", where, firstDifference(a, b))
	}
	if got.Digest() != tr.Digest() || !slices.Equal(got.Sessions(), tr.Sessions()) || got.LastZxid() != tr.LastZxid() {
		t.Fatalf("%s: digest, sessions or zxid differ", where)
	}
}
