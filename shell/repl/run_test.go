//go:build linux || darwin

package repl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The terminal is exactly as it was after every way out.
func TestWaysOut(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		out  func(c *console)
		code int
	}{
		{"quit", func(c *console) { c.send("quit\r") }, 0},
		{"ctrl-d", func(c *console) { c.send("\x04") }, 0},
		{"os.Exit in a command", func(c *console) { c.send("exit3\r") }, 3},
		{"panic in a command", func(c *console) { c.send("panic\r") }, 70},
		{"SIGTERM at the prompt", func(c *console) { c.send("half"); c.ends("half"); c.signal(syscall.SIGTERM) }, 143},
		{"SIGHUP at the prompt", func(c *console) { c.signal(syscall.SIGHUP) }, 129},
		{"SIGINT at the prompt", func(c *console) { c.signal(syscall.SIGINT) }, 130},
		{"SIGQUIT at the prompt", func(c *console) { c.signal(syscall.SIGQUIT) }, 131},
		{"SIGTERM in a command", func(c *console) {
			c.send("wait\r")
			c.has("waiting")
			c.signal(syscall.SIGTERM)
			c.has("stopped: ended by signal: terminated")
		}, 143},
		{"SIGTERM in the search", func(c *console) { c.send("\x12x"); c.has("reverse-i-search"); c.signal(syscall.SIGTERM) }, 143},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, 60, 12)
			c.prompt()
			if way.code != 130 { // a SIGINT right behind a command counts as meant for it
				c.send("say hello\r")
				c.rows("mzk> say hello", "said <hello>", "mzk>")
			}
			way.out(c)
			if way.code != 3 {
				c.has("run returned:")
			}
			c.exits(way.code)
		})
	}
}

// A command has the terminal in its normal mode: what it asks is echoed and edited, and a key can interrupt it.
func TestCommandHasNormalTerminal(t *testing.T) {
	t.Parallel()
	c := start(t, 70, 12)
	c.prompt()
	c.send("modes\r")
	c.rows("modes echo=true icanon=true isig=true icrnl=true", "mzk>")
	c.send("ask\r")
	c.ends("sure?")
	c.send("y\r")
	c.rows("sure? y", `answer "y" <nil>`, "mzk>")
	c.send("ask\r")
	c.ends("sure?")
	c.send("yy")
	c.ends("yy")
	c.send("\x03")
	c.rows("sure? yy^C", `answer "" interrupted`, "mzk>")
	c.send("ask\r")
	c.ends("sure?")
	c.send("\x04")
	c.rows(`sure? answer "" EOF`, "mzk>")
	c.send("part\r")
	c.rows("mzk> part", "no newline", "mzk>")
	c.send("\x04")
	c.exits(0)
}

// Ctrl-C ends the command and not the shell, a second and a third time too.
func TestInterruptCommand(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 30)
	c.prompt()
	for range 3 {
		c.send("wait\r")
		c.sees("waiting\r\n")
		c.send("\x03")
		c.rows("^C", "stopped: interrupted", "mzk>")
	}
	c.send("deaf\r")
	c.sees("deaf\r\n")
	c.send("\x03")
	c.sees("once: interrupted\r\n")
	c.send("\x03")
	c.ends("^C")
	c.send("x\r")
	c.rows("deaf ends", "mzk>")
	c.send("wait\r\x03") // Ctrl-C right behind Enter is meant for the command too
	c.sees("stopped: interrupted")
	c.prompt()
	c.send("quit\r")
	c.exits(0)
}

// Ctrl-C at the prompt clears the line and says how to leave.
func TestInterruptLine(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 12)
	c.prompt()
	c.send("say nev")
	c.ends("say nev")
	c.send("\x03")
	c.rows("mzk> say nev", strings.TrimSpace(interruptHint), "mzk>")
	c.send("say now\r")
	c.rows("mzk> say now", "said <now>", "mzk>")
	c.send("quit\r")
	c.exits(0)
}

// Several lines at once run one by one, whether the terminal brackets the paste or not; the unfinished rest stays
// on the line, and a command does not get to read what follows it in the paste.
func TestPaste(t *testing.T) {
	t.Parallel()
	for name, paste := range map[string]string{
		"bracketed":      "\x1b[200~say one\r\nask\rsay\ttwo\x07\nsay thr\x1b[201~",
		"bracketed late": "\x1b[200~say one\nask\nsay two\nsay thr",
		"plain":          "say one\rask\rsay two\rsay thr",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, 60, 20)
			c.prompt()
			c.send(paste)
			if name == "bracketed late" {
				c.send("\x1b[201~")
			}
			c.has("sure?")
			c.send("yes\r")
			c.rows(`answer "yes" <nil>`, "mzk> say two", "said <two>", "mzk> say thr")
			c.has("said <one>")
			c.send("ee\r")
			c.rows("said <three>", "mzk>")
			c.send("quit\r")
			c.exits(0)
		})
	}
}

