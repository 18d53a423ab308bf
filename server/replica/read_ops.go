package replica

import (
	"strings"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/acl"
	"zookit/server/tree"
	"zookit/server/watch"
)

// readBody runs one read and appends the reply's body behind the header that
// starts at start. setWatches moves the reply behind the events it replays, so
// start may change; mark is where the call began.
func (s *State) readBody(out []byte, start, mark int, h protocol.RequestHeader, c *Reader) ([]byte, int, protocol.Code) {
	var code protocol.Code
	switch h.Type {
	case protocol.OpGetData:
		out, code = s.getData(out, c)
	case protocol.OpExists:
		out, code = s.exists(out, c)
	case protocol.OpGetChildren, protocol.OpGetChildren2:
		out, code = s.getChildren(out, c, h.Type == protocol.OpGetChildren2)
	case protocol.OpGetACL:
		out, code = s.getACL(out, c)
	case protocol.OpMultiRead:
		out, code = s.multiRead(out, c)
	case protocol.OpGetEphemerals:
		out, code = s.getEphemerals(out, c)
	case protocol.OpGetAllChildrenNumber:
		out, code = s.getAllChildrenNumber(out, c)
	case protocol.OpSetWatches, protocol.OpSetWatches2:
		return s.setWatches(out[:mark], h, c)
	case protocol.OpAddWatch:
		out, code = s.addWatch(out, c)
	case protocol.OpCheckWatches, protocol.OpRemoveWatches:
		code = s.checkOrRemoveWatches(c, h.Type == protocol.OpRemoveWatches)
	case protocol.OpWhoAmI:
		out = s.whoAmI(out, c)
	default:
		code = protocol.Unimplemented
	}
	return out, start, code
}

// readable finds a znode that the connection may read.
func (s *State) readable(path string, c *Reader, want protocol.Perm) (tree.Node, protocol.Code) {
	n, ok := s.tree.Lookup(path)
	if !ok {
		return n, protocol.NoNode
	}
	if !s.acl.Check(n.ACL(), want, c.IDs) {
		return n, protocol.NoAuth
	}
	return n, protocol.OK
}

func (s *State) getData(out []byte, c *Reader) ([]byte, protocol.Code) {
	var r protocol.GetDataRequest
	if r.Decode(&c.dec) != nil {
		return out, protocol.MarshallingError
	}
	n, code := s.readable(r.Path, c, protocol.PermRead)
	if code != protocol.OK {
		return out, code
	}
	if r.Watch {
		s.watch(r.Path, c, watch.DataOneShot)
	}
	return n.AppendStat(n.AppendData(out)), protocol.OK
}

// exists needs READ where the znode is there (ZOOKEEPER-2590, 3.8.4). It sets
// its watch on a znode that is not, too.
func (s *State) exists(out []byte, c *Reader) ([]byte, protocol.Code) {
	var r protocol.ExistsRequest
	if r.Decode(&c.dec) != nil {
		return out, protocol.MarshallingError
	}
	if strings.IndexByte(r.Path, 0) >= 0 {
		return out, protocol.BadArguments
	}
	n, code := s.readable(r.Path, c, protocol.PermRead)
	if code == protocol.NoAuth {
		return out, code
	}
	if r.Watch {
		s.watch(r.Path, c, watch.DataOneShot)
	}
	if code != protocol.OK {
		return out, code
	}
	return n.AppendStat(out), protocol.OK
}

func (s *State) getChildren(out []byte, c *Reader, withStat bool) ([]byte, protocol.Code) {
	var r protocol.GetChildrenRequest
	if r.Decode(&c.dec) != nil {
		return out, protocol.MarshallingError
	}
	n, code := s.readable(r.Path, c, protocol.PermRead)
	if code != protocol.OK {
		return out, code
	}
	if r.Watch {
		s.watch(r.Path, c, watch.ChildOneShot)
	}
	out = n.AppendChildren(out)
	if withStat {
		out = n.AppendStat(out)
	}
	return out, protocol.OK
}

// getACL needs READ or ADMIN. Who has not ADMIN sees digest ids without the
// hash.
func (s *State) getACL(out []byte, c *Reader) ([]byte, protocol.Code) {
	var r protocol.GetACLRequest
	if r.Decode(&c.dec) != nil {
		return out, protocol.MarshallingError
	}
	n, code := s.readable(r.Path, c, protocol.PermRead|protocol.PermAdmin)
	if code != protocol.OK {
		return out, code
	}
	list := n.ACL()
	if !s.acl.Check(list, protocol.PermAdmin, c.IDs) {
		list = acl.Mask(list)
	}
	return n.AppendStat(protocol.AppendACLs(out, list)), protocol.OK
}

// multiRead answers each getData and getChildren by itself; the watch flags are
// not looked at.
func (s *State) multiRead(out []byte, c *Reader) ([]byte, protocol.Code) {
	var r protocol.MultiRequest
	if r.Decode(&c.dec) != nil || len(r.Ops) > 0 && !r.Reads() {
		return out, protocol.MarshallingError
	}
	for _, op := range r.Ops {
		path := op.Record.(*protocol.PathWatchRequest).Path
		n, code := s.readable(path, c, protocol.PermRead)
		if code != protocol.OK {
			m := protocol.MultiResult{Type: protocol.OpError, Err: code}
			out = m.AppendTo(out)
			continue
		}
		out = protocol.AppendMultiOK(out, op.Type)
		if op.Type == protocol.OpGetChildren {
			out = n.AppendChildren(out)
		} else {
			out = n.AppendStat(n.AppendData(out))
		}
	}
	return protocol.AppendMultiEnd(out), protocol.OK
}

// getEphemerals lists the session's own; the prefix is one of strings, not of
// paths.
func (s *State) getEphemerals(out []byte, c *Reader) ([]byte, protocol.Code) {
	var r protocol.GetEphemeralsRequest
	if r.Decode(&c.dec) != nil {
		return out, protocol.MarshallingError
	}
	var session protocol.SessionID
	if c.Session != nil {
		session = c.Session.ID()
	}
	all := s.tree.Ephemerals(session)
	trimmed := strings.TrimFunc(r.Prefix, func(ch rune) bool { return ch <= ' ' })
	if trimmed != "" && trimmed != "/" {
		kept := all[:0]
		for _, path := range all {
			if strings.HasPrefix(path, r.Prefix) {
				kept = append(kept, path)
			}
		}
		all = kept
	}
	if all == nil {
		all = []string{}
	}
	return jute.AppendStrings(out, all), protocol.OK
}

// getAllChildrenNumber counts all descendants. Apache counts the root under two
// names, and "" has the other one below it.
func (s *State) getAllChildrenNumber(out []byte, c *Reader) ([]byte, protocol.Code) {
	var r protocol.GetAllChildrenNumberRequest
	if r.Decode(&c.dec) != nil {
		return out, protocol.MarshallingError
	}
	n, code := s.readable(r.Path, c, protocol.PermRead)
	if code != protocol.OK {
		return out, code
	}
	count := n.Descendants()
	if r.Path == "" {
		count++
	}
	return jute.AppendInt(out, int32(count)), protocol.OK
}

// whoAmI lists the connection's identities.
func (s *State) whoAmI(out []byte, c *Reader) []byte {
	r := protocol.WhoAmIResponse{Infos: s.acl.WhoAmI(c.IDs)}
	return r.AppendTo(out)
}
