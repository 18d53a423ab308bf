//go:build unix

package cnxn

import (
	"io"
	"net"
	"syscall"

	"zookit/server/sock"
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

func (s *rawSocket) tryWrite(p []byte) (int, error) { return sock.TryWrite(s.raw, p) }
