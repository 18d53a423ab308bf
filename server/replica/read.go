package replica

import (
	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/session"
	"zookit/server/watch"
)

// Reader is a connection as reads see it. One per connection, not shared. Its
// zero value with the three fields set is ready.
type Reader struct {
	Session *session.Handle
	IDs     []protocol.ID
	Watcher watch.Watcher

	dec jute.Decoder // borrows: what a request refers to lives until its reply is written
}

// AppendRead executes a read (KindRead) and appends its reply, a whole frame,
// to out; setWatches puts the events it replays before it. The caller holds
// RLock, and goes on holding it until it has handled its queue of events in
// the order described at State. body may be reused afterwards. The code is the
// reply's, for statistics.
//
// A reply whose err is not OK has no body. A body that cannot be decoded is
// answered MarshallingError, and the connection goes on.
func (s *State) AppendRead(out []byte, h protocol.RequestHeader, body []byte, c *Reader) ([]byte, protocol.Code) {
	c.dec.Borrow = true
	c.dec.Reset(body)
	mark := len(out)
	out, start := s.beginReply(out, h.Xid)
	code := protocol.SessionExpired
	if c.Session == nil || !c.Session.Closing() {
		out, start, code = s.readBody(out, start, mark, h, c)
	}
	if code != protocol.OK {
		out = out[:start]
		return AppendError(out, h.Xid, s.tree.LastZxid(), code), code
	}
	return protocol.EndFrame(out, start), protocol.OK
}

// beginReply appends the length's place and the header of a reply without error.
func (s *State) beginReply(out []byte, xid int32) ([]byte, int) {
	out, start := protocol.BeginFrame(out)
	h := protocol.ReplyHeader{Xid: xid, Zxid: s.tree.LastZxid()}
	return h.AppendTo(out), start
}

// AppendPing appends the reply of a ping, whose xid is always −2.
func (s *State) AppendPing(out []byte) []byte {
	return AppendError(out, protocol.XidPing, s.Zxid(), protocol.OK)
}

// AppendError appends a reply that is a header alone.
func AppendError(out []byte, xid int32, zxid protocol.Zxid, code protocol.Code) []byte {
	out, start := protocol.BeginFrame(out)
	h := protocol.ReplyHeader{Xid: xid, Zxid: zxid, Err: code}
	return protocol.EndFrame(h.AppendTo(out), start)
}
