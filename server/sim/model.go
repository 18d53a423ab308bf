package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// model is the tree as the checkers understand it: written for them, in the
// simplest way, and sharing nothing with package tree. It knows the part of
// ZooKeeper that the workload uses; "/" is only a parent.
//
// A node is never changed but replaced, so that the tree at any zxid is there for
// the replies that show it later.
type model struct {
	nodes    map[string]*modelNode
	past     map[string][]version        // of every path there ever was, by zxid; nil: not kept
	sessions map[protocol.SessionID]bool // open; false: closed
	made     map[protocol.SessionID]protocol.Zxid
	ended    map[protocol.SessionID]protocol.Zxid
	lastCxid map[protocol.SessionID]int32
	sequence map[string]int32 // by parent: the last number given
	zxid     protocol.Zxid
	local    bool // a session that was never made may write, but own nothing
}

type modelNode struct {
	data     []byte
	stat     protocol.Stat // without Cversion, DataLength and NumChildren
	created  int32         // children ever
	children []string      // in order of creation
}

// version is a path from a zxid on; without a node there was none.
type version struct {
	since protocol.Zxid
	n     *modelNode
}

// change is one change of a znode, as watches see it.
type change struct {
	kind protocol.EventType
	path string
}

// zxids is when a znode changed last.
type zxids struct {
	exists       bool
	mzxid, pzxid protocol.Zxid
}

func newModel() *model {
	root := &modelNode{children: []string{"zookeeper"}}
	return &model{
		nodes: map[string]*modelNode{"/": root}, past: map[string][]version{"/": {{0, root}}},
		sessions: map[protocol.SessionID]bool{}, made: map[protocol.SessionID]protocol.Zxid{}, ended: map[protocol.SessionID]protocol.Zxid{}, lastCxid: map[protocol.SessionID]int32{}, sequence: map[string]int32{},
	}
}

func (n *modelNode) clientStat() protocol.Stat {
	s := n.stat
	s.NumChildren = int32(len(n.children))
	s.Cversion = 2*n.created - s.NumChildren
	s.DataLength = int32(len(n.data))
	return s
}

// at is a node as it was at a zxid; nil: there was none.
func (m *model) at(path string, z protocol.Zxid) *modelNode {
	all := m.past[path]
	i, found := slices.BinarySearchFunc(all, z, func(v version, z protocol.Zxid) int { return cmp.Compare(v.since, z) })
	if i += b2i(found); i == 0 {
		return nil
	}
	return all[i-1].n
}

// during are the nodes that a path was, between two zxids; nil where there was none.
func (m *model) during(path string, from, until protocol.Zxid) []*modelNode {
	list := []*modelNode{m.at(path, from)}
	for _, v := range m.past[path] {
		if v.since > from && v.since <= until {
			list = append(list, v.n)
		}
	}
	return list
}

// set has a path be another node, or none, from the zxid of a txn on.
func (m *model) set(t *txn.Txn, path string, n *modelNode) {
	if n == nil {
		delete(m.nodes, path)
	} else {
		m.nodes[path] = n
	}
	if m.past == nil {
		return
	}
	all := m.past[path]
	if last := len(all) - 1; last >= 0 && all[last].since == t.Zxid {
		all[last].n = n
		return
	}
	m.past[path] = append(all, version{t.Zxid, n})
}

// edit gives a path a copy of its node, to be changed by a txn.
func (m *model) edit(t *txn.Txn, path string) *modelNode {
	n := *m.nodes[path]
	m.set(t, path, &n)
	return &n
}

func (m *model) zxids(path string, z protocol.Zxid) zxids {
	n := m.at(path, z)
	if n == nil {
		return zxids{}
	}
	return zxids{true, n.stat.Mzxid, n.stat.Pzxid}
}

// sessionsAt are those that were open at a zxid, ascending.
func (m *model) sessionsAt(z protocol.Zxid) []protocol.SessionID {
	var open []protocol.SessionID
	for id, made := range m.made {
		if end, over := m.ended[id]; made <= z && (!over || end > z) {
			open = append(open, id)
		}
	}
	slices.Sort(open)
	return open
}

