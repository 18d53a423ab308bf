package session

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// fake is a server that does with each connection what a test says. The n-th
// connection gets the n-th script; the last script serves all further ones.
type fake struct {
	t       *testing.T
	l       net.Listener
	wg      sync.WaitGroup
	mu      sync.Mutex
	scripts []func(*peer)
	count   int
	conns   []net.Conn
}

func newFake(t *testing.T, scripts ...func(*peer)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, l: l, scripts: scripts}
	f.wg.Add(1)
	go f.accept()
	t.Cleanup(func() {
		l.Close()
		f.mu.Lock()
		for _, c := range f.conns {
			c.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

func (f *fake) addr() string { return f.l.Addr().String() }

// accepted counts the connections so far.
func (f *fake) accepted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

func (f *fake) accept() {
	defer f.wg.Done()
	for {
		conn, err := f.l.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		script := f.scripts[min(f.count, len(f.scripts)-1)]
		f.count++
		f.conns = append(f.conns, conn)
		f.mu.Unlock()
		f.wg.Add(1)
		go func() {
			defer f.wg.Done()
			defer conn.Close()
			script(&peer{t: f.t, conn: conn, frames: protocol.NewFrameReader(conn, 1<<20)})
		}()
	}
}

// peer is the server's end of one connection.
type peer struct {
	t      *testing.T
	conn   net.Conn
	frames *protocol.FrameReader
}

// request is what a client sent.
type request struct {
	protocol.RequestHeader
	body []byte
}

func (r request) decode(t *testing.T, rec protocol.Record) {
	t.Helper()
	if err := rec.Decode(jute.NewDecoder(r.body)); err != nil {
		t.Errorf("%v: %v", r.Type, err)
	}
}

func (p *peer) send(records ...protocol.Record) {
	if _, err := p.conn.Write(protocol.AppendFrame(nil, records...)); err != nil && !errors.Is(err, net.ErrClosed) {
		p.t.Logf("fake server: %v", err)
	}
}

// welcome reads the connect request and opens session 0x77, or the one asked
// for, with a timeout of 30 s.
func (p *peer) welcome() protocol.ConnectRequest {
	return p.answer(protocol.ConnectResponse{TimeoutMs: 30000})
}

func (p *peer) answer(r protocol.ConnectResponse) protocol.ConnectRequest {
	var req protocol.ConnectRequest
	packet, err := p.frames.Next()
	if err == nil {
		err = req.Decode(jute.NewDecoder(packet))
	}
	if err != nil {
		if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			p.t.Errorf("connect request: %v", err)
		}
		return req
	}
	if r.Session == 0 && r.TimeoutMs > 0 {
		if r.Session = req.Session; r.Session == 0 {
			r.Session = 0x77
		}
	}
	r.Password, r.HasReadOnly = []byte("0123456789abcdef"), true
	p.send(&r)
	return req
}

// next is the next request other than a ping, which it answers. False means
// that the client is gone.
func (p *peer) next() (request, bool) {
	for {
		packet, err := p.frames.Next()
		if err != nil {
			return request{}, false
		}
		var r request
		d := jute.NewDecoder(packet)
		if err := r.Decode(d); err != nil {
			p.t.Errorf("request: %v", err)
			return r, false
		}
		if r.Type == protocol.OpPing {
			p.send(&protocol.ReplyHeader{Xid: protocol.XidPing, Zxid: 1})
			continue
		}
		r.body = append([]byte(nil), d.Rest()...)
		return r, true
	}
}

// expect is the next request, which must be of a type.
func (p *peer) expect(op protocol.OpCode) request {
	r, ok := p.next()
	if !ok || r.Type != op {
		p.t.Errorf("fake server: got %v (%v), want %v", r.Type, ok, op)
	}
	return r
}

func (p *peer) reply(r request, zxid protocol.Zxid, code protocol.Code, body ...protocol.Record) {
	p.send(append([]protocol.Record{&protocol.ReplyHeader{Xid: r.Xid, Zxid: zxid, Err: code}}, body...)...)
}

func (p *peer) notify(ev protocol.EventType, path string, zxid protocol.Zxid) {
	p.send(&protocol.ReplyHeader{Xid: protocol.XidNotification, Zxid: zxid},
		&protocol.WatcherEvent{Type: ev, State: protocol.StateSyncConnected, Path: path})
}

// serve answers everything with success: reads with data "x", the end of the
// session by closing.
func (p *peer) serve() {
	for {
		r, ok := p.next()
		if !ok {
			return
		}
		switch r.Type {
		case protocol.OpGetData:
			p.reply(r, 5, protocol.OK, &protocol.GetDataResponse{Data: []byte("x")})
		case protocol.OpExists, protocol.OpSetData:
			p.reply(r, 5, protocol.OK, &protocol.StatResponse{})
		case protocol.OpCloseSession:
			p.reply(r, 5, protocol.OK)
			return
		default:
			p.reply(r, 5, protocol.OK)
		}
	}
}

func good(p *peer) {
	p.welcome()
	p.serve()
}

func closing(*peer) {}
