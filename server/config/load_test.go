package config

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
)

const minimal = "dataDir=/var/zk\nclientPort=2181\n"

// memEnv is an environment with variables, files and -D arguments of its own.
func memEnv(vars, files map[string]string, defines ...string) Env {
	return Env{
		Getenv: func(name string) string { return vars[name] },
		ReadFile: func(path string) ([]byte, error) {
			text, ok := files[path]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
			}
			return []byte(text), nil
		},
		Defines: defines,
	}
}

func texts(warnings []Warning) []string {
	var out []string
	for _, w := range warnings {
		out = append(out, w.String())
	}
	return out
}

func TestMinimalIsApachesDefaults(t *testing.T) {
	t.Parallel()
	got, warnings, err := Parse("zoo.cfg", []byte(minimal), memEnv(nil, nil))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("err %v, warnings %q", err, texts(warnings))
	}
	want := Default()
	want.File, want.Text = "zoo.cfg", minimal
	want.DataDir, want.DataLogDir, want.ClientPort = "/var/zk", "/var/zk", 2181
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.TickMs != 3000 || got.MinSessionTimeoutMs != 6000 || got.MaxSessionTimeoutMs != 60000 || got.ClientPortAddress != "" {
		t.Errorf("not Apache's defaults: %+v", got)
	}
}

// Apache's own sample, which every guide begins with, starts without a word.
func TestSampleHasNoWarnings(t *testing.T) {
	t.Parallel()
	sample := "# The number of milliseconds of each tick\ntickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=/tmp/zookeeper\nclientPort=2181\n#maxClientCnxns=60\n" +
		"autopurge.snapRetainCount=3\nautopurge.purgeInterval=1\nadmin.enableServer=false\n"
	c, warnings, err := Parse("zoo.cfg", []byte(sample), memEnv(nil, nil))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("err %v, warnings %q", err, texts(warnings))
	}
	if c.TickMs != 2000 || c.MinSessionTimeoutMs != 4000 || c.MaxSessionTimeoutMs != 40000 || c.PurgeIntervalMs != 3_600_000 {
		t.Errorf("%+v", c)
	}
}

