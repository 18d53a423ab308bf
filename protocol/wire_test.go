package protocol_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// split takes a captured packet apart: its header record (nil for the connect
// packets) and an empty record for the rest (nil when it has no body).
func (p packet) split(t testing.TB) (header, body protocol.Record) {
	t.Helper()
	if p.kind == "connect" {
		return nil, connects[p.fromClient]()
	}
	table := replies
	header = new(protocol.ReplyHeader)
	if p.fromClient {
		table, header = requests, new(protocol.RequestHeader)
	}
	if strings.HasSuffix(p.kind, "!") {
		return header, nil
	}
	empty, known := table[p.kind]
	if !known {
		t.Fatalf("no record for %s", p.kind)
	}
	if empty == nil {
		return header, nil
	}
	return header, empty()
}

// TestCapturedTraffic decodes what Apache sent and was sent, and encodes it
// again to the same bytes.
func TestCapturedTraffic(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range captured(t) {
		header, body := p.split(t)
		d := jute.NewDecoder(p.body)
		var again []byte
		for _, r := range []protocol.Record{header, body} {
			if r == nil {
				continue
			}
			if err := r.Decode(d); err != nil {
				t.Errorf("%s %x: %v", p.kind, p.body, err)
			}
			again = r.AppendTo(again)
		}
		if !bytes.Equal(again, p.body) {
			t.Errorf("%s\n got %x\nwant %x", p.kind, again, p.body)
		}
		seen[fmt.Sprint(p.fromClient, strings.TrimSuffix(p.kind, "!"))] = true
	}
	for op := range requests {
		if op != "check" && !seen["true"+op] {
			t.Errorf("no captured request %s", op)
		}
	}
}

// FuzzRecords feeds arbitrary bytes to every decoder: no panic, nothing
// allocated beyond the input's size, and what decodes encodes to something
// that decodes to the same.
func FuzzRecords(f *testing.F) {
	var makers []func() protocol.Record
	for _, table := range []map[string]func() protocol.Record{requests, replies} {
		for _, m := range table {
			if m != nil {
				makers = append(makers, m)
			}
		}
	}
	makers = append(makers, connects[true], connects[false],
		func() protocol.Record { return new(protocol.CreateSessionRequest) })
	for _, p := range captured(f) {
		header, body := p.split(f)
		skip := 0
		if header != nil {
			skip = len(header.AppendTo(nil))
		}
		if body != nil {
			f.Add(p.body[skip:])
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, empty := range makers {
			first := empty()
			if err := first.Decode(jute.NewDecoder(in)); err != nil {
				continue
			}
			once := first.AppendTo(nil)
			second := empty()
			if err := second.Decode(jute.NewDecoder(once)); err != nil {
				t.Fatalf("%T: own encoding %x does not decode: %v", first, once, err)
			}
			if twice := second.AppendTo(nil); !bytes.Equal(once, twice) {
				t.Fatalf("%T: %x became %x", first, once, twice)
			}
		}
	})
}

func FuzzFrameReader(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 1, 2, 0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := protocol.NewFrameReader(bytes.NewReader(in), 1<<16)
		for total := 0; ; {
			b, err := r.Next()
			if err != nil {
				return
			}
			if total += 4 + len(b); total > len(in) {
				t.Fatalf("%d bytes of packets from %d bytes", total, len(in))
			}
		}
	})
}

func TestFrameLimit(t *testing.T) {
	t.Parallel()
	at := func(n int) error {
		b := append(jute.AppendInt(nil, int32(n)), make([]byte, max(n, 0))...)
		_, err := protocol.NewFrameReader(bytes.NewReader(b), protocol.DefaultMaxBuffer).Next()
		return err
	}
	if err := at(1048575); err != nil {
		t.Errorf("the longest packet is refused: %v", err)
	}
	for _, n := range []int{1048576, -1, -2147483648} {
		if err := at(n); !errors.Is(err, protocol.ErrFrameLength) {
			t.Errorf("length %d: %v, want ErrFrameLength", n, err)
		}
	}
	short := bytes.NewReader([]byte{0, 0, 0, 9, 1, 2})
	if _, err := protocol.NewFrameReader(short, 100).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut packet: %v, want an unexpected EOF", err)
	}
}

