package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"os"

	"zookit/protocol"
	"zookit/server/defect"
	"zookit/server/vfs"
)

// LogReader reads the records of one log file in order. It judges nothing: End
// says how the readable part ends and what lies behind it.
type LogReader struct {
	f    vfs.File
	size int64

	buf  []byte // bytes [base, base+len) of the file
	base int64
	off  int64 // of the next record

	zxid    protocol.Zxid
	at      int64 // of the current record
	payload []byte
	records int
	budget  int64 // bytes that searches may still sum
	end     *LogEnd
	err     error
}

// LogEnd is how the readable part of a log ends.
type LogEnd struct {
	Kind   EndKind
	Offset int64  // where the readable part ends
	Cause  string // EndBad: why the next record cannot be read
	Size   int64  // of the file
	Used   int64  // end of the last byte that is not zero; at least Offset

	// What EndBad found behind the unreadable record.
	Next       int64         // offset of the first valid record, or −1
	NextZxid   protocol.Zxid // its zxid
	Highest    protocol.Zxid // highest zxid in a valid record, or 0
	Unsure     bool          // the search took too long: Next only looks like a record
	LostSector bool          // a whole sector before Next is zeros, as when it never reached the disk
}

// EndKind classifies a LogEnd.
type EndKind int

const (
	EndClean  EndKind = iota // nothing but zeros follows
	EndNoHead                // no header: the file is empty, all zeros or too short for one
	EndBad                   // a record cannot be read
)

// readChunk is how much a LogReader asks the file for at once.
const readChunk = 256 << 10

// OpenLog opens a log for reading.
func OpenLog(fsys vfs.FS, name string) (*LogReader, error) {
	f, err := fsys.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &LogReader{f: f, size: size, budget: sumLimit}, nil
}

func (r *LogReader) Close() error { return r.f.Close() }

// Zxid, Offset and Payload describe the record Next moved to. The payload is
// valid until the next call of Next.
func (r *LogReader) Zxid() protocol.Zxid { return r.zxid }
func (r *LogReader) Offset() int64       { return r.at }
func (r *LogReader) Payload() []byte     { return r.payload }

// Err is the error of reading the file, if one ended the records.
func (r *LogReader) Err() error { return r.err }

// End is valid when Next returned false and Err is nil.
func (r *LogReader) End() LogEnd { return *r.end }

// Next moves to the next record.
func (r *LogReader) Next() bool {
	if r.err != nil || r.end != nil {
		return false
	}
	if r.off == 0 && !r.readHead() {
		return false
	}
	cause, ok := r.readRecord()
	if !ok && r.err == nil {
		r.err = r.inspectEnd(cause)
	}
	return ok
}

// Skip moves behind an unreadable record to the valid record End found there.
func (r *LogReader) Skip() {
	r.off, r.end = r.end.Next, nil
}

// window returns n bytes at off, which must lie within the file; what it
// returned before becomes invalid.
func (r *LogReader) window(off int64, n int) ([]byte, error) {
	if off >= r.base && off+int64(n) <= r.base+int64(len(r.buf)) {
		return r.buf[off-r.base:][:n], nil
	}
	want := int(min(max(int64(n), readChunk), r.size-off))
	if cap(r.buf) < want {
		r.buf = make([]byte, want)
	}
	r.buf = r.buf[:want]
	r.base = off
	got, err := r.f.ReadAt(r.buf, off)
	if got < want {
		r.buf = r.buf[:got]
		if err == nil || errors.Is(err, io.EOF) {
			err = fmt.Errorf("shrank while it was read: %w", io.ErrUnexpectedEOF)
		}
		return nil, fmt.Errorf("read %s at offset %d: %w", r.f.Name(), off, err)
	}
	return r.buf[:n], nil
}

func (r *LogReader) readHead() bool {
	n := int(min(r.size, fileHeadLen))
	b, err := r.window(0, n)
	switch {
	case err != nil:
		r.err = err
	case n == fileHeadLen && binary.BigEndian.Uint32(b) == logMagic && binary.BigEndian.Uint32(b[4:]) == fileVersion:
		r.off = fileHeadLen
		return true
	default:
		bad := fmt.Sprintf("the file does not begin with the header of a txn log of version %d", fileVersion)
		if r.err = r.inspectEnd(bad); r.err == nil && r.end.Used <= fileHeadLen {
			r.end.Kind = EndNoHead
		}
	}
	return false
}

