package command

import (
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/session"
)

func TestHints(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/app", "/app/config", "/app/cache")
	b.Out.ErrTerminal = true
	fail := func(code protocol.Code, op protocol.OpCode) func(string, string) error {
		failed := false
		return func(name, path string) error {
			if name == op.String() && !failed {
				failed = true
				return &session.OpError{Op: op, Path: path, Code: code}
			}
			return nil
		}
	}
	for _, c := range []struct {
		line   string
		before func(string, string) error
		want   string // second line of stderr
	}{
		{"get", nil, `"help get" explains it, with examples`},
		{"ls -z /", nil, `"help ls" explains it, with examples`},
		{"delete /app", nil, "/app has 2 children; deleteall removes them too"},
		{"get /app/confg", nil, "/app exists and has 2 children; did you mean /app/config?"},
		{"get /nowhere/at/all", nil, `/ exists and has 1 child; "ls /" lists what there is`},
		{"create /app/x/y/z d", fail(protocol.NoNode, protocol.OpCreate), `/app exists and has 2 children; "create -p" makes the parents, /app/x first`},
		{"create /ap/x d", fail(protocol.NoNode, protocol.OpCreate), `/ exists and has 1 child; did you mean /app?; "create -p" makes the parents, /ap first`},
		{"create /app d", nil, `"set /app DATA" replaces its data`},
		{"get /app", fail(protocol.NoAuth, protocol.OpGetData), "reading /app needs the permission r, which has world:anyone; \"whoami\""},
		{"delete /app/config", fail(protocol.NoAuth, protocol.OpDelete), "deleting below /app needs the permission d"},
		{"set -v 7 /app x", fail(protocol.BadVersion, protocol.OpSetData), `the dataVersion of /app is 0 now`},
		{"create /app/e/x d", fail(protocol.NoChildrenForEphemerals, protocol.OpCreate), "/app/e is ephemeral, and those have no children"},
		{"setAcl /app digest:x:r", fail(protocol.InvalidACL, protocol.OpSetACL), "this session has ip, super"},
	} {
		b.fake.before = c.before
		_, err, exit := b.do(c.line)
		_, hint, _ := strings.Cut(err, "\n")
		if exit != 1 || !strings.Contains(hint, c.want) || strings.Count(err, "\n") != 2 {
			t.Errorf("%s: exit %d, %q; want %q", c.line, exit, err, c.want)
		}
	}
	b.fake.before, b.fake.chroot = func(_, path string) error { return &session.OpError{Path: path, Code: protocol.NoNode} }, "/none"
	if _, err, _ := b.do("get /x"); !strings.Contains(err, "\nthe chroot of this connection, /none, does not exist") {
		t.Errorf("without the chroot: %q", err)
	}
	b.fake.chroot = ""
	b.fake.data["/zookeeper/quota/app/zookeeper_limits"] = nil
	b.fake.before = fail(protocol.QuotaExceeded, protocol.OpCreate)
	if _, err, _ := b.do("create /app/new x"); !strings.Contains(err, `the quota is that of /app: "listquota /app"`) {
		t.Errorf("quota: %q", err)
	}
	// Scripts and -q get the failure alone, and cost no request.
	b.fake.before = nil
	for _, set := range []func(){func() { b.Out.ErrTerminal = false }, func() { b.Out.ErrTerminal, b.Out.Quiet = true, true }} {
		set()
		b.fake.calls = nil
		if _, err, _ := b.do("delete /app"); err != "Node not empty: /app\n" || len(b.fake.calls) != 1 {
			t.Errorf("%q, requests %q", err, b.fake.calls)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	own, _ := CompatFor("")
	for line, want := range map[string]string{
		"ls /":                                  "ls /",
		"addauth digest joe:secret":             "addauth digest …",
		"ls /; addauth digest 'joe:a b' ; ls /": "ls /; addauth digest … ; ls /",
		"  addauth digest joe:secret  ":         "  addauth digest …  ",
		"addauth digest":                        "addauth digest",
		"addauth digest joe:a b c":              "addauth digest … … …",
	} {
		if got := Mask(own, line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	b := newBench(t, "", "/a")
	if out, _, _ := b.do("addauth digest joe:secret", "history"); strings.Contains(out, "secret") || !strings.Contains(out, "0 - addauth digest …\n") {
		t.Errorf("history: %q", out)
	}
}

// What is guessed for a word that is no command is never an old name that does
// more, and what grep did not look at is said.
func TestGuesses(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/app", "/app/a")
	b.Out.ErrTerminal = true
	for line, want := range map[string]string{
		"rmt /app": "", "sett /a": `"set"`, "lss /": `"ls"`, "gte /": `"get"`,
		"grep nothing /app": "-R searches everything below it",
	} {
		_, stderr, _ := b.do(line)
		if !strings.Contains(stderr, want) || strings.Contains(stderr, "rmr") || strings.Contains(stderr, "ls2") {
			t.Errorf("%s: %q, want %q", line, stderr, want)
		}
	}
	b.do("rm /app/a")
	if out, _, _ := b.do("cat /app"); out != "/app\n" || b.fake.data["/app/a"] != nil {
		t.Errorf("rm and cat: %q", out)
	}
}
