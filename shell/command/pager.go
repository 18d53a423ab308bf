package command

import (
	"io"
	"time"

	"github.com/clipperhouse/displaywidth"
)

// Pager shows long results at the prompt.
type Pager struct {
	Program string                  // for the system's shell, such as "less -FRX"
	Window  func() (cols, rows int) // of the terminal
}

// pagerOff is the pager of a profile that wants none; YAML's false is another
// word for it.
const pagerOff = "off"

// pagerPatience is how long results are held back to see whether they fit on the
// screen. What takes longer is shown as it comes; should it turn out to be too
// much after all, the pager gets the whole of it.
const pagerPatience = 300 * time.Millisecond

// paging looks whether what a command prints fits on the screen; the pager gets
// what does not. The console's lock guards it.
type paging struct {
	shell      *Shell
	program    string
	screen     io.Writer
	cols, rows int
	began      time.Time
	patience   *time.Timer

	kept   []byte // all so far, at most a screen
	shown  int    // bytes of it that are on the screen
	used   int    // rows
	column int    // of the last row

	in     io.WriteCloser // of the pager; nil until there is more than fits
	wait   func() error
	failed bool // the pager did not start: the screen gets all
}

// page begins to page the results of a command, when they end by themselves and
// somebody reads them; end waits until they were read.
func (s *Shell) page(cmd *Command) (end func()) {
	if cmd.Unpaged {
		s.Out.EndPaging()
	}
	program := s.pagerProgram()
	if cmd.Unpaged || program == "" {
		return func() {}
	}
	p := &paging{shell: s, program: program, began: time.Now()}
	if p.cols, p.rows = s.Pager.Window(); p.rows < 4 || p.cols < 1 {
		return func() {}
	}
	if !s.Out.beginPaging(p) {
		return func() {}
	}
	return s.Out.EndPaging
}

// pagerProgram is what shows long results of the connection that commands work
// on, "" for nothing.
func (s *Shell) pagerProgram() string {
	if s.Pager == nil || s.Compat.Release != Own {
		return ""
	}
	program := s.Pager.Program
	if own := s.Profile().Pager; own != "" {
		program = own
	}
	if program == pagerOff || program == "false" || program == "cat" {
		return ""
	}
	return program
}

// beginPaging puts p before the screen; false when results go elsewhere, or are
// paged already.
func (c *Console) beginPaging(p *paging) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.OutTerminal || c.paging != nil {
		return false
	}
	p.screen, c.Stdout, c.paging = c.Stdout, p, p
	p.patience = time.AfterFunc(pagerPatience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.paging == p {
			p.show()
		}
	})
	return true
}

// EndPaging shows what was held back, waits until the person has left the pager
// and lets what follows go to the screen: before a question is asked, and before
// another program gets the terminal.
func (c *Console) EndPaging() {
	c.mu.Lock()
	p := c.paging
	if p == nil {
		c.mu.Unlock()
		return
	}
	c.flush(len(c.held))
	c.Stdout, c.paging = p.screen, nil
	p.patience.Stop()
	if p.in == nil {
		p.show()
	}
	c.mu.Unlock()
	if p.in != nil { // without the lock: events wait for nobody
		p.in.Close()
		_ = p.wait()
		c.Resume()
	}
}

// Write implements io.Writer. A person who leaves the pager has seen enough,
// which is no failure.
func (p *paging) Write(b []byte) (int, error) {
	switch {
	case p.in != nil:
		_, _ = p.in.Write(b)
		return len(b), nil
	case p.failed:
		return p.screen.Write(b)
	}
	p.kept = append(p.kept, b...)
	if p.count(b); p.used >= p.rows-1 {
		p.start()
		return len(b), nil
	}
	if time.Since(p.began) > pagerPatience {
		p.show()
	}
	return len(b), nil
}

// count adds the rows that b takes.
func (p *paging) count(b []byte) {
	for len(b) > 0 {
		switch {
		case b[0] == '\n':
			p.used++
			p.column, b = 0, b[1:]
		case b[0] == 0x1b: // a colour: ESC [ … m
			for len(b) > 0 && b[0] != 'm' {
				b = b[1:]
			}
			b = b[min(len(b), 1):]
		default:
			end := 0
			for end < len(b) && b[end] != '\n' && b[end] != 0x1b {
				end++
			}
			p.column += displaywidth.Bytes(b[:end])
			for p.column > p.cols {
				p.column -= p.cols
				p.used++
			}
			b = b[end:]
		}
	}
}

// show writes what is held back to the screen.
func (p *paging) show() {
	if p.shown < len(p.kept) {
		p.shell.Out.clearProgress()
		_, _ = p.screen.Write(p.kept[p.shown:])
		p.shown = len(p.kept)
	}
}

// start starts the pager.
func (p *paging) start() {
	program := systemShell(p.program)
	in, err := program.StdinPipe()
	if err == nil {
		p.wait, err = p.shell.launch(program, p.screen)
	}
	if err != nil {
		p.failed = true
		p.show()
		p.kept = nil
		return
	}
	p.in = in
	p.shell.Out.paused = true // events would land on the pager's screen
	_, _ = in.Write(p.kept)
	p.kept = nil
}

// beside writes what goes to stderr among what is paged: on the pager's screen
// it is part of the text. It is false when that goes to stderr as ever.
func (p *paging) beside(text string) bool {
	if p == nil {
		return false
	}
	if p.in != nil {
		_, _ = io.WriteString(p.in, text)
		return true
	}
	p.show()
	return false
}
