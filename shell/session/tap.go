package session

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// Our requests have xids from firstXid on. The library counts from 1 and sends
// nothing but the end of the session, so the two never meet.
const firstXid int32 = 0x40000000

// forwardLimit bounds a packet that is handed to the library, in bytes. It
// expects the answers to its pings and to closeSession, which have 16.
const forwardLimit = 4 << 10

var (
	errHandshake = errors.New("unexpected answer to the connect request")
	errShut      = errors.New("the connection was given up")
	errBroken    = errors.New("the server broke the protocol")
)

// tap is the net.Conn that the library holds: one connection to one server.
//
// The library writes one whole packet with each Write and reads from one
// goroutine. So our packets are put between its own under wmu, and Read takes
// ours out of the stream on the goroutine the library reads with. There is no
// goroutine and no buffer in between, hence the library's read deadlines are
// the socket's.
type tap struct {
	net.Conn // the socket, perhaps under TLS
	c        *core
	addr     string

	wmu       sync.Mutex // one packet at a time goes out
	handshook bool       // the connect request went out; written by the library's goroutine alone

	// Read side: owned by the goroutine of the library that reads.
	frames  *protocol.FrameReader
	forward []byte // of the library, not read by it yet
	store   []byte // backs forward

	// Deadlines. Until the connect response is there, handshakeBy is the end;
	// after it, silence of length idle is. Guarded by dmu.
	dmu         sync.Mutex
	handshakeBy time.Time
	idle        time.Duration

	once sync.Once
	done chan struct{} // closed by shut
	wake chan struct{} // capacity 1: there is something to write

	// Guarded by core.mu.
	established bool      // the session was attached
	since       time.Time // it was
	replaying   bool      // events may be replays of setWatches
	pending     map[int32]*pending
	queue       []*pending // not written yet
	pingDue     bool       // a ping is to be written
	pinged      bool       // its answer has not come
	settled     bool       // the answer was that the session is gone: no refusal
	closeXid    int32      // of the library's closeSession, 0 before it
	closeOK     bool       // the server confirmed it
	err         error      // why it ended
}

func newTap(c *core, conn net.Conn, addr string, handshakeBy time.Time) *tap {
	t := &tap{Conn: conn, c: c, addr: addr, handshakeBy: handshakeBy,
		done: make(chan struct{}), wake: make(chan struct{}, 1), pending: map[int32]*pending{}}
	t.frames = protocol.NewFrameReader(bufio.NewReaderSize(deadlineReader{t}, 32<<10), c.o.MaxReply)
	return t
}

// deadlineReader sets the deadline before each read of the socket. Every byte
// that arrives renews it: a long reply over a slow line is not silence, and
// neither are our own replies, which the library does not see.
type deadlineReader struct{ t *tap }

func (r deadlineReader) Read(p []byte) (int, error) {
	t := r.t
	t.dmu.Lock()
	by := t.handshakeBy
	if t.idle > 0 {
		by = time.Now().Add(t.idle)
	}
	t.dmu.Unlock()
	if err := t.Conn.SetReadDeadline(by); err != nil {
		return 0, err
	}
	return t.Conn.Read(p)
}

// SetReadDeadline takes the library's deadline for its next packet as the
// length of silence to bear. During the handshake ours, which is shorter,
// stands; taking a deadline away leaves the last one.
func (t *tap) SetReadDeadline(by time.Time) error {
	if by.IsZero() {
		return nil
	}
	t.dmu.Lock()
	defer t.dmu.Unlock()
	if t.idle == 0 {
		return nil
	}
	t.idle = max(time.Until(by), time.Millisecond)
	return t.Conn.SetReadDeadline(by)
}

// SetWriteDeadline does nothing: write sets a deadline for each packet.
func (t *tap) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (t *tap) SetDeadline(by time.Time) error { return t.SetReadDeadline(by) }

// Read gives the library its own packets.
func (t *tap) Read(p []byte) (int, error) {
	for len(t.forward) == 0 {
		if err := t.receive(); err != nil {
			t.shut(err)
			return 0, err
		}
	}
	n := copy(p, t.forward)
	t.forward = t.forward[n:]
	return n, nil
}

// receive reads one packet and takes it to where it belongs.
func (t *tap) receive() error {
	n, err := t.frames.Begin()
	if err == nil && n > largePacket && t.attached() {
		return t.receiveLarge(n)
	}
	var packet []byte
	if err == nil {
		packet, err = t.frames.Rest(n)
	}
	if err != nil {
		return t.silence(err)
	}
	if !t.attached() {
		return t.connected(packet)
	}
	d := jute.NewDecoder(packet)
	var h protocol.ReplyHeader
	if err := h.Decode(d); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	switch {
	case h.Xid == protocol.XidNotification:
		return t.notified(h, d)
	case h.Xid >= firstXid:
		return t.c.replied(t, h, d)
	}
	t.c.passing(t, h)
	return t.handOver(packet)
}

