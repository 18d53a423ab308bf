package command

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/export"
	"zookit/shell/journal"
)

// importAttempts is how often a znode is looked at again that others change
// while it is written.
const importAttempts = 4

// steps goes through the file once more and yields what is missing and, where
// the rule says so, what differs, if it still has the version that was read.
func (im *importer) steps(f io.ReadSeeker) iter.Seq[bulk.Step] {
	return func(yield func(bulk.Step) bool) {
		err := im.pass(f, true, func(chunk []*importEntry) error {
			if err := im.compare(chunk); err != nil {
				return err
			}
			for _, e := range chunk {
				steps, err := im.stepsOf(e)
				if err != nil {
					return err
				}
				for _, step := range steps {
					if !yield(step) {
						return errEnough
					}
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			im.err = err
		}
	}
}

// stepsOf is what is to be done about a znode; nothing when it is there as it
// shall be, or is to be left.
func (im *importer) stepsOf(e *importEntry) ([]bulk.Step, error) {
	im.counting.Lock()
	defer im.counting.Unlock()
	r := &im.result
	if e.missing() {
		return []bulk.Step{im.create(e)}, nil
	}
	if e.same() {
		r.Same++
		return nil, nil
	}
	note(&r.Conflicts, &r.Examples, e.Path)
	switch im.rule {
	case conflictSkip:
		return nil, nil
	case conflictFail:
		return nil, &Failure{Text: fmt.Sprintf("import: %s has appeared with other data or another ACL", e.Path)}
	}
	return im.overwrite(e)
}

// overwrite is the steps that make a znode what the file says.
func (im *importer) overwrite(e *importEntry) (steps []bulk.Step, err error) {
	if e.closed {
		return nil, &Failure{Text: fmt.Sprintf("import: %s may not be read by this session, so it is not overwritten (addauth may help; -on-conflict skip leaves it)", e.Path), Err: protocol.NoAuth}
	}
	if !e.sameData() {
		steps = append(steps, im.set(e))
	}
	if !e.sameACL() {
		steps = append(steps, bulk.Step{Of: e, Op: bulk.SetACLRequest(e.Path, e.ACL, e.there.Aversion)})
	}
	return steps, nil
}

func (im *importer) set(e *importEntry) bulk.Step {
	return bulk.Step{Of: e, Op: protocol.MultiOp{Type: protocol.OpSetData,
		Record: &protocol.SetDataRequest{Path: e.Path, Data: e.Data, Version: e.there.Version}}}
}

// create makes a znode of its kind. Servers that have no containers (3.4) or
// take no TTLs refuse those, and some a whole multi with one, so they go alone.
func (im *importer) create(e *importEntry) bulk.Step {
	flags := protocol.FlagPersistent
	switch e.Kind {
	case export.Container:
		flags = protocol.FlagContainer
	case export.TTL:
		flags = protocol.FlagTTL
	}
	return bulk.Step{Of: e, Alone: flags != protocol.FlagPersistent, Op: createOp(e.Path, e.Data, e.ACL, flags, e.TTLMs)}
}

// resolve decides about a step that the server refused because others have
// changed the znode since it was looked at, or takes no such kind.
func (im *importer) resolve(step bulk.Step, err error) ([]bulk.Step, error) {
	e := step.Of.(*importEntry)
	switch {
	case errors.Is(err, protocol.Unimplemented) && step.Alone:
		im.counting.Lock()
		defer im.counting.Unlock()
		note(&im.result.Plain, &im.result.PlainOnes, e.Path)
		return []bulk.Step{{Of: e, Op: createOp(e.Path, e.Data, e.ACL, protocol.FlagPersistent, 0)}}, nil
	case step.Op.Type == protocol.OpSetACL, !errors.Is(err, protocol.NodeExists) && !errors.Is(err, protocol.BadVersion) && !errors.Is(err, protocol.NoNode):
		return nil, err
	}
	if e.renewed++; e.renewed > importAttempts {
		return nil, fmt.Errorf("others are changing the same znodes: %w", err)
	}
	creating := step.Op.Type != protocol.OpSetData
	if lookErr := im.look([]*importEntry{e}); lookErr != nil {
		return nil, lookErr
	}
	switch {
	case e.missing() && creating && errors.Is(err, protocol.NoNode):
		return nil, err // its parent is gone
	case e.missing():
		step := im.create(e)
		step.Alone = false // this one stands in a multi
		return []bulk.Step{step}, nil
	case !e.sameACL() && im.rule == conflictOverwrite:
		return nil, fmt.Errorf("others are changing the same znodes: %w", err)
	}
	if !creating { // it is counted as a conflict already
		return im.overwrite(e)
	}
	return im.stepsOf(e)
}

// done counts what was written and records it for undo.
func (im *importer) done(steps []bulk.Step, results []protocol.MultiResult) {
	im.counting.Lock()
	defer im.counting.Unlock()
	for i := range steps {
		e := steps[i].Of.(*importEntry)
		switch steps[i].Op.Type {
		case protocol.OpSetData:
			im.result.Overwrote++
		case protocol.OpSetACL:
			if e.sameData() {
				im.result.Overwrote++
			}
		default:
			im.result.Created++
			im.result.Bytes += int64(len(e.Data))
		}
	}
	change := im.rec.begin()
	if change == nil || im.result.NoUndo != "" {
		return
	}
	for _, rec := range im.records(steps, results) {
		if err := change.Add(rec); err != nil {
			im.cannotUndo(err)
			return
		}
	}
}

// records are steps that were carried out, in their order, for the journal.
func (im *importer) records(steps []bulk.Step, results []protocol.MultiResult) []*journal.Record {
	created := createdRecords(im.c, im.s, steps, results)
	records := make([]*journal.Record, 0, len(steps))
	for i := range steps {
		e := steps[i].Of.(*importEntry)
		switch steps[i].Op.Type {
		case protocol.OpSetData:
			records = append(records, &journal.Record{Kind: journal.Set, Path: writing{Session: im.s}.absolute(e.Path),
				Before: *e.there, After: results[i].Stat, Data: e.data, ACL: e.acl})
		case protocol.OpSetACL:
			records = append(records, &journal.Record{Kind: journal.SetACL, Path: writing{Session: im.s}.absolute(e.Path),
				Before: *e.there, After: results[i].Stat, ACL: e.acl})
		default:
			records, created = append(records, created[0]), created[1:]
		}
	}
	return records
}

// cannotUndo takes everything out of the journal again: half of an import,
// taken back, would be worse than none.
func (im *importer) cannotUndo(err error) {
	im.result.NoUndo = err.Error()
	im.rec.back(im.mark)
	im.rec.missed(im.target, "it cannot be undone: "+err.Error())
}

// failure says why an import ended.
func (im *importer) failure(err error) error {
	switch {
	case errors.Is(err, protocol.NoNode):
		return &Failure{Text: fmt.Sprintf("import: %s: its parent was deleted meanwhile", describeOf(im.c, err)), Err: err}
	case errors.Is(err, protocol.NoAuth):
		return &Failure{Text: fmt.Sprintf("import: %s (import -n names such places; addauth may help)", describeOf(im.c, err)), Err: err}
	}
	return err
}
