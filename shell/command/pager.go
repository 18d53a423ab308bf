package command

import (
	"bytes"
	"io"
)

// Pager shows long results at the prompt.
type Pager struct {
	Program string     // for the system's shell, such as "less -FRX"
	Rows    func() int // of the terminal
}

// paging holds back what a command prints until it ends or there is more than
// fits on the screen; the pager gets that and all that follows.
type paging struct {
	shell   *Shell
	screen  io.Writer
	limit   int // rows
	kept    []byte
	rows    int
	program io.WriteCloser // nil until there is more than fits
	wait    func() error
	failed  bool // the pager did not start: the screen gets all
}

// page begins to page the results of a command, when it is one whose results
// end (Command.Pages) and somebody reads them; end waits until they were read.
func (s *Shell) page(cmd *Command) (end func()) {
	if s.Pager == nil || !cmd.Pages || !s.Out.OutTerminal || s.Compat.Release != Own {
		return func() {}
	}
	p := &paging{shell: s, limit: s.Pager.Rows() - 1}
	if p.limit < 2 {
		return func() {}
	}
	s.Out.mu.Lock()
	p.screen, s.Out.Stdout = s.Out.Stdout, p
	s.Out.mu.Unlock()
	return func() {
		_ = s.Out.Flush()
		s.Out.mu.Lock()
		s.Out.Stdout = p.screen
		s.Out.mu.Unlock()
		p.end()
	}
}

// Write implements io.Writer. The console calls it with its lock held. A person
// who leaves the pager has seen enough, which is no failure.
func (p *paging) Write(b []byte) (int, error) {
	switch {
	case p.program != nil:
		_, err := p.program.Write(b)
		return len(b), err
	case p.failed:
		return p.screen.Write(b)
	}
	p.kept = append(p.kept, b...)
	if p.rows += bytes.Count(b, []byte("\n")); p.rows < p.limit {
		return len(b), nil
	}
	p.start()
	kept := p.kept
	p.kept = nil
	if p.program == nil {
		_, err := p.screen.Write(kept)
		return len(b), err
	}
	_, err := p.program.Write(kept)
	return len(b), err
}

// start starts the pager.
func (p *paging) start() {
	program := systemShell(p.shell.Pager.Program)
	in, err := program.StdinPipe()
	if err == nil {
		p.wait, err = p.shell.launch(program, p.screen)
	}
	if err != nil {
		p.failed = true
		return
	}
	p.program = in
	p.shell.Out.paused = true // events would land on the pager's screen
}

func (p *paging) end() {
	switch {
	case p.program != nil:
		p.program.Close()
		_ = p.wait()
		p.shell.Out.Resume()
	case len(p.kept) > 0:
		_, _ = p.screen.Write(p.kept)
	}
}