// One line added to a minimal file (so it is line 3): what the field becomes and what is said.
func TestLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line    string
		field   func(*Config) any
		want    any
		warning string // a part of the only warning; "" for none
	}{
		{"snapCount=50", func(c *Config) any { return c.SnapCount }, 50, ""},
		{"snapCount : 50", func(c *Config) any { return c.SnapCount }, 50, ""},
		{"snapCount 50", func(c *Config) any { return c.SnapCount }, 50, ""},
		{"snapCount=1", func(c *Config) any { return c.SnapCount }, 2, "zoo.cfg:3: snapCount: 1 is below the minimum; 2 is used"},
		{"autopurge.snapRetainCount=1", func(c *Config) any { return c.SnapRetainCount }, 3, "1 is below the minimum; 3 is used"},
		{"autopurge.purgeInterval=-1", func(c *Config) any { return c.PurgeIntervalMs }, int64(0), ""},
		{"maxClientCnxns=-1", func(c *Config) any { return c.MaxClientCnxns }, 0, ""},
		{"tickTime=+2000", func(c *Config) any { return c.TickMs }, 2000, ""},
		{"minSessionTimeout=-1", func(c *Config) any { return c.MinSessionTimeoutMs }, 6000, ""},
		{"clientPortAddress=[::1]", func(c *Config) any { return c.ClientPortAddress }, "::1", ""},
		{"4lw.commands.whitelist=ruok, stat ,", func(c *Config) any { return strings.Join(c.FourLetterWhitelist, " ") }, "srvr ruok stat", ""},
		{"4lw.commands.whitelist=*", func(c *Config) any { return strings.Join(c.FourLetterWhitelist, " ") }, "*", ""},
		{"4lw.commands.whitelist=ruok,stats", func(c *Config) any { return strings.Join(c.FourLetterWhitelist, " ") }, "srvr ruok", "zoo.cfg:3: 4lw.commands.whitelist: no four-letter word: stats"},
		{"enforceQuota=TRUE", func(c *Config) any { return c.EnforceQuota }, true, ""},
		{"skipACL=yes", func(c *Config) any { return c.SkipACL }, true, "zoo.cfg:3: skipACL: on: every client may read and write everything"},
		{"forceSync=no", func(c *Config) any { return c.ForceSync }, false, "zoo.cfg:3: forceSync: off: an acknowledged write can be lost"},
		{"jute.maxbuffer=4194304", func(c *Config) any { return []int{c.MaxBuffer, c.MaxBufferExtra} }, []int{4194304, 4194304}, ""},
		{"jute.maxbuffer=100", func(c *Config) any { return []int{c.MaxBuffer, c.MaxBufferExtra} }, []int{100, 1024}, ""},
		{"jute.maxbuffer.extrasize=1", func(c *Config) any { return c.MaxBufferExtra }, 1024, "1024 is used"},
		{"readonlymode.enabled=true", func(c *Config) any { return strings.Join(c.FourLetterWhitelist, " ") }, "srvr isro", "readonlymode.enabled: a server alone always writes"},
		{"znode.container.checkIntervalMs=500", func(c *Config) any { return c.ContainerCheckMs }, int64(500), ""},
		{"DigestAuthenticationProvider.digestAlg=sha-256", func(c *Config) any { return c.DigestAlg }, "SHA-256", ""},
		{"connection_throttle_drop_increase=0.5", func(c *Config) any { return c.Throttle.DropIncrease }, 0.5, ""},
		{"request_throttle_max_requests=20", func(c *Config) any { return c.Throttle.MaxRequests }, 20, ""},
		{"largeRequestThreshold=-1", func(c *Config) any { return c.Throttle.LargeThreshold }, 0, ""},
		{"largeRequestThreshold=0", func(c *Config) any { return c.Throttle.LargeThreshold }, 0, "no request is large below 1 byte; -1 is used"},
		{"connection_throttle_local_session_weight=5", func(c *Config) any {
			return []int{c.Throttle.GlobalWeight, c.Throttle.LocalWeight, c.Throttle.RenewWeight}
		}, []int{5, 5, 5}, ""},
		{"connection_throttle_freeze_time=-1", func(c *Config) any { return c.Throttle }, defaultThrottle(), ""},
		{"clientPortListenBacklog=100", func(c *Config) any { return c.ListenBacklog }, 100, "accepted without effect: the system's default is used"},
		{"acceptDataLoss=0x1f", func(c *Config) any { return c.AcceptDataLoss }, int64(31), "acceptDataLoss: remove this line once the server has started with it"},
		{"emulate353TTLNodes=false", nil, nil, ""},
		{"dataLogDir=/var/log/zk", func(c *Config) any { return c.DataLogDir }, "/var/log/zk", ""},
		{"dataLogDir=logs", func(c *Config) any { return c.DataLogDir }, "logs", "zoo.cfg:3: dataLogDir: logs is relative to the directory the server is started in"},
		{"dataLogDir=./logs", func(c *Config) any { return c.DataLogDir }, "./logs", ""},
		{"dataLogDir=/a\\:b\\\\c", func(c *Config) any { return c.DataLogDir }, `/a:b\c`, ""},
		{"dataLogDir=/data/z\\u00f6", func(c *Config) any { return c.DataLogDir }, "/data/zö", ""},
		{"dataLogDir=/data/z\xc3\xb6", func(c *Config) any { return c.DataLogDir }, "/data/z\u00c3\u00b6", "bytes above 0x7f are read as ISO 8859-1"},

		// A comment behind the value, as guides print it.
		{"tickTime=2000 # two seconds", func(c *Config) any { return c.TickMs }, 2000, "zoo.cfg:3: tickTime: the trailing comment # two seconds is left out, read as 2000;"},
		{"dataLogDir=/var/log/zk\t# where the log is", func(c *Config) any { return c.DataLogDir }, "/var/log/zk", "the trailing comment # where the log is is left out, read as /var/log/zk;"},
		{"dataLogDir=/var/log#zk", func(c *Config) any { return c.DataLogDir }, "/var/log#zk", ""},
		{`dataLogDir=/var/log \#zk`, func(c *Config) any { return c.DataLogDir }, "/var/log #zk", ""},
		{"DigestAuthenticationProvider.superDigest=super:abc= # secret", func(c *Config) any { return c.SuperDigest }, "super:abc=", `what follows " #" is taken for a comment`},
		{"snapshot.compression.method= # none", func(c *Config) any { return c.Compression }, "", "read as no value"},

		// Keys without effect.
		{"initLimit=10", nil, nil, ""},
		{"localSessionsEnabled=true", nil, nil, ""},
		{"peerType=participant", nil, nil, ""},
		{"quorum.auth.enableSasl=false", nil, nil, ""},
		{"admin.enableServer=false", nil, nil, ""},
		{"admin.enableServer=true", nil, nil, "zoo.cfg:3: admin.enableServer: accepted without effect: this release has no HTTP admin server"},
		{"admin.serverPort=8081", nil, nil, "zoo.cfg:3: admin.serverPort: accepted without effect"},
		{"metricsProvider.httpPort=7000", nil, nil, "metricsProvider.httpPort: accepted without effect"},
		{"authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider", nil, nil, "authProvider.1: accepted without effect"},
		{"nio.numWorkerThreads=4", nil, nil, "no such pool of threads"},
		{"jvm.pause.monitor=false", nil, nil, ""},

		// Keys nobody knows.
		{"tickTme=2000", func(c *Config) any { return c.TickMs }, 3000, "zoo.cfg:3: tickTme: unknown key, ignored; did you mean tickTime?"},
		{"DATADIR=/x", nil, nil, "zoo.cfg:3: DATADIR: unknown key, ignored; did you mean dataDir?"},
		{"something.else=1", nil, nil, "zoo.cfg:3: something.else: unknown key, ignored"},
		{"zookeeper.snapCount=5", func(c *Config) any { return c.SnapCount }, 100_000, "zoo.cfg:3: zookeeper.snapCount: ignored, as Apache ignores it in a file; write snapCount=…"},
		{"clientPort=2182", func(c *Config) any { return c.ClientPort }, 2182, "zoo.cfg:3: clientPort: set again; the value of line 2 is not used"},
	}
	for _, tt := range tests {
		c, warnings, err := Parse("zoo.cfg", []byte(minimal+tt.line+"\n"), memEnv(nil, nil))
		if err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		if tt.field != nil && !reflect.DeepEqual(tt.field(c), tt.want) {
			t.Errorf("%s: got %v, want %v", tt.line, tt.field(c), tt.want)
		}
		checkWarnings(t, tt.line, warnings, tt.warning)
	}
}

