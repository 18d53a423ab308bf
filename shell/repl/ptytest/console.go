//go:build linux || darwin

package ptytest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// patience bounds every wait: a test that waits longer fails instead of hanging.
const patience = 15 * time.Second

// Console is the test's end of a pseudo-terminal in which a program runs. Every method that waits looks only at what
// was written since the last Send, and fails the test when it waits too long.
type Console struct {
	t      testing.TB
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File
	before term.State

	mu     sync.Mutex
	grown  *sync.Cond // raw and screen have grown, or eof
	raw    bytes.Buffer
	sent   int // length of raw at the last Send
	screen *Screen
	eof    bool
	exited chan error
}

// Start runs cmd in a pseudo-terminal of its own, which is its controlling terminal and its stdin, stdout and stderr.
// What a terminal too small to draw on is sent is shown on a larger screen. The program is killed with the test.
func Start(t testing.TB, cmd *exec.Cmd, cols, rows int) *Console {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	c := &Console{t: t, cmd: cmd, master: master, slave: slave, screen: NewScreen(max(cols, 40), max(rows, 12)), exited: make(chan error, 1)}
	c.grown = sync.NewCond(&c.mu)
	c.setSize(cols, rows)
	c.before = c.Modes()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	inherited := "PAGER=" + os.Getenv("PAGER")
	if !slices.ContainsFunc(cmd.Env, func(e string) bool { return strings.HasPrefix(e, "PAGER=") && e != inherited }) {
		cmd.Env = append(cmd.Env, "PAGER=cat") // nobody is there to leave another
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.read()
	go func() { c.exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		master.Close()
		slave.Close()
	})
	return c
}

// read draws on the screen until the program's side is closed.
func (c *Console) read() {
	b := make([]byte, 4096)
	for {
		n, err := c.master.Read(b)
		c.mu.Lock()
		c.raw.Write(b[:n])
		_, _ = c.screen.Write(b[:n])
		c.eof = err != nil
		c.grown.Broadcast()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Await waits until ok says yes to the screen and to all that was written since the last Send.
func (c *Console) Await(what string, ok func(screen, written string) bool) {
	c.t.Helper()
	expired := false
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		expired = true
		c.grown.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		screen, written := c.screen.String(), c.raw.String()[c.sent:]
		if written != "" && ok(screen, written) {
			return
		}
		if expired || c.eof {
			c.t.Fatalf("never saw %s; the screen is\n%s\nwritten: %q", what, screen, written)
		}
		c.grown.Wait()
	}
}

// Ends waits until the screen ends with text. Blanks at the end of a row are not seen.
func (c *Console) Ends(text string) {
	c.t.Helper()
	c.Await(fmt.Sprintf("an end like %q", text), func(s, _ string) bool { return strings.HasSuffix(s, text) })
}

// Has waits until text is somewhere on the screen.
func (c *Console) Has(text string) {
	c.t.Helper()
	c.Await(fmt.Sprintf("%q", text), func(s, _ string) bool { return strings.Contains(s, text) })
}

// Rows waits until the last rows of the screen are these.
func (c *Console) Rows(rows ...string) {
	c.t.Helper()
	want := "\n" + strings.Join(rows, "\n")
	c.Await(fmt.Sprintf("the rows %q", rows), func(s, _ string) bool { return strings.HasSuffix("\n"+s, want) })
}

// Sees waits until text was written since the last Send.
func (c *Console) Sees(text string) {
	c.t.Helper()
	c.Await(fmt.Sprintf("%q", text), func(_, written string) bool { return strings.Contains(written, text) })
}

// Send types.
func (c *Console) Send(keys string) {
	c.t.Helper()
	c.mu.Lock()
	c.sent = c.raw.Len()
	c.mu.Unlock()
	if _, err := io.WriteString(c.master, keys); err != nil {
		c.t.Fatal(err)
	}
}

// Resize gives the window another size and a blank screen. What a full-screen program hides is forgotten.
func (c *Console) Resize(cols, rows int) {
	c.t.Helper()
	c.mu.Lock()
	c.screen = NewScreen(max(cols, 40), max(rows, 12))
	c.mu.Unlock()
	c.setSize(cols, rows)
}

func (c *Console) setSize(cols, rows int) {
	c.t.Helper()
	if err := pty.Setsize(c.master, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}); err != nil {
		c.t.Fatal(err)
	}
}

// Modes are the terminal's modes.
func (c *Console) Modes() term.State {
	c.t.Helper()
	modes, err := term.GetState(int(c.slave.Fd()))
	if err != nil {
		c.t.Fatal(err)
	}
	return *modes
}

// ResetModes gives the terminal the modes it had before the program began, as a job-control shell does.
func (c *Console) ResetModes() {
	c.t.Helper()
	if err := term.Restore(int(c.slave.Fd()), &c.before); err != nil {
		c.t.Fatal(err)
	}
}

// Raw tells whether the terminal's modes differ from those it had before.
func (c *Console) Raw() bool { c.t.Helper(); return c.Modes() != c.before }

// Written is all the program has written.
func (c *Console) Written() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// Signal sends the program a signal.
func (c *Console) Signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// Exits waits for the end of the program and checks its exit code, and that the terminal is as it was: its modes, the
// cursor, no bracketed paste, and never a window's title or another sequence the Screen does not know.
func (c *Console) Exits(code int) {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(patience):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.t.Fatalf("does not end; the screen is\n%s", c.screen)
	}
	if after := c.Modes(); after != c.before {
		c.t.Errorf("the terminal's modes were\n%+v\nand are\n%+v", c.before, after)
	}
	c.slave.Close() // the last to hold it: read gets all that was written, and the end
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.eof {
		c.grown.Wait()
	}
	raw := c.raw.String()
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("exit code %d, want %d; written: %q", got, code, raw)
	}
	if strings.LastIndex(raw, "\x1b[?2004h") > strings.LastIndex(raw, "\x1b[?2004l") {
		c.t.Error("bracketed paste is left on")
	}
	if strings.LastIndex(raw, "\x1b[?25l") > strings.LastIndex(raw, "\x1b[?25h") {
		c.t.Error("the cursor is left hidden")
	}
	if strings.LastIndex(raw, "\x1b[?1049h") > strings.LastIndex(raw, "\x1b[?1049l") {
		c.t.Error("the other screen is left on")
	}
	if len(c.screen.unknown) > 0 {
		c.t.Errorf("unexpected sequences: %q", c.screen.unknown)
	}
}
