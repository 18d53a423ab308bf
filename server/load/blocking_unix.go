//go:build unix

package load

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// dialBlocking opens a session on a socket outside of the runtime's poller: a
// read is a system call that blocks its thread.
func dialBlocking(addr string) (*Conn, error) {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	wait := syscall.NsecToTimeval(connectWait.Nanoseconds())
	_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait)
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	return open(os.NewFile(uintptr(fd), addr), addr)
}