func (m *model) ephemerals(id protocol.SessionID) []string {
	var list []string
	for path, n := range m.nodes {
		if n.stat.EphemeralOwner == id && id != 0 {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// apply runs a txn. An error says which rule it breaks: "invariant: detail".
func (m *model) apply(t *txn.Txn) (changes []change, err error) {
	if !follows(m.zxid, t.Zxid) {
		return nil, fmt.Errorf("I7 no holes: %v follows %v", t.Zxid, m.zxid)
	}
	m.zxid = t.Zxid
	if multi, ok := t.Body.(*txn.Multi); ok {
		for i := range multi.Txns {
			if multi.Txns[i].Type == protocol.OpError {
				return nil, nil // as a whole or not at all
			}
		}
	}
	switch t.Type {
	case protocol.OpCreateSession:
		if _, known := m.sessions[t.Session]; known {
			return nil, fmt.Errorf("S5 a session is made once: %v makes session %v again", t.Zxid, t.Session)
		}
		m.sessions[t.Session], m.made[t.Session] = true, t.Zxid
		return nil, nil
	case protocol.OpCloseSession:
		return m.closeSession(t)
	case protocol.OpError, protocol.OpReconfig:
		return nil, nil
	case protocol.OpDeleteContainer: // the server's own
	default:
		if open, known := m.sessions[t.Session]; !open && (known || !m.local) {
			return nil, fmt.Errorf("S5 nothing happens in a session that is gone: %v (%v) of session %v", t.Zxid, t.Type, t.Session)
		}
		if !m.sessions[t.Session] && createsEphemeral(t.Body) {
			return nil, fmt.Errorf("S6 ephemerals go with their session: %v creates one for session %v, which was never made", t.Zxid, t.Session)
		}
		if last := m.lastCxid[t.Session]; t.Cxid <= last {
			return nil, fmt.Errorf("S2 a session's writes happen in order, and once: %v is xid %d of session %v after xid %d", t.Zxid, t.Cxid, t.Session, last)
		}
		m.lastCxid[t.Session] = t.Cxid
	}
	if multi, ok := t.Body.(*txn.Multi); ok {
		for i := range multi.Txns {
			sub, err := m.change(t, multi.Txns[i].Body)
			if err != nil {
				return nil, err
			}
			changes = append(changes, sub...)
		}
		return changes, nil
	}
	return m.change(t, t.Body)
}

func (m *model) change(t *txn.Txn, body protocol.Record) ([]change, error) {
	switch b := body.(type) {
	case *txn.Create:
		var owner protocol.SessionID
		if b.Ephemeral {
			owner = t.Session
		}
		return m.create(t, b.Path, b.Data, owner, b.ParentCversion)
	case *txn.CreateContainer:
		return m.create(t, b.Path, b.Data, 0, b.ParentCversion)
	case *txn.Delete:
		return m.delete(t, b.Path)
	case *txn.SetData:
		n := m.nodes[b.Path]
		if n == nil || b.Version != n.stat.Version+1 {
			return nil, fmt.Errorf("S8 a txn fits the tree before it: %v sets %s to version %d", t.Zxid, b.Path, b.Version)
		}
		n = m.edit(t, b.Path)
		n.data = b.Data
		n.stat.Version, n.stat.Mzxid, n.stat.Mtime = b.Version, t.Zxid, t.TimeMs
		return []change{{protocol.EventNodeDataChanged, b.Path}}, nil
	case *txn.Check:
		return nil, nil
	}
	return nil, fmt.Errorf("S8 a txn fits the tree before it: %v has a body of type %T", t.Zxid, body)
}

func (m *model) create(t *txn.Txn, path string, data []byte, owner protocol.SessionID, cversion int32) ([]change, error) {
	parent := m.nodes[protocol.Parent(path)]
	if parent == nil || m.nodes[path] != nil || parent.stat.EphemeralOwner != 0 {
		return nil, fmt.Errorf("S8 a txn fits the tree before it: %v creates %s", t.Zxid, path)
	}
	if cversion != parent.created+1 {
		return nil, fmt.Errorf("S8 a txn fits the tree before it: %v creates %s with the parent's cversion %d, which is %d", t.Zxid, path, cversion, parent.created+1)
	}
	parent = m.edit(t, protocol.Parent(path))
	parent.created++
	parent.children = append(parent.children, protocol.Base(path))
	parent.stat.Pzxid = t.Zxid
	m.set(t, path, &modelNode{data: data, stat: protocol.Stat{
		Czxid: t.Zxid, Mzxid: t.Zxid, Pzxid: t.Zxid, Ctime: t.TimeMs, Mtime: t.TimeMs, EphemeralOwner: owner,
	}})
	return []change{{protocol.EventNodeCreated, path}, {protocol.EventNodeChildrenChanged, protocol.Parent(path)}}, nil
}

func (m *model) delete(t *txn.Txn, path string) ([]change, error) {
	n := m.nodes[path]
	if n == nil || len(n.children) > 0 {
		return nil, fmt.Errorf("S8 a txn fits the tree before it: %v deletes %s", t.Zxid, path)
	}
	m.set(t, path, nil)
	parent := m.edit(t, protocol.Parent(path))
	i := slices.Index(parent.children, protocol.Base(path))
	parent.children = slices.Concat(parent.children[:i], parent.children[i+1:])
	parent.stat.Pzxid = t.Zxid
	return []change{{protocol.EventNodeDeleted, path}, {protocol.EventNodeChildrenChanged, protocol.Parent(path)}}, nil
}

// closeSession removes all the ephemerals of the session and nothing else. A
// client's closeSession that comes behind the expiry of its session is logged
// too, and finds nothing; the server's own may not come twice.
func (m *model) closeSession(t *txn.Txn) (changes []change, err error) {
	if b, ok := t.Body.(*txn.CloseSession); ok && t.Cxid > 0 && m.made[t.Session] > 0 && !m.sessions[t.Session] && len(b.Paths) == 0 {
		return nil, nil
	}
	if open, known := m.sessions[t.Session]; !open {
		return nil, fmt.Errorf("S5 a session ends once: %v ends session %v (made: %v)", t.Zxid, t.Session, known)
	}
	m.sessions[t.Session], m.ended[t.Session] = false, t.Zxid
	own := m.ephemerals(t.Session)
	body, _ := t.Body.(*txn.CloseSession)
	if body != nil && body.Paths != nil {
		named := slices.Clone(body.Paths)
		slices.Sort(named)
		if !slices.Equal(named, own) {
			return nil, fmt.Errorf("S6 ephemerals go with their session: %v ends session %v and names %q, which has %q", t.Zxid, t.Session, body.Paths, own)
		}
		own = body.Paths
	}
	for _, path := range own {
		sub, err := m.delete(t, path)
		if err != nil {
			return nil, err
		}
		changes = append(changes, sub...)
	}
	return changes, nil
}

// expect is what a request must lead to in the tree as it is: the path it makes
// and the code.
func (m *model) expect(op protocol.OpCode, r protocol.Record) (path string, code protocol.Code) {
	switch r := r.(type) {
	case *protocol.CreateRequest:
		parent := m.nodes[protocol.Parent(r.Path)]
		if parent == nil {
			return "", protocol.NoNode
		}
		path = r.Path
		if r.Flags.Sequential() {
			path += fmt.Sprintf("%010d", parent.created)
		}
		switch {
		case m.nodes[path] != nil:
			return "", protocol.NodeExists
		case parent.stat.EphemeralOwner != 0:
			return "", protocol.NoChildrenForEphemerals
		}
		return path, protocol.OK
	case *protocol.DeleteRequest:
		n := m.nodes[r.Path]
		switch {
		case n == nil:
			return "", protocol.NoNode
		case r.Version != -1 && r.Version != n.stat.Version:
			return "", protocol.BadVersion
		case len(n.children) > 0:
			return "", protocol.NotEmpty
		}
	case *protocol.SetDataRequest:
		n := m.nodes[r.Path]
		switch {
		case n == nil:
			return "", protocol.NoNode
		case r.Version != -1 && r.Version != n.stat.Version:
			return "", protocol.BadVersion
		}
	}
	return "", protocol.OK
}

// pretend does what the request of a failed multi would have done.
func (m *model) pretend(t *txn.Txn, r protocol.Record, path string) {
	var body protocol.Record
	switch r := r.(type) {
	case *protocol.CreateRequest:
		body = &txn.Create{Path: path, Ephemeral: r.Flags.Ephemeral(), ParentCversion: m.nodes[protocol.Parent(path)].created + 1}
	case *protocol.DeleteRequest:
		body = &txn.Delete{Path: r.Path}
	case *protocol.SetDataRequest:
		body = &txn.SetData{Path: r.Path, Version: m.nodes[r.Path].stat.Version + 1}
	}
	_, _ = m.change(t, body) // expect has found nothing against it
}

// clone is for the sub-requests of a multi, each of which sees those before it.
func (m *model) clone() *model {
	return &model{nodes: maps.Clone(m.nodes), zxid: m.zxid}
}

// above tells whether path lies below root, or is it.
func above(root, path string) bool {
	return root == "/" || path == root || strings.HasPrefix(path, root) && path[len(root)] == '/'
}
