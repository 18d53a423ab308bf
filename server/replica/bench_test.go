package replica

import (
	"testing"

	"zookit/protocol"
	"zookit/server/acl"
	"zookit/server/tree"
)

// discard is a completion that encodes the reply, as a connection does.
type discard struct{ out []byte }

func (d *discard) Disconnect(Reason) {}
func (d *discard) Complete(_ *Request, reply *Reply) {
	d.out = reply.AppendFrame(d.out[:0])
}

// benchWrites proposes and commits in batches of 64, without a disk.
func benchWrites(b *testing.B, op protocol.OpCode, body []byte) {
	r, err := New(Config{ServerID: 1, TickMs: 2000, Tree: tree.Options{Digest: true}, ACL: acl.Default(), CloseSessionTxn: true})
	if err != nil {
		b.Fatal(err)
	}
	now := Now{MonoMs: 1, WallMs: 1}
	if err := r.Start(now); err != nil {
		b.Fatal(err)
	}
	flush := func() {
		for rd := r.Ready(); len(rd.Append) > 0; rd = r.Ready() {
			r.Persisted(now, rd.Append[len(rd.Append)-1].Zxid)
		}
		if err := r.Err(); err != nil {
			b.Fatal(err)
		}
	}
	d := &discard{}
	ids := []protocol.ID{{Scheme: "ip", ID: "127.0.0.1"}}
	session := &Request{Op: protocol.OpCreateSession, TimeoutMs: 4000, Owner: d}
	r.Propose(now, session)
	for _, path := range []string{"/bench", "/bench/set"} {
		c := protocol.CreateRequest{Path: path, Data: make([]byte, 100), ACL: protocol.OpenACL}
		r.Propose(now, &Request{Session: session.Session, Op: protocol.OpCreate, Body: c.AppendTo(nil), Owner: d})
	}
	flush()
	requests := make([]Request, 64)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q := &requests[i%64]
		*q = Request{Session: session.Session, Xid: int32(i), Op: op, Body: body, IDs: ids, Owner: d, Done: d}
		r.Propose(now, q)
		if i%64 == 63 {
			flush()
		}
	}
}

func BenchmarkSet(b *testing.B) {
	r := protocol.SetDataRequest{Path: "/bench/set", Data: make([]byte, 100), Version: -1}
	benchWrites(b, protocol.OpSetData, r.AppendTo(nil))
}

func BenchmarkCreate(b *testing.B) {
	r := protocol.CreateRequest{Path: "/bench/n-", Data: make([]byte, 100), ACL: protocol.OpenACL, Flags: protocol.FlagSequential}
	benchWrites(b, protocol.OpCreate, r.AppendTo(nil))
}

func BenchmarkGetData(b *testing.B) {
	r, err := New(Config{ServerID: 1, TickMs: 2000, Tree: tree.Options{Digest: true}})
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Start(Now{MonoMs: 1}); err != nil {
		b.Fatal(err)
	}
	c := protocol.CreateRequest{Path: "/data", Data: make([]byte, 100), ACL: protocol.OpenACL}
	r.Propose(Now{}, &Request{Op: protocol.OpCreate, Body: c.AppendTo(nil)})
	r.Persisted(Now{}, r.Ready().Append[0].Zxid)
	get := protocol.GetDataRequest{Path: "/data"}
	body := get.AppendTo(nil)
	out := make([]byte, 0, 4096)
	reader := Reader{IDs: []protocol.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
	s := r.State()
	b.ReportAllocs()
	for b.Loop() {
		s.RLock()
		out, _ = s.AppendRead(out[:0], protocol.RequestHeader{Xid: 1, Type: protocol.OpGetData}, body, &reader)
		s.RUnlock()
	}
	b.SetBytes(int64(len(out)))
}
