package protocol

import (
	"fmt"

	"zookit/protocol/jute"
)

// Zxid is a transaction id: the leader's epoch in the upper 32 bits, a counter
// in the lower.
type Zxid int64

// MakeZxid joins an epoch and a counter.
func MakeZxid(epoch int64, counter uint32) Zxid { return Zxid(epoch<<32 | int64(counter)) }

func (z Zxid) Epoch() int64   { return int64(uint64(z) >> 32) }
func (z Zxid) Counter() int64 { return int64(z) & 0xffffffff }
func (z Zxid) String() string { return fmt.Sprintf("0x%x", uint64(z)) }

// SessionID identifies a session; the top byte is the server that created it.
type SessionID int64

func (s SessionID) String() string { return fmt.Sprintf("0x%x", uint64(s)) }

// Stat is what a client sees of a znode: 68 bytes, in this order.
type Stat struct {
	Czxid          Zxid  // created by
	Mzxid          Zxid  // data last set by
	Ctime          int64 // ms since 1970
	Mtime          int64 // ms since 1970
	Version        int32 // of the data
	Cversion       int32 // creations and deletions of children
	Aversion       int32 // of the ACL
	EphemeralOwner SessionID
	DataLength     int32
	NumChildren    int32
	Pzxid          Zxid // children last changed by
}

// StatLen is the encoded length of a Stat.
const StatLen = 68

func (s *Stat) AppendTo(b []byte) []byte {
	b = jute.AppendLong(b, int64(s.Czxid))
	b = jute.AppendLong(b, int64(s.Mzxid))
	b = jute.AppendLong(b, s.Ctime)
	b = jute.AppendLong(b, s.Mtime)
	b = jute.AppendInt(b, s.Version)
	b = jute.AppendInt(b, s.Cversion)
	b = jute.AppendInt(b, s.Aversion)
	b = jute.AppendLong(b, int64(s.EphemeralOwner))
	b = jute.AppendInt(b, s.DataLength)
	b = jute.AppendInt(b, s.NumChildren)
	return jute.AppendLong(b, int64(s.Pzxid))
}

func (s *Stat) Decode(d *jute.Decoder) error {
	s.Czxid, s.Mzxid = Zxid(d.Long()), Zxid(d.Long())
	s.Ctime, s.Mtime = d.Long(), d.Long()
	s.Version, s.Cversion, s.Aversion = d.Int(), d.Int(), d.Int()
	s.EphemeralOwner = SessionID(d.Long())
	s.DataLength, s.NumChildren = d.Int(), d.Int()
	s.Pzxid = Zxid(d.Long())
	return field("stat", d)
}

// StatPersisted is the part of a znode's state that snapshots hold: 60 bytes,
// in this order. Its Cversion counts creations of children alone; a client
// sees 2·Cversion − NumChildren. Its EphemeralOwner also marks containers and
// TTL znodes (owner.go).
type StatPersisted struct {
	Czxid, Mzxid   Zxid
	Ctime, Mtime   int64
	Version        int32
	Cversion       int32
	Aversion       int32
	EphemeralOwner SessionID
	Pzxid          Zxid
}

// StatPersistedLen is the encoded length of a StatPersisted.
const StatPersistedLen = 60

func (s *StatPersisted) AppendTo(b []byte) []byte {
	b = jute.AppendLong(b, int64(s.Czxid))
	b = jute.AppendLong(b, int64(s.Mzxid))
	b = jute.AppendLong(b, s.Ctime)
	b = jute.AppendLong(b, s.Mtime)
	b = jute.AppendInt(b, s.Version)
	b = jute.AppendInt(b, s.Cversion)
	b = jute.AppendInt(b, s.Aversion)
	b = jute.AppendLong(b, int64(s.EphemeralOwner))
	return jute.AppendLong(b, int64(s.Pzxid))
}

func (s *StatPersisted) Decode(d *jute.Decoder) error {
	s.Czxid, s.Mzxid = Zxid(d.Long()), Zxid(d.Long())
	s.Ctime, s.Mtime = d.Long(), d.Long()
	s.Version, s.Cversion, s.Aversion = d.Int(), d.Int(), d.Int()
	s.EphemeralOwner = SessionID(d.Long())
	s.Pzxid = Zxid(d.Long())
	return field("persisted stat", d)
}

// field names the record in the decoder's error.
func field(name string, d *jute.Decoder) error {
	if err := d.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
