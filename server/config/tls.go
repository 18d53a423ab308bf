package config

import (
	"fmt"
	"math"
	"strings"

	"zookit/protocol/certs"
)

// A TLS is what the keys say that begin with ssl.quorum., for the ports between servers, or with ssl., for the port of
// clients (Apache X509Util, QuorumX509Util, ClientX509Util).
type TLS struct {
	Files        certs.Files // keyStore.*, trustStore.*, protocol, enabledProtocols, ciphersuites, clientAuth
	VerifyHost   bool        // hostnameVerification: a server's certificate must name the host that was dialed
	VerifyCaller bool        // clientHostnameVerification: a caller's must name its host; without VerifyHost it need not either
	HandshakeMs  int         // handshakeDetectionTimeoutMillis: a connection is under TLS by then

	protocol string // protocol, which enabledProtocols replaces
}

const defaultHandshakeMs = 5000

// Security is the part of an ensemble's configuration that keeps strangers out of it.
type Security struct {
	SSL             bool // sslQuorum: other servers are dialed, and call, under TLS
	PortUnification bool // portUnification: they may call without it, too
	ReloadCertFiles bool // sslQuorumReloadCertFiles: key and trust stores that are replaced are read again
	TLS             TLS
	SASL            SASL
}

func defaultSecurity() Security {
	return Security{TLS: TLS{VerifyHost: true, VerifyCaller: true, HandshakeMs: defaultHandshakeMs}, SASL: defaultSASL()}
}

// UsesTLS reports that a port between servers speaks it, alone or beside plain TCP.
func (s *Security) UsesTLS() bool { return s.SSL || s.PortUnification }

var securityKeys = append([]key{
	fileOnly("sslQuorum", security(func(s *Security) *bool { return &s.SSL })),
	fileOnly("portUnification", security(func(s *Security) *bool { return &s.PortUnification })),
	fileOnly("sslQuorumReloadCertFiles", security(func(s *Security) *bool { return &s.ReloadCertFiles })),
}, tlsKeys("ssl.quorum.", only, func(c *Config) *TLS { return &c.Ensemble.Security.TLS })...)

func security(field func(*Security) *bool) setter {
	return boolean(func(c *Config) *bool { return field(&c.Ensemble.Security) })
}