func checkWarnings(t *testing.T, name string, warnings []Warning, want string) {
	t.Helper()
	switch {
	case want == "" && len(warnings) > 0:
		t.Errorf("%s: warnings %q, want none", name, texts(warnings))
	case want != "" && (len(warnings) != 1 || !strings.Contains(warnings[0].String(), want)):
		t.Errorf("%s: warnings %q, want one with %q", name, texts(warnings), want)
	}
}

// One impossible line added to a minimal file: refused with line, value and mend.
func TestImpossible(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, want string }{
		{"tickTime=abc", "zoo.cfg:3: tickTime=abc: not a whole number; write a whole number from 1 to 107374182 (milliseconds)"},
		{"tickTime=0", "zoo.cfg:3: tickTime=0: out of range; write a whole number from 1"},
		{"tickTime=", "zoo.cfg:3: tickTime: the value is missing; write a whole number"},
		{"tickTime=99999999999999999999", "out of range"},
		{"tickTime=2s # two", "zoo.cfg:3: tickTime=2s: not a whole number"},
		{"clientPort=65536", "zoo.cfg:3: clientPort=65536: not a port; write a port from 1 to 65535 (0 takes a free one)"},
		{"clientPort=-1", "clientPort=-1: not a port"},
		{"clientPortAddress=10.0.0.1:2181", "zoo.cfg:3: clientPortAddress=10.0.0.1:2181: an address with a port; write the port as clientPort"},
		{"clientPortAddress=a, b", "not an address"},
		{"enforceQuota=yes", "zoo.cfg:3: enforceQuota=yes: neither true nor false; write true or false"},
		{"skipACL=true", "zoo.cfg:3: skipACL=true: neither yes nor no; write yes or no"},
		{"snapshot.compression.method=zip", "unknown method; write gz or snappy"},
		{"DigestAuthenticationProvider.digestAlg=CRC", "unknown digest; write SHA1"},
		{"DigestAuthenticationProvider.superDigest=hunter2", "zoo.cfg:3: DigestAuthenticationProvider.superDigest: not of the form super:<base64 of the digest>; "},
		{"minSessionTimeout=70000", "zoo.cfg:3: minSessionTimeout=70000: the shortest session timeout (70000 ms) is above the longest (60000 ms); "},
		{"maxSessionTimeout=10", "zoo.cfg:3: maxSessionTimeout=10: the shortest session timeout (6000 ms) is above the longest (10 ms); "},
		{"dataLogDir=", "zoo.cfg:3: dataLogDir: the value is missing; write the path of a directory"},
		{"dataLogDir=~/zk", "zoo.cfg:3: dataLogDir=~/zk: ~ is not expanded, here as in Apache; write the whole path"},
		{"dataLogDir=${HOME}/zk", "variables are not expanded, here as in Apache"},
		{"dataLogDir= # todo", "zoo.cfg:3: dataLogDir: the value is missing"},
		{"dataLogDir=/a\\u00zz", `zoo.cfg:3: malformed \uXXXX escape; write \u and four hexadecimal digits`},
		{"=5", "zoo.cfg:3: a line without a key; write key=value"},
		{"electionAlg=0", "zoo.cfg:3: electionAlg=0: only 3 is supported, as in Apache since 3.6; leave the line out"},
		{"initLimit=ten", "zoo.cfg:3: initLimit=ten: not a whole number"},
		{"standaloneEnabled=maybe", "neither true nor false"},
		{"secureClientPort=2281\nssl.trustStore.location=/t.pem", "zoo.cfg:3: ssl.keyStore.location: not set, and secureClientPort=2281 needs it; name a file"},
		{"secureClientPort=2281\nssl.keyStore.location=/k.pem", "zoo.cfg:3: ssl.trustStore.location: not set, and secureClientPort=2281 needs it; name a file"},
		{"client.portUnification=true\nssl.keyStore.location=/k.pem", "zoo.cfg:3: ssl.trustStore.location: not set, and client.portUnification=true needs it"},
		{"secureClientPort=2181\nssl.keyStore.location=/k.pem\nssl.clientAuth=none", "zoo.cfg:3: secureClientPort=2181: clientPort is the same"},
		{"secureClientPortAddress=127.0.0.1", "zoo.cfg:3: secureClientPortAddress=127.0.0.1: secureClientPort is not set"},
		{"authProvider.x509=com.example.Mine", "a class of Java cannot be loaded here"},
		{"ssl.clientAuth=always", "zoo.cfg:3: ssl.clientAuth=always: not known; write need, want or none"},
		{"enforce.auth.schemes=x509", "no client could show a certificate"},
		{"sessionRequireClientSASLAuth=true", "SASL is not supported by this release"},
		{"enforce.auth.enabled=true", "zoo.cfg:3: enforce.auth.enabled=true: enforce.auth.schemes is not set; add the line enforce.auth.schemes=digest"},
		{"enforce.auth.schemes=sasl", "sasl authentication is not supported by this release"},
		{"acceptDataLoss=yes", "zoo.cfg:3: acceptDataLoss=yes: not a zxid; write it as the refusal to start names it, such as 0x1f"},
		{"emulate353TTLNodes=true", "zoo.cfg:3: emulate353TTLNodes=true: the encoding of TTL nodes of 3.5.3 is not supported; "},
		{"flushDelay=x", "zoo.cfg:3: flushDelay=x: not a whole number"},
		{"connection_throttle_decrease_ratio=2", "not a number from 0 to 1"},
		{"connection_throttle_fill_time=0", "out of range"}, {"request_throttle_stall_time=0", "out of range"}, {"largeRequestMaxBytes=0", "out of range"},
		{"jute.maxbuffer=0", "write a whole number of at least 64 (bytes)"},
		{"dynamicConfigFile=/no/such", "zoo.cfg:3: dynamicConfigFile=/no/such: no such file; "},
	}
	for _, tt := range tests {
		c, _, err := Parse("zoo.cfg", []byte(minimal+tt.line+"\n"), memEnv(nil, nil))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) || c != nil {
			t.Errorf("%s: error %v\nwant %s", tt.line, err, tt.want)
		}
		if strings.Contains(tt.line, "hunter2") && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the secret is printed: %v", err)
		}
	}
}

