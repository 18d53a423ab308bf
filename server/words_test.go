package server_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-zookeeper/zk"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
)

// TestFourLetterWords compares each answer with the text Apache 3.8.0 gave for
// the same history; numbers that depend on time and ports are patterns.
func TestFourLetterWords(t *testing.T) {
	t.Parallel()
	built := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	srv := zktest.Start(t, server.WithBuildTime(built))
	c := zktest.DialTimeout(t, srv.Addr(), 10_000)
	c.Create("/a", []byte("x"), protocol.FlagEphemeral)
	c.Must(protocol.OpGetData, get("/a", true), nil)
	c.Must(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: "/", Watch: true}, nil)
	c.Call(protocol.OpExists, &protocol.ExistsRequest{Path: "/b", Watch: true}, nil)
	sid := regexp.QuoteMeta(c.Session.Session.String())
	peer := regexp.QuoteMeta(c.Socket.LocalAddr().String())
	_, port, _ := net.SplitHostPort(srv.Addr())
	date := `[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \S+ \d{4}`
	const version = `Zookeeper version: 3\.9\.5-zookit, built on 03/04/2026 05:06 UTC\n`

	for _, x := range []struct{ word, want string }{
		{"ruok", `imok`},
		{"isro", `rw`},
		{"gtmk", `306`},
		{"srvr", version + `Latency min/avg/max: \d+/\d+\.\d{1,4}/\d+\nReceived: \d+\nSent: \d+\nConnections: 2\nOutstanding: 0\nZxid: 0x2\nMode: standalone\nNode count: 6\n`},
		{"stat", version + `Clients:\n /` + peer + `\[1\]\(queued=0,recved=5,sent=5\)\n /127\.0\.0\.1:\d+\[0\]\(queued=0,recved=1,sent=0\)\n\nLatency min/avg/max: .*\nReceived: \d+\nSent: \d+\nConnections: 2\nOutstanding: 0\nZxid: 0x2\nMode: standalone\nNode count: 6\n`},
		{"conf", `clientPort=` + port + `\nsecureClientPort=-1\ndataDir=/data/version-2\ndataDirSize=\d+\ndataLogDir=/data/version-2\ndataLogSize=\d+\ntickTime=100\nmaxClientCnxns=0\nminSessionTimeout=200\nmaxSessionTimeout=600000\nclientPortListenBacklog=-1\nserverId=0\n`},
		{"cons", ` /` + peer + `\[1\]\(queued=0,recved=5,sent=5,sid=` + sid + `,lop=EXIS,est=\d{13},to=10000,lcxid=0x4,lzxid=0x2,lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)\n /127\.0\.0\.1:\d+\[0\]\(queued=0,recved=1,sent=0\)\n\n`},
		{"dump", `SessionTracker dump:\nSession Sets \(1\)/\(1\):\n1 expire at ` + date + `:\n\t` + sid + `\nephemeral nodes dump:\nSessions with Ephemerals \(1\):\n` + sid + `:\n\t/a\nConnections dump:\nConnections Sets \([12]\)/\(2\):\n(\d expire at ` + date + `:\n(\tip: /127\.0\.0\.1:\d+ sessionId: 0x[0-9a-f]+\n)+)+`},
		{"wchs", `1 connections watching 2 paths\nTotal watches:2\n`},
		{"wchc", sid + `\n\t/a\n\t/b\n\n`},
		{"wchp", `/a\n\t` + sid + `\n/b\n\t` + sid + `\n\n`},
		{"dirs", `datadir_size: [1-9]\d*\nlogdir_size: [1-9]\d*\n`},
		{"hash", ``},
		{"envi", `Environment:\nzookeeper\.version=3\.9\.5-zookit, built on 03/04/2026 05:06 UTC\nhost\.name=.*\n(?s:.*)`},
		{"crst", `Connection stats reset\.\n`},
		{"srst", `Server stats reset\.\n`},
		{"srvr", version + `Latency min/avg/max: 0/0\.0/0\nReceived: 1\nSent: 1\nConnections: 2\n(?s:.*)`},
		{"cons", ` /` + peer + `\[1\]\(queued=0,recved=0,sent=0,sid=` + sid + `,lop=NA,est=\d{13},to=10000,lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0\)\n(?s:.*)`},
	} {
		got := zktest.Word(t, srv.Addr(), x.word)
		if !regexp.MustCompile(`\A(?:` + x.want + `)\z`).MatchString(got) {
			t.Errorf("%s:\n%s\nwant to match:\n%s", x.word, got, x.want)
		}
	}
}

