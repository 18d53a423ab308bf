package command

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/shell/session"
)

// surveyed is a shell on a small tree: data, an ephemeral, sequential names,
// packed and binary data, and a znode that may not be read.
func surveyed(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, "", "/app", "/app/config", "/app/locks", "/app/locks/l-0000000001", "/app/locks/l-0000000002", "/app/empty", "/app/secret", "/app/secret/in")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, "inside host1\n")
	w.Close()
	f := b.fake
	f.data["/app"] = nil
	f.data["/app/empty"] = nil
	f.data["/app/config"] = []byte("host=Host1\nport=2181\nspare=host2\n")
	f.data["/app/locks"] = []byte("\x00\x01host1\xff")
	f.data["/app/locks/l-0000000001"] = packed.Bytes()
	f.data["/app/locks/l-0000000002"] = bytes.Repeat([]byte("x"), 3000)
	f.owner["/app/locks/l-0000000001"] = 0x1234
	f.times = map[string]int64{"/app/config": 1_700_000_000_000, "/app/empty": time.Now().UnixMilli()}
	f.before = func(op, path string) error {
		if path == "/app/secret" && op != "exists" || strings.HasPrefix(path, "/app/secret/") {
			return &session.OpError{Path: path, Code: protocol.NoAuth}
		}
		return nil
	}
	return b
}

const refusedLine = "Insufficient permission : /app/secret\n"

func TestLookingAround(t *testing.T) {
	t.Parallel()
	b := surveyed(t)
	gz := len(b.fake.data["/app/locks/l-0000000001"])
	empty := time.UnixMilli(b.fake.times["/app/empty"]).UTC().Format(time.DateTime)
	for _, c := range []struct {
		line, out, err string
		exit           int
	}{
		{"ls -l /app/locks", "" +
			"type bytes children version owner  modified            name\n" +
			fmt.Sprintf("es   %5d        0       0 0x1234 1970-01-01 00:00:00 l-0000000001\n", gz) +
			"ps    3000        0       0 -      1970-01-01 00:00:00 l-0000000002\n", "", 0},
		{"ls -lh /app/locks/l-0000000002", "" +
			"type size children version owner modified            name\n" +
			"ps   2.9K        0       0 -     1970-01-01 00:00:00 l-0000000002\n", "", 0},
		{"ls -l /app/[ce]*", "" +
			"type bytes children version owner modified            name\n" +
			"p       33        0       0 -     2023-11-14 22:13:20 /app/config\n" +
			"p        0        0       0 -     " + empty + " /app/empty\n", "", 0},
		{"ls /app/[cl]*", "==> /app/config <==\n[]\n\n==> /app/locks <==\n[l-0000000001, l-0000000002]\n", "", 0},
		{"ls -t /app", "[empty, config, locks, secret]\n", "", 0},
		{"ls -RS /app/locks", "/app/locks/l-0000000002\n/app/locks/l-0000000001\n/app/locks\n", "", 0},
		{"ls -R /app", "/app\n/app/config\n/app/empty\n/app/locks\n/app/secret\n/app/locks/l-0000000001\n/app/locks/l-0000000002\n", refusedLine, 1},
		{"tree /app", "/app\n├── config\n├── empty\n├── locks\n│   ├── l-0000000001\n│   └── l-0000000002\n└── secret  (not readable)\n7 znodes\n", refusedLine, 1},
		{"tree -d /app", "/app\n├── locks\n└── secret  (not readable)\n3 znodes\n", refusedLine, 1},
		{"tree -L 1 /app", "/app\n├── config\n├── empty\n├── locks\n└── secret\n5 znodes\n", "", 0},
		{"tree -L 0 /app", "", "tree: -L: \"0\" is no number of levels (1 is the children)\n", 1},
		{"du /app/locks", "" +
			fmt.Sprintf("%10d %9d  %s\n", 3000, 1, "/app/locks/l-0000000002") +
			fmt.Sprintf("%10d %9d  %s\n", gz, 1, "/app/locks/l-0000000001") +
			fmt.Sprintf("%10d %9d  %s\n", 3008+gz, 3, "/app/locks"), "", 0},
		{"du -sh /app", fmt.Sprintf("%10s %9s  /app\n", "3.0K+", "7+"), refusedLine, 1},
		{"du -n -d 0 /app/locks", fmt.Sprintf("%10d %9d  /app/locks\n", 3008+gz, 3), "", 0},
		{"find /app/locks -name l-*1", "/app/locks/l-0000000001\n", "", 0},
		{"find /app/locks -regex [12]$ -type e", "/app/locks/l-0000000001\n", "", 0},
		{"find /app/locks -type s -size +1K", "/app/locks/l-0000000002\n", "", 0},
		{"find /app -maxdepth 1 -size -1", "/app\n/app/empty\n", "", 0},
		{"find /app/locks -depth 1 -owner 0x1234", "/app/locks/l-0000000001\n", "", 0},
		{"find /app/locks /app/config -depth 0", "/app/locks\n/app/config\n", "", 0},
		{"find /app/config /app/empty -mtime -1h", "/app/empty\n", "", 0},
		{"find /app/config /app/empty -age +1w -acl world:anyone:cd", "/app/config\n", "", 0},
		{"find /app/e* -empty", "/app/empty\n", "", 0},
		{"find /app/locks -type e -exec get -s {} ';' -depth 1", "", "", 0},
		{"find /app/locks -maxdepth 0 -exec get {}/l-0000000002", strings.Repeat("x", 3000) + "\n", "", 0},
		{"find /app/config -exec get {}/none ;", "", "Node does not exist: /app/config/none\nfind: get failed for 1 znode\n", 1},
		{"find /app/locks -type ct", "", "find: a server does not tell containers and TTL znodes from persistent ones; the data of a stopped one does (-server file:DATADIR)\n", 0},
		{"find /none", "", "Node does not exist: /none\n", 1},
		{"find /app -type x", "", "find: -type: \"x\" is no type: write p, e, s, c, t, or several of them\n", 1},
		{"find /app -size 1X", "", "find: -size: \"1X\" is no size: write bytes, or 4K, 1M, 2G\n", 1},
		{"find /app -age soon", "", "find: -age: \"soon\" is no length of time: write 90s, 5m, 2h, 3d, 1w\n", 1},
		{"find /app -exec ;", "", "find: behind -exec stands a command, {} for the path, and a ;\n", 1},
		{"grep host /app/config", "/app/config:host=Host1\n/app/config:spare=host2\n", "", 0},
		{"grep -n host2 /app/*", "/app/config:3:spare=host2\n", refusedLine, 1},
		{"grep -iE ^HOST=.*1$ /app/config", "/app/config:host=Host1\n", "", 0},
		{"grep -R host1 /app/locks", "/app/locks: the data, which is no text, matches\n/app/locks/l-0000000001:inside host1\n", "", 0},
		{"grep -Rl l- /app/locks", "/app/locks/l-0000000001\n/app/locks/l-0000000002\n", "", 0},
		{"grep -c host /app/config", "/app/config:2\n", "", 0},
		{"grep conf /app/config", "/app/config\n", "", 0},
		{"grep nothing /app/config", "", "", 1},
		{"grep -E ( /app", "", "grep: -E: error parsing regexp: missing closing ): `(`\n", 1},
		{"tree", "", "usage: tree [-L levels] [-d] [-a] [path ...]\n", 1},
	} {
		out, err, exit := b.do(c.line)
		if strings.HasPrefix(c.line, "find /app/locks -type e -exec") { // the rest is a Stat
			out, _, _ = strings.Cut(out, "cZxid")
			c.out = string(b.fake.data["/app/locks/l-0000000001"]) + "\n"
		}
		if out != c.out || err != c.err || exit != c.exit {
			t.Errorf("%s: exit %d\n%s%s\nwant %d\n%s%s", c.line, exit, out, err, c.exit, c.out, c.err)
		}
	}
}

