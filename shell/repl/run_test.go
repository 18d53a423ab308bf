//go:build linux || darwin

package repl

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The terminal is exactly as it was after every way out.
func TestWaysOut(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		out  func(c *console)
		code int
	}{
		{"quit", func(c *console) { c.Send("quit\r") }, 0},
		{"ctrl-d", func(c *console) { c.Send("\x04") }, 0},
		{"os.Exit in a command", func(c *console) { c.Send("exit3\r") }, 3},
		{"panic in a command", func(c *console) { c.Send("panic\r") }, 70},
		{"SIGTERM at the prompt", func(c *console) { c.Send("half"); c.Ends("half"); c.Signal(syscall.SIGTERM) }, 143},
		{"SIGHUP at the prompt", func(c *console) { c.Signal(syscall.SIGHUP) }, 129},
		{"SIGINT at the prompt", func(c *console) { c.Signal(syscall.SIGINT) }, 130},
		{"SIGQUIT at the prompt", func(c *console) { c.Signal(syscall.SIGQUIT) }, 131},
		{"SIGTERM in a command", func(c *console) {
			c.Send("wait\r")
			c.Has("waiting")
			c.Signal(syscall.SIGTERM)
			c.Has("stopped: ended by signal: terminated")
		}, 143},
		{"SIGTERM in the search", func(c *console) { c.Send("\x12x"); c.Has("reverse-i-search"); c.Signal(syscall.SIGTERM) }, 143},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, 60, 12)
			c.prompt()
			if way.code != 130 { // a SIGINT right behind a command counts as meant for it
				c.Send("say hello\r")
				c.Rows("mzk> say hello", "said <hello>", "mzk>")
			}
			way.out(c)
			if way.code != 3 {
				c.Has("run returned:")
			}
			c.Exits(way.code)
		})
	}
}

// A command has the terminal in its normal mode: what it asks is echoed and edited, and a key can interrupt it.
func TestCommandHasNormalTerminal(t *testing.T) {
	t.Parallel()
	c := start(t, 70, 12)
	c.prompt()
	c.Send("modes\r")
	c.Rows("modes echo=true icanon=true isig=true icrnl=true", "mzk>")
	c.Send("ask\r")
	c.Ends("sure?")
	c.Send("y\r")
	c.Rows("sure? y", `answer "y" <nil>`, "mzk>")
	c.Send("ask\r")
	c.Ends("sure?")
	c.Send("yy")
	c.Ends("yy")
	c.Send("\x03")
	c.Rows("sure? yy^C", `answer "" interrupted`, "mzk>")
	c.Send("ask\r")
	c.Ends("sure?")
	c.Send("\x04")
	c.Rows(`sure? answer "" EOF`, "mzk>")
	c.Send("part\r")
	c.Rows("mzk> part", "no newline", "mzk>")
	c.Send("\x04")
	c.Exits(0)
}

// Ctrl-C ends the command and not the shell, a second and a third time too.
func TestInterruptCommand(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 30)
	c.prompt()
	for range 3 {
		c.Send("wait\r")
		c.Sees("waiting\r\n")
		c.Send("\x03")
		c.Rows("^C", "stopped: interrupted", "mzk>")
	}
	c.Send("deaf\r")
	c.Sees("deaf\r\n")
	c.Send("\x03")
	c.Sees("once: interrupted\r\n")
	c.Send("\x03")
	c.Ends("^C")
	c.Send("x\r")
	c.Rows("deaf ends", "mzk>")
	c.Send("wait\r\x03") // Ctrl-C right behind Enter is meant for the command too
	c.Sees("stopped: interrupted")
	c.prompt()
	c.Send("quit\r")
	c.Exits(0)
}

// Ctrl-C at the prompt clears the line and says how to leave.
func TestInterruptLine(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 12)
	c.prompt()
	c.Send("say nev")
	c.Ends("say nev")
	c.Send("\x03")
	c.Rows("mzk> say nev", strings.TrimSpace(interruptHint), "mzk>")
	c.Send("say now\r")
	c.Rows("mzk> say now", "said <now>", "mzk>")
	c.Send("quit\r")
	c.Exits(0)
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
			c.Send(paste)
			if name == "bracketed late" {
				c.Send("\x1b[201~")
			}
			c.Has("sure?")
			c.Send("yes\r")
			c.Rows(`answer "yes" <nil>`, "mzk> say two", "said <two>", "mzk> say thr")
			c.Has("said <one>")
			c.Send("ee\r")
			c.Rows("said <three>", "mzk>")
			c.Send("quit\r")
			c.Exits(0)
		})
	}
}

