package shell

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/shell/command"
)

// A transcript is what a command printed, on stdout and stderr, and its exit
// code. The files of testdata/transcripts hold recordings of Apache's shell of
// 3.8.0 (Debian), each file one after the other on one server:
//
//	# name
//	+ command line     run before, in zkcli's own manner; it must succeed
//	$ words            arguments of the shell, in Go's quotes where needed; -server SERVER goes before them
//	                   unless the first is -raw
//	< line             of stdin
//	1 line             of stdout, 2 line of stderr
//	= exit code
//	~ reason           from here on what zkcli does otherwise on purpose; the lines above are what was recorded
//
// SERVER stands for the server's address, @usage for the usage of all
// commands. Stack traces and the event of the first connection, which comes at
// any place, are left out.
type transcript struct {
	name           string
	setup          []string
	args           []string
	stdin          *string
	stdout, stderr []string
	exit           int
	differs        string
}

func TestTranscripts38(t *testing.T) {
	addr := testServer(t)
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			cleanServer(t, addr)
			for _, tr := range readTranscripts(t, name) {
				play(t, addr, tr)
			}
		})
	}
}

func play(t *testing.T, addr string, tr transcript) {
	t.Helper()
	for _, line := range tr.setup {
		if out, exit := own(t, addr, line); exit != 0 {
			t.Fatalf("%s: setup %q: exit %d\n%s", tr.name, line, exit, out)
		}
	}
	args := []string{"-compat=3.8"}
	if len(tr.args) > 0 && tr.args[0] == "-raw" {
		args = append(args, tr.args[1:]...)
	} else {
		args = append(append(args, "-server", "SERVER"), tr.args...)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "SERVER", addr)
	}
	stdin := ""
	if tr.stdin != nil {
		stdin = *tr.stdin
	}
	stdout, stderr, exit := run(t, stdin, args...)
	got := fmt.Sprintf("stdout:\n%s\nstderr:\n%s\nexit %d", normalise(addr, stdout), normalise(addr, stderr), exit)
	want := fmt.Sprintf("stdout:\n%s\nstderr:\n%s\nexit %d",
		normalise(addr, strings.Join(tr.stdout, "\n")+"\n"), normalise(addr, strings.Join(tr.stderr, "\n")+"\n"), tr.exit)
	if got != want {
		t.Errorf("%s: %q\n--- got\n%s\n--- want\n%s", tr.name, tr.args, got, want)
	}
}

// own runs a line in zkcli's own manner.
func own(t *testing.T, addr, line string) (string, int) {
	t.Helper()
	stdout, stderr, exit := run(t, line+"\n", "-server", addr)
	return stdout + stderr, exit
}

// run is Main with the streams of a script.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, err bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	exit = Main(ctx, Env{
		Program: "zkcli", Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &err,
		Getenv: noEnvironment, Location: time.UTC, Version: "test",
		AskTimeout: 25 * time.Second, // Apache's AdminServer is slow to answer first on a loaded machine
	}, args)
	if ctx.Err() != nil {
		t.Errorf("zkcli %q did not end by itself", args)
	}
	return out.String(), err.String(), exit
}

// The rules of the normaliser, each with its reason.
var rules = []struct {
	find    *regexp.Regexp
	replace string
}{
	// The first connection is told at any time, or not at all.
	{regexp.MustCompile(`\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n`), ""},
	// A server closes the connection after a refused identity, sooner or later.
	{regexp.MustCompile(`\nWATCHER::\n\nWatchedEvent state:Disconnected type:None path:null\n`), ""},
	// Zxids and session ids are the server's.
	{regexp.MustCompile(`(?m)^(cZxid|mZxid|pZxid|ephemeralOwner) = 0x[1-9a-f][0-9a-f]*$`), "$1 = 0xN"},
	// Times.
	{regexp.MustCompile(`(?m)^(ctime|mtime) = \w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC 20\d\d$`), "$1 = TIME"},
	// Numbers of sequential znodes depend on what was created before.
	{regexp.MustCompile(`-\d{10}\b`), "-NNNNNNNNNN"},
	// The build.
	{regexp.MustCompile(`(?m)^(ZooKeeper CLI version: 3\.8\.0)-.*, built on .*$`), "$1-BUILD"},
}

