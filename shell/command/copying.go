package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/journal"
)

// copying is one cp or mv.
type copying struct {
	c            *Context
	move         bool
	from, to     Session // unrecorded
	fromRec      *recorder
	toRec        *recorder
	root, target string
	sameServer   bool
	mark, toMark journal.Mark // of the recorders at the start

	p         *planned
	unseen    hiddenACLs // of the original
	recording sync.Mutex // guards p.noUndo while steps are under way
	made      int        // znodes created
	there     int        // znodes that -resume found

	source *bulk.Plan // what was copied, with the versions copied
	err    error      // of the survey within the steps
}

// lookAhead is how many copies -resume looks for together.
const lookAhead = 512

var errEnough = errors.New("enough")

// count looks at what is to be copied. All ACLs are read before the first
// write: a copy cannot have one that is hidden.
func (k *copying) count() error {
	var unseen hiddenACLs
	p, err := k.c.surveyTree(k.from, k.root, true, nil, func(n *bulk.Node) {
		if !k.system(n.Path) {
			unseen.see(n.Path, n.ACL)
		}
	})
	if err != nil {
		return err
	}
	k.p, k.unseen = p, unseen
	for _, path := range unseen.first {
		p.refused = append(p.refused, path+" (its ACL is hidden from this session)")
	}
	p.kept = !k.move
	if k.fromRec != nil || k.toRec != nil {
		p.noUndo = ""
	}
	if !k.move && !k.c.Has("r") && p.Count > 1 {
		return &Failure{Text: fmt.Sprintf("cp: %s has %s; -r copies them too", k.root, count(p.Count-1, "znode")+" below it")}
	}
	return nil
}

// run copies, and deletes the original of a move.
func (k *copying) run(o bulk.Options) (bulk.Report, error) {
	if k.move {
		k.mark = k.fromRec.mark()
	}
	k.toMark = k.toRec.mark()
	o.Done, o.Stats = k.created, k.toRec != nil
	o.Resolve = bulk.LeaveOutGone
	if k.move && k.sameServer {
		report, err := k.p.apply(k.c, k.to, chain(k.creates(), k.deletes()), o, "moved")
		return report, k.reason(err)
	}
	report, err := k.p.apply(k.c, k.to, k.creates(), o, "copied")
	if err = k.reason(err); err != nil || !k.move {
		return report, err
	}
	o.Done = nil
	deleted, err := k.p.apply(k.c, k.from, k.deletes(), o, "deleted")
	report.Done += deleted.Done
	report.LeftOut += deleted.LeftOut
	return report, err
}

// reason is the failure to read the original, when that is why the steps ended.
func (k *copying) reason(err error) error {
	if k.err != nil {
		return k.err
	}
	return err
}

// creates reads the original once more, with its ACLs, and makes the copy,
// parents first.
func (k *copying) creates() iter.Seq[bulk.Step] {
	return func(yield func(bulk.Step) bool) {
		var waiting []bulk.Step
		flush := func() error {
			left, err := k.missing(waiting)
			if err != nil {
				return err
			}
			for _, step := range left {
				if !yield(step) {
					return errEnough
				}
			}
			waiting = waiting[:0]
			return nil
		}
		source, err := bulk.Survey(k.c, k.from, k.root, bulk.SurveyOptions{ACLs: true, Visit: func(n *bulk.Node) error {
			if k.system(n.Path) {
				return nil
			}
			if n.ACL == nil {
				return &Failure{Text: fmt.Sprintf("%s: the ACL of %s may not be read", k.c.Command.Name, n.Path)}
			}
			if hidden(n.ACL) { // since it was counted
				return k.cannotCopy(n.Path)
			}
			if err := k.willDelete(n); err != nil {
				return err
			}
			owner := protocol.EphemeralSession(n.Stat.EphemeralOwner, true)
			if owner != 0 && (owner != k.p.mine || !k.sameServer) {
				return nil
			}
			path := k.copyOf(n.Path)
			waiting = append(waiting, bulk.Step{Level: strings.Count(path, "/"), Op: createLike(path, n.Data, n.ACL, n.Stat.EphemeralOwner)})
			if k.c.Has("resume") && len(waiting) < lookAhead {
				return nil
			}
			return flush()
		}})
		if err == nil {
			err = flush()
		}
		if err == nil && len(source.Refused) > 0 {
			err = source.Refused[0]
		}
		if err != nil && !errors.Is(err, errEnough) {
			k.err = err
		}
		k.source = source
	}
}

