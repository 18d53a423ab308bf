package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/journal"
	"zookit/shell/session"
)

// recorder writes what a command changes on one connection into the journal.
// A nil recorder records nothing.
type recorder struct {
	c      *Context
	conn   *connection
	mu     sync.Mutex
	change *journal.Change // nil until there is something to record
	broken bool
}

// recorder is the one for a connection; nil where changes are not recorded:
// without a journal, in a profile that wants none, and with -compat.
func (c *Context) recorder(conn *connection) *recorder {
	if c.Shell.Journal == nil || c.Compat.Release != Own || conn == nil || conn.profile.NoJournal {
		return nil
	}
	c.recording.Lock()
	defer c.recording.Unlock()
	for _, r := range c.recorders {
		if r.conn == conn {
			return r
		}
	}
	r := &recorder{c: c, conn: conn}
	c.recorders = append(c.recorders, r)
	return r
}

// begin opens the change with the first record. It is nil when the journal
// cannot be written, which is told once.
func (r *recorder) begin() *journal.Change {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.change != nil || r.broken {
		return r.change
	}
	var id protocol.SessionID
	if open := r.conn.sessionOf(r.c.Shell); open != nil {
		id = open.SessionID()
	}
	change, err := r.c.Shell.Journal.Begin(journal.Header{
		Time: time.Now(), Line: strings.Join(r.c.line, " "), Servers: ensembleOf(r.conn.profile.Servers), Session: id,
	})
	if err != nil {
		r.broken = true
		r.c.Shell.Out.Note("this change cannot be undone, the journal cannot be written: " + err.Error())
		return nil
	}
	r.change = change
	return change
}

// add records a change that was made.
func (r *recorder) add(rec *journal.Record) {
	change := r.begin()
	if change == nil {
		return
	}
	if err := change.Add(rec); err != nil {
		change.Missed(1, rec.Path+": "+err.Error())
	}
}

// missed notes a change that was made and cannot be recorded.
func (r *recorder) missed(path, why string) {
	if change := r.begin(); change != nil {
		change.Missed(1, path+": "+why)
	}
}

// unanswered notes creates that may have been carried out.
func (r *recorder) unanswered(path string, report bulk.Report) {
	if report.Unknown > 0 {
		r.missed(path, fmt.Sprintf("%s sent and not answered: whether they were made is not known", isOrAre(report.Unknown, "change")))
	}
}

// mark is how far the recorder is, for back.
func (r *recorder) mark() journal.Mark {
	if change := r.begin(); change != nil {
		return change.Mark()
	}
	return journal.Mark{}
}

// back forgets what was recorded since a mark: it is not going to be done, or
// there is no room for it.
func (r *recorder) back(m journal.Mark) {
	if change := r.begin(); change != nil {
		if err := change.Back(m); err != nil {
			change.Missed(1, "the journal cannot be written: "+err.Error())
		}
	}
}

// keepChanges ends what the command has recorded.
func (c *Context) keepChanges() {
	c.recording.Lock()
	defer c.recording.Unlock()
	for _, r := range c.recorders {
		if r.change == nil {
			continue
		}
		h := r.change.Header()
		err := r.change.Keep()
		switch {
		case err != nil:
			c.Shell.Out.Note("this change cannot be undone, the journal cannot be written: " + err.Error())
		case h.Lost > 0 && c.Shell.Interactive:
			c.Shell.Out.Note("not all of this can be undone: " + strings.Join(h.Reasons, "; "))
		}
	}
	c.recorders = nil
	if c.Shell.Interactive {
		c.Shell.FlushJournal()
	}
}

// FlushJournal writes what was recorded of small changes: those of a script wait
// for one another, to go into one file. To be called when the shell ends.
func (s *Shell) FlushJournal() {
	if s.Journal == nil {
		return
	}
	if err := s.Journal.Flush(); err != nil {
		s.Out.Note("this change cannot be undone, the journal cannot be written: " + err.Error())
	}
}

// sessionOf is the connection's session.
func (conn *connection) sessionOf(s *Shell) Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return conn.session
}

// ensembleOf is a connect string without its chroot.
func ensembleOf(servers string) string {
	hosts, _, _ := strings.Cut(servers, "/")
	return hosts
}

// deleteAttempts bounds how often a delete of any version is tried with the
// version just read, while others write the znode.
const deleteAttempts = 5

// delete deletes a znode and records what it was. So that this is what went, a
// delete of any version is one of the version read.
func (w writing) delete(ctx context.Context, path string, version int32) error {
	r := w.recorder()
	if r == nil {
		return w.Session.Delete(ctx, path, version)
	}
	for attempt := 1; ; attempt++ {
		was, why := w.look(ctx, path, true)
		if was == nil {
			err := w.Session.Delete(ctx, path, version)
			if err == nil {
				r.missed(w.absolute(path), why)
			}
			return err
		}
		was.Kind = journal.Deleted
		expected := version
		if version < 0 && attempt < deleteAttempts {
			expected = was.Before.Version
		}
		err := w.Session.Delete(ctx, path, expected)
		switch {
		case errors.Is(err, protocol.BadVersion) && expected != version:
			continue
		case err != nil:
		case expected < 0:
			r.missed(w.absolute(path), "it is written too often")
		default:
			r.add(was)
		}
		return err
	}
}

func (w writing) set(ctx context.Context, path string, data []byte, version int32) (*protocol.Stat, error) {
	r := w.recorder()
	if r == nil {
		return w.Session.Set(ctx, path, data, version)
	}
	look := w.lookAhead(ctx, path, false)
	st, err := w.Session.Set(ctx, path, data, version)
	was, why := look()
	switch {
	case err != nil:
	case was == nil:
		r.missed(w.absolute(path), why)
	case st.Version != was.Before.Version+1:
		r.missed(w.absolute(path), "somebody else changed it at the same time")
	default:
		was.Kind, was.After = journal.Set, *st
		r.add(was)
	}
	return st, err
}

