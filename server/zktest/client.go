package zktest

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// wireWait bounds every exchange of a Client: a test that waits longer fails
// instead of hanging.
const wireWait = 20 * time.Second

// Client speaks the wire protocol as bytes, for tests of the wire. It does
// nothing by itself: no pings, no reconnects, and replies are read when asked
// for. It is not safe for concurrent use, except that sending and receiving may
// be in two goroutines.
type Client struct {
	t      testing.TB
	Conn   net.Conn
	frames *protocol.FrameReader
	xid    int32

	// Session is what the server answered to Connect.
	Session protocol.ConnectResponse
}

// Reply is one packet from the server; Event is set for a notification.
type Reply struct {
	protocol.ReplyHeader
	Body  []byte
	Event *protocol.WatcherEvent
}

// Open connects to addr and sends nothing.
func Open(t testing.TB, addr string) *Client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("dial %s: %v", addr, err)
	}
	t.Cleanup(func() { nc.Close() })
	return &Client{t: t, Conn: nc, frames: protocol.NewFrameReader(nc, 64<<20)}
}

// Dial connects and opens a session with a timeout of 30 s.
func Dial(t testing.TB, addr string) *Client {
	t.Helper()
	return DialTimeout(t, addr, 30_000)
}

// DialTimeout connects and opens a session with a timeout in milliseconds.
func DialTimeout(t testing.TB, addr string, timeoutMs int32) *Client {
	t.Helper()
	c := Open(t, addr)
	c.Connect(protocol.ConnectRequest{TimeoutMs: timeoutMs, Password: make([]byte, protocol.PasswordLen), HasReadOnly: true})
	if c.Session.TimeoutMs <= 0 {
		t.Fatalf("no session: %+v", c.Session)
	}
	return c
}

// Resume opens a session again on a new connection.
func (c *Client) Resume(addr string) *Client {
	c.t.Helper()
	n := Open(c.t, addr)
	n.Connect(protocol.ConnectRequest{TimeoutMs: c.Session.TimeoutMs, Session: c.Session.Session, Password: c.Session.Password, HasReadOnly: true})
	return n
}

// Connect sends a connect request and reads its answer into Session.
func (c *Client) Connect(r protocol.ConnectRequest) {
	c.t.Helper()
	c.Write(protocol.AppendFrame(nil, &r))
	body, err := c.Frame()
	if err != nil {
		c.t.Fatalf("connect response: %v", err)
	}
	c.Session = protocol.ConnectResponse{}
	if err := c.Session.Decode(jute.NewDecoder(body)); err != nil {
		c.t.Fatalf("connect response: %v", err)
	}
}

// Write sends bytes as they are.
func (c *Client) Write(b []byte) {
	c.t.Helper()
	_ = c.Conn.SetWriteDeadline(time.Now().Add(wireWait))
	if _, err := c.Conn.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// Frame reads the next packet.
func (c *Client) Frame() ([]byte, error) {
	_ = c.Conn.SetReadDeadline(time.Now().Add(wireWait))
	return c.frames.Next()
}

// Send sends a request and returns its xid. A nil body sends the header alone.
func (c *Client) Send(op protocol.OpCode, body protocol.Record) int32 {
	c.t.Helper()
	c.xid++
	c.Write(Request(nil, c.xid, op, body))
	return c.xid
}

// Request appends a request with its length before it.
func Request(b []byte, xid int32, op protocol.OpCode, body protocol.Record) []byte {
	h := protocol.RequestHeader{Xid: xid, Type: op}
	if body == nil {
		return protocol.AppendFrame(b, &h)
	}
	return protocol.AppendFrame(b, &h, body)
}

// Receive reads the next packet, a reply or an event.
func (c *Client) Receive() Reply {
	c.t.Helper()
	r, err := c.TryReceive()
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	return r
}

// TryReceive is Receive that returns the error of the connection.
func (c *Client) TryReceive() (Reply, error) {
	frame, err := c.Frame()
	if err != nil {
		return Reply{}, err
	}
	var r Reply
	d := jute.NewDecoder(frame)
	if err := r.Decode(d); err != nil {
		return Reply{}, err
	}
	r.Body = append([]byte(nil), d.Rest()...)
	if r.Xid == protocol.XidNotification {
		r.Event = new(protocol.WatcherEvent)
		if err := r.Event.Decode(d); err != nil {
			return Reply{}, err
		}
	}
	return r, nil
}

// Call sends a request and reads its reply; an event or another xid in between
// fails the test. When the reply has no error, it is decoded into reply unless
// that is nil.
func (c *Client) Call(op protocol.OpCode, body, reply protocol.Record) Reply {
	c.t.Helper()
	xid := c.Send(op, body)
	r := c.Receive()
	if r.Xid != xid {
		c.t.Fatalf("%v: got xid %d (%+v), want %d", op, r.Xid, r.Event, xid)
	}
	if r.Err == protocol.OK && reply != nil {
		if err := reply.Decode(jute.NewDecoder(r.Body)); err != nil {
			c.t.Fatalf("%v: reply: %v", op, err)
		}
	}
	return r
}

// Must is Call that fails the test when the reply has an error.
func (c *Client) Must(op protocol.OpCode, body, reply protocol.Record) Reply {
	c.t.Helper()
	r := c.Call(op, body, reply)
	if r.Err != protocol.OK {
		c.t.Fatalf("%v: %v", op, r.Err)
	}
	return r
}

// Create creates a znode that anybody may use, and returns its path.
func (c *Client) Create(path string, data []byte, flags protocol.CreateFlag) string {
	c.t.Helper()
	var r protocol.PathResponse
	c.Must(protocol.OpCreate, &protocol.CreateRequest{Path: path, Data: data, ACL: protocol.OpenACL, Flags: flags}, &r)
	return r.Path
}

// Closed waits until the server has closed the connection without another
// packet, and fails the test on anything else.
func (c *Client) Closed() {
	c.t.Helper()
	frame, err := c.Frame()
	var timeout net.Error
	switch {
	case err == nil:
		c.t.Fatalf("got a packet (%x), want the connection closed", frame)
	case errors.As(err, &timeout) && timeout.Timeout():
		c.t.Fatal("the connection is still open")
	}
}

// Word sends a four-letter word and returns the answer.
func Word(t testing.TB, addr, word string) string {
	t.Helper()
	answer, err := protocol.FourLetter(t.Context(), addr, word)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", word, err))
	}
	return answer
}

// Ping sends a ping and reads its reply, which has xid −2 whatever was sent.
func (c *Client) Ping() Reply {
	c.t.Helper()
	c.Write(Request(nil, protocol.XidPing, protocol.OpPing, nil))
	return c.Receive()
}

// Auth sends an auth packet and reads its reply.
func (c *Client) Auth(scheme, auth string) Reply {
	c.t.Helper()
	c.Write(Request(nil, protocol.XidAuth, protocol.OpAuth, &protocol.AuthRequest{Scheme: scheme, Auth: []byte(auth)}))
	return c.Receive()
}
