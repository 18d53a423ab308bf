package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/vfs"
)

// SnapshotSink receives the content of a snapshot; see Sink.
type SnapshotSink interface {
	RestoreSession(id protocol.SessionID, timeoutMs int32)
	RestoreACL(key int64, acl []protocol.ACL)
	RestoreNode(path string, data []byte, aclKey int64, st protocol.StatPersisted) error
}

// counter is a sink that wants to know how many will come.
type counter interface {
	sessionCount(n int)
	aclCount(n int)
}

// SnapshotInfo is what a whole snapshot says of itself.
type SnapshotInfo struct {
	Digest *SnapshotDigest // nil: no section, or zeros in it
	// LastProcessed is 3.9's section, −1 without one.
	LastProcessed protocol.Zxid
	// Covered is the newest txn that the snapshot may hold changes of, as far
	// as it says; 0 if it does not.
	Covered protocol.Zxid
	Nodes   int64
	Bytes   int64 // uncompressed
}

// ReadSnapshot reads a snapshot file; its name says how it is compressed. Any
// error means that what the sink received is not to be used. It is ErrCorrupt
// if the file could be read but holds no whole snapshot.
func ReadSnapshot(fsys vfs.FS, path string, sink SnapshotSink) (SnapshotInfo, error) {
	f, err := fsys.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return SnapshotInfo{}, err
	}
	defer f.Close()
	src := &watchedReader{in: f}
	info, err := readCompressed(src, compressionOf(path), sink)
	switch {
	case src.err != nil:
		return info, fmt.Errorf("read %s: %w", path, src.err)
	case err != nil:
		return info, fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err)
	}
	return info, nil
}

func readCompressed(in io.Reader, ext string, sink SnapshotSink) (info SnapshotInfo, err error) {
	if ext != "" {
		if in, err = decompress(in, ext); err != nil {
			return info, err
		}
	}
	r := newSnapReader(in)
	r.whole = true
	return r.file(sink)
}

// watchedReader tells an error of the file from one of its content.
type watchedReader struct {
	in  io.Reader
	err error
}

