package server_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/certs"
	"zookit/protocol/certs/certtest"
	"zookit/server/config"
	"zookit/server/zktest"
	"zookit/server/zktest/wire"
)

// A secureServer is a server with a port for clients under TLS, and its authority.
type secureServer struct {
	*zktest.Server
	t   *testing.T
	ca  *certtest.CA
	key *certtest.Identity
	log *logbook
}

func startSecure(t *testing.T, change func(*config.Config)) *secureServer {
	t.Helper()
	s := &secureServer{t: t, ca: certtest.NewCA(t, "ca"), log: new(logbook)}
	s.key = s.ca.Issue(t, certtest.Subject{Name: "server", Hosts: []string{"localhost", "127.0.0.1"}})
	cfg := zktest.Config()
	c := &cfg.SecureClients
	c.Port, c.Address = 0, "127.0.0.1"
	c.TLS.Files.Key, c.TLS.Files.Trust = certs.Store{File: s.key.PEM}, certs.Store{File: s.ca.PEM}
	if change != nil {
		change(cfg)
	}
	s.Server = zktest.StartConfig(t, cfg, s.log.option())
	return s
}

func (s *secureServer) secure() string { return s.Server.Server().SecureAddr().String() }

// as is how a client with a certificate of this name connects; nil is one without.
func (s *secureServer) as(name string) *tls.Config {
	s.t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	c.RootCAs.AddCert(s.ca.Cert)
	if name != "" {
		id := s.ca.Issue(s.t, certtest.Subject{Name: name})
		pair, err := tls.LoadX509KeyPair(id.PEM, id.PEM)
		if err != nil {
			s.t.Fatal(err)
		}
		// Shown to a server that names other authorities, too.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return c
}

func (s *secureServer) dial(addr string, config *tls.Config) *wire.Conn {
	s.t.Helper()
	c, err := wire.Dial(addr, wire.Options{TLS: config})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Drop)
	return c
}

func whoAmI(t *testing.T, c *wire.Conn) []protocol.ClientInfo {
	t.Helper()
	var r protocol.WhoAmIResponse
	if err := c.Do(protocol.OpWhoAmI, nil, &r); err != nil {
		t.Fatal(err)
	}
	return r.Infos
}

// The subject of a client's certificate is its identity: it owns what it makes,
// others have no access, and the super user has.
func TestX509Identity(t *testing.T) {
	t.Parallel()
	s := startSecure(t, func(c *config.Config) { c.SecureClients.SuperUser = "CN=root,O=Zoo" })
	ann := s.dial(s.secure(), s.as("ann"))
	if got := whoAmI(t, ann); len(got) != 2 || got[0].Scheme != "ip" || got[1] != (protocol.ClientInfo{Scheme: "x509", User: "CN=ann,O=Zoo"}) {
		t.Errorf("ann is %+v", got)
	}
	big := bytes.Repeat([]byte("x"), 900_000)
	if err := ann.Do(protocol.OpCreate, &protocol.CreateRequest{Path: "/a", Data: big, ACL: []protocol.ACL{{Perms: protocol.PermAll, Scheme: "auth"}}}, nil); err != nil {
		t.Fatal(err)
	}
	var got protocol.GetDataResponse
	if err := ann.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: "/a", Watch: true}, &got); err != nil || !bytes.Equal(got.Data, big) {
		t.Errorf("%d bytes, %v", len(got.Data), err)
	}
	var acl protocol.GetACLResponse
	if err := ann.Do(protocol.OpGetACL, &protocol.GetACLRequest{Path: "/a"}, &acl); err != nil || len(acl.ACL) != 1 || acl.ACL[0].Scheme != "x509" || acl.ACL[0].ID != "CN=ann,O=Zoo" {
		t.Errorf("%+v, %v", acl, err)
	}
	bob := s.dial(s.secure(), s.as("bob"))
	if err := bob.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: "/a"}, nil); !errors.Is(err, protocol.NoAuth) {
		t.Errorf("bob: %v", err)
	}
	plain := s.dial(s.Addr(), nil)
	if err := plain.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: "/a"}, nil); !errors.Is(err, protocol.NoAuth) {
		t.Errorf("without TLS: %v", err)
	}
	for c, want := range map[*wire.Conn]error{ann: nil, plain: protocol.AuthFailed} {
		if err := c.Auth("x509", ""); !errors.Is(err, want) {
			t.Errorf("addauth x509: %v, want %v", err, want)
		}
	}
	root := s.dial(s.secure(), s.as("root"))
	if err := root.Do(protocol.OpSetData, &protocol.SetDataRequest{Path: "/a", Data: []byte("y"), Version: -1}, nil); err != nil {
		t.Errorf("root: %v", err)
	}
	if r, err := ann.Receive(); err != nil || r.Event == nil || r.Event.Path != "/a" {
		t.Errorf("the watch: %+v, %v", r, err)
	}
	if err := ann.CloseSession(); err != nil {
		t.Error(err)
	}
	if got := word(t, s.Addr(), "conf"); !strings.Contains(got, "\nsecureClientPort="+port(s.secure())+"\n") {
		t.Errorf("conf: %s", got)
	}
}

func port(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }

