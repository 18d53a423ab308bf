package shell

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol/certs"
	"zookit/protocol/certs/certtest"
	"zookit/server/zktest"
)

// The shell on our server's secure port, by Apache's client configuration: the
// certificate is who it is.
func TestUnderTLS(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	server, client := ca.Issue(t, certtest.Subject{Name: "server", Hosts: []string{"127.0.0.1"}}), ca.Issue(t, certtest.Subject{Name: "client"})
	cfg := zktest.Config()
	cfg.SecureClients.Port, cfg.SecureClients.Address = 0, "127.0.0.1"
	cfg.SecureClients.TLS.Files.Key, cfg.SecureClients.TLS.Files.Trust = certs.Store{File: server.PEM}, certs.Store{File: ca.PEM}
	addr := zktest.StartConfig(t, cfg).Server().SecureAddr().String()
	file := filepath.Join(t.TempDir(), "client.properties")
	write(t, file, "zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location="+client.JKS+"\nzookeeper.ssl.keyStore.password="+certtest.Password+
		"\nzookeeper.ssl.trustStore.location="+ca.JKS+"\nzookeeper.ssl.trustStore.password="+certtest.Password+"\n")
	run := func(args ...string) (int, string) {
		var out strings.Builder
		code := Main(context.Background(), Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: noEnvironment}, append([]string{"-server", addr}, args...))
		return code, out.String()
	}
	if code, out := run("-client-configuration", file, "create", "/a", "x", "auth::cdrwa"); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	if code, out := run("-client-configuration", file, "whoami"); code != 0 || !strings.Contains(out, "x509") || !strings.Contains(out, "CN=client,O=Zoo") {
		t.Errorf("%d %s", code, out)
	}
	if code, out := run("-connect-timeout", "2000", "get", "/a"); code == 0 || strings.Contains(out, certtest.Password) {
		t.Errorf("without TLS: %d %s", code, out)
	}
}
