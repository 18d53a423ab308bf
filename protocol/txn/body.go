package txn

import (
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// newBody is an empty body for a txn type. A check is never a txn of its own
// (ZOOKEEPER-2623), but logs of 3.8.0 can hold one, so it decodes.
func newBody(t protocol.OpCode) (protocol.Record, error) {
	switch t {
	case protocol.OpCreate, protocol.OpCreate2:
		return new(Create), nil
	case protocol.OpCreateContainer:
		return new(CreateContainer), nil
	case protocol.OpCreateTTL:
		return new(CreateTTL), nil
	case protocol.OpDelete, protocol.OpDeleteContainer:
		return new(Delete), nil
	case protocol.OpSetData, protocol.OpReconfig:
		return new(SetData), nil
	case protocol.OpSetACL:
		return new(SetACL), nil
	case protocol.OpCheck:
		return new(Check), nil
	case protocol.OpCreateSession:
		return new(CreateSession), nil
	case protocol.OpCloseSession:
		return new(CloseSession), nil
	case protocol.OpError:
		return new(Error), nil
	case protocol.OpMulti:
		return new(Multi), nil
	}
	return nil, fmt.Errorf("type %d: %w", int32(t), ErrType)
}

// Create is the body of create (1) and create2 (15).
type Create struct {
	Path           string // final, with its sequence number
	Data           []byte
	ACL            []protocol.ACL
	Ephemeral      bool
	ParentCversion int32 // the parent's new persisted cversion; −1: one more than it has
}

func (t *Create) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBuffer(b, t.Data)
	b = protocol.AppendACLs(b, t.ACL)
	b = jute.AppendBool(b, t.Ephemeral)
	return jute.AppendInt(b, t.ParentCversion)
}

// Decode also reads the form before 3.4, which lacks ParentCversion
// (CreateTxnV0).
func (t *Create) Decode(d *jute.Decoder) error {
	t.Path, t.Data, t.ACL = d.String(), d.Buffer(), protocol.DecodeACLs(d)
	t.Ephemeral = d.Bool()
	t.ParentCversion = -1
	if d.Err() == nil && d.Len() > 0 {
		t.ParentCversion = d.Int()
	}
	return d.Err()
}

// CreateContainer is the body of createContainer (19).
type CreateContainer struct {
	Path           string
	Data           []byte
	ACL            []protocol.ACL
	ParentCversion int32
}

func (t *CreateContainer) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBuffer(b, t.Data)
	b = protocol.AppendACLs(b, t.ACL)
	return jute.AppendInt(b, t.ParentCversion)
}

func (t *CreateContainer) Decode(d *jute.Decoder) error {
	t.Path, t.Data, t.ACL = d.String(), d.Buffer(), protocol.DecodeACLs(d)
	t.ParentCversion = d.Int()
	return d.Err()
}

// CreateTTL is the body of createTTL (21); TTL in ms.
type CreateTTL struct {
	Path           string
	Data           []byte
	ACL            []protocol.ACL
	ParentCversion int32
	TTL            int64
}

func (t *CreateTTL) AppendTo(b []byte) []byte {
	c := CreateContainer{t.Path, t.Data, t.ACL, t.ParentCversion}
	return jute.AppendLong(c.AppendTo(b), t.TTL)
}

func (t *CreateTTL) Decode(d *jute.Decoder) error {
	t.Path, t.Data, t.ACL = d.String(), d.Buffer(), protocol.DecodeACLs(d)
	t.ParentCversion, t.TTL = d.Int(), d.Long()
	return d.Err()
}

// Delete is the body of delete (2) and deleteContainer (20).
type Delete struct{ Path string }

func (t *Delete) AppendTo(b []byte) []byte { return jute.AppendString(b, t.Path) }
func (t *Delete) Decode(d *jute.Decoder) error {
	t.Path = d.String()
	return d.Err()
}

// SetData is the body of setData (5) and reconfig (16).
type SetData struct {
	Path    string
	Data    []byte
	Version int32 // the new version
}

