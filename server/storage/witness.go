package storage

import (
	"bytes"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"zookit/protocol"
	"zookit/server/vfs"
)

// mark is what the witness says: the log named Log was synced up to Offset,
// and Zxid is the last txn synced, in that log or an earlier one.
//
// It is a lower bound. It is written without a sync after every batch, so
// after the death of the process it is exact and after a power cut it may be
// some seconds old; never is it ahead of the log. Before a new log is created
// the witness names it, durably, with offset 0: so every log of ours is named
// before it exists, and a log beyond the one that is named was written by
// somebody else. Apache never appends to a log it did not create, so that,
// and a change of the epoch files (a learner writes them before it truncates),
// are how its work shows; either makes the witness void.
type mark struct {
	Log      protocol.Zxid // the zxid in the log's name; −1: no log yet
	Offset   int64
	Zxid     protocol.Zxid
	Accepted int64 // acceptedEpoch and currentEpoch, −1 when missing
	Current  int64
}

// witness is the file zookit.witness: two slots of one sector each, written in
// turn, so that a torn write leaves the other. A slot is one line:
//
//	zookit-witness 1 <seq> <log> <offset> <zxid> <accepted> <current> <adler32>
//
// All numbers are hexadecimal, two's complement, of 16 digits (the sum: 8).
// The sum covers the line up to and with the space before it; zeros fill the
// sector.
type witness struct {
	fs   vfs.FS
	dir  string
	f    vfs.File // nil: not created yet
	seq  uint64
	mark mark
	ok   bool // mark was read from the file
	buf  [sectorLength]byte
}

const witnessHead = "zookit-witness 1 "

// openWitness reads the witness, if there is one. Nothing in it is an error:
// an unreadable witness only proves less. The flag is os.O_RDWR or, for one that
// is only looked at, os.O_RDONLY.
func openWitness(fsys vfs.FS, dir string, flag int) (*witness, error) {
	w := &witness{fs: fsys, dir: dir, mark: mark{Log: -1, Accepted: -1, Current: -1}}
	f, err := fsys.Open(w.path(), flag, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open witness: %w", err)
	}
	w.f = f
	for slot := range int64(2) {
		n, err := f.ReadAt(w.buf[:], slot*sectorLength)
		if err != nil && !errors.Is(err, io.EOF) {
			f.Close()
			return nil, fmt.Errorf("read %s: %w", w.path(), err)
		}
		if seq, m, ok := parseMark(w.buf[:n]); ok && (!w.ok || seq > w.seq) {
			w.seq, w.mark, w.ok = seq, m, true
		}
	}
	return w, nil
}

func (w *witness) path() string { return filepath.Join(w.dir, witnessName) }

func parseMark(b []byte) (seq uint64, m mark, ok bool) {
	line, _, ok := bytes.Cut(b, []byte("\n"))
	if !ok || !bytes.HasPrefix(line, []byte(witnessHead)) {
		return 0, m, false
	}
	body := line[:max(len(line)-8, 0)]
	sum, err := strconv.ParseUint(string(line[len(body):]), 16, 32)
	if err != nil || uint32(sum) != adler32.Checksum(body) {
		return 0, m, false
	}
	var v [6]uint64
	fields := bytes.Fields(body[len(witnessHead):])
	if len(fields) != len(v) {
		return 0, m, false
	}
	for i, f := range fields {
		if v[i], err = strconv.ParseUint(string(f), 16, 64); err != nil {
			return 0, m, false
		}
	}
	return v[0], mark{protocol.Zxid(v[1]), int64(v[2]), protocol.Zxid(v[3]), int64(v[4]), int64(v[5])}, true
}

func appendMark(b []byte, seq uint64, m mark) []byte {
	start := len(b)
	b = append(b, witnessHead...)
	for _, v := range [...]uint64{seq, uint64(m.Log), uint64(m.Offset), uint64(m.Zxid), uint64(m.Accepted), uint64(m.Current)} {
		b = append(appendHex(b, v, 16), ' ')
	}
	b = appendHex(b, uint64(adler32.Checksum(b[start:])), 8)
	return append(b, '\n')
}

func appendHex(b []byte, v uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[v>>shift&15])
	}
	return b
}

// write puts m into the older slot; with sync it is durable on return.
func (w *witness) write(m mark, sync bool) error {
	created := false
	if w.f == nil {
		f, err := w.fs.Open(w.path(), os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return fmt.Errorf("create witness: %w", err)
		}
		w.f, created = f, true
		if err := f.Preallocate(0, 2*sectorLength); err != nil {
			return fmt.Errorf("write %s: %w", w.path(), err)
		}
	}
	w.seq++
	clear(w.buf[:])
	appendMark(w.buf[:0], w.seq, m)
	if _, err := w.f.WriteAt(w.buf[:], int64(w.seq%2)*sectorLength); err != nil {
		return fmt.Errorf("write %s: %w", w.path(), err)
	}
	w.mark, w.ok = m, true
	if !sync && !created {
		return nil
	}
	if err := w.f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", w.path(), err)
	}
	if created {
		if err := w.fs.SyncDir(w.dir); err != nil {
			return fmt.Errorf("sync %s: %w", w.dir, err)
		}
	}
	return nil
}

// remove takes the witness away, durably: nothing is vouched for any more.
func (w *witness) remove() error {
	if w.f == nil {
		return nil
	}
	w.f.Close()
	w.f, w.ok, w.mark = nil, false, mark{Log: -1, Accepted: -1, Current: -1}
	if err := w.fs.Remove(w.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove witness: %w", err)
	}
	return w.fs.SyncDir(w.dir)
}

func (w *witness) close(sync bool) error {
	if w.f == nil {
		return nil
	}
	var err error
	if sync {
		err = w.f.Sync()
	}
	if cerr := w.f.Close(); err == nil {
		err = cerr
	}
	w.f = nil
	return err
}