// silence is why nothing more was read.
func (t *tap) silence(err error) error {
	if t.attached() && errors.Is(err, os.ErrDeadlineExceeded) {
		t.dmu.Lock()
		defer t.dmu.Unlock()
		return &refusalError{text: fmt.Sprintf("%s was silent for %v", t.addr, t.idle.Round(time.Millisecond)), err: err}
	}
	return err
}

func (t *tap) attached() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return t.established
}

// handOver gives a packet to the library.
func (t *tap) handOver(packet []byte) error {
	if len(packet) > forwardLimit {
		return fmt.Errorf("%w: %d bytes that nobody asked for", errBroken, len(packet))
	}
	t.store = binary.BigEndian.AppendUint32(t.store[:0], uint32(len(packet)))
	t.store = append(t.store, packet...)
	t.forward = t.store
	return nil
}

// connected handles the answer to the connect request and passes it on in the
// form the library knows, so that nothing a server sends can upset it.
func (t *tap) connected(packet []byte) error {
	var r protocol.ConnectResponse
	if len(packet) == protocol.ReplyHeaderLen {
		// Apache 3.8 answers so when it is read-only without local sessions.
		var h protocol.ReplyHeader
		if err := h.Decode(jute.NewDecoder(packet)); err != nil {
			return err
		}
		if h.Err != protocol.OK {
			return &refusalError{text: fmt.Sprintf("it refused the session: %s", h.Err.Name()), err: h.Err}
		}
	}
	if err := r.Decode(jute.NewDecoder(packet)); err != nil {
		return err
	}
	if r.Session == 0 || r.TimeoutMs <= 0 {
		r.Session, r.TimeoutMs, r.Password = 0, 0, make([]byte, protocol.PasswordLen)
		if err := t.c.expired(t); err != nil {
			return err
		}
		defer t.shut(errShut) // the library forgets to; it still reads what is handed over
	} else {
		if len(r.Password) != protocol.PasswordLen {
			return fmt.Errorf("%w: a password of %d bytes", errHandshake, len(r.Password))
		}
		t.dmu.Lock()
		t.idle = time.Duration(r.TimeoutMs) * time.Millisecond * 2 / 3
		t.dmu.Unlock()
		t.c.attach(t, &r)
	}
	r.HasReadOnly = false
	return t.handOver(r.AppendTo(nil))
}

// notified delivers a watch event.
func (t *tap) notified(h protocol.ReplyHeader, d *jute.Decoder) error {
	var ev protocol.WatcherEvent
	if err := ev.Decode(d); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	t.c.fired(t, h.Zxid, &ev)
	return nil
}

// Write sends a packet of the library.
func (t *tap) Write(packet []byte) (int, error) {
	out := packet
	switch {
	case !t.handshook:
		t.handshook = true
		var err error
		if out, err = t.c.connectRequest(packet); err != nil {
			return 0, err
		}
	case len(packet) >= 12 && protocol.OpCode(binary.BigEndian.Uint32(packet[8:])) == protocol.OpCloseSession:
		t.c.mu.Lock()
		t.closeXid = int32(binary.BigEndian.Uint32(packet[4:]))
		t.c.mu.Unlock()
	}
	if n, err := t.write(out); err != nil {
		t.shut(err)
		return min(n, len(packet)), err
	}
	return len(packet), nil
}

// write sends bytes that are whole packets and returns how many went out. After
// an error the connection must be shut.
func (t *tap) write(b []byte) (int, error) {
	t.wmu.Lock()
	defer t.wmu.Unlock()
	t.dmu.Lock()
	by := t.handshakeBy
	if t.idle > 0 {
		by = time.Now().Add(t.idle)
	}
	t.dmu.Unlock()
	if err := t.Conn.SetWriteDeadline(by); err != nil {
		return 0, err
	}
	return t.Conn.Write(b)
}

// Close is the library's: it has done with the connection.
func (t *tap) Close() error {
	t.shut(errShut)
	return nil
}

// shut ends the connection. The first error is the reason.
func (t *tap) shut(err error) {
	t.once.Do(func() {
		t.Conn.Close()
		t.c.lost(t, err)
		close(t.done)
	})
}

// signal wakes the writer.
func (t *tap) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}