// system tells that a znode is one that every server has of its own, when all
// of one goes to another.
func (k *copying) system(path string) bool {
	return k.root == "/" && k.target == "/" && (path == "/" || path == "/zookeeper" || strings.HasPrefix(path, "/zookeeper/"))
}

// cannotCopy says which ACLs a copy could not have.
func (k *copying) cannotCopy(which string) error {
	help := "addauth first as one with permission a"
	if _, rest := atRest(k.from); rest {
		help = "they were hidden from the session that exported them"
	}
	return &Failure{Text: fmt.Sprintf("%s: the digests in these ACLs are hidden from this session, and a copy with them would let nobody in (%s): %s",
		k.c.Command.Name, help, which), Err: protocol.NoAuth}
}

// willDelete records a znode of a move.
func (k *copying) willDelete(n *bulk.Node) error {
	if !k.move || k.lost() {
		return nil
	}
	change := k.fromRec.begin()
	if change == nil {
		return nil
	}
	err := change.Add(&journal.Record{Kind: journal.DeletedTree, Path: writing{Session: k.from}.absolute(n.Path), Before: n.Stat, Data: n.Data, ACL: n.ACL})
	if err != nil {
		k.cannotUndo(err)
	}
	return nil
}

// cannotUndo takes everything out of the journal again: half of a copy or a
// move, taken back, would be worse than none.
func (k *copying) cannotUndo(err error) {
	k.recording.Lock()
	defer k.recording.Unlock()
	if k.p.noUndo != "" {
		return
	}
	k.p.noUndo = err.Error()
	for r, mark := range map[*recorder]journal.Mark{k.fromRec: k.mark, k.toRec: k.toMark} {
		if r == nil || r != k.toRec && !k.move {
			continue
		}
		r.back(mark)
		r.missed(k.root, "it cannot be undone: "+err.Error())
	}
}

// lost tells that nothing more is to be recorded.
func (k *copying) lost() bool {
	k.recording.Lock()
	defer k.recording.Unlock()
	return k.p.noUndo != ""
}

// deletes deletes the original while it is what was copied.
func (k *copying) deletes() iter.Seq[bulk.Step] {
	return func(yield func(bulk.Step) bool) {
		if k.err != nil || k.source == nil {
			return
		}
		if change := k.fromRec.begin(); change != nil {
			if k.err = change.Flush(); k.err != nil {
				return
			}
		}
		for step := range k.source.Deletes(true) {
			step.Level += 1 << 20 // behind the creates
			if !yield(step) {
				return
			}
		}
	}
}

// chain is one sequence of steps after the other.
func chain(first, second iter.Seq[bulk.Step]) iter.Seq[bulk.Step] {
	return func(yield func(bulk.Step) bool) {
		for step := range first {
			if !yield(step) {
				return
			}
		}
		second(yield)
	}
}

// copyOf is the path of a copy.
func (k *copying) copyOf(path string) string {
	if path == k.root {
		return k.target
	}
	rest := strings.TrimPrefix(path, strings.TrimSuffix(k.root, "/"))
	return strings.TrimSuffix(k.target, "/") + rest
}

// missing leaves out, with -resume, the copies that are there.
func (k *copying) missing(steps []bulk.Step) ([]bulk.Step, error) {
	if !k.c.Has("resume") || len(steps) == 0 {
		return steps, nil
	}
	paths := make([]string, len(steps))
	for i := range steps {
		paths[i] = steps[i].Path()
	}
	looks, err := bulk.LookAt(k.c, k.to, paths)
	if err != nil {
		return nil, err
	}
	left := steps[:0:0]
	for i, l := range looks {
		switch {
		case errors.Is(l.Err, protocol.NoNode):
			left = append(left, steps[i])
		case l.Err != nil:
			return nil, l.Err
		case !bytes.Equal(l.Data, dataOf(steps[i].Op)):
			return nil, &Failure{Text: fmt.Sprintf("%s: %s is there and has other data; nothing of it was changed", k.c.Command.Name, paths[i])}
		default:
			k.there++
		}
	}
	return left, nil
}

