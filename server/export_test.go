package server

import "net"

// ServeConn serves one connection as the client port does, until it ends.
func (s *Server) ServeConn(c interface {
	net.Conn
	CloseWrite() error
}) {
	s.conns.ServeConn(c)
}
