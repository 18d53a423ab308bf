package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/sock"
	"zookit/server/zab"
)

// A QuorumConfig is what the connections of the quorum port need.
type QuorumConfig struct {
	// Deliver hands an event to the core. It does not block. The bytes of a packet
	// it holds are given back by Inbox.Release.
	Deliver func(in *Inbox, ev zab.Event)
	// Log reads the txns of a LogRange, in order.
	Log func(after, through protocol.Zxid, f func(zxid protocol.Zxid, payload []byte) error) error

	FirstConn zab.Conn      // Learners: connections are numbered from the next on; no number is given twice in a process
	Timeout   time.Duration // of one read or write: the cores are more exact, this frees what hangs; 0: a minute
	MaxPacket int           // bytes of a packet's data, and of its authinfo; 0: 2 MiB
	MaxInbox  int64         // bytes of packets read and not released; 0: 16 MiB
	MaxOutbox int64         // bytes of packets to be sent, beyond which the connection ends; 0: 256 MiB
	NoDelay   bool          // leader.nodelay, follower.nodelay
	KeepAlive bool          // zookeeper.tcpKeepAlive
	DialPause time.Duration // between two attempts, shorter between the first ones; 0: 100 ms
	DialTime  time.Duration // of one attempt; 0: DefaultConnectTimeout
	Dial      func(ctx context.Context, address string) (net.Conn, error)
	Security  *Security                // nil: none
	Hosts     func(sid int64) []string // of a server's line; Learners with Security: whom a certificate must name
	Logger    *slog.Logger             // nil: nothing is logged
}

