package repl

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// plain reads lines without any editing of ours. On a terminal the system's own line editing works and there is a
// prompt; elsewhere there is none.
type plain struct {
	o        Options
	terminal bool
	in       *bufio.Reader

	lines   chan plainLine // what the goroutine that reads has found
	reading bool           // it has been asked for a line
	once    sync.Once
	stopped chan struct{}
	reason  error
}

type plainLine struct {
	line string
	err  error
}

var errTooLong = errors.New("the line is longer than 4 MiB")

func newPlain(o Options) *plain {
	return &plain{
		o: o, terminal: term.IsTerminal(int(o.In.Fd())), in: bufio.NewReader(o.In),
		lines: make(chan plainLine, 1), stopped: make(chan struct{}),
	}
}

// readLine reads up to the next newline, in a goroutine since such a read cannot be given up. It reads only when
// it is asked to: a command may want to read the input itself.
func (p *plain) readLine() (string, error) {
	select {
	case <-p.stopped:
		return "", p.reason
	default:
	}
	p.showPrompt()
	if !p.reading {
		p.reading = true
		go func() {
			line, err := readBounded(p.in)
			p.lines <- plainLine{line, err}
		}()
	}
	select {
	case l := <-p.lines:
		p.reading = false
		return l.line, l.err
	case <-p.stopped:
		return "", p.reason
	}
}

// readBounded reads a line of at most maxLine bytes. A last line without newline counts.
func readBounded(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return "", errTooLong
		}
		if err == nil || errors.Is(err, io.EOF) && len(line) > 0 {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if isHangup(err) {
				err = io.EOF
			}
			return "", err
		}
	}
}

// isHangup tells whether a read failed because the terminal is gone.
func isHangup(err error) bool {
	var path *os.PathError
	return errors.As(err, &path)
}

// showPrompt writes the prompt on a line of its own.
func (p *plain) showPrompt() {
	if !p.terminal {
		return
	}
	text := printable(p.o.Prompt())
	p.o.Printer.plainPrompt(text)
}

// stop makes readLine return err.
func (p *plain) stop(err error) {
	p.once.Do(func() {
		p.reason = err
		close(p.stopped)
	})
}

// interrupt clears the line on a terminal, which has done so itself.
func (p *plain) interrupt() bool {
	if !p.terminal {
		return false
	}
	p.o.Printer.Echoed()
	_, _ = io.WriteString(p.o.Printer, interruptHint)
	p.o.Cleared()
	p.showPrompt()
	return true
}

func (p *plain) redraw()             {}
func (p *plain) commandStarts() bool { return false }
func (p *plain) commandInterrupted() { p.o.Printer.Echoed() }
func (p *plain) close()              {}
