package server

import "net"

// ServeConn serves one connection as the client port does, until it ends.
func (s *Server) ServeConn(c interface {
	net.Conn
	CloseWrite() error
}) {
	s.conns.ServeConn(c)
}

// WithMaxCounter ends an epoch at a lower counter than 0xffffffff.
func WithMaxCounter(n uint32) Option { return func(s *settings) { s.maxCounter = n } }
