// Package certtest issues certificates for tests, in the files that servers and
// clients read.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// Password protects the stores that have one. It is long enough for keytool,
// and is found nowhere else.
const Password = "canary-7h3pa55w0rd"

// A CA is an authority. Its files are trust stores that hold its certificate.
type CA struct {
	Cert          *x509.Certificate
	PEM, P12, JKS string

	key *ecdsa.PrivateKey
	dir string
}

// An Identity is a key with its certificate, as a PEM file with both, a PKCS12
// and a JKS file.
type Identity struct {
	Cert          *x509.Certificate
	PEM, P12, JKS string
}

// A Subject is what a certificate is for. Its zero value is valid for an hour,
// for both sides of TLS, and for no host.
type Subject struct {
	Name      string   // common name
	Hosts     []string // subject alternative names and addresses
	NotBefore time.Time
	NotAfter  time.Time
	Usages    []x509.ExtKeyUsage // empty: none is said
	Raw       []byte             // DER of the whole subject, in place of Name
}

// NewCA makes an authority whose files are in a directory of the test.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	ca := &CA{Cert: sign(t, template, template, key, key), key: key, dir: t.TempDir()}
	ca.PEM = ca.file(t, name+"-trust.pem", certPEM(ca.Cert))
	b, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ca.Cert}, Password)
	check(t, err)
	ca.P12 = ca.file(t, name+"-trust.p12", b)
	store := keystore.New()
	check(t, store.SetTrustedCertificateEntry("ca", keystore.TrustedCertificateEntry{CreationTime: time.Now(),
		Certificate: keystore.Certificate{Type: "X509", Content: ca.Cert.Raw}}))
	ca.JKS = ca.jks(t, name+"-trust.jks", store)
	return ca
}

// Issue makes a certificate.
func (ca *CA) Issue(t testing.TB, s Subject) *Identity {
	t.Helper()
	if s.NotBefore.IsZero() {
		s.NotBefore = time.Now().Add(-time.Hour)
	}
	if s.NotAfter.IsZero() {
		s.NotAfter = time.Now().Add(time.Hour)
	}
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: serial(t), Subject: pkix.Name{CommonName: s.Name, Organization: []string{"Zoo"}},
		RawSubject: s.Raw, NotBefore: s.NotBefore, NotAfter: s.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: s.Usages}
	for _, h := range s.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	cert := sign(t, template, ca.Cert, key, ca.key)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	name := s.Name + "-" + cert.SerialNumber.Text(36)
	id := &Identity{Cert: cert}
	id.PEM = ca.file(t, name+".pem", append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), append(certPEM(cert), certPEM(ca.Cert)...)...))
	b, err := pkcs12.Modern.Encode(key, cert, []*x509.Certificate{ca.Cert}, Password)
	check(t, err)
	id.P12 = ca.file(t, name+".p12", b)
	store := keystore.New()
	check(t, store.SetPrivateKeyEntry("key", keystore.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: pkcs8, CertificateChain: []keystore.Certificate{
		{Type: "X509", Content: cert.Raw}, {Type: "X509", Content: ca.Cert.Raw}}}, []byte(Password)))
	id.JKS = ca.jks(t, name+".jks", store)
	return id
}

func (ca *CA) jks(t testing.TB, name string, store keystore.KeyStore) string {
	t.Helper()
	path := filepath.Join(ca.dir, name)
	f, err := os.Create(path)
	check(t, err)
	check(t, store.Store(f, []byte(Password)))
	check(t, f.Close())
	return path
}

func (ca *CA) file(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(ca.dir, name)
	check(t, os.WriteFile(path, b, 0o600))
	return path
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	check(t, err)
	return n.Add(n, big.NewInt(1))
}

func sign(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return cert
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
