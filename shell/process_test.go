//go:build unix

package shell

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"zookit/server/zktest"
	"zookit/shell/command"
)

// TestMain makes the test binary zkcli when it is asked to, for what needs a
// process: signals, pipes and terminals.
func TestMain(m *testing.M) {
	if os.Getenv("ZKCLI_TEST_MAIN") != "" {
		os.Exit(Main(context.Background(), Env{
			Program: "zkcli", Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			StdinTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
			StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
			StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
			Version:        "test", CompletionPatience: 10 * time.Second,
		}, os.Args[1:]))
	}
	// What runs in this process keeps its changes to itself.
	os.Setenv("ZKCLI_JOURNAL", "off")
	os.Exit(m.Run())
}

func zkcli(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "ZKCLI_TEST_MAIN=1", "TERM=xterm-256color", "NO_COLOR=1", "GORACE=atexit_sleep_ms=0",
		"ZKCLI_HISTORY="+filepath.Join(t.TempDir(), "history"), "XDG_STATE_HOME="+t.TempDir(), "ZKCLI_COMPAT=")
	return cmd
}

// A script that is interrupted ends with 130 or 143 and leaves no ephemerals.
func TestSignalsEndAScript(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		cmd := zkcli(t, "-server", addr)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out lockedBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(stdin, "create -e /e x\n")
		eventually(t, func() bool { return strings.Contains(out.String(), "Created /e") })
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%v: exit %d, want %d: %s", sig, got, want, out.String())
		}
		if _, _, exit := run(t, "", "-server", addr, "get", "/e"); exit != command.ExitFailed {
			t.Errorf("%v: the session was not closed", sig)
		}
		stdin.Close()
	}
}

// Whoever reads stdout has had enough: the rest of the script is not run, and
// the session is closed.
func TestPipeThatIsClosed(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	cmd := zkcli(t, "-server", addr)
	cmd.Stdin = strings.NewReader("create -e /e x\nls /\nls /\ncreate /late x\n")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &errs
	r.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != command.ExitFailed || errs.Len() != 0 {
		t.Errorf("exit %d, %q", got, errs.String())
	}
	for _, path := range []string{"/e", "/late"} {
		if _, _, exit := run(t, "", "-server", addr, "get", path); exit != command.ExitFailed {
			t.Errorf("%s is there", path)
		}
	}
}

// ttyRun is zkcli on a terminal.
type ttyRun struct {
	t   *testing.T
	tty *os.File
	out lockedBuffer
	cmd *exec.Cmd
}

func openConsole(t *testing.T, args ...string) *ttyRun {
	t.Helper()
	c := &ttyRun{t: t, cmd: zkcli(t, args...)}
	tty, err := pty.StartWithSize(c.cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	c.tty = tty
	go io.Copy(&c.out, tty)
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); tty.Close() })
	return c
}

// typed sends a line as a person would, the Enter by itself.
func (c *ttyRun) typed(line string) {
	io.WriteString(c.tty, line)
	time.Sleep(30 * time.Millisecond)
	io.WriteString(c.tty, "\r")
}

var escapes = regexp.MustCompile("\x1b(\\[[0-9;?]*[A-Za-z]|\\][^\x07]*\x07|[A-Z])")

// sees waits for text behind what was seen before the call.
func (c *ttyRun) sees(want string) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if strings.Contains(escapes.ReplaceAllString(c.out.String(), ""), want) {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%q was not printed; the screen got\n%q", want, c.out.String())
		}
	}
}

func TestPrompt(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	c := openConsole(t, "-server", addr)
	c.sees("[zk: " + addr + "(CONNECTED) 0] ")
	c.typed("create -e /e 'x y'")
	c.sees("Created /e")
	c.sees("(CONNECTED) 1] ")
	c.typed("get -w /e")
	c.sees("x y")
	c.sees("(CONNECTED) 2] ")
	// An event is printed while nobody asks for it.
	if _, stderr, exit := run(t, "", "-server", addr, "set", "/e", "other"); exit != 0 {
		t.Fatal(stderr)
	}
	c.sees("WatchedEvent state:SyncConnected type:NodeDataChanged path:/e")
	c.typed("get /missing")
	c.sees("Node does not exist: /missing")
	// What goes is said first.
	for _, path := range []string{"/t", "/t/a"} {
		if _, stderr, exit := run(t, "", "-server", addr, "create", path); exit != 0 {
			t.Fatal(stderr)
		}
	}
	c.typed("deleteall /t")
	c.sees("deleting /t and 1 znode below it")
	c.sees("(CONNECTED) 4] ")
	c.typed("get /missing")
	c.sees("(CONNECTED) 5] ")
	c.typed("quit")
	c.sees(" closed")
	_ = c.cmd.Wait()
	if got := c.cmd.ProcessState.ExitCode(); got != command.ExitOK {
		t.Errorf("exit %d after leaving the prompt: what failed was read", got)
	}
	if _, _, exit := run(t, "", "-server", addr, "get", "/e"); exit != command.ExitFailed {
		t.Error("the session was not closed")
	}
}

func TestPromptAsksBeforeMuchGoes(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	script := "create /t x\n"
	for range 101 {
		script += "create -s /t/n- x\n"
	}
	if _, stderr, exit := run(t, script, "-server", addr); exit != 0 {
		t.Fatal(stderr)
	}
	c := openConsole(t, "-server", addr)
	c.sees("(CONNECTED) 0] ")
	c.typed("deleteall /t")
	c.sees("Delete /t and 101 znodes below it? [y/N] ")
	c.typed("n")
	c.sees("deleteall: nothing was deleted")
	c.sees("(CONNECTED) 1] ")
	c.typed("deleteall /t")
	eventually(t, func() bool { return strings.Count(c.out.String(), "[y/N]") == 2 })
	c.typed("y")
	c.sees("(CONNECTED) 2] ")
	if _, _, exit := run(t, "", "-server", addr, "get", "/t"); exit != command.ExitFailed {
		t.Error("/t is still there")
	}
	c.typed("exit")
	_ = c.cmd.Wait()
	if got := c.cmd.ProcessState.ExitCode(); got != 0 {
		t.Errorf("exit %d", got)
	}
}

// Without a server there is a prompt all the same.
func TestPromptWithoutAServer(t *testing.T) {
	t.Parallel()
	c := openConsole(t, "-server", closedPort(t), "-connect-timeout", "300")
	c.sees("(CONNECTING) 0] ")
	c.typed("ls /")
	c.sees("nothing was sent")
	c.sees("(CONNECTING) 1] ")
	io.WriteString(c.tty, "\x04")
	_ = c.cmd.Wait()
	if got := c.cmd.ProcessState.ExitCode(); got != command.ExitOK {
		t.Errorf("exit %d", got)
	}
}