// Every wrong line is named by one start.
func TestEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	_, _, err := Parse("zoo.cfg", []byte("tickTime=x\nclientPort=y\n"), memEnv(nil, nil))
	want := []string{"zoo.cfg:1: tickTime=x: ", "zoo.cfg:2: clientPort=y: ", "zoo.cfg: dataDir: not set; add the line dataDir=/var/lib/zookeeper"}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %q", lines)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %d: got %q, want %q…", i, lines[i], want[i])
		}
	}
}

// Where a property comes from: -D arguments, JVM flags, the file.
func TestSystemProperties(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		vars    map[string]string
		defines []string
		lines   string
		want    int
		warning string
	}{
		{name: "argument", defines: []string{"zookeeper.snapCount=7"}, want: 7},
		{name: "flags", vars: map[string]string{"SERVER_JVMFLAGS": "-Dzookeeper.snapCount=8"}, want: 8},
		{name: "flags after flags", vars: map[string]string{"SERVER_JVMFLAGS": "-Dzookeeper.snapCount=8", "JVMFLAGS": "-Dzookeeper.snapCount=9"}, want: 9},
		{name: "argument after flags", vars: map[string]string{"SERVER_JVMFLAGS": "-Dzookeeper.snapCount=x"}, defines: []string{"zookeeper.snapCount=7"}, want: 7},
		{name: "file wins", defines: []string{"zookeeper.snapCount=7"}, lines: "snapCount=5\n", want: 5,
			warning: "zoo.cfg:3: snapCount: this line wins over zookeeper.snapCount from -D argument, as in Apache"},
		{name: "same value", defines: []string{"zookeeper.snapCount=5"}, lines: "snapCount=5\n", want: 5},
		{name: "not the JVM", vars: map[string]string{"SERVER_JVMFLAGS": "-Xmx1g -XX:+UseG1GC"}, want: 100_000,
			warning: "SERVER_JVMFLAGS: there is no JVM to take -Xmx1g -XX:+UseG1GC"},
		{name: "platform", defines: []string{"java.net.preferIPv4Stack=true"}, want: 100_000, warning: "-D argument: java.net.preferIPv4Stack: a property of the Java platform"},
		{name: "mistyped", defines: []string{"zookeeper.snapcount=7"}, want: 100_000, warning: "unknown system property, ignored; did you mean zookeeper.snapCount?"},
		{name: "no prefix", defines: []string{"snapCount=7"}, want: 100_000, warning: "-D argument: snapCount: ignored, as Apache would; write -Dzookeeper.snapCount"},
		{name: "wrong prefix", defines: []string{"zookeeper.jute.maxbuffer=7"}, want: 100_000, warning: "ignored, as Apache would; write -Djute.maxbuffer"},
		{name: "file only", defines: []string{"zookeeper.tickTime=7"}, want: 100_000, warning: "no system property in Apache either, ignored; write tickTime in zoo.cfg"},
		{name: "without effect", defines: []string{"zookeeper.nio.numSelectorThreads=2"}, want: 100_000, warning: "accepted without effect"},
		{name: "script's own", defines: []string{"zookeeper.log.dir=/var/log", "zookeeper.log.file=zk.log"}, want: 100_000},
	}
	for _, tt := range tests {
		c, warnings, err := Parse("zoo.cfg", []byte(minimal+tt.lines), memEnv(tt.vars, nil, tt.defines...))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if c.SnapCount != tt.want {
			t.Errorf("%s: snapCount %d, want %d", tt.name, c.SnapCount, tt.want)
		}
		checkWarnings(t, tt.name, warnings, tt.warning)
	}

	_, _, err := Parse("zoo.cfg", []byte(minimal), memEnv(map[string]string{"SERVER_JVMFLAGS": "-Dzookeeper.snapCount=x"}, nil))
	if want := "SERVER_JVMFLAGS: zookeeper.snapCount=x: not a whole number; "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("impossible flag: got %v, want %s", err, want)
	}
	c, _, err := Parse("zoo.cfg", []byte(minimal), memEnv(map[string]string{"ZOO_DATADIR_AUTOCREATE_DISABLE": "1"}, nil))
	if err != nil || c.AutoCreateDirs {
		t.Errorf("ZOO_DATADIR_AUTOCREATE_DISABLE: %v, %+v", err, c)
	}
}

