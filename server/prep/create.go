package prep

import (
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// create is one of the create requests: op decides the kind of znode, flags the
// rest. ttl is −1 where the request has none.
type create struct {
	op    protocol.OpCode
	path  string
	data  []byte
	acl   []protocol.ACL
	flags protocol.CreateFlag
	ttl   int64
}

// owner is the ephemeralOwner of the znode that the txn will make.
//
// Differs from Apache: where flags and op disagree (create with the container
// flag, createContainer without it) Apache applies by the op and predicts the
// digest by the flags; here both go by the op, which is what a client sees.
func (c *create) owner(session protocol.SessionID) protocol.SessionID {
	switch {
	case c.op == protocol.OpCreateContainer:
		return protocol.ContainerOwner
	case c.op == protocol.OpCreateTTL:
		return protocol.OwnerOfTTL(c.ttl)
	case c.flags.Ephemeral():
		return session
	}
	return 0
}

// create checks in Apache's order: flags, time to live, session, path, ACL,
// parent, permission, final path, existence, ephemeral parent, quota. inMulti
// asks for a body of its own.
func (p *Prep) create(q *Request, out *Txn, inMulti bool, c *create) protocol.Code {
	if code := p.createMode(c); code != protocol.OK {
		return code
	}
	if c.flags.Ephemeral() && q.EphemeralErr != protocol.OK {
		return q.EphemeralErr
	}
	if q.SessionErr == protocol.UnknownSession && c.flags.Ephemeral() {
		return protocol.SessionExpired
	}
	if q.SessionErr != protocol.OK {
		return q.SessionErr
	}
	parentPath, ok := parentOf(c.path)
	if !ok {
		return p.badPath()
	}
	list, code := p.fixACL(q, out, c.acl, 1+sequenceLen)
	if code != protocol.OK {
		return code
	}

	var parent, node record
	if !p.lookup(parentPath, &parent) {
		return protocol.NoNode
	}
	if !p.acl.Check(parent.acl, protocol.PermCreate, q.IDs) {
		return protocol.NoAuth
	}
	path := c.path
	if c.flags.Sequential() {
		path += sequence(parent.stat.Cversion)
	}
	if protocol.ValidatePath(path) != nil {
		return protocol.BadArguments
	}
	if p.lookup(path, &node) {
		return protocol.NodeExists
	}
	if protocol.EphemeralSession(parent.stat.EphemeralOwner, p.cfg.Extended) != 0 {
		return protocol.NoChildrenForEphemerals
	}
	if p.aboveQuota(path, 1, int64(len(c.data))) {
		return protocol.QuotaExceeded
	}

	// The count stays where it is once it has run over: the tree takes a
	// greater one alone, as Apache's does, or a replay could turn it back.
	cversion := parent.stat.Cversion + 1
	newParent := parent
	newParent.children++
	if cversion > parent.stat.Cversion {
		newParent.stat.Cversion = cversion
		newParent.stat.Pzxid = p.zxid
	}
	p.change(&parent, &newParent)

	newNode := record{path: path, exists: true, dataLen: len(c.data), acl: keepACL(list)}
	newNode.stat = protocol.StatPersisted{
		Czxid: p.zxid, Mzxid: p.zxid, Pzxid: p.zxid, Ctime: q.TimeMs, Mtime: q.TimeMs,
		EphemeralOwner: c.owner(q.Session),
	}
	newNode.content = p.contentOf(path, c.data)
	p.change(&node, &newNode)

	out.Body = out.createBody(inMulti, c, path, list, cversion)
	return protocol.OK
}

// createMode checks flags and time to live.
func (p *Prep) createMode(c *create) protocol.Code {
	switch {
	case !c.flags.Valid():
		return protocol.BadArguments
	case c.flags.TTL() && !p.cfg.Extended:
		return protocol.Unimplemented
	case c.flags.TTL() && protocol.ValidateTTL(c.ttl) != nil,
		!c.flags.TTL() && c.ttl >= 0,
		!c.flags.TTL() && c.op == protocol.OpCreateTTL:
		return protocol.BadArguments
	}
	return protocol.OK
}

func (t *Txn) createBody(inMulti bool, c *create, path string, list []protocol.ACL, cversion int32) protocol.Record {
	switch c.op {
	case protocol.OpCreateContainer:
		b := &t.bodies.container
		if inMulti {
			b = new(txn.CreateContainer)
		}
		*b = txn.CreateContainer{Path: path, Data: c.data, ACL: list, ParentCversion: cversion}
		return b
	case protocol.OpCreateTTL:
		b := &t.bodies.ttl
		if inMulti {
			b = new(txn.CreateTTL)
		}
		*b = txn.CreateTTL{Path: path, Data: c.data, ACL: list, ParentCversion: cversion, TTL: c.ttl}
		return b
	}
	b := &t.bodies.create
	if inMulti {
		b = new(txn.Create)
	}
	*b = txn.Create{Path: path, Data: c.data, ACL: list, Ephemeral: c.flags.Ephemeral(), ParentCversion: cversion}
	return b
}

// parentOf is the path above for a create or delete. It is false for a path
// without a slash or with a NUL; nothing else of the path is checked.
func parentOf(path string) (parent string, ok bool) {
	slash := strings.LastIndexByte(path, '/')
	switch {
	case slash < 0 || strings.IndexByte(path, 0) >= 0:
		return "", false
	case slash == 0:
		return "/", true
	}
	return path[:slash], true
}

// sequenceLen is the longest suffix of a sequential znode.
const sequenceLen = 11

// sequence is the suffix of a sequential znode: the parent's count of created
// children as Java's %010d writes it, so ten characters with the sign of a
// count that ran over.
func sequence(cversion int32) string {
	digits := strconv.FormatInt(int64(cversion), 10)
	sign := ""
	if cversion < 0 {
		sign, digits = "-", digits[1:]
	}
	if pad := 10 - len(sign) - len(digits); pad > 0 {
		digits = "0000000000"[:pad] + digits
	}
	return sign + digits
}
