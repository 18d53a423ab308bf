package server

import (
	"crypto/x509"
	"time"

	"zookit/protocol/certs"
	"zookit/server/config"
	"zookit/server/peer"
)

// expiresSoon is how long before its end a certificate is warned of at the
// start.
const expiresSoon = 14 * 24 * time.Hour

// peerSecurity is what stands before the ports between servers; nil is nothing.
func (s *Server) peerSecurity() (*peer.Security, error) {
	c := &s.cfg.Ensemble.Security
	if !c.UsesTLS() && !c.SASL.Enabled {
		return nil, nil
	}
	g := &peer.Security{Timeout: time.Duration(c.TLS.HandshakeMs) * time.Millisecond}
	if c.UsesTLS() {
		keys, err := s.openKeys(&c.TLS, "ssl.quorum.", "the ports between servers")
		if err != nil {
			return nil, err
		}
		s.checkOwnName(keys.Leaf())
		g.Keys, g.Plain, g.DialPlain = keys, c.PortUnification, !c.SSL
		g.AnyServer, g.AnyCaller = !c.TLS.VerifyHost, !c.TLS.VerifyCaller
	}
	if a := &c.SASL; a.Enabled {
		g.SASL = &peer.SASL{LogsIn: a.LearnerRequire, User: a.User, Password: a.Password, Required: a.ServerRequire, Users: a.Users}
	}
	return g, nil
}

// review looks again at the certificates of those connected: who had no server
// line may have one now.
func (m *members) review() {
	m.proposed.Store(m.next)
	for _, l := range []*peer.Learners{m.learners, m.hosted} {
		if l != nil {
			l.Review()
		}
	}
}

// checkOwnName says before the others do, in words that this server does not
// hear, that they will refuse it.
func (s *Server) checkOwnName(c *x509.Certificate) {
	self, _ := s.cfg.Self()
	var hosts []string
	for _, a := range self.Addresses {
		if c.VerifyHostname(a.Host) == nil {
			return
		}
		hosts = append(hosts, a.Host)
	}
	if len(hosts) > 0 {
		s.log.Error("the certificate of this server does not name the host of its server line: the others will refuse it, unless ssl.quorum.hostnameVerification=false is set there",
			"sid", self.ID, "hosts", hosts, "subject", c.Subject.String(), "names", c.DNSNames, "addresses", c.IPAddresses)
	}
}

// openKeys reads the key and trust store of a port, whose keys in zoo.cfg begin
// with prefix.
func (s *Server) openKeys(t *config.TLS, prefix, port string) (*certs.Keys, error) {
	keys, err := certs.Open(t.Files, func(err error) {
		if err != nil {
			s.log.Warn("replaced key or trust store not taken: the last ones stay in use", "port", port, "error", err)
			return
		}
		s.log.Info("replaced key or trust store taken", "port", port)
	})
	if err != nil {
		return nil, &config.Error{File: s.cfg.File, Key: prefix + "*", Why: "no TLS on " + port + ": " + err.Error(),
			Mend: "mend the file, or " + prefix + "keyStore.* and " + prefix + "trustStore.*"}
	}
	s.noteExpiry(keys.Leaf(), port)
	return keys, nil
}

// noteExpiry warns of a certificate that nobody will take, soon or already.
func (s *Server) noteExpiry(c *x509.Certificate, port string) {
	now := time.Now()
	args := []any{"port", port, "subject", c.Subject.String(), "notBefore", c.NotBefore, "notAfter", c.NotAfter}
	switch {
	case now.After(c.NotAfter):
		s.log.Error("the certificate of this server has expired: nobody will take it", args...)
	case now.Before(c.NotBefore):
		s.log.Error("the certificate of this server is not valid yet: nobody will take it; is the clock right?", args...)
	case now.Add(expiresSoon).After(c.NotAfter):
		s.log.Warn("the certificate of this server expires soon", args...)
	}
}