func (w writing) setACL(ctx context.Context, path string, acl []protocol.ACL, version int32) (*protocol.Stat, error) {
	r := w.recorder()
	if r == nil {
		return w.Session.SetACL(ctx, path, acl, version)
	}
	old, before, lookErr := w.Session.GetACL(ctx, path)
	st, err := w.Session.SetACL(ctx, path, acl, version)
	switch {
	case err != nil:
	case lookErr != nil:
		r.missed(w.absolute(path), "its ACL could not be read: "+lookErr.Error())
	case st.Aversion != before.Aversion+1:
		r.missed(w.absolute(path), "somebody else changed its ACL at the same time")
	default:
		r.add(&journal.Record{Kind: journal.SetACL, Path: w.absolute(path), Before: *before, After: *st, ACL: old})
	}
	return st, err
}

// aheadReader asks for what a znode is and does not wait for the answer, as
// *session.Session does.
type aheadReader interface {
	Ahead(ctx context.Context, path string, acl bool) func() (*session.Look, error)
}

// look reads what a znode is before it is changed; nil and the reason when it
// cannot be read.
func (w writing) look(ctx context.Context, path string, withACL bool) (*journal.Record, string) {
	return w.lookAhead(ctx, path, withACL)()
}

// lookAhead asks what a znode is. A request that is sent before the answer is
// taken changes it afterwards.
func (w writing) lookAhead(ctx context.Context, path string, withACL bool) func() (*journal.Record, string) {
	s, ok := w.Session.(aheadReader)
	if !ok {
		data, st, err := w.Session.Get(ctx, path, false)
		look := &session.Look{Data: data}
		if err == nil {
			look.Stat = *st
			if withACL {
				look.ACL, _, err = w.Session.GetACL(ctx, path)
			}
		}
		return func() (*journal.Record, string) { return w.looked(path, look, err) }
	}
	answer := s.Ahead(ctx, path, withACL)
	return func() (*journal.Record, string) {
		look, err := answer()
		return w.looked(path, look, err)
	}
}

func (w writing) looked(path string, look *session.Look, err error) (*journal.Record, string) {
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // data and ACL are refused for one reason
		return nil, "it could not be read: " + reason
	}
	return &journal.Record{Path: w.absolute(path), Before: look.Stat, Data: look.Data, ACL: look.ACL}, ""
}

// absolute puts the chroot before a path.
func (w writing) absolute(path string) string {
	switch chroot := w.Session.Chroot(); {
	case chroot == "":
		return path
	case path == "/":
		return chroot
	default:
		return chroot + path
	}
}

// multi sends ops and records what they did, as if one after the other.
func (w writing) multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	r := w.recorder()
	if r == nil {
		return w.Session.Multi(ctx, ops)
	}
	before := map[string]*journal.Record{}
	reasons := map[string]string{}
	for _, op := range ops {
		path := bulk.PathOf(op)
		if _, seen := before[path]; !seen && (op.Type == protocol.OpDelete || op.Type == protocol.OpSetData) {
			before[path], reasons[path] = w.look(ctx, path, true)
		}
	}
	results, err := w.Session.Multi(ctx, ops)
	if err != nil {
		return results, err
	}
	records := w.records(ops, results, before, reasons)
	w.lookAtCreated(ctx, records)
	for _, rec := range records {
		r.add(rec)
	}
	return results, nil
}

// records tells what the ops of a multi did. before is what was there.
func (w writing) records(ops []protocol.MultiOp, results []protocol.MultiResult, before map[string]*journal.Record, reasons map[string]string) []*journal.Record {
	r := w.recorder()
	var records []*journal.Record
	byPath := map[string]*journal.Record{}
	for i, op := range ops {
		path := bulk.PathOf(op)
		rec := byPath[path]
		switch op.Type {
		case protocol.OpDelete, protocol.OpSetData:
			if rec == nil {
				if rec = before[path]; rec == nil {
					r.missed(w.absolute(path), reasons[path])
					continue
				}
				records, byPath[path] = append(records, rec), rec
			}
			if op.Type == protocol.OpDelete && rec.Kind == journal.Created {
				rec.Kind = 0 // made and gone
				delete(byPath, path)
			} else if op.Type == protocol.OpDelete {
				rec.Kind = journal.Deleted
				delete(byPath, path)
			} else if rec.After = results[i].Stat; rec.Kind != journal.Created {
				rec.Kind = journal.Set
			}
		case protocol.OpCheck:
		default:
			made := results[i].Path
			rec = &journal.Record{Kind: journal.Created, Path: w.absolute(made), After: results[i].Stat}
			records, byPath[made] = append(records, rec), rec
		}
	}
	return slices.DeleteFunc(records, func(rec *journal.Record) bool { return rec.Kind == 0 })
}

// lookAtCreated fills in the Stats of what a multi has created, which the
// server does not tell.
func (w writing) lookAtCreated(ctx context.Context, records []*journal.Record) {
	var paths []string
	var made []*journal.Record
	chroot := w.Session.Chroot()
	for _, rec := range records {
		if rec.Kind == journal.Created && rec.After.Czxid == 0 {
			path := strings.TrimPrefix(rec.Path, chroot)
			if path == "" {
				path = "/"
			}
			paths, made = append(paths, path), append(made, rec)
		}
	}
	looks, err := bulk.LookAt(ctx, w.Session, paths)
	if err != nil {
		return
	}
	for i, l := range looks {
		if l.Err == nil && l.Stat.Version == 0 {
			made[i].After = l.Stat
		}
	}
}
