package storage

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"zookit/protocol"
	"zookit/server/vfs"
)

// FuzzLogReader: no panic, and what is read is what was framed there; End
// accounts for every byte.
func FuzzLogReader(f *testing.F) {
	for _, name := range []string{"kinds", "epochs"} {
		fsys := vfs.NewMem()
		unpack(f, fsys, name)
		logs, err := listFiles(fsys, inVersion(""), logPrefix)
		must(f, err)
		for _, l := range logs {
			b := bytes.TrimRight(readFile(f, fsys, inVersion(l.name)), "\x00")
			f.Add(append(b, 0, 0, 0))
		}
	}
	f.Add(appendRecord(appendRecord(appendLogHead(nil), entry(1, 3).Payload), entry(2, 700).Payload)[:600])
	f.Fuzz(func(t *testing.T, b []byte) {
		fsys := vfs.NewMem()
		putFile(t, fsys, "/log.1", b)
		lr, err := OpenLog(fsys, "/log.1")
		must(t, err)
		defer lr.Close()
		for range 3 { // read on behind what cannot be read
			at := int64(-1)
			for lr.Next() {
				frame := appendRecord(nil, lr.Payload())
				if lr.Offset() <= at || !bytes.Equal(frame, b[lr.Offset():lr.off]) {
					t.Fatalf("record at %d", lr.Offset())
				}
				at = lr.Offset()
			}
			must(t, lr.Err())
			end := lr.End()
			if end.Size != int64(len(b)) || end.Offset > end.Used || end.Used > end.Size ||
				len(bytes.TrimRight(b[end.Used:], "\x00")) > 0 || end.Kind != EndBad && end.Next >= 0 {
				t.Fatalf("end %+v", end)
			}
			if end.Kind != EndBad || end.Next < 0 {
				return
			}
			lr.Skip()
		}
	})
}

// FuzzRecover: whatever the newest log holds, recovery panics never, and what
// it accepts can be appended to and recovers again to the same.
func FuzzRecover(f *testing.F) {
	old := func(t testing.TB) *vfs.Mem {
		fsys := vfs.NewMem()
		s, st := start(t, memConfig(fsys))
		add(t, s, st, entries(1, 3, 10))
		must(t, s.Close())
		must(t, fsys.Remove(inVersion(witnessName)))
		return fsys
	}
	log := appendLogHead(nil)
	for z := protocol.Zxid(4); z < 9; z++ {
		log = appendRecord(log, entry(z, int(z)*9).Payload)
	}
	f.Add(log)
	f.Add(log[:len(log)-5])
	f.Add(append(bytes.Clone(log), make([]byte, 600)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		fsys := old(t)
		putFile(t, fsys, inVersion("log.4"), b)
		s, _, rec, err := open(memConfig(fsys))
		if err != nil {
			return
		}
		if rec.LastZxid < 3 {
			t.Fatalf("recovered to %v", rec.LastZxid)
		}
		next := rec.LastZxid + 1
		must(t, s.Append([]Entry{entry(next, 5)}))
		must(t, s.Close())
		_, _, rec, err = open(memConfig(fsys))
		if err != nil || rec.LastZxid != next {
			t.Fatalf("again: %v, %v, want %v", rec.LastZxid, err, next)
		}
	})
}

// fuzzSink bounds what a snapshot may make of its bytes.
type fuzzSink struct {
	discard
	bytes int
}

func (s *fuzzSink) RestoreNode(path string, data []byte, key int64, st protocol.StatPersisted) error {
	s.bytes += len(path) + len(data)
	return s.discard.RestoreNode(path, data, key, st)
}

// FuzzSnapshot: no panic in any form, no more content than bytes in the plain
// one, and what is accepted writes back as it was.
func FuzzSnapshot(f *testing.F) {
	for _, name := range []string{"kinds", "snapshots-gz", "snapshots-snappy"} {
		fsys := vfs.NewMem()
		unpack(f, fsys, name)
		list, err := listFiles(fsys, inVersion(""), snapPrefix)
		must(f, err)
		for _, s := range list[:2] {
			f.Add(readFile(f, fsys, inVersion(s.name)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fsys := vfs.NewMem()
		for _, ext := range []string{"", extGzip, extSnappy} {
			path := filepath.Join(string(os.PathSeparator), "snapshot.1"+ext)
			putFile(t, fsys, path, b)
			sink := new(fuzzSink)
			info, err := ReadSnapshot(fsys, path, sink)
			if ext != "" {
				continue
			}
			if sink.bytes > len(b) {
				t.Fatalf("%d bytes of content in %d", sink.bytes, len(b))
			}
			if err == nil && info.Bytes != int64(len(b)) {
				t.Fatalf("%d of %d bytes were read", info.Bytes, len(b))
			}
		}
	})
}
