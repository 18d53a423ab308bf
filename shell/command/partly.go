package command

import (
	"context"
	"errors"
	"sync/atomic"

	"zookit/protocol"
	"zookit/shell/session"
)

// writing is a Session that notes whether a command has written anything. What
// a lost connection or an interrupt leaves undone of deleteall or setquota
// must not read as if nothing had happened.
type writing struct {
	Session
	wrote *atomic.Bool
}

func (w writing) note(err error) {
	if err == nil {
		w.wrote.Store(true)
	}
}

func (w writing) Create(ctx context.Context, path string, data []byte, acl []protocol.ACL, flags protocol.CreateFlag, ttlMs int64) (string, *protocol.Stat, error) {
	created, st, err := w.Session.Create(ctx, path, data, acl, flags, ttlMs)
	w.note(err)
	return created, st, err
}

func (w writing) Delete(ctx context.Context, path string, version int32) error {
	err := w.Session.Delete(ctx, path, version)
	w.note(err)
	return err
}

func (w writing) Set(ctx context.Context, path string, data []byte, version int32) (*protocol.Stat, error) {
	st, err := w.Session.Set(ctx, path, data, version)
	w.note(err)
	return st, err
}

func (w writing) SetACL(ctx context.Context, path string, acl []protocol.ACL, version int32) (*protocol.Stat, error) {
	st, err := w.Session.SetACL(ctx, path, acl, version)
	w.note(err)
	return st, err
}

func (w writing) Multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	results, err := w.Session.Multi(ctx, ops)
	w.note(err)
	return results, err
}

func (w writing) Absolute() Session { return writing{w.Session.Absolute(), w.wrote} }

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
