package apache

import (
	"net"
	"testing"
)

// The classes that Apache's scripts start.
const (
	ServerMain = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
	ShellMain  = "org.apache.zookeeper.ZooKeeperMain"
)

// ClassPath is java's -cp for both: Debian's default configuration and the jar.
func ClassPath() string { return "/etc/zookeeper/conf:" + jar() }

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
