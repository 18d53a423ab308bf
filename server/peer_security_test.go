package server_test

import (
	"fmt"
	"strings"
	"testing"

	"zookit/protocol/certs"
	"zookit/protocol/certs/certtest"
	"zookit/protocol/quorum"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
	"zookit/server/zktest"
)

// tlsBetween gives a server its key.
func tlsBetween(cfg *config.Config, ca *certtest.CA, id *certtest.Identity) {
	s := &cfg.Ensemble.Security
	s.SSL = true
	s.TLS.Files.Key = certs.Store{File: id.P12, Password: certtest.Password}
	s.TLS.Files.Trust = certs.Store{File: ca.JKS, Password: certtest.Password}
}

// An ensemble rolls from plain TCP to TLS, one server after the other and without
// a pause: first all take both, then all dial TLS, then none takes anything else. A
// server without a certificate is not let in any more.
func TestRollingToTLS(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	id := ca.Issue(t, certtest.Subject{Name: "peer", Hosts: []string{"127.0.0.1"}})
	o := observe(t, 3, nil, nil)
	o.Start()
	o.Await()
	acked := o.write(t, "/before", 5, 1, 2, 3)
	for i, step := range []struct{ unify, ssl bool }{{true, false}, {true, true}, {false, true}} {
		for sid := int64(1); sid <= 3; sid++ {
			o.Stop(sid)
			tlsBetween(o.configs[sid], ca, id)
			o.configs[sid].Ensemble.Security.PortUnification, o.configs[sid].Ensemble.Security.SSL = step.unify, step.ssl
			o.Start(sid)
			o.Await(sid)
			acked = append(acked, o.write(t, fmt.Sprintf("/%d-%d", i+1, sid), 3, sid)...)
		}
	}
	o.Await()
	for sid := int64(1); sid <= 3; sid++ {
		has(t, o, sid, acked)
	}

	o.Stop(2)
	o.configs[2].Ensemble.Security.SSL = false
	o.Start(2)
	for _, sid := range []int64{1, 3} {
		o.logs[sid].await(t, "it does not speak TLS, which sslQuorum asks for")
	}
	if o.Server(2).Server().Status().Serving {
		t.Error("a server without TLS serves")
	}
	for sid, l := range o.logs {
		if l := l.lines(certtest.Password); len(l) > 0 {
			t.Errorf("server %d logs the password: %s", sid, l)
		}
	}
}

// A key store that cannot be read refuses the server before it opens a port.
func TestUnreadableKeyStore(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	id := ca.Issue(t, certtest.Subject{Name: "peer"})
	cfg := zktest.Config()
	for sid := range int64(3) {
		cfg.Ensemble.Servers.Members = append(cfg.Ensemble.Servers.Members, quorum.Member{ID: sid + 1,
			Addresses: []quorum.Address{{Host: "127.0.0.1", QuorumPort: 1, ElectionPort: 2}}})
	}
	cfg.MyID, cfg.File = 1, "zoo.cfg"
	tlsBetween(cfg, ca, id)
	cfg.Ensemble.Security.TLS.Files.Key.Password = "canary"
	_, err := server.New(cfg, server.WithFS(vfs.NewMem()))
	if want := "zoo.cfg: ssl.quorum.*: no TLS on the ports between servers: " + id.P12 + ": the password is wrong; mend the file"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

// A certificate that the others will refuse is said at the start.
func TestCertificateForAnotherHost(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	id := ca.Issue(t, certtest.Subject{Name: "peer", Hosts: []string{"elsewhere.example"}})
	o := observe(t, 2, nil, func(sid int64, cfg *config.Config) []server.Option {
		tlsBetween(cfg, ca, id)
		return nil
	})
	o.Start(1)
	o.logs[1].await(t, "the certificate of this server does not name the host of its server line")
	o.Start(2)
	o.logs[2].await(t, "cannot validate certificate for 127.0.0.1")
}

// An ensemble whose servers log in to each other; one with another password gets
// no seat, and no password gets into a log.
func TestEnsembleWithSASL(t *testing.T) {
	t.Parallel()
	const password = "canary-5as1"
	o := observe(t, 3, nil, func(sid int64, cfg *config.Config) []server.Option {
		s := &cfg.Ensemble.Security.SASL
		s.Enabled, s.LearnerRequire, s.ServerRequire = true, true, true
		s.User, s.Password, s.Users = "peer", password, map[string]certs.Secret{"peer": password}
		return nil
	})
	o.Start()
	o.Await()
	acked := o.write(t, "/a", 5, 1, 2, 3)
	for sid := int64(1); sid <= 3; sid++ {
		has(t, o, sid, acked)
	}
	leader := o.Leader()
	out := leader%3 + 1
	o.Stop(out)
	o.configs[out].Ensemble.Security.SASL.Password = password + "!"
	o.Start(out)
	o.logs[leader].await(t, "SASL: authentication denied: the user or the password is wrong")
	o.logs[out].await(t, "the other server refuses it: are user and password in its JAAS file")
	if o.Server(out).Server().Status().Serving {
		t.Error("a server with another password serves")
	}
	for sid, l := range o.logs {
		if l := l.lines(password); len(l) > 0 {
			t.Errorf("server %d logs the password: %s", sid, l)
		}
	}
}

// Servers join a running ensemble under TLS and SASL, the larger id first. Their
// certificates have names and no addresses, and who they are is known by a name
// that only the configuration says.
func TestJoinUnderTLS(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	c := newChanging(t, 3, func(sid int64, cfg *config.Config) {
		for i, m := range cfg.Ensemble.Servers.Members {
			at := m.Addresses[0]
			at.Host = "localhost"
			cfg.Ensemble.Servers.Members[i].Addresses = []quorum.Address{at}
		}
		tlsBetween(cfg, ca, ca.Issue(t, certtest.Subject{Name: "peer", Hosts: []string{"localhost"}}))
		s := &cfg.Ensemble.Security.SASL
		s.Enabled, s.LearnerRequire, s.ServerRequire = true, true, true
		s.User, s.Password, s.Users = "peer", "canary", map[string]certs.Secret{"peer": "canary"}
	})
	c.Start(1)
	c.Await(1)
	w := c.write("/w", c.Server(1).Addr())
	for _, sid := range []int64{3, 2} {
		c.Start(sid)
		c.reconfig(1, c.join(sid))
		c.more(w, 20)
	}
	c.awaitMembers("1 2 3", 1, 2, 3)
	c.check(w, 1, 2, 3)
	c.Stop(1)
	c.awaitLeader(2, 3)
}
