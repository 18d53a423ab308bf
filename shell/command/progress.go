package command

import (
	"bytes"
	"io"
	"time"

	"zookit/shell/render"
)

const (
	// progressAfter is how long a command works before it says how far it is.
	progressAfter = 500 * time.Millisecond
	// progressPause lies between two looks at the clock that do something:
	// results are written out, so that they stream, and the line is drawn.
	progressPause = 100 * time.Millisecond
	// progressWidth bounds the line, so that it stays one.
	progressWidth = 78
)

// eraseLine returns to the first column and clears the row.
const eraseLine = "\r\x1b[K"

// Progress says how far a long command is, in a line on stderr that the next
// output takes away: on a terminal, and not before some time has passed. It may
// be called as often as there is something to say.
func (c *Context) Progress(text string) { c.Shell.Out.Progress(text) }

// Progress is Context.Progress.
func (c *Console) Progress(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case c.began.IsZero():
		c.began, c.looked = now, now
		return
	case now.Sub(c.looked) < progressPause:
		return
	}
	c.looked = now
	if whole := bytes.LastIndexByte(c.held, '\n') + 1; whole > 0 {
		rest := append([]byte(nil), c.held[whole:]...)
		c.flush(whole)
		c.held = append(c.held[:0], rest...)
	}
	if !c.Redraws || !c.OutTerminal || c.paused || now.Sub(c.began) < progressAfter {
		return
	}
	if line := []rune(render.Visible(text)); len(line) > progressWidth {
		text = string(line[:progressWidth])
	}
	c.progress = true
	_, _ = io.WriteString(c.Stderr, eraseLine+text)
}

// clearProgress takes the line of Progress away. The caller holds mu.
func (c *Console) clearProgress() {
	if c.progress {
		c.progress = false
		_, _ = io.WriteString(c.Stderr, eraseLine)
	}
}