// TestLookingAroundInRecords: -o json has one form for every way to look.
func TestLookingAroundInRecords(t *testing.T) {
	t.Parallel()
	b := surveyed(t)
	b.Format = FormatJSON
	for _, c := range []struct {
		line string
		want int
	}{{"ls -l /app/locks", 2}, {"ls -R /app/locks", 3}, {"tree /app/locks", 3}, {"find /app/locks", 3}, {"find /app/locks -type c", 0}} {
		out, err, exit := b.do(c.line)
		var list []Znode
		if bad := json.Unmarshal([]byte(out), &list); bad != nil || len(list) != c.want || exit != 0 {
			t.Errorf("%s: %v, exit %d, %s%s", c.line, bad, exit, out, err)
			continue
		}
		for _, z := range list {
			if z.Path == "/app/locks/l-0000000001" && (z.Type != "ephemeral" || !z.Sequential || z.Owner != "0x1234" || z.Size == 0) {
				t.Errorf("%s: %+v", c.line, z)
			}
		}
	}
	for line, want := range map[string]string{
		"ls /app/locks":             `[{"path":"/app/locks","children":["l-0000000001","l-0000000002"]}]`,
		"grep -n host2 /app/config": `[{"path":"/app/config","in":"data","line":3,"text":"spare=host2"}]`,
		"du -s /app/config":         `[{"path":"/app/config","bytes":33,"znodes":1}]`,
		"pwd":                       `[{"path":"/"}]`,
	} {
		if out, _, _ := b.do(line); out != want+"\n" {
			t.Errorf("%s: %s", line, out)
		}
	}
}

