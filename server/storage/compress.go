package storage

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/golang/snappy"
)

// Extensions of compressed snapshots (SnapStream.StreamMode).
const (
	extGzip   = ".gz"
	extSnappy = ".snappy"
)

// compressionExt is the extension for a value of snapshot.compression.method.
func compressionExt(method string) (string, error) {
	switch method {
	case "":
		return "", nil
	case "gz":
		return extGzip, nil
	case "snappy":
		return extSnappy, nil
	}
	return "", fmt.Errorf("snapshot.compression.method %q: must be empty, gz or snappy", method)
}

// compressionOf is the extension that decides how a file is read; "" for a
// plain one.
func compressionOf(path string) string {
	switch ext := filepath.Ext(path); ext {
	case extGzip, extSnappy:
		return ext
	}
	return ""
}

func decompress(in io.Reader, ext string) (io.Reader, error) {
	if ext == extGzip {
		return gzip.NewReader(bufio.NewReaderSize(in, 64<<10))
	}
	return newSnappyReader(in)
}

func compress(out io.Writer, ext string) io.WriteCloser {
	switch ext {
	case extGzip:
		return gzip.NewWriter(out)
	case extSnappy:
		return &snappyWriter{out: out}
	}
	return nopCloser{out}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// The framing of snappy-java's SnappyOutputStream ("xerial"): a header, then
// blocks of an int length and that many bytes of raw snappy.
var snappyHead = []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")

const (
	snappyBlock    = 32 << 10 // uncompressed, as snappy-java's default
	maxSnappyBlock = 64 << 20 // of a block that is read, either way
)

type snappyReader struct {
	in    *bufio.Reader
	raw   bytes.Buffer
	block []byte
	rest  []byte // of block, not yet read
}

func newSnappyReader(in io.Reader) (*snappyReader, error) {
	r := &snappyReader{in: bufio.NewReaderSize(in, 64<<10)}
	head := make([]byte, len(snappyHead))
	if _, err := io.ReadFull(r.in, head); err != nil {
		return nil, fmt.Errorf("snappy header: %w", err)
	}
	if !bytes.Equal(head[:8], snappyHead[:8]) {
		return nil, errors.New("the file does not begin with a snappy header")
	}
	return r, nil
}

func (r *snappyReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *snappyReader) next() error {
	var head [4]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return err // io.EOF between blocks is the end
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxSnappyBlock {
		return fmt.Errorf("snappy block of %d bytes", n)
	}
	r.raw.Reset()
	if _, err := io.CopyN(&r.raw, r.in, int64(n)); err != nil {
		return fmt.Errorf("snappy block: %w", noEOF(err))
	}
	size, err := snappy.DecodedLen(r.raw.Bytes())
	if err != nil || size > maxSnappyBlock {
		return fmt.Errorf("snappy block: decoded length %d: %w", size, errors.Join(err, snappy.ErrCorrupt))
	}
	if r.block, err = snappy.Decode(r.block[:cap(r.block)], r.raw.Bytes()); err != nil {
		return fmt.Errorf("snappy block: %w", err)
	}
	r.rest = r.block
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

type snappyWriter struct {
	out     io.Writer
	started bool
	buf     []byte // uncompressed, up to snappyBlock
	enc     []byte
}

func (w *snappyWriter) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 {
		n := min(len(b), snappyBlock-len(w.buf))
		w.buf = append(w.buf, b[:n]...)
		b = b[n:]
		if len(w.buf) == snappyBlock {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

func (w *snappyWriter) flush() error {
	if !w.started {
		w.started = true
		if _, err := w.out.Write(snappyHead); err != nil {
			return err
		}
	}
	if len(w.buf) == 0 {
		return nil
	}
	enc := snappy.Encode(w.enc[:cap(w.enc)], w.buf)
	w.enc = enc
	w.buf = w.buf[:0]
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(enc))), enc...)
	_, err := w.out.Write(frame)
	return err
}

func (w *snappyWriter) Close() error { return w.flush() }
