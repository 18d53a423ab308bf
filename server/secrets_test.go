package server_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/certs/certtest"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
	"zookit/server/zktest"
)

// Whatever secret a server is given, by its configuration or by a client, is in
// no log, at its most talkative, in no four-letter word and no printed
// configuration (CVE-2014-0085, CVE-2026-24308).
func TestCVE2026_24308SecretsStayHidden(t *testing.T) {
	t.Parallel()
	const canary = "canary" // in every secret
	ca := certtest.NewCA(t, "ca")
	id := ca.Issue(t, certtest.Subject{Name: "id", Hosts: []string{"127.0.0.1"}})
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	jaas := file("jaas", `QuorumServer { org.apache.zookeeper.server.auth.DigestLoginModule required user_a="canary-1"; };
QuorumLearner { org.apache.zookeeper.server.auth.DigestLoginModule required username="a" password="canary-1"; };`)
	text := strings.Join([]string{
		"secureClientPort=0", "secureClientPortAddress=127.0.0.1", "ssl.keyStore.location=" + id.JKS, "ssl.keyStore.password=" + certtest.Password,
		"ssl.trustStore.location=" + ca.P12, "ssl.trustStore.passwordPath=" + file("password", certtest.Password+"\n"),
		"sslQuorum=true", "ssl.quorum.keyStore.location=" + id.P12, "ssl.quorum.keyStore.password=" + certtest.Password,
		"ssl.quorum.trustStore.location=" + ca.PEM,
		"quorum.auth.enableSasl=true", "quorum.auth.learnerRequireSasl=true", "quorum.auth.serverRequireSasl=true", "java.security.auth.login.config=" + jaas,
		"DigestAuthenticationProvider.superDigest=super:canary-digest",
		"dataDir=/data", "initLimit=100", "syncLimit=50", "server.1=127.0.0.1:2:3",
		"server.2=127.0.0.1:4:5", "server.3=127.0.0.1:6:7", "clientPort=0"}, "\n")
	given, warnings, err := config.Parse("zoo.cfg", []byte(text), config.Env{ReadFile: func(path string) ([]byte, error) {
		if path == "/data/myid" {
			return []byte("1\n"), nil
		}
		return os.ReadFile(path)
	}})
	if err != nil {
		t.Fatal(err)
	}
	book := new(logbook)
	talkative := server.WithLogger(slog.New(slog.NewTextHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug})))
	e := zktest.NewEnsemble(t, 3, func(_ int64, cfg *config.Config) []server.Option {
		cfg.Ensemble.Security, cfg.SecureClients, cfg.SuperDigest = given.Ensemble.Security, given.SecureClients, given.SuperDigest
		return []server.Option{talkative, server.WithFS(vfs.NewMem())}
	})
	e.Start()
	e.Await()
	leader := e.Server(e.Leader())
	c := zktest.Dial(t, leader.Addr())
	c.Auth("digest", "ann:canary-2")
	c.Create("/a", []byte("canary-3"), protocol.FlagPersistent)
	if r := c.Auth("sasl", "canary-4"); r.Err != protocol.AuthFailed {
		t.Errorf("sasl: %v", r.Err)
	}
	said := fmt.Sprint(warnings)
	for _, w := range []string{"conf", "cons", "dump", "envi", "mntr", "srvr", "stat", "wchs", "wchc", "wchp", "dirs", "hash"} {
		said += word(t, leader.Addr(), w)
	}
	given.Text, given.SuperDigest = "", "" // what the file says, and a hash: printed by nothing of ours
	shown, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	e.Stop()
	for where, text := range map[string]string{"the log": strings.Join(book.lines(""), ""), "a word, or a warning": said, "the configuration": fmt.Sprintf("%v %+v %#v", given, given, *given) + string(shown)} {
		if i := strings.Index(text, canary); i >= 0 {
			t.Errorf("%s holds …%s…", where, text[max(0, i-200):min(len(text), i+40)])
		}
	}
}