// TestGiantParents: a parent of many children is told of instead of gone into,
// unless -a says so or it is the one that was named.
func TestGiantParents(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/big", "/a", "/a/b")
	for i := range 10_001 {
		b.fake.giant = append(b.fake.giant, fmt.Sprintf("n%05d", i))
	}
	const word = "/big has 10,001 children, which are left out (-a goes in)\n"
	for _, c := range []struct {
		line, err string
		lines     int
		last      string
	}{
		{"tree /", word, 5, "4 znodes"},
		{"find /", word, 4, "/big"},
		{"find -a / -name n1*", "", 1, "/big/n10000"},
		{"du -s /", word, 1, fmt.Sprintf("%10s %9s  /", "10+", "4+")},
		{"ls -R /", "", 10_005, ""}, // a script counts on all of it
	} {
		out, err, exit := b.do(c.line)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if err != c.err || exit != 0 || len(lines) != c.lines || c.last != "" && lines[len(lines)-1] != c.last {
			t.Errorf("%s: exit %d, %q, %d lines, the last %q", c.line, exit, err, len(lines), lines[len(lines)-1])
		}
	}
}

func TestSizesAndAges(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 1023: "1023", 1024: "1.0K", 1536: "1.5K", 10 << 10: "10K", 1 << 20: "1.0M", 1<<20 - 1: "1.0M", 5 << 40: "5.0T", 5000 << 40: "5000T"} {
		if got := humanSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for text, want := range map[string]int64{"0": 0, "12": 12, "2k": 2048, "3M": 3 << 20, "": -1, "K": -1, "-1": -1, "9999999999G": -1} {
		if got, err := parseSize(text); got != want && (err == nil || want >= 0) {
			t.Errorf("size %q: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "2h": 2 * time.Hour, "3": 72 * time.Hour, "1w": 168 * time.Hour, "": -1, "h": -1, "-1h": -1, "99999999999w": -1} {
		if got, err := parseAge(text); got != want && (err == nil || want >= 0) {
			t.Errorf("age %q: %v, %v", text, got, err)
		}
	}
}

// TestInterruptedWork: what was counted until Ctrl-C is shown.
func TestInterruptedWork(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a", "/a/1", "/a/2", "/a/2/x", "/a/3")
	ctx, cancel := context.WithCancel(context.Background())
	answered := make(chan struct{})
	b.fake.outside = func(op, path string) error {
		switch {
		case path == "/a/2/x":
			<-answered // by then /a/3 was asked for
			cancel()
			return &session.CanceledError{Path: path, Cause: context.Canceled, Sent: true}
		case path == "/a/3":
			close(answered)
		}
		return nil
	}
	exit := b.Execute(ctx, "du /a")
	out := b.out.String()
	if exit != ExitInterrupted || !strings.Contains(out, "+  /a\n") || !strings.Contains(out, "  /a/1\n") || b.err.String() != "interrupted\n" {
		t.Errorf("exit %d, %q, %q", exit, out, b.err.String())
	}
}

// TestProgress: a command that takes long says how far it is, on a terminal,
// in a line that the next output takes away.
func TestProgress(t *testing.T) {
	t.Parallel()
	long := func(c *Console) { c.began, c.looked = time.Now().Add(-time.Hour), time.Now().Add(-time.Hour) }
	var out, err bytes.Buffer
	c := &Console{Stdout: &out, Stderr: &err, OutTerminal: true, ErrTerminal: true, Redraws: true}
	c.Progress("1 seen")
	c.Progress("2 seen")
	if err.Len() > 0 {
		t.Errorf("at once: %q", err.String())
	}
	long(c)
	c.Print([]byte("result\nhalf"))
	c.Progress("3 seen")
	if out.String() != "result\n" || err.String() != eraseLine+"3 seen" {
		t.Errorf("after a while: %q, %q", out.String(), err.String())
	}
	c.Progress("4 seen")
	if strings.Contains(err.String(), "4") {
		t.Errorf("too often: %q", err.String())
	}
	err.Reset()
	c.Print([]byte(" a line\n"))
	if failed := c.Flush(); failed != nil || out.String() != "result\nhalf a line\n" || err.String() != eraseLine {
		t.Errorf("in the end: %q, %q, %v", out.String(), err.String(), failed)
	}
	for _, c := range []*Console{{OutTerminal: true}, {Redraws: true}} { // one of the streams is no terminal
		out.Reset()
		err.Reset()
		c.Stdout, c.Stderr = &out, &err
		c.Print([]byte("result\n"))
		long(c)
		c.Progress("5 seen")
		if err.Len() > 0 || out.String() != "result\n" {
			t.Errorf("elsewhere: %q, %q", out.String(), err.String())
		}
	}
}
