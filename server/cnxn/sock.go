package cnxn

import "net"

// socket is what a connection needs of its transport.
type socket interface {
	net.Conn
	CloseWrite() error
	// readFresh waits for bytes without holding a buffer, where the system
	// allows that, and returns them in a buffer of the pool.
	readFresh() (*buffer, int, error)
	// tryWrite writes what can be written at once. n < len(p) with a nil error
	// says that no more is taken for now.
	tryWrite(p []byte) (n int, err error)
}

// halfCloser is a connection whose sending side ends by itself, such as
// *net.TCPConn.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// plainSocket is any connection. Every write that is not its own goroutine's
// goes through the temporary writer, since there is no portable write that does
// not wait.
type plainSocket struct{ halfCloser }

// smallRead is the buffer an idle plainSocket holds.
const smallRead = 512

// readFresh waits with a small buffer and then moves what came to a buffer of
// the pool.
func (s plainSocket) readFresh() (*buffer, int, error) {
	var small [smallRead]byte
	n, err := s.Read(small[:])
	if n <= 0 {
		return nil, 0, err
	}
	b := getBuffer()
	return b, copy(b.b[:cap(b.b)], small[:n]), nil
}

func (s plainSocket) tryWrite([]byte) (int, error) { return 0, nil }
