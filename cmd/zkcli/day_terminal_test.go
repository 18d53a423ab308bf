//go:build linux || darwin

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// lookingAround: one line each of what shows znodes, as it is at a terminal.
func lookingAround(t *testing.T, addr, root string) {
	other := zktest.Dial(t, addr)
	for _, z := range []struct{ path, data string }{
		{"/app", ""}, {"/app/config", `{"max":10}`}, {"/app/jobs", ""}, {"/app/jobs/a", "one"}, {"/app/jobs/b", "two words"}, {"/app/été 世界", "wide"},
	} {
		other.Create(root+z.path, []byte(z.data), protocol.FlagPersistent)
	}
	other.Create(root+"/app/worker-", []byte("w"), protocol.FlagEphemeralSequential)
	c := operator(t, "", "-server", addr+root)
	c.Has("look around:  ls /    get /path    help COMMAND    help topics") // the first run
	walkThrough(t, c, addr+root, 0, []step{
		{"cd /app", nil},
		{"pwd", []string{"/app"}},
		{"ls -l", []string{"type bytes children version owner ", "\nes ", " été 世界\n"}},
		{"ls jobs", []string{"[a, b]"}},
		{"tree -L 1 .", []string{"├── config", "├── jobs", "└── été 世界"}},
		{"get config", []string{"{\n  \"max\": 10\n}"}},
		{"get -f raw config", []string{`{"max":10}`}},
		{"get jobs/*", []string{"==> /app/jobs/a <==\none", "==> /app/jobs/b <==\ntwo words"}},
		{"du -h .", []string{"config"}},
		{"find . -name 'w*' -type e", []string{"/app/worker-000000000"}},
		{"grep -R words .", []string{"/app/jobs/b", "two words"}},
		{"find jobs -maxdepth 1 -name a -exec get {} ;", []string{"one"}},
		{"ls -o jsonl jobs", []string{`{"path":"/app/jobs","children":["a","b"]`}},
		{"stat config", []string{"dataLength = 10"}},
		{"delete jobs", []string{"Node not empty: /app/jobs", "/app/jobs has 2 children; deleteall removes them too"}},
		{"get confg", []string{"Node does not exist: /app/confg", "did you mean /app/config?"}},
		{"gte config", []string{`did you mean "get"?`}},
		{"acl config", []string{"this session is ip:127.0.0.1", "write the data"}},
		{"digest joe:secret", []string{"joe:oesAybBun9icKJjQSTRN8OBueSc="}},
		{"setquota -n 10 jobs", nil},
		{"quota", []string{"/app/jobs", "30%"}},
	})
	c.Send("\x0cwatch jobs/a\r")
	c.Has("watching /app/jobs/a; Ctrl-C ends it")
	other.Must(protocol.OpSetData, &protocol.SetDataRequest{Path: root + "/app/jobs/a", Data: []byte("three"), Version: -1}, nil)
	c.Has("changed   /app/jobs/a  version 1 5 bytes")
	c.Has("-one\n")
	c.Has("+three")
	c.Send("\x03")
	c.Ends("/app 22]")
	c.Send("quit\r")
	c.Exits(0)
}

// askingServers: what is asked of servers is answered, or what would make them
// answer is said.
func askingServers(t *testing.T, addr, root string) {
	other := zktest.Dial(t, addr)
	other.Create(root+"/worker", nil, protocol.FlagEphemeral)
	other.Create(root+"/lock", nil, protocol.FlagPersistent)
	other.Create(root+"/lock/n_", nil, protocol.FlagEphemeralSequential)
	id := other.Session.Session.String()
	c := operator(t, "", "-server", addr+root)
	walkThrough(t, c, addr+root, 0, []step{
		{"status", []string{"│ " + addr + " ", "│ standalone "}},
		{"owner /worker", []string{"session = " + id, "made by = server "}},
		{"owner " + id, []string{"session = " + id, "ephemeral = /worker"}},
		{"sessions", []string{id}},
		{"locks /lock", []string{"│ sequential ephemerals │", id}},
		{"latency -n 5", []string{"5 × exists", "p99"}},
		{"srvr", []string{"│ Mode                │ standalone"}},
		{"doctor", []string{"0 problems"}},
	})
	c.Send("\x0ctop -d 1\r")
	c.Has("1 of 1 serve, standalone")
	c.Send("q")
	c.Ends(" 9]")
	c.Send("quit\r")
	c.Exits(0)
}

// habits: profiles, several connections, files and programs behind a line,
// history, completion.
func habits(t *testing.T, addr, root string) {
	other := zktest.Dial(t, addr)
	for _, path := range []string{"/one", "/one/config", "/one/two words", "/two"} {
		other.Create(root+path, []byte("of "+path), protocol.FlagPersistent)
	}
	c := operator(t, fmt.Sprintf("default: one\nprofiles:\n  one: {servers: %s, chroot: %s/one, pager: off}\n"+
		"  two: {servers: %[1]s, chroot: %[2]s/two, readonly: true}\n  safe: {servers: %[1]s, chroot: %[2]s/two, protected: true}\n", addr, root))
	prompt := func(label string, n int) string { return fmt.Sprintf("[zk: %s(CONNECTED to %s) %d]", label, addr, n) }
	c.Ends(prompt("one", 0))
	out := filepath.Join(t.TempDir(), "out")
	walkThrough(t, c, "one", 0, []step{
		{"get /config | tr a-z A-Z; ls / > " + out, []string{"OF /ONE/CONFIG"}},
		{"get two:/ ; get '/two words'", []string{"of /two\nof /one/two words"}},
		{"use", []string{"│ * │ one  │ CONNECTED", "│   │ two  │ CONNECTED, readonly │", "│   │ safe │ none "}},
		{"-o table ls /", []string{"│ /    │ config, two words │"}},
		{"whoami", []string{"│ ip "}},
	})
	if b, err := os.ReadFile(out); err != nil || string(b) != "[config, two words]\n" {
		t.Errorf("> file: %q, %v", b, err)
	}
	c.Send("\x0cget /tw") // a name with a blank is put between quotation marks
	c.Ends("two words")
	c.Send("\t\r")
	c.Has("get \"/two words\"\nof /one/two words\n" + prompt("one", 6))
	c.Send("use tw\t\r")
	c.Ends(fmt.Sprintf("[zk: two(CONNECTED to %s, readonly) 7]", addr))
	c.Send("create /x\r")
	c.Has("create: this profile is readonly, so nothing was sent")
	c.Send("connect safe\r")
	c.Ends(prompt("safe", 9))
	c.Send("create /x\r")
	c.Ends("safe is protected, and create changes it. Type safe to go on:")
	c.Send("no\r")
	c.Has("create: nothing was changed\n" + prompt("safe", 10))
	c.Send("create /x\r")
	c.Ends("Type safe to go on:")
	c.Send("safe\r")
	c.Has("Created /x\n" + prompt("safe", 11))
	c.Send("use one\r")
	c.Ends(prompt("one", 12))
	c.Send("\x12two w")
	c.Ends("': get \"/two words\"")
	c.Send("\x07")
	c.Ends(prompt("one", 12))
	c.Send("getAllCh\t /\r")
	c.Has("\n2\n" + prompt("one", 13))
	c.Send("help line\r")
	c.Has("into a command of the system")
	c.Ends(prompt("one", 14))
	c.Send("\x04")
	c.Exits(0)
	if strings.Contains(c.Written(), "panic") {
		t.Error(c.Written())
	}
}
