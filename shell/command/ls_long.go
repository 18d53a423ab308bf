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
	rows   [][]string // of -l, until their columns are set
	wide   []int      // the columns of -l; nil until they are set
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
	l.setColumns()
	return nil
}

func (l *lister) print(z *Znode) error {
	return l.c.Emit(z, func() {
		name := z.Path
		if !l.paths {
			name = protocol.Base(z.Path)
		}
		if !l.c.Has("l") {
			l.c.Print([]byte(name + "\n"))
			return
		}
		if l.rows = append(l.rows, l.row(z, name)); l.wide != nil || len(l.rows) == maxMeasured {
			l.setColumns()
		}
	})
}

// maxMeasured is how many rows of ls -l set its columns, so that the first can be
// printed before the last is known. A longer cell below them stands out.
const maxMeasured = 1000

// setColumns prints the rows there are, under their header when they are the
// first, in columns as wide as those have them.
func (l *lister) setColumns() {
	if len(l.rows) == 0 {
		return
	}
	if l.wide == nil {
		size := "bytes"
		if l.c.Has("h") {
			size = "size"
		}
		l.rows = slices.Insert(l.rows, 0, []string{"type", size, "children", "version", "owner", "modified", "name"})
		l.wide = make([]int, len(l.rows[0])-1)
		for _, row := range l.rows {
			for i := range l.wide {
				l.wide[i] = max(l.wide[i], len(row[i]))
			}
		}
	}
	var b []byte
	for _, row := range l.rows {
		for i, cell := range row[:len(l.wide)] {
			wide := l.wide[i]
			if leftColumns[i] {
				wide = -wide
			}
			b = fmt.Appendf(b, "%*s ", wide, cell)
		}
		b = append(append(b, row[len(l.wide)]...), '\n')
	}
	l.c.Print(b)
	l.rows = l.rows[:0]
}

// leftColumns are those of ls -l that begin at the left: type, owner, modified.
var leftColumns = [...]bool{0: true, 4: true, 5: true}

func (l *lister) row(z *Znode, name string) []string {
	if z.Type == "" {
		return []string{"?", "-", "-", "-", "-", "-", name}
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
	return []string{kind, size, strconv.Itoa(int(z.Children)), strconv.Itoa(int(z.Version)), owner, modified, name}
}