func TestMonitorKeys(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	c.Create("/a", []byte("x"), protocol.FlagEphemeral)
	c.Must(protocol.OpGetData, get("/a", true), nil)
	got := map[string]string{}
	for line := range strings.Lines(zktest.Word(t, srv.Addr(), "mntr")) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || value == "" {
			t.Errorf("bad line %q", line)
		}
		got[key] = value
	}
	for key, want := range map[string]string{
		"zk_server_state": "standalone", "zk_ephemerals_count": "1", "zk_num_alive_connections": "2",
		"zk_outstanding_requests": "0", "zk_znode_count": "6", "zk_global_sessions": "1", "zk_watch_count": "1",
		"zk_auth_failed_count": "0", "zk_local_sessions": "0", "zk_connection_rejected": "0",
		"zk_approximate_data_size": "47", "zk_cnt_fsynctime": "2", "zk_fsync_threshold_exceed_count": "0",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	for _, key := range []string{"zk_version", "zk_avg_latency", "zk_min_latency", "zk_max_latency", "zk_packets_received", "zk_packets_sent", "zk_uptime"} {
		if got[key] == "" {
			t.Errorf("%s is missing", key)
		}
	}
}

func TestTraceMask(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	if got := zktest.Word(t, srv.Addr(), "stmk\x00\x00\x00\x00\x00\x00\x01\x36"); got != "310" {
		t.Errorf("stmk: %q", got)
	}
	if got := zktest.Word(t, srv.Addr(), "gtmk"); got != "310" {
		t.Errorf("gtmk: %q", got)
	}
}

// TestCVE2017_5637WatchWords: wchp, wchc and dump are refused until zoo.cfg allows
// them, and whoever asks for a long one and reads nothing keeps nobody from
// writing, nor from setting watches.
func TestCVE2017_5637WatchWords(t *testing.T) {
	t.Parallel()
	byDefault := zktest.Start(t, server.WithFourLetterWords(config.Default().FourLetterWhitelist...))
	for _, w := range []string{"wchp", "wchc", "dump", "cons"} {
		if got := zktest.Word(t, byDefault.Addr(), w); !strings.HasPrefix(got, w+" is not executed because it is not in the whitelist.\n") {
			t.Errorf("%s: %.100q", w, got)
		}
	}

	srv := zktest.Start(t)
	const (
		frames  = 6
		inFrame = 1_000 // with an answer of 6 MB, more than sockets take
	)
	watcher, writer := zktest.Dial(t, srv.Addr()), zktest.Dial(t, srv.Addr())
	for f := range frames {
		var r protocol.SetWatches2Request
		for i := range inFrame {
			r.Exist = append(r.Exist, fmt.Sprintf("/%s/%d/%d", strings.Repeat("p", 1000), f, i))
		}
		watcher.Must(protocol.OpSetWatches2, &r, nil)
	}
	if got := srv.Server().Status().Watches; got != frames*inFrame {
		t.Fatalf("%d watches", got)
	}
	writer.Create("/x", nil, protocol.FlagPersistent)
	for _, w := range []string{"wchp", "wchc", "wchp"} {
		zktest.Open(t, srv.Addr()).Write([]byte(w))
		writer.Must(protocol.OpGetData, get("/x", true), nil)
		writer.Send(protocol.OpSetData, set("/x", "v"))
		if r := writer.Receive(); r.Event == nil {
			t.Errorf("got %+v, want the event", r)
		}
		if r := writer.Receive(); r.Err != protocol.OK {
			t.Errorf("got %+v", r)
		}
	}
}

