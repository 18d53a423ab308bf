package command

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"

	"zookit/protocol"
	"zookit/shell/session"
)

// fleet is a Shell whose profiles and servers each have a tree of their own.
type fleet struct {
	*bench
	at       map[string]*fakeSession // by servers
	profiles map[string]*Profile
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{bench: newBench(t, ""), at: map[string]*fakeSession{}, profiles: map[string]*Profile{
		"prod": {Name: "prod", Servers: "p1:1,p2:2", Protected: true},
		"test": {Name: "test", Servers: "t:1"},
	}}
	f.Dial = func(_ context.Context, servers string, onEvent func(session.Event)) (Session, error) {
		f.dials, f.onEvent = append(f.dials, servers), onEvent
		if f.at[servers] == nil {
			f.at[servers] = newFake("/on-" + servers[:1])
		}
		return f.at[servers], nil
	}
	f.OpenSource = func(_ context.Context, source string) (Session, error) {
		f.dials = append(f.dials, "source "+source)
		return newFake("/in-file"), nil
	}
	f.Profiles = func(name string) (*Profile, error) { return f.profiles[name], nil }
	f.ProfileNames = func() []string { return []string{"prod", "test"} }
	return f
}

// target runs Target as a command would.
func (f *fleet) target(text string) (root []string, path string, err error) {
	c := &Context{Context: context.Background(), Shell: f.Shell, Compat: f.Compat, Command: get}
	s, path, err := c.Target(text)
	if err != nil {
		return nil, "", err
	}
	root, _, err = s.Children(c, "/", false)
	return root, path, err
}

func TestTarget(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for _, c := range []struct{ text, root, path, err string }{
		{"/a", "on-h", "/a", ""},
		{"/a:/b", "on-h", "/a:/b", ""},
		{"prod:/a", "on-p", "/a", ""},
		{"test:/", "on-t", "/", ""},
		{"z:2181:/a:/b", "on-z", "/a:/b", ""},
		{"z:2181,z:2182:/a", "on-z", "/a", ""},
		{"file:/var/lib/zk:/a", "in-file", "/a", ""},
		{"file:/var/lib/zk", "in-file", "/", ""},
		{"file:snapshot.5:/a/b", "in-file", "/a/b", ""},
		{"nobody:/a", "", "", `no connection or profile "nobody"`},
		{"prod:/a/", "", "", "must not end with /"},
		{"prod:a", "", "", "must start with /"},
		{"z:x:/a", "", "", `the port "x"`},
	} {
		root, path, err := f.target(c.text)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.text, err, c.err)
			}
			continue
		}
		if err != nil || !slices.Equal(root, []string{c.root}) || path != c.path {
			t.Errorf("%s: %v %s, %v", c.text, root, path, err)
		}
	}
	// A session is opened once, and for nothing that was refused.
	if _, _, err := f.target("prod:/b"); err != nil {
		t.Fatal(err)
	}
	want := []string{"h:1", "p1:1,p2:2", "t:1", "z:2181", "z:2181,z:2182", "source /var/lib/zk", "source snapshot.5"}
	if !slices.Equal(f.dials, want) {
		t.Errorf("dialed %q, want %q", f.dials, want)
	}
	f.Compat, _ = CompatFor("3.8")
	if _, _, err := f.target("prod:/a"); err == nil {
		t.Error("3.8 has targets")
	}
}

