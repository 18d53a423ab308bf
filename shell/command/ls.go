package command

import (
	"errors"
	"slices"

	"zookit/protocol"
	"zookit/shell/render"
	"zookit/shell/walk"
)

var ls = &Command{
	Name:  "ls",
	Usage: Usage{R34: "path [watch]", R38: "[-s] [-w] [-R] path", Own: "[-l] [-h] [-R] [-t | -S] [-a] [-s] [-w] path"},
	Flags: []Flag{
		{Name: "?", Help: "help", In: Release38 | Release39},
		{Name: "s", Help: "stat"},
		{Name: "w", Help: "watch"},
		{Name: "R", Help: "recurse"},
		{Name: "l", Help: "a line each: type, size, children, version, owner, last change", In: Own},
		{Name: "h", Help: "with -l: sizes as 1.5K, 12M", In: Own},
		{Name: "t", Help: "the latest change first", In: Own},
		{Name: "S", Help: "the largest first", In: Own},
		allFlag,
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "list the children of a znode",
	Help: "-R prints the path of every znode below, one a line, the children of a znode before their children;\n" +
		"with -w it sets a watch on each. The types of -l are p (persistent), e (ephemeral), and c (container) and t (TTL), which\n" +
		"a server does not tell from p but the data of a stopped one does; s behind it is a name that ends in a sequence number.\n" +
		"A childless znode is listed itself by -l. On a terminal -R, and -l -R anywhere, leave out what is below parents of more\n" +
		"than 10,000 children and say so; -a goes in. At the prompt no path is the one that cd went to.",
	Example: []string{"ls /", "ls -l /app", "ls -lhRS /app", "ls -R /app"},
	Max:     2,
	Many:    true,
	Titled:  true,
	Run:     runLs,
}

var ls2 = &Command{
	Name:    "ls2",
	Old:     true,
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
	if len(c.Args) == 0 && c.Shell.relative() {
		c.Args = []string{"."}
	}
	switch {
	case len(c.Args) == 0:
		return errUsage
	case c.Has("l") || c.Has("t") || c.Has("S") || c.Has("R") && c.records():
		return listZnodes(c)
	case c.Has("R") && c.Compat.Release == Own && !c.Has("w"):
		return c.each(listBelow)
	case c.Has("R"):
		return c.each(listTree)
	}
	return c.each(func(c *Context) error { return listChildren(c, c.Has("s")) })
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
	return c.Emit(&Listing{path, names, statOf(st, withStat)}, func() {
		c.printList(names)
		if withStat {
			c.PrintStat(st)
		}
	})
}

// Listing is the result of ls without -l, -t, -S and -R.
type Listing struct {
	Path     string      `json:"path"`
	Children []string    `json:"children"`       // names
	Stat     *StatRecord `json:"stat,omitempty"` // with -s
}

func (c *Context) printList(names []string) { c.Print(render.AppendList(nil, names)) }

// listBelow is listTree with several requests at a time. It goes on where a
// znode may not be read.
func listBelow(c *Context) error {
	if _, err := c.watchAsked(); err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	if _, _, err := s.Get(c, path, false); err != nil {
		return err
	}
	c.Print([]byte(path + "\n"))
	if !c.Shell.Out.OutTerminal { // a script counts on all of it
		c.flags["a"] = ""
	}
	return c.survey(s, path, walk.Options{}, func(n *walk.Node) error {
		for _, name := range n.Children {
			c.Print([]byte(protocol.Join(n.Path, name) + "\n"))
		}
		return nil
	})
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
