package conformance

import (
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest/wire"
)

// watchKinds are the ways to watch a path.
var watchKinds = []struct {
	name string
	set  func(s *side, conn, path string)
}{
	{"getData", func(s *side, c, p string) {
		s.as(c, protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(p), Watch: true})
	}},
	{"exists", func(s *side, c, p string) { s.as(c, protocol.OpExists, exists(s, p, true)) }},
	{"getChildren", func(s *side, c, p string) {
		s.as(c, protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: s.path(p), Watch: true})
	}},
	{"getChildren2", func(s *side, c, p string) {
		s.as(c, protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: s.path(p), Watch: true})
	}},
	{"persistent", func(s *side, c, p string) { addWatch(s, c, p, protocol.AddWatchPersistent) }},
	{"recursive", func(s *side, c, p string) { addWatch(s, c, p, protocol.AddWatchPersistentRecursive) }},
}

func addWatch(s *side, conn, path string, mode protocol.AddWatchMode) {
	s.as(conn, protocol.OpAddWatch, &protocol.AddWatchRequest{Path: s.path(path), Mode: mode})
}

// changes are played on a watched znode w; after each the watcher hears what there is to hear.
func changes(s *side, again func()) {
	each := func(op protocol.OpCode, r protocol.Record) {
		s.do(op, r)
		s.settle()
		again()
	}
	each(protocol.OpCreate, create(s, "w/n", 0))
	each(protocol.OpSetData, set(s, "w/n", "x", -1))
	each(protocol.OpCreate, create(s, "w/n/g", 0))
	each(protocol.OpSetData, set(s, "w/n/g", "x", -1))
	each(protocol.OpDelete, del(s, "w/n/g", -1))
	each(protocol.OpDelete, del(s, "w/n", -1))
	each(protocol.OpSetData, set(s, "w", "x", -1))
	each(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path("w"), ACL: protocol.OpenACL, Version: -1})
	each(protocol.OpSetData, set(s, "w", "x", 99))
	each(protocol.OpDelete, del(s, "w", -1))
	each(protocol.OpCreate, create(s, "w", 0))
	each(protocol.OpMulti, multi(op(protocol.OpSetData, set(s, "w", "y", -1)), op(protocol.OpCreate, create(s, "w/m", 0)), op(protocol.OpDelete, del(s, "w/m", -1)), op(protocol.OpSetData, set(s, "w", "z", -1))))
	each(protocol.OpMulti, multi(op(protocol.OpSetData, set(s, "w", "y", -1)), check(s, "none", 0)))
	each(protocol.OpDelete, del(s, "w", -1))
}

func matrix() []story {
	var out []story
	for i, kind := range watchKinds {
		out = append(out, story{"watch " + kind.name, func(s *side) {
			s.open("watcher", wire.Options{})
			s.do(protocol.OpCreate, create(s, "w", 0))
			kind.set(s, "watcher", "w")
			changes(s, func() {}) // a one-shot watch stays spent
		}})
		out = append(out, story{"watch again " + kind.name, func(s *side) {
			s.open("watcher", wire.Options{})
			s.do(protocol.OpCreate, create(s, "w", 0))
			kind.set(s, "watcher", "w")
			changes(s, func() { kind.set(s, "watcher", "w") })
		}})
		for _, other := range watchKinds[i+1:] {
			out = append(out, story{fmt.Sprintf("watch %s and %s", kind.name, other.name), func(s *side) {
				s.open("watcher", wire.Options{})
				s.do(protocol.OpCreate, create(s, "w", 0))
				kind.set(s, "watcher", "w")
				other.set(s, "watcher", "w")
				changes(s, func() {})
			}})
			out = append(out, story{fmt.Sprintf("watch %s and %s", other.name, kind.name), func(s *side) {
				s.open("watcher", wire.Options{})
				s.do(protocol.OpCreate, create(s, "w", 0))
				other.set(s, "watcher", "w")
				kind.set(s, "watcher", "w")
				changes(s, func() {})
			}})
		}
	}
	return out
}

