package session

import (
	"context"

	"zookit/protocol"
)

// ConfigPath is the znode that holds the ensemble's configuration. A chroot
// does not apply to it.
const ConfigPath = "/zookeeper/config"

// Create makes a znode and returns its path, which for a sequential one has
// the number at its end, and its Stat. ttlMs counts for the TTL modes alone.
// The Stat is nil from a server before 3.5.
func (s *Session) Create(ctx context.Context, path string, data []byte, acl []protocol.ACL, flags protocol.CreateFlag, ttlMs int64) (string, *protocol.Stat, error) {
	validate := protocol.ValidatePath
	if flags.Sequential() {
		validate = protocol.ValidateSequentialPath
	}
	if err := validate(path); err != nil {
		return "", nil, err
	}
	if flags.TTL() {
		if err := protocol.ValidateTTL(ttlMs); err != nil {
			return "", nil, err
		}
		req := &protocol.CreateTTLRequest{Path: s.abs(path), Data: data, ACL: acl, Flags: flags, TTL: ttlMs}
		return s.create2(ctx, protocol.OpCreateTTL, path, flags, req)
	}
	req := &protocol.CreateRequest{Path: s.abs(path), Data: data, ACL: acl, Flags: flags}
	if flags == protocol.FlagContainer {
		return s.create2(ctx, protocol.OpCreateContainer, path, flags, req)
	}
	if !s.c.noCreate2.Load() {
		created, st, err := s.create2(ctx, protocol.OpCreate2, path, flags, req)
		if !isCode(err, protocol.Unimplemented) {
			return created, st, err
		}
		s.c.noCreate2.Store(true) // a 3.4 server: it answers so and closes the connection
	}
	var reply protocol.PathResponse
	err := s.c.call(ctx, call{op: protocol.OpCreate, path: path, req: req, reply: &reply, done: func() {
		s.c.createdBy(flags, reply.Path)
	}})
	if err != nil {
		return "", nil, err
	}
	return s.rel(reply.Path), nil, nil
}

func (s *Session) create2(ctx context.Context, op protocol.OpCode, path string, flags protocol.CreateFlag, req protocol.Record) (string, *protocol.Stat, error) {
	var reply protocol.Create2Response
	err := s.c.call(ctx, call{op: op, path: path, req: req, reply: &reply, done: func() {
		s.c.createdBy(flags, reply.Path)
	}})
	if err != nil {
		return "", nil, err
	}
	return s.rel(reply.Path), &reply.Stat, nil
}

// Delete removes a childless znode; version −1 is any.
func (s *Session) Delete(ctx context.Context, path string, version int32) error {
	if err := protocol.ValidatePath(path); err != nil {
		return err
	}
	abs := s.abs(path)
	return s.c.call(ctx, call{op: protocol.OpDelete, path: path,
		req:  &protocol.DeleteRequest{Path: abs, Version: version},
		done: func() { delete(s.c.ephemerals, abs) }})
}

// Exists returns the Stat of a znode, or NoNode. With watch it also sets a
// watch for the znode's next change, or for its creation when it is missing.
func (s *Session) Exists(ctx context.Context, path string, watch bool) (*protocol.Stat, error) {
	var reply protocol.StatResponse
	if err := s.read(ctx, protocol.OpExists, path, watch, WatchData, &reply); err != nil {
		return nil, err
	}
	return &reply.Stat, nil
}

// Get returns a znode's data, nil for null, and its Stat. With watch it also
// sets a watch for the next change of the data.
func (s *Session) Get(ctx context.Context, path string, watch bool) ([]byte, *protocol.Stat, error) {
	var reply protocol.GetDataResponse
	if err := s.read(ctx, protocol.OpGetData, path, watch, WatchData, &reply); err != nil {
		return nil, nil, err
	}
	return reply.Data, &reply.Stat, nil
}

// Children returns the names of a znode's children, in the server's order, and
// its Stat. With watch it also sets a watch for the next change of that list.
func (s *Session) Children(ctx context.Context, path string, watch bool) ([]string, *protocol.Stat, error) {
	var reply protocol.GetChildren2Response
	if err := s.read(ctx, protocol.OpGetChildren2, path, watch, WatchChildren, &reply); err != nil {
		return nil, nil, err
	}
	return reply.Children, &reply.Stat, nil
}

// Set replaces a znode's data; version −1 is any.
func (s *Session) Set(ctx context.Context, path string, data []byte, version int32) (*protocol.Stat, error) {
	var reply protocol.StatResponse
	req := &protocol.SetDataRequest{Path: s.abs(path), Data: data, Version: version}
	if err := s.onPath(ctx, protocol.OpSetData, path, req, &reply); err != nil {
		return nil, err
	}
	return &reply.Stat, nil
}

