package server_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest"
)

func length(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func TestMalformedFramesCostTheSenderAlone(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	bystander := zktest.Dial(t, srv.Addr())
	bystander.Create("/x", []byte("v"), protocol.FlagPersistent)

	before := map[string][]byte{
		"negative length":   length(-1),
		"smallest length":   length(-1 << 31),
		"huge length":       length(1<<31 - 1),
		"over the limit":    length(protocol.DefaultMaxBuffer + 1),
		"empty packet":      length(0),
		"short connect":     append(length(10), make([]byte, 10)...),
		"password too long": append(length(44), append(make([]byte, 24), length(1<<30)...)...),
		"http":              []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"tls":               {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03},
		"admin's word":      []byte("orst"),
		"reqs, as in 3.4":   []byte("reqs"),
	}
	for name, b := range before {
		c := zktest.Open(t, srv.Addr())
		if name == "password too long" {
			b = append(b, make([]byte, 16)...)
		}
		c.Write(b)
		t.Log(name)
		c.Closed()
	}
	after := map[string][]byte{
		"negative length": length(-5),
		"over the limit":  length(protocol.DefaultMaxBuffer + 1),
		"no header":       append(length(4), 0, 0, 0, 1),
		"empty packet":    length(0),
		"bad auth packet": zktest.Request(nil, protocol.XidAuth, protocol.OpAuth, nil),
	}
	for name, b := range after {
		c := zktest.Dial(t, srv.Addr())
		c.Write(b)
		t.Log(name)
		c.Closed()
	}
	var d protocol.GetDataResponse
	bystander.Must(protocol.OpGetData, get("/x", false), &d)
	if string(d.Data) != "v" {
		t.Errorf("got %q", d.Data)
	}
}

func TestTruncatedFrameThenClose(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	whole := zktest.Request(nil, 1, protocol.OpSetData, set("/x", "new"))
	watch := zktest.Dial(t, srv.Addr())
	watch.Create("/x", []byte("old"), protocol.FlagPersistent)
	for cut := 1; cut < len(whole); cut++ {
		c := zktest.Dial(t, srv.Addr())
		c.Write(whole[:cut])
		_ = c.Socket.(*net.TCPConn).CloseWrite()
		c.Closed()
	}
	var d protocol.GetDataResponse
	watch.Must(protocol.OpGetData, get("/x", false), &d)
	if string(d.Data) != "old" {
		t.Errorf("a part of a frame was executed: %q", d.Data)
	}
}

func TestUndecodableBodies(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	header := func(xid int32, op protocol.OpCode, body ...byte) []byte {
		b := length(int32(8 + len(body)))
		h := protocol.RequestHeader{Xid: xid, Type: op}
		return append(h.AppendTo(b), body...)
	}
	// A body that does not decode is answered, and the connection goes on; a
	// write of this kind takes a zxid.
	first := c.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil).Zxid
	c.Write(header(50, protocol.OpGetData, 0xff, 0xff))
	if r := c.Receive(); r.Xid != 50 || r.Err != protocol.MarshallingError || r.Zxid != first {
		t.Errorf("undecodable read got %+v", r)
	}
	c.Write(header(51, protocol.OpSetData, 0x7f, 0xff, 0xff, 0xff))
	if r := c.Receive(); r.Xid != 51 || r.Err != protocol.MarshallingError || r.Zxid != first+1 {
		t.Errorf("undecodable write got %+v, want zxid %v", r, first+1)
	}
	// Bytes behind a body are no error.
	b := zktest.Request(nil, 52, protocol.OpExists, &protocol.ExistsRequest{Path: "/"})
	b = append(b, 1, 2, 3)
	copy(b, length(int32(len(b)-4)))
	c.Write(b)
	if r := c.Receive(); r.Xid != 52 || r.Err != protocol.OK {
		t.Errorf("trailing bytes got %+v", r)
	}
	// An operation nobody knows is answered with zxid −1 and then the connection
	// closes; so are those only a server may ask for.
	for _, op := range []protocol.OpCode{0, -1, 10, 50, protocol.OpCreateSession, protocol.OpCheck, protocol.OpDeleteContainer} {
		c := zktest.Dial(t, srv.Addr())
		c.Write(header(7, op))
		if r := c.Receive(); r.Xid != 7 || r.Zxid != -1 || r.Err != protocol.Unimplemented {
			t.Errorf("%v got %+v", op, r)
		}
		c.Closed()
	}
}

func TestLargestFrame(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	c.Create("/x", nil, protocol.FlagPersistent)
	empty := len(zktest.Request(nil, 1, protocol.OpSetData, set("/x", ""))) - 4
	big := set("/x", strings.Repeat("b", protocol.DefaultMaxBuffer-empty))
	c.Must(protocol.OpSetData, big, nil)
	var d protocol.GetDataResponse
	c.Must(protocol.OpGetData, get("/x", false), &d)
	if len(d.Data) != len(big.Data) {
		t.Errorf("got %d bytes back, want %d", len(d.Data), len(big.Data))
	}
	big.Data = append(big.Data, 'b')
	// The server may close before all is written.
	_, _ = c.Socket.Write(zktest.Request(nil, 9, protocol.OpSetData, big))
	c.Closed()
}