// What is typed while a command runs is there when the prompt comes back; after Ctrl-C it is not.
func TestTypeAhead(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 30)
	c.prompt()
	c.send("ask\r")
	c.ends("sure?")
	c.send("no\rsay ahead\rsay mo")
	c.rows("said <ahead>", "mzk> say mo")
	c.send("re\r")
	c.rows("said <more>", "mzk>")
	c.send("\x1b[200~wait\rsay dangerous\r\x1b[201~")
	c.sees("waiting\r\n")
	c.send("\x03")
	c.rows("^C", "stopped: interrupted", "mzk>")
	c.send("quit\r")
	c.exits(0)
	if strings.Contains(c.raw.String(), "dangerous") {
		t.Errorf("what followed the interrupted command in the paste was run: %q", c.raw.String())
	}
}

// A character whose bytes come one by one is one character, and takes its place on the screen.
func TestUTF8(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 12)
	c.prompt()
	for _, b := range []byte("say 日本é") {
		c.send(string([]byte{b}))
	}
	c.ends("say 日本é")
	c.send("\x1b[D\x1b[D\x7fx\r") // left of 本: 日 goes
	c.rows("mzk> say x本é", "said <x本é>", "mzk>")
	long := strings.Repeat("ü", 3000)
	c.send("say " + long)
	c.await("the long line", func(s string) bool { return strings.Count(s, "ü") >= 600 })
	c.send("\x15say cut \xe6\r") // a broken character is shown as such
	c.rows("said <cut \uFFFD>", "mzk>")
	c.send("quit\r")
	c.exits(0)
}

// An event that arrives while somebody types is printed above the prompt; the line stays, with its cursor, and can
// be typed on. Long lines and the drop-down come back as they were.
func TestPrintWhileTyping(t *testing.T) {
	t.Parallel()
	c := start(t, 40, 24)
	c.prompt()
	c.send("say half")
	c.ends("say half")
	fmt.Fprintln(c.async, "WATCHER one")
	c.rows("WATCHER one", "mzk> say half")
	c.send("\x1b[D\x1b[D")
	fmt.Fprintln(c.async, "WATCHER two")
	c.rows("WATCHER one", "pending WATCHER two", "mzk> say half")
	c.send("--")
	c.ends("say ha--lf")
	c.send("\x05 " + strings.Repeat("0123456789", 5))
	c.rows("mzk> say ha--lf 012345678901234567890123", "45678901234567890123456789")
	fmt.Fprintln(c.async, "WATCHER three")
	c.rows("WATCHER one", "pending WATCHER two", "pending WATCHER three",
		"mzk> say ha--lf 012345678901234567890123", "45678901234567890123456789")
	c.send("\x15say /")
	c.rows("mzk> say /", "           alpha", "           b c")
	fmt.Fprintln(c.async, "WATCHER four")
	c.rows("pending WATCHER four", "mzk> say /", "           alpha", "           b c")
	c.send("x\r")
	c.rows("mzk> say /x", "pending said </x>", "mzk>")
	fmt.Fprintln(c.async, "WATCHER five")
	c.rows("WATCHER five", "mzk>")
	c.send("wait\r")
	c.has("waiting")
	fmt.Fprintln(c.async, "WATCHER six")
	c.has("WATCHER six")
	c.send("\x03")
	c.prompt()
	c.send("quit\r")
	c.exits(0)
}

// The line is drawn anew for another width.
func TestResize(t *testing.T) {
	t.Parallel()
	c := start(t, 40, 12)
	c.prompt()
	line := "say " + strings.Repeat("0123456789", 5)
	c.send(line)
	c.has("45678901234567890123456789")
	c.resize(70, 20)
	c.ends("mzk> " + line)
	c.send("!\r")
	c.rows("mzk> "+line+"!", "said <"+line[4:]+"!>", "mzk>")
	c.resize(3, 1)
	c.send("say small\r")
	c.await("the command to run", func(string) bool { return strings.Contains(c.raw.String(), "said <small>") })
	c.resize(60, 10)
	c.send("say big\r")
	c.rows("said <big>", "mzk>")
	c.send("quit\r")
	c.exits(0)
}

// A terminal that was stopped and continued may have lost our modes.
func TestContinueAfterStop(t *testing.T) {
	t.Parallel()
	c := start(t, 40, 12)
	c.prompt()
	c.send("say a")
	c.ends("say a")
	normal := c.before // as the shell leaves it that had the terminal meanwhile
	if err := unix.IoctlSetTermios(int(c.slave.Fd()), ioctlSetTermios, &normal); err != nil {
		t.Fatal(err)
	}
	c.signal(syscall.SIGCONT)
	c.await("raw mode", func(string) bool { return c.modes() != c.before })
	c.send("b\r")
	c.rows("said <ab>", "mzk>")
	c.send("quit\r")
	c.exits(0)
}

