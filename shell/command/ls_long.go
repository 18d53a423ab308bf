package command

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"zookit/protocol"
	"zookit/shell/walk"
)

// maxSorted bounds the znodes that ls sorts by time or size: until the last is
// known the first cannot be printed.
const maxSorted = 1 << 20

// listZnodes is ls with one of -l, -t and -S, or with -R and records for a
// result: the children of a znode with their Stats, with -R all znodes below
// it, as they are found or sorted. A childless znode is listed itself.
func listZnodes(c *Context) error {
	if len(c.Args) > 1 || c.Has("w") {
		return &Failure{Text: "ls: -w sets watches only where names alone are listed"}
	}
	l := &lister{c: c, sorted: c.Has("t") || c.Has("S"), paths: c.Has("R") || c.isPattern(c.Args[0])}
	o := walk.Options{Stat: true, MaxDepth: 1}
	if c.Has("R") {
		o.MaxDepth = 0
	}
	err := c.eachRoot(0, func(s Session, root string) error {
		l.s = s
		return c.survey(s, root, o, func(n *walk.Node) error {
			if n.Depth == 0 && !c.Has("R") && (n.Err != nil || n.Stat.NumChildren > 0) {
				return nil
			}
			return l.add(n)
		})
	})
	if ended := l.end(); ended != nil && err == nil {
		err = ended
	}
	return err
}

// lister prints znodes, at once or sorted in the end.
type lister struct {
	c      *Context
	s      Session
	sorted bool
	paths  bool // names are paths
	held   []*Znode
	any    bool // a line was printed
}

func (l *lister) add(n *walk.Node) error {
	owner, err := ownerOf(l.c, l.s, n)
	if err != nil {
		return err
	}
	z := newZnode(n, owner)
	if !l.sorted {
		return l.print(z)
	}
	if len(l.held) == maxSorted {
		return &Failure{Text: fmt.Sprintf("ls: more than %s znodes are too many to sort; name a smaller subtree, or use find", grouped(maxSorted))}
	}
	l.held = append(l.held, z)
	return nil
}

// end prints what was held back: with -t the latest change first, with -S the
// most data.
func (l *lister) end() error {
	order := func(a, b *Znode) int { return cmp.Compare(b.Size, a.Size) }
	if l.c.Has("t") {
		order = func(a, b *Znode) int { return cmp.Compare(b.Modified, a.Modified) }
	}
	slices.SortStableFunc(l.held, order)
	if l.sorted && !l.c.Has("l") && !l.paths && !l.c.records() {
		names := make([]string, len(l.held))
		for i, z := range l.held {
			names[i] = protocol.Base(z.Path)
		}
		l.c.printList(names)
		return nil
	}
	for _, z := range l.held {
		if err := l.print(z); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) print(z *Znode) error {
	return l.c.Emit(z, func() {
		name := z.Path
		if !l.paths {
			name = protocol.Base(z.Path)
		}
		switch {
		case !l.c.Has("l"):
			l.c.Print([]byte(name + "\n"))
			return
		case !l.any:
			l.c.Printf(longLine+"\n", "type", l.sizeTitle(), "children", "version", "owner", "modified", "name")
		}
		l.any = true
		l.c.Print([]byte(l.line(z, name)))
	})
}

// longLine is a row of ls -l. Its columns are as wide as what a Stat can hold,
// so that rows can be printed before the last is known.
const longLine = "%-4s %9s %10s %8s %-18s %-19s %s"

func (l *lister) sizeTitle() string {
	if l.c.Has("h") {
		return "size"
	}
	return "bytes"
}

func (l *lister) line(z *Znode, name string) string {
	if z.Type == "" {
		return fmt.Sprintf(longLine+"\n", "?", "-", "-", "-", "-", "-", name)
	}
	kind := z.Type[:1]
	if z.Sequential {
		kind += "s"
	}
	size := strconv.Itoa(int(z.Size))
	if l.c.Has("h") {
		size = humanSize(int64(z.Size))
	}
	owner := "-"
	if z.Owner != "" {
		owner = z.Owner
	}
	modified := time.UnixMilli(z.Modified).In(l.c.Shell.Out.location()).Format(time.DateTime)
	return fmt.Sprintf(longLine+"\n", kind, size, strconv.Itoa(int(z.Children)), strconv.Itoa(int(z.Version)), owner, modified, name)
}
