package command

import (
	"errors"
	"fmt"
	"sync"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/journal"
)

var setACL = &Command{
	Name:  "setAcl",
	Usage: Usage{R34: "path acl", R38: "[-s] [-v version] [-R] path acl", Own: "[-s] [-v version] [-R] [-n] [-rate number] path acl"},
	Flags: append([]Flag{
		{Name: "s", Help: "stats"},
		{Name: "v", Arg: "version", Help: "version"},
		{Name: "R", Help: "recursive"},
	}, bulkFlags...),
	Args:    []Arg{{Name: "path", Kind: PathArg}, {Name: "acl", Kind: ACLArg}},
	Summary: "replace the ACL of a znode",
	Help: "The ACL is scheme:id:perms[,scheme:id:perms…], the permissions letters of c d r w a. -v expects an aclVersion.\n" +
		"-R counts the subtree first (-n prints the plan), carries on after a failure and ends with exit code 1 when there was one.",
	Example: []string{"setAcl /app world:anyone:r,auth::cdrwa", "setAcl -R /app sasl:joe:cdrwa"},
	Min:     2, Max: 2,
	Changes: true,
	Run:     runSetACL,
}

func runSetACL(c *Context) error {
	acl, err := parseACL(c, c.Args[1], c.Shell.resolve(c.Args[0]))
	if err != nil {
		return err
	}
	version, err := c.versionFlag(-1)
	if err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	switch {
	case c.Has("R") && c.Compat.Release == Own:
		return setTreeACLs(c, s, path, acl, version)
	case c.Has("R"):
		return setACLs(c, s, path, acl, version)
	}
	st, err := s.SetACL(c, path, acl, version)
	if err != nil {
		return err
	}
	return c.changed(path, st)
}

// setTreeACLs sets the ACL of a subtree, parents first. All of it is looked at
// before: the new ACL may be one under which nothing more can be listed.
func setTreeACLs(c *Context, s Session, root string, acl []protocol.ACL, version int32) error {
	o, err := c.bulkOptions()
	if err != nil {
		return err
	}
	s, rec := unrecorded(s)
	acls := false
	if rec != nil && !c.Has("n") {
		acls = true
	}
	var old []bulk.Node // without data, as p.Down yields them
	p, err := c.surveyTree(s, root, acls, nil, func(n *bulk.Node) { old = append(old, bulk.Node{ACL: n.ACL, Stat: n.Stat}) })
	if err != nil {
		return err
	}
	p.kept = true
	if rec != nil {
		p.noUndo = ""
	}
	if c.Has("n") {
		return p.printPlan(p.record(root), "set the ACL of")
	}
	if !p.goOn("Set the ACL of", "setting the ACL of", fmt.Sprintf("%s and %s below it", root, count(p.Count-1, "znode"))) {
		return &Failure{Text: "setAcl: nothing was changed"}
	}
	before := map[string]*bulk.Node{} // of those on their way
	var mu sync.Mutex
	steps := func(yield func(bulk.Step) bool) {
		i := 0
		for level, place := range p.Down() {
			was := &old[i]
			i++
			expected := version
			if expected < 0 {
				expected = was.Stat.Aversion
			}
			mu.Lock()
			before[place.Path] = was
			mu.Unlock()
			if !yield(bulk.Step{Level: level, Op: bulk.SetACLRequest(place.Path, acl, expected)}) {
				return
			}
		}
	}
	failed := 0
	fail := func(err error) {
		failed++
		c.Warn(describeOf(c, err))
	}
	for _, err := range p.Refused {
		fail(err)
	}
	o.Resolve = func(step bulk.Step, err error) ([]bulk.Step, error) {
		if !errors.Is(err, protocol.NoNode) || step.Path() == root {
			fail(err)
		}
		return nil, nil
	}
	o.Done = func(steps []bulk.Step, results []protocol.MultiResult) {
		path := steps[0].Path()
		mu.Lock()
		was := before[path]
		delete(before, path)
		mu.Unlock()
		if rec == nil {
			return
		}
		full := writing{Session: s}.absolute(path)
		if was.ACL == nil {
			rec.missed(full, "its ACL may not be read")
			return
		}
		rec.add(&journal.Record{Kind: journal.SetACL, Path: full, Before: was.Stat, After: results[0].Stat, ACL: was.ACL})
	}
	report, err := p.apply(c, s, steps, o, "changed")
	if err != nil {
		p.unfinished(report, "changed")
		return err
	}
	if failed > 0 {
		return &Failure{Text: fmt.Sprintf("setAcl: znodes changed: %d, failed: %d", report.Done, failed)}
	}
	return p.emitDone(root, "", report)
}

// setACLs goes through a subtree as Apache does: a znode's children get the
// ACL, then theirs. A znode that has just been deleted is passed over.
func setACLs(c *Context, s Session, root string, acl []protocol.ACL, version int32) error {
	if _, _, err := s.Get(c, root, false); err != nil {
		return err
	}
	done, failed := 0, 0
	apply := func(path string) error {
		_, err := s.SetACL(c, path, acl, version)
		switch {
		case err == nil:
			done++
		case !isCode(err):
			return err // no verdict of the server: the rest would fare no better
		case c.Compat.GluedACLErrors:
			c.Print([]byte(err.Error()))
		case errors.Is(err, protocol.NoNode) && path != root:
		default:
			failed++
			c.Warn(describeOf(c, err))
		}
		return nil
	}
	if err := apply(root); err != nil {
		return err
	}
	pending := []string{root}
	for len(pending) > 0 {
		node := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		names, _, err := s.Children(c, node, false)
		switch {
		case errors.Is(err, protocol.NoNode):
			continue
		case err != nil && isCode(err) && !c.Compat.GluedACLErrors:
			failed++
			text, _ := c.Compat.Describe(c.Command, err)
			c.Warn(text)
			continue
		case err != nil:
			return err
		}
		for _, n := range names {
			child := protocol.Join(node, n)
			if err := apply(child); err != nil {
				return err
			}
			pending = append(pending, child)
		}
	}
	if failed > 0 {
		return &Failure{Text: fmt.Sprintf("setAcl: znodes changed: %d, failed: %d", done, failed)}
	}
	return nil
}
