package tree

import (
	"fmt"
	"runtime"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// grown returns a tree with n znodes of 100 bytes below 1,000 parents.
func grown(tb testing.TB, n int, opt Options) (*Tree, []string) {
	tb.Helper()
	tr := New(opt)
	h := history{}
	var r Result
	apply := func(x *txn.Txn) {
		tr.Apply(x, &r)
		if r.Err != protocol.OK {
			tb.Fatalf("%v: %v", x, r.Err)
		}
	}
	data := make([]byte, 100)
	paths := make([]string, n)
	for i := range min(n, 1000) {
		apply(h.create(fmt.Sprintf("/p%03d", i), nil, -1))
	}
	for i := range n {
		paths[i] = fmt.Sprintf("/p%03d/node-%07d", i%1000, i)
		apply(h.create(paths[i], data, -1))
	}
	return tr, paths
}

// history makes txns with consecutive zxids.
type history struct{ zxid protocol.Zxid }

func (h *history) next(op protocol.OpCode, body protocol.Record) *txn.Txn {
	h.zxid++
	return &txn.Txn{Header: txn.Header{Session: 1, Zxid: h.zxid, TimeMs: 1700000000000 + int64(h.zxid), Type: op}, Body: body}
}

func (h *history) create(path string, data []byte, cversion int32) *txn.Txn {
	return h.next(protocol.OpCreate, &txn.Create{Path: path, Data: data, ACL: protocol.OpenACL, ParentCversion: cversion})
}

func BenchmarkApply(b *testing.B) {
	for _, digest := range []bool{true, false} {
		b.Run(fmt.Sprintf("createDelete/digest=%v", digest), func(b *testing.B) {
			tr := New(Options{Digest: digest})
			h := history{}
			var r Result
			create := h.create("/node-0000001", make([]byte, 100), -1)
			del := h.next(protocol.OpDelete, &txn.Delete{Path: "/node-0000001"})
			b.ReportAllocs()
			for b.Loop() {
				tr.Apply(create, &r)
				tr.Apply(del, &r)
			}
		})
	}
	b.Run("setData/1M", func(b *testing.B) {
		tr, paths := grown(b, 1_000_000, Options{Digest: true})
		h := history{zxid: tr.LastZxid()}
		var r Result
		body := &txn.SetData{Data: make([]byte, 100)}
		x := h.next(protocol.OpSetData, body)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i = (i + 7919) % len(paths)
			body.Path = paths[i]
			tr.Apply(x, &r)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tr, paths := grown(b, n, Options{})
			buf := make([]byte, 0, 256)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % len(paths)
				node, _ := tr.Lookup(paths[i])
				buf = node.AppendStat(node.AppendData(buf[:0]))
			}
		})
	}
}

// BenchmarkMillion reports the heap bytes of a znode beside its name and data.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tr, _ := grown(b, 1_000_000, Options{Digest: true})
		names := 12 + 100
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6-float64(names), "overhead-B/znode")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "B/znode")
		b.ReportMetric(float64(after.HeapObjects-before.HeapObjects), "objects")
		runtime.KeepAlive(tr)
	}
}
