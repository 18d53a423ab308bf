package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/session"
)

// listsInFlight is how many getChildren are on their way at once.
const listsInFlight = 16

var deleteAll = &Command{
	Name:    "deleteall",
	In:      Since38,
	Usage:   Usage{R38: "path [-b batch size]", Own: "[-n] [-rate number] [-b batch size] path"},
	Flags:   append([]Flag{{Name: "b", Arg: "size", Help: "batch size"}}, bulkFlags...),
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "delete a znode and everything below it",
	Help: "The subtree is counted first. Deletions are sent in multis of 1000 (-b), leaves first, each for the version that was\n" +
		"seen; a subtree that fits into one goes whole or not at all. -b 0 deletes one by one. -n prints the plan, -rate bounds the\n" +
		"znodes a second. At the prompt it asks above 100 znodes, for other sessions' ephemerals and in a protected profile; -y\n" +
		"answers. A failure ends with exit code 1 and names the first znode that could not be deleted; the same command goes on.\n" +
		"undo brings the subtree back.",
	Example: []string{"deleteall /app/cache", "deleteall -n /app", "deleteall -y -rate 500 /app"},
	Min:     1, Max: 1,
	Changes: true,
	Run:     runDeleteAll,
}

var rmr = &Command{
	Name:    "rmr",
	Old:     true,
	In:      Release34 | Own,
	Usage:   Usage{R34: "path", R38: "path", Own: "[-n] [-rate number] path"},
	Flags:   bulkFlags,
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "delete a znode and everything below it (3.4; now deleteall)",
	Min:     1, Max: 1,
	Changes: true,
	Run:     runDeleteAll,
}

func runDeleteAll(c *Context) error {
	o, err := c.bulkOptions()
	if err != nil {
		return err
	}
	if c.Has("b") {
		n, err := strconv.ParseInt(c.FlagValue("b"), 10, 32)
		if err != nil {
			return &Failure{Text: "-b argument must be an int value"}
		}
		o.Batch = max(int(n), 0)
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	if path == "/" && c.Compat.Release == Own {
		return &Failure{Text: c.Command.Name + ": the root cannot be deleted; name the znodes below it"}
	}
	p, s, err := c.planDelete(s, path)
	if err != nil {
		return err
	}
	switch {
	case c.Has("n"):
		return p.printPlan(p.record(path), "delete")
	case len(p.Refused) > 0:
		p.forget()
		return p.Refused[0] // what is below it cannot be listed, so it cannot be deleted
	case !p.goOn("Delete", "deleting", fmt.Sprintf("%s and %s below it", path, count(p.Count-1, "znode"))):
		p.forget()
		return &Failure{Text: c.Command.Name + ": nothing was deleted"}
	}
	if p.rec != nil && p.noUndo != "" {
		p.rec.missed(path, "it cannot be undone: "+p.noUndo)
	}
	report, err := p.apply(c, s, p.Deletes(c.Compat.Release == Own), o, "deleted")
	if err != nil {
		if report.Done == 0 && settled(err) {
			p.forget()
		}
		p.unfinished(report, "deleted")
		return c.deleteFailure(err)
	}
	return p.emitDone(path, "", report)
}

// planDelete counts what a deletion of a subtree takes with it and writes it
// into the journal.
func (c *Context) planDelete(s Session, path string) (*planned, Session, error) {
	s, rec := unrecorded(s)
	if c.Has("n") {
		rec = nil
	}
	if c.Compat.Release != Own {
		p, err := c.surveyTree(s, path, false, nil, nil)
		return p, s, err
	}
	var refused []string
	var may permits
	var unseen hiddenACLs
	check := func(n *bulk.Node) {
		unseen.see(n.Path, n.ACL)
		if n.Stat.NumChildren > 0 && may.forbids(n.ACL, protocol.PermDelete) {
			refused = append(refused, fmt.Sprintf("the %s of %s (permission d)", count(int(n.Stat.NumChildren), "child"), n.Path))
		}
	}
	acls := false
	if c.Has("n") || rec != nil {
		acls, may = true, c.permits(s)
	}
	p, err := c.surveyTree(s, path, acls, rec, check)
	if err != nil {
		return nil, s, err
	}
	if parent := protocol.Parent(path); may.known {
		if acl, _, err := s.GetACL(c, parent); err == nil && may.forbids(acl, protocol.PermDelete) {
			refused = append(refused, fmt.Sprintf("%s (permission d of %s)", path, parent))
		}
	}
	p.refused, p.hidden = refused, unseen
	return p, s, nil
}

// settled tells that a request which failed has certainly done nothing.
func settled(err error) bool {
	var refused *Failure
	var frozen *session.FrozenError
	return isCode(err) || errors.As(err, &refused) || errors.As(err, &frozen)
}

// deleteFailure is Apache's sentence with, in zkcli's own manner, the reason.
func (c *Context) deleteFailure(err error) error {
	if !isCode(err) {
		return err
	}
	text := "Failed to delete some node(s) in the subtree!"
	if c.Compat.Release == Own {
		reason, _ := c.Compat.Describe(c.Command, err)
		text += " " + reason
		if errors.Is(err, protocol.BadVersion) {
			text += " (it was changed after it was counted: look at it, then delete again)"
		}
	}
	return &Failure{Text: text, Soft: true, Err: err}
}

// subtree is a znode and what is below it, by depth; levels[0] is the root.
type subtree struct {
	levels     [][]string
	count      int
	ephemerals map[protocol.SessionID]int
}

// listSubtree lists breadth first, the znodes of a level several at a time. A
// znode that has just been deleted is left out.
func listSubtree(ctx context.Context, s Session, root string) (*subtree, error) {
	names, st, err := s.Children(ctx, root, false)
	if err != nil {
		return nil, err
	}
	tree := &subtree{levels: [][]string{{root}}, count: 1, ephemerals: map[protocol.SessionID]int{}}
	tree.owned(st)
	level := make([]string, len(names))
	for i, n := range names {
		level[i] = protocol.Join(root, n)
	}
	for len(level) > 0 {
		tree.levels = append(tree.levels, level)
		tree.count += len(level)
		if level, err = tree.listLevel(ctx, s, level); err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// listLevel lists the children of all znodes of a level, in their order.
func (t *subtree) listLevel(ctx context.Context, s Session, level []string) ([]string, error) {
	found := make([][]string, len(level))
	stats := make([]*protocol.Stat, len(level))
	err := inParallel(len(level), listsInFlight, func(i int) error {
		names, st, err := s.Children(ctx, level[i], false)
		if errors.Is(err, protocol.NoNode) {
			return nil
		}
		found[i], stats[i] = names, st
		return err
	})
	if err != nil {
		return nil, err
	}
	var next []string
	for i, names := range found {
		t.owned(stats[i])
		for _, n := range names {
			next = append(next, protocol.Join(level[i], n))
		}
	}
	return next, nil
}

// owned counts an ephemeral znode for its session.
func (t *subtree) owned(st *protocol.Stat) {
	if st == nil || st.NumChildren > 0 {
		return
	}
	if owner := protocol.EphemeralSession(st.EphemeralOwner, true); owner != 0 {
		t.ephemerals[owner]++
	}
}

// inParallel calls f(0) to f(n−1), several at once and starting them in order,
// and returns the first error; after one nothing more is started.
func inParallel(n, limit int, f func(i int) error) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		slots = make(chan struct{}, limit)
	)
	for i := range n {
		slots <- struct{}{}
		mu.Lock()
		stop := first != nil
		mu.Unlock()
		if stop {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := f(i); err != nil {
				mu.Lock()
				if first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return first
}