// TestFrameReaderTrustsNoLength: a packet announced at the limit takes memory
// as its bytes come, not when it is announced.
func TestFrameReaderTrustsNoLength(t *testing.T) {
	in := append(jute.AppendInt(nil, 64<<20), make([]byte, 100)...)
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_, _ = protocol.NewFrameReader(bytes.NewReader(in), 64<<20).Next()
		}
	}).AllocedBytesPerOp()
	if got > 1<<17 {
		t.Errorf("%d bytes allocated for 100 received", got)
	}
}

func TestVectorCountIsBounded(t *testing.T) {
	t.Parallel()
	in, _ := hex.DecodeString("7fffffff00000000")
	var r protocol.GetChildrenResponse
	if err := r.Decode(jute.NewDecoder(in)); !errors.Is(err, jute.ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", err)
	}
}

func TestNullIsNotEmpty(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{nil, {}} {
		b := (&protocol.SetDataRequest{Path: "/a", Data: data}).AppendTo(nil)
		var r protocol.SetDataRequest
		if err := r.Decode(jute.NewDecoder(b)); err != nil || (r.Data == nil) != (data == nil) {
			t.Errorf("%v came back as %v, %v", data, r.Data, err)
		}
	}
	nullPath := jute.AppendInt(nil, -1)
	if err := new(protocol.PathRequest).Decode(jute.NewDecoder(nullPath)); err == nil {
		t.Error("a null path decodes")
	}
}

// TestGetDataAllocatesNothing: the hot path of a server.
func TestGetDataAllocatesNothing(t *testing.T) {
	request := protocol.AppendFrame(nil, &protocol.RequestHeader{Xid: 7, Type: protocol.OpGetData},
		&protocol.GetDataRequest{Path: "/app/config", Watch: true})[4:]
	data := make([]byte, 100)
	out := make([]byte, 0, 1024)
	d := jute.Decoder{Borrow: true}
	allocs := testing.AllocsPerRun(1000, func() {
		var h protocol.RequestHeader
		var r protocol.GetDataRequest
		d.Reset(request)
		if h.Decode(&d) != nil || r.Decode(&d) != nil || r.Path != "/app/config" {
			t.Fatal("decode")
		}
		var start int
		out, start = protocol.BeginFrame(out[:0])
		reply := protocol.ReplyHeader{Xid: h.Xid, Zxid: 9}
		out = reply.AppendTo(out)
		body := protocol.GetDataResponse{Data: data}
		out = protocol.EndFrame(body.AppendTo(out), start)
	})
	if allocs != 0 {
		t.Errorf("%v allocations a getData", allocs)
	}
}

func BenchmarkDecodeGetData(b *testing.B) {
	request := protocol.AppendFrame(nil, &protocol.RequestHeader{Xid: 7, Type: protocol.OpGetData},
		&protocol.GetDataRequest{Path: "/app/config"})[4:]
	d := jute.Decoder{Borrow: true}
	b.ReportAllocs()
	b.SetBytes(int64(len(request)))
	for b.Loop() {
		var h protocol.RequestHeader
		var r protocol.GetDataRequest
		d.Reset(request)
		_, _ = h.Decode(&d), r.Decode(&d)
	}
}

func BenchmarkEncodeGetData(b *testing.B) {
	out := make([]byte, 0, 1024)
	reply := protocol.GetDataResponse{Data: make([]byte, 100)}
	header := protocol.ReplyHeader{Xid: 7, Zxid: 9}
	b.ReportAllocs()
	for b.Loop() {
		var start int
		out, start = protocol.BeginFrame(out[:0])
		out = protocol.EndFrame(reply.AppendTo(header.AppendTo(out)), start)
	}
	b.SetBytes(int64(len(out)))
}
