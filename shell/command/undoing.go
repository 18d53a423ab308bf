package command

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/journal"
)

// undoing takes back one change.
type undoing struct {
	c     *Context
	s     Session // without a chroot
	r     *journal.Reader
	order []int // of the records, as they are taken back
	mine  protocol.SessionID

	todo   []bool  // parallel to order
	expect []int32 // parallel to order: the version, or that of the ACL, of what is to be written
	noted  map[string]map[journal.State]journal.State
	counts [journal.SetACL + 1]int

	already   int
	conflicts int
	examples  []string // of the conflicts
	lost      map[protocol.SessionID]int
	counters  int // parents whose sequence counter begins lower than it was
	hidden    hiddenACLs
	instead   []protocol.ACL // of znodes with hidden ACLs (-acl); nil when there is none
	broken    error
}

// checked is how many znodes are looked at together.
const checked = 2048

// check compares every znode with what the change left, and decides what is to
// be done. Anything that has changed since refuses the whole.
func (u *undoing) check() error {
	u.todo, u.expect = make([]bool, len(u.order)), make([]int32, len(u.order))
	u.noted = u.c.Shell.Journal.Noted()
	u.lost = map[protocol.SessionID]int{}
	for from := 0; from < len(u.order); from += checked {
		to := min(from+checked, len(u.order))
		records := make([]*journal.Record, 0, to-from)
		paths := make([]string, 0, to-from)
		for _, i := range u.order[from:to] {
			rec, err := u.r.Record(i)
			if err != nil {
				return &Failure{Text: "undo: " + err.Error()}
			}
			records, paths = append(records, rec), append(paths, rec.Path)
		}
		looks, err := bulk.LookAt(u.c, u.s, paths)
		if err != nil {
			return err
		}
		for i, rec := range records {
			now := &looks[i]
			if u.todo[from+i], err = u.decide(rec, now); err != nil {
				return err
			}
			if u.expect[from+i] = now.Stat.Version; rec.Kind == journal.SetACL {
				u.expect[from+i] = now.Stat.Aversion
			}
		}
		if from > 0 {
			u.c.Progress(fmt.Sprintf("undo: looking, %d of %d znodes so far", to, len(u.order)))
		}
	}
	if u.conflicts == 0 {
		return u.refuseHidden()
	}
	text := fmt.Sprintf("undo: nothing was taken back, since %q is not the latest change: %s",
		u.r.Header.Line, strings.Join(u.examples, "; "))
	if more := u.conflicts - len(u.examples); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return &Failure{Text: text}
}

// refuseHidden ends an undo that would write an ACL back which was never seen
// whole. Half of a change, or one with another ACL than anybody chose, is not
// what undo is for: -acl chooses.
func (u *undoing) refuseHidden() error {
	if u.hidden.count == 0 || u.instead != nil {
		return nil
	}
	return &Failure{Text: fmt.Sprintf("undo: nothing was taken back, since the digests in these ACLs were hidden when the change was recorded, and with them nobody would be let in: %v; "+
		"-acl gives the ACL that they get instead, like undo -acl auth::cdrwa %d", &u.hidden, u.r.Header.Number)}
}

// acl is what a znode gets back.
func (u *undoing) acl(rec *journal.Record) []protocol.ACL {
	if hidden(rec.ACL) {
		return u.instead
	}
	return rec.ACL
}

// decide tells whether something is to be done for a record.
func (u *undoing) decide(rec *journal.Record, now *bulk.Look) (bool, error) {
	there := now.Err == nil
	if now.Err != nil && !errors.Is(now.Err, protocol.NoNode) {
		// It may not be read. Its Stat is everybody's.
		st, err := u.s.Exists(u.c, rec.Path, false)
		switch {
		case err == nil:
			now.Stat, there = *st, true
		case !errors.Is(err, protocol.NoNode):
			return false, err
		}
	}
	seen := *now
	u.rewind(rec.Path, &seen.Stat)
	switch rec.Kind {
	case journal.Deleted, journal.DeletedTree:
		return u.decideDeleted(rec, now, there), nil
	case journal.Created, journal.CreatedTree:
		return u.decideCreated(rec, &seen, there), nil
	}
	return u.decideChanged(rec, &seen, there), nil
}

// rewind gives a znode that undo brought back the zxids and versions that it
// had before.
func (u *undoing) rewind(path string, st *protocol.Stat) {
	states := u.noted[path]
	for range len(states) { // no circle is longer
		was, ok := states[journal.StateOf(st)]
		if !ok {
			return
		}
		st.Czxid, st.Mzxid, st.Version, st.Aversion = was.Czxid, was.Mzxid, was.Version, was.Aversion
	}
}

