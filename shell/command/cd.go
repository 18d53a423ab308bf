package command

import "fmt"

var cd = &Command{
	Name:    "cd",
	In:      Own,
	Usage:   Usage{R38: "[path | -]"},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "go to a znode: paths that do not begin with / are below it",
	Help: ".. is the znode above, - the one before, and no path the root. In a path . and .. work as in a file system.\n" +
		"Scripts and one-liners have relative paths only behind a cd.",
	Example: []string{"cd /app", "cd ..", "cd -"},
	RawArgs: true, // for the -
	Many:    true,
	Max:     1,
	Run:     runCd,
}

var pwd = &Command{
	Name:    "pwd",
	In:      Own,
	Summary: "print the path that relative paths begin at",
	Example: []string{"pwd"},
	Local:   true,
	Run: func(c *Context) error {
		dir := c.Shell.Dir()
		return c.Emit(&Dir{dir}, func() { c.Printf("%s\n", dir) })
	},
}

// Dir is the result of pwd.
type Dir struct {
	Path string `json:"path"` // where relative paths begin
}

func runCd(c *Context) error {
	here := c.Shell.here()
	to := "/"
	switch {
	case len(c.Args) == 0:
	case c.Args[0] == "-":
		if here.lastDir == "" {
			return &Failure{Text: "cd: there is no path before this one"}
		}
		to = here.lastDir
		c.Shell.Out.Note(to)
	case c.Args[0] == "--":
	default:
		if name, path := c.named(c.Args[0]); name != "" {
			return &Failure{Text: fmt.Sprintf("cd: %s is on another connection: \"use %s\" turns to it, then \"cd %s\"", c.Args[0], name, path)}
		}
		here.cdUsed(c.Shell)
		paths, err := c.Paths(0)
		if err != nil {
			return err
		}
		if len(paths) > 1 {
			return &Failure{Text: "cd: " + c.Args[0] + " matches several znodes; name one"}
		}
		to = paths[0]
	}
	s, err := c.Session()
	if err != nil {
		return err
	}
	if _, err := s.Exists(c, to, false); err != nil {
		return err
	}
	c.Shell.enter(here, to)
	return nil
}

// cdUsed makes relative paths known to a script: its first cd may be one.
func (c *connection) cdUsed(s *Shell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.dir = c.dirOrRoot()
}

// enter makes a znode the one that relative paths begin at.
func (s *Shell) enter(c *connection, dir string) {
	s.mu.Lock()
	c.lastDir, c.dir = c.dirOrRoot(), dir
	s.mu.Unlock()
}
