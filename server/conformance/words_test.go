package conformance

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/zktest"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/wire"
)

// allWords are the four-letter words of the client port.
var allWords = []string{
	"ruok", "srvr", "stat", "conf", "mntr", "cons", "dump", "envi", "wchs", "wchp", "wchc", "dirs", "isro",
	"hash", "gtmk", "stmk", "crst", "srst",
}

// A shape is what of an answer depends on time, place or the run, and what stands for it.
type shape struct{ pattern, as string }

var shapes = []shape{
	{`(?m)^(Zookeeper version: |zk_version\t|zookeeper\.version=)\d+\.\d+\.\d+\S*, built on \S+ \d\d:\d\d UTC$`, "${1}VERSION, built on DATE"},
	{`[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \S+ \d{4}`, "DATE"},
	{`127\.0\.0\.1:\d+`, "CLIENT"},
	{`(?m)^(Latency min/avg/max: )\d+/\d+\.\d{1,4}/\d+$`, "${1}N/N.N/N"},
	{`(?m)^(Received|Sent): \d+$`, "${1}: N"},
	{`(?m)^Zxid: 0x[0-9a-f]+$`, "Zxid: ZXID"},
	{`\b(lzxid|lcxid)=0x[0-9a-f]+`, "${1}=HEX"},
	{`\b(est|lresp|llat|minlat|avglat|maxlat)=\d+`, "${1}=N"},
	{`(?m)^(clientPort|dataDirSize|dataLogSize|datadir_size: |logdir_size: )(=?)\d+$`, "${1}${2}N"},
	{`(?m)^(dataDir|dataLogDir)=\S+/version-2$`, "${1}=DIR/version-2"},
	{`(?m)^(zk_(?:avg|min|max|sum|cnt)_\S+|zk_(?:packets_\w+|uptime|\w+_file_descriptor_count|\w+_client_response_size|snap_count))\t\d+(?:\.\d+)?$`, "${1}\tN"},
	{`(?m)^(host\.name|java\.io\.tmpdir|os\.version|user\.\w+|os\.memory\.\w+)=.*$`, "${1}=TEXT"},
}

// shapeOf is the shape of what a server says to a word, typed as given.
func shapeOf(t *testing.T, addr, typed string, session protocol.SessionID) []string {
	t.Helper()
	text, err := protocol.FourLetter(t.Context(), addr, typed)
	if err != nil {
		t.Fatalf("%q: %v", typed, err)
	}
	if session != 0 {
		text = strings.ReplaceAll(text, session.String(), "SESSION")
	}
	for _, s := range shapes {
		text = regexp.MustCompile(s.pattern).ReplaceAllString(text, s.as)
	}
	lines := strings.Split(text, "\n")
	// Apache lists connections in no order.
	first := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, " /CLIENT[") })
	for end := first; first >= 0; end++ {
		if !strings.HasPrefix(lines[end], " /CLIENT[") {
			slices.Sort(lines[first:end])
			break
		}
	}
	return lines
}

// wordDifferences turn the lines of Apache into what ours must be.
var wordDifferences = map[string]func([]string) []string{
	// Without Java there are no properties of it; Go's version stands in their place, and the heap has a limit only where
	// one is set.
	"envi": func(lines []string) []string {
		lines = without(lines, `^java\.(home|class\.path|library\.path|compiler|vendor)=|^os\.memory\.max=`)
		for i, l := range lines {
			if strings.HasPrefix(l, "java.version=") {
				lines[i] = "go.version=" + runtime.Version()
			}
		}
		return lines
	},
	// Apache keeps the buckets of sessions that have left them, empty, until their time comes.
	"dump": func(lines []string) []string {
		lines = without(lines, `^0 expire at DATE:$`)
		for i, l := range lines {
			lines[i] = regexp.MustCompile(`^(Session|Connections) Sets \(\d+\)/`).ReplaceAllString(l, "$1 Sets (N)/")
		}
		return lines
	},
	// Apache goes on with some five hundred metrics; ours with those that are measured here. 3.8.0 has a recursive watch in
	// both tables, 3.9 in that of data alone (DataTree.addWatch).
	"mntr": func(lines []string) []string {
		if i := slices.Index(lines, "zk_watch_count\t3"); i >= 0 {
			lines[i] = "zk_watch_count\t2"
		}
		first := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "zk_non_mtls_local_conn_count\t") }) + 1
		return append(slices.Clone(lines[:first]), "zk_throttled_ops\t0", "zk_stale_requests_dropped\t0", "zk_large_requests_rejected\t0", "zk_connection_rejected\t0", "zk_snap_count\tN", "zk_fsync_threshold_exceed_count\t0",
			"zk_avg_fsynctime\tN", "zk_min_fsynctime\tN", "zk_max_fsynctime\tN", "zk_cnt_fsynctime\tN", "zk_sum_fsynctime\tN", "")
	},
}

