//go:build unix

package shell

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zookit/protocol/certs/certtest"
	"zookit/server/zktest/apache"
	"zookit/shell/command"
)

// zkcli speaks TLS with an Apache server by the properties that Apache's client
// reads, or by a profile: sessions, four-letter words and what is made of them.
// Who comes without is told at once.
func TestTLSWithApache(t *testing.T) {
	t.Parallel()
	apache.Need(t)
	ca := certtest.NewCA(t, "zoo")
	server := ca.Issue(t, certtest.Subject{Name: "server", Hosts: []string{"localhost", "127.0.0.1", "::1"}})
	client := ca.Issue(t, certtest.Subject{Name: "client"})
	port := strconv.Itoa(apache.FreePort(t))
	jars := "/usr/share/java/"
	plain := apache.Start(t, apache.Options{
		Config: []string{
			"secureClientPort=" + port, "4lw.commands.whitelist=srvr,conf",
			"ssl.keyStore.location=" + server.P12, "ssl.keyStore.password=" + certtest.Password,
			"ssl.trustStore.location=" + ca.P12, "ssl.trustStore.password=" + certtest.Password, "ssl.clientHostnameVerification=false",
		},
		Flags: []string{"-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
			"-cp", apache.ClassPath() + ":" + jars + "netty-codec.jar:" + jars + "netty-resolver.jar"},
	}).Addr
	secure := "127.0.0.1:" + port
	dir := t.TempDir()
	properties := filepath.Join(dir, "client.properties")
	write(t, properties, "zookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty\nzookeeper.client.secure=true\n"+
		"zookeeper.ssl.keyStore.location="+client.P12+"\nzookeeper.ssl.keyStore.password="+certtest.Password+"\n"+
		"zookeeper.ssl.trustStore.location="+ca.JKS+"\nzookeeper.ssl.trustStore.password="+certtest.Password+"\n")
	pem := filepath.Join(dir, "pem.properties")
	write(t, pem, "zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location="+client.PEM+"\nzookeeper.ssl.trustStore.location="+ca.PEM+"\n")
	other := certtest.NewCA(t, "other")
	stranger := filepath.Join(dir, "stranger.properties")
	write(t, stranger, "zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location="+client.PEM+"\nzookeeper.ssl.trustStore.location="+other.PEM+"\n")

	v6 := "[::1]:" + port
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Logf("without IPv6, which this machine lacks: %v", err)
		v6 = secure
	} else {
		l.Close()
	}
	for _, c := range []struct {
		args []string
		want string
		exit int
	}{
		{[]string{"-client-configuration", properties, "-server", secure, "ls", "/"}, "[zookeeper]\n", 0},
		{[]string{"-client-configuration", properties, "-server", v6, "ls", "/"}, "[zookeeper]\n", 0},
		{[]string{"-client-configuration", pem, "-server", secure, "ls", "/"}, "[zookeeper]\n", 0},
		{[]string{"-client-configuration", properties, "-server", v6, "srvr"}, "Mode: standalone\n", 0},
		{[]string{"-client-configuration", properties, "-server", secure, "whoami"}, "x509: ", 0},
		{[]string{"-client-configuration", properties, "-server", secure, "status"}, secure + "  ", 0},
		{[]string{"-client-configuration", properties, "-server", secure, "doctor"}, "a certificate is about to expire: CN=server", 1},
		{[]string{"-client-configuration", properties, "-server", secure, "ruok"}, "ruok is not in its 4lw.commands.whitelist", 1},
		{[]string{"-client-configuration", properties, "-server", secure, "srvr", plain}, "Mode: standalone\n", 0}, // a port without TLS beside it
		// Words for who comes the wrong way.
		{[]string{"-server", secure, "srvr"}, "srvr to " + secure + ": this port speaks TLS: say how in a profile", 1},
		{[]string{"-server", secure, "ls", "/"}, "or speaks TLS on this port", command.ExitNoConnection},
		{[]string{"-client-configuration", properties, "-server", plain, "ls", "/"}, "TLS: it does not speak TLS on this port", command.ExitNoConnection},
		{[]string{"-client-configuration", stranger, "-server", secure, "srvr"}, "TLS: tls: failed to verify certificate", command.ExitNoConnection},
		{[]string{"-client-configuration", stranger, "-server", secure, "ls", "/"}, "certificate signed by unknown authority", command.ExitNoConnection},
	} {
		out, stderr, exit := run(t, "", append([]string{"-connect-timeout", "30000"}, c.args...)...)
		if !strings.Contains(out+stderr, c.want) || exit != c.exit {
			t.Errorf("%q: exit %d\n%s%s\nwant %d, %q", c.args[:4], exit, out, stderr, c.exit, c.want)
		}
	}

	// The same by a profile, its password from the environment.
	home := configured(t, secure, "    connect-timeout: 30s\n    tls: {trust: "+ca.PEM+", key: "+client.P12+", key-password-env: KEY}\n")
	cmd := zkcli(t, "dev", "-c", "ls /; srvr")
	cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+home, "KEY="+certtest.Password)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "[zookeeper]\n") || !strings.Contains(string(out), "Mode: standalone") {
		t.Errorf("by a profile: %v\n%s", err, out)
	}
}
