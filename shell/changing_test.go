package shell

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/shell/journal"
)

// changing is zkcli with a journal of its own on a server of its own.
type changing struct {
	t      *testing.T
	server *zktest.Server
	addr   string
	dir    string // of the journal
	env    map[string]string
}

func newChanging(t *testing.T) *changing {
	server := zktest.Start(t)
	c := &changing{t: t, server: server, addr: server.Addr(), dir: t.TempDir()}
	c.env = map[string]string{"ZKCLI_JOURNAL": c.dir}
	return c
}

// run runs lines as one script; stderr follows stdout.
func (c *changing) run(lines ...string) (text string, exit int) {
	c.t.Helper()
	return c.runWith(nil, lines...)
}

func (c *changing) runWith(options []string, lines ...string) (text string, exit int) {
	c.t.Helper()
	var out, err bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	exit = Main(ctx, Env{
		Program: "zkcli", Stdin: strings.NewReader(strings.Join(lines, "\n") + "\n"), Stdout: &out, Stderr: &err,
		Getenv: func(name string) string { return c.env[name] }, Location: time.UTC, Version: "test",
	}, append([]string{"-server", c.addr}, options...))
	if ctx.Err() != nil {
		c.t.Fatalf("%q did not end by itself", lines)
	}
	return out.String() + err.String(), exit
}

// must is run for lines that print want and succeed.
func (c *changing) must(want string, lines ...string) {
	c.t.Helper()
	if text, exit := c.run(lines...); text != want || exit != 0 {
		c.t.Errorf("%q: exit %d, printed\n%s\nwant\n%s", lines, exit, text, want)
	}
}

// says is run for a line whose output contains want, and its exit code.
func (c *changing) says(want string, exit int, lines ...string) {
	c.t.Helper()
	if text, got := c.run(lines...); !strings.Contains(text, want) || got != exit {
		c.t.Errorf("%q: exit %d, printed\n%s\nwant exit %d and %q in it", lines, got, text, exit, want)
	}
}

func (c *changing) recorded() int {
	list, err := journal.New(c.dir, 0).List()
	if err != nil {
		c.t.Fatal(err)
	}
	return len(list)
}

// A change that is not the latest any more is not taken back, not even in part.
func TestUndoOfWhatOthersChanged(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	other := zktest.Dial(t, c.addr)
	setData := func(path, data string) {
		other.Must(protocol.OpSetData, &protocol.SetDataRequest{Path: path, Data: []byte(data), Version: -1}, nil)
	}
	c.must("Created /a\nCreated /a/x\nCreated /a/y\n", "create /a one", "create /a/x", "create /a/y")

	c.must("", "deleteall /a")
	other.Create("/a", []byte("theirs"), protocol.FlagPersistent)
	c.says(`undo: nothing was taken back, since "deleteall /a" is not the latest change: /a was created again`, 1, "undo")
	c.must("theirs\n[]\n", "get /a", "ls /a")
	other.Must(protocol.OpDelete, &protocol.DeleteRequest{Path: "/a", Version: -1}, nil)
	c.says("3 znodes created again", 0, "undo")
	c.must("[x, y]\n", "ls /a")

	c.must("", "set /a/x mine")
	setData("/a/x", "theirs")
	c.says("/a/x was written since (version 2, after this change it was 1)", 1, "undo")
	c.must("", "set /a/y mine", "delete /a/y")
	other.Create("/a/y", nil, protocol.FlagPersistent)
	other.Must(protocol.OpDelete, &protocol.DeleteRequest{Path: "/a/y", Version: -1}, nil)
	c.says("Undone delete /a/y", 0, "undo")

	c.must("Created /t\nCreated /t/1\n", "multi", "create /t", "create /t/1", "commit")
	other.Create("/t/2", nil, protocol.FlagPersistent)
	c.says("/t has children that this change did not make; it stays", 1, "undo")
	c.must("[1, 2]\n", "ls /t") // one transaction: nothing of it
	c.must("Created /q\n", "create /q")
	other.Must(protocol.OpSetACL, &protocol.SetACLRequest{Path: "/q", ACL: protocol.OpenACL, Version: -1}, nil)
	c.says("/q was given another ACL since", 1, "undo")
	other.Must(protocol.OpDelete, &protocol.DeleteRequest{Path: "/q", Version: -1}, nil)
	other.Create("/q", nil, protocol.FlagPersistent)
	c.says("/q was deleted and created again", 1, "undo")
	other.Must(protocol.OpDelete, &protocol.DeleteRequest{Path: "/q", Version: -1}, nil)
	c.says("1 znode as they were already", 0, "undo")
}

