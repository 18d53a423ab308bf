package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// A ClientAuth says what a server asks of its callers.
type ClientAuth int

const (
	Need ClientAuth = iota // a certificate, or there is no connection
	Want                   // a certificate is asked for and checked when it comes
	None                   // none is asked for
)

// A Files is what a server or a peer has its keys from, and the rules of their
// use.
type Files struct {
	Key        Store // its key, with its certificates
	Trust      Store // whom it trusts; without a file nobody
	ClientAuth ClientAuth
	Versions   []string // TLSv1.2, TLSv1.3; empty is both
	Ciphers    []string // names of TLS 1.2 suites; empty is Go's choice

	// Reload looks at the files again, at a handshake, when the last look is
	// older than reloadPause. Files that cannot be used then, such as those
	// half replaced, leave everything as it is.
	Reload bool
}

// reloadPause is the least time between two looks at the files.
const reloadPause = time.Second

// Keys are what Files held last. Their methods may be called from any goroutine.
type Keys struct {
	files Files
	tell  func(error)
	base  tls.Config // versions and suites

	mu     sync.Mutex
	now    material
	looked time.Time
	failed stamps // what the files were when they could not be used
}

// material is what one reading has brought.
type material struct {
	pair  *tls.Certificate
	roots *x509.CertPool
	files stamps
}

// stamps tell whether files were replaced.
type stamps [4]stamp

type stamp struct {
	size     int64
	modified time.Time
}

// Open reads the files. An error names the file, and what to do where that can
// be told. tell, when not nil, is called after files were read anew, from any
// goroutine, with what was wrong with them or nil.
func Open(f Files, tell func(error)) (*Keys, error) {
	k := &Keys{files: f, tell: tell}
	k.base.MinVersion = tls.VersionTLS12
	if err := versions(&k.base, f.Versions); err != nil {
		return nil, err
	}
	if err := ciphers(&k.base, f.Ciphers); err != nil {
		return nil, err
	}
	if f.Key.File == "" {
		return nil, errors.New("there is no key store")
	}
	m, err := f.read()
	if err != nil {
		return nil, err
	}
	k.now, k.looked = *m, time.Now()
	return k, nil
}

func (f *Files) read() (*material, error) {
	m := &material{files: f.stamps(), roots: x509.NewCertPool()}
	var err error
	if m.pair, err = f.Key.pair(""); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Key.File, err)
	}
	if m.pair.Leaf == nil {
		if m.pair.Leaf, err = x509.ParseCertificate(m.pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Key.File, err)
		}
	}
	if f.Trust.File == "" {
		return m, nil
	}
	trusted, err := f.Trust.certificates()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Trust.File, err)
	}
	for _, t := range trusted {
		m.roots.AddCert(t)
	}
	return m, nil
}

// stamps of files that cannot be looked at are zero.
func (f *Files) stamps() (s stamps) {
	for i, name := range []string{f.Key.File, f.Key.PasswordFile, f.Trust.File, f.Trust.PasswordFile} {
		if name == "" {
			continue
		}
		if info, err := os.Stat(name); err == nil {
			s[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return s
}

// current is what the next handshake goes by.
func (k *Keys) current() material {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.files.Reload && time.Since(k.looked) >= reloadPause {
		k.look()
	}
	return k.now
}

// Leaf is the certificate that is shown now.
func (k *Keys) Leaf() *x509.Certificate { return k.current().pair.Leaf }

// look reads the files anew if they were replaced. mu is held.
func (k *Keys) look() {
	k.looked = time.Now()
	s := k.files.stamps()
	if s == k.now.files || s == k.failed {
		return
	}
	m, err := k.files.read()
	if err == nil {
		k.now, k.failed = *m, stamps{}
	} else {
		k.failed = s
	}
	if k.tell != nil {
		k.tell(err)
	}
}

// Server is the configuration of the accepting side. Each handshake goes by the
// files as they are then, so no session is resumed.
func (k *Keys) Server() *tls.Config {
	return &tls.Config{
		MinVersion: k.base.MinVersion, // of what is returned below; linters look here
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			m := k.current()
			c := k.base.Clone()
			c.Certificates = []tls.Certificate{*m.pair}
			c.ClientCAs = m.roots
			c.SessionTicketsDisabled = true
			switch k.files.ClientAuth {
			case Need:
				c.ClientAuth = tls.RequireAndVerifyClientCert
			case Want:
				c.ClientAuth = tls.VerifyClientCertIfGiven
			}
			return c, nil
		},
	}
}

// Client is the configuration of the dialing side: the other one's certificate
// must be valid for the host name or IP address, and for anything when host is
// "". Names are those of the certificate's subject alternative names; its common
// name counts for nothing, and no address is looked up.
func (k *Keys) Client(host string) *tls.Config {
	m := k.current()
	c := k.base.Clone()
	c.RootCAs = m.roots
	// Shown whatever authorities the server names: Go would hold back a
	// certificate that is trusted itself and not by its issuer.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return m.pair, nil }
	c.ServerName = host
	if host == "" {
		c.InsecureSkipVerify = true // the chain is verified all the same, below
		c.VerifyConnection = verifyChain(m.roots)
	}
	return c
}
