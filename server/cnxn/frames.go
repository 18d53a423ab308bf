package cnxn

import (
	"io"

	"zookit/protocol"
)

// frames cuts what a socket delivers into frames: a length of 4 bytes,
// big-endian, and the body. Its buffer belongs to it only while bytes are
// there.
type frames struct {
	s   socket
	max int // jute.maxbuffer: the largest body that is taken
	buf *buffer
	r   int // next unread byte of buf.b

	large *largeRequests
}

// peek returns the buffered bytes that are not yet consumed.
func (f *frames) peek() []byte {
	if f.buf == nil {
		return nil
	}
	return f.buf.b[f.r:]
}

// next returns the body of the next frame if it has arrived as a whole. The
// body is valid until the next call of fill.
func (f *frames) next() (body []byte, ok bool, err error) {
	p := f.peek()
	if len(p) < 4 {
		return nil, false, nil
	}
	n, err := protocol.FrameLength(p, f.max)
	if err == nil {
		err = f.large.check(n)
	}
	if err != nil {
		return nil, false, err
	}
	if len(p)-4 < n {
		return nil, false, nil
	}
	f.r += 4 + n
	return p[4 : 4+n : 4+n], true, nil
}

// fill waits for more bytes. With nothing left over it gives its buffer back
// and waits without one; otherwise it makes room behind the unfinished frame.
func (f *frames) fill() error {
	if f.buf != nil && f.r == len(f.buf.b) {
		f.release()
	}
	if f.buf == nil {
		b, n, err := f.s.readFresh()
		if err != nil {
			return err
		}
		b.b = b.b[:n]
		f.buf, f.r = b, 0
		return nil
	}
	f.room()
	b := f.buf.b
	n, err := f.s.Read(b[len(b):cap(b)])
	f.buf.b = b[:len(b)+n]
	if n > 0 {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// room moves an unfinished frame to the front of the buffer, and doubles the
// buffer when the frame fills it: it grows with what has arrived, never by a
// length that was only announced.
func (f *frames) room() {
	b := f.buf
	if f.r > 0 {
		b.b = b.b[:copy(b.b, b.b[f.r:])]
		f.r = 0
	}
	if len(b.b) < cap(b.b) {
		return
	}
	grown := &buffer{b: make([]byte, len(b.b), 2*cap(b.b))}
	copy(grown.b, b.b)
	putBuffer(b)
	f.buf = grown
}

// release gives the buffer back.
func (f *frames) release() {
	if f.buf != nil {
		putBuffer(f.buf)
		f.buf, f.r = nil, 0
	}
}