// A large subtree comes back with data and ACLs, also those that differ among
// thousands of siblings. What does not come back is named.
func TestUndoOfALargeSubtree(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	other := zktest.Dial(t, c.addr)
	other.Create("/big", []byte("top"), protocol.FlagPersistent)
	const n = 4500 // so many that the ACLs are read over several sessions
	odd := []protocol.ACL{{Perms: protocol.PermAll, Scheme: "world", ID: "anyone"}, {Perms: protocol.PermRead, Scheme: "ip", ID: "10.0.0.1"}}
	for from := 0; from < n; from += 500 {
		var ops []protocol.MultiOp
		for i := from; i < from+500; i++ {
			acl := protocol.OpenACL
			if i == 4321 { // from its beginning: nothing but the ACL itself tells of it
				acl = odd
			}
			ops = append(ops, protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{
				Path: fmt.Sprintf("/big/%05d", i), Data: fmt.Appendf(nil, "data %d", i), ACL: acl}})
		}
		other.Must(protocol.OpMulti, &protocol.MultiRequest{Ops: ops}, new(protocol.MultiResponse))
	}
	other.Create("/big/e", nil, protocol.FlagEphemeral)
	c.must("", "setAcl /big/00077 world:anyone:cdrwa,digest:joe:x:r")
	c.says("delete /big: 4502 znodes, 38.5 KiB of data\n  1 ephemeral of session ", 0, "deleteall -n /big")
	if text, exit := c.run("deleteall /big"); text != "" || exit != 0 {
		t.Fatalf("exit %d: %s", exit, text)
	}
	c.says("Node does not exist", 1, "stat /big")
	text, exit := c.run("undo")
	for _, want := range []string{"4501 znodes created again", "1 ephemeral of session ", "begin anew"} {
		if exit != 0 || !strings.Contains(text, want) {
			t.Errorf("exit %d, printed %q without %q", exit, text, want)
		}
	}
	c.must("data 4499\n4500\n'world,'anyone\n: cdrwa\n'digest,'joe:x\n: r\n'world,'anyone\n: cdrwa\n'ip,'10.0.0.1\n: r\n",
		"get /big/04499", "getAllChildrenNumber /big", "getAcl /big/00077", "getAcl /big/04321")
}

