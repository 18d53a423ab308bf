// Package wire is a raw client for tests: it sends any bytes as a request and hands out every packet in the order it
// came. It keeps no session alive, repeats nothing and hides nothing; what it shows is what the server wrote.
package wire

import (
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
	NoReadOnly bool          // the form of clients before 3.4: no readOnly flag
	Patience   time.Duration // bounds each wait; 0 is Patience
}

// A Conn is one connection with its session. It is for one goroutine.
type Conn struct {
	Connect protocol.ConnectResponse
	// Events are the notifications read so far, in order; the caller empties it.
	Events []Event

	conn     net.Conn
	frames   *protocol.FrameReader
	patience time.Duration
	xid      int32
}

// An Event is one notification.
type Event struct {
	Header protocol.ReplyHeader
	protocol.WatcherEvent
}

// A Reply is one packet that is no notification.
type Reply struct {
	protocol.ReplyHeader
	Body []byte
}

// Dial opens a connection and a session on it. A refused session comes back with Connect.TimeoutMs 0 and no error.
func Dial(addr string, o Options) (*Conn, error) {
	if o.Patience == 0 {
		o.Patience = Patience
	}
	conn, err := net.DialTimeout("tcp", addr, o.Patience)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, frames: protocol.NewFrameReader(conn, 64<<20), patience: o.Patience}
	if o.TimeoutMs == 0 {
		o.TimeoutMs = 30_000
	}
	if o.Password == nil {
		o.Password = make([]byte, protocol.PasswordLen)
	}
	request := &protocol.ConnectRequest{LastZxidSeen: o.LastZxid, TimeoutMs: o.TimeoutMs, Session: o.Session, Password: o.Password, HasReadOnly: !o.NoReadOnly}
	if err := c.Write(protocol.AppendFrame(nil, request)); err != nil {
		conn.Close()
		return nil, err
	}
	packet, err := c.packet()
	if err == nil {
		err = c.Connect.Decode(jute.NewDecoder(packet))
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect response: %w", err)
	}
	return c, nil
}

// Write puts bytes on the wire as they are.
func (c *Conn) Write(b []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return err
	}
	_, err := c.conn.Write(b)
	return err
}

func (c *Conn) packet() ([]byte, error) {
	if err := c.conn.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return nil, err
	}
	return c.frames.Next()
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

// Read returns the next reply; notifications before it go to Events. io.EOF, or an error of the socket, when the server
// closed the connection instead.
func (c *Conn) Read() (Reply, error) {
	for {
		packet, err := c.packet()
		if err != nil {
			return Reply{}, err
		}
		var r Reply
		d := jute.NewDecoder(packet)
		if err := r.ReplyHeader.Decode(d); err != nil {
			return Reply{}, err
		}
		r.Body = append([]byte(nil), packet[protocol.ReplyHeaderLen:]...)
		if r.Xid != protocol.XidNotification {
			return r, nil
		}
		e := Event{Header: r.ReplyHeader}
		if err := e.Decode(jute.NewDecoder(r.Body)); err != nil {
			return Reply{}, err
		}
		c.Events = append(c.Events, e)
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
		before := len(c.Events)
		packet, err := c.packet()
		if err != nil {
			return fmt.Errorf("waiting for event %d of %d: %w", before+1, n, err)
		}
		e := Event{}
		d := jute.NewDecoder(packet)
		if err := e.Header.Decode(d); err != nil {
			return err
		}
		if e.Header.Xid != protocol.XidNotification {
			return fmt.Errorf("waiting for event %d of %d: a reply with xid %d came", before+1, n, e.Header.Xid)
		}
		if err := e.Decode(d); err != nil {
			return err
		}
		c.Events = append(c.Events, e)
	}
	return nil
}

// CloseSession ends the session and the connection.
func (c *Conn) CloseSession() error {
	err := c.Do(protocol.OpCloseSession, nil, nil)
	return errors.Join(err, c.conn.Close())
}

// Drop closes the socket and leaves the session to its timeout.
func (c *Conn) Drop() { c.conn.Close() }