func (c *QuorumConfig) setDefaults() {
	if c.Timeout <= 0 {
		c.Timeout = time.Minute
	}
	if c.MaxPacket <= 0 {
		c.MaxPacket = 2 << 20
	}
	if c.MaxInbox <= 0 {
		c.MaxInbox = 16 << 20
	}
	if c.MaxOutbox <= 0 {
		c.MaxOutbox = 256 << 20
	}
	if c.DialPause <= 0 {
		c.DialPause = 100 * time.Millisecond
	}
	if c.DialTime <= 0 {
		c.DialTime = DefaultConnectTimeout
	}
	if c.Dial == nil {
		d := net.Dialer{KeepAliveConfig: keepAlive(c.KeepAlive), KeepAlive: -1}
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// A Snapshot is the content of a SnapshotStream.
type Snapshot interface {
	// Send writes it with the string SnapshotEnd behind, and ends it.
	Send(w io.Writer) error
	// Close ends one that was not written.
	Close()
}

// outgoing is a message in the queue of a connection.
type outgoing struct {
	zab.Message
	snapshot Snapshot
}

// progressPause is the least time between two words on the progress of a
// stream.
const progressPause = 200 * time.Millisecond

// packetOverhead is what a packet costs beside its data.
const packetOverhead = 128

func packetSize(p *quorum.Packet) int64 {
	n := int64(packetOverhead + len(p.Data))
	for i := range p.Auth {
		n += int64(len(p.Auth[i].Scheme) + len(p.Auth[i].ID) + 32)
	}
	return n
}

// An Inbox bounds what was read from one connection and not taken in yet: at
// its limit the connection is not read, and TCP makes the sender wait.
type Inbox struct {
	limit int64
	more  atomic.Bool
	mu    sync.Mutex
	room  sync.Cond
	held  int64
	ended bool
}

func newInbox(limit int64) *Inbox {
	in := &Inbox{limit: limit}
	in.room.L = &in.mu
	return in
}

// take waits for room; a packet larger than the limit has it when it is alone.
func (in *Inbox) take(n int64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.held > 0 && in.held+n > in.limit && !in.ended {
		in.room.Wait()
	}
	in.held += n
	return !in.ended
}

// More tells that the packet behind the one that is being delivered has come
// already, at least its beginning.
func (in *Inbox) More() bool { return in.more.Load() }

// Release gives the room of an event back that Deliver was called with.
func (in *Inbox) Release(ev zab.Event) {
	r, ok := ev.(zab.Received)
	if !ok {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.held -= packetSize(&r.Packet)
	in.room.Signal()
}

func (in *Inbox) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
	in.room.Broadcast()
}

// packets is one connection of the quorum port behind the dialing: a reader
// and a writer.
type packets struct {
	cfg   *QuorumConfig
	id    zab.Conn
	conn  net.Conn
	raw   syscall.RawConn // nil: there is no write that does not wait
	wire  net.Conn        // what is read and written: conn, or what Security has put on it
	in    *bufio.Reader
	first func(*quorum.Packet) error // checks the first packet; nil: nothing to check
	claim atomic.Pointer[claim]      // what the first packet said, under Security
	inbox *Inbox

	// stream: after a SNAP the reader waits here, and whoever installs the
	// snapshot reads from in.
	stream chan struct{}
	gone   chan struct{} // closed with the connection
	once   sync.Once

	scratch []byte // of whoever flushes
	touched bool   // of Learners: sent to since the last Flush

	mu      sync.Mutex // guards all below
	more    sync.Cond
	queue   []outgoing
	bytes   int64  // in queue
	rest    []byte // of what flush could not write at once; goes first
	writing bool   // somebody writes: the rest of the queue is theirs
	last    bool   // nothing is queued any more: close when the queue is empty
	ended   bool
}

func newPackets(cfg *QuorumConfig, id zab.Conn, conn net.Conn) *packets {
	p := &packets{cfg: cfg, id: id, conn: conn, inbox: newInbox(cfg.MaxInbox), stream: make(chan struct{}, 1), gone: make(chan struct{})}
	p.more.L = &p.mu
	p.through(conn)
	if t := transport(conn); t != nil {
		_ = t.SetNoDelay(cfg.NoDelay)
	}
	return p
}

// through makes wire what is read and written, before run.
func (p *packets) through(wire net.Conn) {
	p.wire, p.raw = wire, nil
	if t, ok := wire.(*net.TCPConn); ok {
		p.raw, _ = t.SyscallConn()
	}
	p.in = bufio.NewReaderSize(&timedReader{wire, p.cfg.Timeout}, 64<<10)
}

// timedReader gives each read its time.
type timedReader struct {
	conn net.Conn
	wait time.Duration
}

func (r *timedReader) Read(b []byte) (int, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(r.wait)); err != nil {
		return 0, err
	}
	return r.conn.Read(b)
}

// timedWriter gives each write its time, and tells of the progress of a stream.
type timedWriter struct {
	conn      net.Conn
	wait      time.Duration
	streaming bool
	tell      func()
	last      time.Time
}

func (w *timedWriter) Write(b []byte) (int, error) {
	if err := w.conn.SetWriteDeadline(time.Now().Add(w.wait)); err != nil {
		return 0, err
	}
	n, err := w.conn.Write(b)
	if now := time.Now(); w.streaming && err == nil && now.Sub(w.last) > progressPause {
		w.last = now
		w.tell()
	}
	return n, err
}

// run is the connection's life: it returns when reader and writer have ended.
func (p *packets) run(learner bool) error {
	p.cfg.Deliver(p.inbox, zab.Connected{Conn: p.id})
	var writing sync.WaitGroup
	var writeErr error
	writing.Go(func() {
		writeErr = p.write()
		p.close()
	})
	readErr := p.read(learner)
	p.close()
	writing.Wait()
	p.cfg.Deliver(p.inbox, zab.Disconnected{Conn: p.id})
	if writeErr != nil {
		return writeErr
	}
	return readErr
}

// close ends the connection at once.
func (p *packets) close() {
	p.once.Do(func() {
		close(p.gone)
		_ = p.conn.Close()
		p.inbox.end()
		p.mu.Lock()
		p.ended = true
		list := p.queue
		p.queue, p.bytes = nil, 0
		p.more.Broadcast()
		p.mu.Unlock()
		for i := range list {
			list[i].drop()
		}
	})
}

// finish ends it when what is queued is sent.
func (p *packets) finish() {
	p.mu.Lock()
	p.last = true
	p.more.Broadcast()
	p.mu.Unlock()
}

func (m *outgoing) drop() {
	if m.snapshot != nil {
		m.snapshot.Close()
	}
}

// send queues a message; flush sends what is queued.
func (p *packets) send(m outgoing) {
	n := packetSize(&m.Packet)
	p.mu.Lock()
	if p.ended || p.last {
		p.mu.Unlock()
		m.drop()
		return
	}
	p.queue = append(p.queue, m)
	p.bytes += n
	full := p.bytes > p.cfg.MaxOutbox
	p.mu.Unlock()
	if full {
		p.cfg.Logger.Warn("connection of the quorum port closed: the other side takes in too little",
			"remote", p.conn.RemoteAddr().String(), "bytes", p.cfg.MaxOutbox)
		p.close()
	}
}

// flushBytes is how much a flush writes itself. More is the writer's: its
// goroutine costs little beside that much, and encodes beside the caller.
const flushBytes = 8 << 10

// flush sends what is queued, without waiting: a little at once, so that a lone
// write is not held up by the way to another goroutine; the writer does the rest.
func (p *packets) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writing || p.rest != nil || p.ended || len(p.queue) == 0 {
		return
	}
	if p.raw == nil || p.bytes > flushBytes {
		p.more.Signal()
		return
	}
	b := p.scratch[:0]
	for i := range p.queue {
		if p.queue[i].Kind != zab.PacketMessage {
			p.more.Signal()
			return
		}
		b = p.queue[i].Packet.AppendTo(b)
	}
	p.scratch = b
	n, err := sock.TryWrite(p.raw, b)
	if err != nil {
		p.more.Signal() // the writer meets the error again
		return
	}
	clear(p.queue)
	p.queue, p.bytes = p.queue[:0], 0
	if n < len(b) {
		p.rest, p.scratch = b[n:], nil
		p.more.Signal()
	}
}

