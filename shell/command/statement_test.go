//go:build unix

package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/session"
)

func TestStatements(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a file")
	b := newBench(t, "", "/a", "/b")
	for _, c := range []struct {
		line, out, err string
		exit           int
	}{
		{"ls /; get /a;get /b", "[a, b]\n/a\n", "get: ", 1},
		{"get /a; get /b", "/a\n/b\n", "", 0},
		{"get /x; get /b", "/b\n", "Node does not exist: /x\n", 0},
		{"get /b; get /x", "/b\n", "Node does not exist: /x\n", 1},
		{"get /a > '" + file + "'; get /b", "/b\n", "", 0},
		{"get /b >> '" + file + "'", "", "", 0},
		{"get /x > '" + file + "2'", "", "Node does not exist: /x\n", 1},
		{"get /a > " + dir + "/no/such", "", "no such file or directory", 1},
		{"get /a > " + dir, "", "is a directory", 1},
		{"get /a | tr a-z A-Z; get /b", "/A\n/b\n", "", 0},
		{"get /a | cat >&2", "", "/a\n", 0},
		{"get /a | exit 7", "", "", 7},
		{"get /x | cat", "", "Node does not exist: /x\n", 1},
		{"get /x | exit 7", "", "Node does not exist: /x\n", 1},
		{"get /a | true", "", "", 0},
		{"get /a >", "", "behind > stands the name of one file", 1},
		{"quit; get /a", "", "Session 0xabc closed\n", 1}, // the code of the last
	} {
		if strings.HasSuffix(c.line, "get /a;get /b") { // ; inside a word is data: the path is /a;get
			c.out, c.err = "[a, b]\n", "get: "
		}
		out, err, exit := b.do(c.line)
		if out != c.out || !strings.Contains(err, c.err) || c.err == "" && err != "" || exit != c.exit {
			t.Errorf("%s: %q, %q, exit %d; want %q, %q, exit %d", c.line, out, err, exit, c.out, c.err, c.exit)
		}
	}
	got, err := os.ReadFile(file)
	info, _ := os.Stat(file)
	if string(got) != "/a\n/b\n" || err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %q, %v, %v", got, err, info.Mode())
	}
}

func TestStopInALine(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	b.Stop = true
	if out, _, exit := b.do("get /x; get /a"); out != "" || exit != 1 {
		t.Errorf("%q, exit %d", out, exit)
	}
}

// Bytes leave as they are for a file, though stdout is a terminal; an event
// that comes meanwhile is for the person.
func TestDivert(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	b.fake.data["/a"] = []byte("\x1b[2J\xff")
	b.Out.OutTerminal = true
	file := filepath.Join(t.TempDir(), "f")
	b.fake.before = func(op, path string) error {
		b.onEvent(session.Event{Type: protocol.EventNodeDeleted, Path: "/w", State: session.SyncConnected, Zxid: 1})
		return nil
	}
	b.do("ls /")
	out, _, _ := b.do("get /a > " + file)
	if got, _ := os.ReadFile(file); string(got) != "\x1b[2J\xff\n" {
		t.Errorf("file: %q", got)
	}
	if !strings.Contains(out, "path:/w zxid: 1\n") {
		t.Errorf("terminal: %q", out)
	}
	b.fake.before = nil
	if out, _, _ := b.do("get -f text /a"); out != `\x1b[2J\xff`+"\n" {
		t.Errorf("afterwards: %q", out)
	}
}

// The signs are Apache's data.
func TestNoStatementsInCompat(t *testing.T) {
	t.Parallel()
	b := newBench(t, "3.9", "/a")
	if _, err, exit := b.do("create /b x; > y"); exit != 1 || !strings.Contains(err, "Acl is not valid") && !strings.Contains(err, "form scheme:id:perm") {
		t.Errorf("%q, exit %d", err, exit)
	}
	b.do("create /b x;")
	if string(b.fake.data["/b"]) != "x;" {
		t.Errorf("data %q", b.fake.data["/b"])
	}
}