// A thousand pasted lines are run in order, none is lost, and Ctrl-C stops the rest.
func TestLongPasteRuns(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 20)
	c.prompt()
	var paste, want strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&paste, "say %d\r", i)
		fmt.Fprintf(&want, "said <%d>\r\n", i)
	}
	c.Send(pasteStart + paste.String() + "\r \r" + pasteEnd)
	c.Sees("said <999>")
	c.prompt()
	var got strings.Builder
	for line := range strings.Lines(c.Written()) {
		if line = strings.TrimPrefix(line, bracketedPasteOff); strings.HasPrefix(line, "said") {
			got.WriteString(line)
		}
	}
	if got.String() != want.String() {
		t.Errorf("the lines were run as %.1000q", got.String())
	}
	c.Send("\x1b[A\x1b[A")
	c.Ends("mzk> say 998")
	c.Send("\x15" + pasteStart + "wait\r" + paste.String() + pasteEnd)
	c.Sees("waiting\r\n")
	c.Send("\x03")
	c.Rows("^C", "stopped: interrupted", "mzk>")
	c.Send("quit\r")
	c.Exits(0)
}

// What is typed while a command runs is there when the prompt comes back; after Ctrl-C it is not.
func TestTypeAhead(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 30)
	c.prompt()
	c.Send("ask\r")
	c.Ends("sure?")
	c.Send("no\rsay ahead\rsay mo")
	c.Rows("said <ahead>", "mzk> say mo")
	c.Send("re\r")
	c.Rows("said <more>", "mzk>")
	c.Send("\x1b[200~wait\rsay dangerous\r\x1b[201~")
	c.Sees("waiting\r\n")
	c.Send("\x03")
	c.Rows("^C", "stopped: interrupted", "mzk>")
	c.Send("quit\r")
	c.Exits(0)
	if strings.Contains(c.Written(), "dangerous") {
		t.Errorf("what followed the interrupted command in the paste was run: %q", c.Written())
	}
}

// A character whose bytes come one by one is one character, and takes its place on the screen.
func TestUTF8(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 12)
	c.prompt()
	for _, b := range []byte("say 日本é") {
		c.Send(string([]byte{b}))
	}
	c.Ends("say 日本é")
	c.Send("\x1b[D\x1b[D\x7fx\r") // left of 本: 日 goes
	c.Rows("mzk> say x本é", "said <x本é>", "mzk>")
	long := strings.Repeat("ü", 3000)
	c.Send("say " + long)
	c.Await("the long line", func(s, _ string) bool { return strings.Count(s, "ü") >= 600 })
	c.Send("\x15say cut \xe6\r") // a broken character is shown as such
	c.Rows("said <cut \uFFFD>", "mzk>")
	c.Send("quit\r")
	c.Exits(0)
}

// An event that arrives while somebody types is printed above the prompt; the line stays, with its cursor, and can
// be typed on. Long lines and the drop-down come back as they were.
func TestPrintWhileTyping(t *testing.T) {
	t.Parallel()
	c := start(t, 40, 24)
	c.prompt()
	c.Send("say half")
	c.Ends("say half")
	fmt.Fprintln(c.async, "WATCHER one")
	c.Rows("WATCHER one", "mzk> say half")
	c.Send("\x1b[D\x1b[D")
	fmt.Fprintln(c.async, "WATCHER two")
	c.Rows("WATCHER one", "pending WATCHER two", "mzk> say half")
	c.Send("--")
	c.Ends("say ha--lf")
	c.Send("\x05 " + strings.Repeat("0123456789", 5))
	c.Rows("mzk> say ha--lf 012345678901234567890123", "45678901234567890123456789")
	fmt.Fprintln(c.async, "WATCHER three")
	c.Rows("WATCHER one", "pending WATCHER two", "pending WATCHER three",
		"mzk> say ha--lf 012345678901234567890123", "45678901234567890123456789")
	c.Send("\x15say /")
	c.Rows("mzk> say /", "           alpha", "           b c")
	fmt.Fprintln(c.async, "WATCHER four")
	c.Rows("pending WATCHER four", "mzk> say /", "           alpha", "           b c")
	c.Send("x\r")
	c.Rows("mzk> say /x", "pending said </x>", "mzk>")
	fmt.Fprintln(c.async, "WATCHER five")
	c.Rows("WATCHER five", "mzk>")
	c.Send("wait\r")
	c.Has("waiting")
	fmt.Fprintln(c.async, "WATCHER six")
	c.Has("WATCHER six")
	c.Send("\x03")
	c.prompt()
	c.Send("quit\r")
	c.Exits(0)
}

// The line is drawn anew for another width.
func TestResize(t *testing.T) {
	t.Parallel()
	c := start(t, 40, 12)
	c.prompt()
	line := "say " + strings.Repeat("0123456789", 5)
	c.Send(line)
	c.Has("45678901234567890123456789")
	c.Resize(70, 20)
	c.Ends("mzk> " + line)
	c.Send("!\r")
	c.Rows("mzk> "+line+"!", "said <"+line[4:]+"!>", "mzk>")
	c.Resize(3, 1)
	c.Send("say small\r")
	c.Sees("said <small>")
	c.Resize(60, 10)
	c.Send("say big\r")
	c.Rows("said <big>", "mzk>")
	c.Send("quit\r")
	c.Exits(0)
}

