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

// Next is the next packet without its length, valid until the next call.
// io.EOF means the stream ended between packets.
func (f *FrameReader) Next() ([]byte, error) {
	if _, err := io.ReadFull(f.r, f.head[:]); err != nil {
		return nil, err
	}
	n, err := FrameLength(f.head[:], f.limit)
	if err != nil {
		return nil, err
	}
	f.buf = f.buf[:0]
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
