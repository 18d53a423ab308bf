package render

import (
	"strings"
	"testing"
	"time"

	"zookit/protocol"
)

func TestStat(t *testing.T) {
	t.Parallel()
	st := &protocol.Stat{Czxid: 8, Mzxid: 0x10000000d, Ctime: 1795397053123, Mtime: 0, Version: -1, Cversion: 2, Aversion: 3,
		EphemeralOwner: protocol.ContainerOwner, DataLength: 5, NumChildren: 1, Pzxid: -1}
	want := `cZxid = 0x8
ctime = Mon Nov 23 01:24:13 UTC 2026
mZxid = 0x10000000d
mtime = Thu Jan 01 00:00:00 UTC 1970
pZxid = 0xffffffffffffffff
cversion = 2
dataVersion = -1
aclVersion = 3
ephemeralOwner = 0x8000000000000000
dataLength = 5
numChildren = 1
`
	if got := string(AppendStat(nil, st, time.UTC)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDateNamesTheZoneAsJavaDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone string
		east int
		want string
	}{
		{"CET", 3600, "Mon Nov 23 02:24:13 CET 2026"},
		{"+03", 3 * 3600, "Mon Nov 23 04:24:13 GMT+03:00 2026"},
		{"-0330", -12600, "Sun Nov 22 21:54:13 GMT-03:30 2026"},
	} {
		if got := string(AppendDate(nil, 1795397053000, time.FixedZone(c.zone, c.east))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.zone, got, c.want)
		}
	}
}

// The frame is that of netty's ByteBufUtil.prettyHexDump, which Apache 3.9 prints.
func TestHexDump(t *testing.T) {
	t.Parallel()
	want := `         +-------------------------------------------------+
         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |
+--------+-------------------------------------------------+----------------+
|00000000| 68 65 6c 6c 6f 20 77 6f 72 6c 64 2c 20 7a 6f 6f |hello world, zoo|
|00000010| 6b 65 65 70 65 72 0a c3 a9                      |keeper...       |
+--------+-------------------------------------------------+----------------+`
	if got := string(AppendHexDump(nil, []byte("hello world, zookeeper\né"))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := AppendHexDump(nil, nil); len(got) != 0 {
		t.Errorf("no data gives %q", got)
	}
	if rows := strings.Count(string(AppendHexDump(nil, make([]byte, 32))), "\n|0"); rows != 2 {
		t.Errorf("32 bytes give %d rows", rows)
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"plain ünïcode ✓ 世界\tand\nlines", "plain ünïcode ✓ 世界\tand\nlines"},
		{"\x1b]0;title\x07\x1b[2J", `\x1b]0;title\x07\x1b[2J`},
		{"a\rb\x00\x7f\b", `a\x0db\x00\x7f\x08`},
		{"\u009b31m\u0085", `\u009b31m\u0085`},
		{"\x9b31m\xff\xc3", `\x9b31m\xff\xc3`},
		{"evil\u202etxt.exe\u200b\u2066", `evil\u202etxt.exe\u200b\u2066`},
		{"\U000e0041", `\U000e0041`},
		{"\u2028", `\u2028`},
		{"", ""},
	} {
		if got := Visible(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestACLListEvent(t *testing.T) {
	t.Parallel()
	acl := []protocol.ACL{{Perms: protocol.PermAll, Scheme: "world", ID: "anyone"}, {Perms: protocol.PermAdmin | protocol.PermRead, Scheme: "digest", ID: "u:x"}, {Scheme: "ip", ID: "::1"}}
	if got, want := string(AppendACL(nil, acl)), "'world,'anyone\n: cdrwa\n'digest,'u:x\n: ra\n'ip,'::1\n: \n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(AppendList(AppendList(nil, nil), []string{"a", "b c"})); got != "[]\n[a, b c]\n" {
		t.Errorf("lists: %q", got)
	}
	event := "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeCreated path:/a"
	if got := string(AppendEvent(nil, "SyncConnected", "NodeCreated", "/a", 7, true)); got != event+" zxid: 7\n" {
		t.Errorf("event of 3.9: %q", got)
	}
	if got := string(AppendEvent(nil, "SyncConnected", "NodeCreated", "/a", 7, false)); got != event+"\n" {
		t.Errorf("event of 3.8: %q", got)
	}
	if got := string(AppendEvent(nil, "Closed", "None", "", -1, false)); !strings.HasSuffix(got, "state:Closed type:None path:null\n") {
		t.Errorf("session event: %q", got)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	b, err := Table([]string{"scheme", "id"}, [][]string{{"digest", "u:\x1b[31mx\nz"}, {"world", "any one"}})
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, want := range []string{"scheme", `u:\x1b[31mx\nz`, "any one"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.ContainsRune(text, '\x1b') {
		t.Errorf("an escape got through:\n%q", text)
	}
}

func TestColourIsAsked(t *testing.T) {
	t.Parallel()
	on, off := NewStyle(true), NewStyle(false)
	if got := off.Fault("x") + off.Headline("y") + string(off.AppendLabels(nil, []byte("a = 1\n"))); got != "xya = 1\n" {
		t.Errorf("without colour: %q", got)
	}
	if got := string(on.AppendLabels(nil, []byte("a = 1\nb\n"))); !strings.Contains(got, "\x1b[36ma\x1b[") || !strings.HasSuffix(got, " = 1\nb\n") {
		t.Errorf("with colour: %q", got)
	}
}