func TestUse(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	out, err, exit := f.do("ls /", "use test", "ls /", "use h:1", "ls /", "use prod", "ls /")
	if out != "[on-h]\n[on-t]\n[on-h]\n[on-p]\n" || err != "" || exit != 0 {
		t.Errorf("%q, %q, exit %d", out, err, exit)
	}
	if f.at["h:1"].closed || f.at["t:1"].closed {
		t.Error("use closed a session")
	}
	if p := f.Prompt(); p != "[zk: prod(CONNECTED) 7] " {
		t.Errorf("prompt %q", p)
	}
	if out, _, _ := f.do("use"); out != "  h:1 CONNECTED 0xabc\n  test CONNECTED 0xabc t:1\n* prod CONNECTED 0xabc p1:1,p2:2\n" {
		t.Errorf("use: %q", out)
	}
	// An event of another connection tells whose it is.
	f.onEvent(session.Event{Type: protocol.EventNodeDeleted, Path: "/a", State: session.SyncConnected, Zxid: 5})
	f.do("use test")
	f.out.Reset()
	f.onEvent(session.Event{Type: protocol.EventNodeDeleted, Path: "/a", State: session.SyncConnected, Zxid: 5})
	if !strings.Contains(f.out.String(), "path:prod:/a zxid: 5") {
		t.Errorf("event: %q", f.out.String())
	}
	for word, want := range map[string]string{
		"prdo": `Command not found: prdo (did you mean the profile "prod"? At the prompt "use prod" goes there)` + "\n",
		"test": `Command not found: test (did you mean the profile "test"? At the prompt "use test" goes there)` + "\n",
		"gte":  `Command not found: gte (did you mean "get"? "help" lists all)` + "\n",
	} {
		if _, err, exit := f.do(word); err != want || exit != ExitNotFound {
			t.Errorf("%s: %q, exit %d", word, err, exit)
		}
	}
	if _, err, exit := f.do("connect prdo"); exit != ExitFailed || !strings.HasPrefix(err, `there is no connection or profile "prdo"`) || f.at["t:1"].closed {
		t.Errorf("a mistyped profile: %q, exit %d", err, exit)
	}
	// connect takes the place of the connection; close ends it alone.
	if _, err, exit := f.do("connect z:5", "ls /", "close"); exit != 0 || err != "Session 0xabc closed\nSession 0xabc closed\n" || !f.at["t:1"].closed || f.at["p1:1,p2:2"].closed {
		t.Errorf("connect: %q, exit %d", err, exit)
	}
	if _, err, exit := f.do("ls /"); exit != ExitNoConnection || !strings.HasPrefix(err, "Not connected") {
		t.Errorf("after close: %q, exit %d", err, exit)
	}
	// What cannot be reached is not replaced by where one came from.
	if _, err, exit := f.do("use nobody"); exit != 1 || !strings.Contains(err, `no connection or profile "nobody"`) {
		t.Errorf("unknown: %q, exit %d", err, exit)
	}
	f.do("quit")
	if !f.at["h:1"].closed || !f.at["p1:1,p2:2"].closed {
		t.Error("quit left a session open")
	}
}

func TestProtected(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	var asked []string
	answer := "prod"
	f.AskWord = func(q string) (string, bool) { asked = append(asked, q); return answer, true }
	f.Confirm = func(string) bool { t.Error("asked for a y"); return false }
	f.Interactive = true
	if _, err, exit := f.do("use prod", "ls /", "create /a x", "create /a/b x"); exit != 0 || err != "" || len(asked) != 2 {
		t.Errorf("named: %q, exit %d, asked %q", err, exit, asked)
	}
	if asked[0] != "prod is protected, and create changes it. Type prod to go on: " {
		t.Errorf("question %q", asked[0])
	}
	asked = nil
	if _, err, exit := f.do("deleteall /a"); exit != 0 || len(asked) != 1 || !strings.HasPrefix(asked[0], "Delete /a and 1 znode below it? Type prod") {
		t.Errorf("deleteall: %q, exit %d, asked %q", err, exit, asked)
	}
	answer, asked = "y", nil
	if _, err, exit := f.do("create /c x"); exit != 1 || err != "create: nothing was changed\n" || f.at["p1:1,p2:2"].data["/c"] != nil {
		t.Errorf("refused: %q, exit %d", err, exit)
	}
	f.Yes = true
	if _, _, exit := f.do("create /d x"); exit != 0 || len(asked) != 1 {
		t.Errorf("-y: exit %d, asked %q", exit, asked)
	}
	f.Yes, f.Interactive = false, false
	if _, _, exit := f.do("create /e x"); exit != 0 || len(asked) != 1 {
		t.Errorf("script: exit %d, asked %q", exit, asked)
	}
}

