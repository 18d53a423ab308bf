package command

import (
	"errors"
	"slices"

	"zookit/protocol"
	"zookit/shell/render"
)

var ls = &Command{
	Name:  "ls",
	Usage: Usage{R34: "path [watch]", R38: "[-s] [-w] [-R] path"},
	Flags: []Flag{
		{Name: "?", Help: "help", In: Release38 | Release39},
		{Name: "s", Help: "stat"},
		{Name: "w", Help: "watch"},
		{Name: "R", Help: "recurse"},
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "list the children of a znode",
	Help: "-R prints the path of every znode below, one a line, the children of a znode before their children;\n" +
		"with -w it sets a watch on each.",
	Example: []string{"ls /", "ls -s /app", "ls -R /app"},
	Max:     2,
	Titled:  true,
	Run:     runLs,
}

var ls2 = &Command{
	Name:    "ls2",
	In:      Release34 | Own,
	Usage:   Usage{R34: "path [watch]", R38: "[-w] path"},
	Flags:   []Flag{{Name: "w", Help: "watch"}},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "list the children and the Stat of a znode (3.4; now ls -s)",
	Min:     1, Max: 2,
	Titled: true,
	Run:    runLs2,
}

func runLs(c *Context) error {
	if c.Has("?") {
		c.Print([]byte("usage: ls [options] path\n" + flagList(c.Command.FlagsIn(c.Compat))))
	}
	if len(c.Args) == 0 {
		return errUsage
	}
	if c.Has("R") {
		return listTree(c)
	}
	return listChildren(c, c.Has("s"))
}

func runLs2(c *Context) error { return listChildren(c, true) }

func listChildren(c *Context, withStat bool) error {
	watch, err := c.watchAsked()
	if err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	names, st, err := s.Children(c, path, watch)
	if err != nil {
		return err
	}
	if !c.Compat.Unsorted {
		slices.Sort(names)
	}
	c.Print(render.AppendList(nil, names))
	if withStat {
		c.PrintStat(st)
	}
	return nil
}

// listTree prints a subtree in Apache's order: the children of a znode, then
// the subtree of each (ZKUtil.visitSubTreeDFS). It ends at the first znode
// that may not be read; one that has just been deleted is passed over.
func listTree(c *Context) error {
	watch, err := c.watchAsked()
	if err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	// Reading the data, as Apache does, refuses a znode that may not be read
	// before its path is printed.
	if _, _, err := s.Get(c, path, watch); err != nil {
		return err
	}
	c.Print([]byte(path + "\n"))
	pending := []string{path}
	for len(pending) > 0 {
		node := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		names, _, err := s.Children(c, node, watch)
		if errors.Is(err, protocol.NoNode) {
			continue
		}
		if err != nil {
			return err
		}
		slices.Sort(names)
		for _, n := range names {
			c.Print([]byte(protocol.Join(node, n) + "\n"))
		}
		for _, n := range slices.Backward(names) {
			pending = append(pending, protocol.Join(node, n))
		}
		if c.Shell.Out.Broken() {
			return nil
		}
	}
	return nil
}
