package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
)

// Certificates are those a server shows on a TLS port, its own first. They are
// not verified: this is to read them, not to trust the server. A server that
// wants the client's certificate as well has shown its own before it refuses.
func (p *Prober) Certificates(ctx context.Context, addr string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout())
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, reason(err)
	}
	defer conn.Close()
	var shown []*x509.Certificate
	client := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, // looked at, not trusted
		VerifyConnection: func(s tls.ConnectionState) error {
			shown = s.PeerCertificates
			return nil
		},
	})
	err = client.HandshakeContext(ctx)
	if len(shown) > 0 {
		return shown, nil
	}
	if err == nil {
		err = errors.New("it showed no certificate")
	}
	return nil, err
}
