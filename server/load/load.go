// Package load drives a ZooKeeper server over the wire and measures it: any
// server, Apache's and ours alike, with the same bytes. It is what the figures
// in docs/performance.md were taken with, and no part of a server.
package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// Op is what a run asks for again and again.
type Op string

const (
	Get    Op = "get"    // getData of one of the run's znodes
	Set    Op = "set"    // setData of one of the run's znodes
	Create Op = "create" // create of a new znode
)

// Options describe one run.
type Options struct {
	Addr      string
	Addrs     []string // of the servers of an ensemble, among which sessions are shared out, in place of Addr
	Op        Op
	Sessions  int
	InFlight  int    // requests a session keeps outstanding
	Requests  int    // of all sessions together
	ValueSize int    // bytes
	Parent    string // an existing znode; the run works below it
}

// Result is what a run measured.
type Result struct {
	Requests int
	Elapsed  time.Duration
	Latency  []time.Duration // of every request, sorted
}

// PerSecond is the throughput.
func (r Result) PerSecond() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// Quantile is the latency that the fraction q of the requests stayed within.
func (r Result) Quantile(q float64) time.Duration {
	if len(r.Latency) == 0 {
		return 0
	}
	return r.Latency[min(int(q*float64(len(r.Latency))), len(r.Latency)-1)]
}

// Run connects the sessions, makes the znodes that get and set need, and then
// lets all sessions loose at once. A reply with an error ends the run.
func Run(ctx context.Context, o Options) (Result, error) {
	workers := make([]*worker, o.Sessions)
	defer func() {
		for _, w := range workers {
			if w != nil {
				w.conn.Close()
			}
		}
	}()
	for i := range workers {
		addr := o.Addr
		if len(o.Addrs) > 0 {
			addr = o.Addrs[i%len(o.Addrs)]
		}
		c, err := Dial(ctx, addr)
		if err != nil {
			return Result{}, err
		}
		workers[i] = &worker{Conn: c, o: o, id: i, requests: share(o.Requests, o.Sessions, i)}
		if o.Op != Create {
			create := protocol.CreateRequest{Path: workers[i].path(), Data: make([]byte, o.ValueSize), ACL: protocol.OpenACL}
			if err := c.Call(protocol.OpCreate, &create, nil); err != nil && !errors.Is(err, protocol.NodeExists) {
				return Result{}, err
			}
		}
	}
	stop := context.AfterFunc(ctx, func() {
		for _, w := range workers {
			w.conn.Close()
		}
	})
	defer stop()

	var wg sync.WaitGroup
	begin := time.Now()
	for _, w := range workers {
		wg.Go(func() { w.err = w.run() })
	}
	wg.Wait()
	out := Result{Elapsed: time.Since(begin)}
	for _, w := range workers {
		if w.err != nil {
			return out, fmt.Errorf("session %d: %w", w.id, w.err)
		}
		out.Requests += len(w.latency)
		out.Latency = append(out.Latency, w.latency...)
	}
	slices.Sort(out.Latency)
	return out, nil
}

func share(total, parts, i int) int {
	n := total / parts
	if i < total%parts {
		n++
	}
	return n
}

// worker is one session: it keeps its window of requests full, reading what
// has come before it writes what that made room for.
type worker struct {
	*Conn
	o        Options
	id       int
	requests int
	latency  []time.Duration
	err      error
}

func (w *worker) path() string { return fmt.Sprintf("%s/load-%s-%d", w.o.Parent, w.o.Op, w.id) }

func (w *worker) run() error {
	w.latency = make([]time.Duration, 0, w.requests)
	sentAt := make([]time.Time, w.o.InFlight) // ring: replies come in order
	sent := 0
	next := w.request()
	for len(w.latency) < w.requests {
		out := w.out[:0]
		now := time.Now()
		for sent < w.requests && sent-len(w.latency) < w.o.InFlight {
			sentAt[sent%w.o.InFlight] = now
			out = next(out, sent)
			sent++
		}
		w.out = out
		if len(out) > 0 {
			if _, err := w.conn.Write(out); err != nil {
				return err
			}
		}
		for first := true; first || w.in.Buffered() > 0 && len(w.latency) < sent; first = false {
			header, _, err := w.reply()
			if err != nil {
				return err
			}
			if header.Err != protocol.OK {
				return header.Err
			}
			w.latency = append(w.latency, time.Since(sentAt[len(w.latency)%w.o.InFlight]))
		}
	}
	return nil
}

