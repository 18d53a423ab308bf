package tree

import (
	"strings"

	"zookit/protocol"
)

// Options are fixed for the life of a tree.
type Options struct {
	Extended bool      // extendedTypesEnabled: owners with the top byte 0xff are TTL znodes
	Digest   bool      // digest.enabled
	HashKey  [2]uint64 // key of the path index: secret, and never visible in any result

	// SnapshotNodes bounds the znodes that a snapshot copies under one hold of
	// the lock; 0: 512. BetweenChunks is called after each, without the lock:
	// the simulator lets time pass there. It may be nil.
	SnapshotNodes int
	BetweenChunks func()
}

// The znodes that the server makes for itself (DataTree.java).
const (
	procPath   = "/zookeeper"
	quotaPath  = "/zookeeper/quota"
	configPath = "/zookeeper/config"
)

// rootNode is the number of the root's record: the first of page 1.
const rootNode = 1 << slabBits

// Tree is the state. All methods that change it need exclusive access, all
// others shared access; what they return points into the tree and is valid
// until the next change, except where a copy is promised.
type Tree struct {
	opt     Options
	records records
	blocks  arena
	index   index
	acls    acls

	nodes    int   // live znodes, the root once
	dataSize int64 // bytes of all full paths and data

	sessions   map[protocol.SessionID]int32 // timeout in ms
	owners     map[protocol.SessionID]*nodeSet
	ephemerals int
	containers nodeSet
	ttls       nodeSet

	quotas map[string]struct{} // paths with a zookeeper_limits znode

	lastZxid protocol.Zxid
	digest   digests

	generation uint32 // grows by one with every snapshot begun
	snapshots  []*Snapshot

	restoredRoot bool
	pathBuf      []byte
}

// New returns the tree of a server without history: the root, /zookeeper,
// /zookeeper/quota and /zookeeper/config.
func New(opt Options) *Tree {
	t := &Tree{opt: opt}
	t.clear()
	for _, path := range []string{procPath, quotaPath} {
		parent, name, _ := t.split(path)
		t.link(parent, path, name, []byte{}, 0, &protocol.StatPersisted{})
	}
	t.addConfig()
	return t
}

// addConfig makes /zookeeper/config (DataTree.addConfigNode).
func (t *Tree) addConfig() {
	parent, name, _ := t.split(configPath)
	if parent == 0 {
		return
	}
	config := t.records.at(t.link(parent, configPath, name, []byte{}, 0, &protocol.StatPersisted{}))
	config.acl = t.acls.use(protocol.ReadACL)
	config.aversion = -1 // Apache sets this ACL as if by a client, to version −1
}

// AbandonCommitted makes the CommittedOnly snapshots under way fail: the tree
// is about to hold what they must not show.
func (t *Tree) AbandonCommitted() {
	for _, s := range t.snapshots {
		s.abandoned = s.abandoned || s.CommittedOnly
	}
}

// clear makes the tree an empty root.
func (t *Tree) clear() {
	for _, s := range t.snapshots {
		s.abandoned = true
	}
	opt := t.opt
	*t = Tree{
		opt:      opt,
		index:    newIndex(opt.HashKey),
		acls:     newACLs(),
		sessions: map[protocol.SessionID]int32{},
		owners:   map[protocol.SessionID]*nodeSet{},
		quotas:   map[string]struct{}{},
	}
	root := t.records.alloc()
	if root != rootNode {
		panic("tree: the first record is not the root")
	}
	n := t.records.at(root)
	n.content = t.contentCRC("", nil)
	t.nodes = 1
	t.dataSize = 1 // Apache counts the root under "" and under "/"
	t.digestAdd(n)
}

// find returns the number of the znode at a full path, or 0. The root answers
// to "/" and to "" as in Apache.
func (t *Tree) find(path string) uint32 {
	if len(path) <= 1 {
		if path == "" || path == "/" {
			return rootNode
		}
		return 0
	}
	h := t.index.hash(path)
	s := t.index.segment(h)
	mask := len(s.slots) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		v := s.slots[i]
		if v == 0 {
			return 0
		}
		if uint32(v>>32) == h && t.isAt(uint32(v), path) {
			return uint32(v)
		}
	}
}

// isAt compares a znode's path with path from its end upwards.
func (t *Tree) isAt(i uint32, path string) bool {
	for i != rootNode {
		n := t.records.at(i)
		cut := len(path) - int(n.nameLen)
		if cut < 1 || path[cut-1] != '/' || path[cut:] != string(t.blocks.bytes(n.block)[:n.nameLen]) {
			return false
		}
		path = path[:cut-1]
		i = n.parent
	}
	return path == ""
}

// split finds the parent of a path that a txn names. ok is false when the path
// cannot be one; parent is 0 when the parent does not exist.
func (t *Tree) split(path string) (parent uint32, name string, ok bool) {
	cut := strings.LastIndexByte(path, '/')
	if cut < 0 || path[0] != '/' || cut == len(path)-1 {
		return 0, "", false
	}
	if cut == 1 { // "//name": the root is the parent only as ""
		return 0, path[2:], true
	}
	return t.find(path[:cut]), path[cut+1:], true
}

