package tree

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// audit walks a tree and compares what it keeps with what it finds.
func audit(t *Tree) error {
	nodes, ephemerals, size, sum := 0, 0, int64(1), uint64(0)
	uses := map[uint32]int{}
	for i := uint32(rootNode); i != 0; i = t.following(i, rootNode) {
		n := t.records.at(i)
		path := t.path(i)
		nodes++
		size += int64(len(path) + len(t.data(n)))
		uses[n.acl]++
		if t.find(path) != i {
			return fmt.Errorf("%q is not in the index", path)
		}
		children, below := uint32(0), uint32(0)
		prev := uint32(0)
		for c := n.firstChild; c != 0; c = t.records.at(c).next {
			child := t.records.at(c)
			if child.parent != i || prev != 0 && child.prev != prev {
				return fmt.Errorf("a child of %q has parent %d and prev %d", path, child.parent, child.prev)
			}
			children++
			below += 1 + child.descendants
			prev = c
		}
		if n.firstChild != 0 && t.records.at(n.firstChild).prev != prev {
			return fmt.Errorf("the first child of %q does not point to the last", path)
		}
		if n.children != children || n.descendants != below {
			return fmt.Errorf("%q counts %d and %d, has %d and %d", path, n.children, n.descendants, children, below)
		}
		if protocol.EphemeralSession(n.owner, t.opt.Extended) != 0 {
			ephemerals++
		}
		if t.opt.Digest {
			st := n.stat()
			sum += NodeDigest(path, ContentCRC(path, t.data(n)), &st)
		}
	}
	owned := 0
	for _, set := range t.owners {
		owned += set.len()
	}
	indexed := 0
	seen := map[*segment]bool{}
	for _, s := range t.index.dir {
		if !seen[s] {
			seen[s] = true
			indexed += s.n
		}
	}
	if nodes != t.nodes || indexed != nodes-1 || size != t.dataSize || ephemerals != t.ephemerals || owned != ephemerals || sum != t.digest.sum {
		return fmt.Errorf("nodes %d indexed %d size %d ephemerals %d owned %d digest %#x, the tree has %d %d %d %#x",
			nodes, indexed, size, ephemerals, owned, sum, t.nodes, t.dataSize, t.ephemerals, t.digest.sum)
	}
	for i := range t.acls.entries {
		if e := &t.acls.entries[i]; i > 0 && e.acl != nil && e.refs != uses[uint32(i)] {
			return fmt.Errorf("ACL %d is used by %d znodes and counts %d", e.key, uses[uint32(i)], e.refs)
		}
	}
	return nil
}

// FuzzApply applies whatever decodes as txns, cut by a snapshot: nothing
// panics and the tree stays one.
func FuzzApply(f *testing.F) {
	var all []byte
	for i, x := range apacheLog(f) {
		b := x.AppendTo(nil)
		all = append(binary.BigEndian.AppendUint16(all, uint16(len(b))), b...)
		if i%40 == 39 {
			f.Add(all, uint8(i))
			all = nil
		}
	}
	for _, path := range []string{"", "/", "//", "a", "/a//b", "/a/", "/zookeeper", "/zookeeper/quota", quotaPath + "/" + limitsName, quotaPath + "//" + statsName} {
		var b []byte
		for _, x := range []*txn.Txn{
			{Header: txn.Header{Session: 1, Type: protocol.OpCreate}, Body: &txn.Create{Path: path, ParentCversion: -1, Ephemeral: true}},
			{Header: txn.Header{Type: protocol.OpSetData}, Body: &txn.SetData{Path: path, Data: []byte("count=")}},
			{Header: txn.Header{Type: protocol.OpDelete}, Body: &txn.Delete{Path: path}},
			{Header: txn.Header{Session: 1, Type: protocol.OpCloseSession}, Body: &txn.CloseSession{Paths: []string{path, path}}},
		} {
			p := x.AppendTo(nil)
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
		}
		f.Add(b, uint8(2))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint8) {
		tr := New(Options{Extended: cut%2 == 0, Digest: true})
		var r Result
		var s *Snapshot
		var c chunk
		for i := 0; len(in) >= 2; i++ {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			x, err := txn.DecodeBorrowed(in[2 : 2+n])
			in = in[2+n:]
			if i == int(cut%16) {
				s = tr.BeginSnapshot()
			}
			if s != nil {
				c.limit = 1
				s.fill(&c)
			}
			if err == nil {
				tr.Apply(x, &r)
			}
		}
		if err := audit(tr); err != nil {
			t.Fatal(err)
		}
		if err := audit(cloneTree(tr)); err != nil {
			t.Fatalf("after a restart: %v", err)
		}
	})
}

