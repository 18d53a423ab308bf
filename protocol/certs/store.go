package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// certificates reads a trust store.
func (s Store) certificates() ([]*x509.Certificate, error) {
	kind, err := s.kind()
	if err != nil {
		return nil, err
	}
	b, password, err := s.read()
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	switch {
	case kind == "PEM":
		certs, err = pemCertificates(b)
	case isJKS(b):
		certs, err = jksTrust(b, password)
	default:
		certs, err = pkcs12Trust(b, string(password))
	}
	if err == nil && len(certs) == 0 {
		err = errors.New("there is no certificate in it")
	}
	return certs, err
}

// pair reads a key with its certificates; certFile holds them when a PEM file
// does not.
func (s Store) pair(certFile string) (*tls.Certificate, error) {
	kind, err := s.kind()
	if err != nil {
		return nil, err
	}
	b, password, err := s.read()
	if err != nil {
		return nil, err
	}
	switch {
	case kind != "PEM" && certFile != "":
		return nil, fmt.Errorf("a %s file holds the certificates itself: leave %s out", kind, certFile)
	case isJKS(b):
		return jksPair(b, password)
	case kind != "PEM":
		return pkcs12Pair(b, string(password))
	}
	certs := b
	if certFile != "" {
		if certs, err = readFile(certFile); err != nil {
			return nil, fmt.Errorf("its certificate %s: %w", certFile, err)
		}
	}
	if err := plainKey(b); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certs, b)
	return &pair, err
}

// read is the file's content and its password.
func (s Store) read() ([]byte, Secret, error) {
	password, err := s.password()
	if err != nil {
		return nil, "", err
	}
	b, err := readFile(s.File)
	return b, password, err
}

func pemCertificates(b []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	return certs, nil
}

// plainKey refuses a key that a password protects: the standard library reads
// none, and what there was for the old form is not safe.
func plainKey(b []byte) error {
	found := false
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return errors.New("its key is encrypted, which is not supported in PEM: " +
				"put it into a PKCS12 file (openssl pkcs12 -export), or decrypt it (openssl pkey) and protect the file")
		}
		found = found || bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY"))
	}
	if !found {
		return errors.New("there is no private key in it")
	}
	return nil
}

// pkcs12Trust takes the certificates of a trust store, and also those of a
// PKCS12 file that openssl or an old keytool made, where they are not marked as
// trusted.
func pkcs12Trust(b []byte, password string) ([]*x509.Certificate, error) {
	certs, err := pkcs12.DecodeTrustStore(b, password)
	if err == nil || errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return certs, passwordFault(err)
	}
	_, leaf, chain, chainErr := pkcs12.DecodeChain(b, password)
	if chainErr != nil {
		return nil, err
	}
	return append(chain, leaf), nil
}

func pkcs12Pair(b []byte, password string) (*tls.Certificate, error) {
	key, leaf, chain, err := pkcs12.DecodeChain(b, password)
	if err != nil {
		return nil, passwordFault(err)
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: leaf, Certificate: [][]byte{leaf.Raw}}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

func passwordFault(err error) error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return errors.New("the password is wrong")
	}
	return err
}
