// Package protocol is ZooKeeper's client protocol: operations, error codes,
// requests and replies, Stat, ACLs, paths, watch notifications, frames and the
// four-letter words. The shell and the server share it.
//
// Facts come from zookeeper.jute, ZooDefs, KeeperException, PathUtils and
// MultiOperationRecord of Apache ZooKeeper 3.9, checked against a running
// 3.8.0. A record's fields are listed in wire order.
package protocol

import "zookit/protocol/jute"

// Record is anything that goes over the wire or into a log.
type Record interface {
	// AppendTo appends the encoded record.
	AppendTo(b []byte) []byte
	// Decode reads the record; the error names it and wraps jute.ErrShort or
	// jute.ErrTooLong. Bytes after the record are left alone, as Apache does.
	Decode(d *jute.Decoder) error
}

// RequestHeader opens every request after the connect request.
type RequestHeader struct {
	Xid  int32
	Type OpCode
}

func (h *RequestHeader) AppendTo(b []byte) []byte {
	return jute.AppendInt(jute.AppendInt(b, h.Xid), int32(h.Type))
}

func (h *RequestHeader) Decode(d *jute.Decoder) error {
	h.Xid, h.Type = d.Int(), OpCode(d.Int())
	return field("request header", d)
}

// ReplyHeader opens every reply and notification. The body follows only when
// Err is OK.
type ReplyHeader struct {
	Xid  int32
	Zxid Zxid
	Err  Code
}

// ReplyHeaderLen is the encoded length of a ReplyHeader.
const ReplyHeaderLen = 16

func (h *ReplyHeader) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, h.Xid)
	b = jute.AppendLong(b, int64(h.Zxid))
	return jute.AppendInt(b, int32(h.Err))
}

func (h *ReplyHeader) Decode(d *jute.Decoder) error {
	h.Xid, h.Zxid, h.Err = d.Int(), Zxid(d.Long()), Code(d.Int())
	return field("reply header", d)
}

// PasswordLen is the length of a session's password.
const PasswordLen = 16

// ConnectRequest is the first packet of a client; it has no header.
type ConnectRequest struct {
	ProtocolVersion int32
	LastZxidSeen    Zxid
	TimeoutMs       int32
	Session         SessionID // 0 asks for a new one
	Password        []byte
	ReadOnly        bool // a read-only server will do
	HasReadOnly     bool // the flag was there: clients up to 3.3, and go-zookeeper, leave it out
}

func (r *ConnectRequest) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, r.ProtocolVersion)
	b = jute.AppendLong(b, int64(r.LastZxidSeen))
	b = jute.AppendInt(b, r.TimeoutMs)
	b = jute.AppendLong(b, int64(r.Session))
	b = jute.AppendBuffer(b, r.Password)
	if r.HasReadOnly {
		b = jute.AppendBool(b, r.ReadOnly)
	}
	return b
}

func (r *ConnectRequest) Decode(d *jute.Decoder) error {
	r.ProtocolVersion = d.Int()
	r.LastZxidSeen = Zxid(d.Long())
	r.TimeoutMs = d.Int()
	r.Session = SessionID(d.Long())
	r.Password = d.Buffer()
	r.HasReadOnly = d.Err() == nil && d.Len() > 0
	r.ReadOnly = r.HasReadOnly && d.Bool()
	return field("connect request", d)
}

// ConnectResponse answers it. Session 0 and timeout 0 say that the session
// asked for is gone.
type ConnectResponse struct {
	ProtocolVersion int32
	TimeoutMs       int32
	Session         SessionID
	Password        []byte
	ReadOnly        bool // the server is read-only
	HasReadOnly     bool // present exactly when the request had it
}

func (r *ConnectResponse) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, r.ProtocolVersion)
	b = jute.AppendInt(b, r.TimeoutMs)
	b = jute.AppendLong(b, int64(r.Session))
	b = jute.AppendBuffer(b, r.Password)
	if r.HasReadOnly {
		b = jute.AppendBool(b, r.ReadOnly)
	}
	return b
}

func (r *ConnectResponse) Decode(d *jute.Decoder) error {
	r.ProtocolVersion = d.Int()
	r.TimeoutMs = d.Int()
	r.Session = SessionID(d.Long())
	r.Password = d.Buffer()
	r.HasReadOnly = d.Err() == nil && d.Len() > 0
	r.ReadOnly = r.HasReadOnly && d.Bool()
	return field("connect response", d)
}

// WatcherEvent is the body of a notification (xid −1).
type WatcherEvent struct {
	Type  EventType
	State int32
	Path  string
}

func (e *WatcherEvent) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, int32(e.Type))
	b = jute.AppendInt(b, e.State)
	return jute.AppendString(b, e.Path)
}

func (e *WatcherEvent) Decode(d *jute.Decoder) error {
	e.Type, e.State, e.Path = EventType(d.Int()), d.Int(), d.String()
	return field("watcher event", d)
}

// AuthRequest adds an identity to the connection.
type AuthRequest struct {
	Type   int32 // always 0
	Scheme string
	Auth   []byte
}

func (r *AuthRequest) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, r.Type)
	b = jute.AppendString(b, r.Scheme)
	return jute.AppendBuffer(b, r.Auth)
}

func (r *AuthRequest) Decode(d *jute.Decoder) error {
	r.Type, r.Scheme, r.Auth = d.Int(), d.String(), d.Buffer()
	return field("auth request", d)
}

// SASLRequest and SASLResponse carry one token.
type SASLRequest struct{ Token []byte }

func (r *SASLRequest) AppendTo(b []byte) []byte { return jute.AppendBuffer(b, r.Token) }
func (r *SASLRequest) Decode(d *jute.Decoder) error {
	r.Token = d.Buffer()
	return field("sasl request", d)
}

type SASLResponse struct{ Token []byte }

func (r *SASLResponse) AppendTo(b []byte) []byte { return jute.AppendBuffer(b, r.Token) }
func (r *SASLResponse) Decode(d *jute.Decoder) error {
	r.Token = d.Buffer()
	return field("sasl response", d)
}

// CreateSessionRequest is the body of the internal createSession request.
type CreateSessionRequest struct{ TimeoutMs int32 }

func (r *CreateSessionRequest) AppendTo(b []byte) []byte { return jute.AppendInt(b, r.TimeoutMs) }
func (r *CreateSessionRequest) Decode(d *jute.Decoder) error {
	r.TimeoutMs = d.Int()
	return field("create session request", d)
}