func dataOf(op protocol.MultiOp) []byte {
	switch r := op.Record.(type) {
	case *protocol.CreateRequest:
		return r.Data
	case *protocol.CreateTTLRequest:
		return r.Data
	}
	return nil
}

// created records the copies that were made.
func (k *copying) created(steps []bulk.Step, results []protocol.MultiResult) {
	records := createdRecords(k.c, k.to, steps, results)
	k.made += len(records)
	change := k.toRec.begin()
	if change == nil || len(records) == 0 || k.lost() {
		return
	}
	for _, rec := range records {
		if err := change.Add(rec); err != nil {
			k.cannotUndo(err)
			return
		}
	}
}

// createdRecords are the creates among steps that were carried out, for the
// journal. A server before 3.5 does not tell the Stats of creates in a multi,
// so they are read.
func createdRecords(ctx context.Context, s Session, steps []bulk.Step, results []protocol.MultiResult) []*journal.Record {
	var records []*journal.Record
	var untold []string
	for i := range steps {
		switch steps[i].Op.Type {
		case protocol.OpDelete, protocol.OpSetData, protocol.OpSetACL, protocol.OpCheck:
			continue
		}
		rec := &journal.Record{Kind: journal.CreatedTree, Path: writing{Session: s}.absolute(steps[i].Path()), After: results[i].Stat}
		if rec.After.Czxid == 0 {
			untold = append(untold, steps[i].Path())
		}
		records = append(records, rec)
	}
	if untold == nil {
		return records
	}
	looks, err := bulk.LookAt(context.WithoutCancel(ctx), s, untold)
	if err != nil {
		return records
	}
	for _, rec := range records {
		if rec.After.Czxid == 0 {
			if looks[0].Err == nil && looks[0].Stat.Version == 0 {
				rec.After = looks[0].Stat
			}
			looks = looks[1:]
		}
	}
	return records
}

// notKept names what is not the same in the copy.
func (k *copying) notKept() []string {
	list := []string{"czxid, times and versions begin anew"}
	if k.p.Counters > 0 {
		list = append(list, fmt.Sprintf("the sequence counters of %s begin lower", count(k.p.Counters, "parent")))
	}
	for owner, n := range k.p.Ephemerals {
		if owner != k.p.mine || !k.sameServer {
			list = append(list, fmt.Sprintf("%s of session %v", count(n, "ephemeral"), owner))
		}
	}
	return list
}

// failure says which part failed, and why.
func (k *copying) failure(err error) error {
	switch {
	case errors.Is(err, protocol.NodeExists):
		return &Failure{Text: fmt.Sprintf("%s (a copy that ended early goes on with -resume)", describeOf(k.c, err)), Err: err}
	case errors.Is(err, protocol.NoNode):
		return &Failure{Text: fmt.Sprintf("%s: the parent of %s does not exist; create it first", k.c.Command.Name, k.target), Err: err}
	case errors.Is(err, protocol.BadVersion):
		return &Failure{Text: fmt.Sprintf("mv: the original was changed while it was copied, so it stays: %s", describeOf(k.c, err)), Err: err}
	case errors.Is(err, protocol.NotEmpty):
		return &Failure{Text: fmt.Sprintf("mv: the original got new children while it was copied, so it stays: %s", describeOf(k.c, err)), Err: err}
	case errors.Is(err, protocol.Unimplemented):
		return &Failure{Text: fmt.Sprintf("%s: %s: the server takes no such znode (a time to live needs extendedTypesEnabled)", k.c.Command.Name, describeOf(k.c, err)), Err: err}
	}
	return err
}

func describeOf(c *Context, err error) string {
	text, _ := c.Compat.Describe(c.Command, err)
	return text
}
