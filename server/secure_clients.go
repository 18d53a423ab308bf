package server

import (
	"crypto/x509"
	"fmt"
	"net"
	"strconv"
	"time"

	"zookit/protocol"
	"zookit/server/cnxn"
)

// secureClients is what clients under TLS need; nil without any.
func (s *Server) secureClients() (*cnxn.Secure, error) {
	c := &s.cfg.SecureClients
	if !c.UsesTLS() {
		return nil, nil
	}
	keys, err := s.openKeys(&c.TLS, "ssl.", "the client port")
	if err != nil {
		return nil, err
	}
	return &cnxn.Secure{
		Config:   keys.Server(),
		Timeout:  time.Duration(c.TLS.HandshakeMs) * time.Millisecond,
		Identify: s.identify,
		Plain:    c.PortUnification,
	}, nil
}

// identify is who a client with a certificate is. With
// ssl.clientHostnameVerification its address must be among the certificate's
// names; no name is looked up for it.
func (s *Server) identify(c *x509.Certificate, from net.Addr) ([]protocol.ID, error) {
	if s.cfg.SecureClients.TLS.VerifyCaller {
		host, _, err := net.SplitHostPort(from.String())
		if err == nil {
			err = c.VerifyHostname(host)
		}
		if err != nil {
			return nil, fmt.Errorf("ssl.clientHostnameVerification: %w", err)
		}
	}
	return s.rules.Certificate(c)
}

// listenClients opens the ports for clients that the configuration has.
func (s *Server) listenClients() (plain, secure *net.TCPListener, err error) {
	c := &s.cfg
	if c.ClientPort >= 0 {
		if plain, err = s.listen(c.ClientPortAddress, c.ClientPort, "client port"); err != nil {
			return nil, nil, err
		}
	}
	if c.SecureClients.Port >= 0 {
		if secure, err = s.listen(c.SecureClients.Address, c.SecureClients.Port, "secure client port"); err != nil {
			if plain != nil {
				_ = plain.Close()
			}
			return nil, nil, err
		}
	}
	return plain, secure, nil
}

// SecureAddr is the address of the port for clients under TLS, nil before Start
// and without one.
func (s *Server) SecureAddr() net.Addr { return s.secureAddr }

// Addresses are those of the ports for clients, in words for people.
func (s *Server) Addresses() string {
	switch {
	case s.secureAddr == nil:
		return s.Addr().String()
	case s.Addr() == nil:
		return s.secureAddr.String() + " (TLS)"
	}
	return s.Addr().String() + " and " + s.secureAddr.String() + " (TLS)"
}

// securePort is secureClientPort as conf shows it, -1 without one.
func (s *Server) securePort() int {
	if s.secureAddr == nil {
		return s.cfg.SecureClients.Port
	}
	_, text, _ := net.SplitHostPort(s.secureAddr.String())
	n, _ := strconv.Atoi(text)
	return n
}