// A deletion that ended early is taken back as far as it came, and an undo that
// ended early goes on.
func TestUndoOfAPart(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	c.must("Created /a\nCreated /a/kept\n", "create /a one", "create /a/kept")
	other := zktest.Dial(t, c.addr)
	var st protocol.StatResponse
	other.Must(protocol.OpExists, &protocol.PathWatchRequest{Path: "/a"}, &st)
	top := st.Stat
	other.Must(protocol.OpExists, &protocol.PathWatchRequest{Path: "/a/kept"}, &st)
	change, err := journal.New(c.dir, 0).Begin(journal.Header{Line: "deleteall /a", Servers: c.addr, Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*journal.Record{
		{Kind: journal.DeletedTree, Path: "/a", Before: top, Data: []byte("one"), ACL: protocol.OpenACL},
		{Kind: journal.DeletedTree, Path: "/a/gone", Data: []byte("g"), ACL: protocol.OpenACL},
		{Kind: journal.DeletedTree, Path: "/a/kept", Before: st.Stat, ACL: protocol.OpenACL},
		{Kind: journal.DeletedTree, Path: "/a/back", Data: []byte("b"), ACL: protocol.OpenACL},
	} {
		if err := change.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := change.Flush(); err != nil { // its shell is killed here
		t.Fatal(err)
	}
	other.Create("/a/back", []byte("b"), protocol.FlagPersistent)
	c.says("1 znode created again, 3 znodes as they were already", 0, "undo")
	c.must("[back, gone, kept]\n", "ls /a")
}

// cp and mv reach another server; each side's change is its own to take back.
func TestCopyBetweenServers(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	there := newChanging(t)
	there.dir, there.env = c.dir, c.env
	c.must("Created /a\nCreated /a/b\nCreated /a/c\n", "create /a one", "create /a/b two world:anyone:ra,digest:joe:x:cdrwa", "create -c /a/c")
	c.says("Copied /a to "+there.addr+":/copy: 3 znodes", 0, "cp -r /a "+there.addr+":/copy")
	there.must("[b, c]\n'world,'anyone\n: ra\n'digest,'joe:x\n: cdrwa\n", "ls /copy", "getAcl /copy/b")
	c.says("undo: change 4 was made on "+there.addr, 1, "undo 4")
	there.says("3 znodes deleted", 0, "undo")
	there.says("Node does not exist: /copy", 1, "stat /copy")

	c.says("Moved /a to "+there.addr+":/moved: 3 znodes", 0, "mv /a "+there.addr+":/moved")
	c.says("Node does not exist: /a", 1, "stat /a")
	c.says("3 znodes created again", 0, "undo")
	there.must("[b, c]\n", "ls /moved")
	// A move that finds the copy there goes on with the rest.
	c.says("Node already exists: /moved", 1, "mv /a "+there.addr+":/moved")
	c.must("[b, c]\n", "ls /a")
	there.must("", "delete /moved/c")
	c.says("there already: 2 znodes", 0, "mv -resume /a "+there.addr+":/moved")
	there.must("[b, c]\n", "ls /moved")
	c.says("Node does not exist: /a", 1, "stat /a")
	there.must("", "set /moved other")
	c.must("Created /moved\n", "create /moved one")
	c.says("/moved is there and has other data", 1, "cp -r -resume /moved "+there.addr+":/moved")
	// Over more than one transaction.
	var lines []string
	for i := range 700 {
		lines = append(lines, fmt.Sprintf("create /moved/%03d x", i))
	}
	c.run(lines...)
	c.says("Moved /moved to /m2: 701 znodes", 0, "mv /moved /m2")
	c.must("700\n", "getAllChildrenNumber /m2")
	c.says("701 znodes created again, 701 znodes deleted", 0, "undo")
	c.must("700\n", "getAllChildrenNumber /moved")
}

// Nothing is recorded with the journal off and in the manners of Apache.
func TestNoJournal(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	for _, options := range [][]string{{"-compat=3.8"}, {"-compat=3.4"}} {
		c.runWith(options, "create /a x", "set /a y", "deleteall /a", "rmr /a")
		if text, exit := c.runWith(options, "undo"); exit == 0 && options[0] == "-compat=3.8" || !strings.Contains(text, "help") && !strings.Contains(text, "cmd args") {
			t.Errorf("%v: undo exists: exit %d, %s", options, exit, text)
		}
	}
	if n := c.recorded(); n != 0 {
		t.Errorf("%d changes were recorded", n)
	}
	c.env = map[string]string{"ZKCLI_JOURNAL": "off"}
	c.says("undo: changes are not recorded", 1, "create /b", "undo")
	c.env = map[string]string{"ZKCLI_JOURNAL": c.dir}
	c.says("undo: no change on "+c.addr+" is recorded", 1, "undo")
	// A journal that cannot be written keeps nobody from working, and is told.
	c.env = map[string]string{"ZKCLI_JOURNAL": os.DevNull + "/journal"}
	c.says("this change cannot be undone, the journal cannot be written", 0, "set /b x")
	// What may not be read is changed and named.
	c.env = map[string]string{"ZKCLI_JOURNAL": c.dir}
	c.must("Created /w\n", "create /w x world:anyone:wda")
	c.must("", "set /w y")
	c.says("set /w y cannot be taken back: /w: it could not be read", 1, "undo")
	c.says("0 znodes, 1 not recorded\tset /w y", 0, "undo -l")
}

// What is larger than the journal is moved and deleted all the same, is said to
// be beyond undo, and leaves no half of itself to be taken back.
func TestTooLargeForTheJournal(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	c.env["ZKCLI_JOURNAL_LIMIT"] = "200000"
	c.must("Created /a\n", "create /a one")
	other := zktest.Dial(t, c.addr)
	for i := range 3 {
		other.Create(fmt.Sprintf("/a/%d", i), make([]byte, 100_000), protocol.FlagPersistent)
	}
	c.says("Moved /a to /b: 4 znodes", 0, "mv /a /b")
	c.says("mv /a /b cannot be taken back: /a: it cannot be undone: it is larger than the journal may be", 1, "undo")
	c.must("[0, 1, 2]\n", "ls /b")
	c.must("", "deleteall /b")
	c.says("Node does not exist: /b", 1, "stat /b")
	c.says("deleteall /b cannot be taken back: /b: it cannot be undone: its data is more than the 195.3 KiB that the journal may hold", 1, "undo")
}

// The small changes of a script share files, can be taken back by the script
// itself one by one, and are there for the next shell.
func TestScriptsShareFiles(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	lines := []string{"create /s"}
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("create /s/%03d x", i))
	}
	lines = append(lines, "set /s/007 y", "delete /s/008", "undo", "undo", "get /s/007", "undo", "ls /s/299")
	text, _ := c.run(lines...)
	for _, want := range []string{"Undone delete /s/008: 1 znode created again", "Undone set /s/007 y: 1 znode with the old data", "\nx\n",
		"Undone create /s/299 x: 1 znode deleted", "Node does not exist: /s/299"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the output, which ends in\n%s", want, text[max(0, len(text)-500):])
		}
	}
	files, err := filepath.Glob(filepath.Join(c.dir, "*.undo"))
	if err != nil || len(files) == 0 || len(files) > 10 {
		t.Errorf("%d files for 300 changes, %v", len(files), err)
	}
	if n := c.recorded(); n != 300 {
		t.Errorf("%d changes can be taken back", n)
	}
	c.says("Undone create /s/298 x: 1 znode deleted", 0, "undo")
	c.says("create /s/297 x", 0, "undo -l")
}
