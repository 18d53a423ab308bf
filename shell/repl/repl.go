// Package repl is the interactive side of the shell: it owns the terminal, edits a line, remembers lines, shows
// completions, and hands each line to the caller. It knows nothing of ZooKeeper.
//
// github.com/c-bata/go-prompt v0.2.6 does the line editing and draws the drop-down. It is used through
// Prompt.Input alone, one call a line, with our own ConsoleParser and ConsoleWriter, and appears in no other
// package. Its Run is not used: that one calls os.Exit on signals and keeps the terminal raw while commands run.
package repl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/term"

	"zookit/shell/complete"
)

// Options of Run.
type Options struct {
	// Prompt returns the text before the line, without newline. It is called often and must not block.
	// Nil means "> ".
	Prompt func() string

	// Execute runs one line, which is blank only when Verbatim, with the terminal in its normal mode. Its context ends on
	// Ctrl-C (context.Cause is ErrInterrupted) and when Run has to end. When it returns true Run ends.
	Execute func(ctx context.Context, line string) (exit bool)

	// Verbatim tells that the next line is part of a text rather than a command: blank lines are executed as well,
	// nothing is completed, and the line is not remembered. Nil means never.
	Verbatim func() bool

	// Cleared is told that Ctrl-C has cleared the line at the prompt. May be nil.
	Cleared func()

	// Complete returns the suggestions for the line with the cursor at byte offset pos. It is called on every
	// keystroke and must not block. Nil means none.
	Complete func(line string, pos int) []complete.Suggestion

	// HistoryFile is what keeps the line that is read next across runs; it is created with mode 0600. Another file
	// than for the line before means another history. Empty means memory only, and so does nil.
	HistoryFile func() string

	// Keep says whether a line may be written to HistoryFile. Nil means KeepInHistory.
	Keep func(line string) bool

	// Mask returns a line as history is to hold it, in memory and in the file: without its secrets. Nil means as it is.
	Mask func(line string) string

	// Color returns the colour of the prompt: red, green, yellow, blue, magenta or cyan; "" for none. Nil means none.
	Color func() string

	// Recall is a line that Alt-W runs. Nil, or an empty line, means that the key does nothing.
	Recall func() string

	// In and Out are the terminal. Nil means os.Stdin and os.Stdout.
	In, Out *os.File

	// Printer prints above the prompt. Make it with NewPrinter for the same Out and give it to whatever prints on
	// its own (watch events) and to the commands; nil means Run makes its own.
	Printer *Printer

	// Getenv is asked for TERM and NO_COLOR. Nil means os.Getenv.
	Getenv func(string) string
}

// ErrInterrupted is the cause of the end of a command's context when Ctrl-C ended it.
var ErrInterrupted = errors.New("interrupted")

// SignalError is what Run returns when a signal ended it. The terminal is restored by then; what is left to the
// caller is to close its session and to exit with ExitCode.
type SignalError struct{ Signal os.Signal }

// PanicError is what Run returns when Execute panicked. The terminal is restored by then.
type PanicError struct {
	Value any
	Stack []byte
}

// Error says which signal it was.
func (e *SignalError) Error() string { return "ended by signal: " + e.Signal.String() }

// ExitCode is 128 plus the number of the signal, as shells have it.
func (e *SignalError) ExitCode() int {
	if s, ok := e.Signal.(syscall.Signal); ok {
		return 128 + int(s)
	}
	return 1
}

// Error says what the panic was about; Stack says where.
func (e *PanicError) Error() string { return fmt.Sprintf("the command panicked: %v", e.Value) }

// Run reads lines and executes them until Execute says exit or the input ends (nil), ctx ends (its cause), a
// signal ends it (*SignalError), or Execute panics (*PanicError). The terminal is then as it was before.
//
// While Run runs it owns SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH and SIGCONT. Ctrl-C at the prompt clears the
// line; during a command it ends the command's context and drops what was typed ahead. The other signals, and
// SIGINT sent to the process at the prompt, end Run; a command gets endGrace to return before that.
//
// Without a terminal for input and output, with TERM=dumb, or in a window too narrow for a prompt, lines are read
// plainly: no editing, no history, no completion, and no prompt unless the input is a terminal.
func Run(ctx context.Context, o Options) error {
	o = o.withDefaults()
	if CanEdit(o.In, o.Out, o.Getenv) {
		if t, err := openTerminal(o.In, o.Out); err == nil {
			if e, err := newEditor(o, t); err == nil {
				return runLines(ctx, o, e)
			}
			t.close()
		}
	}
	return runLines(ctx, o, newPlain(o))
}

// withDefaults fills in what the caller left out.
func (o Options) withDefaults() Options {
	if o.In == nil {
		o.In = os.Stdin
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Printer == nil {
		o.Printer = NewPrinter(o.Out)
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Prompt == nil {
		o.Prompt = func() string { return "> " }
	}
	if o.Execute == nil {
		o.Execute = func(context.Context, string) bool { return false }
	}
	if o.Verbatim == nil {
		o.Verbatim = func() bool { return false }
	}
	if o.Cleared == nil {
		o.Cleared = func() {}
	}
	if o.Keep == nil {
		o.Keep = KeepInHistory
	}
	if o.Mask == nil {
		o.Mask = func(line string) string { return line }
	}
	if o.Color == nil {
		o.Color = func() string { return "" }
	}
	if o.Recall == nil {
		o.Recall = func() string { return "" }
	}
	if o.HistoryFile == nil {
		o.HistoryFile = func() string { return "" }
	}
	return o
}

// CanEdit tells whether this is a terminal to edit lines on; on others Run reads them plainly.
func CanEdit(in, out *os.File, getenv func(string) string) bool {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) || getenv("TERM") == "dumb" {
		return false
	}
	cols, _ := windowSize(out)
	return cols >= minCols
}
