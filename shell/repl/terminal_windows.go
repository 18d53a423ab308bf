package repl

import (
	"context"
	"io"
	"os"
	"sync/atomic"
	"time"

	prompt "github.com/c-bata/go-prompt"
	"golang.org/x/sys/windows"
)

// terminal is the console, read through go-prompt's own parser.
type terminal struct {
	console *prompt.WindowsParser
	out     windows.Handle
	outMode uint32
	open    bool
	woken   atomic.Bool
}

// openTerminal makes the console understand escape sequences. It fails when out is no console or an old one.
func openTerminal(_, out *os.File) (*terminal, error) {
	t := &terminal{console: prompt.NewStandardInputParser(), out: windows.Handle(out.Fd())}
	if err := windows.GetConsoleMode(t.out, &t.outMode); err != nil {
		return nil, err
	}
	mode := t.outMode | windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	if err := windows.SetConsoleMode(t.out, mode); err != nil {
		return nil, err
	}
	return t, nil
}

// raw hands every key to us.
func (t *terminal) raw() error {
	if t.open {
		return nil
	}
	err := t.console.Setup()
	t.open = err == nil
	return err
}

// restore puts the console's input back as it was found.
func (t *terminal) restore() error {
	if !t.open {
		return nil
	}
	t.open = false
	return t.console.TearDown()
}

// read waits for bytes, at most for timeout (negative: for ever), or until wake. go-prompt's parser does not
// block, so this asks it again and again.
func (t *terminal) read(b []byte, timeout time.Duration) (int, error) {
	for waited := time.Duration(0); ; waited += pollPause {
		if got, err := t.console.Read(); err == nil && len(got) > 0 {
			return copy(b, got), nil
		}
		if t.woken.Swap(false) || timeout >= 0 && waited >= timeout {
			return 0, nil
		}
		time.Sleep(pollPause)
	}
}

const pollPause = 10 * time.Millisecond

// wake ends a read that waits, or the next one.
func (t *terminal) wake() { t.woken.Store(true) }

// close puts the console's output back as it was found.
func (t *terminal) close() { _ = windows.SetConsoleMode(t.out, t.outMode) }

// hideTyping lets the console not show what is typed until show is called.
func hideTyping(f *os.File) (show func(), err error) {
	console := windows.Handle(f.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, err
	}
	return func() { _ = windows.SetConsoleMode(console, before) }, windows.SetConsoleMode(console, before&^windows.ENABLE_ECHO_INPUT)
}

// withoutTTY calls make, which opens nothing here.
func withoutTTY(make func()) { make() }

// DropTyped forgets what was typed and not read yet: what somebody typed before a question is no answer to it.
func DropTyped(f *os.File) { _ = windows.FlushConsoleInputBuffer(windows.Handle(f.Fd())) }

// readByte waits for one byte of f. The end of ctx is noticed when it comes.
func readByte(ctx context.Context, f *os.File) (byte, error) {
	var b [1]byte
	n, err := f.Read(b[:])
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return b[0], err
}
