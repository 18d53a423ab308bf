package server_test

import (
	"fmt"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

// BenchmarkFanOut is one change seen by a thousand watchers: the time until the
// last of them has its event, the setting of the watches left out.
func BenchmarkFanOut(b *testing.B) {
	srv := zktest.Start(b)
	writer := zktest.DialTimeout(b, srv.Addr(), 600_000)
	writer.Create("/x", nil, protocol.FlagPersistent)
	const n = 1000
	clients := make([]*zktest.Client, n)
	for i := range clients {
		clients[i] = zktest.DialTimeout(b, srv.Addr(), 600_000)
		clients[i].Must(protocol.OpAddWatch, &protocol.AddWatchRequest{Path: "/x"}, nil)
	}
	for b.Loop() {
		writer.Must(protocol.OpSetData, set("/x", "v"), nil)
		for _, c := range clients {
			if r := c.Receive(); r.Event == nil {
				b.Fatalf("got %+v", r)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}

// BenchmarkPipelined is one connection that keeps 32 requests in flight, on the
// in-memory file system.
func BenchmarkPipelined(b *testing.B) {
	for name, request := range map[string]func(buf []byte, xid int32) []byte{
		"get": func(buf []byte, xid int32) []byte {
			return zktest.Request(buf, xid, protocol.OpGetData, get("/x", false))
		},
		"set": func(buf []byte, xid int32) []byte {
			return zktest.Request(buf, xid, protocol.OpSetData, set("/x", "0123456789"))
		},
	} {
		b.Run(name, func(b *testing.B) {
			srv := zktest.Start(b)
			c := zktest.DialTimeout(b, srv.Addr(), 600_000)
			c.Create("/x", []byte("0123456789"), protocol.FlagPersistent)
			const window = 32
			var buf []byte
			for i := range int32(window) {
				buf = request(buf, i+1)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.Write(buf)
				for range window {
					if _, err := c.Packet(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/window, fmt.Sprintf("ns/%s", name))
		})
	}
}
