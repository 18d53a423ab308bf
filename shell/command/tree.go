package command

import (
	"fmt"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/shell/walk"
)

var tree = &Command{
	Name:  "tree",
	In:    Own,
	Usage: Usage{R38: "[-L levels] [-d] [-a] [path ...]"},
	Flags: []Flag{
		{Name: "L", Arg: "levels", Help: "go down that many levels"},
		{Name: "d", Help: "only znodes that have children"},
		allFlag,
	},
	Args:    []Arg{{Name: "path", Kind: PathArg, Repeat: true}},
	Summary: "draw the znodes below a znode as a tree",
	Help: "What is below parents of more than 10,000 children is left out with a word; -a, or naming the parent, goes in.\n" +
		"What may not be read is marked and named on stderr, and the exit code is 1.",
	Example: []string{"tree /app", "tree -L 2 -d /"},
	Many:    true,
	Run:     runTree,
}

func runTree(c *Context) error {
	levels := 0
	if text := c.FlagValue("L"); c.Has("L") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return &Failure{Text: fmt.Sprintf("tree: -L: %q is no number of levels (1 is the children)", text)}
		}
		levels = n
	}
	return c.eachRoot(0, func(s Session, root string) error { return drawTree(c, s, root, levels) })
}

// drawTree prints a subtree while it is walked.
func drawTree(c *Context, s Session, root string, levels int) error {
	o := walk.Options{MaxDepth: levels, Stat: c.records()}
	if c.Has("d") {
		o.Keep = func(parent, name string) bool {
			st, err := s.Exists(c, protocol.Join(parent, name), false)
			return err != nil || st.NumChildren > 0 // the walk tells what is wrong
		}
	}
	var bars []string // left of the nodes at each depth
	count := 0
	err := c.survey(s, root, o, func(n *walk.Node) error {
		count++
		owner, err := ownerOf(c, s, n)
		if err != nil {
			return err
		}
		return c.Emit(newZnode(n, owner), func() {
			name, bar := n.Path, ""
			if n.Depth > 0 {
				name = protocol.Base(n.Path)
				bars = append(bars[:n.Depth-1], "│   ")
				if bar = "├── "; n.Last {
					bars[n.Depth-1], bar = "    ", "└── "
				}
			}
			switch {
			case n.Giant:
				name += fmt.Sprintf("  (%s children)", grouped(n.Stat.NumChildren))
			case n.Err != nil:
				name += "  (not readable)"
			}
			c.Print([]byte(strings.Join(bars[:max(n.Depth-1, 0)], "") + bar + name + "\n"))
		})
	})
	if !c.records() && count > 0 {
		c.Printf("%s\n", counted(count, "znode"))
	}
	return err
}
