package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"zookit/protocol/quorum"
)

const (
	three  = "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n"
	limits = "initLimit=10\nsyncLimit=5\n"
)

// threeOf is the configuration of server 2 of three, and its files.
func threeOf(lines string, files map[string]string) (text string, env Env) {
	all := map[string]string{"/var/zk/myid": "2\n"}
	for path, content := range files {
		all[path] = content
	}
	return minimal + limits + lines, memEnv(nil, all)
}

// The text of a configuration is Apache's to the byte, and reads back as the same.
func TestEnsembleTextIsApaches(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("testdata/ensembles-3.8.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(golden), "\n\n# ")[1:]
	if len(cases) != 5 {
		t.Fatalf("%d ensembles", len(cases))
	}
	for _, text := range cases {
		title, body, _ := strings.Cut(text, "\n")
		lines, want, _ := strings.Cut(body, "\n----\n")
		want = strings.TrimSpace(want)
		name, _, _ := strings.Cut(title, ":")
		files := map[string]string{"/var/zk/myid": strings.TrimPrefix(strings.SplitN(lines, "=", 2)[0], "server.")}
		config := "dataDir=/var/zk\nmultiAddress.enabled=true\n" + limits
		if !strings.Contains(lines, ";") {
			config += "clientPort=2181\nclientPortAddress=127.0.0.1\n"
		}
		if name == "dyn" {
			files["/etc/zoo.cfg.dynamic.c0de"] = lines
			config += "dynamicConfigFile=/etc/zoo.cfg.dynamic.c0de\n"
		} else {
			config += lines + "\n"
		}
		c, _, err := Parse("zoo.cfg", []byte(config), memEnv(nil, files))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := c.Ensemble.Servers.String(); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
		again, err := quorum.ParseConfig(want)
		if err != nil || again.String() != want {
			t.Errorf("%s: read back (%v) as\n%s", name, err, again)
		}
	}
}

func TestServerLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, want string }{ // want: what Apache prints of it, or why it is refused
		{"a:2888:3888", "a:2888:3888:participant"},
		{"a:2888:3888:participant", "a:2888:3888:participant"},
		{"a:2888:3888: Observer ", "a:2888:3888:observer"},
		{"a:2888:3888;2181", "a:2888:3888:participant;0.0.0.0:2181"},
		{"a:2888:3888;", "a:2888:3888:participant"},
		{"a:2888:3888;b:2181;", "a:2888:3888:participant;b:2181"},
		{"[::1]:2888:3888:observer;[::]:2181", "[0:0:0:0:0:0:0:1]:2888:3888:observer;[0:0:0:0:0:0:0:0]:2181"},
		{"[fe80::1%eth0]:2888:3888", "[fe80:0:0:0:0:0:0:1%eth0]:2888:3888:participant"},
		{"[::ffff:10.0.0.1]:2888:3888", "10.0.0.1:2888:3888:participant"},
		{"b:1:2|a:3:4:observer|b:1:2", "a:3:4|b:1:2:observer"},
		{"a:+2888:03888", "a:2888:3888:participant"},

		{"", "not of the form host:port:port"},
		{"a", "not of the form host:port:port"},
		{"a:2888", "not of the form host:port:port"},
		{"a:2888:3888:observer:5", "not of the form host:port:port"},
		{":2888:3888", "there is no host"},
		{"::1:2888:3888", "an IPv6 address stands in brackets: [::1]:2888:3888"},
		{"[::1:2888:3888", "a [ without ]: behind it"},
		{"a b:2888:3888", "a b is no host"},
		{"a\nb:2888:3888", "\"a\\nb\" is no host"},
		{"127.1:2888:3888", "127.1 is no address, which has four parts without leading zeros"},
		{"010.0.0.1:2888:3888", "010.0.0.1 is no address, which has four parts without leading zeros"},
		{"a: 2888:3888", " 2888 is not a port"},
		{"a:0:3888", "0 is not a port"},
		{"a:2888:65536", "65536 is not a port"},
		{"a:2888:2888", "its two ports must be different"},
		{"a:2888:3888:leader", "leader is neither participant nor observer"},
		{"a:1:2:observer|b:3:4:participant", "its addresses have different roles"},
		{"a:1:2|b", "not of the form host:port:port"},
		{"a:2888:3888;x", "x is no client port"},
		{"a:2888:3888;2181;2281", "more than one client port"},
		{"a:2888:3888;h:2181:5", "2181:5 is no client port"},
		{";2181", "not of the form host:port:port"},
	} {
		m, why := parseServerLine(1, tt.line)
		got := why
		if why == "" {
			got = m.String()
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

// One key of an ensemble: the value it gets.
func TestEnsembleKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		want func(*Ensemble)
	}{
		{"connectToLearnerMasterLimit=7", func(e *Ensemble) { e.ConnectLimit = 7 }},
		{"quorumListenOnAllIPs=TRUE", func(e *Ensemble) { e.ListenOnAllIPs = true }},
		{"multiAddress.enabled=true", func(e *Ensemble) { e.MultiAddress = true }},
		{"cnxTimeout=700", func(e *Ensemble) { e.ConnectTimeoutMs = 700 }},
		{"quorumCnxnTimeoutMs=9000", func(e *Ensemble) { e.ReadTimeoutMs = 9000 }},
		{"electionPortBindRetry=0", func(e *Ensemble) { e.BindRetries = 0 }},
		{"fastleader.minNotificationInterval=50", func(e *Ensemble) { e.MinNotificationMs = 50 }},
		{"fastleader.maxNotificationInterval=5000", func(e *Ensemble) { e.MaxNotificationMs = 5000 }},
		{"tcpKeepAlive=true", func(e *Ensemble) { e.TCPKeepAlive = true }},
		{"leader.nodelay=false", func(e *Ensemble) { e.LeaderNoDelay = false }},
		{"follower.nodelay=false", func(e *Ensemble) { e.FollowerNoDelay = false }},
		{"leaderConnectDelayDuringRetryMs=10", func(e *Ensemble) { e.ConnectRetryMs = 10 }},
		{"leaderServes=no", func(e *Ensemble) { e.LeaderServes = false }},
		{"leader.maxConcurrentSnapSyncs=2", func(e *Ensemble) { e.MaxSnapSyncs = 2 }},
		{"leader.maxConcurrentDiffSyncs=3", func(e *Ensemble) { e.MaxDiffSyncs = 3 }},
		{"commitLogCount=5000", func(e *Ensemble) { e.CommitLogCount = 5000 }},
		{"snapshotSizeFactor=-1", func(e *Ensemble) { e.SnapshotSizeFactor = -1 }},
		{"forceSnapshotSync=true", func(e *Ensemble) { e.ForceSnapshotSync = true }},
		{"localSessionsEnabled=true", func(e *Ensemble) { e.LocalSessions = true }},
		{"localSessionsUpgradingEnabled=true", func(e *Ensemble) { e.LocalSessionsUpgrading = true }},
		{"syncEnabled=TRUE", func(e *Ensemble) {}},
		{"leader.maxTimeToWaitForEpoch=-1", func(e *Ensemble) {}},
		{"observerMasterPort=-1", func(e *Ensemble) {}},
		{"observerMasterPort=65535", func(e *Ensemble) { e.ObserverMasterPort = 65535 }},
		{"electionAlg=3", func(e *Ensemble) {}},
		{"peerType=PARTICIPANT", func(e *Ensemble) {}},
		{"sslQuorum=false", func(e *Ensemble) {}},
		{"quorum.cnxn.threads.size=20", func(e *Ensemble) {}},
	} {
		text, env := threeOf(three+tt.line+"\n", nil)
		c, warnings, err := Parse("zoo.cfg", []byte(text), env)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, warnings %q", tt.line, err, texts(warnings))
			continue
		}
		want := defaultEnsemble()
		want.InitLimit, want.SyncLimit = 10, 5
		tt.want(&want)
		got := c.Ensemble
		want.Servers, want.lines = got.Servers, got.lines
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.line, got, want)
		}
	}
}

