package shell

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"zookit/protocol/certs"
	"zookit/shell/command"
	"zookit/shell/properties"
)

// maxClientConfig bounds the file of -client-configuration, and those of
// passwords that it names, in bytes.
const maxClientConfig = 1 << 20

// clientConfig is what zkcli takes from the properties that Apache's client
// reads (ZKClientConfig.java, ClientX509Util.java in 3.9).
type clientConfig struct {
	maxBuffer int         // jute.maxbuffer in bytes; 0 is the default
	config    *tls.Config // nil is plain TCP
	notes     []string    // lines that have no effect here

	secure    bool
	tls       certs.Options
	passwords [2]string // files that hold the passwords of key store and trust store
}

func (c *clientConfig) load(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	pairs, err := properties.Read(f, maxClientConfig)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if err := c.take(p); err != nil {
			return fmt.Errorf("line %d: %s=%s: %w", p.Line, p.Key, shownValue(p), err)
		}
	}
	if !c.secure {
		return nil
	}
	for i, password := range []*certs.Secret{&c.tls.Key.Password, &c.tls.Trust.Password} {
		if c.passwords[i] == "" {
			continue
		}
		text, err := passwordIn(c.passwords[i])
		if err != nil {
			return err
		}
		*password = certs.Secret(text)
	}
	c.config, err = c.tls.Config()
	return err
}

// shownValue keeps a password out of messages.
func shownValue(p properties.Pair) string {
	if strings.HasSuffix(p.Key, ".password") {
		return "…"
	}
	return p.Value
}

// passwordIn is the text of a password file: its bytes up to the first line
// break, as SecretUtils.java in 3.9 reads it.
func passwordIn(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.Size() > maxClientConfig {
		return "", fmt.Errorf("%s: it is longer than %d bytes", name, maxClientConfig)
	}
	b, err := os.ReadFile(name)
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r"), err
}

func (c *clientConfig) take(p properties.Pair) error {
	value := strings.TrimSpace(p.Value)
	yes := strings.EqualFold(value, "true")
	switch strings.TrimPrefix(p.Key, "zookeeper.") {
	case "jute.maxbuffer":
		n, err := strconv.ParseInt(value, 0, 32)
		if err != nil || n <= 0 {
			return errors.New("it must be a number of bytes")
		}
		c.maxBuffer = int(n)
	case "client.secure":
		c.secure = yes
	case "ssl.keyStore.location":
		c.tls.Key.File = value
	case "ssl.keyStore.password":
		c.tls.Key.Password = certs.Secret(p.Value)
	case "ssl.keyStore.passwordPath":
		c.passwords[0] = value
	case "ssl.keyStore.type":
		c.tls.Key.Type = value
	case "ssl.trustStore.location":
		c.tls.Trust.File = value
	case "ssl.trustStore.password":
		c.tls.Trust.Password = certs.Secret(p.Value)
	case "ssl.trustStore.passwordPath":
		c.passwords[1] = value
	case "ssl.trustStore.type":
		c.tls.Trust.Type = value
	case "ssl.hostnameVerification":
		c.tls.AnyHost = !yes
	case "ssl.protocol":
		if len(c.tls.Versions) == 0 {
			c.tls.Versions = []string{value}
		}
	case "ssl.enabledProtocols":
		c.tls.Versions = listOf(value)
	case "ssl.ciphersuites":
		c.tls.Ciphers = listOf(value)
	case "ssl.crl", "ssl.ocsp":
		if yes {
			return errors.New("zkcli does not ask whether a certificate was revoked; leave it out to go without")
		}
	case "ssl.context.supplier.class":
		return errors.New("zkcli runs no Java classes; name the files with zookeeper.ssl.keyStore.location and zookeeper.ssl.trustStore.location")
	case "sasl.client":
		if yes {
			return errors.New("SASL is not supported yet: set it to false and use addauth")
		}
	case "disableAutoWatchReset", "clientCnxnSocket", "ssl.closeHandshakeDetection.enable", "ssl.handshakeDetectionTimeoutMillis":
		// no difference to a shell
	default:
		c.notes = append(c.notes, fmt.Sprintf("line %d: %s has no effect in zkcli", p.Line, p.Key))
	}
	return nil
}

func listOf(value string) []string {
	list := strings.Split(value, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// clientConfigFailure words a client configuration that cannot be used. Apache
// prints the exception with its cause.
func clientConfigFailure(o *options, err error) string {
	if o.compat.Release == command.Own {
		var path *fs.PathError
		if errors.As(err, &path) {
			return "zkcli: -client-configuration: " + path.Error()
		}
		return "zkcli: -client-configuration " + o.clientConfig + ": " + err.Error()
	}
	cause := err.Error()
	if errors.Is(err, fs.ErrNotExist) {
		cause = o.clientConfig + " file is missing"
	}
	return "org.apache.zookeeper.server.quorum.QuorumPeerConfig$ConfigException: Error while processing " + o.clientConfig +
		"\nCaused by: java.lang.IllegalArgumentException: " + cause
}
