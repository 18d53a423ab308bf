// Package wire is a raw client for tests: it sends any bytes as a request and hands out every packet in the order it
// came. It keeps no session alive, repeats nothing and hides nothing; what it shows is what the server wrote.
package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// Patience bounds every wait for a packet. It is generous: a busy machine must not fail a test.
const Patience = 30 * time.Second

// Options of a connect request.
type Options struct {
	TimeoutMs  int32 // 0 asks for 30 s
	Session    protocol.SessionID
	Password   []byte // nil is sixteen zero bytes
	LastZxid   protocol.Zxid
	NoReadOnly bool        // the form of clients before 3.4: no readOnly flag
	TLS        *tls.Config // nil is plain TCP
}

// A Conn is one connection with its session. It is for one goroutine, except that one may write while another reads.
type Conn struct {
	Socket net.Conn
	// Session is the answer to the connect request.
	Session protocol.ConnectResponse
	// Events are the notifications read so far by all but Receive, in order; the caller empties it.
	Events []Event

	frames *protocol.FrameReader
	xid    int32
}

// An Event is one notification.
type Event struct {
	Header protocol.ReplyHeader
	protocol.WatcherEvent
}

// A Reply is one packet from the server. Event is set for a notification.
type Reply struct {
	protocol.ReplyHeader
	Body  []byte
	Event *protocol.WatcherEvent
}

// Open connects and sends nothing.
func Open(addr string) (*Conn, error) { return open(addr, nil) }

func open(addr string, config *tls.Config) (*Conn, error) {
	socket, err := net.DialTimeout("tcp", addr, Patience)
	if err != nil {
		return nil, err
	}
	if config != nil {
		socket = tls.Client(socket, config)
	}
	return &Conn{Socket: socket, frames: protocol.NewFrameReader(socket, 64<<20)}, nil
}

// Dial opens a connection and a session on it. A refused session comes back with Session.TimeoutMs 0 and no error.
func Dial(addr string, o Options) (*Conn, error) {
	c, err := open(addr, o.TLS)
	if err != nil {
		return nil, err
	}
	if o.TimeoutMs == 0 {
		o.TimeoutMs = 30_000
	}
	if o.Password == nil {
		o.Password = make([]byte, protocol.PasswordLen)
	}
	request := &protocol.ConnectRequest{LastZxidSeen: o.LastZxid, TimeoutMs: o.TimeoutMs, Session: o.Session, Password: o.Password, HasReadOnly: !o.NoReadOnly}
	if err := c.Connect(request); err != nil {
		c.Drop()
		return nil, err
	}
	return c, nil
}

// Connect sends a connect request and reads its answer into Session.
func (c *Conn) Connect(r *protocol.ConnectRequest) error {
	err := c.Write(protocol.AppendFrame(nil, r))
	if err != nil {
		return err
	}
	packet, err := c.Packet()
	if err == nil {
		c.Session = protocol.ConnectResponse{}
		err = c.Session.Decode(jute.NewDecoder(packet))
	}
	if err != nil {
		return fmt.Errorf("connect response: %w", err)
	}
	return nil
}

// Write puts bytes on the wire as they are.
func (c *Conn) Write(b []byte) error {
	if err := c.Socket.SetWriteDeadline(time.Now().Add(Patience)); err != nil {
		return err
	}
	_, err := c.Socket.Write(b)
	return err
}

// Packet is the next packet as it came. io.EOF, or an error of the socket, when the server closed the connection.
func (c *Conn) Packet() ([]byte, error) {
	if err := c.Socket.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		return nil, err
	}
	return c.frames.Next()
}

// Request appends a request with its length before it. A nil body is the header alone.
func Request(b []byte, xid int32, op protocol.OpCode, body protocol.Record) []byte {
	h := protocol.RequestHeader{Xid: xid, Type: op}
	if body == nil {
		return protocol.AppendFrame(b, &h)
	}
	return protocol.AppendFrame(b, &h, body)
}

