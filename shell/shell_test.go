package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zookit/server/zktest"
	"zookit/shell/command"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "client.properties")
	write(t, config, "zookeeper.client.secure=true\nzookeeper.ssl.trustStore.location=trust.jks\n")
	odd := filepath.Join(dir, "odd.properties")
	write(t, odd, "jute.maxbuffer=0x100000\nsome.key=1\n")
	for _, c := range []struct {
		args []string
		err  string // a part of stderr
		exit int
	}{
		{[]string{"-foo", "ls", "/"}, "unknown option -foo", 1},
		{[]string{"-server"}, "the option -server needs a value", 1},
		{[]string{"-timeout", "abc", "ls", "/"}, `-timeout: "abc" is not a number of milliseconds`, 1},
		{[]string{"-timeout", "0", "ls", "/"}, "must be from 1 to", 1},
		{[]string{"-connect-timeout=-1", "ls", "/"}, "-connect-timeout: -1 ms", 1},
		{[]string{"-compat", "3.3", "ls", "/"}, "choose 3.4, 3.8, 3.9", 1},
		{[]string{"-o", "xml", "ls", "/"}, `-o: "xml" is none of text, table, json, jsonl`, 1},
		{[]string{"-c", "ls /", "ls", "/"}, "-c excludes -f and a command", 1},
		{[]string{"-profile", "p", "-server", "h", "ls", "/"}, "a profile excludes -server", 1},
		{[]string{"-color=blue"}, "none of auto, always, never", 1},
		{[]string{"-f", "x", "ls", "/"}, "exclude one another", 1},
		{[]string{"-embedded", "-server", "h", "ls", "/"}, "exclude one another", 1},
		{[]string{"-embedded", "ls", "/"}, "built without a server", 1},
		{[]string{"-f", filepath.Join(dir, "missing")}, "no such file", 1},
		{[]string{"-server", "h:abc", "ls", "/"}, "h:abc", 1},
		{[]string{"-server", "h:1/a/", "ls", "/"}, "Path must not end with / character", 1},
		{[]string{"-server", ",", "ls", "/"}, "names no server", 1},
		{[]string{"-client-configuration", filepath.Join(dir, "missing"), "ls", "/"}, "no such file", 2},
		{[]string{"-client-configuration", config, "ls", "/"}, "trust.jks: no such file", 2},
		{[]string{"-client-configuration", odd, "version"}, "line 2: some.key has no effect in zkcli", 0},
		{[]string{"-compat=3.8", "-timeout", "abc", "ls", "/"}, `java.lang.NumberFormatException: For input string: "abc"`, 1},
		{[]string{"-compat=3.8", "-foo", "version"}, "", 0},
	} {
		_, stderr, exit := run(t, "", c.args...)
		if exit != c.exit || !strings.Contains(stderr, c.err) || c.err == "" && stderr != "" {
			t.Errorf("%q: exit %d, stderr %q; want %d, %q", c.args, exit, stderr, c.exit, c.err)
		}
		if c.exit != 0 && !strings.HasPrefix(c.args[0], "-compat=") && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: more than a line: %q", c.args, stderr)
		}
	}
}