func (r *watchedReader) Read(b []byte) (int, error) {
	n, err := r.in.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// ReadSnapshotStream reads what WriteSnapshotStream writes, not one byte
// further.
func ReadSnapshotStream(in io.Reader, sink SnapshotSink, end string) error {
	r := newSnapReader(in)
	r.content(sink)
	if got := r.string("the end"); r.err == nil && got != end {
		r.fail("%q stands where %q should", got, end)
	}
	return r.err
}

// maxSnapField bounds a path, a datum or a string of an ACL. Memory grows with
// the bytes that are there, not with what a length promises.
const maxSnapField = 1 << 30

// snapReader parses the stream. What take returns is valid until the next call.
type snapReader struct {
	in       io.Reader
	whole    bool // may read ahead: nothing but the snapshot is in the stream
	buf      []byte
	pos, end int
	summed   int // bytes before it in buf are in sum
	sum      hash.Hash32
	read     int64 // bytes before buf[0]
	err      error
}

const snapReadChunk = 256 << 10

func newSnapReader(in io.Reader) *snapReader {
	return &snapReader{in: in, buf: make([]byte, snapReadChunk), sum: adler32.New()}
}

// file reads a snapshot file.
func (r *snapReader) file(sink SnapshotSink) (SnapshotInfo, error) {
	info := SnapshotInfo{LastProcessed: -1}
	r.head()
	info.Nodes = r.content(sink)
	r.seal("the tree")
	r.sections(&info)
	info.Bytes = r.read + int64(r.pos)
	return info, r.err
}

func (r *snapReader) content(sink SnapshotSink) (nodes int64) {
	r.sessions(sink)
	r.acls(sink)
	return r.nodes(sink)
}

func (r *snapReader) fail(format string, args ...any) {
	if r.err == nil {
		at := r.read + int64(r.pos)
		r.err = fmt.Errorf("offset %d: %w", at, fmt.Errorf(format, args...))
	}
}

// take returns the next n bytes; nil after an error.
func (r *snapReader) take(n int) []byte {
	if r.end-r.pos < n && !r.fill(n) {
		return nil
	}
	b := r.buf[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

// fill makes n bytes available at pos, or fails.
func (r *snapReader) fill(n int) bool {
	if r.err != nil {
		return false
	}
	r.sum.Write(r.buf[r.summed:r.pos])
	r.end = copy(r.buf, r.buf[r.pos:r.end])
	r.read += int64(r.pos)
	r.pos, r.summed = 0, 0
	for r.end < n {
		if r.end == len(r.buf) {
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		}
		room := r.buf[r.end:]
		if !r.whole {
			room = r.buf[r.end:min(n, len(r.buf))]
		}
		got, err := r.in.Read(room)
		r.end += got
		if err != nil && r.end < n {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			r.fail("%w", err)
			return false
		}
	}
	return true
}

func (r *snapReader) int() int32 {
	b := r.take(4)
	if b == nil {
		return 0
	}
	return int32(binary.BigEndian.Uint32(b))
}

func (r *snapReader) long() int64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

// bytes reads a buffer or string; null is told apart.
func (r *snapReader) bytes(what string) (b []byte, null bool) {
	n := r.int()
	switch {
	case r.err != nil:
		return nil, true
	case n == -1:
		return nil, true
	case n < 0 || n > maxSnapField:
		r.fail("length %d of %s is impossible", n, what)
		return nil, true
	}
	return r.take(int(n)), false
}

func (r *snapReader) string(what string) string {
	b, _ := r.bytes(what)
	return string(b)
}

func (r *snapReader) head() {
	magic, version, _ := r.int(), r.int(), r.long()
	if r.err == nil && (uint32(magic) != snapMagic || version != fileVersion) {
		r.fail("the file does not begin with the header of a snapshot of version %d", fileVersion)
	}
}

func (r *snapReader) sessions(sink SnapshotSink) {
	n := r.int()
	if n < 0 {
		r.fail("%d sessions", n)
	}
	if c, ok := sink.(counter); ok && r.err == nil {
		c.sessionCount(int(n))
	}
	for ; n > 0 && r.err == nil; n-- {
		id, timeout := r.long(), r.int()
		if r.err == nil {
			sink.RestoreSession(protocol.SessionID(id), timeout)
		}
	}
}

func (r *snapReader) acls(sink SnapshotSink) {
	n := r.int()
	if n < 0 {
		r.fail("%d ACLs", n)
	}
	if c, ok := sink.(counter); ok && r.err == nil {
		c.aclCount(int(n))
	}
	for ; n > 0 && r.err == nil; n-- {
		key, entries := r.long(), r.int()
		var acl []protocol.ACL
		for ; entries > 0 && r.err == nil; entries-- {
			a := protocol.ACL{Perms: protocol.Perm(r.int())}
			a.Scheme = r.string("an ACL's scheme")
			a.ID = r.string("an ACL's id")
			acl = append(acl, a)
		}
		if r.err == nil {
			sink.RestoreACL(key, acl)
		}
	}
}

// nodes reads the tree. A node is handed over from the buffer: path and data
// are made contiguous there first.
func (r *snapReader) nodes(sink SnapshotSink) (n int64) {
	for r.err == nil {
		size := r.peekNode()
		if r.err != nil {
			return n
		}
		b := r.take(size)
		if b == nil {
			return n
		}
		pathLen := int(binary.BigEndian.Uint32(b))
		path := unsafe.String(&b[4], pathLen)
		if pathLen == 0 {
			path = ""
		}
		if path == sealPath {
			return n
		}
		b = b[4+pathLen:]
		dataLen := int(int32(binary.BigEndian.Uint32(b)))
		b = b[4:]
		var data []byte
		if dataLen >= 0 {
			data, b = b[:dataLen:dataLen], b[dataLen:]
		}
		aclKey := int64(binary.BigEndian.Uint64(b))
		if err := sink.RestoreNode(path, data, aclKey, statPersisted(b[8:])); err != nil {
			r.fail("node %q: %w", path, err)
			return n
		}
		n++
	}
	return n
}

// peekNode returns the size of the node at pos and makes all of it available.
// The terminator "/" counts as a node of 5 bytes.
func (r *snapReader) peekNode() int {
	pathLen := r.peekLength(0, "a path")
	if pathLen < 0 {
		r.fail("a path is null")
		return 0
	}
	if r.err != nil || !r.ensure(4+pathLen) {
		return 0
	}
	if pathLen == 1 && r.buf[r.pos+4] == sealPath[0] {
		return 4 + pathLen
	}
	dataLen := r.peekLength(4+pathLen, "data")
	size := 4 + pathLen + 4 + max(dataLen, 0) + 8 + protocol.StatPersistedLen
	if r.err != nil || !r.ensure(size) {
		return 0
	}
	return size
}

func (r *snapReader) ensure(n int) bool {
	return r.end-r.pos >= n || r.fill(n)
}

// peekLength reads the length at an offset from pos; −1 is null.
func (r *snapReader) peekLength(off int, what string) int {
	if !r.ensure(off + 4) {
		return 0
	}
	n := int(int32(binary.BigEndian.Uint32(r.buf[r.pos+off:])))
	if n < -1 || n > maxSnapField {
		r.fail("length %d of %s is impossible", n, what)
		return 0
	}
	return n
}

func statPersisted(b []byte) protocol.StatPersisted {
	long := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
	num := func(at int) int32 { return int32(binary.BigEndian.Uint32(b[at:])) }
	return protocol.StatPersisted{
		Czxid: protocol.Zxid(long(0)), Mzxid: protocol.Zxid(long(8)), Ctime: long(16), Mtime: long(24),
		Version: num(32), Cversion: num(36), Aversion: num(40),
		EphemeralOwner: protocol.SessionID(long(44)), Pzxid: protocol.Zxid(long(52)),
	}
}

// seal checks a sum against everything read so far.
func (r *snapReader) seal(what string) {
	if r.err != nil {
		return
	}
	r.sum.Write(r.buf[r.summed:r.pos])
	r.summed = r.pos
	want := int64(r.sum.Sum32())
	got, path := r.long(), r.string("a seal")
	if r.err == nil && (got != want || path != sealPath) {
		r.fail("the checksum behind %s does not match", what)
	}
}

// maxSections is more than the sections behind the tree ever take.
const maxSections = 256

// sections reads what may follow the first seal. Nothing marks a section; the
// one of 3.9 alone (digest.enabled=false) shows by its size.
func (r *snapReader) sections(info *SnapshotInfo) {
	for r.err == nil && r.end-r.pos <= maxSections && r.more() {
	}
	rest := r.end - r.pos
	switch {
	case r.err != nil || rest == 0:
		return
	case rest > maxSections:
		r.fail("more than %d bytes follow the tree", maxSections)
		return
	case rest != lastLen+sealLen:
		r.digest(info)
	}
	if r.err == nil && r.end > r.pos {
		r.lastProcessed(info)
	}
	if r.err == nil && r.end > r.pos {
		r.fail("%d bytes follow the last section", r.end-r.pos)
	}
}

// more reads ahead without need; false at the end of the stream.
func (r *snapReader) more() bool {
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	got, err := r.in.Read(r.buf[r.end:])
	r.end += got
	if got == 0 && err != nil && !errors.Is(err, io.EOF) {
		r.fail("%w", err)
	}
	return got > 0 || err == nil
}

// digest reads the digest section. Before version 2 the digest was a string of
// hexadecimal digits. A zxid of 0 says that there is none.
func (r *snapReader) digest(info *SnapshotInfo) {
	d := SnapshotDigest{Zxid: protocol.Zxid(r.long()), Version: r.int()}
	if d.Version < txn.DigestVersion {
		text := r.string("the digest")
		n, err := strconv.ParseUint(text, 16, 64)
		if err != nil && text != "" {
			r.fail("digest %q of version %d", text, d.Version)
		}
		d.Tree = n
	} else {
		d.Tree = uint64(r.long())
	}
	r.seal("the digest")
	if d.Zxid > 0 && r.err == nil {
		info.Digest = &d
		info.Covered = max(info.Covered, d.Zxid)
	}
}

func (r *snapReader) lastProcessed(info *SnapshotInfo) {
	z := protocol.Zxid(r.long())
	r.seal("the last processed zxid")
	if r.err == nil {
		info.LastProcessed = z
		info.Covered = max(info.Covered, z)
	}
}

// discard is a SnapshotSink that checks and forgets.
type discard struct{}

func (discard) RestoreSession(protocol.SessionID, int32) {}
func (discard) RestoreACL(int64, []protocol.ACL)         {}
func (discard) RestoreNode(path string, _ []byte, _ int64, _ protocol.StatPersisted) error {
	if path != "" && !strings.HasPrefix(path, "/") {
		return fmt.Errorf("path does not begin with /")
	}
	return nil
}