// noteLimit is the most znodes of a change of which undo remembers that they
// are what they were.
const noteLimit = 1000

// note remembers which znodes are again what they were before the change, so
// that the change before it can be taken back as well.
func (u *undoing) note() error {
	var list []journal.Same
	var paths []string
	var expect []journal.Same
	if len(u.order) > noteLimit {
		return nil
	}
	for i, at := range u.order {
		rec, err := u.r.Record(at)
		if err != nil {
			return err
		}
		if !u.todo[i] || rec.Kind == journal.Created || rec.Kind == journal.CreatedTree {
			continue
		}
		want := journal.State{}
		switch rec.Kind {
		case journal.Set:
			want.Version = u.expect[i] + 1
		case journal.SetACL:
			want.Aversion = u.expect[i] + 1
		}
		paths = append(paths, rec.Path)
		expect = append(expect, journal.Same{Path: rec.Path, Was: journal.StateOf(&rec.Before), Is: want})
	}
	looks, err := bulk.LookAt(u.c, u.s, paths)
	if err != nil {
		return err
	}
	for i, l := range looks {
		is, same := journal.StateOf(&l.Stat), expect[i]
		// Somebody may have written it in between.
		if l.Err != nil || same.Is.Version > 0 && is.Version != same.Is.Version || same.Is.Aversion > 0 && is.Aversion != same.Is.Aversion ||
			same.Is.Version+same.Is.Aversion == 0 && is.Version+is.Aversion != 0 {
			continue
		}
		same.Is = is
		list = append(list, same)
	}
	return u.c.Shell.Journal.Note(list)
}

func (u *undoing) decideDeleted(rec *journal.Record, now *bulk.Look, there bool) bool {
	owner := protocol.EphemeralSession(rec.Before.EphemeralOwner, true)
	switch {
	case there && now.Stat.Czxid == rec.Before.Czxid:
		u.already++ // the change ended before it came to this one
		return false
	case owner != 0 && owner != u.mine:
		u.lost[owner]++
		return false
	case there && now.Stat.Version == 0 && bytes.Equal(now.Data, rec.Data):
		u.already++ // an undo that ended early
		return false
	case there:
		return u.conflict("%s was created again", rec.Path)
	}
	if rec.Before.Cversion > rec.Before.NumChildren {
		u.counters++
	}
	u.hidden.see(rec.Path, rec.ACL)
	u.counts[journal.Deleted]++
	return true
}

func (u *undoing) decideCreated(rec *journal.Record, now *bulk.Look, there bool) bool {
	after := &rec.After
	switch {
	case !there:
		u.already++
		return false
	case after.Czxid != 0 && now.Stat.Czxid != after.Czxid:
		return u.conflict("%s was deleted and created again", rec.Path)
	case after.Czxid != 0 && (now.Stat.Mzxid != after.Mzxid || now.Stat.Version != after.Version):
		return u.conflict("%s was written since (its version is %d now)", rec.Path, now.Stat.Version)
	case after.Czxid != 0 && now.Stat.Aversion != after.Aversion:
		return u.conflict("%s was given another ACL since", rec.Path)
	case len(u.order) == 1 && now.Stat.NumChildren > 0:
		return u.conflict("%s has %s now", rec.Path, count(int(now.Stat.NumChildren), "child"))
	}
	u.counts[journal.Created]++
	return true
}

func (u *undoing) decideChanged(rec *journal.Record, now *bulk.Look, there bool) bool {
	data := rec.Kind == journal.Set
	switch {
	case !there:
		return u.conflict("%s was deleted since", rec.Path)
	case now.Stat.Czxid != rec.Before.Czxid:
		return u.conflict("%s was deleted and created again", rec.Path)
	case data && now.Stat.Version == rec.After.Version+1 && bytes.Equal(now.Data, rec.Data):
		u.already++
		return false
	case data && now.Stat.Mzxid != rec.After.Mzxid:
		return u.conflict("%s was written since (version %d, after this change it was %d)", rec.Path, now.Stat.Version, rec.After.Version)
	case !data && now.Stat.Aversion != rec.After.Aversion:
		return u.conflict("%s was given another ACL since", rec.Path)
	}
	if !data {
		u.hidden.see(rec.Path, rec.ACL)
	}
	u.counts[rec.Kind]++
	return true
}

func (u *undoing) conflict(format string, args ...any) bool {
	u.conflicts++
	if len(u.examples) < 5 {
		u.examples = append(u.examples, fmt.Sprintf(format, args...))
	}
	return false
}