func without(lines []string, pattern string) []string {
	re := regexp.MustCompile(pattern)
	return slices.DeleteFunc(slices.Clone(lines), re.MatchString)
}

// TestConformanceWords asks both servers every four-letter word after the same history, and compares line by line.
func TestConformanceWords(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	g := groups()[0]
	ours, theirs := startOurs(t, g), apache.Start(t, apache.Options{Config: g.lines}).Addr
	// Apache's has answered a session already, when it was waited for.
	if c, err := wire.Dial(ours, wire.Options{TimeoutMs: 4000}); err != nil || c.CloseSession() != nil {
		t.Fatal(err)
	}
	sessions := map[string]protocol.SessionID{}
	for _, addr := range []string{ours, theirs} {
		c, err := wire.Dial(addr, wire.Options{TimeoutMs: 20_000})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Drop)
		sessions[addr] = c.Session.Session
		for _, err := range []error{
			c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: "/words", Data: []byte("x"), ACL: protocol.OpenACL, Flags: protocol.FlagEphemeral}, nil),
			c.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: "/words", Watch: true}, nil),
			c.Do(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: "/", Watch: true}, nil),
			c.Do(protocol.OpAddWatch, &protocol.AddWatchRequest{Path: "/words", Mode: protocol.AddWatchPersistentRecursive}, nil),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	typed := slices.Clone(allWords)
	i := slices.Index(typed, "stmk")
	typed = slices.Insert(typed, i+1, "stmk\x00\x00\x00\x00\x00\x00\x01\x36", "gtmk")
	typed = slices.Delete(typed, i, i+1) // without a mask it waits for one
	typed = append(typed, "ruok\n", "srvr\r\n", "isro and more\n", "cons", "stat")
	for _, word := range typed {
		a, b := shapeOf(t, theirs, word, sessions[theirs]), shapeOf(t, ours, word, sessions[ours])
		want := slices.Clone(a)
		if d := wordDifferences[word]; d != nil {
			want = d(want)
		}
		if word == "dump" {
			b = wordDifferences["dump"](b)
		}
		if !slices.Equal(b, want) {
			t.Errorf("%q\n%s", word, differ(want, b))
		}
	}
}

// differ shows the lines that one side has alone.
func differ(want, got []string) string {
	var b strings.Builder
	for i := range max(len(want), len(got)) {
		var w, g string
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			fmt.Fprintf(&b, "  line %d: wanted %q\n           got %q\n", i+1, w, g)
		}
	}
	return b.String()
}

// TestConformanceWhitelist: by default srvr alone is answered; the refusal of ours is Apache's sentence and, on a line of
// its own, the mend. What is no word is the length of a packet that is too long.
func TestConformanceWhitelist(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	theirs := apache.Start(t, apache.Options{Config: []string{"4lw.commands.whitelist=srvr"}}).Addr
	ours := zktest.Start(t, server.WithFourLetterWords("srvr")).Addr()
	for _, word := range allWords {
		if word == "stmk" {
			word += strings.Repeat("\x00", 8)
		}
		a, b := shapeOf(t, theirs, word, 0), shapeOf(t, ours, word, 0)
		if word == "srvr" {
			if differ(a, b) != "" {
				t.Errorf("srvr:\n%s", differ(a, b))
			}
			continue
		}
		mend := "To allow it, put this line into zoo.cfg and restart the server: 4lw.commands.whitelist=srvr, " + word[:4]
		if len(a) != 2 || !strings.Contains(a[0], "is not in the whitelist") || !slices.Equal(b, []string{a[0], mend, ""}) {
			t.Errorf("%q: Apache %q, ours %q", word, a, b)
		}
	}
	for _, word := range []string{"orst", "reqs", "lead", "help", "RUOK"} {
		if a, b := afterBytes(t, theirs, word), afterBytes(t, ours, word); a != "" || b != "" {
			t.Errorf("%q: Apache %q, ours %q", word, a, b)
		}
	}
}

// afterBytes is what a server says to bytes before it closes the connection.
func afterBytes(t *testing.T, addr, bytes string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wire.Patience))
	if _, err := io.WriteString(c, bytes); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err, ok := err.(net.Error); ok && err.Timeout() {
		t.Errorf("%q: the connection is still open", bytes)
	}
	return string(text)
}
