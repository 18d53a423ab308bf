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
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"zookit/shell/complete"
	"zookit/shell/repl/ptytest"
)

// TestMain makes the test binary the program under test as well: started with REPL_CHILD it is a small shell.
func TestMain(m *testing.M) {
	if os.Getenv("REPL_CHILD") != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

// child is a shell whose commands do what the tests need. What is written to file 3 it prints at once, as a watch
// event would be; a line "!refresh" there refreshes the prompt instead, and has the names below /late/ arrive.
func child() int {
	printer := NewPrinter(os.Stdout)
	go async(printer)
	state := "mzk"
	err := Run(context.Background(), Options{
		Prompt:      func() string { return state + "> " },
		HistoryFile: func() string { return os.Getenv("REPL_HISTORY") },
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
	if left := ttyDescriptors(); len(left) > 0 {
		fmt.Fprintf(printer, "descriptors left behind: %d\n", left)
		return 98
	}
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
	left := ""
	for range 1000 {
		b := make([]byte, 1<<20)
		b = b[:runtime.Stack(b, true)]
		if !bytes.Contains(b, []byte("c-bata/go-prompt")) && !bytes.Contains(b, []byte("(*parser)")) && !bytes.Contains(b, []byte("(*lines)")) {
			return ""
		}
		left = string(b)
		time.Sleep(time.Millisecond) // they have been told to end, and are about to
	}
	return left
}

// arrived says that the names below /late/ are known.
var arrived atomic.Bool

// childComplete offers two words for the first letters of "say", and names with and without blanks below /.
func childComplete(line string, pos int) []complete.Suggestion {
	before := line[:pos]
	if !strings.Contains(before, " ") {
		all := []complete.Suggestion{{Text: "say", Label: "say", Summary: "prints"}, {Text: "set", Label: "set"}}
		return slices.DeleteFunc(all, func(s complete.Suggestion) bool { return !strings.HasPrefix(s.Text, before) })
	}
	start := strings.LastIndex(before, " ") + 1
	parent := before[:strings.LastIndex(before, "/")+1]
	if len(parent) < start || strings.HasSuffix(parent, "/late/") && !arrived.Load() {
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
			arrived.Store(true)
			printer.Refresh()
			continue
		}
		// In pieces, and the last without newline until the next comes: only whole lines are to appear.
		line := in.Text()
		io.WriteString(printer, line[:len(line)/2])
		io.WriteString(printer, line[len(line)/2:]+"\npending ")
	}
}

// console is a child in a pseudo-terminal.
type console struct {
	*ptytest.Console
	async io.Writer // what is written here, the child prints while somebody types
}

// start runs the child in a pseudo-terminal of the given size.
func start(t *testing.T, cols, rows int, env ...string) *console {
	t.Helper()
	asyncR, asyncW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { asyncW.Close() })
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append([]string{"REPL_CHILD=1", "TERM=xterm", "NO_COLOR=1", "REPL_HISTORY=",
		"GORACE=atexit_sleep_ms=0", // or each child sleeps a second at its end
	}, env...)...)
	cmd.ExtraFiles = []*os.File{asyncR}
	defer asyncR.Close()
	return &console{Console: ptytest.Start(t, cmd, cols, rows), async: asyncW}
}

// prompt waits for an empty prompt.
func (c *console) prompt() { c.Ends("mzk>") }

// modesOf names the modes that tell a terminal's normal state from a raw one.
func modesOf(fd int) string {
	m, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("echo=%t icanon=%t isig=%t icrnl=%t", m.Lflag&unix.ECHO != 0, m.Lflag&unix.ICANON != 0, m.Lflag&unix.ISIG != 0, m.Iflag&unix.ICRNL != 0)
}
