package apache

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The classes that Apache's scripts start.
const (
	ServerMain = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
	ShellMain  = "org.apache.zookeeper.ZooKeeperMain"
)

// ClassPath is java's -cp for both: Debian's default configuration and the jar.
func ClassPath() string { return "/etc/zookeeper/conf:" + jar() }

// NettyClassPath is ClassPath with the jars of Netty that TLS needs and Debian's
// jar does not name.
func NettyClassPath() string {
	jars := []string{ClassPath()}
	for _, name := range []string{"netty-codec.jar", "netty-resolver.jar"} {
		jars = append(jars, filepath.Join(filepath.Dir(jar()), name))
	}
	return strings.Join(jars, string(os.PathListSeparator))
}

// FreePort is a port of 127.0.0.1 that nobody listens on at the moment.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