func TestCompatIsChosen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		option, env, program, want string
	}{
		{"", "", "zkcli", ""}, {"", "", "zkCli.sh", "3.9"}, {"", "3.4", "zkCli.sh", "3.4"}, {"3.8", "3.4", "zkCli.sh", "3.8"},
	} {
		var args []string
		if c.option != "" {
			args = []string{"-compat", c.option}
		}
		if o, err := parseOptions(args, c.env, c.program); err != nil || o.compat.Name != c.want {
			t.Errorf("%+v: %v, %v", c, o, err)
		}
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	addr := closedPort(t)
	stdout, stderr, exit := run(t, "", "-server", addr, "create", "/a", "x")
	if stdout != "" || exit != command.ExitNoConnection || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, addr) || !strings.Contains(stderr, "nothing was sent") {
		t.Errorf("one-liner: %q, %q, exit %d", stdout, stderr, exit)
	}
	// The lines behind the first would fare no better.
	_, stderr, exit = run(t, "ls /\nls /a\nversion\n", "-server", addr)
	if exit != command.ExitNoConnection || strings.Count(stderr, "\n") != 1 {
		t.Errorf("script: %q, exit %d", stderr, exit)
	}
	if _, stderr, exit := run(t, "", "-compat=3.8", "-server", addr, "ls", "/"); exit != 1 || stderr != "KeeperErrorCode = ConnectionLoss for /\n" {
		t.Errorf("3.8: %q, exit %d", stderr, exit)
	}
	// What can be told without a server is told without one.
	if _, stderr, exit := run(t, "", "-server", addr, "get", "/a/"); exit != 1 || stderr != "Path must not end with / character\n" {
		t.Errorf("bad path: %q, exit %d", stderr, exit)
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	for _, c := range []struct {
		name, script, out, err string
		args                   []string
		exit                   int
	}{
		{"comments and blanks", "# hello\n\n   \n  # more\ncreate /c 'a b'\nget /c\n", "Created /c\na b\n", "", nil, 0},
		{"no line break at the end", "ls /c", "[]\n", "", nil, 0},
		{"carriage returns", "get /c\r\nls /c\r\n", "a b\n[]\n", "", nil, 0},
		{"exit code of the last", "get /missing\nget /c\n", "a b\n", "Node does not exist: /missing\n", nil, 0},
		{"exit code of the last, failed", "get /c\nget /missing\n", "a b\n", "Node does not exist: /missing\n", nil, 1},
		{"quit keeps it", "get /missing\nquit\nget /c\n", "", "Node does not exist: /missing\n", nil, 1},
		{"-e", "get /missing\nget /c\n", "", "Node does not exist: /missing\nzkcli: -e: stopped at line 1\n", []string{"-e"}, 1},
		{"a byte order mark", "\ufeffls /c\n", "[]\n", "", nil, 0},
		{"a four-letter word", "ruok\n", "imok\n", "", nil, 0},
		{"an unknown command", "gett /c\n", "", "Command not found: gett (did you mean \"get\"? \"help\" lists all)\n", nil, 127},
		{"a wrong number goes on", "set -v x /c y\nget /c\n", "a b\n", "set: the version is not a number: \"x\"\n", nil, 0},
		{"node events are results", "get -w /c\nset /c new\n", "a b\n\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:/c zxid: N\n", "", nil, 0},
		{"an empty script", "", "", "", nil, 0},
	} {
		stdout, stderr, exit := run(t, c.script, append(c.args, "-server", addr)...)
		stdout = zxidOfEvent.ReplaceAllString(stdout, "zxid: N")
		stderr = sessionClosed.ReplaceAllString(stderr, "")
		if stdout != c.out || stderr != c.err || exit != c.exit {
			t.Errorf("%s: got %q, %q, exit %d; want %q, %q, exit %d", c.name, stdout, stderr, exit, c.out, c.err, c.exit)
		}
	}
	file := filepath.Join(t.TempDir(), "script")
	write(t, file, "get /c\nget /missing")
	if stdout, _, exit := run(t, "ls /\n", "-server", addr, "-f", file); stdout != "new\n" || exit != 1 {
		t.Errorf("-f: %q, exit %d", stdout, exit)
	}
}

func TestOneLinerClosesItsSession(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	if stdout, stderr, exit := run(t, "", "-server", addr, "create", "-e", "/e", "x"); stdout != "Created /e\n" || stderr != "" || exit != 0 {
		t.Fatalf("%q, %q, exit %d", stdout, stderr, exit)
	}
	if _, stderr, exit := run(t, "", "-server", addr, "get", "/e"); exit != 1 || stderr != "Node does not exist: /e\n" {
		t.Errorf("%q, exit %d", stderr, exit)
	}
}

// Data that tries to do something to a terminal, leaves a pipe byte by byte
// and reaches a terminal spelled out.
func TestHostileData(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	data := "\x1b]0;owned\x07\x1b[2J\x9b31m\xff\x00\r\nline\ttab ✓"
	if _, stderr, exit := run(t, "", "-server", addr, "create", "/h", data); exit != 0 {
		t.Fatalf("create: %q", stderr)
	}
	if stdout, _, _ := run(t, "", "-server", addr, "get", "/h"); stdout != data+"\n" {
		t.Errorf("pipe: %q", stdout)
	}
	name := "/sp ace\u202e世界"
	if stdout, stderr, exit := run(t, "", "-server", addr, "create", name, ""); stdout != "Created "+name+"\n" || exit != 0 {
		t.Fatalf("create: %q, %q", stdout, stderr)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"get", "-f", "text", "/h"}, `\x1b]0;owned\x07\x1b[2J\x9b31m\xff\x00\x0d` + "\nline\ttab ✓\n"},
		{[]string{"ls", "/"}, `[h, sp ace\u202e世界, zookeeper]` + "\n"},
		{[]string{"ls", "-R", name}, `/sp ace\u202e世界` + "\n"},
		{[]string{"create", name, "x"}, `Node already exists: /sp ace\u202e世界` + "\n" +
			`"set "/sp ace\u202e世界" DATA" replaces its data; create -s puts a number behind the name` + "\n"},
		{[]string{"get", "/x\x1b[31m"}, `Invalid path string "/x\x1b[31m" caused by invalid character @2` + "\n"},
		{[]string{"\x1b[31mboo"}, `Command not found: \x1b[31mboo ("help" lists what there is)` + "\n"},
		{[]string{"setAcl", "/h", "world:anyone:\x1b"}, `Unknown perm type: \x1b; nothing was changed (an ACL is scheme:id:perms[,…] with the permissions c d r w a)` + "\n"},
	} {
		if got := onTerminal(t, addr, c.args...); got != c.want {
			t.Errorf("%q: got %q, want %q", c.args, got, c.want)
		}
	}
	if got := onTerminal(t, addr, "getAcl", "/h"); !strings.Contains(got, "anyone") || !strings.Contains(got, "permissions") {
		t.Errorf("getAcl on a terminal is a table: %q", got)
	}
}