// readRecord reads the record at off. When it cannot be read, cause says why;
// cause is "" where zeros or the end of the file stand in its place.
func (r *LogReader) readRecord() (cause string, ok bool) {
	left := r.size - r.off
	if left < recordHead {
		return cutShort(left), false
	}
	head, err := r.window(r.off, recordHead)
	if err != nil {
		r.err = err
		return "", false
	}
	sum, n := binary.BigEndian.Uint64(head), int64(int32(binary.BigEndian.Uint32(head[8:])))
	switch {
	case sum == 0 && n == 0:
		return "", false
	case n < minPayload:
		return fmt.Sprintf("length %d is impossible", n), false
	case n+recordFrame > left:
		return fmt.Sprintf("length %d reaches over the end of the file", n), false
	}
	rec, err := r.window(r.off, int(n)+recordFrame)
	if err != nil {
		r.err = err
		return "", false
	}
	payload := rec[recordHead : recordHead+n]
	switch {
	case defect.Planted(defect.TornRecordAccepted):
	case uint64(adler32.Checksum(payload)) != sum:
		return "the checksum does not match", false
	case rec[recordHead+n] != endOfRecord:
		return "the end-of-record byte is missing", false
	}
	r.at, r.payload, r.zxid = r.off, payload, payloadZxid(payload)
	r.off += n + recordFrame
	r.records++
	return "", true
}

func cutShort(left int64) string {
	if left == 0 {
		return ""
	}
	return "the file ends inside the record's head"
}

// inspectEnd looks at everything from the first unreadable byte on.
func (r *LogReader) inspectEnd(cause string) error {
	end := &LogEnd{Offset: r.off, Size: r.size, Cause: cause, Next: -1}
	used, err := r.lastUsed()
	if err != nil {
		return err
	}
	end.Used = max(used, r.off)
	r.end = end
	if end.Used == end.Offset {
		end.Cause = ""
		return nil
	}
	end.Kind = EndBad
	if cause == "" {
		end.Cause = "zeros stand where a record should"
	}
	return r.searchBehind(end)
}

var zeroChunk [64 << 10]byte

// lastUsed finds the end of the last byte that is not zero, or off.
func (r *LogReader) lastUsed() (int64, error) {
	used := r.off
	for off := r.off; off < r.size; {
		n := int(min(int64(len(zeroChunk)), r.size-off))
		b, err := r.window(off, n)
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(b, zeroChunk[:n]) {
			used = off + int64(len(bytes.TrimRight(b, "\x00")))
		}
		off += int64(n)
	}
	return used, nil
}

const (
	// searchLimit is how far behind an unreadable record valid ones are looked
	// for. It is more than any batch, beyond which the end is damage anyway.
	searchLimit = 64 << 20
	// sumLimit bounds the bytes summed in searching one file: data made to look
	// like heads of records must not take hours. Beyond it the search says that it
	// found a record, which leads to a refusal and never to a loss.
	sumLimit = 1 << 30
)

// searchBehind looks for valid records behind the unreadable one.
func (r *LogReader) searchBehind(end *LogEnd) error {
	n := int(min(end.Used-end.Offset, searchLimit))
	tail := make([]byte, n)
	if _, err := r.f.ReadAt(tail, end.Offset); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s at offset %d: %w", r.f.Name(), end.Offset, err)
	}
	for i := 1; i+recordFrame+minPayload <= len(tail); {
		size, z := r.validAt(tail[i:])
		if size == 0 {
			i++
			continue
		}
		if end.Next < 0 {
			end.Next, end.NextZxid = end.Offset+int64(i), z
		}
		end.Highest = max(end.Highest, z)
		i += size
	}
	behind := tail
	if end.Next >= 0 {
		// The zeros that the next record begins with may lie in the lost sector.
		next := tail[end.Next-end.Offset:]
		zeros := len(next) - len(bytes.TrimLeft(next, "\x00"))
		behind = tail[:len(tail)-len(next)+zeros]
	}
	end.Unsure = r.budget < 0
	end.LostSector = hasLostSector(behind, end.Offset) && !end.Unsure
	return nil
}

// validAt returns the framed size and the zxid of a valid record at the start
// of b that may follow the records read so far; size 0: there is none.
func (r *LogReader) validAt(b []byte) (size int, z protocol.Zxid) {
	if binary.BigEndian.Uint32(b) != 0 {
		return 0, 0
	}
	n := int(int32(binary.BigEndian.Uint32(b[8:])))
	if n < minPayload || n+recordFrame > len(b) || b[recordHead+n] != endOfRecord {
		return 0, 0
	}
	payload := b[recordHead : recordHead+n]
	z = payloadZxid(payload)
	if !isTxnType(int32(binary.BigEndian.Uint32(payload[typeInTxn:]))) || r.records > 0 && z <= r.zxid {
		return 0, 0
	}
	r.budget -= int64(n)
	if r.budget >= 0 && uint64(adler32.Checksum(payload)) != binary.BigEndian.Uint64(b) {
		return 0, 0
	}
	return n + recordFrame, z
}

// hasLostSector says whether b, at offset off of a file, holds a whole sector
// of zeros, or the rest of the sector it begins in is zeros.
func hasLostSector(b []byte, off int64) bool {
	for len(b) > 0 {
		n := int(sectorLength - off%sectorLength)
		if n > len(b) {
			return false
		}
		// Every record begins with four zero bytes: so few prove nothing.
		if n > 4 && bytes.Equal(b[:n], zeroChunk[:n]) {
			return true
		}
		b, off = b[n:], off+int64(n)
	}
	return false
}