// request returns what appends the n-th request's frame.
func (w *worker) request() func(b []byte, n int) []byte {
	value := make([]byte, w.o.ValueSize)
	path := w.path()
	get := protocol.GetDataRequest{Path: path}
	set := protocol.SetDataRequest{Path: path, Data: value, Version: -1}
	create := protocol.CreateRequest{Data: value, ACL: protocol.OpenACL}
	return func(b []byte, n int) []byte {
		w.xid++
		header := protocol.RequestHeader{Xid: w.xid}
		var body protocol.Record
		switch w.o.Op {
		case Get:
			header.Type, body = protocol.OpGetData, &get
		case Set:
			header.Type, body = protocol.OpSetData, &set
		default:
			create.Path = fmt.Sprintf("%s-%09d", path, n)
			header.Type, body = protocol.OpCreate, &create
		}
		return protocol.AppendFrame(b, &header, body)
	}
}

// Conn is a session spoken by hand: no pings, no reconnect.
type Conn struct {
	conn    io.ReadWriteCloser
	in      *bufio.Reader
	frame   []byte
	out     []byte
	xid     int32
	Session protocol.SessionID
}

// SessionTimeout is what Dial asks for: long enough that nothing needs pings.
const SessionTimeout = 40 * time.Second

// connectWait bounds the handshake.
const connectWait = 5 * time.Second

// Dial opens a session.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	// A server that is still starting may take the packet and never answer.
	deadline := time.Now().Add(connectWait)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	_ = conn.SetDeadline(deadline)
	c, err := open(conn, addr)
	if err != nil {
		return nil, err
	}
	return c, conn.SetDeadline(time.Time{})
}

// open opens a session on a connection, which it closes when that fails.
func open(conn io.ReadWriteCloser, addr string) (*Conn, error) {
	c := &Conn{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}
	connect := protocol.ConnectRequest{TimeoutMs: int32(SessionTimeout.Milliseconds()), Password: make([]byte, protocol.PasswordLen)}
	if _, err := conn.Write(protocol.AppendFrame(nil, &connect)); err != nil {
		conn.Close()
		return nil, err
	}
	body, err := c.next()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	var response protocol.ConnectResponse
	if err := response.Decode(jute.NewDecoder(body)); err != nil {
		conn.Close()
		return nil, err
	}
	c.Session = response.Session
	return c, nil
}

// Close ends the session at the server and the connection.
func (c *Conn) Close() error {
	_ = c.Call(protocol.OpCloseSession, nil, nil)
	return c.conn.Close()
}

// Drop ends the connection alone.
func (c *Conn) Drop() error { return c.conn.Close() }

// next reads one packet, valid until the next call.
func (c *Conn) next() ([]byte, error) {
	head, err := c.in.Peek(4)
	if err != nil {
		return nil, err
	}
	n, err := protocol.FrameLength(head, 64<<20)
	if err != nil {
		return nil, err
	}
	if cap(c.frame) < n+4 {
		c.frame = make([]byte, n+4)
	}
	frame := c.frame[:n+4]
	if _, err := io.ReadFull(c.in, frame); err != nil {
		return nil, err
	}
	return frame[4:], nil
}

// reply reads one reply; the decoder stands at its body.
func (c *Conn) reply() (protocol.ReplyHeader, jute.Decoder, error) {
	var h protocol.ReplyHeader
	var d jute.Decoder
	b, err := c.next()
	if err != nil {
		return h, d, err
	}
	d.Reset(b)
	return h, d, h.Decode(&d)
}

// Call sends one request and waits for its reply; notifications before it are
// dropped. A code in the reply is the error. Either record may be nil.
func (c *Conn) Call(op protocol.OpCode, request, reply protocol.Record) error {
	c.xid++
	header := protocol.RequestHeader{Xid: c.xid, Type: op}
	c.out = protocol.AppendFrame(c.out[:0], &header)
	if request != nil {
		c.out = protocol.AppendFrame(c.out[:0], &header, request)
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	for {
		h, d, err := c.reply()
		switch {
		case err != nil:
			return err
		case h.Xid == protocol.XidNotification:
			continue
		case h.Err != protocol.OK:
			return h.Err
		case reply != nil:
			return reply.Decode(&d)
		}
		return nil
	}
}

// Event waits for a notification.
func (c *Conn) Event() (protocol.WatcherEvent, error) {
	var e protocol.WatcherEvent
	h, d, err := c.reply()
	if err == nil && h.Xid != protocol.XidNotification {
		err = fmt.Errorf("reply %d instead of a notification", h.Xid)
	}
	if err == nil {
		err = e.Decode(&d)
	}
	return e, err
}