func TestColourOnTerminals(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	for _, c := range []struct {
		terminal bool
		noColor  string
		option   string
		want     bool
	}{
		{true, "", "auto", true}, {true, "1", "auto", false}, {false, "", "auto", false}, {false, "", "always", true}, {true, "", "never", false}, {true, "1", "always", true},
	} {
		var out bytes.Buffer
		env := Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: io.Discard, StdoutTerminal: c.terminal, Getenv: func(k string) string {
			if k == "NO_COLOR" {
				return c.noColor
			}
			return ""
		}}
		Main(context.Background(), env, []string{"-server", addr, "-color", c.option, "stat", "/"})
		if got := strings.Contains(out.String(), "\x1b["); got != c.want {
			t.Errorf("%+v: %q", c, out.String())
		}
	}
}

// A session is lost in the middle of a script, with its server.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	r, w := io.Pipe()
	var out, errs lockedBuffer
	done := make(chan int)
	go func() {
		done <- Main(context.Background(), Env{Stdin: r, Stdout: &out, Stderr: &errs, Getenv: noEnvironment},
			[]string{"-server", srv.Addr(), "-connect-timeout", "1000"})
	}()
	io.WriteString(w, "create /a x\n")
	eventually(t, func() bool { return strings.Contains(out.String(), "Created /a") })
	srv.Stop()
	io.WriteString(w, "set /a y\nversion\n")
	w.Close()
	if exit := <-done; exit != 0 {
		t.Errorf("the script went on and ended with %d", exit)
	}
	if text := errs.String(); !strings.HasPrefix(text, "KeeperErrorCode = ConnectionLoss for /a: ") || strings.Count(text, "\n") != 1 {
		t.Errorf("stderr: %q", text)
	}
}

func TestStdoutThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	var errs bytes.Buffer
	exit := Main(context.Background(), Env{Stdin: strings.NewReader(""), Stdout: failingWriter{}, Stderr: &errs, Getenv: noEnvironment},
		[]string{"-server", addr, "ls", "/"})
	if exit != command.ExitFailed || errs.String() != "stdout: disk full\n" {
		t.Errorf("exit %d, %q", exit, errs.String())
	}
}

func TestInterruptedContext(t *testing.T) {
	t.Parallel()
	l := silentServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		conn, err := l.Accept() // the client is connected and waits for a session
		if err == nil {
			defer conn.Close()
			cancel()
			io.Copy(io.Discard, conn)
		}
	}()
	var errs bytes.Buffer
	exit := Main(ctx, Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &errs, Getenv: noEnvironment},
		[]string{"-server", l.Addr().String(), "-connect-timeout", "60000", "create", "/a"})
	if exit == 0 || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("exit %d, %q", exit, errs.String())
	}
}

func TestReadLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100<<10)
	lines, failed := readLines(t.Context(), io.MultiReader(strings.NewReader("a\n\nb\r\n"), strings.NewReader(long), strings.NewReader("\nend")))
	var got []string
	for text := range lines {
		got = append(got, text)
	}
	if want := []string{"a", "", "b", long, "end"}; !slices.Equal(got, want) || *failed != nil {
		t.Errorf("%d lines, %v", len(got), *failed)
	}
	lines, failed = readLines(t.Context(), io.LimitReader(zeros{}, maxLine+maxLine/2))
	if text, ok := <-lines; ok || *failed == nil {
		t.Errorf("a line without end: %d bytes, %v", len(text), *failed)
	}
}

func TestCompletionTable(t *testing.T) {
	t.Parallel()
	own, _ := command.CompatFor("")
	for _, c := range completionTable(own) {
		if c.Summary == "" {
			t.Errorf("%s has no summary", c.Name)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l := silentServer(t)
	l.Close()
	return l.Addr().String()
}

func silentServer(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// onTerminal is both streams of a command whose stdout and stderr are one
// terminal without colour.
func onTerminal(t *testing.T, addr string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	Main(context.Background(), Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, StdoutTerminal: true, StderrTerminal: true,
		Getenv: func(k string) string { return map[string]string{"NO_COLOR": "1", "ZKCLI_JOURNAL": "off"}[k] }, Location: time.UTC,
	}, append([]string{"-server", addr}, args...))
	return out.String()
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
