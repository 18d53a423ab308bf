package tree

import (
	"errors"
	"slices"
	"sync"
	"unsafe"

	"zookit/protocol"
)

// SnapshotWriter takes a snapshot in Apache's order. It is called without the
// state's lock; what it is given is valid until the call returns.
type SnapshotWriter interface {
	BeginSessions(n int) error
	Session(id protocol.SessionID, timeoutMs int32) error
	BeginACLs(n int) error
	ACL(key int64, acl []protocol.ACL) error
	Node(path string, data []byte, aclKey int64, st *protocol.StatPersisted) error
	EndNodes() error
	Digest(zxid protocol.Zxid, version int32, digest uint64) error
}

// Snapshot is a walk over the tree in preorder while the tree changes. It shows
// a znode as it is when the walk comes to it, which may be later than the zxid
// the snapshot is named by: replaying the log from there mends the rest
// (Apache's fuzzy snapshot). Two things are not left to the replay, because
// Apache before 3.8.6 and 3.9.5 does not mend them:
//
//   - The ACL map is written first, so a znode whose ACL is newer would refer to
//     a key that the map lacks. Znodes born since the beginning are left out (the
//     replay creates them, and their descendants, which are younger still), and a
//     znode whose ACL was set since is written with the key it had.
//   - A replayed create over a znode that is there does not set its ACL; for the
//     same reason there is none there.
type Snapshot struct {
	// CommittedOnly: it must not show txns that are in the log alone, and ends
	// with AbandonCommitted.
	CommittedOnly bool

	t          *Tree
	zxid       protocol.Zxid
	generation uint32 // znodes of this generation or a later one are too young
	cursor     uint32 // the next znode, or 0
	oldACL     map[uint32]int64
	abandoned  bool

	sessions []sessionTimeout
	acls     []aclKey
}

type sessionTimeout struct {
	id        protocol.SessionID
	timeoutMs int32
}

type aclKey struct {
	key int64
	acl []protocol.ACL
}

// ErrAbandoned: the tree was reset under a snapshot; see also AbandonCommitted.
var ErrAbandoned = errors.New("the tree was replaced while the snapshot was written")

// A chunk is what is copied under the lock at a time.
const (
	chunkBytes = 128 << 10
	chunkNodes = 512
)

// BeginSnapshot starts a snapshot whose zxid is LastZxid. It needs exclusive
// access; WriteTo or Close must follow. Several may be under way.
func (t *Tree) BeginSnapshot() *Snapshot {
	t.generation++
	s := &Snapshot{t: t, zxid: t.lastZxid, generation: t.generation, cursor: rootNode}
	for _, id := range t.Sessions() {
		s.sessions = append(s.sessions, sessionTimeout{id, t.sessions[id]})
	}
	for i := range t.acls.entries {
		if e := &t.acls.entries[i]; i > 0 && e.acl != nil {
			s.acls = append(s.acls, aclKey{e.key, e.acl})
		}
	}
	slices.SortFunc(s.acls, func(a, b aclKey) int { return int(max(-1, min(1, a.key-b.key))) })
	t.snapshots = append(t.snapshots, s)
	return s
}

// Zxid is the zxid that names the snapshot.
func (s *Snapshot) Zxid() protocol.Zxid { return s.zxid }

// Close ends the walk. It needs exclusive access and may be called again.
func (s *Snapshot) Close() {
	s.t.snapshots = slices.DeleteFunc(s.t.snapshots, func(o *Snapshot) bool { return o == s })
}

