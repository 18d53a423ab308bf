package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
)

// jksMagic begins a file of Java's own format (sun.security.provider.JavaKeyStore).
// Files named .jks are of either format: since Java 9 keytool writes PKCS12, and
// Java itself reads both under both names.
var jksMagic = []byte{0xfe, 0xed, 0xfe, 0xed}

func isJKS(b []byte) bool { return bytes.HasPrefix(b, jksMagic) }

func openJKS(b []byte, password Secret) (keystore.KeyStore, error) {
	store := keystore.New(keystore.WithOrderedAliases(), keystore.WithCaseExactAliases())
	if err := store.Load(bytes.NewReader(b), []byte(password)); err != nil {
		// A digest with the password in it is all the protection there is.
		return store, fmt.Errorf("the password is wrong, or the file is damaged (%w)", err)
	}
	return store, nil
}

// jksTrust takes the certificates that are marked as trusted, and in a store
// without any the chains of its keys.
func jksTrust(b []byte, password Secret) ([]*x509.Certificate, error) {
	store, err := openJKS(b, password)
	if err != nil {
		return nil, err
	}
	var raw, chains []keystore.Certificate
	for _, alias := range store.Aliases() {
		if store.IsTrustedCertificateEntry(alias) {
			e, err := store.GetTrustedCertificateEntry(alias)
			if err != nil {
				return nil, err
			}
			raw = append(raw, e.Certificate)
		} else if chain, err := store.GetPrivateKeyEntryCertificateChain(alias); err == nil {
			chains = append(chains, chain...)
		}
	}
	if len(raw) == 0 {
		raw = chains
	}
	var certs []*x509.Certificate
	for _, r := range raw {
		c, err := x509.ParseCertificate(r.Content)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	return certs, nil
}

// jksPair takes the only key of a store; its password is the store's, as
// Apache's X509Util has it.
func jksPair(b []byte, password Secret) (*tls.Certificate, error) {
	store, err := openJKS(b, password)
	if err != nil {
		return nil, err
	}
	var pair *tls.Certificate
	for _, alias := range store.Aliases() {
		if !store.IsPrivateKeyEntry(alias) {
			continue
		}
		if pair != nil {
			return nil, errors.New("there are several keys in it; leave the one this server is to show")
		}
		e, err := store.GetPrivateKeyEntry(alias, []byte(password))
		if err != nil {
			return nil, fmt.Errorf("the key %q has another password than the file (%w): give both the same (keytool -keypasswd)", alias, err)
		}
		key, err := x509.ParsePKCS8PrivateKey(e.PrivateKey)
		if err != nil {
			return nil, err
		}
		pair = &tls.Certificate{PrivateKey: key}
		for _, c := range e.CertificateChain {
			pair.Certificate = append(pair.Certificate, c.Content)
		}
	}
	if pair == nil || len(pair.Certificate) == 0 {
		return nil, errors.New("there is no private key in it")
	}
	return pair, nil
}
