package command

import (
	"context"
	"errors"

	"zookit/protocol"
	"zookit/shell/journal"
	"zookit/shell/session"
)

// writing is a Session that notes whether a command has written anything. What
// a lost connection or an interrupt leaves undone of deleteall or setquota
// must not read as if nothing had happened.
//
// It is also where a protected profile asks, before the first write of a
// command, and where changes are recorded for undo, so that no command has to
// know.
type writing struct {
	Session
	c     *Context
	conn  *connection
	quiet bool // the command records its changes itself
}

// Unwrap is the session beneath.
func (w writing) Unwrap() any { return w.Session }

// recorder records the changes of single requests.
func (w writing) recorder() *recorder {
	if w.quiet {
		return nil
	}
	return w.c.recorder(w.conn)
}

// unrecorded is the session for changes that the command records itself, with
// the recorder for them.
func unrecorded(s Session) (Session, *recorder) {
	w, ok := s.(writing)
	if !ok {
		return s, nil
	}
	r := w.c.recorder(w.conn)
	w.quiet = true
	return w, r
}

// may tells whether the command may write.
func (w writing) may() error { return w.c.permit(w.conn) }

func (w writing) note(err error) {
	if err == nil {
		w.c.wrote.Store(true)
	}
}

func (w writing) Create(ctx context.Context, path string, data []byte, acl []protocol.ACL, flags protocol.CreateFlag, ttlMs int64) (string, *protocol.Stat, error) {
	if collects, err := w.collects(); err != nil {
		return "", nil, err
	} else if collects {
		return "", nil, w.queue(createOp(path, data, acl, flags, ttlMs))
	}
	if err := w.may(); err != nil {
		return "", nil, err
	}
	created, st, err := w.Session.Create(ctx, path, data, acl, flags, ttlMs)
	w.note(err)
	if r := w.recorder(); r != nil && err == nil {
		rec := &journal.Record{Kind: journal.Created, Path: w.absolute(created)}
		if st != nil {
			rec.After = *st
		}
		r.add(rec)
	}
	return created, st, err
}

func (w writing) Delete(ctx context.Context, path string, version int32) error {
	if collects, err := w.collects(); err != nil {
		return err
	} else if collects {
		return w.queue(protocol.MultiOp{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: path, Version: version}})
	}
	if err := w.may(); err != nil {
		return err
	}
	err := w.delete(ctx, path, version)
	w.note(err)
	return err
}

func (w writing) Set(ctx context.Context, path string, data []byte, version int32) (*protocol.Stat, error) {
	if collects, err := w.collects(); err != nil {
		return nil, err
	} else if collects {
		return nil, w.queue(protocol.MultiOp{Type: protocol.OpSetData, Record: &protocol.SetDataRequest{Path: path, Data: data, Version: version}})
	}
	if err := w.may(); err != nil {
		return nil, err
	}
	st, err := w.set(ctx, path, data, version)
	w.note(err)
	return st, err
}

func (w writing) SetACL(ctx context.Context, path string, acl []protocol.ACL, version int32) (*protocol.Stat, error) {
	if _, err := w.collects(); err != nil {
		return nil, err
	}
	if err := w.may(); err != nil {
		return nil, err
	}
	st, err := w.setACL(ctx, path, acl, version)
	w.note(err)
	return st, err
}

func (w writing) Multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	if _, err := w.collects(); err != nil {
		return nil, err
	}
	if err := w.may(); err != nil {
		return nil, err
	}
	results, err := w.multi(ctx, ops)
	w.note(err)
	return results, err
}

func (w writing) Reconfig(ctx context.Context, change *protocol.ReconfigRequest) ([]byte, *protocol.Stat, error) {
	if _, err := w.collects(); err != nil {
		return nil, nil, err
	}
	if err := w.may(); err != nil {
		return nil, nil, err
	}
	data, st, err := w.Session.Reconfig(ctx, change)
	w.note(err)
	return data, st, err
}

func (w writing) Absolute() Session { return writing{w.Session.Absolute(), w.c, w.conn, w.quiet} }

// createOp is a create as part of a multi.
func createOp(path string, data []byte, acl []protocol.ACL, flags protocol.CreateFlag, ttlMs int64) protocol.MultiOp {
	if flags.TTL() {
		return protocol.MultiOp{Type: protocol.OpCreateTTL, Record: &protocol.CreateTTLRequest{Path: path, Data: data, ACL: acl, Flags: flags, TTL: ttlMs}}
	}
	op := protocol.OpCreate
	if flags == protocol.FlagContainer {
		op = protocol.OpCreateContainer
	}
	return protocol.MultiOp{Type: op, Record: &protocol.CreateRequest{Path: path, Data: data, ACL: acl, Flags: flags}}
}

// partlyError is a command that a lost connection or an interrupt ended when
// it had written something.
type partlyError struct{ error }

func (e *partlyError) Unwrap() error { return e.error }

// partly marks the end of a command that had written something.
func (c *Context) partly(err error) error {
	var loss *session.ConnectionLossError
	var canceled *session.CanceledError
	if c.wrote.Load() && (errors.As(err, &loss) || errors.As(err, &canceled) || errors.Is(err, context.Canceled)) {
		return &partlyError{err}
	}
	return err
}
