//go:build linux || darwin

package repl

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"zookit/shell/complete"
)

// TestMain makes the test binary the program under test as well: started with REPL_CHILD it is a small shell.
func TestMain(m *testing.M) {
	if os.Getenv("REPL_CHILD") != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

// child is a shell whose commands do what the tests need. What is written to file 3 it prints at once, as a watch
// event would be; a line "!refresh" there refreshes the prompt instead.
func child() int {
	printer := NewPrinter(os.Stdout)
	if os.Getenv("REPL_ASYNC") != "" {
		go async(printer)
	}
	state := "mzk"
	err := Run(context.Background(), Options{
		Prompt:      func() string { return state + "> " },
		HistoryFile: os.Getenv("REPL_HISTORY"),
		Printer:     printer,
		Complete:    childComplete,
		Execute: func(ctx context.Context, line string) bool {
			word, rest, _ := strings.Cut(line, " ")
			switch word {
			case "say":
				fmt.Fprintf(printer, "said <%s>\n", rest)
			case "part":
				fmt.Fprint(printer, "no newline")
			case "wait":
				fmt.Fprintln(printer, "waiting")
				<-ctx.Done()
				fmt.Fprintln(printer, "stopped:", context.Cause(ctx))
			case "deaf":
				fmt.Fprintln(printer, "deaf")
				<-ctx.Done()
				fmt.Fprintln(printer, "once:", context.Cause(ctx))
				bufio.NewReader(os.Stdin).ReadString('\n') // a second Ctrl-C has no effect on it
				fmt.Fprintln(printer, "deaf ends")
			case "ask":
				fmt.Fprint(printer, "sure? ")
				answer, err := ReadAnswer(ctx, os.Stdin)
				fmt.Fprintf(printer, "answer %q %v\n", answer, err)
			case "modes":
				fmt.Fprintln(printer, "modes", modesOf(int(os.Stdin.Fd())))
			case "panic":
				panic("on purpose")
			case "exit3":
				os.Exit(3)
			case "quit":
				return true
			default:
				fmt.Fprintf(printer, "unknown <%s>\n", line)
			}
			return false
		},
	})
	fmt.Fprintln(printer, "run returned:", err)
	if left := leftBehind(); left != "" {
		fmt.Fprintf(printer, "goroutines left behind: %s\n", left)
		return 99
	}
	var signalled *SignalError
	var panicked *PanicError
	switch {
	case errors.As(err, &signalled):
		return signalled.ExitCode()
	case errors.As(err, &panicked):
		return 70
	case err != nil:
		return 1
	}
	return 0
}

// leftBehind returns the stacks of goroutines that Run or go-prompt has not ended.
func leftBehind() string {
	for range 1000 {
		b := make([]byte, 1<<20)
		b = b[:runtime.Stack(b, true)]
		if !bytes.Contains(b, []byte("c-bata/go-prompt")) && !bytes.Contains(b, []byte("(*parser)")) && !bytes.Contains(b, []byte("(*lines)")) {
			return ""
		}
		runtime.Gosched()
		if !bytes.Contains(b, []byte("readBuffer")) {
			return string(b)
		}
		time.Sleep(time.Millisecond) // it has been told to end
	}
	return "readBuffer"
}

// childComplete offers two words for the first letters of "say", and names with and without blanks below /.
func childComplete(line string, pos int) []complete.Suggestion {
	before := line[:pos]
	if !strings.Contains(before, " ") {
		all := []complete.Suggestion{{Text: "say", Label: "say", Summary: "prints"}, {Text: "set", Label: "set"}}
		return slices.DeleteFunc(all, func(s complete.Suggestion) bool { return !strings.HasPrefix(s.Text, before) })
	}
	start := strings.LastIndex(before, " ") + 1
	parent := before[:strings.LastIndex(before, "/")+1]
	if len(parent) < start {
		return nil
	}
	return []complete.Suggestion{
		{Start: start, Text: parent[start:] + "alpha", Label: "alpha"},
		{Start: start, Text: `"` + strings.TrimPrefix(parent[start:], `"`) + "b c", Close: `"`, Label: "b c"},
	}
}

func async(printer *Printer) {
	in := bufio.NewScanner(os.NewFile(3, "async"))
	for in.Scan() {
		if in.Text() == "!refresh" {
			printer.Refresh()
			continue
		}
		// In pieces, and the last without newline until the next comes: only whole lines are to appear.
		line := in.Text()
		io.WriteString(printer, line[:len(line)/2])
		io.WriteString(printer, line[len(line)/2:]+"\npending ")
	}
}

// console is the test's end of a pseudo-terminal.
type console struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File
	async  *os.File
	before unix.Termios

	mu     sync.Mutex
	grown  *sync.Cond
	raw    bytes.Buffer
	sent   int // length of raw at the last send: what is awaited comes after it
	screen *screen
	eof    bool
	exited chan error
}

