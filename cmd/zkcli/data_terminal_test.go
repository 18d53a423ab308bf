//go:build linux || darwin

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

// On a terminal data is shown as what it is, and nothing in it reaches the
// terminal's ears.
func TestGetOnTerminal(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	other := zktest.Dial(t, addr)
	for _, z := range []struct{ path, data string }{
		{"/json", `{"a":[1,"\u0007"],"b":"` + "\u202e" + `"}`},
		{"/hostile", "title \x1b]0;owned\x1b\\"},
		{"/binary", "\x00\x1b[2J"},
		{"/brokers", ""}, {"/brokers/ids", ""}, {"/brokers/ids/7", `{"host":"k7","port":9092}`},
	} {
		other.Create(z.path, []byte(z.data), protocol.FlagPersistent)
	}
	c := startShell(t, addr, "NO_COLOR=", "TERM=xterm-256color")
	c.Send("get /json\r")
	c.Ends("{\n  \"a\": [\n    1,\n    \"\\u0007\"\n  ],\n  \"b\": \"\\u202e\"\n}\n" + at(addr, 1, ""))
	c.Send("get /json\r")
	c.Sees("\x1b[36m\"a\"\x1b[0m: [")
	c.Ends(at(addr, 2, ""))
	c.Send("get /hostile\r")
	c.Ends(`title \x1b]0;owned\x1b\` + "\n" + at(addr, 3, ""))
	c.Send("get /binary\r")
	c.Has("# binary, 5 bytes\n")
	c.Has("|00000000| 00 1b 5b 32 4a ")
	c.Ends(at(addr, 4, ""))
	c.Send("get /brokers/ids/7\r")
	c.Ends("# Kafka broker 7 at k7:9092\n{\n  \"host\": \"k7\",\n  \"port\": 9092\n}\n" + at(addr, 5, ""))
	c.Send("quit\r")
	c.Exits(0)
}

// A here-text is typed below its line: blank lines count, nothing is completed
// or remembered, Ctrl-C drops it. A pasted one works as well.
func TestHereTextAtPrompt(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	c := startShell(t, addr)
	c.Send("create /text <<END\r")
	c.Ends("\n>")
	c.Send("ls\r")
	c.Ends("> ls\n>")
	c.Send("\r")
	c.Ends("> ls\n>\n>")
	c.Send("x\rEND\r")
	c.Ends("Created /text\n" + at(addr, 1, ""))
	c.Send("get /text\r")
	c.Ends("get /text\nls\n\nx\n" + at(addr, 2, ""))
	c.Send("set /text <<END\r")
	c.Ends("\n>")
	c.Send("half\r")
	c.Ends("> half\n>")
	c.Send("\x03")
	c.Has("the line is cleared")
	prompt(c, addr, 2)
	c.Send("\x1b[200~set /text <<X\n{\"a\":\n\n1}\nX\nget /text\n\x1b[201~")
	c.Ends("{\n  \"a\": 1\n}\n" + at(addr, 4, ""))
	c.Send("\x1b[A\x1b[A")
	c.Ends(at(addr, 4, "set /text <<X"))
	c.Send("\x15quit\r")
	c.Exits(0)
}

// edit runs the editor on the terminal, shows the change and asks. A watch
// event that comes meanwhile waits for the editor's end.
func TestEditAtPrompt(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	other := zktest.Dial(t, addr)
	other.Create("/app", []byte("max: 10\nmin: 1\n"), protocol.FlagPersistent)
	other.Create("/seen", nil, protocol.FlagPersistent)
	dir := t.TempDir()
	editor := filepath.Join(dir, "editor")
	script := "#!/bin/sh\nread -p 'editing> ' line </dev/tty\nprintf '%s\\nmin: 1\\n' \"$line\" >\"$1\"\n"
	if err := os.WriteFile(editor, []byte(strings.Replace(script, "read -p 'editing> '", "printf 'editing> '; read -r", 1)), 0o700); err != nil {
		t.Fatal(err)
	}
	c := startShell(t, addr, "EDITOR="+editor, "VISUAL=", "TMPDIR="+dir)
	c.Send("stat -w /seen\r")
	c.Ends(at(addr, 1, ""))

	c.Send("edit /app\r")
	c.Ends("editing>")
	other.Must(protocol.OpSetData, &protocol.SetDataRequest{Path: "/seen", Version: -1}, nil)
	c.Send("max: : 20\r")
	c.Has("edit: this is not YAML: ")
	c.Has("type:NodeDataChanged path:/seen")
	c.Sees("Edit it again? [y/N]")
	c.Send("y\r")
	c.Ends("editing>")
	c.Send("max: 20\r")
	c.Has("\n-max: 10\n+max: 20\n")
	c.Sees("Write this to /app? [y/N]")
	c.Send("y\r")
	c.Ends("Written /app (version 1)\n" + at(addr, 2, ""))

	c.Send("edit /app\r")
	c.Ends("editing>")
	c.Send("max: 30\r")
	c.Sees("[y/N]")
	c.Send("n\r")
	c.Has("edit: nothing was written; your text is in " + dir)
	prompt(c, addr, 3)
	c.Send("get /app\r")
	c.Ends("max: 20\nmin: 1\n" + at(addr, 4, ""))
	kept, _ := filepath.Glob(filepath.Join(dir, "zkcli-app-*.yaml"))
	if len(kept) != 1 {
		t.Fatalf("kept: %v", kept)
	}
	if text, err := os.ReadFile(kept[0]); err != nil || string(text) != "max: 30\nmin: 1\n" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(kept[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	c.Send("quit\r")
	c.Exits(0)
}
