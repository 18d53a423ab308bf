package shell

import (
	"crypto/tls"
	"path/filepath"
	"strings"
	"testing"
)

// Apache's property names make the same TLS configuration there and here.
func TestClientConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "client.properties")
	secret := filepath.Join(dir, "secret")
	write(t, secret, "from a file\n")
	load := func(text string) (clientConfig, error) {
		write(t, file, text)
		c := clientConfig{}
		return c, c.load(file)
	}
	write(t, file, "zookeeper.client.secure=true\nzookeeper.ssl.hostnameVerification=false\nzookeeper.ssl.enabledProtocols=TLSv1.2, TLSv1.3\n"+
		"zookeeper.ssl.keyStore.password=one\nzookeeper.ssl.trustStore.passwordPath="+secret+"\njute.maxbuffer=0x100\n")
	c := clientConfig{}
	if err := c.load(file); err != nil {
		t.Fatal(err)
	}
	if c.config == nil || !c.config.InsecureSkipVerify || c.config.VerifyConnection == nil || c.config.MinVersion != tls.VersionTLS12 || c.config.MaxVersion != tls.VersionTLS13 {
		t.Errorf("config %+v", c.config)
	}
	if c.tls.Key.Password != "one" || c.tls.Trust.Password != "from a file" || c.maxBuffer != 0x100 || len(c.notes) != 0 {
		t.Errorf("%+v", c)
	}
	if c, err := load("zookeeper.ssl.keyStore.location=/nowhere.p12\n"); err != nil || c.config != nil {
		t.Errorf("without client.secure nothing is opened: %+v, %v", c, err)
	}
	for text, want := range map[string]string{
		"zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location=/nowhere.p12\n":   "/nowhere.p12: no such file",
		"zookeeper.client.secure=true\nzookeeper.ssl.trustStore.passwordPath=/nowhere\n": "/nowhere: no such file",
		"zookeeper.client.secure=true\nzookeeper.ssl.protocol=SSLv3\n":                   `"SSLv3" is none of`,
		"zookeeper.ssl.crl=true\n":                             "does not ask whether a certificate was revoked",
		"zookeeper.ssl.context.supplier.class=org.example.X\n": "runs no Java classes",
		"zookeeper.sasl.client=true\n":                         "SASL is not supported yet",
		"jute.maxbuffer=many\n":                                "it must be a number of bytes",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
	// A password does not get into a message.
	if got := shownValue(struct {
		Key, Value string
		Line       int
	}{"zookeeper.ssl.keyStore.password", "geheim", 1}); got != "…" {
		t.Errorf("password shown as %q", got)
	}
}