// What is said of an ensemble's configuration. Lines are added to those of server 2 of three; line 5 is the first.
func TestEnsembleChecks(t *testing.T) {
	t.Parallel()
	const dynamic = "dynamicConfigFile=/etc/zk.dynamic.1f\n"
	one := func(path, text string) map[string]string { return map[string]string{path: text} }
	for _, tt := range []struct {
		name, lines  string
		files        map[string]string
		warning, err string
	}{
		{name: "three", lines: three},
		{name: "two", lines: "server.1=a:1:2\nserver.2=b:1:2\n", warning: "zoo.cfg:5: server.1: No server failure will be tolerated. You need at least 3 servers."},
		{name: "four", lines: three + "server.4=d:1:2\n", warning: "Non-optimal configuration, consider an odd number of servers: 4 voters tolerate no more failures than 3."},
		{name: "four and an observer", lines: three + "server.4=d:1:2:observer\n"},
		{name: "one, distributed", lines: "standaloneEnabled=false\nserver.2=a:1:2\n", warning: "No server failure will be tolerated"},
		{name: "large id", lines: three + "server.300=d:1:2:observer\n", warning: "zoo.cfg:8: server.300: an id above 255"},
		{name: "one address twice in a line", lines: three + "server.4=d:1:2|d:1:2:observer\n", err: ""},
		{name: "several addresses", lines: three + "server.4=d:1:2|e:1:2:observer\n", err: "several addresses in one line need multiAddress.enabled=true"},
		{name: "several addresses, enabled", lines: three + "server.4=d:1:2|e:1:2:observer\nmultiAddress.enabled=true\n", warning: "Apache needs -Dzookeeper.multiAddress.enabled=true too"},
		{name: "one id", lines: three + "server.03=d:1:2\n", err: "zoo.cfg:8: server.03=d:1:2: the same id as server.3"},
		{name: "negative id", lines: three + "server.-4=d:1:2\n", err: "-4 is no server id"},
		{name: "huge id", lines: three + "server.9223372036854775807=d:1:2\n", err: "is no server id"},

		{name: "no myid", lines: three, files: one("/var/zk/myid", "\x00gone"), err: "/var/zk/myid: the file is missing, and a server of an ensemble has its number in it; write this machine's N of server.N into it, alone on the first line"},
		{name: "empty myid", lines: three, files: one("/var/zk/myid", ""), err: `/var/zk/myid:1: "" is not a number; write`},
		{name: "no number", lines: three, files: one("/var/zk/myid", "zk2\n"), err: `/var/zk/myid:1: "zk2" is not a number`},
		{name: "blank behind", lines: three, files: one("/var/zk/myid", "2 \n"), err: `"2 " is not a number; write this machine's N of server.N, alone on the first line and without blanks`},
		{name: "of Windows", lines: three, files: one("/var/zk/myid", "2\r\n")},
		{name: "too large", lines: three, files: one("/var/zk/myid", "9223372036854775808"), err: "is not a number"},
		{name: "negative", lines: three, files: one("/var/zk/myid", "-2"), err: "/var/zk/myid:1: -2 is no server id"},
		{name: "unknown", lines: three, files: one("/var/zk/myid", "4"), err: "/var/zk/myid:1: there is no server.4 among the servers 1, 2, 3; write the number of this machine's server line"},
		{name: "two lines", lines: three, files: one("/var/zk/myid", "2\n3\n"), warning: "/var/zk/myid: only the first line counts; 2 is taken"},
		{name: "TTL and 255", lines: three + "server.255=d:1:2:observer\nextendedTypesEnabled=true\n", files: one("/var/zk/myid", "255"), err: "/var/zk/myid:1: with extendedTypesEnabled=true a server's id is at most 254"},

		{name: "no initLimit", lines: three + "initLimit=0\n", err: "zoo.cfg:8: initLimit=0: an ensemble needs at least one tick; write initLimit=10"},
		{name: "too many ticks", lines: three + "syncLimit=2000000000\n", err: "with ticks of 3000 ms more milliseconds than a server can count"},
		{name: "other peer type", lines: three + "peerType=observer\n", warning: "zoo.cfg:8: peerType: the line server.2 says participant, which counts"},
		{name: "TLS without stores", lines: three + "sslQuorum=true\nssl.quorum.trustStore.location=/t.pem\n", err: "zoo.cfg:8: ssl.quorum.keyStore.location: not set, and sslQuorum=true needs it; name a file"},
		{name: "TLS without trust", lines: three + "ssl.quorum.keyStore.location=/k.pem\nportUnification=true\n", err: "ssl.quorum.trustStore.location: not set, and portUnification=true needs it"},
		{name: "no such type of store", lines: three + "ssl.quorum.keyStore.type=BCFKS\n", err: "write PEM, PKCS12 or JKS"},
		{name: "no safe TLS", lines: three + "ssl.quorum.enabledProtocols=TLSv1,TLSv1.1\n", err: "none of these is safe to use"},
		{name: "revocation", lines: three + "ssl.quorum.crl=true\n", err: "a revoked certificate would be taken"},
		{name: "SASL", lines: three + "quorum.auth.enableSasl=true\n", err: "zoo.cfg:8: quorum.auth.enableSasl=true: there is no JAAS file; start with -Djava.security.auth.login.config=FILE"},
		{name: "SASL required", lines: three + "quorum.auth.serverRequireSasl=true\n", err: "quorum.auth.serverRequireSasl=true: quorum.auth.enableSasl is not true"},
		{name: "oracle", lines: three + "oraclePath=/x\n", err: "oraclePath=/x: an ensemble of two with an oracle"},
		{name: "observer master", lines: three + "observerMasterPort=2191\n"},
		{name: "observer master, no port", lines: three + "observerMasterPort=65536\n", err: "zoo.cfg:8: observerMasterPort=65536: not a port"},
		{name: "observer master, quorum port", lines: three + "observerMasterPort=2888\n", err: "zoo.cfg:8: observerMasterPort=2888: it is this server's quorum port too; use four different ports"},
		{name: "observer master, election port", lines: three + "observerMasterPort=3888\n", err: "it is this server's election port too"},
		{name: "observer master, client port", lines: three + "observerMasterPort=2181\n", err: "it is this server's client port too"},
		{name: "observer master, cache", lines: three + "observerMaster.sizeLimit=100\n", warning: "accepted without effect: a follower brings observers up to date"},
		{name: "reachability", lines: three + "multiAddress.reachabilityCheckEnabled=false\n", warning: "accepted without effect: all addresses of a server are tried at once"},
		{name: "wait for epoch", lines: three + "leader.maxTimeToWaitForEpoch=100\n", warning: "accepted without effect: a leader waits initLimit for its followers"},
		{name: "no log", lines: three + "syncEnabled=false\n", warning: "zoo.cfg:8: syncEnabled: accepted without effect: an observer keeps its log and snapshots"},
		{name: "no log, by the other name", lines: three + "observer.syncEnabled=false\n", warning: "zoo.cfg:8: observer.syncEnabled: accepted without effect"},
		{name: "observer's pause", lines: three + "observer.election.DelayMs=6\n", warning: "accepted without effect: an observer looks for a leader again at once"},
		{name: "bad pause", lines: three + "observer.reconnectDelayMs=-6\n", err: "zoo.cfg:8: observer.reconnectDelayMs=-6: out of range"},
		{name: "tuning", lines: three + "learner.asyncSending=true\n", warning: "accepted without effect: this server has no such part"},
		{name: "mistyped", lines: three + "leader.maxConcurrentDiffSync=3\n", warning: "unknown key, ignored; did you mean leader.maxConcurrentDiffSyncs?"},
		{name: "few txns", lines: three + "commitLogCount=5\n", warning: "5 is below the minimum; 500 is used"},
		{name: "no time", lines: three + "cnxTimeout=0\n", err: "zoo.cfg:8: cnxTimeout=0: out of range"},

		{name: "client port is the quorum port", lines: "server.1=a:1:2\nserver.2=b:2181:3888\nserver.3=c:1:2\n", err: "zoo.cfg:6: server.2=b:2181:3888: port 2181 is this server's client port too; use three different ports"},
		{name: "on another address", lines: "server.1=a:1:2\nserver.2=10.0.0.2:2181:3888\nserver.3=c:1:2\nclientPortAddress=127.0.0.1\n"},
		{name: "other client port", lines: "server.1=a:1:2\nserver.2=b:1:2;2182\nserver.3=c:1:2\n", err: "zoo.cfg:2: clientPort=2181: the line server.2 says client port 2182"},
		{name: "other client address", lines: "server.1=a:1:2\nserver.2=b:1:2;2181\nserver.3=c:1:2\nclientPortAddress=10.0.0.2\n", err: "zoo.cfg:8: clientPortAddress=10.0.0.2: the line server.2 says client address 0.0.0.0"},

		{name: "groups", lines: three + "group.1=1:2:3\nweight.1=3\n"},
		{name: "weights alone", lines: three + "weight.1=3\n", err: "zoo.cfg:8: weight.1=3: weights count in groups alone, and server 1 is in none"},
		{name: "outside", lines: three + "group.1=1:2\n", err: "zoo.cfg:7: server.3=c:2888:3888: this server is in no group"},
		{name: "in two", lines: three + "group.1=1:2\ngroup.2=2:3\n", err: "zoo.cfg:9: group.2=2:3: server 2 is in group.1 already"},
		{name: "nobody's", lines: three + "group.1=1:2:3:4\n", err: "group.1=1:2:3:4: there is no server.4"},
		{name: "no weight", lines: three + "group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0\n", err: "with these groups and weights no set of servers is a quorum"},
		{name: "observer in a group", lines: three + "server.4=d:1:2:observer\ngroup.1=1:2:3:4\n", err: "server 4 observes and has no weight"},
		{name: "weight", lines: three + "group.1=1:2:3\nweight.1=-1\n", err: "zoo.cfg:9: weight.1=-1: out of range"},
		{name: "group of words", lines: three + "group.1=a:b\n", err: "zoo.cfg:8: group.1=a:b: a is not a number; write group.N=1:2:3"},

		{name: "dynamic file", lines: dynamic, files: one("/etc/zk.dynamic.1f", three)},
		{name: "with a version", lines: dynamic, files: one("/etc/zk.dynamic.1f", three+"version=1f\n"), err: "/etc/zk.dynamic.1f:4: version=1f: the version is not written into this file"},
		{name: "with another key", lines: dynamic, files: one("/etc/zk.dynamic.1f", "tickTime=5\n"+three), err: "/etc/zk.dynamic.1f:1: tickTime=5: neither a server nor a group nor a weight; move it to zoo.cfg"},
		{name: "with a comment", lines: dynamic, files: one("/etc/zk.dynamic.1f", three+"server.4=d:1:2:observer # far\n"), warning: "/etc/zk.dynamic.1f:4: server.4: the trailing comment # far is left out"},
		{name: "unfinished change", lines: dynamic, files: map[string]string{"/etc/zk.dynamic.1f": three, "zoo.cfg.dynamic.next": three + "version=20\n"}, warning: "zoo.cfg.dynamic.next: a change of the ensemble was proposed and not finished"},
	} {
		text, env := threeOf(tt.lines, tt.files)
		if tt.files["/var/zk/myid"] == "\x00gone" {
			env = memEnv(nil, nil)
		}
		_, warnings, err := Parse("zoo.cfg", []byte(text), env)
		if tt.err != "" {
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v, want one with %s", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var said []Warning
		for _, w := range warnings {
			if !strings.Contains(w.Text, "set again") {
				said = append(said, w)
			}
		}
		checkWarnings(t, tt.name, said, tt.warning)
	}
}

// A system property without effect is named with the place it came from.
func TestEnsemblePropertyWithoutEffect(t *testing.T) {
	t.Parallel()
	text, env := threeOf(three, nil)
	env.Defines = []string{"zookeeper.observer.syncEnabled=false"}
	_, warnings, err := Parse("zoo.cfg", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	checkWarnings(t, "-D", warnings, "-D argument: zookeeper.observer.syncEnabled: accepted without effect: an observer keeps its log and snapshots")
}

func TestEnsembleWithoutLimits(t *testing.T) {
	t.Parallel()
	_, _, err := Parse("zoo.cfg", []byte(minimal+three), memEnv(nil, map[string]string{"/var/zk/myid": "2"}))
	want := "zoo.cfg: initLimit: not set, and an ensemble needs it; add the line initLimit=10 (ticks of 3000 ms), the same on every server\n" +
		"zoo.cfg: syncLimit: not set, and an ensemble needs it; add the line syncLimit=5 (ticks of 3000 ms), the same on every server"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// More servers than the longest message between servers has room for.
func TestTooManyServers(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&lines, "server.%d=h:%d:%d\n", i, 1+i, 30_000+i)
	}
	text, env := threeOf(lines.String(), nil)
	_, _, err := Parse("zoo.cfg", []byte(text), env)
	if err == nil || !strings.Contains(err.Error(), "zoo.cfg:20004: server.19999=h:20000:49999: the server lines have ") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	groups := "group.1=1" + strings.Repeat(":1", quorum.MaxConfig/3)
	if _, _, err = Parse("zoo.cfg", []byte(minimal+groups), memEnv(nil, nil)); err == nil || !strings.Contains(err.Error(), "server 1 is in group.1 already") || len(err.Error()) > 1000 {
		t.Errorf("%.200v", err)
	}
}

func TestDynamicFileVersions(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]int64{"zoo.cfg.dynamic.100000004": 0x100000004, "zoo.cfg.dynamic.0": 0, "zoo.cfg.dynamic": 0, "dynamic": 0, "1f": 0, "/etc/zk.d/conf": 0, "a.": 0, "a.ffffffffffffffff": 0} {
		if got := versionOfName(file); got != want {
			t.Errorf("%s: %x, want %x", file, got, want)
		}
	}
	text, env := threeOf("dynamicConfigFile=/etc/zk.dynamic.1f\n", map[string]string{"/etc/zk.dynamic.1f": three})
	c, _, err := Parse("zoo.cfg", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	if c.Ensemble.Servers.Version != 0x1f {
		t.Errorf("%+v", c.Ensemble.Servers)
	}
}

func TestListenAndPortTaken(t *testing.T) {
	t.Parallel()
	text, env := threeOf("server.1=a:1:2\nserver.2=[::1]:2888:3888|b:2889:3889\nserver.3=c:1:2\nmultiAddress.enabled=true\n", nil)
	c, _, err := Parse("zoo.cfg", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	quorumPort, electionPort := c.Listen()
	if got := fmt.Sprint(quorumPort, electionPort); got != "[[0:0:0:0:0:0:0:1]:2888 b:2889] [[0:0:0:0:0:0:0:1]:3888 b:3889]" {
		t.Error(got)
	}
	c.Ensemble.ListenOnAllIPs = true
	if quorumPort, electionPort = c.Listen(); fmt.Sprint(quorumPort, electionPort) != "[:2888 :2889] [:3888 :3889]" {
		t.Error(quorumPort, electionPort)
	}
	cause := errors.New("address already in use")
	for port, want := range map[int]string{
		2888: "zoo.cfg:6: server.2=[::1]:2888:3888|b:2889:3889: the quorum port 2888 cannot be bound: address already in use; end what listens there, or change",
		3889: "the election port 3889 cannot be bound: address already in use",
		2181: "address already in use; the address is clientPort=2181 with clientPortAddress= of zoo.cfg: free it or change them",
	} {
		peers, err := c.PortTaken(port, cause)
		if peers != (port != 2181) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v %v", port, peers, err)
		}
	}
}

// Whatever stands in server, group and weight lines: no panic, and what is taken prints as a text that reads back as
// the same, here and from the line again.
func FuzzEnsemble(f *testing.F) {
	golden, err := os.ReadFile("testdata/ensembles-3.8.0.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range strings.Split(string(golden), "\n\n# ")[1:] {
		_, body, _ := strings.Cut(text, "\n")
		lines, _, _ := strings.Cut(body, "\n----\n")
		f.Add(lines, "1")
	}
	f.Add(three+"group.1=1:2:3\nweight.2=7\nserver.4=[::1%a]:1:2|h:3:4:observer;[::]:5", "3\n4\n")
	f.Fuzz(func(t *testing.T, lines, myid string) {
		text := "dataDir=/d\nclientPort=7\nmultiAddress.enabled=true\n" + limits + lines
		env := memEnv(nil, map[string]string{"/d/myid": myid})
		c, _, err := Parse("zoo.cfg", []byte(text), env)
		if err != nil {
			return
		}
		once := c.Ensemble.Servers.String()
		again, err := quorum.ParseConfig(once)
		if err != nil || again.String() != once {
			t.Fatalf("%q prints as %q, which reads back (%v) as %q", lines, once, err, again)
		}
		for _, m := range c.Ensemble.Servers.Members {
			if back, why := parseServerLine(m.ID, m.String()); why != "" || back.String() != m.String() {
				t.Fatalf("%q reads back as %q (%s)", m, back, why)
			}
		}
		if c.Distributed() {
			if _, known := c.Self(); !known || c.Ensemble.InitLimit < 1 {
				t.Fatalf("an ensemble without this server: %q, myid %q", lines, myid)
			}
		}
	})
}