// TestZK5058ForgedWatches: a client that watches a path with line ends and escape
// sequences in it writes no line of its own into wchp and wchc, nor to a terminal.
func TestZK5058ForgedWatches(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	for _, path := range []string{"/a\n0xbad\n\t/forged", "/\x1b[2J\u009b1m", "/\xff\r"} {
		c.Must(protocol.OpAddWatch, &protocol.AddWatchRequest{Path: path}, nil)
		c.Must(protocol.OpSetWatches2, &protocol.SetWatches2Request{Exist: []string{path + "2"}, Persistent: []string{path + "3"}}, nil)
	}
	for word, lines := range map[string]int{"wchp": 9*2 + 1, "wchc": 1 + 9 + 1} {
		got := zktest.Word(t, srv.Addr(), word)
		odd := strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) || r == utf8.RuneError })
		if n := strings.Count(got, "\n"); n != lines || odd || strings.Contains(got, "\n0xbad") {
			t.Errorf("%s: %d lines, want %d: %q", word, n, lines, got)
		}
	}
}

func TestWordsTypedByHand(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	for _, typed := range []string{"ruok\n", "ruok\r\n", "ruok and more\n"} {
		if got := zktest.Word(t, srv.Addr(), typed); got != "imok" {
			t.Errorf("%q got %q", typed, got)
		}
	}
	// One letter at a time.
	c := zktest.Open(t, srv.Addr())
	for _, b := range []byte("isro") {
		c.Write([]byte{b})
	}
	buf := make([]byte, 10)
	if n, err := c.Socket.Read(buf); err != nil || string(buf[:n]) != "rw" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
}

func TestWhitelist(t *testing.T) {
	t.Parallel()
	srv := zktest.StartConfig(t, zktest.Config(), server.WithFourLetterWords("srvr"))
	got := zktest.Word(t, srv.Addr(), "ruok")
	want := "ruok is not executed because it is not in the whitelist.\n" +
		"To allow it, put this line into zoo.cfg and restart the server: 4lw.commands.whitelist=srvr, ruok\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := zktest.Word(t, srv.Addr(), "srvr"); !strings.HasPrefix(got, "Zookeeper version: ") {
		t.Errorf("srvr: %q", got)
	}
}

// TestGoZookeeperParsesSrvr: that client's expression is the strictest around.
func TestGoZookeeperParsesSrvr(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	c.Create("/a", nil, protocol.FlagPersistent)
	stats, ok := zk.FLWSrvr([]string{srv.Addr()}, 10*time.Second)
	if !ok {
		t.Fatalf("not parsed: %+v", stats[0].Error)
	}
	if s := stats[0]; s.Version != "3.9.5-zookit" || s.Mode != zk.ModeStandalone || s.NodeCount != 6 || s.Counter != 2 {
		t.Errorf("got %+v", s)
	}
}

// TestKazooParsesTheVersion: kazoo (client.py, ENVI_VERSION) takes the digits
// and dots that a version begins with, and each part must be a number.
func TestKazooParsesTheVersion(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	for word, key := range map[string]string{"envi": "zookeeper.version=", "srvr": "Zookeeper version: ", "stat": "Zookeeper version: ", "mntr": "zk_version\t"} {
		_, version, found := strings.Cut(zktest.Word(t, srv.Addr(), word), key)
		if got := regexp.MustCompile(`([\d\.]*).*`).FindStringSubmatch(version)[1]; !found || got != "3.9.5" {
			t.Errorf("%s: found %q, want 3.9.5", word, got)
		}
	}
}