// read hands on packets until the connection ends.
func (p *packets) read(learner bool) error {
	reader := quorum.NewPacketReader(p.in, p.cfg.MaxPacket)
	for {
		var packet quorum.Packet
		if err := reader.Read(&packet); err != nil {
			return err
		}
		if check := p.first; check != nil {
			p.first = nil
			if err := check(&packet); err != nil {
				return err
			}
		}
		if !p.inbox.take(packetSize(&packet)) {
			return net.ErrClosed
		}
		p.inbox.more.Store(p.in.Buffered() > 0)
		p.cfg.Deliver(p.inbox, zab.Received{Conn: p.id, Packet: packet})
		if learner && packet.Type == quorum.Snap {
			select {
			case <-p.stream:
			case <-p.gone:
				return net.ErrClosed
			}
		}
	}
}

// write sends what is queued.
func (p *packets) write() error {
	w := &timedWriter{conn: p.wire, wait: p.cfg.Timeout}
	w.tell = func() { p.cfg.Deliver(p.inbox, zab.StreamProgress{Conn: p.id}) }
	out := bufio.NewWriterSize(w, 64<<10)
	var buf []byte
	var list []outgoing
	for {
		p.mu.Lock()
		p.writing = false
		for len(p.queue) == 0 && p.rest == nil && !p.ended {
			if p.last {
				p.mu.Unlock()
				return nil
			}
			p.more.Wait()
		}
		if p.ended {
			p.mu.Unlock()
			return nil
		}
		clear(list)
		list, p.queue = p.queue, list[:0]
		rest := p.rest
		p.rest, p.writing = nil, true
		p.mu.Unlock()
		if _, err := out.Write(rest); err != nil {
			return err
		}
		for i := range list {
			var err error
			w.streaming = list[i].Kind != zab.PacketMessage
			if buf, err = p.writeMessage(out, &list[i], buf[:0]); err != nil {
				for j := range list[i+1:] {
					list[i+1+j].drop()
				}
				return err
			}
			p.mu.Lock()
			p.bytes -= packetSize(&list[i].Packet)
			p.mu.Unlock()
		}
		if err := out.Flush(); err != nil {
			return err
		}
		_ = p.conn.SetWriteDeadline(time.Time{}) // it would fail flush, long after
	}
}

// writeMessage writes one message; buf is scratch.
func (p *packets) writeMessage(out *bufio.Writer, m *outgoing, buf []byte) ([]byte, error) {
	if m.Kind == zab.LogRange {
		err := m.Range(p.cfg.Log, func(packet *quorum.Packet) error {
			buf = packet.AppendTo(buf[:0])
			_, err := out.Write(buf)
			return err
		})
		if err != nil {
			err = fmt.Errorf("send the log from %v to %v: %w", m.After, m.Through, err)
		}
		return buf, err
	}
	buf = m.Packet.AppendTo(buf)
	if _, err := out.Write(buf); err != nil {
		m.drop()
		return buf, err
	}
	if m.snapshot != nil {
		if err := m.snapshot.Send(out); err != nil {
			return buf, fmt.Errorf("send a snapshot of %v: %w", m.Packet.Zxid, err)
		}
	}
	const keep = 1 << 20
	if cap(buf) > keep {
		buf = nil
	}
	return buf, nil
}

// quiet are errors that say nothing but that the other side is gone.
func quiet(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}
