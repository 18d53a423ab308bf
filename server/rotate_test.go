package server_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zookit/protocol/certs"
	"zookit/protocol/certs/certtest"
	"zookit/server"
	"zookit/server/config"
)

// An ensemble moves to another authority while clients write, without a restart:
// the trust stores take both, the key stores are replaced, the old authority goes.
// Connections stand; those made anew after each step go by what is there then.
func TestRotateAuthority(t *testing.T) {
	t.Parallel()
	before, after := certtest.NewCA(t, "before"), certtest.NewCA(t, "after")
	dir := t.TempDir()
	key, trust := filepath.Join(dir, "key.pem"), filepath.Join(dir, "trust.pem")
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	put := func(path string, content ...[]byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path+".new", bytes.Join(content, nil), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	here := certtest.Subject{Name: "peer", Hosts: []string{"127.0.0.1"}}
	put(key, read(before.Issue(t, here).PEM))
	put(trust, read(before.PEM))
	o := observe(t, 3, nil, func(sid int64, cfg *config.Config) []server.Option {
		s := &cfg.Ensemble.Security
		s.SSL, s.TLS.Files.Reload = true, true
		s.TLS.Files.Key, s.TLS.Files.Trust = certs.Store{File: key}, certs.Store{File: trust}
		return nil
	})
	o.Start()
	o.Await()
	follower := o.Leader()%3 + 1
	for step, replace := range []func(){
		func() { put(trust, read(before.PEM), read(after.PEM)) },
		func() { put(key, read(after.Issue(t, here).PEM)) },
		func() { put(trust, read(after.PEM)) },
	} {
		acked := o.write(t, fmt.Sprint("/", step), 5, 1, 2, 3)
		taken := func(sid int64) int { return len(o.logs[sid].lines("replaced key or trust store taken")) }
		were := map[int64]int{1: taken(1), 2: taken(2), 3: taken(3)}
		replace()
		for sid, was := range were {
			self, _ := o.configs[sid].Self()
			// Whoever calls makes a server look.
			eventually(t, "a server to take the files", func() bool {
				if c, err := tls.Dial("tcp", self.Addresses[0].Election(), &tls.Config{InsecureSkipVerify: true}); err == nil {
					c.Close()
				}
				time.Sleep(20 * time.Millisecond) // a handshake costs both sides something
				return taken(sid) > was
			})
		}
		o.Stop(follower)
		o.Start(follower)
		o.Await(follower)
		has(t, o, follower, acked)
	}
	for sid, l := range o.logs {
		if lost := l.lines("no longer serving"); sid != follower && len(lost) > 0 {
			t.Errorf("server %d has lost its role: %s", sid, lost)
		}
	}
}