// start runs the child in a pseudo-terminal of the given size. What a terminal too small to draw on is sent is shown
// on a larger screen.
func start(t *testing.T, cols, rows int, env ...string) *console {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, master: master, slave: slave, screen: newScreen(max(cols, 40), max(rows, 12)), exited: make(chan error, 1)}
	c.grown = sync.NewCond(&c.mu)
	if err := pty.Setsize(master, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}); err != nil {
		t.Fatal(err)
	}
	c.before = c.modes()
	asyncR, asyncW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.async = asyncW
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), append([]string{"REPL_CHILD=1", "REPL_ASYNC=1", "TERM=xterm", "NO_COLOR=1", "REPL_HISTORY="}, env...)...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = slave, slave, slave
	c.cmd.ExtraFiles = []*os.File{asyncR}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asyncR.Close()
	go c.read()
	go func() { c.exited <- c.cmd.Wait() }()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		master.Close()
		slave.Close()
		asyncW.Close()
	})
	return c
}

func (c *console) read() {
	b := make([]byte, 4096)
	for {
		n, err := c.master.Read(b)
		c.mu.Lock()
		c.raw.Write(b[:n])
		c.screen.Write(b[:n])
		c.eof = err != nil
		c.grown.Broadcast()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await waits until the screen satisfies ok.
func (c *console) await(what string, ok func(screen string) bool) string {
	c.t.Helper()
	expired := false
	timer := time.AfterFunc(10*time.Second, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		expired = true
		c.grown.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		s := c.screen.String()
		if c.raw.Len() > c.sent && ok(s) {
			return s
		}
		if expired || c.eof {
			c.t.Fatalf("never saw %s; the screen is\n%s\nraw: %q", what, s, c.raw.String())
		}
		c.grown.Wait()
	}
}

// ends waits until the screen ends with text.
func (c *console) ends(text string) string {
	c.t.Helper()
	return c.await(fmt.Sprintf("an end like %q", text), func(s string) bool { return strings.HasSuffix(s, text) })
}

// has waits until text is somewhere on the screen.
func (c *console) has(text string) string {
	c.t.Helper()
	return c.await(fmt.Sprintf("%q", text), func(s string) bool { return strings.Contains(s, text) })
}

// rows waits until the last rows of the screen are these.
func (c *console) rows(rows ...string) {
	c.t.Helper()
	want := "\n" + strings.Join(rows, "\n")
	c.await(fmt.Sprintf("the rows %q", rows), func(s string) bool { return strings.HasSuffix("\n"+s, want) })
}

// sees waits until text is in what was written since the last send.
func (c *console) sees(text string) {
	c.t.Helper()
	c.await(fmt.Sprintf("%q", text), func(string) bool { return strings.Contains(c.raw.String()[c.sent:], text) })
}

// prompt waits for an empty prompt (the blank at the end of the row is not seen on the screen).
func (c *console) prompt() { c.t.Helper(); c.ends("mzk>") }

func (c *console) send(keys string) {
	c.t.Helper()
	c.mu.Lock()
	c.sent = c.raw.Len()
	c.mu.Unlock()
	if _, err := io.WriteString(c.master, keys); err != nil {
		c.t.Fatal(err)
	}
}

// resize changes the size of the window.
func (c *console) resize(cols, rows int) {
	c.t.Helper()
	c.mu.Lock()
	c.screen = newScreen(cols, rows)
	c.mu.Unlock()
	if err := pty.Setsize(c.master, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) modes() unix.Termios {
	modes, err := unix.IoctlGetTermios(int(c.slave.Fd()), ioctlGetTermios)
	if err != nil {
		c.t.Fatal(err)
	}
	return *modes
}

// modesOf names the modes that tell a terminal's normal state from a raw one.
func modesOf(fd int) string {
	m, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("echo=%t icanon=%t isig=%t icrnl=%t", m.Lflag&unix.ECHO != 0, m.Lflag&unix.ICANON != 0, m.Lflag&unix.ISIG != 0, m.Iflag&unix.ICRNL != 0)
}

// exits waits for the end of the child and checks its exit code and that the terminal is as it was.
func (c *console) exits(code int) {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(10 * time.Second):
		c.t.Fatalf("does not end; the screen is\n%s", c.has(""))
	}
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("exit code %d, want %d; raw: %q", got, code, c.raw.String())
	}
	if after := c.modes(); after != c.before {
		c.t.Errorf("the terminal's modes were\n%+v\nand are\n%+v", c.before, after)
	}
	c.slave.Close() // the last to hold it: the reader gets all that was written, and the end
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.eof {
		c.grown.Wait()
	}
	raw := c.raw.String()
	if strings.Count(raw, bracketedPasteOn) > 0 && strings.LastIndex(raw, bracketedPasteOff) < strings.LastIndex(raw, bracketedPasteOn) && code != 3 {
		c.t.Error("bracketed paste is left on")
	}
	if strings.LastIndex(raw, showCursor) < strings.LastIndex(raw, hideCursor) {
		c.t.Error("the cursor is left hidden")
	}
	if strings.Contains(raw, "\x1b]") || len(c.screen.unknown) > 0 {
		c.t.Errorf("unexpected sequences (window title?): %q", c.screen.unknown)
	}
}

func (c *console) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}
