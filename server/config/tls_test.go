package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zookit/protocol/certs"
)

// The keys of TLS between servers, in zoo.cfg and as -D arguments, of which the line wins.
func TestPeerTLSKeys(t *testing.T) {
	t.Parallel()
	text, env := threeOf("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n"+`sslQuorum=true
portUnification=true
sslQuorumReloadCertFiles=true
ssl.quorum.keyStore.location=/k.jks
ssl.quorum.keyStore.password=canary
ssl.quorum.trustStore.location=/t
ssl.quorum.trustStore.type=pkcs12
ssl.quorum.trustStore.passwordPath=/t.password
ssl.quorum.protocol=TLSv1.2
ssl.quorum.ciphersuites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_RSA_WITH_RC4_128_SHA
ssl.quorum.clientAuth=WANT
ssl.quorum.handshakeDetectionTimeoutMillis=100
`, nil)
	env.Defines = []string{"zookeeper.ssl.quorum.hostnameVerification=false", "zookeeper.ssl.quorum.keyStore.location=/other"}
	c, warnings, err := Parse("zoo.cfg", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Ensemble.Security
	f := s.TLS.Files
	if !s.SSL || !s.PortUnification || !f.Reload || s.TLS.VerifyHost || s.TLS.VerifyCaller || s.TLS.HandshakeMs != 100 || f.ClientAuth != certs.Want ||
		f.Key != (certs.Store{File: "/k.jks", Password: "canary"}) || f.Trust != (certs.Store{File: "/t", Type: "pkcs12", PasswordFile: "/t.password"}) ||
		!slices.Equal(f.Versions, []string{"TLSv1.2"}) || !slices.Equal(f.Ciphers, []string{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}) {
		t.Errorf("got %+v", s)
	}
	said := fmt.Sprint(warnings)
	for _, want := range []string{"left out, unknown or not safe any more: TLS_RSA_WITH_RC4_128_SHA", "servers may still call without TLS", "is let in without a certificate", "this line wins over zookeeper.ssl.quorum.keyStore.location"} {
		if !strings.Contains(said, want) {
			t.Errorf("no warning %q in %s", want, said)
		}
	}
	c.Text = ""
	shown, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if all := string(shown) + fmt.Sprintf("%v %+v %#v %s", *c, *c, *c, warnings); strings.Contains(all, "canary") {
		t.Errorf("the password shows: %s", all)
	}
}

// Passwords are repeated in no refusal and no warning.
func TestPasswordsAreNotRepeated(t *testing.T) {
	t.Parallel()
	text, env := threeOf("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n"+`ssl.quorum.keyStore.password=canary1
ssl.quorum.keyStore.password=canary2 # canary3
ssl.quorum.keyStore.passwrod=canary4 # canary8
zookeeper.ssl.quorum.keyStore.password=canary5
sslQuorum=true
`, nil)
	env.Defines = []string{"zookeeper.ssl.quorum.keyStore.password=canary6", "zookeeper.ssl.quorum.trustStore.passwort=canary7"}
	_, warnings, err := Parse("zoo.cfg", []byte(text), env)
	if all := fmt.Sprint(warnings, err); err == nil || strings.Contains(all, "canary") {
		t.Errorf("a password shows, or nothing is refused: %s", all)
	}
}
