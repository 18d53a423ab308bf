// Package certs makes TLS configurations from files of keys and certificates, as
// Apache's clients and servers read them: PEM, PKCS12 and JKS, chosen by a type or
// by the ending of the file's name (X509Util.java and KeyStoreFileType.java in
// 3.9). Options is what a client says once; Keys are for a server, whose files may
// be replaced while it runs.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFile bounds a file of keys or certificates, in bytes.
const maxFile = 4 << 20

// Store is a file of keys or certificates.
type Store struct {
	File         string // "" for none
	Type         string // PEM, PKCS12 or JKS; "" goes by the ending: .pem, .p12 (.pfx), .jks
	Password     Secret
	PasswordFile string // its text is the password, without a line end behind it; "" for Password
}

// Options are what a configuration is made from. The zero value trusts the
// system's authorities and shows no certificate.
type Options struct {
	Trust Store // certificates that are trusted; without a file the system's
	Key   Store // the client's key with its certificates; in PEM both in one file

	// CertFile holds the client's certificates when Key.File is a PEM file with
	// the key alone.
	CertFile string

	AnyHost    bool     // the server's certificate need not name its host
	ServerName string   // the name it must have; "" is the host that was dialed
	Versions   []string // TLSv1.2, TLSv1.3; empty is both
	Ciphers    []string // names of TLS 1.2 suites; empty is Go's choice
}

// Config reads the files. An error names the file, and what to do where that
// can be told.
func (o Options) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if err := versions(c, o.Versions); err != nil {
		return nil, err
	}
	if err := ciphers(c, o.Ciphers); err != nil {
		return nil, err
	}
	if o.Trust.File != "" {
		trusted, err := o.Trust.certificates()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Trust.File, err)
		}
		c.RootCAs = x509.NewCertPool()
		for _, t := range trusted {
			c.RootCAs.AddCert(t)
		}
	}
	if o.Key.File != "" {
		pair, err := o.Key.pair(o.CertFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Key.File, err)
		}
		c.Certificates = []tls.Certificate{*pair}
	} else if o.CertFile != "" {
		return nil, fmt.Errorf("%s: a certificate without its key", o.CertFile)
	}
	if o.AnyHost {
		c.InsecureSkipVerify = true // the chain is verified all the same, below
		c.VerifyConnection = verifyChain(c.RootCAs)
	}
	return c, nil
}

// verifyChain verifies what a server shows without looking at names.
func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			o.Intermediates.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(o)
		return err
	}
}

var versionNames = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

func versions(c *tls.Config, names []string) error {
	if len(names) == 0 {
		return nil
	}
	c.MinVersion, c.MaxVersion = tls.VersionTLS13, 0
	for _, n := range names {
		v, ok := versionNames[n]
		if !ok {
			return fmt.Errorf("the TLS version %q is none of TLSv1.2, TLSv1.3", n)
		}
		c.MinVersion, c.MaxVersion = min(c.MinVersion, v), max(c.MaxVersion, v)
	}
	return nil
}

// ciphers chooses suites by the names that Java and IANA share. Those of TLS
// 1.3 are not for choosing and pass.
func ciphers(c *tls.Config, names []string) error {
	for _, n := range names {
		id, ok := suite(n)
		if !ok {
			return fmt.Errorf("the cipher suite %q is unknown or not safe any more", n)
		}
		c.CipherSuites = append(c.CipherSuites, id)
	}
	return nil
}

func suite(name string) (id uint16, ok bool) {
	i := slices.IndexFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.Name == name })
	if i < 0 {
		return 0, false
	}
	return tls.CipherSuites()[i].ID, true
}

// KnowsCipher reports that a cipher suite can be chosen.
func KnowsCipher(name string) bool { _, ok := suite(name); return ok }

// KnowsVersion reports that a version of TLS is spoken: TLSv1.2 and TLSv1.3.
func KnowsVersion(name string) bool { return versionNames[name] != 0 }

// endings are the types by the ends of names (KeyStoreFileType.fromFilename, and
// those that openssl's users give).
var endings = map[string]string{".pem": "PEM", ".crt": "PEM", ".key": "PEM", ".p12": "PKCS12", ".pfx": "PKCS12", ".jks": "JKS"}

// kind is PEM or PKCS12.
func (s Store) kind() (string, error) {
	kind := strings.ToUpper(s.Type)
	if kind == "" {
		kind = endings[strings.ToLower(filepath.Ext(s.File))]
	}
	switch kind {
	case "PEM", "PKCS12", "JKS":
		return kind, nil
	case "":
		return "", errors.New("its name ends in none of .pem, .p12 and .jks, so the type has to be given: PEM, PKCS12 or JKS")
	}
	return "", fmt.Errorf("the type %q is none of PEM, PKCS12 and JKS", s.Type)
}

// password is Password, or what PasswordFile holds (SecretUtils.java).
func (s Store) password() (Secret, error) {
	if s.PasswordFile == "" {
		return s.Password, nil
	}
	b, err := readFile(s.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("its password file %s: %w", s.PasswordFile, err)
	}
	return Secret(strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")), nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	var path *os.PathError
	if errors.As(err, &path) {
		return nil, path.Err
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("it is longer than %d bytes", maxFile)
	}
	return b, err
}
