package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
)

// HandshakeRecord is the first byte of a TLS handshake (RFC 8446, 5.1). Nothing
// that ZooKeeper's own protocols begin with begins so.
const HandshakeRecord = 0x16

// A Channel is a connection under TLS. Its end is that of TCP: ZooKeeper's
// messages say their length themselves, so nothing is cut short unnoticed, and
// closing never waits for the other side.
type Channel struct{ *tls.Conn }

// Close closes the connection below, at once.
func (c Channel) Close() error { return c.NetConn().Close() }

// Read reads; a connection that ends without a farewell of TLS has ended.
func (c Channel) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// Peer is the certificate of the other side; nil when it has shown none.
func (c Channel) Peer() *x509.Certificate {
	if shown := c.ConnectionState().PeerCertificates; len(shown) > 0 {
		return shown[0]
	}
	return nil
}
