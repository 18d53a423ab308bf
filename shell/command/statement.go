package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"zookit/shell/line"
)

// statements runs the commands of a line in zkcli's own grammar, one after the
// other, until one quits, the person interrupts, or one fails and Stop says so.
// A line with <<WORD runs when the text below it has been read.
func (s *Shell) statements(ctx context.Context, text string) {
	list, err := line.Split(text)
	if err == nil {
		err = s.beginHere(list)
	}
	if err != nil {
		s.fail(nil, &Failure{Text: err.Error()})
		return
	}
	if !s.InText() {
		s.runAll(ctx, list, -1, nil)
	}
}

// runAll runs statements. Here is the text below the line, for the one at
// hereAt.
func (s *Shell) runAll(ctx context.Context, list []line.Statement, hereAt int, here []byte) {
	for i, st := range list {
		var text []byte
		if i == hereAt {
			text = here
		}
		switch {
		case st.File != "":
			s.intoFile(ctx, st, text)
		case st.Pipe != "":
			s.intoProgram(ctx, st, text)
		default:
			s.run(ctx, st.Words, text)
		}
		if s.quit || ctx.Err() != nil || s.Stop && s.exit != ExitOK {
			return
		}
	}
}

// intoFile runs a command whose results go to a file. A new file may be read
// by its owner alone: data of znodes is not for everybody.
func (s *Shell) intoFile(ctx context.Context, st line.Statement, here []byte) {
	mode := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if st.Append {
		mode = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(st.File, mode, 0o600)
	if err != nil {
		s.fail(nil, &Failure{Text: err.Error()})
		return
	}
	back := s.Out.Divert(f)
	s.run(ctx, st.Words, here)
	err = back()
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		s.fail(nil, &Failure{Text: st.File + ": " + err.Error()})
	}
}

// intoProgram runs a command whose results an external command reads, and
// waits for that one. What the program prints goes where results go; its exit
// code counts when the command itself succeeded.
func (s *Shell) intoProgram(ctx context.Context, st line.Statement, here []byte) {
	program := systemShell(st.Pipe)
	in, err := program.StdinPipe()
	if err != nil {
		s.fail(nil, &Failure{Text: err.Error()})
		return
	}
	wait, err := s.Start(program)
	if err != nil {
		s.fail(nil, &Failure{Text: err.Error()})
		return
	}
	back := s.Out.Divert(in)
	s.run(ctx, st.Words, here)
	err = back()
	in.Close()
	ended := wait()
	var code *exec.ExitError
	switch {
	case err != nil:
		s.fail(nil, &Failure{Text: "| " + st.Pipe + ": " + err.Error()})
	case errors.As(ended, &code):
		if s.exit == ExitOK {
			s.exit = max(code.ExitCode(), ExitFailed)
		}
	case ended != nil:
		s.fail(nil, &Failure{Text: "| " + st.Pipe + ": " + ended.Error()})
	}
}

// systemShell is a command line for the system's shell.
func systemShell(text string) *exec.Cmd {
	if runtime.GOOS == "windows" {
		return exec.Command("cmd", "/C", text)
	}
	return exec.Command("sh", "-c", text)
}

// Start starts an external program whose output, where the program has none of
// its own, goes to the shell's; wait waits for its end. At the prompt it has
// the terminal meanwhile.
func (s *Shell) Start(program *exec.Cmd) (wait func() error, err error) {
	s.Out.EndPaging()
	if err := s.Out.Flush(); err != nil {
		return nil, fmt.Errorf("stdout: %w", err)
	}
	return s.launch(program, s.Out.Stdout)
}

// launch starts a program whose output goes to stdout, or to the terminal.
func (s *Shell) launch(program *exec.Cmd, stdout io.Writer) (wait func() error, err error) {
	done := func() {}
	if s.Foreground != nil {
		stdout, done = s.Foreground()
	}
	if program.Stdout == nil {
		program.Stdout = stdout
	}
	if program.Stderr == nil {
		program.Stderr = s.Out.Stderr
		if s.Foreground != nil && s.Out.ErrTerminal {
			program.Stderr = stdout
		}
	}
	if err := program.Start(); err != nil {
		done()
		return nil, err
	}
	return func() error {
		defer done()
		return program.Wait()
	}, nil
}
