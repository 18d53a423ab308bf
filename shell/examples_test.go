package shell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/server/zktest"
	"zookit/shell/command"
)

// examplesTree is what the examples of help talk about.
const examplesTree = `create /app x
create /app/config "jdbc:host1 timeout=3"
create /app/blob x
create /app/cache x
create /app/old x
create /app/leader x
create -e -s /app/leader/n_
create -e /app/worker-0000000000
create /app/jobs
create /app/locks
create -e -s /app/locks/n_
create -e /controller
create /backup
`

// placeholders are what examples name that a test has by another name.
var placeholders = strings.NewReplacer("-v 3 ", "-v 0 ", "zk2:2181", "SERVER")

// standIns are the examples that stand for what a test cannot have as it is, with why.
var standIns = map[string]string{
	"prod": "a profile", "test:": "a profile", "file:": "a stopped server's data", "HASH": "a digest", "<<": "several lines", "multi": "several lines",
	"@": "a file", "pass show": "a program", "ZK_AUTH": "a variable", "top": "a terminal", "reconfig": "an ensemble", "edit": "an editor",
	"-admin": "an AdminServer", "addauth digest joe -": "a person", "undo": "a journal", "0x1000000cae20000": "another session", "import": "an export", "watch": "changes that come", "redo": "lines before",
	"commit": "a transaction", "abort": "a transaction", "check": "a transaction", "rewatch": "a session that expired", "sasl:": "SASL",
}

// before is what has to be done for the examples of a command.
var before = map[string]string{
	"setquota": "delquota /app\n", "cd": "cd /app\n", "diff": "cp -r /app /copy\n", "setAcl": "addauth digest joe:x\n",
}

// The examples of help do what they say, on a tree that has what they talk
// about.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	own, err := command.CompatFor("")
	if err != nil {
		t.Fatal(err)
	}
	ran, dir := 0, t.TempDir()
	addr := zktest.Start(t).Addr()
	for _, cmd := range command.Table(own) {
	examples:
		for _, e := range cmd.Example {
			for part := range standIns {
				if strings.Contains(e, part) {
					continue examples
				}
			}
			line := placeholders.Replace(e)
			line = strings.NewReplacer("SERVER", addr, " app.jsonl", " "+filepath.Join(dir, "app.jsonl")).Replace(line)
			script := "deleteall /app\ndeleteall /copy\ndeleteall /controller\ndeleteall /backup\n" + examplesTree
			if strings.HasPrefix(e, "create /app") {
				script = "deleteall " + strings.Fields(strings.TrimPrefix(e, "create "))[0] + "\n"
			}
			script += before[cmd.Name]
			_ = os.Remove(filepath.Join(dir, "app.jsonl"))
			_, stderr, exit := run(t, script+line+"\n", "-server", addr, "-q")
			if ran++; exit != 0 {
				t.Errorf("%s: %q: exit %d, %s", cmd.Name, line, exit, stderr)
			}
		}
	}
	if ran < 60 {
		t.Errorf("%d examples ran", ran)
	}
}