// Who is let in by which rule; whoever is not has no session, and costs a line.
func TestZK3905ClientsUnderTLS(t *testing.T) {
	t.Parallel()
	need := startSecure(t, nil)
	want := startSecure(t, func(c *config.Config) { c.SecureClients.TLS.Files.ClientAuth = certs.Want })
	none := startSecure(t, func(c *config.Config) {
		c.ClientPort, c.SecureClients.TLS.Files.ClientAuth = -1, certs.None
		c.SecureClients.TLS.Files.Trust = certs.Store{}
	})
	both := startSecure(t, func(c *config.Config) { c.SecureClients.Port, c.SecureClients.PortUnification = -1, true })
	hosts := startSecure(t, func(c *config.Config) { c.SecureClients.TLS.VerifyCaller = true })
	enforced := startSecure(t, func(c *config.Config) {
		c.EnforceAuth, c.EnforceAuthSchemes = true, []string{"x509"}
		c.SecureClients.TLS.Files.ClientAuth = certs.Want
	})
	stranger := func(s *secureServer) *tls.Config { // of another authority
		other := *s
		other.ca = certtest.NewCA(t, "other")
		c := other.as("ann")
		c.RootCAs = s.as("").RootCAs
		return c
	}
	old := need.as("ann")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	for _, c := range []struct {
		name   string
		s      *secureServer
		secure bool // the port
		config *tls.Config
		in     bool
		who    string
	}{
		{"a certificate", need, true, need.as("ann"), true, "CN=ann,O=Zoo"},
		{"none, though needed", need, true, need.as(""), false, ""},
		{"another authority's", need, true, stranger(need), false, ""},
		{"an old TLS", need, true, old, false, ""},
		{"TLS on the plain port", need, false, need.as("ann"), false, ""},
		{"wanted, and shown", want, true, want.as("ann"), true, "CN=ann,O=Zoo"},
		{"wanted, not shown", want, true, want.as(""), true, ""},
		{"wanted, another authority's", want, true, stranger(want), false, ""},
		{"not asked for", none, true, none.as("ann"), true, ""},
		{"one port for both, TLS", both, false, both.as("ann"), true, "CN=ann,O=Zoo"},
		{"one port for both, plain", both, false, nil, true, ""},
		{"the host must be named", hosts, true, hosts.as("ann"), false, ""},
		{"enforced, and shown", enforced, true, enforced.as("ann"), true, "CN=ann,O=Zoo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr := ""
			if c.secure {
				addr = c.s.secure()
			} else {
				addr = c.s.Addr()
			}
			conn, err := wire.Dial(addr, wire.Options{TLS: c.config})
			if err != nil || conn.Session.TimeoutMs == 0 {
				if c.in {
					t.Errorf("not let in: %v", err)
				}
				return
			}
			defer conn.Drop()
			if !c.in {
				t.Fatal("let in")
			}
			who := ""
			for _, i := range whoAmI(t, conn) {
				if i.Scheme == "x509" {
					who = i.User
				}
			}
			if who != c.who {
				t.Errorf("is %q, want %q", who, c.who)
			}
		})
	}
	conn, err := wire.Dial(enforced.secure(), wire.Options{TLS: enforced.as("")})
	if err == nil {
		defer conn.Drop()
		err = conn.Do(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil)
	}
	if !errors.Is(err, protocol.SessionClosedRequireAuth) {
		t.Errorf("enforced, not shown: %v", err)
	}
	if conn, err := wire.Dial(need.secure(), wire.Options{}); err == nil {
		conn.Drop()
		t.Error("let in without TLS")
	}
	need.log.await(t, "this is secureClientPort")
}

// Clients that do not finish their handshake are closed in time, and count
// against the limit of connections meanwhile.
func TestStalledClientHandshake(t *testing.T) {
	t.Parallel()
	s := startSecure(t, func(c *config.Config) { c.SecureClients.TLS.HandshakeMs, c.MaxClientCnxns = 100, 2 })
	var list []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", s.secure())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		list = append(list, c)
	}
	s.log.await(t, "maxClientCnxns reached for this address")
	for _, c := range list {
		_ = c.SetReadDeadline(time.Now().Add(wire.Patience))
		if n, err := c.Read(make([]byte, 1)); err != io.EOF && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

// A key store that is replaced is shown to the next client; those connected stay.
// One half written is not taken.
func TestReplacedServerCertificate(t *testing.T) {
	t.Parallel()
	s := startSecure(t, func(c *config.Config) { c.SecureClients.TLS.Files.Reload = true })
	before := s.dial(s.secure(), s.as("ann"))
	shown := func() string {
		c, err := tls.Dial("tcp", s.secure(), s.as("ann"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if err := os.WriteFile(s.key.PEM+".half", []byte("-----BEGIN CERT"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.key.PEM+".half", s.key.PEM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a word about the file", func() bool {
		if got := shown(); got != "server" {
			t.Errorf("the certificate of %s is shown", got)
		}
		return len(s.log.lines("replaced key or trust store not taken")) > 0
	})
	fresh := s.ca.Issue(t, certtest.Subject{Name: "fresh", Hosts: []string{"localhost"}})
	if err := os.Rename(fresh.PEM, s.key.PEM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new certificate", func() bool { return shown() == "fresh" })
	if err := before.Do(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil); err != nil {
		t.Errorf("the connection from before: %v", err)
	}
}
