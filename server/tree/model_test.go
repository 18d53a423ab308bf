package tree

import (
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/txn"
)

// model is the tree as a map by full path, written to be obvious.
type model struct {
	nodes    map[string]*modelNode
	sessions map[protocol.SessionID]int32
}

type modelNode struct {
	data []byte
	acl  []protocol.ACL
	st   protocol.StatPersisted
}

func newModel() *model {
	m := &model{nodes: map[string]*modelNode{}, sessions: map[protocol.SessionID]int32{}}
	for _, p := range []string{"", procPath, quotaPath, configPath} {
		m.nodes[p] = &modelNode{data: []byte{}, acl: protocol.OpenACL}
	}
	m.nodes[configPath].acl = protocol.ReadACL
	m.nodes[configPath].st.Aversion = -1
	return m
}

func up(path string) string { return path[:strings.LastIndexByte(path, '/')] }

func (m *model) children(path string) (names []string) {
	for p := range m.nodes {
		if p != "" && up(p) == path {
			names = append(names, p[len(path)+1:])
		}
	}
	slices.Sort(names)
	return names
}

func (m *model) descendants(path string) (n int) {
	for p := range m.nodes {
		if strings.HasPrefix(p, path+"/") {
			n++
		}
	}
	return n
}

func (m *model) apply(x *txn.Txn) protocol.Code {
	switch b := x.Body.(type) {
	case *txn.Create:
		owner := protocol.SessionID(0)
		if b.Ephemeral {
			owner = x.Session
		}
		return m.create(x, b.Path, b.Data, b.ACL, owner, b.ParentCversion)
	case *txn.CreateContainer:
		return m.create(x, b.Path, b.Data, b.ACL, protocol.ContainerOwner, b.ParentCversion)
	case *txn.CreateTTL:
		return m.create(x, b.Path, b.Data, b.ACL, protocol.OwnerOfTTL(b.TTL), b.ParentCversion)
	case *txn.Delete:
		return m.remove(x, b.Path)
	case *txn.SetData:
		n := m.nodes[b.Path]
		if n == nil {
			return protocol.NoNode
		}
		n.data, n.st.Version, n.st.Mzxid, n.st.Mtime = b.Data, b.Version, x.Zxid, x.TimeMs
	case *txn.SetACL:
		n := m.nodes[b.Path]
		if n == nil {
			return protocol.NoNode
		}
		n.acl, n.st.Aversion = b.ACL, b.Version
	case *txn.CreateSession:
		m.sessions[x.Session] = b.TimeoutMs
	case *txn.CloseSession:
		for _, p := range b.Paths {
			m.remove(x, p)
		}
		for _, p := range m.ephemerals(x.Session) {
			m.remove(x, p)
		}
		delete(m.sessions, x.Session)
	case *txn.Multi:
		for _, s := range b.Txns {
			sub := &txn.Txn{Header: x.Header, Body: s.Body}
			m.apply(sub)
		}
	}
	return protocol.OK
}

