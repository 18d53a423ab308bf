package session

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
)

// certificate is a self-signed one for 127.0.0.1.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t)
	f := newFake(t, func(p *peer) {
		p.conn = tls.Server(p.conn, &tls.Config{Certificates: []tls.Certificate{cert}})
		p.frames = protocol.NewFrameReader(p.conn, 1<<20)
		if err := p.conn.(*tls.Conn).Handshake(); err == nil {
			good(p)
		}
	})
	s := open(t, Options{Servers: f.addr(), TLS: &tls.Config{RootCAs: pool}})
	if data, _, err := s.Get(bounded(t), "/a", false); err != nil || string(data) != "x" {
		t.Errorf("%q %v", data, err)
	}
	err := dialError(t, Options{Servers: f.addr(), TLS: &tls.Config{}})
	if !strings.Contains(err.Error(), "TLS: ") || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
}
