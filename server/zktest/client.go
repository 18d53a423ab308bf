package zktest

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest/wire"
)

// Client is a raw client whose errors fail the test: package wire tells what it
// does and what it leaves alone. Its socket is closed with the test.
type Client struct {
	t testing.TB
	*wire.Conn
}

// Reply is one packet from the server; Event is set for a notification.
type Reply = wire.Reply

// Request appends a request with its length before it.
func Request(b []byte, xid int32, op protocol.OpCode, body protocol.Record) []byte {
	return wire.Request(b, xid, op, body)
}

// Open connects to addr and sends nothing.
func Open(t testing.TB, addr string) *Client {
	t.Helper()
	c, err := wire.Open(addr)
	if err != nil {
		t.Fatalf("dial %s: %v", addr, err)
	}
	t.Cleanup(c.Drop)
	return &Client{t, c}
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
	if err := c.Conn.Connect(&r); err != nil {
		c.t.Fatal(err)
	}
}

// Write sends bytes as they are.
func (c *Client) Write(b []byte) {
	c.t.Helper()
	if err := c.Conn.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// Send sends a request and returns its xid. A nil body sends the header alone.
func (c *Client) Send(op protocol.OpCode, body protocol.Record) int32 {
	c.t.Helper()
	var b []byte
	if body != nil {
		b = body.AppendTo(nil)
	}
	xid, err := c.Conn.Send(op, b)
	if err != nil {
		c.t.Fatalf("%v: %v", op, err)
	}
	return xid
}

// Receive reads the next packet, a reply or an event.
func (c *Client) Receive() Reply {
	c.t.Helper()
	r, err := c.Conn.Receive()
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	return r
}

// TryReceive is Receive that returns the error of the connection.
func (c *Client) TryReceive() (Reply, error) { return c.Conn.Receive() }

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
	packet, err := c.Packet()
	var timeout net.Error
	switch {
	case err == nil:
		c.t.Fatalf("got a packet (%x), want the connection closed", packet)
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
