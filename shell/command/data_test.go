package command

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/render"
	"zookit/shell/session"
)

// What follows <<WORD is a text up to the line WORD; only arguments that are
// data begin one.
func TestHereTexts(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a", "/<<END")
	for _, c := range []struct {
		name  string
		lines []string
		want  string // data of /a
		exit  int
	}{
		{"lines", []string{"set /a <<END", "one", "", "two", "END"}, "one\n\ntwo", 0},
		{"none", []string{"set /a <<END", "END"}, "", 0},
		{"a blank line", []string{"set /a <<END", "", "END"}, "", 0},
		{"a comment and a command in it", []string{"set /a <<END", "# x", "quit", "END"}, "# x\nquit", 0},
		{"carriage returns", []string{"set /a <<END\r", "x\r", "END\r"}, "x\r", 0},
		{"with a version behind", []string{"set /a <<E_1 -s", "x", "E_1"}, "x", 0},
		{"not a word", []string{"set /a <<E.1"}, "<<E.1", 0},
		{"literal", []string{"set -l /a <<END"}, "<<END", 0},
		{"the path of another command", []string{"set -l /a kept", "get /<<END"}, "kept", 0},
		{"again", []string{"set /a <<END", "x", "END", "redo 0"}, "x", 1},
	} {
		b.Shell.lines, b.Shell.history = 0, map[int]string{}
		_, err, exit := b.do(c.lines...)
		if got := string(b.fake.data["/a"]); got != c.want || exit != c.exit {
			t.Errorf("%s: %q, exit %d, %s", c.name, got, exit, err)
		}
		if b.Shell.InText() {
			t.Errorf("%s: still in a text", c.name)
		}
	}
	b.fake.data["/a"] = []byte("old")
	line := strings.Repeat("x", maxHere/2-1)
	if _, _, exit := b.do("set /a <<END", line, line, "END"); exit != 0 || len(b.fake.data["/a"]) != maxHere-1 {
		t.Errorf("as long as can be: exit %d, %d bytes", exit, len(b.fake.data["/a"]))
	}
	b.fake.data["/a"] = []byte("old")
	_, errs, exit := b.do("set /a <<END", line, line, "x", "END")
	if exit != 1 || string(b.fake.data["/a"]) != "old" || !strings.Contains(errs, "more than 16 MiB") {
		t.Errorf("too long: exit %d, %q", exit, errs)
	}
	if b.do("set /a <<END", "half"); b.EndInput() != 1 || !strings.Contains(b.err.String(), "not ended by a line END") || string(b.fake.data["/a"]) != "old" {
		t.Errorf("unended: %q", b.err.String())
	}
	apache := newBench(t, "3.9", "/a")
	if apache.do("set /a <<END"); string(apache.fake.data["/a"]) != "<<END" {
		t.Errorf("3.9: %q", apache.fake.data["/a"])
	}
}

// A transaction holds what set and create were given, texts below them too;
// what takes several steps or looks first is not part of one.
func TestDataInTransactions(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	b.Shell.Edit = func(string) error { t.Error("the editor ran"); return nil }
	if _, err, exit := b.do("multi", "set /a <<END", "x", "END", "edit /a"); exit != 1 || !strings.HasPrefix(err, "edit cannot be part of a transaction") {
		t.Errorf("edit: exit %d, %q", exit, err)
	}
	if _, err, exit := b.do("create -p /b/c"); exit != 1 || !strings.HasPrefix(err, "create -p cannot be part of a transaction") {
		t.Errorf("create -p: exit %d, %q", exit, err)
	}
	if ops := b.Shell.txn.ops; len(ops) != 1 || string(ops[0].Record.(*protocol.SetDataRequest).Data) != "x" {
		t.Errorf("%+v", ops)
	}
	b.do("abort")
}

// A read that waits for ever ends with the command; what has no end is refused.
func TestDataThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	reader, writer := io.Pipe()
	defer writer.Close()
	b.Shell.Stdin = reader
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if exit := b.Shell.Run(ctx, []string{"set", "/a", "-"}); exit != ExitInterrupted || string(b.fake.data["/a"]) != "/a" {
		t.Errorf("exit %d, %q", exit, b.fake.data["/a"])
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxData+1); err != nil { // a hole: no disk is used
		t.Fatal(err)
	}
	if _, err, exit := b.do("set /a @" + large); exit != 1 || !strings.Contains(err, "has more than 67108864 bytes") {
		t.Errorf("exit %d, %q", exit, err)
	}
}

func TestGetRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/j", "/b", "/n")
	b.fake.data["/j"], b.fake.data["/b"], b.fake.data["/n"] = []byte(`{"x": 1}`), []byte{0, 1}, nil
	b.Shell.Format = FormatJSONL
	out, _, _ := b.do("get /j", "get /b", "get /n")
	want := `{"path":"/j","kind":"json","json":{"x":1},"text":"{\"x\": 1}","stat":{"czxid":"0x0","ctimeMs":0,"mzxid":"0x0","mtimeMs":0,"pzxid":"0x0","cversion":0,"version":0,"aversion":0,"size":8,"children":0}}` + "\n" +
		`{"path":"/b","kind":"binary","base64":"AAE=","stat":{"czxid":"0x0","ctimeMs":0,"mzxid":"0x0","mtimeMs":0,"pzxid":"0x0","cversion":0,"version":0,"aversion":0,"size":2,"children":0}}` + "\n" +
		`{"path":"/n","kind":"absent","stat":{"czxid":"0x0","ctimeMs":0,"mzxid":"0x0","mtimeMs":0,"pzxid":"0x0","cversion":0,"version":0,"aversion":0,"size":0,"children":0}}` + "\n"
	if out != want {
		t.Errorf("got %s\nwant %s", out, want)
	}
}