func (t *SetData) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBuffer(b, t.Data)
	return jute.AppendInt(b, t.Version)
}

func (t *SetData) Decode(d *jute.Decoder) error {
	t.Path, t.Data, t.Version = d.String(), d.Buffer(), d.Int()
	return d.Err()
}

// SetACL is the body of setACL (7).
type SetACL struct {
	Path    string
	ACL     []protocol.ACL
	Version int32 // the new aversion
}

func (t *SetACL) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = protocol.AppendACLs(b, t.ACL)
	return jute.AppendInt(b, t.Version)
}

func (t *SetACL) Decode(d *jute.Decoder) error {
	t.Path, t.ACL, t.Version = d.String(), protocol.DecodeACLs(d), d.Int()
	return d.Err()
}

// Check is the body of check (13) inside a multi.
type Check struct {
	Path    string
	Version int32
}

func (t *Check) AppendTo(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, t.Path), t.Version)
}

func (t *Check) Decode(d *jute.Decoder) error {
	t.Path, t.Version = d.String(), d.Int()
	return d.Err()
}

// CreateSession is the body of createSession (−10).
type CreateSession struct{ TimeoutMs int32 }

func (t *CreateSession) AppendTo(b []byte) []byte { return jute.AppendInt(b, t.TimeoutMs) }
func (t *CreateSession) Decode(d *jute.Decoder) error {
	t.TimeoutMs = d.Int()
	return d.Err()
}

// CloseSession is the body of closeSession (−11): the ephemerals to remove.
// Nil is the form before 3.6, an empty body; no digest can follow that one.
type CloseSession struct{ Paths []string }

func (t *CloseSession) AppendTo(b []byte) []byte {
	if t.Paths == nil {
		return b
	}
	return jute.AppendStrings(b, t.Paths)
}

func (t *CloseSession) Decode(d *jute.Decoder) error {
	t.Paths = nil
	if d.Len() == 0 {
		return d.Err()
	}
	if t.Paths = d.Strings(); t.Paths == nil {
		t.Paths = []string{} // a null vector is still the form with paths
	}
	return d.Err()
}

// Error is the body of a failed write (−1): it took a zxid and changed
// nothing.
type Error struct{ Err protocol.Code }

func (t *Error) AppendTo(b []byte) []byte { return jute.AppendInt(b, int32(t.Err)) }
func (t *Error) Decode(d *jute.Decoder) error {
	t.Err = protocol.Code(d.Int())
	return d.Err()
}

// Sub is one txn of a multi: {int type, buffer body}.
type Sub struct {
	Type protocol.OpCode
	Body protocol.Record
}

// Multi is the body of multi (14). A failed multi holds Error bodies alone.
type Multi struct{ Txns []Sub }

func (t *Multi) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, int32(len(t.Txns)))
	for _, s := range t.Txns {
		b = jute.AppendInt(b, int32(s.Type))
		var start int
		b, start = protocol.BeginFrame(b)
		b = protocol.EndFrame(s.Body.AppendTo(b), start)
	}
	return b
}

func (t *Multi) Decode(d *jute.Decoder) error {
	t.Txns = nil
	n := d.Vector(8)
	if n < 0 || d.Err() != nil {
		return d.Err()
	}
	t.Txns = make([]Sub, 0, n)
	sub := jute.Decoder{Borrow: d.Borrow}
	for i := range n {
		typ, data := protocol.OpCode(d.Int()), d.Buffer()
		if d.Err() != nil {
			return d.Err()
		}
		if typ == protocol.OpMulti {
			return fmt.Errorf("sub-txn %d is a multi: %w", i, ErrType)
		}
		body, err := newBody(typ)
		if err != nil {
			return fmt.Errorf("sub-txn %d: %w", i, err)
		}
		sub.Reset(data)
		if err := body.Decode(&sub); err != nil {
			return fmt.Errorf("sub-txn %d: %v: %w", i, typ, err)
		}
		t.Txns = append(t.Txns, Sub{typ, body})
	}
	return nil
}
