package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"zookit/shell/command"
	"zookit/shell/properties"
)

// maxClientConfig bounds the file of -client-configuration, in bytes.
const maxClientConfig = 1 << 20

// clientConfig is what zkcli takes from the properties that Apache's client
// reads (ZKClientConfig.java in 3.9).
type clientConfig struct {
	maxBuffer int      // jute.maxbuffer in bytes; 0 is the default
	notes     []string // lines that have no effect here
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
			return fmt.Errorf("line %d: %s=%s: %w", p.Line, p.Key, p.Value, err)
		}
	}
	return nil
}

func (c *clientConfig) take(p properties.Pair) error {
	value := strings.TrimSpace(p.Value)
	switch p.Key {
	case "jute.maxbuffer":
		n, err := strconv.ParseInt(value, 0, 32)
		if err != nil || n <= 0 {
			return errors.New("it must be a number of bytes")
		}
		c.maxBuffer = int(n)
	case "zookeeper.client.secure":
		if strings.EqualFold(value, "true") {
			return errors.New("TLS is not supported yet: use a server's plain client port")
		}
	case "zookeeper.sasl.client":
		if strings.EqualFold(value, "true") {
			return errors.New("SASL is not supported yet: set it to false and use addauth")
		}
	case "zookeeper.disableAutoWatchReset", "zookeeper.clientCnxnSocket":
		// no difference to a shell
	default:
		c.notes = append(c.notes, fmt.Sprintf("line %d: %s has no effect in zkcli", p.Line, p.Key))
	}
	return nil
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