// Lines come back in the next run: Up, Down, and Ctrl-R. Secrets do not.
func TestHistoryAcrossRuns(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", "history")
	c := start(t, 60, 20, "REPL_HISTORY="+file)
	c.prompt()
	for _, line := range []string{"say first", "addauth digest me:secret", "say second"} {
		c.send(line + "\r")
		c.prompt()
	}
	c.send("\x1b[A\x1b[A") // in this run the secret is still at hand
	c.ends("mzk> addauth digest me:secret")
	c.send("\x03")
	c.prompt()
	c.send("quit\r")
	c.exits(0)

	c = start(t, 60, 20, "REPL_HISTORY="+file)
	c.prompt()
	c.send("\x1b[A\x1b[A")
	c.ends("mzk> say second")
	c.send("\x1b[A")
	c.ends("mzk> say first")
	c.send("\x1b[B")
	c.ends("mzk> say second")
	c.send("\r")
	c.rows("said <second>", "mzk>")

	c.send("typed\x12fir")
	c.ends("(reverse-i-search)`fir': say first")
	c.send("zz")
	c.ends("(failed reverse-i-search)`firzz': say first")
	c.send("\x7f\x7f")
	c.ends("(reverse-i-search)`fir': say first")
	c.send("\x07")
	c.ends("mzk> typed")
	c.send("\x15\x12say\x12\x12")
	c.ends("(reverse-i-search)`say': say first")
	c.send("\x01say \x05!\r") // Ctrl-A leaves the search and edits what was found
	c.rows("mzk> say say first!", "said <say first!>", "mzk>")
	c.send("\x12fir\r")
	c.rows("said <say first!>", "mzk>")
	c.send("quit\r")
	c.exits(0)

	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := "say first\nsay second\nquit\nsay second\nsay say first!\nsay say first!\nquit\n"
	if string(b) != want {
		t.Errorf("history is %q, want %q", b, want)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("history has mode %v", info.Mode())
	}
}

// Tab goes through the suggestions; one that needs a quote before the argument gets it when it is accepted.
func TestCompletion(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 20)
	c.prompt()
	c.send("s")
	c.has("prints")
	c.send("\t")
	c.has("mzk> say\n")
	c.send(" /")
	c.has("mzk> say /\n")
	c.has("alpha")
	c.send("\t")
	c.has("mzk> say /alpha\n")
	c.send("/")
	c.has("mzk> say /alpha/\n")
	c.send("\t\t")
	c.has("mzk> say /alpha/b c\n")
	fmt.Fprintln(c.async, "!refresh") // does not disturb the choice
	c.send("/")
	c.has(`mzk> say "/alpha/b c/`)
	c.send("x\r")
	c.rows(`said <"/alpha/b c/x>`, "mzk>")
	c.send("say /\t\t") // a blank behind it ends the argument, and closes the quotation mark
	c.has("mzk> say /b c\n")
	c.send(" -s\r")
	c.rows(`said <"/b c" -s>`, "mzk>")
	c.send("\t") // on an empty line Tab shows what there is, and nothing is chosen
	c.has("prints")
	c.send("quit\r")
	c.exits(0)
}

// Keys without meaning leave no trace in the line.
func TestStrangeKeys(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 20)
	c.prompt()
	c.send("say \x1b[15~\x1bOP\x1b[1;2A\x00\x1c\x1d\x1bz\x1b[[A\x1b[999;999X\x1a")
	c.send("ok\x01\x1bf\x1bf!\r") // words are jumped over
	c.rows("said <ok!>", "mzk>")
	c.send("say a b c\x1b\x7f\x1b\x7fz\x17y\x0c")
	c.await("a cleared screen", func(s string) bool { return s == "mzk> say a y" })
	c.send("\x02\x0b\r")
	c.rows("said <a >", "mzk>")
	c.send("quit\r")
	c.exits(0)
}

// Where nothing can be drawn, lines are read plainly.
func TestPlainTerminals(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]struct {
		cols, rows int
		env        string
	}{
		"dumb":       {60, 12, "TERM=dumb"},
		"no columns": {0, 0, "TERM=xterm"},
		"narrow":     {5, 5, "TERM=xterm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, in.cols, in.rows, in.env)
			c.prompt()
			c.send("say hello\r")
			c.rows("mzk> say hello", "said <hello>", "mzk>")
			c.send("wait\r")
			c.sees("waiting\r\n")
			c.send("\x03")
			c.rows("^C", "stopped: interrupted", "mzk>")
			if strings.Contains(c.raw.String(), "\x1b") {
				t.Errorf("escape sequences: %q", c.raw.String())
			}
			c.send("quit\r")
			c.exits(0)
		})
	}
}
