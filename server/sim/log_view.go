package sim

import (
	"encoding/binary"
	"hash/adler32"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/server/vfs"
)

// logView is what a power cut would leave of a data directory that loses
// everything that was not synced: the checkers' own reader, which reads on
// where it was.
type logView struct {
	mem               *vfs.Mem
	files             []*logFile // ascending
	snapshot          protocol.Zxid
	accepted, current int64 // −1: no such file
	// installing: a leader's snapshot is the history, and what is older goes, in
	// any order; the next start goes on with that.
	installing bool
	// verified: so far a server has read this damaged disk, and rightly.
	verified protocol.Zxid
}

type logFile struct {
	name    string
	zxid    uint64
	file    vfs.Durable
	shrunk  int
	off     int64
	records []logged
}

// refresh looks at the disk again. It calls fresh for every record it had not
// seen, with the zxid that comes before it, −1 if the disk does not tell.
func (v *logView) refresh(mem *vfs.Mem, fresh func(prev protocol.Zxid, e logged)) {
	was := v.files
	if v.mem != mem {
		was = nil
	}
	*v = logView{mem: mem, snapshot: -1, accepted: -1, current: -1}
	var epochs [2]*vfs.Durable
	mem.EachDurable(filepath.Join(dataDir, "version-2"), func(name string, file vfs.Durable) {
		switch {
		case name == "acceptedEpoch":
			epochs[0] = &file
		case name == "currentEpoch":
			epochs[1] = &file
		}
		plain, installing := strings.CutPrefix(name, "install-")
		if z, ok := zxidIn(plain, "snapshot."); ok {
			v.snapshot = max(v.snapshot, protocol.Zxid(z))
			v.installing = v.installing || installing
		}
		z, ok := zxidIn(name, "log.")
		if !ok {
			return
		}
		f := &logFile{name: name, zxid: z, file: file, off: 16}
		for _, o := range was {
			if o.file == file {
				f = o
			}
		}
		v.files = append(v.files, f)
	})
	v.accepted, v.current = number64(epochs[0]), number64(epochs[1])
	slices.SortFunc(v.files, func(a, b *logFile) int { return int(int64(a.zxid) - int64(b.zxid)) })
	prev := protocol.Zxid(-1)
	for i, f := range v.files {
		if s := f.file.Shrunk(); s != f.shrunk {
			f.shrunk, f.off, f.records = s, 16, nil
		}
		if i == 0 && protocol.Zxid(f.zxid) > v.snapshot {
			prev = v.snapshot // what a leader's snapshot held is all there is before
		}
		if len(f.records) > 0 {
			prev = f.records[len(f.records)-1].zxid
		}
		f.readOn(func(e logged) {
			fresh(prev, e)
			prev = e.zxid
		})
	}
}

func zxidIn(name, prefix string) (uint64, bool) {
	hex, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	z, err := strconv.ParseUint(hex, 16, 64)
	return z, err == nil
}

// number64 reads a file that holds one number in decimal.
func number64(f *vfs.Durable) int64 {
	if f == nil {
		return -1
	}
	b := make([]byte, 32)
	n, err := strconv.ParseInt(strings.TrimSpace(string(b[:f.ReadAt(b, 0)])), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// readOn reads whole records from where it was; see appendRecords for the form.
func (f *logFile) readOn(fresh func(logged)) {
	var head [12]byte
	for f.file.ReadAt(head[:], f.off) == len(head) {
		sum, n := binary.BigEndian.Uint64(head[:]), int64(binary.BigEndian.Uint32(head[8:]))
		if n < 24 || f.off+12+n >= f.file.Size() {
			return
		}
		b := make([]byte, n+1)
		if f.file.ReadAt(b, f.off+12) < len(b) || b[n] != 'B' || uint64(adler32.Checksum(b[:n])) != sum {
			return
		}
		e := logged{protocol.Zxid(binary.BigEndian.Uint64(b[12:])), b[:n]}
		f.records = append(f.records, e)
		fresh(e)
		f.off += 12 + n + 1
	}
}

// last is where the durable history ends.
func (v *logView) last() protocol.Zxid {
	last := max(v.snapshot, v.verified, 0)
	for _, f := range v.files {
		if n := len(f.records); n > 0 {
			last = max(last, f.records[n-1].zxid)
		}
	}
	return last
}

// has tells whether a txn is durable.
func (v *logView) has(z protocol.Zxid) bool {
	if z <= max(v.snapshot, v.verified) {
		return true
	}
	for _, f := range v.files {
		if n := len(f.records); n > 0 && f.records[0].zxid <= z && z <= f.records[n-1].zxid {
			_, ok := slices.BinarySearchFunc(f.records, z, func(e logged, z protocol.Zxid) int { return int(e.zxid - z) })
			return ok
		}
	}
	return z == 0
}
