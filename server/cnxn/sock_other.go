//go:build !unix

package cnxn

import "net"

func newSocket(nc *net.TCPConn) (socket, error) { return plainSocket{nc}, nil }
