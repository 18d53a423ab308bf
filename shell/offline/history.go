package offline

import (
	"context"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/shell/command"
	"zookit/shell/export"
)

// History calls f for the changes of a znode that the logs hold. What it held
// before the first of them comes from the oldest snapshot, as far as that says.
func (s *Session) History(ctx context.Context, path string, below bool, f func(*command.Change) error) (notes []string, err error) {
	h := &history{root: path, below: below, f: f, known: map[string]*past{}}
	if err := h.readBase(s.data); err != nil {
		return nil, refuse(s.name, err)
	}
	notes, err = s.data.Txns(func(t *txn.Txn) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return h.txn(t)
	})
	if err != nil && ctx.Err() == nil && h.failed == nil {
		err = refuse(s.name, err)
	}
	return notes, err
}

// history follows the znodes of one subtree through the logs.
type history struct {
	root  string
	below bool
	f     func(*command.Change) error

	known  map[string]*past // znodes that are there, as far as was seen
	base   map[string]*past // the oldest snapshot's
	baseAt protocol.Zxid    // of its name; −1: none
	begun  bool             // a txn was seen
	merged bool             // base was, too
	failed error            // of f
}

// past is what is known of a znode at one point of the history.
type past struct {
	data    []byte
	seen    bool // data is known
	owner   protocol.SessionID
	created bool // by a txn that was seen, so owner is known

	czxid, mzxid protocol.Zxid // base: when it was created and its data were set
}

func (h *history) wants(path string) bool {
	return path == h.root || h.below && export.Under(path, h.root)
}

func (h *history) readBase(d Data) (err error) {
	h.base = map[string]*past{}
	h.baseAt, err = d.Base(func(path string, data []byte, owner protocol.SessionID, st *protocol.StatPersisted) {
		if path == "" {
			path = "/"
		}
		if h.wants(path) {
			h.base[strings.Clone(path)] = &past{data: slices.Clone(data), seen: true, owner: owner, czxid: st.Czxid, mzxid: st.Mzxid}
		}
	})
	return err
}

// start takes from the snapshot what was the same before the first txn.
func (h *history) start(first protocol.Zxid) {
	h.begun = true
	for path, p := range h.base {
		if p.mzxid < first {
			h.known[path] = &past{data: p.data, seen: true, owner: p.owner}
		}
	}
}

// merge takes the rest when the history has come to the snapshot. Being fuzzy,
// that may hold znodes that are created, and data that are set, only later.
func (h *history) merge() {
	h.merged = true
	for path, p := range h.base {
		if p.czxid > h.baseAt {
			continue
		}
		k := h.known[path]
		if k == nil {
			k = &past{}
			h.known[path] = k
		}
		if !k.created {
			k.owner = p.owner
		}
		if !k.seen && p.mzxid <= h.baseAt {
			k.data, k.seen = p.data, true
		}
	}
}

func (h *history) txn(t *txn.Txn) error {
	if !h.begun {
		h.start(t.Zxid)
	}
	if !h.merged && t.Zxid > h.baseAt {
		h.merge()
	}
	m, multi := t.Body.(*txn.Multi)
	if !multi {
		return h.one(t, t.Type, t.Body, false)
	}
	for _, sub := range m.Txns {
		if sub.Type == protocol.OpError {
			return nil // it failed as a whole, whatever else it holds
		}
	}
	for _, sub := range m.Txns {
		if err := h.one(t, sub.Type, sub.Body, true); err != nil {
			return err
		}
	}
	return nil
}

// one follows a txn, or a part of a multi.
func (h *history) one(t *txn.Txn, op protocol.OpCode, body protocol.Record, multi bool) error {
	c := command.Change{Zxid: t.Zxid, TimeMs: t.TimeMs, Session: t.Session, Op: op.String(), Multi: multi}
	switch b := body.(type) {
	case *txn.Create:
		owner := protocol.SessionID(0)
		if b.Ephemeral {
			owner = t.Session
		}
		return h.created(&c, b.Path, b.Data, b.ACL, owner)
	case *txn.CreateContainer:
		return h.created(&c, b.Path, b.Data, b.ACL, protocol.ContainerOwner)
	case *txn.CreateTTL:
		return h.created(&c, b.Path, b.Data, b.ACL, protocol.OwnerOfTTL(b.TTL))
	case *txn.SetData:
		c.Version = b.Version
		return h.set(&c, b.Path, b.Data)
	case *txn.SetACL:
		if !h.wants(b.Path) {
			return nil
		}
		c.Path, c.ACL, c.Version = strings.Clone(b.Path), b.ACL, b.Version
		return h.tell(&c)
	case *txn.Delete:
		return h.deleted(&c, b.Path)
	case *txn.CloseSession:
		return h.closed(&c, b.Paths)
	}
	return nil
}

func (h *history) created(c *command.Change, path string, data []byte, acl []protocol.ACL, owner protocol.SessionID) error {
	if !h.wants(path) {
		return nil
	}
	kind, ttl := export.KindOf(owner)
	c.Path, c.Data, c.ACL, c.Kind, c.TTLMs = strings.Clone(path), slices.Clone(data), acl, string(kind), ttl
	h.known[c.Path] = &past{data: c.Data, seen: true, owner: owner, created: true}
	return h.tell(c)
}

func (h *history) set(c *command.Change, path string, data []byte) error {
	if !h.wants(path) {
		return nil
	}
	c.Path, c.Data = strings.Clone(path), slices.Clone(data)
	k := h.known[c.Path]
	if k == nil {
		k = &past{}
		h.known[c.Path] = k
	}
	c.Old, c.OldSeen = k.data, k.seen
	k.data, k.seen = c.Data, true
	return h.tell(c)
}

func (h *history) deleted(c *command.Change, path string) error {
	if !h.wants(path) {
		return nil
	}
	c.Path = strings.Clone(path)
	if k := h.known[c.Path]; k != nil {
		c.Old, c.OldSeen = k.data, k.seen
		delete(h.known, c.Path)
	}
	return h.tell(c)
}

// closed is the end of a session. Before 3.6 the txn does not name the
// ephemerals that go with it.
func (h *history) closed(c *command.Change, paths []string) error {
	if paths == nil {
		for path, k := range h.known {
			if k.owner == c.Session {
				paths = append(paths, path)
			}
		}
		slices.Sort(paths)
	}
	for _, path := range paths {
		change := *c
		if err := h.deleted(&change, path); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) tell(c *command.Change) error {
	h.failed = h.f(c)
	return h.failed
}
