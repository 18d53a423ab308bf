package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// identity is a self-signed certificate for the host name "server", with its
// key, in the forms that files have.
type identity struct {
	cert                 *x509.Certificate
	pair                 tls.Certificate
	certPEM, keyPEM, p12 string // file names
	trustP12             string
}

const password = "geheim"

func newIdentity(t *testing.T, name string) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	id := &identity{pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
	id.cert, err = x509.ParseCertificate(der)
	check(t, err)
	dir := t.TempDir()
	file := func(end string, b []byte) string {
		full := filepath.Join(dir, name+end)
		check(t, os.WriteFile(full, b, 0o600))
		return full
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	id.certPEM = file(".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	id.keyPEM = file(".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	b, err := pkcs12.Modern.Encode(key, id.cert, nil, password)
	check(t, err)
	id.p12 = file(".p12", b)
	b, err = pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{id.cert}, password)
	check(t, err)
	id.trustP12 = file("-trust.pfx", b)
	return id
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shake is the outcome of a handshake with a server that wants a certificate of
// the client's, in the client's words.
func shake(server, client *identity, config *tls.Config, host string) error {
	pool := x509.NewCertPool()
	pool.AddCert(client.cert)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		a, err := l.Accept()
		if err == nil {
			s := tls.Server(a, &tls.Config{Certificates: []tls.Certificate{server.pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
			err = s.Handshake()
			a.Close()
		}
		done <- err
	}()
	b, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	err = tls.Client(b, config).Handshake()
	b.Close()
	if ended := <-done; err == nil {
		err = ended
	}
	return err
}

func TestConfig(t *testing.T) {
	t.Parallel()
	server, client, other := newIdentity(t, "server"), newIdentity(t, "client"), newIdentity(t, "other")
	both := filepath.Join(t.TempDir(), "both.pem")
	key, _ := os.ReadFile(client.keyPEM)
	cert, _ := os.ReadFile(client.certPEM)
	check(t, os.WriteFile(both, append(key, cert...), 0o600))
	pemTrust, p12Trust := Store{File: server.certPEM}, Store{File: server.trustP12, Password: password}
	p12Key := Store{File: client.p12, Password: password}
	for _, c := range []struct {
		name string
		o    Options
		host string
		want string // part of the error, "" for none
	}{
		{"PEM", Options{Trust: pemTrust, Key: Store{File: both}}, "server", ""},
		{"PEM in two files", Options{Trust: pemTrust, Key: Store{File: client.keyPEM}, CertFile: client.certPEM}, "server", ""},
		{"PKCS12", Options{Trust: p12Trust, Key: p12Key}, "server", ""},
		{"PKCS12 of a key as trust", Options{Trust: Store{File: server.p12, Password: password}, Key: p12Key}, "server", ""},
		{"a type given", Options{Trust: Store{File: server.certPEM, Type: "pem"}, Key: p12Key}, "server", ""},
		{"TLS 1.2 and a suite", Options{Trust: pemTrust, Key: p12Key, Versions: []string{"TLSv1.2"}, Ciphers: []string{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}}, "server", ""},
		{"another name", Options{Trust: pemTrust, Key: p12Key}, "elsewhere", "not elsewhere"},
		{"any name", Options{Trust: pemTrust, Key: p12Key, AnyHost: true}, "elsewhere", ""},
		{"a name given", Options{Trust: pemTrust, Key: p12Key, ServerName: "server"}, "elsewhere", ""},
		{"any name, another authority", Options{Trust: Store{File: other.certPEM}, Key: p12Key, AnyHost: true}, "server", "unknown authority"},
		{"another authority", Options{Trust: Store{File: other.certPEM}, Key: p12Key}, "server", "unknown authority"},
		{"no client certificate", Options{Trust: pemTrust}, "server", "certificate"},
	} {
		config, err := c.o.Config()
		check(t, err)
		if err := shake(server, client, config, c.host); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	id := newIdentity(t, "id")
	dir := t.TempDir()
	file := func(name, text string) string {
		full := filepath.Join(dir, name)
		check(t, os.WriteFile(full, []byte(text), 0o600))
		return full
	}
	locked := file("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Trust: Store{File: filepath.Join(dir, "none.pem")}}, "none.pem: no such file"},
		{Options{Trust: Store{File: file("a.pem", "text")}}, "a.pem: there is no certificate in it"},
		{Options{Trust: Store{File: file("a.p12", "text")}}, "a.p12: "},
		{Options{Trust: Store{File: id.trustP12, Password: "wrong"}}, "the password is wrong"},
		{Options{Trust: Store{File: file("trust.jks", "")}}, "trust.jks: "},
		{Options{Trust: Store{File: file("cut.jks", "\xfe\xed\xfe\xed\x00\x00")}}, "the password is wrong, or the file is damaged"},
		{Options{Trust: Store{File: id.trustP12, PasswordFile: filepath.Join(dir, "none")}}, "its password file"},
		{Options{Trust: Store{File: "trust.bks"}}, "the type has to be given"},
		{Options{Trust: Store{File: "trust", Type: "BCFKS"}}, `the type "BCFKS" is none of PEM, PKCS12 and JKS`},
		{Options{Trust: Store{File: file("long.pem", strings.Repeat("x", maxFile+1))}}, "longer than"},
		{Options{Key: Store{File: id.p12, Password: "wrong"}}, "the password is wrong"},
		{Options{Key: Store{File: id.certPEM}}, "there is no private key in it"},
		{Options{Key: Store{File: locked}}, "openssl pkcs12 -export"},
		{Options{Key: Store{File: id.p12}, CertFile: id.certPEM}, "leave "},
		{Options{Key: Store{File: id.keyPEM}, CertFile: filepath.Join(dir, "none")}, "its certificate"},
		{Options{CertFile: id.certPEM}, "a certificate without its key"},
		{Options{Versions: []string{"SSLv3"}}, `"SSLv3" is none of`},
		{Options{Ciphers: []string{"TLS_RSA_WITH_RC4_128_SHA"}}, "not safe"},
	} {
		if _, err := c.o.Config(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %q", c.o, err, c.want)
		}
	}
}
