package replica

import (
	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/watch"
)

// addWatch sets a persistent or recursive watch; nothing is asked of the path
// or its ACL, since every event is checked when it is delivered. The reply is
// an ErrorResponse of 0.
func (s *State) addWatch(out []byte, c *Reader) ([]byte, protocol.Code) {
	var r protocol.AddWatchRequest
	if r.Decode(&c.dec) != nil {
		return out, protocol.MarshallingError
	}
	switch r.Mode {
	case protocol.AddWatchPersistent:
		s.watch(r.Path, c, watch.Persistent)
	case protocol.AddWatchPersistentRecursive:
		s.watch(r.Path, c, watch.Recursive)
	default:
		return out, protocol.MarshallingError
	}
	return jute.AppendInt(out, 0), protocol.OK
}

func (s *State) checkOrRemoveWatches(c *Reader, remove bool) protocol.Code {
	var r protocol.WatchesRequest
	if r.Decode(&c.dec) != nil {
		return protocol.MarshallingError
	}
	if r.Type < protocol.WatcherChildren || r.Type > protocol.WatcherPersistentRecursive {
		return protocol.MarshallingError
	}
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	if remove {
		return s.watches.Remove(r.Path, r.Type, c.Watcher)
	}
	return s.watches.Check(r.Path, r.Type, c.Watcher)
}

// setWatches arms a client's watches again after a reconnect, and tells what it
// has missed: those events come before the reply.
func (s *State) setWatches(out []byte, h protocol.RequestHeader, c *Reader) ([]byte, int, protocol.Code) {
	var r protocol.SetWatches2Request
	var err error
	if h.Type == protocol.OpSetWatches2 {
		err = r.Decode(&c.dec)
	} else {
		var old protocol.SetWatchesRequest
		err = old.Decode(&c.dec)
		r = protocol.SetWatches2Request{RelativeZxid: old.RelativeZxid, Data: old.Data, Exist: old.Exist, Child: old.Child}
	}
	if err != nil {
		return out, len(out), protocol.MarshallingError
	}
	s.watchMu.Lock()
	s.watches.SetWatches(&r, c.Watcher, s.tree, func(e *watch.Event) { out = append(out, e.Frame()...) })
	s.watchMu.Unlock()
	out, start := s.beginReply(out, h.Xid)
	return out, start, protocol.OK
}

// watch adds a watch for a reader.
func (s *State) watch(path string, c *Reader, modes watch.Mode) {
	s.watchMu.Lock()
	s.watches.Add(path, c.Watcher, modes)
	s.watchMu.Unlock()
}
