package quorum

import (
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// The records below are the data of packets. Each is a protocol.Record; bytes
// behind one are left alone, as Apache leaves them.

// ProtocolVersion is what learner and leader say since 3.4: the leader settles
// an epoch before it synchronises (Learner.java and Leader.java: 0x10000).
const ProtocolVersion int32 = 0x10000

// LearnerInfo is the data of FOLLOWERINFO and OBSERVERINFO; the packet's zxid
// is acceptedEpoch<<32.
//
//	off  type  field
//	0    long  sid
//	8    int   protocol version   3.4 and later
//	12   long  config version     3.5 and later
type LearnerInfo struct {
	ServerID           int64
	ProtocolVersion    int32
	ConfigVersion      int64
	HasProtocolVersion bool // at least 12 bytes
	HasConfigVersion   bool // at least 20 bytes
}

// NewLearnerInfo is the form of 3.5 and later.
func NewLearnerInfo(sid, configVersion int64) *LearnerInfo {
	return &LearnerInfo{ServerID: sid, ProtocolVersion: ProtocolVersion, ConfigVersion: configVersion, HasProtocolVersion: true, HasConfigVersion: true}
}

func (r *LearnerInfo) AppendTo(b []byte) []byte {
	b = jute.AppendLong(b, r.ServerID)
	if r.HasProtocolVersion {
		b = jute.AppendInt(b, r.ProtocolVersion)
	}
	if r.HasProtocolVersion && r.HasConfigVersion {
		b = jute.AppendLong(b, r.ConfigVersion)
	}
	return b
}

func (r *LearnerInfo) Decode(d *jute.Decoder) error {
	*r = LearnerInfo{ServerID: d.Long()}
	if r.HasProtocolVersion = d.Err() == nil && d.Len() >= 4; r.HasProtocolVersion {
		r.ProtocolVersion = d.Int()
	}
	if r.HasConfigVersion = r.HasProtocolVersion && d.Len() >= 8; r.HasConfigVersion {
		r.ConfigVersion = d.Long()
	}
	return field("learner info", d)
}

// LeaderEpoch is the data of LEADERINFO; the packet's zxid is newEpoch<<32.
type LeaderEpoch struct{ ProtocolVersion int32 }

func (r *LeaderEpoch) AppendTo(b []byte) []byte { return jute.AppendInt(b, r.ProtocolVersion) }
func (r *LeaderEpoch) Decode(d *jute.Decoder) error {
	r.ProtocolVersion = d.Int()
	return field("leader epoch", d)
}

// EpochAcceptedBefore stands in a FollowerEpoch for a new epoch that the
// learner had accepted already: the leader must not count its history
// (Learner.java registerWithLeader).
const EpochAcceptedBefore int32 = -1

// FollowerEpoch is the data of ACKEPOCH; the packet's zxid is the last one in
// the learner's log.
type FollowerEpoch struct {
	CurrentEpoch int32 // of the learner, or EpochAcceptedBefore
}

func (r *FollowerEpoch) AppendTo(b []byte) []byte { return jute.AppendInt(b, r.CurrentEpoch) }
func (r *FollowerEpoch) Decode(d *jute.Decoder) error {
	r.CurrentEpoch = d.Int()
	return field("follower epoch", d)
}

// A Touch says that a session was heard of since the last PING.
type Touch struct {
	Session   protocol.SessionID
	TimeoutMs int32
}

// Touches is the data of a learner's PING: entries of a long and an int up to
// the end of the data.
type Touches []Touch

// touchLen is the encoded length of a Touch.
const touchLen = 12

// AppendTo appends the table; one without entries is the empty buffer.
func (r Touches) AppendTo(b []byte) []byte {
	for i := range r {
		b = jute.AppendLong(b, int64(r[i].Session))
		b = jute.AppendInt(b, r[i].TimeoutMs)
	}
	return b
}

// Decode consumes all of d; an entry cut short is an error.
func (r *Touches) Decode(d *jute.Decoder) error {
	*r = nil
	if n := d.Len() / touchLen; n > 0 {
		*r = make(Touches, 0, n)
	}
	for d.Err() == nil && d.Len() > 0 {
		t := Touch{protocol.SessionID(d.Long()), d.Int()}
		if d.Err() == nil {
			*r = append(*r, t)
		}
	}
	return field("touched sessions", d)
}

// RevalidateRequest asks the leader whether a session that has come to this
// learner lives.
type RevalidateRequest struct {
	Session   protocol.SessionID
	TimeoutMs int32
}

func (r *RevalidateRequest) AppendTo(b []byte) []byte {
	return jute.AppendInt(jute.AppendLong(b, int64(r.Session)), r.TimeoutMs)
}

func (r *RevalidateRequest) Decode(d *jute.Decoder) error {
	r.Session, r.TimeoutMs = protocol.SessionID(d.Long()), d.Int()
	return field("revalidate request", d)
}

// RevalidateReply answers it. A valid session is the learner's from now on.
type RevalidateReply struct {
	Session protocol.SessionID
	Valid   bool
}

func (r *RevalidateReply) AppendTo(b []byte) []byte {
	return jute.AppendBool(jute.AppendLong(b, int64(r.Session)), r.Valid)
}

func (r *RevalidateReply) Decode(d *jute.Decoder) error {
	r.Session, r.Valid = protocol.SessionID(d.Long()), d.Bool()
	return field("revalidate reply", d)
}

// SchemeMoved marks, among the identities of a REQUEST, one that a follower has
// from an observer whose client's session has since moved away from it. It is of
// this server alone; Apache's leaders do not look at a scheme they do not know.
const SchemeMoved = "zkserver-moved"

// ForwardedRequest is the data of REQUEST. The packet's zxid is −1 and its
// authinfo the client's identities.
type ForwardedRequest struct {
	Session protocol.SessionID
	Cxid    int32           // the request's xid; 0 for createSession
	Type    protocol.OpCode // createSession (−10) and closeSession (−11) too
	Body    []byte          // the rest of the data: the client's bytes, aliasing them if the decoder borrows
}

func (r *ForwardedRequest) AppendTo(b []byte) []byte {
	b = jute.AppendLong(b, int64(r.Session))
	b = jute.AppendInt(b, r.Cxid)
	b = jute.AppendInt(b, int32(r.Type))
	return append(b, r.Body...)
}

func (r *ForwardedRequest) Decode(d *jute.Decoder) error {
	r.Session, r.Cxid, r.Type = protocol.SessionID(d.Long()), d.Int(), protocol.OpCode(d.Int())
	if err := field("forwarded request", d); err != nil {
		return err
	}
	if r.Body = d.Rest(); !d.Borrow {
		r.Body = append([]byte{}, r.Body...)
	}
	return nil
}

// Activation is the data of COMMITANDACTIVATE, and stands before the proposal
// in that of INFORMANDACTIVATE.
type Activation struct{ DesignatedLeader int64 }

func (r *Activation) AppendTo(b []byte) []byte { return jute.AppendLong(b, r.DesignatedLeader) }
func (r *Activation) Decode(d *jute.Decoder) error {
	r.DesignatedLeader = d.Long()
	return field("activation", d)
}

// field is the decoder's error under the name of what was decoded.
func field(name string, d *jute.Decoder) error {
	if err := d.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
