package repl

import (
	"errors"
	"io"
	"os"
	"sync"

	prompt "github.com/c-bata/go-prompt"
	"golang.org/x/term"
)

const (
	readSize = 4096
	// minCols is the width below which go-prompt cannot draw.
	minCols = 16
	// maxLine bounds a line in bytes: more than a znode can hold.
	maxLine = 4 << 20
)

// errNoStroke is what Read returns when the line has ended.
var errNoStroke = errors.New("no key")

// parser is our prompt.ConsoleParser: it gives go-prompt one stroke at a time and the next only after the frame
// for the last has been drawn. So nothing read ahead is lost in go-prompt's queue when a line ends, and what comes
// after the line belongs to the command or to the next line.
//
// go-prompt calls Read in a goroutine of its own and everything else from the one in Prompt.Input.
type parser struct {
	term    *terminal
	in, out *os.File
	printer *Printer
	search  *search

	mu      sync.Mutex
	changed *sync.Cond // any of the fields below
	keys    decoder
	drawn   bool     // the frame for the last stroke is on the screen
	ended   bool     // the line has ended: Read returns at once
	taken   bool     // Read has handed out a stroke since the last frame
	queue   []stroke // to be handed out before what is typed
	closed  bool

	redraw    bool  // leave Input and enter it again: the window has another size
	stopping  error // leave Input for good
	stopped   bool
	completes bool          // a suggestion is selected in the last frame
	length    int           // bytes of the line at the last stroke
	recall    func() string // Options.Recall
	goesOn    bool          // what is typed behind an accepted suggestion belongs to the same word
}

func newParser(t *terminal, in, out *os.File, p *Printer, s *search) *parser {
	r := &parser{term: t, in: in, out: out, printer: p, search: s}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// Setup begins a line: go-prompt calls it when Input starts.
func (r *parser) Setup() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drawn, r.ended, r.taken, r.redraw, r.completes = false, false, false, false, false
	// go-prompt draws the first frame before anybody reads. A second one lets it sleep in frameDone.
	r.queue = append(r.queue, strokeRefresh)
	return r.term.raw()
}

// TearDown ends a line: the terminal gets back its normal mode. What was typed meanwhile is taken first, or the
// command would read it.
func (r *parser) TearDown() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.redraw && r.stopping == nil {
		return nil // the line goes on
	}
	var b [readSize]byte
	for len(r.keys.in) < maxPaste {
		n, err := r.term.read(b[:], 0)
		if n == 0 || err != nil {
			break
		}
		r.keys.feed(b[:n])
	}
	return r.term.restore()
}

// GetWinSize returns the size to draw for: the width of the terminal, at least minCols, and more rows than any
// line needs, since go-prompt clears the screen and complains when it believes there are too few.
func (r *parser) GetWinSize() *prompt.WinSize {
	cols, _ := windowSize(r.out)
	cols = max(cols, minCols)
	r.printer.resize(cols)
	return &prompt.WinSize{Row: 1<<16 - 1, Col: uint16(min(cols, 1<<16-1))}
}

// windowSize returns columns and rows of a terminal, 0 when they are not known.
func windowSize(f *os.File) (cols, rows int) {
	cols, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return cols, rows
}

// Read returns the next stroke, and an error when the line has ended.
func (r *parser) Read() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.drawn && !r.ended {
		r.changed.Wait()
	}
	var b [readSize]byte
	final := false
	for !r.ended {
		if s := r.pick(final); s != "" {
			r.drawn, r.taken = false, true
			r.changed.Broadcast()
			return []byte(s), nil
		}
		patience := r.keys.patience()
		r.mu.Unlock()
		n, err := r.term.read(b[:], patience)
		r.mu.Lock()
		if err != nil && r.stopping == nil {
			r.stopping = io.EOF
		}
		r.keys.feed(b[:n])
		final = n == 0 && patience >= 0
	}
	return nil, errNoStroke
}

// pick chooses the next stroke: an end, what is queued, what is typed. The caller holds mu.
func (r *parser) pick(final bool) stroke {
	if r.stopping != nil || r.redraw {
		r.stopped = true
		return strokeEndInput
	}
	for {
		s := stroke("")
		if len(r.queue) > 0 {
			s, r.queue = r.queue[0], r.queue[1:]
			return s
		}
		if s = r.keys.next(final); s == "" {
			return ""
		}
		if s = r.translate(s); s != "" {
			return s
		}
	}
}

// translate turns what was typed into what go-prompt is to do. The caller holds mu.
func (r *parser) translate(s stroke) stroke {
	if r.search.active() {
		var then stroke
		if s, then = r.search.stroke(s); then != "" {
			r.queue = append(r.queue, then)
		}
		return s
	}
	if s.text() && r.length+len(s) > maxLine {
		_, _ = r.printer.out.Write([]byte{'\a'})
		return ""
	}
	switch s {
	case strokeEscape, strokeBell:
		return ""
	case strokeSearch:
		s = strokeStartSearch
	case strokeRecall:
		if r.recall() == "" {
			return ""
		}
		r.queue = append(r.queue, strokeEnter)
		return s
	case strokeTab, strokeBackTab, strokeUp, strokeDown:
		return s
	}
	if r.completes {
		// The suggestion is taken by a stroke of its own, which can mend the line where go-prompt cannot.
		r.queue = append(r.queue, s)
		r.goesOn = s.text() && s[0] != ' '
		return strokeAccept
	}
	return s
}

// frameDone says that the frame for the last stroke is on the screen, and waits until the next stroke has been
// handed out: go-prompt would look for it a hundred times a second.
func (r *parser) frameDone(completes bool, length int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.taken
	r.drawn, r.ended, r.taken, r.completes, r.length = true, false, false, completes, length
	r.changed.Broadcast()
	for !first && !r.taken && !r.ended && !r.closed {
		r.changed.Wait()
	}
}

// lineEnded makes Read return without waiting, until the next frame if there is one.
func (r *parser) lineEnded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.changed.Broadcast()
	r.term.wake()
}

// refresh asks for a new frame with new suggestions, unless somebody is choosing one.
func (r *parser) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.completes {
		return
	}
	for _, s := range r.queue {
		if s == strokeRefresh {
			return
		}
	}
	r.queue = append(r.queue, strokeRefresh)
	r.term.wake()
}

// press is as if s were typed, before all that is typed and not yet handed out.
func (r *parser) press(s stroke) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, s)
}

// resized asks for a new frame for a window of another size.
func (r *parser) resized() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.redraw = true
		r.term.wake()
	}
}

// stop ends the reading of lines for good because of err.
func (r *parser) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if r.stopping == nil {
		r.stopping = err
	}
	r.term.wake()
}

// leaves tells go-prompt to leave Input, and redraws whether only to enter it again.
func (r *parser) leaves() (leaves, redraws bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped, r.stopped && r.stopping == nil
}

// lineAhead takes a whole line that was pasted or typed ahead.
func (r *parser) lineAhead() (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys.line()
}

// again gets ready for the next Input and returns why there is to be none.
func (r *parser) again() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = false
	return r.stopping
}

// wordGoesOn tells, when a suggestion has been accepted, whether its word is typed on.
func (r *parser) wordGoesOn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.goesOn
}

// typedAhead tells whether more is typed already than the stroke being handled, other than a Tab that asks for the
// suggestions.
func (r *parser) typedAhead() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.keys.in) > 0 && r.keys.in[0] != strokeTab[0]
}

// interrupted tells whether Ctrl-C was typed ahead of the command that begins; what was typed before it is
// forgotten, as the terminal does it in its normal mode.
func (r *parser) interrupted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys.interrupted()
}

// discard forgets what was typed ahead.
func (r *parser) discard() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys.discard()
}

// close lets every goroutine in here go and gives the terminal back.
func (r *parser) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed, r.ended = true, true
	r.changed.Broadcast()
	r.term.wake()
	_ = r.term.restore()
	r.term.close()
}