// steps are the requests that take the change back.
func (u *undoing) steps() iter.Seq[bulk.Step] {
	return func(yield func(bulk.Step) bool) {
		level, kind, depth := 0, journal.Kind(0), 0
		for i, at := range u.order {
			if !u.todo[i] {
				continue
			}
			rec, err := u.r.Record(at)
			if err != nil {
				u.broken = &Failure{Text: "undo: " + err.Error()}
				return
			}
			d := strings.Count(rec.Path, "/")
			tree := rec.Kind == journal.DeletedTree || rec.Kind == journal.CreatedTree
			// What was changed znode by znode does not depend on one another
			// only where it is the ACLs.
			if rec.Kind != kind || tree && d != depth || !tree && rec.Kind != journal.SetACL {
				level++
			}
			kind, depth = rec.Kind, d
			if !yield(bulk.Step{Level: level, Op: u.op(rec, u.expect[i])}) {
				return
			}
		}
	}
}

// op is the request that takes a record back, from the version it has now.
func (u *undoing) op(rec *journal.Record, version int32) protocol.MultiOp {
	switch rec.Kind {
	case journal.Created, journal.CreatedTree:
		return protocol.MultiOp{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: rec.Path, Version: version}}
	case journal.Set:
		return protocol.MultiOp{Type: protocol.OpSetData, Record: &protocol.SetDataRequest{Path: rec.Path, Data: rec.Data, Version: version}}
	case journal.SetACL:
		return bulk.SetACLRequest(rec.Path, u.acl(rec), version)
	}
	return createLike(rec.Path, rec.Data, u.acl(rec), rec.Before.EphemeralOwner)
}

// createLike makes a znode of the kind that an ephemeralOwner tells: persistent,
// container, with a time to live, or ephemeral.
func createLike(path string, data []byte, acl []protocol.ACL, owner protocol.SessionID) protocol.MultiOp {
	switch ttl := protocol.TTLOf(owner, true); {
	case owner == protocol.ContainerOwner:
		return createOp(path, data, acl, protocol.FlagContainer, 0)
	case ttl > 0:
		return createOp(path, data, acl, protocol.FlagTTL, ttl)
	case owner != 0:
		return createOp(path, data, acl, protocol.FlagEphemeral, 0)
	}
	return createOp(path, data, acl, protocol.FlagPersistent, 0)
}

// resolve passes over what is gone already.
func (u *undoing) resolve(step bulk.Step, err error) ([]bulk.Step, error) {
	if step.Op.Type == protocol.OpDelete && errors.Is(err, protocol.NotEmpty) {
		return nil, &Failure{Text: fmt.Sprintf("undo: %s has children that this change did not make; it stays", step.Path()), Err: err}
	}
	return bulk.LeaveOutGone(step, err)
}

// record is what is done, and what does not come back.
func (u *undoing) record() *UndoRecord {
	h := &u.r.Header
	rec := &UndoRecord{Number: h.Number, Line: h.Line, Created: u.counts[journal.Deleted], Deleted: u.counts[journal.Created],
		Data: u.counts[journal.Set], ACLs: u.counts[journal.SetACL], Already: u.already}
	say := func(format string, args ...any) { rec.NotBack = append(rec.NotBack, fmt.Sprintf(format, args...)) }
	if rec.Created > 0 {
		say("czxid, times and versions of what was deleted begin anew")
	}
	if u.counters > 0 {
		say("the sequence counters of %s begin lower than they were: numbers may be given again", count(u.counters, "parent"))
	}
	for owner, n := range u.lost {
		say("%s of session %v", count(n, "ephemeral"), owner)
	}
	if u.hidden.count > 0 {
		say("the ACLs of %v: they were hidden when the change was recorded, and are those of -acl", &u.hidden)
	}
	if rec.Data > 0 {
		say("versions go on, mzxid and mtime are new")
	}
	if h.Lost > 0 {
		say("%s that were not recorded: %s", count(h.Lost, "change"), joinReasons(*h))
	}
	return rec
}

func (u *undoing) print(rec *UndoRecord) error {
	return u.c.Emit(rec, func() {
		var parts []string
		for _, p := range []struct {
			n    int
			text string
		}{
			{rec.Created, "created again"}, {rec.Deleted, "deleted"}, {rec.Data, "with the old data"}, {rec.ACLs, "with the old ACL"}, {rec.Already, "as they were already"},
		} {
			if p.n > 0 {
				parts = append(parts, fmt.Sprintf("%s %s", count(p.n, "znode"), p.text))
			}
		}
		verb := "Undone"
		if rec.Planned {
			verb = "Would undo"
		}
		u.c.Printf("%s %s: %s\n", verb, rec.Line, strings.Join(parts, ", "))
		if len(rec.NotBack) > 0 {
			u.c.Printf("not as before: %s\n", strings.Join(rec.NotBack, "; "))
		}
	})
}
