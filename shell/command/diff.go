package command

import (
	"errors"
	"fmt"
	"strings"

	"zookit/shell/value"
)

var diff = &Command{
	Name:  "diff",
	In:    Own,
	Usage: Usage{Own: "[-v] [-noacl] path [path]"},
	Flags: []Flag{
		{Name: "v", Help: "show how data and ACLs differ"},
		{Name: "noacl", Help: "do not compare ACLs"},
	},
	Args:    []Arg{{Name: "left", Kind: TargetArg}, {Name: "right", Kind: TargetArg}},
	Summary: "compare two subtrees: which znodes are there, their data and ACLs",
	Help: "A path may be name:/path on another connection, or file:DATADIR:/path, file:SNAPSHOT:/path, file:EXPORT; without the second one\n" +
		"the same path here. \"-\" marks what is only left, \"+\" what is only right, \"~\" what differs. Zxids, times and versions do not count.\n" +
		"The exit code is 0 when the subtrees are the same, 1 when they differ and 2 when that could not be found out.",
	Example: []string{"diff /app /copy", "diff -v file:app.jsonl /app", "diff prod:/app test:/app", "diff file:/var/lib/zookeeper/version-2/snapshot.1f4:/app"},
	Min:     1, Max: 2,
	Many:    true, // the two belong together
	Trouble: 2,
	Run:     runDiff,
}

// errDiffer ends diff with 1, without a word: the differences have been told.
var errDiffer = &Failure{Exit: ExitFailed}

func runDiff(c *Context) error {
	left, err := c.subtree(c.Args[0])
	if err != nil {
		return err
	}
	second := left.root
	if len(c.Args) > 1 {
		second = c.Args[1]
	}
	right, err := c.subtree(second)
	if err != nil {
		return err
	}
	left.stat, right.stat = false, false
	left.progress = func(done, pending int) {
		c.Progress(fmt.Sprintf("diff: %s, %d more are known of", count(done, "znode"), pending))
	}
	counts := map[string]int{}
	d := &subtreeDiff{left: left, right: right, noACL: c.Has("noacl"), found: func(f *Difference) error {
		counts[f.Change]++
		if c.Shell.Out.Broken() {
			return errDiffer
		}
		return c.Emit(f, func() { c.printDifference(f) })
	}}
	if err := d.run(c); err != nil {
		return err
	}
	if err := errors.Join(left.refusal("diff"), right.refusal("diff")); err != nil {
		return err
	}
	for _, r := range []*subtreeReader{left, right} {
		if r.masks > 0 && !d.noACL {
			c.Shell.Out.Note(fmt.Sprintf("diff: %s digests in its ACL that are hidden from this session; they were compared by their users alone: %s",
				hasOrHave(r.masks, "znode"), andMore(r.masked, r.masks)))
		}
	}
	if len(counts) > 0 {
		return errDiffer
	}
	return nil
}

// subtree is what an argument of a command on subtrees names. An export named
// without a path means its own root.
func (c *Context) subtree(arg string) (*subtreeReader, error) {
	s, path, err := c.Target(arg)
	if err != nil {
		return nil, err
	}
	r := newSubtreeReader(s, path)
	if name, _ := SplitTarget(arg); name == arg && r.rest != nil {
		r.root, err = r.rest.Root(c)
	}
	return r, err
}

// printDifference prints one for people and scripts.
func (c *Context) printDifference(d *Difference) {
	switch d.Change {
	case "left":
		c.Printf("- %s%s\n", d.Left, below(d.Znodes))
		return
	case "right":
		c.Printf("+ %s%s\n", d.Right, below(d.Znodes))
		return
	}
	path := d.Left
	if d.Right != d.Left {
		path += " " + d.Right
	}
	c.Printf("~ %s %s\n", path, strings.Join(d.Aspects, ","))
	if !c.Has("v") {
		return
	}
	if d.LeftKind != d.RightKind {
		c.Printf("  kind: %s → %s\n", d.LeftKind, d.RightKind)
	}
	if d.LeftACL != nil || d.RightACL != nil {
		c.Printf("  acl: %s → %s\n", strings.Join(d.LeftACL, ","), strings.Join(d.RightACL, ","))
	}
	c.printDataDiff(value.Diff(d.LeftData, d.RightData))
}

// printDataDiff prints a diff of data, in colours on a terminal.
func (c *Context) printDataDiff(text []byte) {
	if !c.Shell.Out.OutTerminal {
		c.Print(text)
		return
	}
	c.Shell.settle(c)
	c.Shell.Out.PrintStyled(c.Shell.Out.OutStyle.AppendLines(nil, value.DiffLines(text)))
}

func hasOrHave(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " has"
	}
	return fmt.Sprintf("%d %ss have", n, noun)
}

func below(znodes int) string {
	if znodes == 1 {
		return ""
	}
	return fmt.Sprintf(" and %d below", znodes-1)
}
