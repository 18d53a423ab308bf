package load

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// stamped is a socket outside of the runtime's poller whose packets carry the
// time at which the kernel received them. So a thousand clients can sleep while
// a server sends, and it still is known when each packet came.
type stamped struct {
	fd   int
	last time.Time // when what the last Read returned had arrived
}

// dialStamped opens a session on such a socket.
func dialStamped(addr string) (*Conn, *stamped, error) {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, nil, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket: %w", err)
	}
	s := &stamped{fd: fd}
	wait := syscall.NsecToTimeval(connectWait.Nanoseconds())
	for _, err := range []error{
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait),
		syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1),
		syscall.Connect(fd, &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}),
	} {
		if err != nil {
			s.Close()
			return nil, nil, fmt.Errorf("connect to %s: %w", addr, err)
		}
	}
	c, err := open(s, addr)
	return c, s, err
}

func (s *stamped) Read(p []byte) (int, error) {
	var oob [64]byte
	n, oobn, _, _, err := syscall.Recvmsg(s.fd, p, oob[:], 0)
	for err == syscall.EINTR { // the runtime's own signals
		n, oobn, _, _, err = syscall.Recvmsg(s.fd, p, oob[:], 0)
	}
	switch {
	case err != nil:
		return 0, os.NewSyscallError("recvmsg", err)
	case n == 0:
		return 0, io.EOF
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return n, os.NewSyscallError("control message", err)
	}
	for _, m := range messages {
		if m.Header.Level == syscall.SOL_SOCKET && m.Header.Type == syscall.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			s.last = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return n, nil
}

func (s *stamped) Write(p []byte) (int, error) {
	n, err := syscall.Write(s.fd, p)
	return n, os.NewSyscallError("write", err)
}

func (s *stamped) Close() error { return syscall.Close(s.fd) }