// A terminal that was stopped and continued may have lost our modes.
func TestContinueAfterStop(t *testing.T) {
	t.Parallel()
	c := start(t, 40, 12)
	c.prompt()
	c.Send("say a")
	c.Ends("say a")
	c.ResetModes() // as the shell does that had the terminal meanwhile
	c.Signal(syscall.SIGCONT)
	for deadline := time.Now().Add(10 * time.Second); !c.Raw(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the terminal's modes are not taken back")
		}
	}
	c.Send("b\r")
	c.Rows("said <ab>", "mzk>")
	c.Send("quit\r")
	c.Exits(0)
}

// Lines come back in the next run: Up, Down, and Ctrl-R. Secrets do not.
func TestHistoryAcrossRuns(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", "history")
	c := start(t, 60, 20, "REPL_HISTORY="+file)
	c.prompt()
	for _, line := range []string{"say first", "addauth digest me:secret", "say second"} {
		c.Send(line + "\r")
		c.prompt()
	}
	c.Send("\x1b[A\x1b[A") // in this run the secret is still at hand
	c.Ends("mzk> addauth digest me:secret")
	c.Send("\x03")
	c.prompt()
	c.Send("quit\r")
	c.Exits(0)

	c = start(t, 60, 20, "REPL_HISTORY="+file)
	c.prompt()
	c.Send("\x1b[A\x1b[A")
	c.Ends("mzk> say second")
	c.Send("\x1b[A")
	c.Ends("mzk> say first")
	c.Send("\x1b[B")
	c.Ends("mzk> say second")
	c.Send("\r")
	c.Rows("said <second>", "mzk>")

	c.Send("typed\x12fir")
	c.Ends("(reverse-i-search)`fir': say first")
	c.Send("zz")
	c.Ends("(failed reverse-i-search)`firzz': say first")
	c.Send("\x7f\x7f")
	c.Ends("(reverse-i-search)`fir': say first")
	c.Send("\x07")
	c.Ends("mzk> typed")
	c.Send("\x15\x12say\x12\x12")
	c.Ends("(reverse-i-search)`say': say first")
	c.Send("\x01say \x05!\r") // Ctrl-A leaves the search and edits what was found
	c.Rows("mzk> say say first!", "said <say first!>", "mzk>")
	c.Send("\x12fir\r")
	c.Rows("said <say first!>", "mzk>")
	c.Send("quit\r")
	c.Exits(0)

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
	c.Send("s")
	c.Has("prints")
	c.Send("\t")
	c.Has("mzk> say\n")
	c.Send(" /")
	c.Has("mzk> say /\n")
	c.Has("alpha")
	c.Send("\t")
	c.Has("mzk> say /alpha\n")
	c.Send("/")
	c.Has("mzk> say /alpha/\n")
	c.Send("\t\t")
	c.Has("mzk> say /alpha/b c\n")
	fmt.Fprintln(c.async, "!refresh") // does not disturb the choice
	c.Send("/")
	c.Has(`mzk> say "/alpha/b c/`)
	c.Send("x\r")
	c.Rows(`said <"/alpha/b c/x>`, "mzk>")
	c.Send("say /\t\t") // a blank behind it ends the argument, and closes the quotation mark
	c.Has("mzk> say /b c\n")
	c.Send(" -s\r")
	c.Rows(`said <"/b c" -s>`, "mzk>")
	c.Send("\t") // on an empty line Tab shows what there is, and nothing is chosen
	c.Has("prints")
	c.Send("quit\r")
	c.Exits(0)
}

// A Tab that comes before the suggestions chooses when they come.
func TestCompletionComesLate(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 20)
	c.prompt()
	c.Send("say /late/\t")
	c.Has("mzk> say /late/")
	fmt.Fprintln(c.async, "!refresh")
	c.Has("mzk> say /late/alpha\n")
	c.Send("\r")
	c.Rows("said </late/alpha>", "mzk>")
	c.Send("quit\r")
	c.Exits(0)
}

// Keys without meaning leave no trace in the line.
func TestStrangeKeys(t *testing.T) {
	t.Parallel()
	c := start(t, 60, 20)
	c.prompt()
	c.Send("say \x1b[15~\x1bOP\x1b[1;2A\x00\x1c\x1d\x1bz\x1b[[A\x1b[999;999X\x1a")
	c.Send("okx\x02\x04\x01\x1bf\x1bf!\r") // Ctrl-D deletes, and words are jumped over
	c.Rows("said <ok!>", "mzk>")
	c.Send("say a b c\x1b\x7f\x1b\x7fz\x17y\x0c")
	c.Await("a cleared screen", func(s, _ string) bool { return s == "mzk> say a y" })
	c.Send("\x02\x0b\r")
	c.Rows("said <a >", "mzk>")
	c.Send("quit\r")
	c.Exits(0)
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
			c.Send("say hello\r")
			c.Rows("mzk> say hello", "said <hello>", "mzk>")
			c.Send("wait\r")
			c.Sees("waiting\r\n")
			c.Send("\x03")
			c.Rows("^C", "stopped: interrupted", "mzk>")
			if strings.Contains(c.Written(), "\x1b") {
				t.Errorf("escape sequences: %q", c.Written())
			}
			c.Send("quit\r")
			c.Exits(0)
		})
	}
}
