package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// DefaultMaxBuffer is jute.maxbuffer's default: the longest packet a server
// takes, in bytes (0xfffff; Apache BinaryInputArchive).
const DefaultMaxBuffer = 0xfffff

// ErrFrameLength: a packet's length is negative or above the limit. The
// connection cannot go on.
var ErrFrameLength = errors.New("packet length out of range")

// FrameLength reads the four bytes before a packet and checks them against the
// limit, before anything is allocated.
func FrameLength(head []byte, limit int) (int, error) {
	n := int32(binary.BigEndian.Uint32(head))
	if n < 0 || int(n) > limit {
		return 0, fmt.Errorf("packet of %d bytes, jute.maxbuffer is %d: %w", n, limit, ErrFrameLength)
	}
	return int(n), nil
}

// BeginFrame appends room for a packet's length and returns the frame's start;
// EndFrame fills it in once the packet is appended.
func BeginFrame(b []byte) (out []byte, start int) { return append(b, 0, 0, 0, 0), len(b) }

// EndFrame writes the length of everything appended since BeginFrame.
func EndFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// AppendFrame appends records as one packet with its length before it.
func AppendFrame(b []byte, records ...Record) []byte {
	b, start := BeginFrame(b)
	for _, r := range records {
		b = r.AppendTo(b)
	}
	return EndFrame(b, start)
}

// FrameReader reads packets from a stream.
type FrameReader struct {
	r     io.Reader
	limit int
	head  [4]byte
	buf   []byte
}

// NewFrameReader reads packets of at most limit bytes.
func NewFrameReader(r io.Reader, limit int) *FrameReader { return &FrameReader{r: r, limit: limit} }

// frameStep bounds what is allocated ahead of the bytes that really arrive.
const frameStep = 64 << 10

// keepFrame is how large a buffer may stay when smaller packets follow.
const keepFrame = 1 << 20

// Next is the next packet without its length, valid until the next call.
// io.EOF means the stream ended between packets.
func (f *FrameReader) Next() ([]byte, error) {
	n, err := f.Begin()
	if err != nil {
		return nil, err
	}
	return f.Rest(n)
}

// Begin reads the length of the next packet, of which Rest and Read then give
// the bytes: all of them must be taken before the next call.
func (f *FrameReader) Begin() (int, error) {
	if _, err := io.ReadFull(f.r, f.head[:]); err != nil {
		return 0, err
	}
	return FrameLength(f.head[:], f.limit)
}

// Read reads from the packet that was begun, and beyond when that has ended.
func (f *FrameReader) Read(p []byte) (int, error) { return f.r.Read(p) }

// Rest is the next n bytes, the rest of the packet that was begun, valid until
// the next call.
func (f *FrameReader) Rest(n int) ([]byte, error) {
	f.buf = f.buf[:0]
	if cap(f.buf) > keepFrame && n <= keepFrame {
		f.buf = nil
	}
	for len(f.buf) < n {
		step := min(n-len(f.buf), max(frameStep, len(f.buf)))
		if cap(f.buf)-len(f.buf) < step {
			f.buf = append(make([]byte, 0, len(f.buf)+step), f.buf...)
		}
		got, err := io.ReadFull(f.r, f.buf[len(f.buf):len(f.buf)+step])
		f.buf = f.buf[:len(f.buf)+got]
		if err != nil {
			return nil, fmt.Errorf("packet of %d bytes ends after %d: %w", n, len(f.buf), io.ErrUnexpectedEOF)
		}
	}
	return f.buf, nil
}
