package command

import (
	"errors"
	"fmt"
	"strings"

	"zookit/protocol"
	"zookit/shell/line"
	"zookit/shell/session"
	"zookit/shell/walk"
)

// Dir is the znode that relative paths begin at: "/" until cd.
func (s *Shell) Dir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.dirOrRoot()
}

func (c *connection) dirOrRoot() string {
	if c.dir == "" {
		return "/"
	}
	return c.dir
}

// relative tells whether words without a slash in front are paths. To Apache's
// shell they are none, and neither are they to scripts and one-liners that
// never said cd: there a path that was left empty by accident must not become
// another one.
func (s *Shell) relative() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Compat.Release == Own && (s.Interactive || s.conn.dir != "")
}

// resolve is the path that an argument means. A name:/path is left to Target.
func (s *Shell) resolve(text string) string {
	if !s.relative() {
		return text
	}
	if name, _ := SplitTarget(text); name != "" {
		return text
	}
	return walk.Resolve(s.Dir(), text)
}

// Path is the argument at i as a path, relative ones resolved, checked as
// Apache checks a path before it sends anything.
func (c *Context) Path(i int) (string, error) {
	path := c.Shell.resolve(c.Args[i])
	return path, protocol.ValidatePath(path)
}

// newPath is the argument at i as the connection and the path of what is to be
// created, unchecked. A slash at its end stays: a sequential znode may have its
// number for a name.
func (c *Context) newPath(i int) (name, path string) {
	name, path = c.named(c.Args[i])
	if strings.HasSuffix(c.Args[i], "/") && !strings.HasSuffix(path, "/") {
		path += "/"
	}
	return name, path
}

// Paths is the znodes that the argument at i names: those that match it when it
// is a pattern (walk.Glob), else the one whose path it is, there or not. Those
// of another connection have its name in front, as an argument has. What may not
// be looked into is named on stderr, and makes the command fail in the end. A
// pattern that nothing matches is an error.
func (c *Context) Paths(i int) ([]string, error) {
	name, path := c.named(c.Args[i])
	if err := protocol.ValidatePath(path); err != nil {
		return nil, err
	}
	before := ""
	if name != "" {
		before = name + ":"
	}
	if !c.isPattern(c.Args[i]) {
		return []string{before + path}, nil
	}
	s, err := c.sessionOf(name)
	if err != nil {
		return nil, err
	}
	paths, err := walk.Glob(c, s, path, c.refuse)
	switch {
	case errors.Is(err, walk.ErrTooMany):
		return nil, &Failure{Text: fmt.Sprintf("%s: %v %s; name fewer, or use find", c.Command.Name, err, path)}
	case err != nil:
		return nil, err
	case len(paths) == 0:
		return nil, &session.OpError{Op: protocol.OpExists, Path: path, Code: protocol.NoNode}
	}
	for i := range paths {
		paths[i] = before + paths[i]
	}
	return paths, nil
}

// isPattern tells whether an argument is to be matched: a pattern that was not
// between quotation marks.
func (c *Context) isPattern(text string) bool {
	_, path := SplitTarget(text)
	return c.Compat.Release == Own && walk.IsPattern(path) && !c.literal[text]
}

// quotedWords is the words of a line that stand between quotation marks.
func quotedWords(text string) map[string]bool {
	var quoted map[string]bool
	for _, t := range line.Tokenize(text) {
		if t.Quote == 0 {
			continue
		}
		if quoted == nil {
			quoted = map[string]bool{}
		}
		quoted[t.Text] = true
	}
	return quoted
}

// refuse names a znode that could not be read; the command goes on, and fails
// in the end.
func (c *Context) refuse(path string, err error) {
	if c.refused++; c.refused == 1 {
		c.refusal = err
	}
	text, _ := c.Compat.Describe(c.Command, err)
	if !isCode(err) {
		text += " (" + path + ")"
	}
	c.Warn(text)
}

// someRefused is the end of a command that could not read all it was asked to
// look at. What it could not was named, so there is no text; the first of it is
// what a hint is about.
func (c *Context) someRefused() error { return &Failure{Err: c.refusal} }

// runEach runs a command: one on a single znode once for each znode that its
// first argument matches.
func (c *Context) runEach() error {
	cmd := c.Command
	run := cmd.Run
	if len(cmd.Args) > 0 && cmd.Args[0].Kind == PathArg && !cmd.Args[0].New && !cmd.Many {
		run = func(c *Context) error { return c.each(cmd.Run) }
	}
	err := run(c)
	if c.refused > 0 && (err == nil || errors.Is(err, errNoMatch)) {
		return c.someRefused()
	}
	return err
}

// each calls f with the first argument replaced by each znode that it matches.
// What one of them refuses keeps nobody from the others.
func (c *Context) each(f func(*Context) error) error {
	if len(c.Args) == 0 || !c.isPattern(c.Args[0]) {
		return f(c)
	}
	paths, err := c.Paths(0)
	if err != nil {
		return err
	}
	if cmd := c.Command; cmd.Changes && len(paths) > largeTree {
		question := fmt.Sprintf("%s %s: that is %s znodes. Go on?", cmd.Name, c.Args[0], grouped(len(paths)))
		if !c.Confirm(question) {
			return &Failure{Text: cmd.Name + ": nothing was changed"}
		}
	}
	for i, path := range paths {
		c.Args[0] = path
		c.literal = map[string]bool{path: true}
		if c.Command.Titled && len(paths) > 1 && !c.records() {
			c.title(path, i > 0)
		}
		if err := c.goOn(path, len(paths) == 1, f(c)); err != nil {
			return err
		}
		if c.Err() != nil || c.Shell.Out.Broken() {
			return c.Err()
		}
	}
	return nil
}

// title names the znode that what follows is about, as head does of files.
func (c *Context) title(path string, between bool) {
	if between {
		c.Print([]byte("\n"))
	}
	c.Print([]byte("==> " + path + " <==\n"))
}