// accessFake answers with an ACL, identities, and a verdict on reading.
type accessFake struct {
	*fakeSession
	acl    []protocol.ACL
	getACL error
	ids    []protocol.ClientInfo
	read   error
}

func (f *accessFake) GetACL(context.Context, string) ([]protocol.ACL, *protocol.Stat, error) {
	return f.acl, &protocol.Stat{}, f.getACL
}

func (f *accessFake) Get(context.Context, string, bool) ([]byte, *protocol.Stat, error) {
	return nil, &protocol.Stat{}, f.read
}

func TestAccess(t *testing.T) {
	t.Parallel()
	noAuth := &session.OpError{Op: protocol.OpGetData, Path: "/a", Code: protocol.NoAuth}
	joe := []protocol.ClientInfo{{Scheme: "ip", User: "10.1.2.3"}, {Scheme: "digest", User: "joe"}}
	acl := func(text string) []protocol.ACL {
		list, err := parseACL(&Context{Compat: &Compat{Release: Own}}, text, "/a")
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, c := range []struct {
		name   string
		acl    string
		ids    []protocol.ClientInfo
		getACL error
		read   error
		want   string // of r w c d a
	}{
		{"anyone", "world:anyone:rwcda", nil, nil, nil, "yes yes yes yes yes"},
		{"the super user", "digest:ann:x:r", []protocol.ClientInfo{{Scheme: "super", User: ""}}, nil, nil, "yes yes yes yes yes"},
		{"an address in a network", "ip:10.1.0.0/16:rw,ip:10.2.0.0/16:c,ip:10.1.2.3:d", joe, nil, nil, "yes yes no yes no"},
		{"an address that is none", "ip:x:rw,ip:fe80::/10:c", joe, nil, noAuth, "no no no no no"},
		{"a user whose password is the same", "digest:joe:h:rw", joe, nil, nil, "yes yes no no no"},
		{"a user whose password is not", "digest:joe:h:rw,digest:joe:i:c", joe, nil, noAuth, "no no likely no no"},
		{"two entries for the user", "digest:joe:h:rw,digest:joe:i:rc", joe, nil, nil, "likely likely likely no no"},
		{"masked: no admin", "digest:joe:x:a,digest:joe:x:w,world:anyone:r", joe, nil, nil, "yes likely no no no"},
		{"another scheme", "sasl:joe@R:rw,x509:CN=joe:c", []protocol.ClientInfo{{Scheme: "sasl", User: "joe@R"}}, nil, nil, "yes yes no no no"},
		{"a closed ACL", "", joe, noAuth, noAuth, "no unknown unknown unknown no"},
	} {
		f := &accessFake{newFake("/a"), nil, c.getACL, c.ids, c.read}
		if c.acl != "" {
			f.acl = acl(c.acl)
		}
		ctx := &Context{Context: t.Context()}
		a, err := accessTo(ctx, f, "/a", c.ids)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, p := range []protocol.Perm{protocol.PermRead, protocol.PermWrite, protocol.PermCreate, protocol.PermDelete, protocol.PermAdmin} {
			v, _ := a.may(p)
			got = append(got, v.String())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
}

// oldServer knows no whoami.
type oldServer struct{ *fakeSession }

func (oldServer) WhoAmI(context.Context) ([]protocol.ClientInfo, error) {
	return nil, &session.OpError{Op: protocol.OpWhoAmI, Code: protocol.Unimplemented}
}

func TestACLOnOldServers(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	b.Shell.Dial = func(context.Context, string, func(session.Event)) (Session, error) { return oldServer{b.fake}, nil }
	out, err, exit := b.do("acl /a")
	if exit != 0 || !strings.Contains(err, "too old to name") || !strings.HasPrefix(out, "read the data, list the children: yes, by world:anyone\n") {
		t.Errorf("exit %d, %q, %q", exit, out, err)
	}
}

// What others print while a program has the terminal is printed after it, in
// order; what is more than can be kept is told.
func TestConsolePause(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := &Console{Stdout: &out, Stderr: &out, OutStyle: render.NewStyle(false)}
	c.Pause()
	c.Note("one")
	c.Event("SyncConnected", "NodeCreated", "/a", 1, false)
	if out.String() != "" {
		t.Errorf("printed: %q", out.String())
	}
	c.Resume()
	if want := "one\n\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeCreated path:/a\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	out.Reset()
	c.Pause()
	for range maxWaiting + 2 {
		c.Note("x")
	}
	c.Resume()
	if got := out.String(); strings.Count(got, "x\n") != maxWaiting || !strings.HasSuffix(got, "x\nmore happened meanwhile than was kept\n") {
		t.Errorf("%d bytes, end %q", len(got), got[max(len(got)-60, 0):])
	}
}