func (m *model) ephemerals(id protocol.SessionID) (paths []string) {
	for p, n := range m.nodes {
		if n.st.EphemeralOwner == id {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

func (m *model) create(x *txn.Txn, path string, data []byte, acl []protocol.ACL, owner protocol.SessionID, cversion int32) protocol.Code {
	parent := m.nodes[up(path)]
	if parent == nil {
		return protocol.NoNode
	}
	if cversion > parent.st.Cversion {
		parent.st.Cversion, parent.st.Pzxid = cversion, x.Zxid
	}
	if n := m.nodes[path]; n != nil {
		n.acl = acl
		return protocol.NodeExists
	}
	m.nodes[path] = &modelNode{data, acl, protocol.StatPersisted{Czxid: x.Zxid, Mzxid: x.Zxid, Pzxid: x.Zxid,
		Ctime: x.TimeMs, Mtime: x.TimeMs, EphemeralOwner: owner}}
	return protocol.OK
}

func (m *model) remove(x *txn.Txn, path string) protocol.Code {
	parent := m.nodes[up(path)]
	if parent == nil {
		return protocol.NoNode
	}
	parent.st.Pzxid = max(parent.st.Pzxid, x.Zxid)
	if m.nodes[path] == nil {
		return protocol.NoNode
	}
	maps.DeleteFunc(m.nodes, func(p string, _ *modelNode) bool { return p == path || strings.HasPrefix(p, path+"/") })
	return protocol.OK
}

func (m *model) digest() (sum uint64) {
	for path, n := range m.nodes {
		if strings.HasPrefix(path, procPath+"/") {
			continue
		}
		b := append([]byte(path), n.data...)
		for _, v := range []int64{int64(n.st.Czxid), int64(n.st.Mzxid), int64(n.st.Pzxid), n.st.Ctime, n.st.Mtime} {
			b = jute.AppendLong(b, v)
		}
		for _, v := range []int32{n.st.Version, n.st.Cversion, n.st.Aversion} {
			b = jute.AppendInt(b, v)
		}
		sum += uint64(crc32.ChecksumIEEE(jute.AppendLong(b, int64(n.st.EphemeralOwner))))
	}
	return sum
}

// compare checks everything that the tree shows against the model.
func (m *model) compare(tr *Tree) error {
	if tr.NodeCount() != len(m.nodes)+1 {
		return fmt.Errorf("%d znodes, want %d", tr.NodeCount(), len(m.nodes)+1)
	}
	size, ephemerals := int64(1), 0
	owners := map[protocol.SessionID]bool{}
	for path, want := range m.nodes {
		size += int64(len(path) + len(want.data))
		n, ok := tr.Lookup(path)
		if !ok {
			return fmt.Errorf("%q is missing", path)
		}
		st := n.StatPersisted()
		if st != want.st || string(n.Data()) != string(want.data) || (n.Data() == nil) != (want.data == nil) {
			return fmt.Errorf("%q: %+v %q, want %+v %q", path, st, n.Data(), want.st, want.data)
		}
		if want.acl != nil && !slices.Equal(n.ACL(), want.acl) || want.acl == nil && !slices.Equal(n.ACL(), protocol.OpenACL) {
			return fmt.Errorf("%q: ACL %v, want %v", path, n.ACL(), want.acl)
		}
		if got, want := sortedChildren(n), m.children(path); !slices.Equal(got, want) {
			return fmt.Errorf("%q: children %q, want %q", path, got, want)
		}
		if got, want := n.Descendants(), m.descendants(path); got != want {
			return fmt.Errorf("%q: %d descendants, want %d", path, got, want)
		}
		if id := protocol.EphemeralSession(want.st.EphemeralOwner, true); id != 0 {
			ephemerals++
			owners[id] = true
		}
	}
	if tr.DataSize() != size {
		return fmt.Errorf("data size %d, want %d", tr.DataSize(), size)
	}
	if tr.EphemeralCount() != ephemerals {
		return fmt.Errorf("%d ephemerals, want %d", tr.EphemeralCount(), ephemerals)
	}
	if got, want := tr.EphemeralOwners(), slices.Sorted(maps.Keys(owners)); !slices.Equal(got, want) {
		return fmt.Errorf("ephemeral owners %v, want %v", got, want)
	}
	for id := range owners {
		if got, want := tr.Ephemerals(id), m.ephemerals(id); !slices.Equal(got, want) {
			return fmt.Errorf("ephemerals of %v: %q, want %q", id, got, want)
		}
	}
	if got, want := tr.Sessions(), slices.Sorted(maps.Keys(m.sessions)); !slices.Equal(got, want) {
		return fmt.Errorf("sessions %v, want %v", got, want)
	}
	if got, want := tr.Digest(), m.digest(); got != want {
		return fmt.Errorf("digest %#x, want %#x", got, want)
	}
	return nil
}

func sortedChildren(n Node) (names []string) {
	n.Children(func(name string) bool {
		names = append(names, strings.Clone(name))
		return true
	})
	slices.Sort(names)
	return names
}

// generator makes txns such as prep makes: valid ones, with the parent's
// cversion and the new versions in them. It keeps a tree to know.
type generator struct {
	rng *rand.Rand
	h   history
	tr  *Tree
	r   Result
	// modern: no closeSession in the form before 3.6, after which a fuzzy
	// snapshot can be left with the pzxid of a parent from before it.
	modern bool
}

func newGenerator(seed uint64) *generator {
	return &generator{rng: rand.New(rand.NewPCG(seed, 0)), tr: New(Options{Extended: true, Digest: true})}
}

var someACLs = [][]protocol.ACL{
	protocol.OpenACL, protocol.ReadACL,
	{{Perms: 31, Scheme: "digest", ID: "u:x="}},
	{{Perms: 1, Scheme: "ip", ID: "10.0.0.0/8"}, {Perms: 31, Scheme: "digest", ID: "v:y="}},
}

// next makes a txn, applies it to the generator's tree and returns it with its
// digest.
func (g *generator) next() *txn.Txn {
	x := g.h.next(0, nil)
	x.Session = protocol.SessionID(1 + g.rng.IntN(4))
	switch g.rng.IntN(12) {
	case 0:
		x.Type, x.Body = protocol.OpCreateSession, &txn.CreateSession{TimeoutMs: 600000 + g.rng.Int32N(9000)}
	case 1:
		paths := g.tr.Ephemerals(x.Session)
		if !g.modern && g.rng.IntN(4) == 0 {
			paths = nil
		}
		x.Type, x.Body = protocol.OpCloseSession, &txn.CloseSession{Paths: paths}
	case 2:
		m := &txn.Multi{}
		before := *x
		scratch := newGenerator(0) // sees what the sub-txns before did
		scratch.rng, scratch.tr = g.rng, cloneTree(g.tr)
		for range g.rng.IntN(5) {
			op, body := scratch.write(x.Session)
			switch op {
			case protocol.OpSetACL: // no multi can hold one
				continue
			case protocol.OpCreate2: // as Apache writes it there; 3.8.0 does not know 15
				op = protocol.OpCreate
			}
			sub := before
			sub.Type, sub.Body = op, body
			scratch.tr.Apply(&sub, &scratch.r)
			m.Txns = append(m.Txns, txn.Sub{Type: op, Body: body})
		}
		x.Type, x.Body = protocol.OpMulti, m
	default:
		x.Type, x.Body = g.write(x.Session)
	}
	g.tr.Apply(x, &g.r)
	x.Digest = &txn.Digest{Version: DigestVersion, Tree: g.tr.Digest()}
	return x
}

// write makes one create, delete, setData or setACL that succeeds.
func (g *generator) write(session protocol.SessionID) (protocol.OpCode, protocol.Record) {
	var all []string
	for i := uint32(rootNode); i != 0; i = g.tr.following(i, rootNode) {
		if p := g.tr.path(i); !strings.HasPrefix(p, procPath) {
			all = append(all, p)
		}
	}
	acl := someACLs[g.rng.IntN(len(someACLs))]
	if g.modern && g.rng.IntN(3) == 0 { // one that no map of before has
		acl = []protocol.ACL{{Perms: 31, Scheme: "digest", ID: fmt.Sprintf("young-%d:x", g.rng.IntN(5))}}
	}
	for {
		path := all[g.rng.IntN(len(all))]
		n, _ := g.tr.Lookup(path)
		switch k := g.rng.IntN(10); {
		case k < 4:
			child := fmt.Sprintf("%s/%c", path, 'a'+rune(g.rng.IntN(6)))
			if _, ok := g.tr.Lookup(child); ok || n.Session() != 0 || len(child) > 12 {
				continue
			}
			cversion := n.PersistedCversion() + 1
			switch g.rng.IntN(6) {
			case 0:
				return protocol.OpCreateContainer, &txn.CreateContainer{Path: child, Data: g.data(), ACL: acl, ParentCversion: cversion}
			case 1:
				return protocol.OpCreateTTL, &txn.CreateTTL{Path: child, Data: g.data(), ACL: acl, ParentCversion: cversion, TTL: 1 + int64(g.rng.IntN(1000))}
			}
			op := []protocol.OpCode{protocol.OpCreate, protocol.OpCreate2}[g.rng.IntN(2)]
			return op, &txn.Create{Path: child, Data: g.data(), ACL: acl, Ephemeral: g.rng.IntN(3) == 0, ParentCversion: cversion}
		case k < 7:
			if path == "" || n.NumChildren() > 0 {
				continue
			}
			return protocol.OpDelete, &txn.Delete{Path: path}
		case k < 9:
			return protocol.OpSetData, &txn.SetData{Path: path, Data: g.data(), Version: n.Version() + 1}
		default:
			return protocol.OpSetACL, &txn.SetACL{Path: path, ACL: acl, Version: n.Aversion() + 1}
		}
	}
}

func (g *generator) data() []byte {
	switch g.rng.IntN(8) {
	case 0:
		return nil
	case 1:
		return []byte{}
	case 2:
		return make([]byte, g.rng.IntN(40000))
	}
	return make([]byte, g.rng.IntN(300))
}

// cloneTree copies a tree through its own snapshot.
func cloneTree(tr *Tree) *Tree {
	w := &memorySnapshot{}
	s := tr.BeginSnapshot()
	if err := s.WriteTo(w, noLock()); err != nil {
		panic(err)
	}
	to := New(tr.opt)
	if err := w.restore(to, s.Zxid()); err != nil {
		panic(err)
	}
	return to
}

func TestModel(t *testing.T) {
	t.Parallel()
	for range 4 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			g, m := newGenerator(seed), newModel()
			for i := range 600 {
				x := g.next()
				if g.r.Err != protocol.OK {
					t.Fatalf("txn %d: %v %+v: %v", i, x.Type, x.Body, g.r.Err)
				}
				if code := m.apply(x); code != protocol.OK {
					t.Fatalf("txn %d: %v %+v: the model says %v", i, x.Type, x.Body, code)
				}
				if err := m.compare(g.tr); err != nil {
					t.Fatalf("after txn %d: %v %+v: %v", i, x.Type, x.Body, err)
				}
			}
			if g.tr.DigestMismatches() != 0 {
				t.Fatal("digest mismatches")
			}
		})
	}
}
