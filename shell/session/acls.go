package session

import (
	"context"
	"errors"
	"slices"
	"strings"

	"zookit/protocol"
)

// ACLResult is what ACLs found of one znode.
type ACLResult struct {
	ACL  []protocol.ACL
	Stat protocol.Stat
	Err  error // NoNode or NoAuth, as an *OpError
}

// ACLs reads the ACLs of several znodes and returns them in the order of the
// paths. No server has a request for that: the requests go out behind one
// another, all at once, and the caller is woken when the last is answered. That
// a znode is gone or may not be read is its result; any other failure is one of
// the whole.
func (s *Session) ACLs(ctx context.Context, paths []string) ([]ACLResult, error) {
	replies := make([]protocol.GetACLResponse, len(paths))
	batch := make([]*pending, len(paths))
	for i, path := range paths {
		if err := protocol.ValidatePath(path); err != nil {
			return nil, err
		}
		var err error
		batch[i], err = s.c.encode(call{op: protocol.OpGetACL, path: path, req: &protocol.GetACLRequest{Path: s.abs(path)}, reply: &replies[i]})
		if err != nil {
			return nil, err
		}
	}
	out := make([]ACLResult, len(paths))
	for i, err := range s.c.together(ctx, batch) {
		var loss *ConnectionLossError
		if errors.As(err, &loss) || errors.Is(err, errNotSent) {
			var st *protocol.Stat
			if replies[i].ACL, st, err = s.GetACL(ctx, paths[i]); err == nil {
				replies[i].Stat = *st
			}
		}
		switch {
		case err == nil:
			out[i] = ACLResult{ACL: replies[i].ACL, Stat: replies[i].Stat}
		case isCode(err, protocol.NoNode), isCode(err, protocol.NoAuth):
			out[i].Err = err
		default:
			return nil, err
		}
	}
	return out, nil
}

// together sends requests behind one another over one connection and returns
// how each ended; those that the connection did not live for with errNotSent or
// a *ConnectionLossError.
func (c *core) together(ctx context.Context, batch []*pending) []error {
	errs := make([]error, len(batch))
	if len(batch) == 0 {
		return errs
	}
	wait := c.newPatience()
	defer wait.stop()
	t, err := c.submit(ctx, batch[0], wait)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	c.mu.Lock()
	sent := 1
	if c.live == t {
		for _, p := range batch[1:] {
			c.enter(t, p)
			t.queue = append(t.queue, p)
		}
		sent = len(batch)
	}
	c.mu.Unlock()
	t.signal()
	for i := sent; i < len(batch); i++ {
		errs[i] = errNotSent
	}
	// The replies of a session come in the order of its requests: when the last
	// is there, all are, and this goroutine is woken once.
	for i, p := range slices.Backward(batch[:sent]) {
		select {
		case errs[i] = <-p.result:
		case <-ctx.Done():
			errs[i] = c.abandon(t, p, ctx.Err())
		}
	}
	return errs
}

// Beside opens another session with the server of this one and as the same
// identities, to read with: a server works on the requests of one session one
// by one, on those of several at the same time. It sees nothing older than
// this session has seen, has no watches, tells no events and refuses to write.
// It is the caller's to close.
func (s *Session) Beside(ctx context.Context) (*Session, error) {
	c := s.c
	c.mu.Lock()
	o, seen := c.o, c.seen
	if c.live == nil {
		c.mu.Unlock()
		return nil, &ConnectionLossError{Op: protocol.OpCreateSession, Reason: errNotSent}
	}
	o.Servers = c.live.addr + s.chroot
	o.Identities = make([]Identity, len(c.identities))
	for i, id := range c.identities {
		o.Identities[i] = Identity{Scheme: strings.Clone(id.Scheme), Auth: slices.Clone(id.Auth)}
	}
	c.mu.Unlock()
	o.Frozen, o.Background, o.KeepTrying, o.OnEvent = true, false, false, nil
	return dial(ctx, o, seen)
}
