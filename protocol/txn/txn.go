// Package txn is the form of a transaction in the txn log and in a proposal:
// a header, a body by type, and optionally the digest of the tree after it
// (zookeeper.jute and SerializeUtils, Apache 3.9).
//
//	header  long clientId, int cxid, long zxid, long time (ms), int type
//	body    see body.go
//	digest  int version (2), long treeDigest; successful txns alone (3.6+)
package txn

import (
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// Header opens every txn.
type Header struct {
	Session protocol.SessionID
	Cxid    int32 // the request's xid
	Zxid    protocol.Zxid
	TimeMs  int64 // the leader's wall clock
	Type    protocol.OpCode
}

// HeaderLen is the encoded length of a Header.
const HeaderLen = 32

func (h *Header) AppendTo(b []byte) []byte {
	b = jute.AppendLong(b, int64(h.Session))
	b = jute.AppendInt(b, h.Cxid)
	b = jute.AppendLong(b, int64(h.Zxid))
	b = jute.AppendLong(b, h.TimeMs)
	return jute.AppendInt(b, int32(h.Type))
}

func (h *Header) Decode(d *jute.Decoder) error {
	h.Session, h.Cxid = protocol.SessionID(d.Long()), d.Int()
	h.Zxid, h.TimeMs = protocol.Zxid(d.Long()), d.Long()
	h.Type = protocol.OpCode(d.Int())
	if err := d.Err(); err != nil {
		return fmt.Errorf("txn header: %w", err)
	}
	return nil
}

// DigestVersion is the version of the node digest in use since 3.6.
const DigestVersion = 2

// Digest is the digest of the whole tree after the txn.
type Digest struct {
	Version int32
	Tree    uint64
}

// DigestLen is the encoded length of a Digest.
const DigestLen = 12

func (g *Digest) AppendTo(b []byte) []byte {
	return jute.AppendLong(jute.AppendInt(b, g.Version), int64(g.Tree))
}

// Txn is one transaction.
type Txn struct {
	Header
	Body   protocol.Record
	Digest *Digest // nil when the record has none
}

// AppendTo appends the bytes that log and proposal share.
func (t *Txn) AppendTo(b []byte) []byte {
	b = t.Header.AppendTo(b)
	if t.Body != nil {
		b = t.Body.AppendTo(b)
	}
	if t.Digest != nil {
		b = t.Digest.AppendTo(b)
	}
	return b
}

// ErrType: a txn of a type that no log holds.
var ErrType = errors.New("unknown txn type")

// Decode reads one txn. The bytes must be one whole record: what follows the
// body decides whether there is a digest.
func Decode(b []byte) (*Txn, error) {
	d := jute.NewDecoder(b)
	t := new(Txn)
	if err := t.decode(d); err != nil {
		return nil, err
	}
	return t, nil
}

// DecodeBorrowed is Decode without copies: strings and data alias b.
func DecodeBorrowed(b []byte) (*Txn, error) {
	d := &jute.Decoder{Borrow: true}
	d.Reset(b)
	t := new(Txn)
	if err := t.decode(d); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Txn) decode(d *jute.Decoder) error {
	if err := t.Header.Decode(d); err != nil {
		return err
	}
	body, err := newBody(t.Type)
	if err != nil {
		return fmt.Errorf("txn %v: %w", t.Zxid, err)
	}
	if err := body.Decode(d); err != nil {
		return fmt.Errorf("txn %v: %v: %w", t.Zxid, t.Type, err)
	}
	t.Body = body
	if d.Len() >= DigestLen {
		t.Digest = &Digest{Version: d.Int(), Tree: uint64(d.Long())}
	}
	return nil
}
