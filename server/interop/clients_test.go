//go:build interop

package interop

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/certs"
	"zookit/protocol/certs/certtest"
	"zookit/server/zktest"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/wire"
)

// The same certificates are the same identities on Apache's secure port and on
// ours, whatever their subjects hold; the super user is super on both.
func TestIdentitiesOfCertificates(t *testing.T) {
	t.Parallel()
	apache.Need(t)
	const super = "CN=ann,OU=ops,O=Zoo,C=DE"
	ca := certtest.NewCA(t, "ca")
	server := ca.Issue(t, certtest.Subject{Name: "server", Hosts: []string{"localhost", "127.0.0.1"}})
	port := apache.FreePort(t)
	apache.Start(t, apache.Options{
		Config: []string{
			"secureClientPort=" + strconv.Itoa(port), "secureClientPortAddress=127.0.0.1",
			"ssl.keyStore.location=" + server.JKS, "ssl.keyStore.password=" + certtest.Password,
			"ssl.trustStore.location=" + ca.P12, "ssl.trustStore.password=" + certtest.Password,
			"ssl.clientHostnameVerification=false", "X509AuthenticationProvider.superUser=" + super,
		},
		Flags: []string{"-cp", apache.NettyClassPath(), "-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
			"-Dzookeeper.authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider"},
	})
	cfg := zktest.Config()
	cfg.SecureClients.Port, cfg.SecureClients.Address, cfg.SecureClients.SuperUser = 0, "127.0.0.1", super
	cfg.SecureClients.TLS.Files.Key, cfg.SecureClients.TLS.Files.Trust = certs.Store{File: server.PEM}, certs.Store{File: ca.PEM}
	ours := zktest.StartConfig(t, cfg)

	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	who := func(addr string, raw []byte) string {
		id := ca.Issue(t, certtest.Subject{Name: "client", Raw: raw})
		pair, err := tls.LoadX509KeyPair(id.PEM, id.PEM)
		if err != nil {
			t.Fatal(err)
		}
		c, err := wire.Dial(addr, wire.Options{TLS: &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{pair}}})
		if err != nil {
			return err.Error()
		}
		defer c.Drop()
		var r protocol.WhoAmIResponse
		err = c.Do(protocol.OpWhoAmI, nil, &r)
		slices.SortFunc(r.Infos, func(a, b protocol.ClientInfo) int { return strings.Compare(a.Scheme, b.Scheme) }) // Apache's are in no order
		acl := []protocol.ACL{{Perms: protocol.PermAll, Scheme: "auth"}}
		made := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: "/own-", ACL: acl, Flags: protocol.FlagEphemeralSequential}, nil)
		return fmt.Sprintf("%+v %v, create: %v", r.Infos, err, made)
	}
	for name, raw := range certtest.Subjects(t) {
		theirs, our := who(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), raw), who(ours.Server().SecureAddr().String(), raw)
		if theirs != our || !strings.Contains(our, name) {
			t.Errorf("%s: Apache's is %s, ours %s", name, theirs, our)
		}
	}
}

// Apache's shell works on our secure port.
func TestApacheShellUnderTLS(t *testing.T) {
	t.Parallel()
	apache.Need(t)
	ca := certtest.NewCA(t, "ca")
	server := ca.Issue(t, certtest.Subject{Name: "server", Hosts: []string{"localhost", "127.0.0.1"}})
	client := ca.Issue(t, certtest.Subject{Name: "client"})
	cfg := zktest.Config()
	cfg.SecureClients.Port, cfg.SecureClients.Address = 0, "127.0.0.1"
	cfg.SecureClients.TLS.Files.Key, cfg.SecureClients.TLS.Files.Trust = certs.Store{File: server.JKS, Password: certtest.Password}, certs.Store{File: ca.JKS, Password: certtest.Password}
	srv := zktest.StartConfig(t, cfg)
	file := filepath.Join(t.TempDir(), "client.properties")
	text := strings.Join([]string{"zookeeper.client.secure=true", "zookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty",
		"zookeeper.ssl.keyStore.location=" + client.P12, "zookeeper.ssl.keyStore.password=" + certtest.Password,
		"zookeeper.ssl.trustStore.location=" + ca.P12, "zookeeper.ssl.trustStore.password=" + certtest.Password}, "\n")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(srv.Server().SecureAddr().String())
	got := apache.ShellWith(t, []string{"-cp", apache.NettyClassPath()}, "localhost:"+port, "create /a data auth::cdrwa\ngetAcl /a\nset /a more\nget /a\nwhoami\nquit\n", "-client-configuration", file)
	for _, want := range []string{"'x509,'CN=client%2CO=Zoo\n", "\nmore\n", "x509: CN=client,O=Zoo"} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("no %q in\n%s%s", want, got.Stdout, got.Stderr)
		}
	}
}
