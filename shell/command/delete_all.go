package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"zookit/protocol"
)

const (
	defaultDeleteBatch = 1000 // deletions in one multi, as in Apache
	deletesInFlight    = 10   // multis on their way at once, as in Apache
	listsInFlight      = 16   // getChildren on their way at once

	// largeTree is how many znodes may be deleted at the prompt unasked.
	largeTree = 100

	// maxDeleteBatchBytes keeps a multi below half of the default
	// jute.maxbuffer whatever the batch size asked for: a server drops the
	// connection of whoever sends more than it takes.
	maxDeleteBatchBytes = protocol.DefaultMaxBuffer / 2
)

var deleteAll = &Command{
	Name:    "deleteall",
	In:      Since38,
	Usage:   Usage{R38: "path [-b batch size]"},
	Flags:   []Flag{{Name: "b", Arg: "size", Help: "batch size"}},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "delete a znode and everything below it",
	Help: "Deletions are sent in multis of 1000 (-b), leaves first; a subtree that fits into one goes whole or not at all.\n" +
		"-b 0 deletes one by one. A failure ends with exit code 1 and names the first znode that could not be deleted.",
	Example: []string{"deleteall /app/cache", "deleteall -b 100 /app"},
	Min:     1, Max: 1,
	Run: runDeleteAll,
}

var rmr = &Command{
	Name:    "rmr",
	In:      Release34 | Own,
	Usage:   Usage{R34: "path", R38: "path"},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "delete a znode and everything below it (3.4; now deleteall)",
	Min:     1, Max: 1,
	Run: runDeleteAll,
}

func runDeleteAll(c *Context) error {
	batch := defaultDeleteBatch
	if text := c.FlagValue("b"); c.Has("b") {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return &Failure{Text: "-b argument must be an int value"}
		}
		batch = int(n)
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	tree, err := listSubtree(c, s, path)
	if err != nil {
		return err
	}
	if !c.mayDelete(s, path, tree) {
		return &Failure{Text: c.Command.Name + ": nothing was deleted"}
	}
	if batch <= 0 {
		for level := len(tree.levels) - 1; level >= 0; level-- {
			for _, p := range tree.levels[level] {
				if err := s.Delete(c, p, -1); err != nil && !(errors.Is(err, protocol.NoNode) && p != path) {
					return err
				}
			}
		}
		return nil
	}
	if err := deleteTree(c, s, tree, batch); err != nil {
		return c.deleteFailure(err)
	}
	return nil
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
	}
	return &Failure{Text: text, Soft: true, Err: err}
}

// mayDelete tells a person at the prompt what is about to go, and asks when it
// is much or belongs to other sessions. Scripts are never asked.
func (c *Context) mayDelete(s Session, path string, tree *subtree) bool {
	if !c.asks() {
		return true
	}
	what := fmt.Sprintf("%s and %d znodes below it", path, tree.count-1)
	foreign := 0
	for owner, n := range tree.ephemerals {
		if owner != s.SessionID() {
			foreign += n
		}
	}
	if foreign > 0 {
		what += fmt.Sprintf(", %d of them ephemerals of other sessions", foreign)
	}
	if tree.count <= largeTree && foreign == 0 && !c.Protected() {
		if tree.count > 1 {
			c.Shell.Out.Note("deleting " + what)
		}
		return true
	}
	return c.Confirm("Delete " + what + "?")
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

// deleteTree deletes a subtree leaves first. One that fits into a batch goes
// in one multi, so whole or not at all; otherwise a level is finished before
// the one above it begins, and nothing new is sent after a failure.
func deleteTree(ctx context.Context, s Session, tree *subtree, batch int) error {
	var whole []string
	for i := len(tree.levels) - 1; i >= 0; i-- {
		whole = append(whole, tree.levels[i]...)
	}
	if parts := cutBatches(whole, batch); len(parts) == 1 {
		return deleteBatch(ctx, s, parts[0])
	}
	for i := len(tree.levels) - 1; i >= 0; i-- {
		parts := cutBatches(tree.levels[i], batch)
		err := inParallel(len(parts), deletesInFlight, func(i int) error { return deleteBatch(ctx, s, parts[i]) })
		if err != nil {
			return err
		}
	}
	return nil
}

// cutBatches splits paths by number and by bytes on the wire.
func cutBatches(paths []string, batch int) [][]string {
	const perOp = 9 + 4 + 4 // multi header, length of the path, version
	var parts [][]string
	start, size := 0, 0
	for i, p := range paths {
		if n := len(p) + perOp; i > start && (i-start >= batch || size+n > maxDeleteBatchBytes) {
			parts = append(parts, paths[start:i])
			start, size = i, 0
		}
		size += len(p) + perOp
	}
	return append(parts, paths[start:])
}

// deleteBatch deletes paths in one multi. What somebody else has deleted in
// the meantime is left out and the rest sent again, which can happen once a
// path at most.
func deleteBatch(ctx context.Context, s Session, paths []string) error {
	for len(paths) > 0 {
		ops := make([]protocol.MultiOp, len(paths))
		for i, p := range paths {
			ops[i] = protocol.MultiOp{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: p, Version: -1}}
		}
		results, err := s.Multi(ctx, ops)
		if err == nil {
			return nil
		}
		gone := -1
		for i, r := range results {
			if r.Type == protocol.OpError && r.Err == protocol.NoNode {
				gone = i
				break
			}
		}
		if gone < 0 || !errors.Is(err, protocol.NoNode) {
			return err
		}
		paths = append(append([]string(nil), paths[:gone]...), paths[gone+1:]...)
	}
	return nil
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