// After an expiry the prompt says so until the watches are set again, which
// one key does.
func TestRewatch(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a", "/c")
	b.Interactive = true
	b.do("ls /")
	if b.Recall() != "" {
		t.Errorf("recall %q", b.Recall())
	}
	b.onEvent(session.Event{Type: protocol.EventNone, State: session.Expired, Session: 0x5, Zxid: -1, LostWatches: []session.Watch{
		{Path: "/a", Kind: session.WatchData}, {Path: "/c", Kind: session.WatchRecursive}, {Path: "/gone", Kind: session.WatchChildren},
	}})
	if p := b.Prompt(); p != "[zk: h:1(EXPIRED) 1] " || b.Recall() != "rewatch" || !strings.Contains(b.err.String(), "Alt-W") {
		t.Errorf("prompt %q, recall %q, news %q", p, b.Recall(), b.err.String())
	}
	b.fake.calls = nil
	out, err, exit := b.do(b.Recall())
	if exit != 0 || !strings.Contains(out, "watching /a (data)\nwatching /c (recursive)\n") || !strings.Contains(err, "/gone is gone") {
		t.Errorf("%q, %q, exit %d", out, err, exit)
	}
	if !slices.Equal(b.fake.calls, []string{"exists /a", "recursive /c", "getChildren2 /gone"}) {
		t.Errorf("requests %q", b.fake.calls)
	}
	if p := b.Prompt(); p != "[zk: h:1(CONNECTED) 2] " || b.Recall() != "" {
		t.Errorf("afterwards %q, %q", p, b.Recall())
	}
}

// Every form of a result comes from the same record; columns are as wide as
// what the terminal shows of them.
func TestForms(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	for line, want := range map[string]string{
		"getAllChildrenNumber -o json /a":  `[{"path":"/a","count":7}]` + "\n",
		"getAllChildrenNumber -o jsonl /a": `{"path":"/a","count":7}` + "\n",
		"-o json whoami":                   `[{"scheme":"ip","user":"127.0.0.1"},` + "\n" + `{"scheme":"super","user":""}]` + "\n",
		`digest -o jsonl "<&>:x"`:          `{"id":"<&>:bqIhfH+gxRfmjKZrR/u4AZYCkkI="}` + "\n",
		"getAcl /a -o jsonl":               `{"path":"/a","acl":[{"scheme":"world","id":"anyone","permissions":"cdrwa"}]}` + "\n",
		"delete -o json /missing":          "",
		"getAllChildrenNumber /a":          "7\n",
		"setAcl -o json -s /a world:anyone:r; getAllChildrenNumber /a": "" +
			`[{"path":"/a","stat":{"czxid":"0x0","ctimeMs":0,"mzxid":"0x0","mtimeMs":0,"pzxid":"0x0","cversion":0,"version":0,"aversion":1,"size":0,"children":0}}]` + "\n7\n",
	} {
		if out, err, _ := b.do(line); out != want {
			t.Errorf("%s: %q, %q; want %q", line, out, err, want)
		}
	}
	if _, err, exit := b.do("getAllChildrenNumber -o xml /a"); exit != 1 || !strings.Contains(err, `"xml" is none of text, table, json, jsonl`) {
		t.Errorf("%q, exit %d", err, exit)
	}
	b.fake.data["/世界"], b.fake.data["/世界/x"] = nil, nil
	b.fake.data["/e\u0301t\u00e9"] = nil
	out, _, exit := b.do("-o table getEphemerals")
	if exit != 0 || !strings.Contains(out, "path") || !strings.Contains(out, "│ /a") {
		t.Errorf("table: %q", out)
	}
	c := &Context{Context: context.Background(), Shell: b.Shell, Compat: b.Compat, Command: ls}
	b.out.Reset()
	b.Format = FormatTable
	for _, p := range []string{"/世界", "/e\u0301t\u00e9", "/plain"} {
		if err := c.Emit(PathRecord{p}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.endEmit(nil); err != nil {
		t.Fatal(err)
	}
	b.Out.Flush()
	for _, l := range strings.Split(strings.TrimSpace(b.out.String()), "\n") {
		if w := displaywidth.String(l); w != 10 {
			t.Errorf("a row of %d columns: %q", w, l)
		}
	}
}
