package server

import (
	"io"

	"zookit/protocol"
	"zookit/server/cnxn"
	"zookit/server/replica"
	"zookit/server/session"
)

// backend is the server as the connections see it.
type backend Server

var _ cnxn.Backend = (*backend)(nil)

func (b *backend) Serving() bool         { return b.open.Load() != closed }
func (b *backend) ReadOnly() bool        { return b.open.Load() == openToReaders }
func (b *backend) State() *replica.State { return b.rep.State() }

func (b *backend) Submit(list []*replica.Request) { b.pipe.submit(list) }

// Connect opens a session, or opens one again.
func (b *backend) Connect(c *cnxn.Conn, r *protocol.ConnectRequest) {
	if r.Session == 0 {
		b.pipe.submit([]*replica.Request{{
			Op: protocol.OpCreateSession, TimeoutMs: r.TimeoutMs, IDs: c.IDs(), Owner: c, Done: (*newSession)(c),
		}})
		return
	}
	b.pipe.do(func(now replica.Now) {
		b.rep.Reopen(now, r.Session, r.Password, r.TimeoutMs, c, func(h *session.Handle) {
			if h == nil {
				c.Refused()
				return
			}
			c.Attached(h, b.rep.State().Zxid())
		})
	})
}

// newSession completes a createSession.
type newSession cnxn.Conn

func (n *newSession) Complete(_ *replica.Request, reply *replica.Reply) {
	c := (*cnxn.Conn)(n)
	if reply.Silent {
		c.Disconnect(replica.ReasonNotServing)
		return
	}
	if reply.Session == nil {
		c.Refused()
		return
	}
	c.Attached(reply.Session, reply.Zxid)
}

// Gone forgets a connection: its watches, and that it had its session.
func (b *backend) Gone(c *cnxn.Conn) {
	b.rep.State().RemoveWatcher(c)
	id := c.Session()
	if id == 0 {
		return
	}
	b.pipe.do(func(replica.Now) { b.rep.Detach(id, c) })
}

func (b *backend) Authenticate(scheme string, auth []byte, ip protocol.ID) ([]protocol.ID, protocol.Code) {
	return b.rules.Authenticate(scheme, auth, ip)
}

func (b *backend) Word(out io.Writer, word string, arg int64) error {
	return b.words.Write(out, word, arg)
}
