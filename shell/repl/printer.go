package repl

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	runewidth "github.com/mattn/go-runewidth"
)

// maxHeld bounds the unfinished line a Printer keeps back while somebody types.
const maxHeld = 64 << 10

// Printer writes to the terminal and knows what the prompt has on the screen. As an io.Writer it is safe for
// concurrent use at any time: while somebody types, whole lines are printed above the prompt, and the prompt, the
// half-typed line and the drop-down are drawn again below (an unfinished line waits for its end); otherwise the
// bytes go straight out. Everything the shell prints should go through one Printer: it also notices output that
// does not end with a newline, so that the next prompt starts on a line of its own.
type Printer struct {
	mu  sync.Mutex
	out io.Writer

	cols    int    // width of the terminal, 0 before the first prompt
	live    bool   // a prompt is on the screen
	frame   []byte // what draws it, from the first column of its first row
	x, y    int    // cursor, relative to that place
	held    []byte // unfinished line printed while live
	midLine bool   // the last byte written outside a prompt was no newline
	echo    bool   // the terminal itself has written (^C) before or behind that byte

	refresh func() // set while Run edits a line
}

// NewPrinter returns a Printer that writes to out, nil for os.Stdout.
func NewPrinter(out io.Writer) *Printer {
	if out == nil {
		out = os.Stdout
	}
	return &Printer{out: out}
}

// Write prints b, above the prompt when there is one.
func (p *Printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.live {
		return p.direct(b)
	}
	p.held = append(p.held, b...)
	end := bytes.LastIndexByte(p.held, '\n') + 1
	if end == 0 && len(p.held) < maxHeld {
		return len(b), nil
	}
	if end == 0 {
		p.held = append(p.held, '\n')
		end = len(p.held)
	}
	text := p.appendOrigin(nil)
	text = append(text, eraseDown...)
	text = append(text, p.held[:end]...)
	text = append(text, p.frame...)
	p.held = append(p.held[:0], p.held[end:]...)
	x, y := p.x, p.y
	if _, err := p.out.Write(text); err != nil {
		return 0, err
	}
	p.x, p.y = x, y // the frame leaves the cursor where it was
	return len(b), nil
}

// Refresh draws the prompt anew and asks for the suggestions again: the text of the prompt has changed, or an
// answer for the completion has arrived. Without a prompt on the screen it does nothing.
func (p *Printer) Refresh() {
	p.mu.Lock()
	refresh := p.refresh
	p.mu.Unlock()
	if refresh != nil {
		refresh()
	}
}

// direct writes while no prompt is on the screen. The caller holds mu.
func (p *Printer) direct(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if p.echo {
		_, _ = io.WriteString(p.out, p.freshLine())
		p.echo = false
	}
	p.midLine = b[len(b)-1] != '\n' && !bytes.HasSuffix(b, []byte(clearedRow))
	return p.out.Write(b)
}

// freshLine is what moves the cursor to the first column of a line with nothing on it. When the terminal has echoed
// something nobody knows whether a command has ended that line since, so blanks are written for all columns but one:
// they reach the next line unless the cursor was in the first column. The caller holds mu.
func (p *Printer) freshLine() string {
	switch {
	case p.echo && p.cols > 0:
		return strings.Repeat(" ", p.cols-1) + "\r"
	case p.echo || p.midLine:
		return "\r\n"
	}
	return ""
}

// appendOrigin appends what moves the cursor to the first column of the prompt's first row.
func (p *Printer) appendOrigin(b []byte) []byte {
	if p.y > 0 {
		b = append(b, "\x1b["...)
		b = strconv.AppendInt(b, int64(p.y), 10)
		b = append(b, 'A')
	}
	return append(b, '\r')
}

// draw puts a frame on the screen in the place of the last one; the cursor ends at column x and row y of it.
func (p *Printer) draw(frame []byte, x, y int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live && x == p.x && y == p.y && bytes.Equal(frame, p.frame) {
		return nil
	}
	var b []byte
	if !p.live {
		b = append(b, p.freshLine()...)
	}
	b = p.appendOrigin(b)
	b = append(b, frame...)
	p.frame = append(p.frame[:0], frame...)
	p.live, p.midLine, p.echo, p.x, p.y = true, false, false, x, y
	_, err := p.out.Write(b)
	return err
}

// endLine puts text, which ends with a newline, in the place of the frame if there is one: the prompt and the line as
// they stay.
func (p *Printer) endLine(text []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b []byte
	if !p.live {
		b = append(b, p.freshLine()...)
	}
	b = p.appendOrigin(b)
	b = append(b, eraseDown...)
	b = append(b, text...)
	_, err := p.out.Write(b)
	p.gone()
	return err
}

// leave writes a control sequence, and begins a new line should the prompt still be on the screen.
func (p *Printer) leave(sequence string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live {
		sequence = "\r\n" + sequence
	}
	_, _ = io.WriteString(p.out, sequence)
	if p.live {
		p.gone()
	}
}

// gone notes that the prompt is ordinary text now, with the cursor below, and prints what was held back. The caller
// holds mu.
func (p *Printer) gone() {
	p.live, p.frame, p.x, p.y, p.midLine, p.echo = false, p.frame[:0], 0, 0, false, false
	if held := p.held; len(held) > 0 {
		p.held = nil
		_, _ = p.direct(held)
	}
}

// cleared clears the screen; the next frame begins in its first row.
func (p *Printer) cleared() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live, p.frame, p.x, p.y, p.midLine = false, p.frame[:0], 0, 0, false
	_, err := io.WriteString(p.out, "\x1b[2J\x1b[H")
	return err
}

// resize takes the new width of the terminal. Terminals break the rows of a long line anew, so the cursor's place
// is computed from its distance to the first column.
func (p *Printer) resize(cols int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live && p.cols > 0 && p.cols != cols {
		at := p.y*p.cols + p.x
		p.x, p.y = at%cols, at/cols
		p.frame = p.frame[:0] // drawn for the old width
	}
	p.cols = cols
}

// width is the width of the terminal in columns.
func (p *Printer) width() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cols
}

// control writes a control sequence that leaves the cursor where it is.
func (p *Printer) control(sequence string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.out, sequence)
}

// Echoed notes that the terminal itself has written something (^C, an answer): what comes next begins on a line of its own.
func (p *Printer) Echoed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.echo = !p.live
}

// setRefresh says what Refresh does.
func (p *Printer) setRefresh(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refresh = f
}

// advance moves the tracked cursor over text that is written in a frame, wrapping as the terminal does.
func (p *Printer) advance(text []byte) {
	for len(text) > 0 {
		line := text
		i := bytes.IndexByte(text, '\n')
		if i >= 0 {
			line = text[:i]
		}
		p.x += runewidth.StringWidth(string(line))
		for p.cols > 0 && p.x > p.cols {
			p.x -= p.cols
			p.y++
		}
		if i < 0 {
			return
		}
		p.x, p.y = 0, p.y+1
		text = text[i+1:]
	}
}

const (
	eraseDown  = "\x1b[J"
	clearedRow = "\r\x1b[K" // ends at the beginning of a row that is empty
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
)

// plainPrompt writes a prompt that is ordinary text.
func (p *Printer) plainPrompt(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.out, p.freshLine()+text)
	p.midLine, p.echo = false, false
}