var (
	ephemerals = regexp.MustCompile(`(?m)^\[/.*\]\n`)
	identities = regexp.MustCompile(`(?m)(^(digest|super|ip): .*\n)+`)
)

func normalise(addr, text string) string {
	text = strings.ReplaceAll(text, addr, "SERVER")
	for _, r := range rules {
		text = r.find.ReplaceAllString(text, r.replace)
	}
	// Ephemerals and identities come in the order of the server's hash table.
	for _, set := range []struct {
		find *regexp.Regexp
		sep  string
	}{{ephemerals, ", "}, {identities, "\n"}} {
		text = set.find.ReplaceAllStringFunc(text, func(found string) string {
			parts := strings.Split(strings.Trim(found, "[]\n"), set.sep)
			slices.Sort(parts)
			return strings.Join(parts, set.sep) + "\n"
		})
	}
	return strings.Trim(text, "\n")
}

func readTranscripts(t *testing.T, name string) []transcript {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	usage, err := os.ReadFile("testdata/usage-3.8.txt")
	if err != nil {
		t.Fatal(err)
	}
	usageLines := strings.Split(strings.TrimSuffix(string(usage), "\n"), "\n")
	var list []transcript
	var tr *transcript
	for number, line := range strings.Split(string(text), "\n") {
		if line == "" {
			continue
		}
		kind, rest, _ := strings.Cut(line, " ")
		if kind == "#" {
			list = append(list, transcript{name: rest})
			tr = &list[len(list)-1]
			continue
		}
		lines := []string{rest}
		if rest == "@usage" {
			lines = usageLines
		}
		switch kind {
		case "+":
			tr.setup = append(tr.setup, rest)
		case "$":
			tr.args = words(t, rest)
		case "<":
			if tr.stdin == nil {
				tr.stdin = new(string)
			}
			*tr.stdin += rest + "\n"
		case "1":
			tr.stdout = append(tr.stdout, lines...)
		case "2":
			tr.stderr = append(tr.stderr, lines...)
		case "=":
			if tr.exit, err = strconv.Atoi(rest); err != nil {
				t.Fatalf("%s:%d: %v", name, number+1, err)
			}
		case "~":
			tr.differs, tr.stdout, tr.stderr = rest, nil, nil
		default:
			t.Fatalf("%s:%d: what is %q?", name, number+1, line)
		}
	}
	return list
}

// words splits the arguments of a transcript.
func words(t *testing.T, text string) []string {
	t.Helper()
	var list []string
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		if text[0] != '"' {
			word, rest, _ := strings.Cut(text, " ")
			list, text = append(list, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		list, text = append(list, word), text[len(quoted):]
	}
	return list
}

// cleanServer deletes everything but /zookeeper, and all quotas.
func cleanServer(t *testing.T, addr string) {
	t.Helper()
	for _, parent := range []string{"/", "/zookeeper/quota"} {
		stdout, stderr, exit := run(t, "", "-server", addr, "ls", parent)
		if exit != command.ExitOK {
			t.Fatalf("ls %s: exit %d: %s", parent, exit, stderr)
		}
		names := strings.Split(strings.Trim(strings.TrimSpace(stdout), "[]"), ", ")
		for _, n := range slices.DeleteFunc(names, func(n string) bool { return n == "" || n == "zookeeper" }) {
			script := "addauth digest super:admin\nrmr " + strings.TrimSuffix(parent, "/") + "/" + n
			if out, exit := own(t, addr, script); exit != command.ExitOK {
				t.Fatalf("cleaning: %s: exit %d: %s", script, exit, out)
			}
		}
	}
}

// testServer is the address of a server with extended types, enforced quotas
// and the super password "admin": one in memory, or the one that
// ZKCLI_TEST_SERVER names, whose znodes are deleted.
func testServer(t *testing.T) string {
	t.Helper()
	if addr := os.Getenv("ZKCLI_TEST_SERVER"); addr != "" {
		return addr
	}
	cfg := zktest.Config()
	cfg.EnforceQuota, cfg.SuperDigest = true, protocol.DigestID("super:admin")
	return zktest.StartConfig(t, cfg).Addr()
}