// appendPath appends the full path of a znode; the root's is "".
func (t *Tree) appendPath(b []byte, i uint32) []byte {
	size := 0
	for j := i; j != rootNode; {
		n := t.records.at(j)
		size += int(n.nameLen) + 1
		j = n.parent
	}
	start := len(b)
	for range size {
		b = append(b, '/')
	}
	end := start + size
	for j := i; j != rootNode; {
		n := t.records.at(j)
		end -= int(n.nameLen)
		copy(b[end:], t.blocks.bytes(n.block)[:n.nameLen])
		end--
		j = n.parent
	}
	return b
}

// path is the full path of a znode, copied.
func (t *Tree) path(i uint32) string {
	t.pathBuf = t.appendPath(t.pathBuf[:0], i)
	return string(t.pathBuf)
}

// data is a znode's data in its block, nil for null.
func (t *Tree) data(n *node) []byte {
	if n.dataLen < 0 {
		return nil
	}
	if n.dataLen == 0 {
		return []byte{}
	}
	end := n.nameLen + uint32(n.dataLen)
	return t.blocks.bytes(n.block)[n.nameLen:end:end]
}

// setBlock stores a znode's data beside its name, moving the block when the new
// length belongs into another.
func (t *Tree) setBlock(n *node, data []byte) {
	need := int(n.nameLen) + len(data)
	if !t.blocks.fits(n.block, need) {
		old := n.block
		moved := t.blocks.alloc(need)
		copy(t.blocks.bytes(moved), t.blocks.bytes(old)[:n.nameLen])
		n.block = moved
		t.blocks.free(old)
	}
	copy(t.blocks.bytes(n.block)[n.nameLen:], data)
	t.dataSize += int64(len(data)) - int64(max(n.dataLen, 0))
	if data == nil {
		n.dataLen = -1
	} else {
		n.dataLen = int32(len(data))
	}
}

// link adds a znode under its parent. The ACL's use is already counted. It
// returns 0 when no record is left.
func (t *Tree) link(parent uint32, path, name string, data []byte, acl uint32, st *protocol.StatPersisted) uint32 {
	i := t.records.alloc()
	if i == 0 {
		return 0
	}
	n, p := t.records.at(i), t.records.at(parent)
	n.setStat(st)
	n.acl, n.parent, n.born = acl, parent, t.generation
	n.nameLen, n.dataLen = uint32(len(name)), -1
	n.block = t.blocks.alloc(len(name) + len(data))
	copy(t.blocks.bytes(n.block), name)
	t.setBlock(n, data)
	n.content = t.contentCRC(path, data)
	if p.flags&flagUncounted != 0 || strings.HasPrefix(path, procPath+"/") {
		n.flags |= flagUncounted
	}

	if p.firstChild == 0 {
		p.firstChild, n.prev = i, i
	} else {
		first := t.records.at(p.firstChild)
		n.prev = first.prev
		t.records.at(first.prev).next = i
		first.prev = i
	}
	p.children++
	for up := parent; ; up = t.records.at(up).parent {
		t.records.at(up).descendants++
		if up == rootNode {
			break
		}
	}
	t.index.insert(t.index.hash(path), i)
	t.nodes++
	t.dataSize += int64(len(path))
	t.digestAdd(n)
	t.own(i, n.owner)
	return i
}

// unlink removes a znode that has no children.
func (t *Tree) unlink(i uint32, path string) {
	for _, s := range t.snapshots {
		s.leave(i)
	}
	n := t.records.at(i)
	t.digestSub(n)
	t.disown(i, n.owner)
	t.acls.drop(n.acl)
	t.index.remove(t.index.hash(path), i)
	t.nodes--
	t.dataSize -= int64(len(path)) + int64(max(n.dataLen, 0))
	t.blocks.free(n.block)

	p := t.records.at(n.parent)
	last := t.records.at(p.firstChild).prev
	switch {
	case p.firstChild == i && n.next == 0:
		p.firstChild = 0
	case p.firstChild == i:
		p.firstChild = n.next
		t.records.at(n.next).prev = last
	case n.next == 0: // the last of several
		t.records.at(n.prev).next = 0
		t.records.at(p.firstChild).prev = n.prev
	default:
		t.records.at(n.prev).next = n.next
		t.records.at(n.next).prev = n.prev
	}
	p.children--
	for up := n.parent; ; up = t.records.at(up).parent {
		t.records.at(up).descendants--
		if up == rootNode {
			break
		}
	}
	t.records.free(i)
}

// own and disown keep the sets of ephemerals, containers and TTL znodes.
func (t *Tree) own(i uint32, owner protocol.SessionID) {
	switch session := protocol.EphemeralSession(owner, t.opt.Extended); {
	case session != 0:
		set := t.owners[session]
		if set == nil {
			set = new(nodeSet)
			t.owners[session] = set
		}
		set.add(i)
		t.ephemerals++
	case owner == protocol.ContainerOwner:
		t.containers.add(i)
	case owner != 0:
		t.ttls.add(i)
	}
}

func (t *Tree) disown(i uint32, owner protocol.SessionID) {
	switch session := protocol.EphemeralSession(owner, t.opt.Extended); {
	case session != 0:
		set := t.owners[session]
		set.remove(i)
		if set.len() == 0 {
			delete(t.owners, session)
		}
		t.ephemerals--
	case owner == protocol.ContainerOwner:
		t.containers.remove(i)
	case owner != 0:
		t.ttls.remove(i)
	}
}
