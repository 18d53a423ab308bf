package shell

import (
	"flag"
	"os"
	"strings"
	"testing"

	"zookit/shell/command"
)

var update = flag.Bool("update", false, "write docs/commands.md and docs/zkcli.1")

// What is made from the command table is current; `make docs` makes it.
func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	var options [][2]string
	for _, o := range optionHelp {
		options = append(options, [2]string{strings.TrimSpace(o.name + " " + o.value), o.text})
	}
	for name, want := range map[string]string{
		"../docs/commands.md": command.Reference(),
		"../docs/zkcli.1":     command.Manual(options),
	} {
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("%s is out of date; run make docs (%v)", name, err)
		}
	}
}
