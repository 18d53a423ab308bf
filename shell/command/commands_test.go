package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/session"
)

func TestDeleteAll(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/t", "/t/a", "/t/a/x", "/t/b")
	if out, err, exit := b.do("deleteall /t"); out+err != "" || exit != 0 || len(b.fake.data) != 1 {
		t.Fatalf("%q, %q, exit %d, left %q", out, err, exit, b.fake.data)
	}
	if last := b.fake.calls[len(b.fake.calls)-1]; last != "multi /t/a/x /t/b /t/a /t" {
		t.Errorf("a small tree goes in one multi, leaves first: %q", last)
	}

	b = newBench(t, "", "/t")
	for i := range 2500 {
		b.fake.data[fmt.Sprintf("/t/%04d", i)] = nil
	}
	if _, err, exit := b.do("deleteall /t"); err != "" || exit != 0 || len(b.fake.data) != 1 {
		t.Fatalf("%q, exit %d, %d left", err, exit, len(b.fake.data))
	}
	multis := 0
	for _, c := range b.fake.calls {
		if rest, ok := strings.CutPrefix(c, "multi "); ok {
			multis++
			if n := strings.Count(rest, " ") + 1; n > 1000 {
				t.Errorf("a multi of %d", n)
			}
		}
	}
	if multis != 4 || b.fake.calls[len(b.fake.calls)-1] != "multi /t" {
		t.Errorf("%d multis, the last is %q", multis, b.fake.calls[len(b.fake.calls)-1])
	}
}

func TestDeleteAllVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		manner, text string
		exit         int
	}{
		{"", "Failed to delete some node(s) in the subtree! Insufficient permission : /t/a\n", 1},
		{"3.8", "Failed to delete some node(s) in the subtree!\n", 0},
	} {
		b := newBench(t, c.manner, "/t", "/t/a", "/t/b")
		b.fake.before = func(op, path string) error {
			if op == "multi" && path == "/t/a" {
				return opError(protocol.NoAuth, path)
			}
			return nil
		}
		if _, err, exit := b.do("deleteall /t"); err != c.text || exit != c.exit || len(b.fake.data) != 4 {
			t.Errorf("%q: %q, exit %d, left %q", c.manner, err, exit, b.fake.data)
		}
	}
	// Somebody else deletes a child between the listing and the multi.
	b := newBench(t, "", "/t", "/t/a", "/t/b")
	b.fake.before = func(op, path string) error {
		if op == "multi" {
			delete(b.fake.data, "/t/a")
		}
		return nil
	}
	if _, err, exit := b.do("deleteall /t"); err != "" || exit != 0 || len(b.fake.data) != 1 {
		t.Errorf("%q, exit %d, left %q", err, exit, b.fake.data)
	}
	// A connection that is lost is not a node that could not be deleted.
	b = newBench(t, "", "/t")
	b.fake.before = func(op, path string) error {
		if op == "multi" {
			return &session.ConnectionLossError{Op: protocol.OpMulti, Sent: true}
		}
		return nil
	}
	if _, err, exit := b.do("deleteall /t"); exit != ExitUnknown || strings.Contains(err, "Failed to delete") {
		t.Errorf("%q, exit %d", err, exit)
	}
}

func TestDeleteAllAsksAtThePrompt(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/t", "/t/e")
	b.fake.owner["/t/e"] = 0x77
	var asked []string
	answer := false
	b.Interactive = true
	b.Confirm = func(q string) bool { asked = append(asked, q); return answer }
	if _, err, exit := b.do("deleteall /t"); exit != 1 || len(b.fake.data) != 3 || !strings.Contains(err, "nothing was deleted") {
		t.Errorf("no: %q, exit %d", err, exit)
	}
	if len(asked) != 1 || asked[0] != "Delete /t and 1 znode below it, 1 of them ephemerals of other sessions?" {
		t.Errorf("asked %q", asked)
	}
	answer = true
	if _, _, exit := b.do("deleteall /t"); exit != 0 || len(b.fake.data) != 1 {
		t.Errorf("yes: exit %d, left %q", exit, b.fake.data)
	}
	b.fake.data["/u"] = nil
	if _, _, exit := b.do("deleteall /u"); exit != 0 || len(asked) != 2 {
		t.Errorf("a single znode: exit %d, asked %d times", exit, len(asked))
	}
}

