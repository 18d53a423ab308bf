package session

import (
	"context"
	"errors"

	"zookit/protocol"
)

// AddWatch sets a persistent watch on a znode, which need not exist, or with
// recursive on its whole subtree. It stays until RemoveWatches, the end of the
// session or Close, across reconnects.
func (s *Session) AddWatch(ctx context.Context, path string, recursive bool) error {
	if err := protocol.ValidatePath(path); err != nil {
		return err
	}
	abs, kind, mode := s.abs(path), WatchPersistent, protocol.AddWatchPersistent
	if recursive {
		kind, mode = WatchRecursive, protocol.AddWatchPersistentRecursive
	}
	err := s.c.call(ctx, call{op: protocol.OpAddWatch, path: path,
		req:  &protocol.AddWatchRequest{Path: abs, Mode: mode},
		done: func() { s.c.watches.Add(abs, kind) }})
	if err != nil {
		return err
	}
	s.c.learnExistence(ctx, abs)
	return nil
}

// RemoveWatches removes the session's watches of a kind from a znode: data
// (which includes exist), children, persistent, recursive or any. An event
// tells each kind that was removed. NoWatcher means the session has none.
//
// With local they are forgotten even when the server cannot be reached.
func (s *Session) RemoveWatches(ctx context.Context, path string, kind protocol.WatcherType, local bool) error {
	if err := protocol.ValidatePath(path); err != nil {
		return err
	}
	abs := s.abs(path)
	if !s.c.holdsWatch(abs, kind) {
		return &OpError{Op: protocol.OpRemoveWatches, Path: path, Code: protocol.NoWatcher}
	}
	err := s.c.call(ctx, call{op: protocol.OpRemoveWatches, path: path,
		req:  &protocol.RemoveWatchesRequest{Path: abs, Type: kind},
		done: func() { s.c.removeWatches(abs, kind) }})
	if local && errors.Is(err, protocol.ConnectionLoss) {
		s.c.forgetWatches(abs, kind)
		return nil
	}
	return err
}

// CheckWatches asks the server whether it has a watch of this session; nil is
// yes, NoWatcher no.
func (s *Session) CheckWatches(ctx context.Context, path string, kind protocol.WatcherType) error {
	return s.onPath(ctx, protocol.OpCheckWatches, path,
		&protocol.CheckWatchesRequest{Path: s.abs(path), Type: kind}, none{})
}

// AddAuth adds an identity to the session; it is sent again after a reconnect.
// AuthFailed means the server refused it. The server then closes the
// connection, and the session goes on over a new one without that identity.
func (s *Session) AddAuth(ctx context.Context, scheme string, auth []byte) error {
	req := &protocol.AuthRequest{Scheme: scheme, Auth: auth}
	return s.c.call(ctx, call{op: protocol.OpAuth, req: req,
		done: func() { s.c.addIdentity(req) }})
}
