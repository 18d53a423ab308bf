package replica

import (
	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/session"
	"zookit/server/tree"
)

// Kind says who answers an operation.
type Kind int

const (
	// KindRefused: answer zxid −1 and Unimplemented, then close. Unknown
	// operations and those a client must not send: check outside a multi
	// (ZOOKEEPER-2623), createSession, deleteContainer, error.
	//
	// Differs from Apache: 3.8.0 runs a client's createSession, and 3.9.5 its
	// deleteContainer, without looking at an ACL.
	KindRefused Kind = iota
	KindRead         // State.AppendRead
	KindWrite        // Replica.Propose; also sync and closeSession
	KindPing         // AppendPing
	KindAuth
	KindSASL
)

// KindOf classifies an operation sent by a client.
func KindOf(op protocol.OpCode) Kind {
	switch op {
	case protocol.OpExists, protocol.OpGetData, protocol.OpGetACL, protocol.OpGetChildren,
		protocol.OpGetChildren2, protocol.OpMultiRead, protocol.OpGetEphemerals,
		protocol.OpGetAllChildrenNumber, protocol.OpSetWatches, protocol.OpSetWatches2,
		protocol.OpAddWatch, protocol.OpCheckWatches, protocol.OpRemoveWatches, protocol.OpWhoAmI:
		return KindRead
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateContainer, protocol.OpCreateTTL,
		protocol.OpDelete, protocol.OpSetData, protocol.OpSetACL, protocol.OpMulti,
		protocol.OpReconfig, protocol.OpSync, protocol.OpCloseSession:
		return KindWrite
	case protocol.OpPing:
		return KindPing
	case protocol.OpAuth:
		return KindAuth
	case protocol.OpSASL:
		return KindSASL
	}
	return KindRefused
}

// Reason is why an Owner is disconnected.
type Reason int

const (
	ReasonReconnected Reason = iota + 1 // its session was opened again elsewhere
	ReasonExpired                       // its session expired
	ReasonNotServing                    // the server is no longer a part of an ensemble that serves
	ReasonReadOnly                      // the server cannot say whether the session lives: it is read-only
)

func (r Reason) String() string {
	switch r {
	case ReasonReconnected:
		return "the session was opened by another connection"
	case ReasonExpired:
		return "the session expired"
	case ReasonNotServing:
		return "this server has lost its leader or its quorum"
	case ReasonReadOnly:
		return "this server is read-only, and the session one of the ensemble's"
	}
	return "unknown reason"
}

// Owner is the connection that a session is attached to. Owners are compared,
// so they are pointers.
type Owner interface {
	// Disconnect asks the connection to close without a reply. It is called on
	// the replica's goroutine, maybe with the state's lock held: it must not
	// block, and it must not call back.
	Disconnect(Reason)
}

// Completion receives the reply of a request.
type Completion interface {
	// Complete is called once for each request, in commit order, with the
	// state's lock held for writing: it must not block. The reply, and what it
	// refers to, is valid during the call.
	Complete(q *Request, reply *Reply)
}

// Request is a write, a sync, or the making of a session. It belongs to the
// replica from Propose to Complete.
type Request struct {
	Session protocol.SessionID // 0 for a client's OpCreateSession; the id is set inside
	Xid     int32
	Op      protocol.OpCode
	Body    []byte // the request's body, without its header
	IDs     []protocol.ID
	Owner   Owner      // the connection; nil: the session's owner is not checked
	Done    Completion // nil: nobody waits

	TimeoutMs int32 // OpCreateSession: as the client asks

	path string // OpDeleteContainer

	// ephemeralErr is what becomes of ephemerals the request creates, when it is
	// not OK: its session is a local one. See local.go.
	ephemeralErr protocol.Code
}

// Reply is the outcome of a request.
type Reply struct {
	Xid  int32
	Zxid protocol.Zxid
	Err  protocol.Code

	// Close asks to close the connection after the reply.
	Close bool
	// Silent says that there is no reply, and that the connection is closed
	// without a word: the session moved to another one (ZOOKEEPER-710), or a
	// member of an ensemble ceased to serve and nobody knows the outcome.
	Silent bool
	// Session is the new session of an OpCreateSession, which is answered by a
	// connect response and not by AppendFrame.
	Session *session.Handle

	op      protocol.OpCode
	result  *tree.Result
	create2 []int  // the create2 ops of a multi: prep.Txn
	path    []byte // sync: the path's encoding, to be sent back as it came
	config  []byte // reconfig: the new configuration
}

// AppendFrame appends the whole reply, its length included.
func (r *Reply) AppendFrame(out []byte) []byte {
	out, start := protocol.BeginFrame(out)
	h := protocol.ReplyHeader{Xid: r.Xid, Zxid: r.Zxid, Err: r.Err}
	out = h.AppendTo(out)
	if r.Err == protocol.OK {
		out = r.appendBody(out)
	}
	return protocol.EndFrame(out, start)
}

func (r *Reply) appendBody(out []byte) []byte {
	switch r.op {
	case protocol.OpCreate:
		return jute.AppendString(out, r.result.Path)
	case protocol.OpCreate2, protocol.OpCreateContainer, protocol.OpCreateTTL:
		out = jute.AppendString(out, r.result.Path)
		return r.result.Stat.AppendTo(out)
	case protocol.OpSetData, protocol.OpSetACL:
		return r.result.Stat.AppendTo(out)
	case protocol.OpReconfig:
		out = jute.AppendBuffer(out, r.config)
		return r.result.Stat.AppendTo(out)
	case protocol.OpMulti:
		create2 := r.create2
		for i := range r.result.Multi {
			m := multiResult(&r.result.Multi[i])
			if len(create2) > 0 && create2[0] == i {
				create2 = create2[1:]
				if m.Type == protocol.OpCreate {
					m.Type = protocol.OpCreate2
				}
			}
			out = m.AppendTo(out)
		}
		return protocol.AppendMultiEnd(out)
	case protocol.OpSync:
		return append(out, r.path...)
	}
	return out
}

// multiResult is the form of one op's outcome in a reply: createContainer and
// createTTL answer as create2, and a failed multi has errors alone.
func multiResult(s *tree.Result) protocol.MultiResult {
	m := protocol.MultiResult{Type: s.Type, Err: s.Err, Path: s.Path, Stat: s.Stat}
	switch s.Type {
	case protocol.OpCreateContainer, protocol.OpCreateTTL:
		m.Type = protocol.OpCreate2
	case protocol.OpDeleteContainer:
		m.Type = protocol.OpDelete
	}
	return m
}
