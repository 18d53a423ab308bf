package config

import (
	"fmt"
	"slices"

	"zookit/protocol/certs"
)

// A SecureClients is what a configuration says of clients under TLS.
type SecureClients struct {
	Port            int    // secureClientPort; -1 is none, 0 takes a free one
	Address         string // secureClientPortAddress; "" is every interface
	PortUnification bool   // client.portUnification: clientPort takes TLS beside plain TCP
	ReloadCertFiles bool   // client.certReload: key and trust stores that are replaced are read again
	TLS             TLS    // the keys that begin with ssl.
	X509            bool   // authProvider.x509: ACLs of scheme x509 are known; they are with TLS, too
	SuperUser       string // X509AuthenticationProvider.superUser: the subject that may do everything
}

func defaultSecureClients() SecureClients {
	return SecureClients{Port: unsetPort, TLS: TLS{VerifyHost: true, HandshakeMs: defaultHandshakeMs}}
}

// UsesTLS reports that clients may come under TLS.
func (s *SecureClients) UsesTLS() bool { return s.Port != unsetPort || s.PortUnification }

// KnowsX509 reports that ACLs may name subjects of certificates.
func (s *SecureClients) KnowsX509() bool {
	return s.X509 || s.UsesTLS() && s.TLS.Files.ClientAuth != certs.None
}

// x509Provider is the class of Apache's that scheme x509 here does the work of.
const x509Provider = "org.apache.zookeeper.server.auth.X509AuthenticationProvider"

var secureClientKeys = append([]key{
	fileOnly("secureClientPort", port(func(c *Config) *int { return &c.SecureClients.Port })),
	fileOnly("secureClientPortAddress", address(func(c *Config) *string { return &c.SecureClients.Address }, "secureClientPort")),
	zk("client.portUnification", boolean(func(c *Config) *bool { return &c.SecureClients.PortUnification })),
	zk("client.certReload", boolean(func(c *Config) *bool { return &c.SecureClients.ReloadCertFiles })),
	zk("X509AuthenticationProvider.superUser", func(c *Config, v string) (note, why, mend string) {
		c.SecureClients.SuperUser = v
		return "", "", ""
	}),
	zk("authProvider.x509", func(c *Config, v string) (note, why, mend string) {
		if v != x509Provider {
			return "", "a class of Java cannot be loaded here", "write " + x509Provider + ", whose work is done here, or leave the line out"
		}
		c.SecureClients.X509 = true
		return "", "", ""
	}),
	refuse(zk("ssl.authProvider", nil), "", "a class of Java cannot be loaded here", "leave the line out: certificates are authenticated as scheme x509"),
}, tlsKeys("ssl.", func(k key) key { return k }, func(c *Config) *TLS { return &c.SecureClients.TLS })...)

// clientTLS checks the keys of TLS on the client port.
func (l *loader) clientTLS() {
	s := &l.config.SecureClients
	s.TLS.settle(s.ReloadCertFiles)
	if slices.Contains(l.config.EnforceAuthSchemes, "x509") && (!s.UsesTLS() || s.TLS.Files.ClientAuth == certs.None) {
		at := l.lines["enforce.auth.schemes"]
		l.refuse(at.Line, "enforce.auth.schemes", at.Bare, "no client could show a certificate", "set secureClientPort, and ssl.clientAuth to need or want; or leave x509 out")
	}
	if at, set := l.lines["secureClientPortAddress"]; set && s.Port == unsetPort {
		l.refuse(at.Line, at.Key, at.Bare, "secureClientPort is not set", "set it, or remove this line")
	}
	if !s.UsesTLS() {
		return
	}
	at, why := l.lines["secureClientPort"], fmt.Sprintf("secureClientPort=%d", s.Port)
	if s.Port == unsetPort {
		at, why = l.lines["client.portUnification"], "client.portUnification=true"
	}
	l.stores(at, "ssl.", why, &s.TLS, s.TLS.Files.ClientAuth != certs.None)
	if s.Port > 0 && s.Port == l.config.ClientPort && !l.failed("clientPort") {
		l.refuse(at.Line, at.Key, at.Bare, "clientPort is the same", "use two ports, or client.portUnification=true and one")
	}
	self, _ := l.config.Self()
	for _, a := range self.Addresses {
		if s.Port > 0 && l.config.Distributed() && (s.Port == a.QuorumPort || s.Port == a.ElectionPort) {
			l.refuse(at.Line, at.Key, at.Bare, "it is a port of this server's line too", "use different ports")
		}
	}
}