// WriteTo writes the whole snapshot and closes it. It takes mu shared for a
// chunk of znodes at a time and exclusively at the end, and holds nothing while
// w works.
func (s *Snapshot) WriteTo(w SnapshotWriter, mu *sync.RWMutex) error {
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		s.Close()
	}()
	if err := s.writeTables(w); err != nil {
		return err
	}
	c := chunk{limit: s.t.opt.SnapshotNodes}
	for more := true; more; {
		mu.RLock()
		more = s.fill(&c)
		abandoned := s.abandoned
		mu.RUnlock()
		if abandoned {
			return ErrAbandoned
		}
		if err := c.writeTo(w); err != nil {
			return err
		}
		if s.t.opt.BetweenChunks != nil {
			s.t.opt.BetweenChunks()
		}
	}
	if err := w.EndNodes(); err != nil {
		return err
	}
	mu.RLock()
	enabled, zxid, digest := s.t.opt.Digest, s.t.lastZxid, s.t.digest.sum
	mu.RUnlock()
	if !enabled {
		return nil
	}
	return w.Digest(zxid, DigestVersion, digest)
}

func (s *Snapshot) writeTables(w SnapshotWriter) error {
	if err := w.BeginSessions(len(s.sessions)); err != nil {
		return err
	}
	for _, e := range s.sessions {
		if err := w.Session(e.id, e.timeoutMs); err != nil {
			return err
		}
	}
	if err := w.BeginACLs(len(s.acls)); err != nil {
		return err
	}
	for _, e := range s.acls {
		if err := w.ACL(e.key, e.acl); err != nil {
			return err
		}
	}
	return nil
}

// chunk is a copy of some znodes.
type chunk struct {
	bytes []byte // path and data, one after the other
	nodes []chunkNode
	limit int // znodes at a time; 0: chunkNodes
}

type chunkNode struct {
	pathLen, dataLen int // dataLen −1: null
	aclKey           int64
	stat             protocol.StatPersisted
}

// fill copies the next znodes and tells whether there are more.
func (s *Snapshot) fill(c *chunk) bool {
	t := s.t
	if c.bytes == nil {
		c.bytes = make([]byte, 0, chunkBytes) // never nil: empty data is not null
	}
	c.bytes, c.nodes = c.bytes[:0], c.nodes[:0]
	limit := c.limit
	if limit == 0 {
		limit = chunkNodes
	}
	for visited := 0; s.cursor != 0 && !s.abandoned; visited++ {
		if visited == limit || len(c.bytes) >= chunkBytes {
			return true
		}
		i := s.cursor
		n := t.records.at(i)
		if n.born >= s.generation {
			s.cursor = t.beyond(i, rootNode)
			continue
		}
		key, changed := s.oldACL[i]
		if !changed {
			key = t.acls.entries[n.acl].key
		}
		start := len(c.bytes)
		c.bytes = t.appendPath(c.bytes, i)
		pathLen := len(c.bytes) - start
		c.bytes = append(c.bytes, t.data(n)...)
		c.nodes = append(c.nodes, chunkNode{pathLen, int(n.dataLen), key, n.stat()})
		s.cursor = t.following(i, rootNode)
	}
	return false
}

func (c *chunk) writeTo(w SnapshotWriter) error {
	rest := c.bytes
	for i := range c.nodes {
		n := &c.nodes[i]
		path := unsafe.String(unsafe.SliceData(rest), n.pathLen)
		rest = rest[n.pathLen:]
		var data []byte
		if n.dataLen >= 0 {
			data = rest[:n.dataLen:n.dataLen]
			rest = rest[n.dataLen:]
		}
		if err := w.Node(path, data, n.aclKey, &n.stat); err != nil {
			return err
		}
	}
	return nil
}

// leave moves the walk on from a znode that is about to be deleted. It has no
// children.
func (s *Snapshot) leave(i uint32) {
	if s.cursor == i {
		s.cursor = s.t.beyond(i, rootNode)
	}
	delete(s.oldACL, i) // the number may be given to another znode
}

// keepACL remembers the ACL key of a znode that is about to get another.
func (s *Snapshot) keepACL(i uint32, n *node) {
	if n.born >= s.generation {
		return
	}
	if _, ok := s.oldACL[i]; ok {
		return
	}
	if s.oldACL == nil {
		s.oldACL = map[uint32]int64{}
	}
	s.oldACL[i] = s.t.acls.entries[n.acl].key
}