func TestSetACLRecursive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		manner, out, err string
		exit             int
	}{
		{"", "", "Insufficient permission : /t/a\nsetAcl: znodes changed: 2, failed: 1\n", 1},
		{"3.8", "KeeperErrorCode = NoAuth for /t/a", "", 0},
	} {
		b := newBench(t, c.manner, "/t", "/t/a", "/t/b")
		b.fake.before = func(op, path string) error {
			if op == "setACL" && path == "/t/a" {
				return opError(protocol.NoAuth, path)
			}
			return nil
		}
		if out, err, exit := b.do("setAcl -R /t world:anyone:r"); out != c.out || err != c.err || exit != c.exit {
			t.Errorf("%q: %q, %q, exit %d", c.manner, out, err, exit)
		}
	}
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a", "/a/b", "/a/b/c", "/zookeeper", "/zookeeper/quota")
	for _, c := range []struct {
		line, text string
		exit       int
	}{
		{"setquota -n 5 /a/b", "", 0},
		{"setquota -n 5 /a", "/a has a child /a/b which has a quota", 1},
		{"setquota -n 5 /a/b/c", "/a/b/c has a parent /a/b which has a quota", 1},
		{"setquota -n 0 /a", "the num quota must be greater than zero", 1},
		{"setquota -B -1 /a", "the bytes quota must be greater than or equal to zero", 1},
		{"setquota -n abc /a", `setquota: the value of -n is not a number: "abc"`, 1},
		{"setquota -n 99999999999 /a", `setquota: the value of -n is not a number: "99999999999"`, 1},
		{"setquota -n 1 /zookeeper/quota/x", "cannot set a quota under the path: /zookeeper/quota", 1},
		{"setquota -n 1 /", "Path must not end with / character", 1},
		{"setquota -n 1 /missing", "/missing does not exist.", 1},
		{"setquota -b 0 /a/b", "", 0},
		{"delquota /a/b", "", 0},
		{"setquota -n 5 /a", "", 0},
	} {
		_, err, exit := b.do(c.line)
		if strings.TrimSuffix(err, "\n") != c.text || exit != c.exit {
			t.Errorf("%s: %q, exit %d", c.line, err, exit)
		}
	}
	if _, ok := b.fake.data["/zookeeper/quota/a/b"]; ok {
		t.Error("delquota left empty parents")
	}
	b.fake.data["/zookeeper/quota/a/zookeeper_limits"] = []byte("not a quota")
	if _, err, exit := b.do("listquota /a"); exit != 1 || !strings.Contains(err, "cannot be read") {
		t.Errorf("damaged quota: %q, exit %d", err, exit)
	}
}

// A quota under a chroot is written where the server looks for it.
func TestQuotaThroughAChroot(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/app", "/app/x", "/zookeeper", "/zookeeper/quota")
	b.fake.chroot = "/app"
	if _, err, exit := b.do("setquota -n 5 /x"); exit != 0 || b.fake.data["/zookeeper/quota/app/x/zookeeper_limits"] == nil {
		t.Errorf("%q, exit %d, %q", err, exit, b.fake.data)
	}
}

func TestAddWatchModeIsNotSticky(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	b.do("addWatch -m persistent /a", "addWatch /a", "addWatch -m PERSISTENT_RECURSIVE /a")
	want := []string{"persistent /a", "recursive /a", "recursive /a"}
	if !slices.Equal(b.fake.calls, want) {
		t.Errorf("got %q, want %q", b.fake.calls, want)
	}
	if _, err, exit := b.do("addWatch -m SOMETIMES /a"); exit != 1 || !strings.HasPrefix(err, "usage: addWatch") {
		t.Errorf("%q, exit %d", err, exit)
	}
}

func TestAddAuthVerdict(t *testing.T) {
	t.Parallel()
	if _, err, exit := newBench(t, "").do("addauth foo bar"); exit != 1 || !strings.Contains(err, "refused the identity") {
		t.Errorf("own: %q, exit %d", err, exit)
	}
	if _, err, exit := newBench(t, "3.8").do("addauth foo bar"); exit != 0 || err != "" {
		t.Errorf("3.8: %q, exit %d", err, exit)
	}
}

func TestSyncFailure(t *testing.T) {
	t.Parallel()
	if out, err, exit := newBench(t, "", "/a").do("sync /a"); out != "" || err != "Not a read-only call: /a\n" || exit != 1 {
		t.Errorf("own: %q, %q, exit %d", out, err, exit)
	}
	if out, err, exit := newBench(t, "3.8", "/a").do("sync /a"); out != "Sync has failed. rc=-119\n" || err != "" || exit != 0 {
		t.Errorf("3.8: %q, %q, exit %d", out, err, exit)
	}
}

func TestConfigAndReconfig(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	if out, _, _ := b.do("config -c"); out != "10000000d 127.0.0.1:2181,0.0.0.0:2182\n" {
		t.Errorf("config -c: %q", out)
	}
	file := filepath.Join(t.TempDir(), "members")
	if err := os.WriteFile(file, []byte("# new\nserver.1=H:1:2;3\nother=x\nserver.2 = K:1:2;3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, out, err, call string }{
		{"reconfig -add SERVER.5=H:1:2;3 -remove 3,4", "Committed new configuration:\nserver.1=x\nversion=2\n", "", "reconfig|server.5=h:1:2;3|3,4|null"},
		{"reconfig -members server.1=H:1:2;3", "Committed new configuration:\nserver.1=x\nversion=2\n", "", "reconfig|null|null|server.1=h:1:2;3"},
		{"reconfig -file " + file, "Committed new configuration:\nserver.1=x\nversion=2\n", "", "reconfig|null|null|server.1=H:1:2;3\nserver.2=K:1:2;3\n"},
		{"reconfig -v 2b -remove 1", "", "version No is not valid : \n", "reconfig|null|1|null"},
		{"reconfig", "", "usage: " + reconfig.Syntax(b.Compat) + "\n", ""},
		{"reconfig -v zz -add x", "", "-v must be followed by a long (configuration version)\n", ""},
		{"reconfig -members x -add y", "", "Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental modes is not allowed)\n", ""},
		{"reconfig -members x -file y", "", "Can't use -file and -members together (conflicting non-incremental modes)\n", ""},
		{"reconfig -file /nonexistent", "", "reconfig: open /nonexistent: no such file or directory\n", ""},
	} {
		b.fake.calls = nil
		out, err, _ := b.do(c.line)
		if out != c.out || err != c.err || strings.Join(b.fake.calls, "\n") != c.call {
			t.Errorf("%s: %q, %q, %q", c.line, out, err, b.fake.calls)
		}
	}
}