// GetACL returns a znode's ACL and Stat.
func (s *Session) GetACL(ctx context.Context, path string) ([]protocol.ACL, *protocol.Stat, error) {
	var reply protocol.GetACLResponse
	req := &protocol.GetACLRequest{Path: s.abs(path)}
	if err := s.onPath(ctx, protocol.OpGetACL, path, req, &reply); err != nil {
		return nil, nil, err
	}
	return reply.ACL, &reply.Stat, nil
}

// SetACL replaces a znode's ACL; version is that of the ACL, −1 any.
func (s *Session) SetACL(ctx context.Context, path string, acl []protocol.ACL, version int32) (*protocol.Stat, error) {
	var reply protocol.StatResponse
	req := &protocol.SetACLRequest{Path: s.abs(path), ACL: acl, Version: version}
	if err := s.onPath(ctx, protocol.OpSetACL, path, req, &reply); err != nil {
		return nil, err
	}
	return &reply.Stat, nil
}

// Sync waits until the server has caught up with what its leader had committed.
func (s *Session) Sync(ctx context.Context, path string) error {
	var reply protocol.SyncResponse
	return s.onPath(ctx, protocol.OpSync, path, &protocol.SyncRequest{Path: s.abs(path)}, &reply)
}

// GetEphemerals lists the session's own ephemeral znodes whose path begins
// with the prefix, a string and not a path: "/a" also finds "/ab". "" and "/"
// mean all. With a chroot, those outside it are left out.
func (s *Session) GetEphemerals(ctx context.Context, prefix string) ([]string, error) {
	abs := s.chroot + prefix
	if prefix == "" || prefix == "/" {
		abs = s.abs("/")
	} else if err := protocol.ValidatePath(prefix); err != nil {
		return nil, err
	}
	var reply protocol.GetEphemeralsResponse
	req := &protocol.GetEphemeralsRequest{Prefix: abs}
	if err := s.c.call(ctx, call{op: protocol.OpGetEphemerals, path: prefix, req: req, reply: &reply}); err != nil {
		return nil, err
	}
	paths := make([]string, 0, len(reply.Strings))
	for _, p := range reply.Strings {
		if inside(s.chroot, p) {
			paths = append(paths, s.rel(p))
		}
	}
	return paths, nil
}

// GetAllChildrenNumber counts a znode's descendants.
func (s *Session) GetAllChildrenNumber(ctx context.Context, path string) (int, error) {
	var reply protocol.GetAllChildrenNumberResponse
	req := &protocol.GetAllChildrenNumberRequest{Path: s.abs(path)}
	if err := s.onPath(ctx, protocol.OpGetAllChildrenNumber, path, req, &reply); err != nil {
		return 0, err
	}
	return int(reply.Total), nil
}

// WhoAmI lists the identities of the connection.
func (s *Session) WhoAmI(ctx context.Context) ([]protocol.ClientInfo, error) {
	var reply protocol.WhoAmIResponse
	if err := s.c.call(ctx, call{op: protocol.OpWhoAmI, req: none{}, reply: &reply}); err != nil {
		return nil, err
	}
	return reply.Infos, nil
}

// Config returns the ensemble's configuration, whatever the chroot.
func (s *Session) Config(ctx context.Context, watch bool) ([]byte, *protocol.Stat, error) {
	return s.Unrooted().Get(ctx, ConfigPath, watch)
}

// Reconfig changes the ensemble and returns the new configuration.
func (s *Session) Reconfig(ctx context.Context, change *protocol.ReconfigRequest) ([]byte, *protocol.Stat, error) {
	var reply protocol.GetDataResponse
	if err := s.c.call(ctx, call{op: protocol.OpReconfig, req: change, reply: &reply}); err != nil {
		return nil, nil, err
	}
	return reply.Data, &reply.Stat, nil
}

// read is a read of one znode that may set a watch. The watch is entered where
// the reply stands in the stream, so that no event can slip in between, and
// also when the caller has stopped waiting: the server has set it all the same.
func (s *Session) read(ctx context.Context, op protocol.OpCode, path string, watch bool, kind WatchKind, reply protocol.Record) error {
	if err := protocol.ValidatePath(path); err != nil {
		return err
	}
	abs := s.abs(path)
	c := call{op: op, path: path, req: &protocol.PathWatchRequest{Path: abs, Watch: watch}, reply: reply}
	if watch {
		c.done = func() { s.c.watches.Add(abs, kind) }
		c.failed = func(code protocol.Code) {
			if op == protocol.OpExists && code == protocol.NoNode {
				s.c.watches.Add(abs, WatchExist)
			}
		}
	}
	return s.c.call(ctx, c)
}

// onPath is a request on one znode without side effects in the session.
func (s *Session) onPath(ctx context.Context, op protocol.OpCode, path string, req, reply protocol.Record) error {
	if err := protocol.ValidatePath(path); err != nil {
		return err
	}
	return s.c.call(ctx, call{op: op, path: path, req: req, reply: reply})
}