var watchStories = append(matrix(), []story{
	{"own watches", func(s *side) {
		// The event comes before the reply of the write that caused it.
		s.do(protocol.OpGetData, &protocol.GetDataRequest{Path: s.root, Watch: true})
		s.do(protocol.OpSetData, set(s, ".", "x", -1))
		s.do(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: s.root, Watch: true})
		s.do(protocol.OpExists, exists(s, "new", true))
		s.do(protocol.OpCreate, create(s, "new", 0))
		s.do(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: s.path("none"), Watch: true})
		s.do(protocol.OpGetData, &protocol.GetDataRequest{Path: s.path("none"), Watch: true})
		s.do(protocol.OpCreate, create(s, "none", 0))
		s.do(protocol.OpDelete, del(s, "none", -1))
		s.settle()
	}},
	{"ephemerals go", func(s *side) {
		s.open("owner", wire.Options{})
		s.as("owner", protocol.OpCreate, create(s, "e", protocol.FlagEphemeral))
		s.as("owner", protocol.OpCreate, create(s, "f", protocol.FlagEphemeral))
		s.do(protocol.OpExists, exists(s, "e", true))
		s.do(protocol.OpExists, exists(s, "f", true))
		s.do(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: s.root, Watch: true})
		s.end("owner")
		s.at("after the session's end")
		s.settle()
		// The order in which a session's ephemerals go is no part of the protocol.
		s.sortStep()
		s.do(protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: s.root})
	}},
	{"addWatch", func(s *side) {
		for _, mode := range []protocol.AddWatchMode{-1, 2, 3, 100} {
			addWatch(s, "main", ".", mode)
		}
		for _, p := range badPaths {
			s.do(protocol.OpAddWatch, &protocol.AddWatchRequest{Path: p})
		}
	}},
	{"checkWatches and removeWatches", func(s *side) {
		s.do(protocol.OpCreate, create(s, "w", 0))
		for _, kind := range watchKinds {
			s.prefix = kind.name + " "
			s.open("watcher", wire.Options{})
			for _, t := range []protocol.WatcherType{0, 1, 2, 3, 6, -1} {
				kind.set(s, "watcher", "w")
				request := &protocol.WatchesRequest{Path: s.path("w"), Type: t}
				s.as("watcher", protocol.OpCheckWatches, request)
				s.as("watcher", protocol.OpRemoveWatches, request)
				s.as("watcher", protocol.OpCheckWatches, request)
				s.as("watcher", protocol.OpRemoveWatches, request)
			}
			s.do(protocol.OpSetData, set(s, "w", kind.name, -1))
			s.do(protocol.OpCreate, create(s, "w/n", 0))
			s.do(protocol.OpDelete, del(s, "w/n", -1))
			s.settle()
			s.end("watcher")
		}
		for _, p := range []string{"none", "/", "relative", ""} {
			s.do(protocol.OpRemoveWatches, &protocol.WatchesRequest{Path: p, Type: protocol.WatcherAny})
		}
	}},
	{"removeWatches of 3.9", func(s *side) {
		s.do(protocol.OpCreate, create(s, "w", 0))
		for _, t := range []protocol.WatcherType{protocol.WatcherPersistent, protocol.WatcherPersistentRecursive} {
			for _, kind := range watchKinds[4:] {
				s.prefix = kind.name + " "
				kind.set(s, "main", "w")
				s.do(protocol.OpCheckWatches, &protocol.WatchesRequest{Path: s.path("w"), Type: t})
				s.do(protocol.OpRemoveWatches, &protocol.WatchesRequest{Path: s.path("w"), Type: t})
			}
		}
	}},
	{"setWatches", func(s *side) {
		s.do(protocol.OpCreate, create(s, "old", 0))
		s.do(protocol.OpCreate, create(s, "set", 0))
		s.do(protocol.OpCreate, create(s, "parent", 0))
		s.do(protocol.OpCreate, create(s, "gone", 0))
		s.do(protocol.OpExists, exists(s, "old", false))
		seen := protocol.Zxid(s.base) + 4
		s.do(protocol.OpSetData, set(s, "set", "x", -1))
		s.do(protocol.OpCreate, create(s, "parent/child", 0))
		s.do(protocol.OpDelete, del(s, "gone", -1))
		for _, list := range []string{"data", "exist", "child", "persistent", "recursive"} {
			for _, p := range []string{"old", "set", "parent", "gone"} {
				s.open("again", wire.Options{})
				request := &protocol.SetWatches2Request{RelativeZxid: seen, Data: []string{}, Exist: []string{}, Child: []string{}, Persistent: []string{}, PersistentRecursive: []string{}}
				paths := []string{s.path(p)}
				switch list {
				case "data":
					request.Data = paths
				case "exist":
					request.Exist = paths
				case "child":
					request.Child = paths
				case "persistent":
					request.Persistent = paths
				case "recursive":
					request.PersistentRecursive = paths
				}
				s.at("setWatches2 %s %s", list, p)
				s.special("again", protocol.OpSetWatches2, request.AppendTo(nil))
				if len(request.Persistent)+len(request.PersistentRecursive) == 0 {
					s.at("setWatches %s %s", list, p)
					old := &protocol.SetWatchesRequest{RelativeZxid: seen, Data: request.Data, Exist: request.Exist, Child: request.Child}
					s.special("again", protocol.OpSetWatches, old.AppendTo(nil))
				}
				s.do(protocol.OpSetData, set(s, "old", "y", -1))
				s.do(protocol.OpCreate, create(s, "old/n", 0))
				s.do(protocol.OpDelete, del(s, "old/n", -1))
				s.do(protocol.OpCreate, create(s, "gone", 0))
				s.do(protocol.OpDelete, del(s, "gone", -1))
				s.settle()
				s.end("again")
				seen = s.lastZxid()
			}
		}
		s.at("setWatches with null lists")
		body := jute.AppendLong(nil, 0)
		for range 3 {
			body = jute.AppendInt(body, -1)
		}
		s.special("main", protocol.OpSetWatches, body)
	}},
}...)

// special sends with the xid clients use for setWatches.
func (s *side) special(name string, op protocol.OpCode, body []byte) {
	s.t.Helper()
	if err := s.conn(name).SendXid(protocol.XidSetWatches, op, body); err != nil {
		s.logf("send: %s", failure(err))
		return
	}
	s.receive(name, op, protocol.XidSetWatches)
}

// sortStep orders the lines of the current step, where the protocol leaves their order open.
func (s *side) sortStep() {
	first := len(s.transcript)
	for first > 0 && s.transcript[first-1].step == s.step {
		first--
	}
	slices.SortFunc(s.transcript[first:], func(a, b line) int { return strings.Compare(a.text, b.text) })
}

// lastZxid asks for the last zxid of the server without a line in the transcript.
func (s *side) lastZxid() protocol.Zxid {
	s.t.Helper()
	r, err := s.conn("main").Call(protocol.OpExists, exists(s, ".", false))
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Zxid
}