// Server lines of a server alone.
func TestServers(t *testing.T) {
	t.Parallel()
	const dir = "dataDir=/var/zk\n"
	tests := []struct {
		name, text string
		files      map[string]string
		port       int
		address    string
		warning    string
		err        string
	}{
		{name: "one", text: minimal + "server.1=zk1:2888:3888\n", port: 2181,
			warning: "zoo.cfg:3: server.1: Invalid configuration, only one server specified (ignoring)"},
		{name: "one with its client port and myid", text: dir + "server.1=zk1:2888:3888;2181\n", files: map[string]string{"/var/zk/myid": "1\n"}, port: 2181,
			warning: "only one server specified"},
		{name: "one with its client address", text: dir + "server.1=[::1]:2888:3888:participant;[::1]:2182\n", files: map[string]string{"/var/zk/myid": "1"}, port: 2182, address: "::1",
			warning: "only one server specified"},
		{name: "one of another id", text: dir + "server.2=zk1:2888:3888;2181\n", files: map[string]string{"/var/zk/myid": "1"},
			err: "zoo.cfg: clientPort: not set; add the line clientPort=2181"},
		{name: "two client ports", text: minimal + "server.1=zk1:2888:3888;2182\n", files: map[string]string{"/var/zk/myid": "1"},
			err: "zoo.cfg:2: clientPort=2181: the line server.1 says client port 2182; "},
		{name: "both places", text: minimal + "dynamicConfigFile=/etc/d\nserver.1=a:2888:3888\n", files: map[string]string{"/etc/d": ""},
			err: "zoo.cfg:4: server.1=a:2888:3888: must be in the dynamic configuration file; move it to /etc/d"},
		{name: "observer alone", text: minimal + "server.1=a:2888:3888:observer\n", err: "observers without participants"},
		{name: "one and an observer", text: minimal + "server.1=a:2888:3888\nserver.2=b:2888:3888:observer\n", err: "zoo.cfg:4: server.2=b:2888:3888:observer: observers without a quorum"},
		{name: "ensemble of none", text: minimal + "standaloneEnabled=false\n", err: "zoo.cfg:3: standaloneEnabled=false: an ensemble without a server that votes"},
		{name: "malformed", text: minimal + "server.1=a:2888:x\n", err: "zoo.cfg:3: server.1=a:2888:x: x is not a port; write server.N=host:2888:3888"},
		{name: "malformed id", text: minimal + "server.one=a:2888:3888\n", err: "one is not a number"},
		{name: "myid", text: minimal, files: map[string]string{"/var/zk/myid": "one\n"}, err: `/var/zk/myid:1: "one" is not a number; `},
	}
	for _, tt := range tests {
		c, warnings, err := Parse("zoo.cfg", []byte(tt.text), memEnv(nil, tt.files))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %s", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if c.ClientPort != tt.port || c.ClientPortAddress != tt.address {
			t.Errorf("%s: %s:%d, want %s:%d", tt.name, c.ClientPortAddress, c.ClientPort, tt.address, tt.port)
		}
		checkWarnings(t, tt.name, warnings, tt.warning)
	}
}

func TestFromArguments(t *testing.T) {
	t.Parallel()
	c, _, err := FromArguments([]string{"2181", "/var/zk", "2000", "10"}, memEnv(nil, nil))
	if err != nil || c.ClientPort != 2181 || c.DataDir != "/var/zk" || c.TickMs != 2000 || c.MaxSessionTimeoutMs != 40000 || c.MaxClientCnxns != 10 {
		t.Errorf("%v, %+v", err, c)
	}
	for _, args := range [][]string{{"2181"}, {"a", "b", "c", "d", "e"}, {"port", "/var/zk"}} {
		if _, _, err := FromArguments(args, memEnv(nil, nil)); err == nil {
			t.Errorf("%q: accepted", args)
		}
	}
}

func TestLoadMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, _, err := Load(dir+"/none.cfg", Env{})
	if want := dir + "/none.cfg: no such file; give the path of a readable zoo.cfg"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, _, err = Load(dir, Env{}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
	big := dir + "/big.cfg"
	if err := os.WriteFile(big, make([]byte, maxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err = Load(big, Env{}); err == nil || !strings.Contains(err.Error(), "more than a configuration file may have") {
		t.Errorf("a large file: %v", err)
	}
}
