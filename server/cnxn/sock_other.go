//go:build !unix

package cnxn

import "net"

// smallRead is the buffer an idle connection holds where waiting for a socket
// without one is not possible.
const smallRead = 512

// socket is a TCP connection; every write that is not its own goroutine's goes
// through the temporary writer, since there is no portable write that does not
// wait.
type socket struct{ *net.TCPConn }

func newSocket(nc *net.TCPConn) (*socket, error) { return &socket{nc}, nil }

// readFresh waits with a small buffer and then moves what came to a buffer of
// the pool.
func (s *socket) readFresh() (*buffer, int, error) {
	var small [smallRead]byte
	n, err := s.Read(small[:])
	if n <= 0 {
		return nil, 0, err
	}
	b := getBuffer()
	return b, copy(b.b[:cap(b.b)], small[:n]), nil
}

func (s *socket) tryWrite([]byte) (int, error) { return 0, nil }
