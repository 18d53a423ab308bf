package storage

import (
	"fmt"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/vfs"
)

// BenchmarkAppend measures group commit on the disk under TMPDIR: what one
// sync costs a record as batches grow.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 16, 128, 512} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			s, _ := start(b, Config{DataDir: b.TempDir()})
			defer s.Close()
			next := protocol.Zxid(1)
			batches := make([][]Entry, b.N)
			for i := range batches {
				batches[i] = entries(next, next+protocol.Zxid(n)-1, 100)
				next += protocol.Zxid(n)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, batch := range batches {
				if err := s.Append(batch); err != nil {
					b.Fatal(err)
				}
			}
			st := s.Stats()
			b.SetBytes(st.Bytes / int64(b.N))
			b.ReportMetric(float64(st.Records)/float64(st.Syncs), "records/sync")
			b.ReportMetric(float64(st.Bytes)/float64(st.Syncs), "bytes/sync")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(st.Records), "ns/record")
		})
	}
}

// manyNodes is a Source of n znodes of 100 bytes.
type manyNodes int

func (n manyNodes) WriteSnapshot(w *SnapshotWriter) error {
	w.BeginSessions(0)
	w.BeginACLs(0)
	st := protocol.StatPersisted{Czxid: 1, Mzxid: 2, Ctime: 3, Mtime: 4, Pzxid: 5}
	w.Node("", nil, OpenACLKey, st)
	data := make([]byte, 100)
	path := []byte("/bench/0000000000")
	for i := range int(n) {
		for d, v := len(path)-1, i; v > 0; d, v = d-1, v/10 {
			path[d] = byte('0' + v%10)
		}
		w.Node(string(path), data, OpenACLKey, st)
	}
	w.EndNodes()
	return w.Finish(0, nil)
}

func BenchmarkSnapshotWrite(b *testing.B) {
	for _, method := range []string{"", "snappy", "gz"} {
		b.Run("method="+method, func(b *testing.B) {
			s, _ := start(b, Config{DataDir: b.TempDir(), Compression: method})
			defer s.Close()
			b.ReportAllocs()
			for range b.N {
				if err := s.Snapshot(0, manyNodes(100000)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100000, "ns/node")
		})
	}
}

func BenchmarkSnapshotRead(b *testing.B) {
	for _, method := range []string{"", "snappy", "gz"} {
		b.Run("method="+method, func(b *testing.B) {
			cfg := Config{DataDir: b.TempDir(), Compression: method}
			s, _ := start(b, cfg)
			defer s.Close()
			must(b, s.Snapshot(0, manyNodes(100000)))
			ext, _ := compressionExt(method)
			dir, _ := s.Dirs()
			b.ReportAllocs()
			for b.Loop() {
				info, err := ReadSnapshot(vfs.OS(), dir+"/"+snapName(0, ext), discard{})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(info.Bytes)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100000, "ns/node")
		})
	}
}

// BenchmarkRecover replays a log of 100,000 txns.
func BenchmarkRecover(b *testing.B) {
	cfg := Config{DataDir: b.TempDir()}
	s, _ := start(b, cfg)
	for z := protocol.Zxid(1); z < 100000; z += 1000 {
		must(b, s.Append(entries(z, z+999, 100)))
	}
	must(b, s.Close())
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(cfg)
		must(b, err)
		rec, err := s.Recover(&countSink{})
		if err != nil || rec.Txns != 100000 {
			b.Fatal(rec, err)
		}
		must(b, s.Close())
	}
}

// countSink does nothing, so that reading alone is measured.
type countSink struct{ discard }

func (*countSink) Reset()                                           {}
func (*countSink) EndSnapshot(protocol.Zxid, *SnapshotDigest) error { return nil }
func (*countSink) Apply(*txn.Txn)                                   {}
