package session

import (
	"context"
	"errors"

	"zookit/protocol"
)

// Look is a znode as Ahead found it.
type Look struct {
	Data []byte
	Stat protocol.Stat
	ACL  []protocol.ACL
}

// Ahead asks for a znode's data and Stat, and with acl for its ACL, and returns
// at once. Whatever the caller sends afterwards is carried out behind these
// reads, since a server keeps the order of a session: so a write costs no
// second round trip for what was there before it. The function waits for the
// answers. Unlike other reads these are not sent again over a next connection,
// where they might come behind the write.
func (s *Session) Ahead(ctx context.Context, path string, acl bool) func() (*Look, error) {
	failed := func(err error) func() (*Look, error) { return func() (*Look, error) { return nil, err } }
	if err := protocol.ValidatePath(path); err != nil {
		return failed(err)
	}
	var data protocol.GetDataResponse
	abs := s.abs(path)
	first, err := s.c.begin(ctx, call{op: protocol.OpGetData, path: path, req: &protocol.PathWatchRequest{Path: abs}, reply: &data})
	if err != nil {
		return failed(err)
	}
	var list protocol.GetACLResponse
	second := func() error { return nil }
	if acl {
		if second, err = s.c.begin(ctx, call{op: protocol.OpGetACL, path: path, req: &protocol.GetACLRequest{Path: abs}, reply: &list}); err != nil {
			return failed(err)
		}
	}
	return func() (*Look, error) {
		if err := errors.Join(first(), second()); err != nil {
			return nil, err
		}
		return &Look{data.Data, data.Stat, list.ACL}, nil
	}
}

// begin queues a request and returns what waits for its reply.
func (c *core) begin(ctx context.Context, r call) (func() error, error) {
	p, err := c.encode(r)
	if err != nil {
		return nil, err
	}
	wait := c.newPatience()
	defer wait.stop()
	t, err := c.submit(ctx, p, wait)
	if err != nil {
		return nil, err
	}
	t.signal()
	return func() error {
		select {
		case err := <-p.result:
			return err
		case <-ctx.Done():
			return c.abandon(t, p, ctx.Err())
		}
	}, nil
}