// A deletion in a replay takes what lies below with it; see doc.go.
func TestDeleteOfSubtree(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{Digest: true, Extended: true})
	for _, p := range []string{"/keep", "/a", "/a/b", "/a/b/c", "/a/d"} {
		s.create(p, []byte(p))
	}
	s.ok(protocol.OpCreate, &txn.Create{Path: "/a/b/e", Ephemeral: true, ACL: protocol.ReadACL, ParentCversion: -1})
	s.ok(protocol.OpDelete, &txn.Delete{Path: "/a"})
	if s.NodeCount() != 6 || s.EphemeralCount() != 0 {
		t.Errorf("%d znodes, %d ephemerals", s.NodeCount(), s.EphemeralCount())
	}
	if got, want := s.events(), "2 /a open; 4 / open"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	if err := audit(s.Tree); err != nil {
		t.Error(err)
	}
}

// Random sizes, created, changed and deleted for long: the memory that is held
// stays near what is in use, and comes back when the tree is empty.
func TestChurn(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newScript(t, Options{Digest: true, HashKey: [2]uint64{seed, 1}})
	sizes := []int{0, 10, 100, 1000, 10000, 60000}
	live := map[int]bool{}
	held := func() (chunks int) {
		for _, m := range s.blocks.mem {
			if m != nil {
				chunks++
			}
		}
		return chunks
	}
	const nodes = 3000
	peak := 0
	for round := range 6 {
		size := sizes[rng.IntN(len(sizes))] // one size after the other: chunks must change class
		for range 2 * nodes {
			k := rng.IntN(nodes)
			path := fmt.Sprintf("/n%d", k)
			data := make([]byte, rng.IntN(size+1))
			switch {
			case !live[k]:
				s.create(path, data)
				live[k] = true
			case rng.IntN(3) == 0:
				s.ok(protocol.OpDelete, &txn.Delete{Path: path})
				delete(live, k)
			default:
				s.ok(protocol.OpSetData, &txn.SetData{Path: path, Data: data})
			}
		}
		peak = max(peak, held())
		if err := audit(s.Tree); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	for k := range live {
		s.ok(protocol.OpDelete, &txn.Delete{Path: fmt.Sprintf("/n%d", k)})
	}
	if err := audit(s.Tree); err != nil {
		t.Fatal(err)
	}
	if got := held(); got > spareLimit+8 {
		t.Errorf("%d chunks are held by an empty tree; the peak was %d", got, peak)
	}
	for i, b := range s.blocks.large {
		if b != nil {
			t.Errorf("large block %d is still held", i)
		}
	}
	if n := len(s.records.slabs); n > 3*nodes/slabNodes+8 {
		t.Errorf("%d slabs for %d znodes", n, nodes)
	}
}

// The index finds every path at every size and never a wrong one.
func TestIndexGrowth(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{HashKey: [2]uint64{3, 4}})
	const n = 40000
	for i := range n {
		s.create(fmt.Sprintf("/%d", i), nil)
	}
	if len(s.index.dir) < 8 {
		t.Fatalf("a directory of %d segments: the test is too small", len(s.index.dir))
	}
	for i := 0; i < n; i += 2 {
		s.ok(protocol.OpDelete, &txn.Delete{Path: fmt.Sprintf("/%d", i)})
	}
	for i := range n {
		if _, ok := s.Lookup(fmt.Sprintf("/%d", i)); ok != (i%2 == 1) {
			t.Fatalf("/%d: found %v", i, ok)
		}
	}
	for _, path := range []string{"/1/", "1", "//1", "/1/1", "/1\x00", strings.Repeat("/1", 1000)} {
		if _, ok := s.Lookup(path); ok {
			t.Errorf("%.20q was found", path)
		}
	}
	if err := audit(s.Tree); err != nil {
		t.Error(err)
	}
}

// An arena's block is where it was left, whatever happens to the others.
func TestArena(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var a arena
	type block struct {
		r    ref
		n    int
		fill byte
	}
	var live []block
	for i := range 20000 {
		if len(live) > 0 && rng.IntN(2) == 0 {
			k := rng.IntN(len(live))
			b := live[k]
			for _, c := range a.bytes(b.r)[:b.n] {
				if c != b.fill {
					t.Fatalf("a block of %d bytes was overwritten", b.n)
				}
			}
			a.free(b.r)
			live[k] = live[len(live)-1]
			live = live[:len(live)-1]
			continue
		}
		n := rng.IntN([]int{1, 40, 600, 5000, 40000}[rng.IntN(5)] + 1)
		b := block{a.alloc(n), n, byte(i)}
		got := a.bytes(b.r)
		if len(got) < n || n <= maxBlock && n >= 128 && len(got) > n+n/4+8 {
			t.Fatalf("a block of %d bytes for %d", len(got), n)
		}
		if !a.fits(b.r, n) {
			t.Fatalf("a block for %d bytes does not fit them", n)
		}
		for j := range got[:n] {
			got[j] = b.fill
		}
		live = append(live, b)
	}
	runtime.KeepAlive(live)
}
