package apache

import (
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// A write outlives a crash and a stop of the server, and the shell of Apache reads it.
func TestStartKillRestartShell(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{Config: []string{"snapCount=10"}})
	c, err := wire.Dial(s.Addr, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: "/kept", Data: []byte("v"), ACL: protocol.OpenACL}, nil); err != nil {
		t.Fatal(err)
	}
	s.Kill9()
	s.Restart()
	s.Stop()
	s.Restart()
	if got := Shell(t, s.Addr, "", "get", "/kept"); got.Code != 0 || !strings.HasSuffix(got.Stdout, "\nv\n") || strings.Contains(got.Stderr, "SLF4J") {
		t.Errorf("get: %+v", got)
	}
	if got := Shell(t, s.Addr, "ls /\nget /none\n"); !strings.Contains(got.Stdout, "[kept, zookeeper]") || !strings.Contains(got.Stderr+got.Stdout, "Node does not exist: /none") {
		t.Errorf("script: %+v", got)
	}
}
