// Package prep turns a client's write into a txn: the first stage of the
// pipeline, on the standalone server and on a leader. It takes the next zxid,
// checks the request against the tree as it will be when every txn in flight
// has been applied, and decides everything the txn says: sequence numbers,
// versions, times, the ephemerals that a closing session leaves, the digest of
// the tree afterwards. A request that fails becomes an error txn under the zxid
// it took.
//
// What is in flight is kept as a list of change records, one for each path a
// txn touches (record.go). Prep only reads the tree, and only between two
// calls of tree.Apply.
//
// Facts come from PrepRequestProcessor, ZooKeeperServer and
// MultiOperationRecord of Apache ZooKeeper 3.9.5, checked against a running
// 3.8.0. Deviations are marked where they are made.
package prep

import (
	"bytes"
	"math"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/txn"
	"zookit/server/acl"
	"zookit/server/tree"
)

// Config is what prep needs to know of the server's configuration.
type Config struct {
	Extended        bool // TTL znodes (zookeeper.extendedTypesEnabled)
	Digest          bool // append the tree's digest to every txn (zookeeper.digest.enabled)
	EnforceQuota    bool // refuse writes above a hard limit (zookeeper.enforceQuota)
	ReconfigEnabled bool // answer reconfig with more than ReconfigDisabled
	// Reconfig is the text of the configuration that a reconfig asks for, or the
	// code that refuses it; nil on a server alone, where it is Unimplemented.
	Reconfig        func(r *protocol.ReconfigRequest, zxid protocol.Zxid) ([]byte, protocol.Code)
	CloseSessionTxn bool // name a session's ephemerals in its closeSession (zookeeper.closeSessionTxn.enabled)
	// MaxTxnBytes bounds a txn: what is longer no Apache server can read back
	// from its log, nor take as a proposal (jute.maxbuffer plus
	// jute.maxbuffer.extrasize). 0: no bound.
	MaxTxnBytes int
}

// Request is one write. Everything it refers to must stay unchanged until
// Applied has been called for its zxid.
type Request struct {
	Session protocol.SessionID
	Xid     int32
	Op      protocol.OpCode
	Body    []byte
	IDs     []protocol.ID // the connection's identities
	TimeMs  int64         // wall clock, Unix ms: the txn's time

	// SessionErr is what the session tracker says of the session and its
	// owner: OK, UnknownSession, SessionExpired or SessionMoved. It counts at
	// the point of the checks where Apache asks.
	SessionErr protocol.Code
	// EphemeralErr is the code for a create of an ephemeral when it is not OK: the
	// session is one that a single server knows, and may own none.
	EphemeralErr protocol.Code

	TimeoutMs int32  // createSession: the negotiated timeout
	Path      string // deleteContainer, which has no body
}

// Txn is the outcome of Prepare. It is reusable, and its bodies may alias the
// request.
type Txn struct {
	txn.Txn

	// Err is OK, or the code of the error txn.
	Err protocol.Code
	// MultiErr is the code of the op that failed a multi. A failed multi is
	// still a multi: Err is OK.
	MultiErr protocol.Code
	// Create2 are the indexes of a multi's create2 ops. Their sub-txns are of
	// type create, because 3.8.0 reads no other (it drops the rest of the
	// multi); their results are create2's, as 3.9 answers.
	Create2 []int
	// Grown is by how many bytes the txn is longer than the request, where an
	// ACL stands for many identities. With TooLong it is refused for that.
	Grown   int
	TooLong bool

	digest txn.Digest
	bodies bodies
}

// bodies holds one body of each type, so that a txn that is no multi costs no
// allocation.
type bodies struct {
	create    txn.Create
	container txn.CreateContainer
	ttl       txn.CreateTTL
	del       txn.Delete
	setData   txn.SetData
	setACL    txn.SetACL
	session   txn.CreateSession
	close     txn.CloseSession
	err       txn.Error
}

// Prep is the stage. It belongs to one goroutine, the one that applies txns to
// the tree.
type Prep struct {
	cfg  Config
	tree *tree.Tree
	acl  *acl.Rules

	zxid   protocol.Zxid // the last one taken
	digest uint64        // of the tree after everything in flight; 0 without cfg.Digest
	records

	digester tree.Digester
	dec      jute.Decoder
	nullPath bool // of the request in hand
}

// New returns a stage that goes on after the tree's last zxid.
func New(cfg Config, t *tree.Tree, rules *acl.Rules) *Prep {
	p := &Prep{cfg: cfg, tree: t, acl: rules}
	p.dec.Borrow = true
	p.byPath = make(map[string]*record)
	p.owned = make(map[protocol.SessionID]int)
	p.Reset()
	return p
}

// Reset forgets what is in flight and starts again from the tree, after
// recovery or when proposals were given up.
func (p *Prep) Reset() {
	p.records.clear()
	p.zxid = p.tree.LastZxid()
	p.digest = 0
	if p.cfg.Digest {
		p.digest = p.tree.Digest()
	}
}

