package command

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"zookit/shell/walk"
)

var du = &Command{
	Name:  "du",
	In:    Own,
	Usage: Usage{R38: "[-h] [-s | -d levels] [-n] [-a] [path ...]"},
	Flags: []Flag{
		{Name: "h", Help: "sizes as 1.5K, 12M"},
		{Name: "s", Help: "the total alone"},
		{Name: "d", Arg: "levels", Help: "a line for each znode that many levels down (1)"},
		{Name: "n", Help: "sort by the number of znodes instead of by bytes"},
		allFlag,
	},
	Args:    []Arg{{Name: "path", Kind: PathArg, Repeat: true}},
	Summary: "count the bytes of data and the znodes below a znode, child by child",
	Help: "A line holds the bytes of data, the number of znodes and the path, all below it and itself included; the largest comes\n" +
		"first, the total last. A + behind the numbers means that not all was counted: a giant parent that only -a goes into,\n" +
		"what may not be read, or the rest after Ctrl-C. Memory that a server needs for a znode beside its data is not counted.",
	Example: []string{"du -h /", "du -s /app", "du -n -d 2 /app"},
	Many:    true,
	Run:     runDu,
}

// maxUsages bounds the lines of du, which are sorted, so that they are held
// until the last znode is counted.
const maxUsages = 1 << 20

// SubtreeUse is what a subtree holds, the result of du.
type SubtreeUse struct {
	Path     string `json:"path"`
	Bytes    int64  `json:"bytes"`             // of data
	Znodes   int64  `json:"znodes"`            // itself included
	Partial  bool   `json:"partial,omitempty"` // not all of it was counted
	complete bool   // its last znode was passed
}

func runDu(c *Context) error {
	levels := 1
	if text := c.FlagValue("d"); c.Has("d") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || c.Has("s") {
			return &Failure{Text: fmt.Sprintf("du: -d: %q is no number of levels, or -s was given, which has none", text)}
		}
		levels = n
	}
	if c.Has("s") {
		levels = 0
	}
	return c.eachRoot(0, func(s Session, root string) error { return measure(c, s, root, levels) })
}

// measure counts a subtree and prints what it found, also when it was ended.
func measure(c *Context, s Session, root string, levels int) error {
	var uses, way []*SubtreeUse // way: those the walk is in, by depth
	err := c.survey(s, root, walk.Options{Stat: true}, func(n *walk.Node) error {
		for len(way) > n.Depth {
			way[len(way)-1].complete = true
			way = way[:len(way)-1]
		}
		if n.Depth <= levels {
			if len(uses) == maxUsages {
				return &Failure{Text: fmt.Sprintf("du: more than %s lines; ask for fewer levels or a smaller subtree", grouped(maxUsages))}
			}
			u := &SubtreeUse{Path: n.Path, complete: n.Stat != nil && n.Stat.NumChildren == 0}
			uses, way = append(uses, u), append(way, u)
		}
		for _, u := range way {
			u.Znodes++
			if n.Stat != nil {
				u.Bytes += int64(n.Stat.DataLength)
			}
			u.Partial = u.Partial || n.Giant || n.Err != nil
		}
		return nil
	})
	if err == nil {
		for _, u := range way {
			u.complete = true
		}
	}
	return cmp.Or(printUses(c, uses), err)
}

func printUses(c *Context, uses []*SubtreeUse) error {
	if len(uses) == 0 {
		return nil
	}
	size := func(u *SubtreeUse) int64 {
		if c.Has("n") {
			return u.Znodes
		}
		return u.Bytes
	}
	below := uses[1:]
	slices.SortStableFunc(below, func(a, b *SubtreeUse) int { return cmp.Compare(size(b), size(a)) })
	for _, u := range append(slices.Clone(below), uses[0]) {
		u.Partial = u.Partial || !u.complete
		err := c.Emit(u, func() {
			bytes, znodes, more := strconv.FormatInt(u.Bytes, 10), strconv.FormatInt(u.Znodes, 10), ""
			if c.Has("h") {
				bytes = humanSize(u.Bytes)
			}
			if u.Partial {
				more = "+"
			}
			c.Printf("%10s %9s  %s\n", bytes+more, znodes+more, u.Path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
