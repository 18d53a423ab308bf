package session

import (
	"context"
	"maps"
	"slices"
	"time"

	"zookit/protocol"
)

func (c *core) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *core) state() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return StateClosed
	case c.cur == nil || !c.cur.established:
		return StateConnecting
	case c.readOnly:
		return StateReadOnly
	}
	return StateConnected
}

func (c *core) sessionID() protocol.SessionID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

func (c *core) server() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cur == nil || !c.cur.established {
		return ""
	}
	return c.cur.addr
}

func (c *core) timeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.timeoutMs) * time.Millisecond
}

func (c *core) listWatches() []Watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.watches.List()
	for i := range list {
		list[i].Path = relative(c.chroot, list[i].Path)
	}
	return list
}

func (c *core) listEphemerals() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, p := range slices.Sorted(maps.Keys(c.ephemerals)) {
		list = append(list, relative(c.chroot, p))
	}
	return list
}

// createdBy and the others below keep the books of what the session owns. They
// run where the reply stands in the stream, with mu held.
func (c *core) createdBy(flags protocol.CreateFlag, path string) {
	if flags.Ephemeral() {
		c.ephemerals[path] = struct{}{}
	}
}

// createsEphemeral tells whether a request would leave an ephemeral behind.
func createsEphemeral(req protocol.Record) bool {
	switch r := req.(type) {
	case *protocol.CreateRequest:
		return r.Flags.Ephemeral()
	case *protocol.MultiRequest:
		return slices.ContainsFunc(r.Ops, func(op protocol.MultiOp) bool { return createsEphemeral(op.Record) })
	}
	return false
}

func (c *core) multiDone(ops []protocol.MultiOp, results []protocol.MultiResult) {
	if len(results) != len(ops) {
		return
	}
	for i, op := range ops {
		switch r := op.Record.(type) {
		case *protocol.CreateRequest:
			if results[i].Type != protocol.OpError {
				c.createdBy(r.Flags, results[i].Path)
			}
		case *protocol.DeleteRequest:
			if results[i].Type == protocol.OpDelete {
				delete(c.ephemerals, r.Path)
			}
		}
	}
}

func (c *core) removeWatches(path string, kind protocol.WatcherType) {
	for _, ev := range c.watches.Remove(path, kind) {
		c.emit(Event{Type: ev, State: SyncConnected, Path: path, Zxid: -1})
	}
}

func (c *core) holdsWatch(path string, kind protocol.WatcherType) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watches.Has(path, kind)
}

// forgetWatches is removeWatches for a caller that does not hold mu.
func (c *core) forgetWatches(path string, kind protocol.WatcherType) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeWatches(path, kind)
}

func (c *core) addIdentity(r *protocol.AuthRequest) {
	same := func(o *protocol.AuthRequest) bool {
		return o.Scheme == r.Scheme && string(o.Auth) == string(r.Auth)
	}
	if !slices.ContainsFunc(c.identities, same) {
		c.identities = append(c.identities, r)
	}
}

// learnExistence finds out whether the znode under a new lasting watch exists,
// for the comparison after a reconnect. Not to know is no failure: the session
// then says after a reconnect that it may have missed something.
func (c *core) learnExistence(ctx context.Context, path string) {
	var st protocol.StatResponse
	_ = c.call(ctx, call{op: protocol.OpExists, path: path, req: &protocol.PathWatchRequest{Path: path}, reply: &st,
		done: func() { c.watches.Learn(path, present) },
		failed: func(code protocol.Code) {
			if code == protocol.NoNode {
				c.watches.Learn(path, missing)
			}
		}})
}
