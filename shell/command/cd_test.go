package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/session"
)

// TestGoingAround: paths are resolved against the znode that cd went to, in
// every command.
func TestGoingAround(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/app", "/app/a", "/app/b", "/app/b/c", "/other")
	b.Interactive = true
	for _, c := range []struct {
		line, out, err string
		exit           int
	}{
		{"pwd", "/\n", "", 0},
		{"get app/a", "/app/a\n", "", 0},
		{"cd app", "", "", 0},
		{"pwd", "/app\n", "", 0},
		{"get a", "/app/a\n", "", 0},
		{"get ./b/../a/", "/app/a\n", "", 0},
		{"ls .", "[a, b]\n", "", 0},
		{"create new x", "Created /app/new\n", "", 0},
		{"delete new", "", "", 0},
		{"cd b/c", "", "", 0},
		{"cd ../..", "", "", 0},
		{"cd nothing", "", "Node does not exist: /app/nothing\n", 1},
		{"cd -", "", "/app/b/c\n", 0},
		{"get ../../../other", "/other\n", "", 0},
		{"cd", "", "", 0},
		{"cd a?p", "", "", 0}, // a pattern names it, too
		{"pwd", "/app\n", "", 0},
		{"cd *", "", "cd: * matches several znodes; name one\n", 1},
		{"cd -", "", "/\n", 0},
	} {
		out, err, exit := b.do(c.line)
		if out != c.out || err != c.err || exit != c.exit {
			t.Errorf("%s: %q, %q, exit %d", c.line, out, err, exit)
		}
	}
	if p := b.Prompt(); !strings.HasPrefix(p, "[zk: h:1(CONNECTED) 19] ") {
		t.Errorf("prompt at the root: %q", p)
	}
	b.do("cd app/b")
	if p := b.Prompt(); p != "[zk: h:1(CONNECTED) /app/b 20] " {
		t.Errorf("prompt: %q", p)
	}
	b.do("connect h:2")
	if p := b.Prompt(); p != "[zk: h:2(CONNECTED) 21] " || b.Dir() != "/" {
		t.Errorf("after connect: %q in %s", p, b.Dir())
	}
	long := "/" + strings.Repeat("x", 40)
	b.fake.data[long] = nil
	if b.do("cd " + long); !strings.Contains(b.Prompt(), " …"+strings.Repeat("x", promptPath-1)+" ") {
		t.Errorf("prompt of a long path: %q", b.Prompt())
	}
	for servers, want := range map[string]string{"h:1": "h:1", "h:1,h:2,h:3": "h:1,…", "h:1,h:2/app/x": "h:1,…/app/x"} {
		if got := shortServers(servers); got != want {
			t.Errorf("%s in the prompt: %s, want %s", servers, got, want)
		}
	}
}

// TestScriptsHaveRelativePathsBehindCd: what never said cd reads Apache's
// sentence, and a manner of Apache's has neither.
func TestScriptsHaveRelativePathsBehindCd(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/app", "/app/a")
	if _, err, exit := b.do("get a"); err != "Path must start with / character\n" || exit != 1 {
		t.Errorf("%q, exit %d", err, exit)
	}
	if out, _, _ := b.do("cd app", "get a"); out != "/app/a\n" {
		t.Errorf("behind cd: %q", out)
	}
	b = newBench(t, "3.8", "/app*", "/app1")
	b.Interactive = true
	if _, err, exit := b.do("cd /"); exit != ExitNotFound {
		t.Errorf("3.8 has cd: %q", err)
	}
	if _, err, _ := b.do("get app1"); err != "Path must start with / character\n" {
		t.Errorf("3.8: %q", err)
	}
	if _, err, _ := b.do("get /ap*"); err != "Node does not exist: /ap*\n" {
		t.Errorf("3.8: %q", err)
	}
}

// TestPatterns: a command on one znode runs for each that matches.
func TestPatterns(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a", "/a/x1", "/a/x2", "/a/y", "/lit*", "/lit2", "/s", "/s/q")
	b.fake.before = func(op, path string) error {
		if op == "getData" && path == "/a/x2" {
			return &session.OpError{Op: protocol.OpGetData, Path: path, Code: protocol.NoAuth}
		}
		return nil
	}
	for _, c := range []struct {
		line, out, err string
		exit           int
	}{
		{"get /a/y*", "/a/y\n", "", 0},
		{"get /a/[xy][!2]", "/a/x1\n", "", 0},
		{"get /a/*", "==> /a/x1 <==\n/a/x1\n\n==> /a/x2 <==\n\n==> /a/y <==\n/a/y\n", "Insufficient permission : /a/x2\n", 1},
		{"get /a/x2*", "", "Insufficient permission : /a/x2\n", 1},
		{"get /none*", "", "Node does not exist: /none*\n", 1},
		{"get /lit*", "/lit*\n", "", 0},
		{"get '/li*2'", "", "Node does not exist: /li*2\n", 1}, // between quotation marks it is no pattern
		{"create /b* x", "Created /b*\n", "", 0},
		{"delete /s/*", "", "", 0},
		{"ls /s", "[]\n", "", 0},
	} {
		out, err, exit := b.do(c.line)
		if out != c.out || err != c.err || exit != c.exit {
			t.Errorf("%s: %q, %q, exit %d", c.line, out, err, exit)
		}
	}
	// The words of a one-liner had their quotation marks taken by the system's
	// shell.
	b.out.Reset()
	if b.Run(context.Background(), []string{"get", "/a/y*"}); b.out.String() != "/a/y\n" {
		t.Errorf("one-liner: %q", b.out.String())
	}
}

// TestPatternsOfManyAreAsked: a person is asked before a command changes more
// than a hundred znodes, however many commands that is.
func TestPatternsOfManyAreAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/q")
	for i := range largeTree + 1 {
		b.fake.data[fmt.Sprintf("/q/%03d", i)] = nil
	}
	b.Interactive = true
	var asked []string
	answer := false
	b.Confirm = func(question string) bool {
		asked = append(asked, question)
		return answer
	}
	_, err, exit := b.do("delete /q/*")
	if err != "delete: nothing was changed\n" || exit != 1 || len(asked) != 1 || asked[0] != "delete /q/*: that is 101 znodes. Go on?" {
		t.Errorf("%q, exit %d, asked %q", err, exit, asked)
	}
	b.do("get /q/*")
	b.do("delete /q/100", "delete /q/*") // 100 are few
	if left := b.fake.childrenOf("/q"); len(asked) != 1 || len(left) > 0 {
		t.Errorf("asked %q, %d left", asked, len(left))
	}
}
