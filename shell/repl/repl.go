// Package repl is the interactive side of the shell: it owns the terminal, edits a line, remembers lines, shows
// completions, and hands each line to the caller. It knows nothing of ZooKeeper.
//
// github.com/c-bata/go-prompt v0.2.6 does the line editing and draws the drop-down. It is used through
// Prompt.Input alone, one call a line, with our own ConsoleParser and ConsoleWriter, and appears in no other
// package. Its Run is not used: that one calls os.Exit on signals and keeps the terminal raw while commands run.
package repl

import (
	"context"
	"fmt"
	"os"

	"zookit/shell/complete"
)

// Options of Run.
type Options struct {
	// Prompt returns the text before the line, without newline. It is called often and must not block.
	// Nil means "> ".
	Prompt func() string

	// Execute runs one line, which is never blank, with the terminal in its normal mode. Its context ends on
	// Ctrl-C (context.Cause is ErrInterrupted) and when Run has to end. When it returns true Run ends.
	Execute func(ctx context.Context, line string) (exit bool)

	// Complete returns the suggestions for the line with the cursor at byte offset pos. It is called on every
	// keystroke and must not block. Nil means none.
	Complete func(line string, pos int) []complete.Suggestion

	// HistoryFile keeps the lines across runs; it is created with mode 0600. Empty means memory only.
	HistoryFile string

	// Keep says whether a line may be written to HistoryFile. Nil means KeepInHistory.
	Keep func(line string) bool

	// In and Out are the terminal. Nil means os.Stdin and os.Stdout.
	In, Out *os.File

	// Printer prints above the prompt. Make it with NewPrinter for the same Out and give it to whatever prints on
	// its own (watch events) and to the commands; nil means Run makes its own.
	Printer *Printer

	// Getenv is asked for TERM and NO_COLOR. Nil means os.Getenv.
	Getenv func(string) string
}

// ErrInterrupted is the cause of the end of a command's context when Ctrl-C ended it.
var ErrInterrupted = fmt.Errorf("interrupted")

// SignalError is what Run returns when a signal ended it. The terminal is restored by then; what is left to the
// caller is to close its session and to exit with ExitCode.
type SignalError struct{ Signal os.Signal }

// PanicError is what Run returns when Execute panicked. The terminal is restored by then.
type PanicError struct {
	Value any
	Stack []byte
}

// Run reads lines and executes them until Execute says exit or the input ends (nil), ctx ends (its cause), or a
// signal ends it (*SignalError). The terminal is then as it was before.
func Run(ctx context.Context, o Options) error {
	return nil
}

// KeepInHistory leaves out of the history what carries a secret (addauth) and what starts with a blank.
func KeepInHistory(line string) bool { return true }

// ExitCode is 128 plus the number of the signal, as shells have it.
func (e *SignalError) ExitCode() int { return 1 }

func (e *SignalError) Error() string { return "ended by " + e.Signal.String() }

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }
