package command

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"zookit/protocol"
	"zookit/shell/render"
)

// consoleChunk is how much output may wait for the end of a command.
const consoleChunk = 32 << 10

// Console is where a shell prints: results to stdout, everything else to
// stderr. Output of a command is kept back until it ends, or a chunk of whole
// lines is full, or something goes to stderr, so that both streams keep their
// order on a terminal. A watch event, which comes from another goroutine, is
// printed between lines.
//
// What goes to a terminal is made visible (render.AppendVisible): data, names
// and messages of servers cannot move its cursor or change its title. What goes
// elsewhere leaves as it is, byte by byte.
type Console struct {
	Stdout, Stderr           io.Writer
	OutTerminal, ErrTerminal bool
	OutStyle, ErrStyle       render.Style
	Location                 *time.Location // of the dates in Stats; nil is time.Local
	Redraws                  bool           // stderr is a terminal that clears a row when asked
	Width                    func() int     // of stdout's terminal in columns, 0 when it does not tell; nil is no limit

	records bool // stdout is for records alone: events go to stderr; guarded by mu

	// Quiet leaves notes out: what is neither a result nor a failure.
	Quiet bool

	mu     sync.Mutex
	held   []byte
	err    error    // first failure to write to stdout
	events *display // where events go while results go elsewhere

	paused  bool     // another program has the terminal
	paging  *paging  // what Stdout is while results are paged; nil otherwise
	waiting []func() // what is to be printed after it

	began    time.Time // first word of the command's Progress; zero before
	looked   time.Time // when Progress last looked at the clock
	progress bool      // its line is on the screen
}

// display is stdout with what is known of it.
type display struct {
	out      io.Writer
	terminal bool
	style    render.Style
}

// Divert sends results to w, byte by byte, until back is called; back tells the
// first failure to write there. A reader that has had enough is none. Events
// stay where they were.
func (c *Console) Divert(w io.Writer) (back func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush(len(c.held))
	was, err := display{c.Stdout, c.OutTerminal, c.OutStyle}, c.err
	outer := c.events
	if outer == nil {
		c.events = &was
	}
	c.Stdout, c.OutTerminal, c.OutStyle, c.err = w, false, render.NewStyle(false), nil
	return func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.flush(len(c.held))
		failed := c.failure()
		c.Stdout, c.OutTerminal, c.OutStyle, c.err, c.events = was.out, was.terminal, was.style, err, outer
		return failed
	}
}

// maxWaiting bounds what waits while the console is paused.
const maxWaiting = 1000

// Print writes to stdout.
func (c *Console) Print(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.OutTerminal {
		c.held = render.AppendVisible(c.held, b)
	} else {
		c.held = append(c.held, b...)
	}
	c.spill()
}

// PrintStyled writes to stdout what has been made visible and coloured.
func (c *Console) PrintStyled(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = append(c.held, b...)
	c.spill()
}

// PrintStat writes a Stat block to stdout.
func (c *Console) PrintStat(lines []byte) {
	c.PrintStyled(c.OutStyle.AppendLabels(nil, lines))
}

// Warn writes a line to stderr, after what was printed before it.
func (c *Console) Warn(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush(len(c.held))
	c.clearProgress()
	if c.ErrTerminal {
		text = c.ErrStyle.Fault(render.Visible(text))
	}
	if !c.paging.beside(text + "\n") {
		_, _ = io.WriteString(c.Stderr, text+"\n")
	}
}

// Note is Warn for what is no failure. Nothing is said when the console is
// quiet.
func (c *Console) Note(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Quiet || c.later(func() { c.Note(text) }) {
		return
	}
	c.flush(len(c.held))
	c.clearProgress()
	if c.ErrTerminal {
		text = c.wrapped(render.Visible(text))
	}
	if !c.paging.beside(text + "\n") {
		_, _ = io.WriteString(c.Stderr, text+"\n")
	}
}

// Ask writes a question to stderr and leaves the cursor behind it.
func (c *Console) Ask(text string) {
	c.EndPaging()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush(len(c.held))
	c.clearProgress()
	_, _ = io.WriteString(c.Stderr, c.wrapped(render.Visible(text)))
}

// wrapped is a text for the terminal, broken between words.
func (c *Console) wrapped(text string) string {
	if c.Width == nil {
		return text
	}
	return render.Wrap(text, c.Width())
}

// Event writes the block of a watch or session event to stdout at once,
// between the lines of a command that is printing.
func (c *Console) Event(state, kind, path string, zxid protocol.Zxid, withZxid bool) {
	block := render.AppendEvent(nil, state, kind, path, zxid, withZxid)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.later(func() { c.Event(state, kind, path, zxid, withZxid) }) {
		return
	}
	to := display{c.Stdout, c.OutTerminal, c.OutStyle}
	switch {
	case c.records:
		to = display{c.Stderr, c.ErrTerminal, c.ErrStyle}
	case c.events != nil:
		to = *c.events
	}
	if to.terminal {
		text := string(render.AppendVisible(nil, bytes.TrimSuffix(block, []byte("\n"))))
		block = []byte(to.style.Headline(text) + "\n")
	}
	if c.events != nil || c.records {
		_, _ = to.out.Write(block)
		return
	}
	whole := bytes.LastIndexByte(c.held, '\n') + 1
	rest := append([]byte(nil), c.held[whole:]...)
	c.flush(whole)
	c.write(block)
	c.held = append(c.held[:0], rest...)
}

// forRecords says whether stdout is for records alone, as with -o json.
func (c *Console) forRecords(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records = yes
}

// Pause keeps back events and notes, which other goroutines print, while
// another program has the terminal.
func (c *Console) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = true
}

// Resume prints what was kept back since Pause.
func (c *Console) Resume() {
	c.mu.Lock()
	waiting := c.waiting
	c.paused, c.waiting = false, nil
	c.mu.Unlock()
	for _, print := range waiting {
		print()
	}
}

// later keeps back what is to be printed; false when it may be printed now. Of
// more than maxWaiting the last are lost, and the loss is told. The caller
// holds mu.
func (c *Console) later(print func()) bool {
	switch {
	case !c.paused:
		return false
	case len(c.waiting) < maxWaiting:
		c.waiting = append(c.waiting, print)
	case len(c.waiting) == maxWaiting:
		c.waiting = append(c.waiting, func() { c.Note("more happened meanwhile than was kept") })
	}
	return true
}

// Flush writes out what is kept back and tells the first failure to write to
// stdout there has been.
func (c *Console) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush(len(c.held))
	c.clearProgress()
	c.began = time.Time{}
	return c.failure()
}

// failure is the first failure to write. Of diverted results a pipe that nobody
// reads any more is none: the program behind it may have seen enough. The
// caller holds mu.
func (c *Console) failure() error {
	if c.events != nil && (errors.Is(c.err, syscall.EPIPE) || errors.Is(c.err, os.ErrClosed)) {
		return nil
	}
	return c.err
}

func (c *Console) location() *time.Location {
	if c.Location == nil {
		return time.Local
	}
	return c.Location
}

// Broken tells that stdout cannot be written to any more.
func (c *Console) Broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// spill writes out whole lines when a chunk is full. The caller holds mu.
func (c *Console) spill() {
	if len(c.held) < consoleChunk {
		return
	}
	n := bytes.LastIndexByte(c.held, '\n') + 1
	if n == 0 {
		n = len(c.held)
	}
	rest := c.held[n:]
	c.write(c.held[:n])
	c.held = append(c.held[:0], rest...)
}

// flush writes out the first n bytes and forgets the rest. The caller holds mu.
func (c *Console) flush(n int) {
	c.write(c.held[:n])
	c.held = c.held[:0]
}

func (c *Console) write(b []byte) {
	if len(b) == 0 || c.err != nil {
		return
	}
	c.clearProgress()
	_, c.err = c.Stdout.Write(b)
}
