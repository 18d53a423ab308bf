//go:build interop

package interop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/certs/certtest"
	"zookit/server/zktest/apache"
)

// configure restarts a member with these lines beside those of the ensemble.
func (e *ensemble) configure(sid int64, lines []string) {
	e.t.Helper()
	m := e.member(sid)
	if m.running() {
		m.stop()
	}
	e.config.Configure(lines)
	var next member = &theirs{e: e, sid: sid, data: m.dir()}
	if _, isOurs := m.(*ours); isOurs {
		path, err := program()
		if err != nil {
			e.t.Fatal(err)
		}
		next = newOurs(e, sid, path, m.dir(), lines)
	}
	e.mu.Lock()
	e.members[sid-1] = next
	e.mu.Unlock()
	e.start(sid)
}

// put creates znodes, one after the other at the members in turn. Nothing is
// under way when it returns: what 3.8.0 does to writes during a join is the
// matter of other tests.
func (e *ensemble) put(name string) {
	e.t.Helper()
	for i := range 12 {
		path := fmt.Sprintf("/%s-%d", name, i)
		e.await(path, func() bool {
			c, err := e.dial(int64(i%len(e.members)) + 1)
			if err != nil {
				return false
			}
			defer c.Drop()
			err = c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL}, nil)
			if err != nil && !errors.Is(err, protocol.NodeExists) {
				return false
			}
			return c.CloseSession() == nil
		})
	}
	e.await("equal zxids", func() bool {
		seen := map[string]bool{}
		for i := range e.members {
			answer, err := protocol.FourLetter(e.t.Context(), e.member(int64(i+1)).addr(), "srvr")
			_, zxid, found := strings.Cut(answer, "Zxid: ")
			if err != nil || !found {
				return false
			}
			zxid, _, _ = strings.Cut(zxid, "\n")
			seen[zxid] = true
		}
		return len(seen) == 1
	})
}

// bothRoles sees server 2, of the one kind, lead the others, and one of the
// others lead it. All have the same log each time, so the largest id wins.
func (e *ensemble) bothRoles() {
	e.t.Helper()
	second, others := false, false
	for round := 0; !second || !others; round++ {
		e.put(fmt.Sprint("round-", round))
		was := e.leader()
		second, others = second || was == 2, others || was != 2
		if round == 5 {
			e.t.Fatal("one kind never led")
		}
		e.member(was).stop()
		e.await("another leader", func() bool { l := e.leader(); return l != 0 && l != was })
		e.start(was)
		e.awaitMode(was, "follower")
	}
	e.put("last")
	e.sameTrees()
}

// An ensemble of Apache's servers and ours rolls from plain TCP to TLS by port
// unification. In the end ours and Apache's have led and followed
// each other under TLS, and a server without it is left out.
func TestRollingToTLS(t *testing.T) {
	t.Parallel()
	// UnifiedServerSocket needs jars that the manifest of Debian's jar does not name.
	e := newEnsembleWith(t, "oAo", nil, []string{"-cp", apache.NettyClassPath()})
	ca := certtest.NewCA(t, "ca")
	id := ca.Issue(t, certtest.Subject{Name: "peer", Hosts: []string{"127.0.0.1", "localhost"}})
	stores := []string{
		"ssl.quorum.keyStore.location=" + id.JKS, "ssl.quorum.keyStore.password=" + certtest.Password,
		"ssl.quorum.trustStore.location=" + ca.P12, "ssl.quorum.trustStore.password=" + certtest.Password,
	}
	e.start(1, 2, 3)
	e.await("a leader", func() bool { return e.leader() != 0 })
	e.put("plain")
	for i, step := range [][]string{{"portUnification=true"}, {"portUnification=true", "sslQuorum=true"}, {"sslQuorum=true"}} {
		for sid := int64(1); sid <= 3; sid++ {
			e.configure(sid, append(step, stores...))
			e.await("it to serve", func() bool { return e.mode(sid) != "" })
			e.put(fmt.Sprintf("step-%d-%d", i, sid))
		}
	}
	e.bothRoles()

	e.configure(1, nil)
	e.await("it to be left out", func() bool { return e.member(1).running() && e.mode(1) == "" })
}

// Apache's servers and ours log in to each other by DIGEST-MD5, in both roles.
func TestSASL(t *testing.T) {
	t.Parallel()
	jaas := filepath.Join(t.TempDir(), "jaas.conf")
	const text = `QuorumServer { org.apache.zookeeper.server.auth.DigestLoginModule required user_peer="canary-1nter0p"; };
QuorumLearner { org.apache.zookeeper.server.auth.DigestLoginModule required username="peer" password="canary-1nter0p"; };
`
	if err := os.WriteFile(jaas, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := []string{"quorum.auth.enableSasl=true", "quorum.auth.learnerRequireSasl=true", "quorum.auth.serverRequireSasl=true", "java.security.auth.login.config=" + jaas}
	e := newEnsembleWith(t, "oAo", lines, []string{"-Djava.security.auth.login.config=" + jaas})
	e.start(1, 2, 3)
	e.await("a leader", func() bool { return e.leader() != 0 })
	e.bothRoles()
}
