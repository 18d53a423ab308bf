package certs

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"zookit/server/zktest/apache"
	"zookit/shell/session"
)

// A stock Apache server with a secure client port that wants certificates takes
// ours, from PEM and from PKCS12, over IPv4 and IPv6; its certificate is from a
// PKCS12 key store as Java reads it.
func TestApache(t *testing.T) {
	t.Parallel()
	apache.Need(t)
	server, client := newIdentity(t, "localhost"), newIdentity(t, "client")
	secure := apache.FreePort(t)
	jars := "/usr/share/java/"
	apache.Start(t, apache.Options{
		Config: []string{
			"secureClientPort=" + strconv.Itoa(secure),
			"ssl.keyStore.location=" + server.p12, "ssl.keyStore.password=" + password,
			"ssl.trustStore.location=" + client.certPEM, "ssl.trustStore.type=PEM",
			"ssl.hostnameVerification=false", "ssl.clientHostnameVerification=false",
		},
		Flags: []string{"-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
			"-cp", apache.ClassPath() + ":" + jars + "netty-codec.jar:" + jars + "netty-resolver.jar"},
	})
	hosts := []string{"127.0.0.1"}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		hosts = append(hosts, "::1")
	} else {
		t.Logf("without IPv6, which this machine lacks: %v", err)
	}
	for name, o := range map[string]Options{
		"PEM":    {Trust: Store{File: server.certPEM}, Key: Store{File: client.keyPEM}, CertFile: client.certPEM, ServerName: "localhost"},
		"PKCS12": {Trust: Store{File: server.trustP12, Password: password}, Key: Store{File: client.p12, Password: password}, ServerName: "localhost"},
	} {
		for _, host := range hosts {
			config, err := o.Config()
			check(t, err)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			s, err := session.Dial(ctx, session.Options{Servers: net.JoinHostPort(host, strconv.Itoa(secure)), TLS: config, ConnectTimeout: 20 * time.Second})
			if err != nil {
				cancel()
				t.Errorf("%s on %s: %v", name, host, err)
				continue
			}
			if names, _, err := s.Children(ctx, "/", false); err != nil || len(names) != 1 {
				t.Errorf("%s on %s: %v, %v", name, host, names, err)
			}
			_ = s.Close(ctx)
			cancel()
		}
	}
}
