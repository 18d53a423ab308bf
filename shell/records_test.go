package shell

import (
	"encoding/json"
	"strings"
	"testing"

	"zookit/server/zktest"
	"zookit/shell/command"
)

// recordLines is a line of each command whose results are records; those that
// none stands for emit nothing and are among silent.
var recordLines = []string{
	"acl /app", "acl", "addWatch /back", "completion bash", "config", "cp /app/a /copied", "create /new x", "create -s /new/n", "delete /app/gone", "deleteall /app/tree",
	"delquota /app/q", "diff /app/a /app/b", "digest joe:x", "doctor", "du /app", "export /app/a FILE", "find /app", "get /app/a", "getAcl /app",
	"getAllChildrenNumber /app", "getEphemerals", "grep x /app/a", "help", "help get", "help topics", "help line", "history", "import FILE /imported", "latency -n 2", "listquota /app/q",
	"locks /app", "ls /app", "ls -l /app", "ls -R /app", "ls2 /app", "mv /copied /moved", "owner /app/e", "printwatches on", "pwd", "quota",
	"removewatches /watched", "rewatch", "rmr /app/tree2", "sessions", "set /app/a y", "setAcl /app/a world:anyone:cdrwa", "setquota -n 9 /app/q2", "stat /app", "status", "sync /app",
	"tree /app", "undo -l", "undo -n", "use", "version", "watches", "whoami", "multi create /m1 ; delete /m1", "edit /app/a",
}

// silentCommands emit nothing, stand for others, or need an ensemble.
var silentCommands = strings.Fields("reconfig abort addauth cd check close commit connect exit log quit redo top watch 4lw")

// Each command yields what can be read: one JSON array with -o json, a record a
// line with -o jsonl, a table with -o table, and nothing else on stdout.
func TestEveryCommandHasRecords(t *testing.T) {
	t.Parallel()
	own, _ := command.CompatFor("")
	covered := map[string]bool{}
	for _, name := range silentCommands {
		covered[name] = true
	}
	for _, line := range recordLines {
		covered[strings.Fields(line)[0]] = true
	}
	for _, c := range command.Table(own) {
		if !covered[c.Name] && len(c.Name) != 4 { // the words are one command, 4lw, with many names
			t.Errorf("no line for %s", c.Name)
		}
	}
	const setup = `create /app x
create /app/a x
create /app/b y
create /app/gone
create /app/tree
create /app/tree/x
create /app/tree2
create /app/q
setquota -n 5 /app/q
create /app/q2
create /app/lock
create /watched
create /back
create -e /app/e
create -e -s /app/lock/n_
addWatch /watched
`
	for _, format := range []string{"json", "jsonl", "table"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			addr := zktest.Start(t).Addr()
			file := t.TempDir() + "/file"
			for _, line := range append(recordLines, "srvr", "mntr", "cons", "4lw ruok") {
				line = strings.Replace(line, "FILE", file, 1)
				if strings.HasPrefix(line, "edit") || strings.HasPrefix(line, "undo") && format != "" {
					continue // an editor, and a journal of changes: see their own tests
				}
				script := "deleteall /app\ndeleteall /back\ndeleteall /watched\ndeleteall /new\ndeleteall /copied\ndeleteall /moved\ndeleteall /imported\n" + setup
				if strings.HasPrefix(line, "mv") || strings.HasPrefix(line, "create -s") {
					script += "create /copied\ncreate /new\n"
				}
				if strings.HasPrefix(line, "import") {
					script += "export /app/a " + file + "\n"
				}
				out, stderr, _ := run(t, script+"version > /dev/null\n-o "+format+" "+line+"\n", "-server", addr, "-q")
				_, result, found := strings.Cut(out, "Created /watched\nCreated /back\nCreated /app/e\nCreated /app/lock/n_0000000000\n")
				result = strings.TrimPrefix(strings.TrimPrefix(result, "Created /copied\n"), "Created /new\n")
				if !found {
					t.Fatalf("%s: the setup printed %q, %s", line, out, stderr)
				}
				checkRecords(t, format, line, result, stderr)
			}
		})
	}
}

func checkRecords(t *testing.T, format, line, result, stderr string) {
	t.Helper()
	switch format {
	case "json":
		var list []map[string]any
		if err := json.Unmarshal([]byte(result), &list); err != nil {
			t.Errorf("-o json %s: %v: %q, %s", line, err, result, stderr)
		}
	case "jsonl":
		for _, l := range strings.Split(strings.TrimSuffix(result, "\n"), "\n") {
			var record map[string]any
			if err := json.Unmarshal([]byte(l), &record); err != nil && result != "" {
				t.Errorf("-o jsonl %s: %v: %q, %s", line, err, l, stderr)
			}
		}
	case "table":
		if result != "" && !strings.HasPrefix(line, "doctor") && !strings.HasPrefix(result, "┌") {
			t.Errorf("-o table %s: %q, %s", line, result, stderr)
		}
	}
}
