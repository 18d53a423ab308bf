package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
)

// ErrNotTLS: the other end does not speak TLS, or ended the connection before
// it said anything in it.
var ErrNotTLS = errors.New("it does not speak TLS on this port (it closed the connection in the handshake)")

// Client is the client's handshake on a connection to addr, host:port, whose
// host the certificate has to name when the configuration names none. The
// connection is closed when it fails.
func Client(ctx context.Context, conn net.Conn, addr string, config *tls.Config) (*tls.Conn, error) {
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			host = addr
		}
		config = config.Clone()
		config.ServerName = host
	}
	client := tls.Client(conn, config)
	err := client.HandshakeContext(ctx)
	if err == nil {
		return client, nil
	}
	conn.Close()
	if header := (tls.RecordHeaderError{}); errors.As(err, &header) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return nil, ErrNotTLS
	}
	return nil, err
}