// tlsKeys are the keys below a prefix; mark says where they mean something.
func tlsKeys(prefix string, mark func(key) key, of func(*Config) *TLS) []key {
	text := func(field func(*TLS) *string) setter {
		return func(c *Config, v string) (note, why, mend string) {
			*field(of(c)) = v
			return "", "", ""
		}
	}
	flag := func(field func(*TLS) *bool) setter {
		return boolean(func(c *Config) *bool { return field(of(c)) })
	}
	off := func(name, what string) key {
		return refuse(zk(prefix+name, nil), "true", what+" is not supported by this release, so a revoked certificate would be taken", "remove the line, and take what is revoked out of the trust store, or issue short-lived certificates")
	}
	var keys []key
	for _, part := range []struct {
		name  string
		store func(*TLS) *certs.Store
	}{
		{"keyStore.", func(t *TLS) *certs.Store { return &t.Files.Key }},
		{"trustStore.", func(t *TLS) *certs.Store { return &t.Files.Trust }},
	} {
		keys = append(keys,
			zk(prefix+part.name+"location", text(func(t *TLS) *string { return &part.store(t).File })),
			secret(zk(prefix+part.name+"password", func(c *Config, v string) (note, why, mend string) {
				part.store(of(c)).Password = certs.Secret(v)
				return "", "", ""
			})),
			zk(prefix+part.name+"passwordPath", text(func(t *TLS) *string { return &part.store(t).PasswordFile })),
			zk(prefix+part.name+"type", func(c *Config, v string) (note, why, mend string) {
				switch strings.ToUpper(v) {
				case "", "PEM", "PKCS12", "JKS":
					part.store(of(c)).Type = v
					return "", "", ""
				}
				return "", "no type of store that can be read", "write PEM, PKCS12 or JKS, or leave it to the ending of the file's name"
			}))
	}
	keys = append(keys,
		zk(prefix+"protocol", func(c *Config, v string) (note, why, mend string) {
			if !certs.KnowsVersion(v) {
				return "", "no version of TLS that is safe", "write TLSv1.3 or TLSv1.2, or leave the line out for both"
			}
			of(c).protocol = v
			return "", "", ""
		}),
		zk(prefix+"enabledProtocols", tlsList(func(c *Config) *[]string { return &of(c).Files.Versions }, certs.KnowsVersion, "TLSv1.3,TLSv1.2")),
		zk(prefix+"ciphersuites", tlsList(func(c *Config) *[]string { return &of(c).Files.Ciphers }, certs.KnowsCipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")),
		zk(prefix+"clientAuth", clientAuth(of)),
		zk(prefix+"hostnameVerification", flag(func(t *TLS) *bool { return &t.VerifyHost })),
		zk(prefix+"clientHostnameVerification", flag(func(t *TLS) *bool { return &t.VerifyCaller })),
		zk(prefix+"handshakeDetectionTimeoutMillis", integer(func(c *Config) *int { return &of(c).HandshakeMs }, 1, math.MaxInt32, "milliseconds")),
		off("crl", "the check of revocation lists"), off("ocsp", "OCSP"),
		refuse(zk(prefix+"context.supplier.class", nil), "", "a class of Java cannot be loaded here", "remove the line, and name key and trust store"),
	)
	for i := range keys {
		keys[i] = mark(keys[i])
	}
	return keys
}

// tlsList takes the names that are known out of a list; those that are not are left out aloud, as long as one is left.
func tlsList(field func(*Config) *[]string, knows func(string) bool, example string) setter {
	return func(c *Config, v string) (note, why, mend string) {
		var known, unknown []string
		for _, name := range strings.Split(v, ",") {
			switch name = trim(name); {
			case name == "":
			case knows(name):
				known = append(known, name)
			default:
				unknown = append(unknown, name)
			}
		}
		if len(known) == 0 {
			return "", "none of these is safe to use", "write some of " + example + ", or leave the line out"
		}
		*field(c) = known
		if len(unknown) > 0 {
			note = fmt.Sprintf("left out, unknown or not safe any more: %s", printable(strings.Join(unknown, ", ")))
		}
		return note, "", ""
	}
}

func clientAuth(of func(*Config) *TLS) setter {
	return func(c *Config, v string) (note, why, mend string) {
		words := map[string]certs.ClientAuth{"need": certs.Need, "want": certs.Want, "none": certs.None}
		auth, ok := words[strings.ToLower(v)]
		if !ok {
			return "", "not known", "write need, want or none"
		}
		of(c).Files.ClientAuth = auth
		return "", "", ""
	}
}

// settleTLS settles what depends on several keys.
func (t *TLS) settle(reload bool) {
	t.Files.Reload = reload
	t.VerifyCaller = t.VerifyCaller && t.VerifyHost
	if len(t.Files.Versions) == 0 && t.protocol != "" {
		t.Files.Versions = []string{t.protocol}
	}
}

// peerTLS checks the keys of TLS between servers.
func (l *loader) peerTLS() {
	s := &l.config.Ensemble.Security
	s.TLS.settle(s.ReloadCertFiles)
	if !s.UsesTLS() {
		return
	}
	switched, why := l.lines["sslQuorum"], "sslQuorum=true"
	if !s.SSL {
		switched, why = l.lines["portUnification"], "portUnification=true"
		l.warn(switched.Line, switched.Key, "servers may call under TLS, and are dialed without: set sslQuorum=true as the next step, once all servers have this line")
	} else if s.PortUnification {
		at := l.lines["portUnification"]
		l.warn(at.Line, at.Key, "servers may still call without TLS: remove this line once all servers have sslQuorum=true")
	}
	l.stores(switched, "ssl.quorum.", why, &s.TLS, true)
	if s.SSL && s.TLS.Files.ClientAuth != certs.Need {
		at := l.lines["ssl.quorum.clientAuth"]
		l.warn(at.Line, at.Key, "whoever reaches the ports between servers is let in without a certificate; leave this out")
	}
}

// stores refuses TLS without a key, or without anybody to trust where trust is needed.
func (l *loader) stores(at property, prefix, why string, t *TLS, trust bool) {
	if t.Files.Key.File == "" && !l.failed(prefix+"keyStore.location") {
		l.refuse(at.Line, prefix+"keyStore.location", "", "not set, and "+why+" needs it", "name a file with this server's key and certificates (PEM, PKCS12 or JKS)")
	}
	if t.Files.Trust.File == "" && trust && !l.failed(prefix+"trustStore.location") {
		l.refuse(at.Line, prefix+"trustStore.location", "", "not set, and "+why+" needs it", "name a file with the certificates of the authorities to trust (PEM, PKCS12 or JKS)")
	}
}