// Begin starts an epoch: the next zxid is the one after zxid, which has the
// epoch and the counter 0. Nothing may be in flight.
func (p *Prep) Begin(zxid protocol.Zxid) { p.zxid = zxid }

// Zxid is the last zxid taken.
func (p *Prep) Zxid() protocol.Zxid { return p.zxid }

// Exhausted tells that no zxid is left: 2^63 − 1 was taken. Prepare must not be
// called then. The counter of a standalone server runs over into the epoch, as
// Apache's does.
func (p *Prep) Exhausted() bool { return p.zxid == math.MaxInt64 }

// Digest is the predicted digest of the tree after everything in flight.
func (p *Prep) Digest() uint64 { return p.digest }

// Prepare takes the next zxid and makes the request's txn under it.
func (p *Prep) Prepare(q *Request, out *Txn) {
	p.zxid++
	out.Txn.Header = txn.Header{Session: q.Session, Cxid: q.Xid, Zxid: p.zxid, TimeMs: q.TimeMs, Type: q.Op}
	out.Body, out.Txn.Digest = nil, nil
	out.Err, out.MultiErr, out.Create2 = protocol.OK, protocol.OK, out.Create2[:0]
	out.Grown, out.TooLong = 0, false

	before := p.digest
	if out.Err = p.prepare(q, out); out.Err != protocol.OK {
		p.rollback(p.zxid)
		p.digest = before
		out.Type = protocol.OpError
		out.bodies.err.Err = out.Err
		out.Body = &out.bodies.err
		return
	}
	if p.cfg.Digest && !bare(out.Body) {
		out.digest = txn.Digest{Version: txn.DigestVersion, Tree: p.digest}
		out.Txn.Digest = &out.digest
	}
}

// bare tells whether a body is the closeSession without paths, which nothing
// may follow.
func bare(body protocol.Record) bool {
	c, ok := body.(*txn.CloseSession)
	return ok && c.Paths == nil
}

// prepare dispatches by operation. A request that cannot be decoded is answered
// MarshallingError.
//
// Differs from Apache: 3.9.5 reads the body before it takes the zxid, and then
// logs the error under the zxid of the txn before it. Here, as up to 3.8, it
// takes one of its own.
func (p *Prep) prepare(q *Request, out *Txn) protocol.Code {
	p.dec.Reset(q.Body)
	p.nullPath = false
	switch q.Op {
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateContainer:
		var r protocol.CreateRequest
		if !p.decode(q.Body, &r) {
			return protocol.MarshallingError
		}
		return p.create(q, out, false, &create{q.Op, r.Path, r.Data, r.ACL, r.Flags, -1})
	case protocol.OpCreateTTL:
		var r protocol.CreateTTLRequest
		if !p.decode(q.Body, &r) {
			return protocol.MarshallingError
		}
		return p.create(q, out, false, &create{q.Op, r.Path, r.Data, r.ACL, r.Flags, r.TTL})
	case protocol.OpDelete:
		var r protocol.DeleteRequest
		if !p.decode(q.Body, &r) {
			return protocol.MarshallingError
		}
		return p.delete(q, out, false, &r)
	case protocol.OpSetData:
		var r protocol.SetDataRequest
		if !p.decode(q.Body, &r) {
			return protocol.MarshallingError
		}
		return p.setData(q, out, false, &r)
	case protocol.OpSetACL:
		var r protocol.SetACLRequest
		if !p.decode(q.Body, &r) {
			return protocol.MarshallingError
		}
		return p.setACL(q, out, &r)
	case protocol.OpMulti:
		return p.multi(q, out)
	case protocol.OpDeleteContainer:
		return p.deleteContainer(q, out)
	case protocol.OpCreateSession:
		out.bodies.session.TimeoutMs = q.TimeoutMs
		out.Body = &out.bodies.session
		return protocol.OK
	case protocol.OpCloseSession:
		return p.closeSession(q, out)
	case protocol.OpReconfig:
		return p.reconfig(q, out)
	}
	return protocol.Unimplemented
}

// decode reads a request that begins with a path. A null path is one that
// Apache reads like any other and stumbles over when it comes to it: it reads
// as "" here, with nullPath set.
func (p *Prep) decode(body []byte, r protocol.Record) bool {
	err := r.Decode(&p.dec)
	if err != nil && len(body) >= 4 && bytes.Equal(body[:4], nullString) {
		p.nullPath = true
		p.dec.Reset(append([]byte{0, 0, 0, 0}, body[4:]...))
		err = r.Decode(&p.dec)
	}
	return err == nil
}

// badPath is the code for a path of create or delete that is none. Setting data
// and ACLs, Apache answers BadArguments to null, too.
func (p *Prep) badPath() protocol.Code {
	if p.nullPath {
		return protocol.MarshallingError
	}
	return protocol.BadArguments
}

var nullString = []byte{0xff, 0xff, 0xff, 0xff}

// Forget drops what the outcome refers to of its request.
func (t *Txn) Forget() {
	*t = Txn{}
}
