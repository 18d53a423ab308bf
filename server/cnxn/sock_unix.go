//go:build unix

package cnxn

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// rawSocket is a TCP connection whose reads can wait without a buffer and whose
// writes can be tried without waiting.
type rawSocket struct {
	*net.TCPConn
	raw syscall.RawConn
}

func newSocket(nc *net.TCPConn) (socket, error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &rawSocket{TCPConn: nc, raw: raw}, nil
}

// readFresh waits until the socket is readable and only then takes a buffer
// from the pool; it returns the buffer with what the first read gave.
func (s *rawSocket) readFresh() (buf *buffer, n int, err error) {
	var rerr error
	err = s.raw.Read(func(fd uintptr) bool {
		b := getBuffer()
		for {
			n, rerr = syscall.Read(int(fd), b.b[:cap(b.b)])
			if rerr != syscall.EINTR {
				break
			}
		}
		if rerr == syscall.EAGAIN {
			putBuffer(b) // nothing there: wait without it
			return false
		}
		if rerr != nil || n <= 0 {
			putBuffer(b)
			return true
		}
		buf = b
		return true
	})
	switch {
	case err != nil: // closed, or past the deadline
		if buf != nil {
			putBuffer(buf)
		}
		return nil, 0, err
	case rerr != nil:
		return nil, 0, rerr
	case buf == nil:
		return nil, 0, io.EOF
	}
	return buf, n, nil
}

// tryWrite writes what the socket takes at once. n < len(p) with a nil error
// says that it takes no more for now.
func (s *rawSocket) tryWrite(p []byte) (n int, err error) {
	var werr error
	err = s.raw.Write(func(fd uintptr) bool {
		for n < len(p) {
			var m int
			m, werr = syscall.Write(int(fd), p[n:])
			if m > 0 {
				n += m
			}
			switch {
			case werr == syscall.EINTR:
				werr = nil
			case errors.Is(werr, syscall.EAGAIN):
				werr = nil
				return true
			case werr != nil:
				return true
			}
		}
		return true
	})
	if err == nil {
		err = werr
	}
	return n, err
}
