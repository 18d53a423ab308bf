package server_test

import (
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest"
)

// TestHugeCountsInSmallFrames: a list, text or buffer that says to have 2³¹−1
// entries, in a packet of some 40 bytes, is an undecodable body like any other,
// and nothing is allocated for it. It is not parallel: it looks at what the whole
// process allocates.
func TestHugeCountsInSmallFrames(t *testing.T) {
	path := jute.AppendString(nil, "/x")
	huge := func(b []byte) []byte { return jute.AppendInt(b, math.MaxInt32) }
	empty := func(n int) (b []byte) { // a zxid and n lists
		b = jute.AppendLong(b, 0)
		for range n {
			b = jute.AppendInt(b, 0)
		}
		return b
	}
	multi := func(op protocol.OpCode, body []byte) []byte {
		head := append(jute.AppendInt(nil, int32(op)), 0)
		return append(jute.AppendInt(head, -1), body...)
	}
	bodies := map[protocol.OpCode][][]byte{
		protocol.OpCreate:          {huge(nil), huge(path), huge(jute.AppendBuffer(path, nil))},
		protocol.OpCreate2:         {huge(jute.AppendBuffer(path, nil))},
		protocol.OpCreateContainer: {huge(jute.AppendBuffer(path, nil))},
		protocol.OpCreateTTL:       {huge(jute.AppendBuffer(path, nil))},
		protocol.OpSetData:         {huge(path)},
		protocol.OpSetACL:          {huge(path)},
		protocol.OpGetData:         {huge(nil)},
		protocol.OpSetWatches:      {huge(empty(0)), huge(empty(1)), huge(empty(2))},
		protocol.OpSetWatches2:     {huge(empty(0)), huge(empty(3)), huge(empty(4))},
		protocol.OpMulti:           {multi(protocol.OpCreate, huge(jute.AppendBuffer(path, nil))), multi(protocol.OpSetData, huge(path))},
		protocol.OpMultiRead:       {multi(protocol.OpGetData, huge(nil))},
		protocol.OpReconfig:        {huge(nil)},
		protocol.OpSync:            {huge(nil)},
		protocol.OpAddWatch:        {huge(nil)},
	}
	const times, most = 20, 64 << 10 // bytes
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	c.Create("/x", []byte("as it was"), protocol.FlagPersistent)
	for op, list := range bodies {
		for _, body := range list {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range times {
				xid, err := c.Conn.Send(op, body)
				if err != nil {
					t.Fatal(err)
				}
				if r := c.Receive(); r.Xid != xid || r.Err != protocol.MarshallingError {
					t.Fatalf("%v %x: got %+v", op, body, r)
				}
			}
			runtime.ReadMemStats(&after)
			if each := (after.TotalAlloc - before.TotalAlloc) / times; len(body) > 40 || each > most {
				t.Errorf("%v: a body of %d bytes made the server allocate %d", op, len(body), each)
			}
		}
	}
	for _, body := range [][]byte{huge(jute.AppendInt(nil, 0)), huge(jute.AppendString(jute.AppendInt(nil, 0), "digest"))} {
		other := zktest.Dial(t, srv.Addr())
		if err := other.SendXid(protocol.XidAuth, protocol.OpAuth, body); err != nil {
			t.Fatal(err)
		}
		other.Closed()
	}
}

// TestFlippedBitsAreWholeOrRefused: a setData in which any one bit is turned is
// another whole request, or none: what was not asked for in full is not done.
func TestFlippedBitsAreWholeOrRefused(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	bystander := zktest.Dial(t, srv.Addr())
	bystander.Create("/x", []byte("0"), protocol.FlagPersistent)
	nodes := srv.Server().Status().Nodes
	good := zktest.Request(nil, 7, protocol.OpSetData, set("/x", "value"))
	have := "0"
	for bit := range 8 * len(good) {
		b := append([]byte(nil), good...)
		b[bit/8] ^= 0x80 >> (bit % 8)
		want := have
		if h, r, ok := whole(b); ok && h.Type == protocol.OpSetData && r.Path == "/x" && r.Version == -1 {
			want = string(r.Data)
		}
		c := zktest.Dial(t, srv.Addr())
		c.Write(b)
		_ = c.Socket.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c.Socket)
		c.Drop()
		var d protocol.GetDataResponse
		bystander.Must(protocol.OpGetData, get("/x", false), &d)
		if string(d.Data) != want || srv.Server().Status().Nodes != nodes {
			t.Errorf("bit %d of %x: %q is stored, want %q", bit, good, d.Data, want)
		}
		have = string(d.Data)
	}
	if have == "0" {
		t.Error("none was taken")
	}
}

// whole reads a frame with one request for setData that fills it.
func whole(frame []byte) (h protocol.RequestHeader, r *protocol.SetDataRequest, ok bool) {
	r = new(protocol.SetDataRequest)
	d := jute.NewDecoder(frame)
	if int(d.Int()) != len(frame)-4 {
		return h, r, false
	}
	err := errors.Join(h.Decode(d), r.Decode(d))
	return h, r, err == nil && len(r.AppendTo(nil)) == len(frame)-12
}
