package shell

import (
	"strings"
	"testing"

	"zookit/server/zktest"
	"zookit/shell/command"
)

// examplesTree is what the examples of help talk about.
const examplesTree = `create /app x
create /app/config x
create /app/blob x
create /app/cache x
create /app/old x
create /app/leader x
`

// The examples that need nothing but a server and the tree above do what they
// say, each on a server of its own when it changes something.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	own, err := command.CompatFor("")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	addr := zktest.Start(t).Addr()
	for _, name := range []string{"addauth", "addWatch", "config", "create", "delete", "get", "getAcl", "getAllChildrenNumber", "getEphemerals",
		"help", "ls", "printwatches", "set", "setquota", "stat", "sync", "version", "whoami", "completion", "use"} {
		for _, e := range command.Lookup(own, name).Example {
			if strings.Contains(e, "HASH") || strings.Contains(e, "prod") || strings.Contains(e, "zk2") || strings.Contains(e, "@") || strings.Contains(e, "<<") || strings.Contains(e, "multi") ||
				name == "addauth" && (strings.HasSuffix(e, "-") || strings.Contains(e, " -")) {
				continue // stands for something
			}
			e = strings.Replace(e, "-v 3 ", "-v 0 ", 1)
			script := "deleteall /app\n" + examplesTree
			if strings.HasPrefix(e, "create /app") {
				script = "deleteall " + strings.Fields(strings.TrimPrefix(e, "create "))[0] + "\n"
			}
			if strings.HasPrefix(e, "setquota") {
				script += "delquota /app\n"
			}
			_, stderr, exit := run(t, script+e+"\n", "-server", addr)
			if ran++; exit != 0 {
				t.Errorf("%s: %q: exit %d, %s", name, e, exit, stderr)
			}
		}
	}
	if ran < 20 {
		t.Errorf("%d examples ran", ran)
	}
}
