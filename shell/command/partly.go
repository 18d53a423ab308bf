package command

import (
	"context"
	"errors"

	"zookit/protocol"
	"zookit/shell/session"
)

// writing is a Session that notes whether a command has written anything. What
// a lost connection or an interrupt leaves undone of deleteall or setquota
// must not read as if nothing had happened.
//
// It is also where a protected profile asks: before the first write of a
// command, so that no command has to know.
type writing struct {
	Session
	c    *Context
	conn *connection
}

// may tells whether the command may write.
func (w writing) may() error { return w.c.permit(w.conn) }

func (w writing) note(err error) {
	if err == nil {
		w.c.wrote.Store(true)
	}
}

func (w writing) Create(ctx context.Context, path string, data []byte, acl []protocol.ACL, flags protocol.CreateFlag, ttlMs int64) (string, *protocol.Stat, error) {
	if err := w.may(); err != nil {
		return "", nil, err
	}
	created, st, err := w.Session.Create(ctx, path, data, acl, flags, ttlMs)
	w.note(err)
	return created, st, err
}

func (w writing) Delete(ctx context.Context, path string, version int32) error {
	if err := w.may(); err != nil {
		return err
	}
	err := w.Session.Delete(ctx, path, version)
	w.note(err)
	return err
}

func (w writing) Set(ctx context.Context, path string, data []byte, version int32) (*protocol.Stat, error) {
	if err := w.may(); err != nil {
		return nil, err
	}
	st, err := w.Session.Set(ctx, path, data, version)
	w.note(err)
	return st, err
}

func (w writing) SetACL(ctx context.Context, path string, acl []protocol.ACL, version int32) (*protocol.Stat, error) {
	if err := w.may(); err != nil {
		return nil, err
	}
	st, err := w.Session.SetACL(ctx, path, acl, version)
	w.note(err)
	return st, err
}

func (w writing) Multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	if err := w.may(); err != nil {
		return nil, err
	}
	results, err := w.Session.Multi(ctx, ops)
	w.note(err)
	return results, err
}

func (w writing) Reconfig(ctx context.Context, change *protocol.ReconfigRequest) ([]byte, *protocol.Stat, error) {
	if err := w.may(); err != nil {
		return nil, nil, err
	}
	data, st, err := w.Session.Reconfig(ctx, change)
	w.note(err)
	return data, st, err
}

func (w writing) Absolute() Session { return writing{w.Session.Absolute(), w.c, w.conn} }

// partlyError is a command that a lost connection or an interrupt ended when
// it had written something.
type partlyError struct{ error }

func (e *partlyError) Unwrap() error { return e.error }

// partly marks the end of a command that had written something.
func (c *Context) partly(err error) error {
	var loss *session.ConnectionLossError
	var canceled *session.CanceledError
	if c.wrote.Load() && (errors.As(err, &loss) || errors.As(err, &canceled)) {
		return &partlyError{err}
	}
	return err
}