func TestAnnouncedLengthAllocatesNothing(t *testing.T) {
	srv := zktest.Start(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 200
	for range n {
		c := zktest.Open(t, srv.Addr())
		c.Write(length(protocol.DefaultMaxBuffer))
	}
	eventually(t, "the connections", func() bool { return srv.Server().Status().Connections == n })
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > n*protocol.DefaultMaxBuffer/4 {
		t.Errorf("%d connections that only announced a packet made the server allocate %d bytes", n, grown)
	}
}

// TestRandomBytes throws noise, and requests with noise in them, at a server
// that must go on serving others.
func TestRandomBytes(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	ops := []protocol.OpCode{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 16, 17, 18, 19, 21, 22, 100, 101, 102, 103, 104, 105, 106, 107}
	for i := range 300 {
		if i%10 == 0 {
			c := zktest.Open(t, srv.Addr())
			_, _ = c.Socket.Write(noise(1 + rng.IntN(200)))
			c.Socket.Close()
			continue
		}
		c := zktest.Dial(t, srv.Addr())
		var b []byte
		for range 1 + rng.IntN(8) {
			body := noise(rng.IntN(64))
			if len(body) > 4 && rng.IntN(2) == 0 { // a plausible first length
				copy(body, length(int32(rng.IntN(len(body)))))
			}
			h := protocol.RequestHeader{Xid: int32(rng.Uint32()), Type: ops[rng.IntN(len(ops))]}
			b = append(h.AppendTo(append(b, length(int32(8+len(body)))...)), body...)
		}
		_, _ = c.Socket.Write(b)
		_ = c.Socket.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c.Socket)
		c.Socket.Close()
	}
	zktest.Dial(t, srv.Addr()).Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil)
	if err := srv.Server().Err(); err != nil {
		t.Error(err)
	}
}

// TestClientThatDoesNotRead: a client that is flooded with events and reads
// none is closed at the limit, and nobody else notices.
func TestClientThatDoesNotReadItsEvents(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	deaf, writer := zktest.Dial(t, srv.Addr()), zktest.Dial(t, srv.Addr())
	// Long paths make long events.
	const paths = 8
	var list []string
	for i := range paths {
		p := fmt.Sprintf("/%s-%d", strings.Repeat("p", 200_000), i)
		writer.Create(p, nil, protocol.FlagPersistent)
		deaf.Must(protocol.OpAddWatch, &protocol.AddWatchRequest{Path: p}, nil)
		list = append(list, p)
	}
	sent := 0
	for round := 0; srv.Server().Status().Connections > 1; round++ {
		if sent > 200<<20 {
			t.Fatalf("%d bytes of events are queued for a client that does not read", sent)
		}
		p := list[round%paths]
		writer.Must(protocol.OpSetData, set(p, ""), nil)
		sent += len(p)
	}
	// What it does get is whole frames in order, and then the end.
	for {
		if _, err := deaf.TryReceive(); err != nil {
			break
		}
	}
}

// TestClientThatDoesNotReadItsReplies: a client that asks and asks and never
// reads is not answered any further than the socket takes; others are.
func TestClientThatDoesNotReadItsReplies(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	deaf, other := zktest.Dial(t, srv.Addr()), zktest.Dial(t, srv.Addr())
	other.Create("/big", make([]byte, 500_000), protocol.FlagPersistent)

	const asked = 60
	var b []byte
	for i := range int32(asked) {
		b = zktest.Request(b, i+1, protocol.OpGetData, get("/big", true))
	}
	deaf.Write(b)
	// The others are served, writes on the watched znode included.
	for range 5 {
		other.Must(protocol.OpSetData, set("/big", strings.Repeat("y", 500_000)), nil)
		other.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/big"}, nil)
	}
	// When it reads at last, everything is there, in order.
	next := int32(1)
	for next <= asked {
		r := deaf.Receive()
		if r.Event != nil {
			continue
		}
		if r.Xid != next {
			t.Fatalf("got xid %d, want %d", r.Xid, next)
		}
		next++
	}
}

func TestConnectionThatDripsBytes(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Open(t, srv.Addr())
	r := protocol.ConnectRequest{TimeoutMs: 30_000, Password: make([]byte, 16), HasReadOnly: true}
	frames := protocol.AppendFrame(nil, &r)
	for _, b := range frames {
		c.Write([]byte{b})
	}
	if _, err := c.Packet(); err != nil {
		t.Fatal(err)
	}
	for _, b := range zktest.Request(nil, 5, protocol.OpExists, &protocol.ExistsRequest{Path: "/"}) {
		c.Write([]byte{b})
	}
	frame, err := c.Packet()
	if err != nil {
		t.Fatal(err)
	}
	var h protocol.ReplyHeader
	if err := h.Decode(jute.NewDecoder(frame)); err != nil || h.Xid != 5 {
		t.Errorf("got %+v, %v", h, err)
	}
}