// Send writes a request with the next xid and returns it.
func (c *Conn) Send(op protocol.OpCode, body []byte) (xid int32, err error) {
	c.xid++
	return c.xid, c.SendXid(c.xid, op, body)
}

// SendXid writes a request with an xid of the caller's choice.
func (c *Conn) SendXid(xid int32, op protocol.OpCode, body []byte) error {
	frame, start := protocol.BeginFrame(nil)
	frame = append((&protocol.RequestHeader{Xid: xid, Type: op}).AppendTo(frame), body...)
	return c.Write(protocol.EndFrame(frame, start))
}

// Receive returns the next packet, a reply or a notification.
func (c *Conn) Receive() (Reply, error) {
	packet, err := c.Packet()
	if err != nil {
		return Reply{}, err
	}
	var r Reply
	d := jute.NewDecoder(packet)
	if err := r.ReplyHeader.Decode(d); err != nil {
		return Reply{}, err
	}
	r.Body = bytes.Clone(packet[protocol.ReplyHeaderLen:])
	if r.Xid == protocol.XidNotification {
		r.Event = new(protocol.WatcherEvent)
		if err := r.Event.Decode(d); err != nil {
			return Reply{}, err
		}
	}
	return r, nil
}

// Read returns the next reply; notifications before it go to Events.
func (c *Conn) Read() (Reply, error) {
	for {
		r, err := c.Receive()
		if err != nil || r.Event == nil {
			return r, err
		}
		c.Events = append(c.Events, Event{r.ReplyHeader, *r.Event})
	}
}

// Call sends one request and returns the next reply.
func (c *Conn) Call(op protocol.OpCode, request protocol.Record) (Reply, error) {
	var body []byte
	if request != nil {
		body = request.AppendTo(nil)
	}
	return c.CallRaw(op, body)
}

// CallRaw is Call for any bytes as the body.
func (c *Conn) CallRaw(op protocol.OpCode, body []byte) (Reply, error) {
	xid, err := c.Send(op, body)
	if err != nil {
		return Reply{}, err
	}
	r, err := c.Read()
	if err == nil && r.Xid != xid && op != protocol.OpPing {
		return r, fmt.Errorf("%v: reply has xid %d, not %d", op, r.Xid, xid)
	}
	return r, err
}

// Do is Call with the reply decoded; an error reply comes back as its protocol.Code. reply may be nil.
func (c *Conn) Do(op protocol.OpCode, request, reply protocol.Record) error {
	r, err := c.Call(op, request)
	if err != nil {
		return fmt.Errorf("%v: %w", op, err)
	}
	if r.Err != protocol.OK {
		return r.Err
	}
	if reply == nil {
		return nil
	}
	return reply.Decode(jute.NewDecoder(r.Body))
}

// Auth adds an identity to the connection.
func (c *Conn) Auth(scheme, credentials string) error {
	body := (&protocol.AuthRequest{Scheme: scheme, Auth: []byte(credentials)}).AppendTo(nil)
	if err := c.SendXid(protocol.XidAuth, protocol.OpAuth, body); err != nil {
		return err
	}
	r, err := c.Read()
	if err != nil {
		return err
	}
	return r.Err.Err()
}

// Await reads until n notifications are in Events; a reply on the way is an error.
func (c *Conn) Await(n int) error {
	for len(c.Events) < n {
		r, err := c.Receive()
		switch {
		case err != nil:
			return fmt.Errorf("waiting for event %d of %d: %w", len(c.Events)+1, n, err)
		case r.Event == nil:
			return fmt.Errorf("waiting for event %d of %d: a reply with xid %d came", len(c.Events)+1, n, r.Xid)
		}
		c.Events = append(c.Events, Event{r.ReplyHeader, *r.Event})
	}
	return nil
}

// CloseSession ends the session and the connection.
func (c *Conn) CloseSession() error {
	err := c.Do(protocol.OpCloseSession, nil, nil)
	return errors.Join(err, c.Socket.Close())
}

// Drop closes the socket and leaves the session to its timeout.
func (c *Conn) Drop() { c.Socket.Close() }
