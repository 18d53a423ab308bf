package conformance

import (
	"strings"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest/wire"
)

// Short forms for the tables.
func create(s *side, path string, flags protocol.CreateFlag) *protocol.CreateRequest {
	return &protocol.CreateRequest{Path: s.path(path), Data: []byte("d"), ACL: protocol.OpenACL, Flags: flags}
}

func ttl(s *side, path string, flags protocol.CreateFlag, ms int64) *protocol.CreateTTLRequest {
	return &protocol.CreateTTLRequest{Path: s.path(path), Data: []byte("d"), ACL: protocol.OpenACL, Flags: flags, TTL: ms}
}

func exists(s *side, path string, watch bool) *protocol.ExistsRequest {
	return &protocol.ExistsRequest{Path: s.path(path), Watch: watch}
}

func set(s *side, path, value string, version int32) *protocol.SetDataRequest {
	return &protocol.SetDataRequest{Path: s.path(path), Data: []byte(value), Version: version}
}

func del(s *side, path string, version int32) *protocol.DeleteRequest {
	return &protocol.DeleteRequest{Path: s.path(path), Version: version}
}

func at(s *side, path string) *protocol.PathRequest { return &protocol.PathRequest{Path: s.path(path)} }

// badPaths are refused, some by their form and some because nothing is there. Apache's checks come in an order of their
// own, so the code differs by operation.
var badPaths = []string{
	"", "t", "/", "//", "/t/", "/t//x", "/./x", "/../x", "/x/.", "/x/..", "/...", "/ ", "/a\x00b", "/a\x01b", "/a\x1fb", "/a\x7fb", "/a\u0085b", "/a\u009fb",
	"/a\u00a0b", "/a\ud7ffb", "/a\ue000b", "/a\uf8ffb", "/a\uf900b", "/a\ufff0b", "/a\uffffb", "/a\U0001F600b", "/zookeeper", "/zookeeper/", "/zookeeper/quota", "/zookeeper/config",
	"/no/such", "relative/path",
}

var createStories = []story{
	{"create modes", func(s *side) {
		s.do(protocol.OpCreate, create(s, "p", protocol.FlagPersistent))
		s.do(protocol.OpCreate, create(s, "p", protocol.FlagPersistent))
		s.do(protocol.OpCreate, create(s, "e", protocol.FlagEphemeral))
		s.do(protocol.OpCreate, create(s, "e/child", protocol.FlagPersistent))
		s.do(protocol.OpCreate, create(s, "e/child", protocol.FlagSequential))
		s.do(protocol.OpCreate, create(s, "s", protocol.FlagSequential))
		s.do(protocol.OpCreate, create(s, "s", protocol.FlagSequential))
		s.do(protocol.OpDelete, del(s, "s0000000002", -1))
		s.do(protocol.OpCreate, create(s, "es", protocol.FlagEphemeralSequential))
		s.do(protocol.OpCreate2, create(s, "c2", protocol.FlagPersistent))
		s.do(protocol.OpCreate2, create(s, "c2", protocol.FlagPersistent))
		s.do(protocol.OpCreate2, create(s, "c2e", protocol.FlagEphemeral))
		s.do(protocol.OpCreate2, create(s, "c2s", protocol.FlagSequential))
		s.do(protocol.OpCreateContainer, create(s, "box", protocol.FlagContainer))
		s.do(protocol.OpCreateContainer, create(s, "box", protocol.FlagContainer))
		s.do(protocol.OpCreate, create(s, "box/in", protocol.FlagPersistent))
		s.do(protocol.OpCreateTTL, ttl(s, "ttl", protocol.FlagTTL, 3_600_000))
		s.do(protocol.OpCreateTTL, ttl(s, "ttl", protocol.FlagTTL, 3_600_000))
		s.do(protocol.OpCreateTTL, ttl(s, "ttls", protocol.FlagTTLSequential, 1<<40-1))
		s.do(protocol.OpCreate, create(s, "ttl/in", protocol.FlagPersistent))
		for _, p := range []string{"p", "e", "box", "ttl", "c2e", "."} {
			s.do(protocol.OpExists, exists(s, p, false))
		}
		s.do(protocol.OpCreate, create(s, "p/", protocol.FlagSequential))
		s.do(protocol.OpCreate, create(s, "p/", protocol.FlagPersistent))
	}},
	{"create flags", func(s *side) {
		for _, flags := range []protocol.CreateFlag{-1, 5, 6, 7, 8, 100} {
			s.do(protocol.OpCreate, create(s, "n", flags))
			s.do(protocol.OpCreate2, create(s, "n", flags))
			s.do(protocol.OpCreateContainer, create(s, "n", flags))
		}
		for _, ms := range []int64{0, -1, 1 << 40, 1<<63 - 1, 1 << 62} {
			s.do(protocol.OpCreateTTL, ttl(s, "n", protocol.FlagTTL, ms))
			s.do(protocol.OpCreateTTL, ttl(s, "n", protocol.FlagTTLSequential, ms))
		}
		for _, flags := range []protocol.CreateFlag{-1, 0, 1, 2, 3, 4, 7} {
			s.do(protocol.OpCreateTTL, ttl(s, "n", flags, 1000))
		}
		s.do(protocol.OpExists, exists(s, "n", false))
	}},
	{"create paths", func(s *side) {
		for _, p := range badPaths {
			s.do(protocol.OpCreate, &protocol.CreateRequest{Path: p, ACL: protocol.OpenACL})
			s.do(protocol.OpCreate2, &protocol.CreateRequest{Path: p + "x/", ACL: protocol.OpenACL, Flags: protocol.FlagEphemeralSequential})
		}
		for _, p := range []string{"x\u00a0", "...", "a.b", ".hidden", "\u00e4\u00f6", "\ud7ff", "a b", "\uf900", "\uffef"} {
			s.do(protocol.OpCreate, create(s, p, protocol.FlagPersistent))
		}
		for _, p := range []string{".", "..", "\x01", "\u0080", "\ue000", "\uf8ff", "\ufff0", "\U0001F600", "\u0000"} {
			s.do(protocol.OpCreate, &protocol.CreateRequest{Path: s.root + "/" + p, ACL: protocol.OpenACL})
			s.do(protocol.OpCreate, &protocol.CreateRequest{Path: s.root + "/" + p, ACL: protocol.OpenACL, Flags: protocol.FlagSequential})
		}
		s.do(protocol.OpCreate, create(s, "no/parent", protocol.FlagPersistent))
	}},
	{"create data", func(s *side) {
		for _, d := range []struct {
			name string
			data []byte
		}{{"null", nil}, {"empty", []byte{}}, {"binary", []byte{0, 0xff, 0x1b}}, {"large", make([]byte, 1_000_000)}} {
			s.do(protocol.OpCreate, &protocol.CreateRequest{Path: s.path(d.name), Data: d.data, ACL: protocol.OpenACL})
			s.do(protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(d.name)})
			s.do(protocol.OpSetData, &protocol.SetDataRequest{Path: s.path(d.name), Data: d.data, Version: 0})
			s.do(protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(d.name)})
		}
	}},
	{"packet limit", func(s *side) {
		// jute.maxbuffer is 1048575: a packet of that length is served, one more costs the connection.
		request := &protocol.CreateRequest{Path: s.path("full"), ACL: protocol.OpenACL}
		header := len((&protocol.RequestHeader{}).AppendTo(nil))
		request.Data = make([]byte, 1048575-header-len(request.AppendTo(nil))+4-4)
		s.at("a packet of 1048575 bytes")
		s.raw("main", protocol.OpCreate, request.AppendTo(nil))
		s.open("big", wire.Options{})
		request.Path, request.Data = s.path("over"), append(request.Data, 0)
		s.at("a packet of 1048576 bytes")
		s.raw("big", protocol.OpCreate, request.AppendTo(nil))
		s.forget("big")
		s.do(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: s.root})
	}},
	{"undecodable bodies", func(s *side) {
		null := jute.AppendInt(nil, -1)
		for _, op := range []protocol.OpCode{
			protocol.OpCreate, protocol.OpDelete, protocol.OpExists, protocol.OpGetData, protocol.OpSetData, protocol.OpGetACL, protocol.OpSetACL, protocol.OpGetChildren,
			protocol.OpSync, protocol.OpGetChildren2, protocol.OpMulti, protocol.OpCreate2, protocol.OpCheckWatches, protocol.OpRemoveWatches, protocol.OpCreateContainer,
			protocol.OpCreateTTL, protocol.OpMultiRead, protocol.OpSetWatches, protocol.OpGetEphemerals, protocol.OpGetAllChildrenNumber, protocol.OpSetWatches2, protocol.OpAddWatch,
		} {
			for name, body := range map[string][]byte{"nothing": nil} {
				s.at("%v with %s as its body", op, name)
				s.raw("main", op, body)
			}
			s.at("%v with a null path", op)
			s.raw("main", op, append(null, make([]byte, 32)...))
			s.at("%v with a length beyond the packet", op)
			s.raw("main", op, jute.AppendInt(nil, 1000))
			s.at("%v with a negative length", op)
			s.raw("main", op, jute.AppendInt(nil, -2))
		}
		s.at("trailing bytes")
		s.raw("main", protocol.OpExists, append(exists(s, ".", false).AppendTo(nil), "more"...))
		s.at("trailing bytes of a write")
		s.raw("main", protocol.OpCreate, append(create(s, "trailing", 0).AppendTo(nil), "more"...))
	}},
}

var writeStories = []story{
	{"delete", func(s *side) {
		s.do(protocol.OpCreate, create(s, "a", 0))
		s.do(protocol.OpCreate, create(s, "a/b", 0))
		s.do(protocol.OpDelete, del(s, "a", -1))
		s.do(protocol.OpDelete, del(s, "a", 7))
		s.do(protocol.OpDelete, del(s, "a/b", 1))
		s.do(protocol.OpDelete, del(s, "a/b", 0))
		s.do(protocol.OpDelete, del(s, "a/b", 0))
		s.do(protocol.OpDelete, del(s, "a/b/c", 0))
		s.do(protocol.OpExists, exists(s, "a", false))
		s.do(protocol.OpDelete, del(s, "a", -1))
		for _, p := range badPaths {
			s.do(protocol.OpDelete, &protocol.DeleteRequest{Path: p, Version: -1})
		}
		s.do(protocol.OpExists, exists(s, ".", false))
	}},
	{"setData", func(s *side) {
		s.do(protocol.OpCreate, create(s, "a", 0))
		s.do(protocol.OpSetData, set(s, "a", "one", 0))
		s.do(protocol.OpSetData, set(s, "a", "two", 0))
		s.do(protocol.OpSetData, set(s, "a", "two", -1))
		s.do(protocol.OpSetData, set(s, "a", "", 2))
		s.do(protocol.OpSetData, set(s, "a", "x", -2))
		s.do(protocol.OpSetData, set(s, "none", "x", -1))
		s.do(protocol.OpGetData, &protocol.GetDataRequest{Path: s.path("a")})
		for _, p := range badPaths {
			if p != "/" && p != "/zookeeper" && p != "/zookeeper/quota" { // they may be written, and are not the story's own
				s.do(protocol.OpSetData, &protocol.SetDataRequest{Path: p, Version: -1})
			}
		}
	}},
	{"sequence numbers", func(s *side) {
		for range 3 {
			s.do(protocol.OpCreate, create(s, "q-", protocol.FlagSequential))
		}
		s.do(protocol.OpDelete, del(s, "q-0000000001", -1))
		s.do(protocol.OpCreate, create(s, "q-", protocol.FlagEphemeralSequential))
		s.do(protocol.OpCreate, create(s, "q-0000000004", protocol.FlagPersistent))
		s.do(protocol.OpCreate, create(s, "none/q-", protocol.FlagSequential))
		s.do(protocol.OpCreate, create(s, "q-", protocol.FlagSequential))
		s.do(protocol.OpCreate, create(s, "q-", protocol.FlagSequential))
		s.do(protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: s.root})
	}},
	{"pipeline", func(s *side) {
		// Requests are sent without waiting: replies keep their order, and a read sees the writes before it.
		s.loose = true
		c := s.conn("main")
		type sent struct {
			op  protocol.OpCode
			xid int32
		}
		var all []sent
		send := func(op protocol.OpCode, r protocol.Record) {
			xid, err := c.Send(op, r.AppendTo(nil))
			if err != nil {
				s.t.Fatal(err)
			}
			all = append(all, sent{op, xid})
		}
		for i := range 5 {
			name := "n" + strings.Repeat("x", i)
			send(protocol.OpCreate, create(s, name, 0))
			send(protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(name)})
			send(protocol.OpSetData, set(s, name, "v", 0))
			send(protocol.OpSetData, set(s, name, "v", 0))
			send(protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(name), Watch: true})
			send(protocol.OpDelete, del(s, name, 1))
			send(protocol.OpExists, exists(s, name, false))
			send(protocol.OpSync, at(s, name))
		}
		for i, m := range all {
			s.at("pipelined %d: %v", i, m.op)
			c := s.conn("main")
			r, err := c.Read()
			s.events("main")
			if err != nil {
				s.logf("%s", failure(err))
				return
			}
			// The zxid of a reply is the last one applied when it was written, which a pipeline leaves open.
			s.logf("in order %v err %s%s", r.Xid == m.xid, code(r.Err), s.body(m.op, r))
		}
	}},
}

var readStories = []story{
	{"reads", func(s *side) {
		s.do(protocol.OpCreate, create(s, "a", 0))
		s.do(protocol.OpCreate, create(s, "a/b", 0))
		s.do(protocol.OpCreate, create(s, "a/c", 0))
		s.do(protocol.OpCreate, create(s, "a/b/d", protocol.FlagEphemeral))
		for _, p := range append([]string{s.root, s.path("a"), s.path("a/b/d"), s.path("none")}, badPaths...) {
			if p == "/" || p == "/zookeeper" || p == "/zookeeper/quota" || p == "/zookeeper/config" {
				continue // what is there depends on the stories before
			}
			s.do(protocol.OpExists, &protocol.ExistsRequest{Path: p})
			s.do(protocol.OpGetData, &protocol.GetDataRequest{Path: p})
			s.do(protocol.OpGetACL, &protocol.GetACLRequest{Path: p})
			s.do(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: p})
			s.do(protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: p})
			s.do(protocol.OpGetAllChildrenNumber, &protocol.GetAllChildrenNumberRequest{Path: p})
			s.do(protocol.OpSync, &protocol.SyncRequest{Path: p})
		}
		for _, prefix := range []string{"", "/", s.root, s.path("a/b"), s.path("a/b/d"), s.path("none"), "relative", "//"} {
			s.do(protocol.OpGetEphemerals, &protocol.GetEphemeralsRequest{Prefix: prefix})
		}
		s.at("getEphemerals with a null prefix")
		s.raw("main", protocol.OpGetEphemerals, jute.AppendInt(nil, -1))
		s.do(protocol.OpWhoAmI, nil)
		s.do(protocol.OpPing, nil)
		s.at("the config node")
		s.do(protocol.OpGetACL, &protocol.GetACLRequest{Path: "/zookeeper/config"})
	}},
}

var plainStories = []story{
	{"without extended types", func(s *side) {
		s.do(protocol.OpCreateTTL, ttl(s, "n", protocol.FlagTTL, 1000))
		s.do(protocol.OpCreateTTL, ttl(s, "n", protocol.FlagTTLSequential, 0))
		s.do(protocol.OpCreateTTL, ttl(s, "n", protocol.FlagPersistent, 1000))
		s.do(protocol.OpCreateContainer, create(s, "box", protocol.FlagContainer))
		s.do(protocol.OpMulti, &protocol.MultiRequest{Ops: []protocol.MultiOp{{Type: protocol.OpCreateTTL, Record: ttl(s, "n", protocol.FlagTTL, 1000)}}})
	}},
	{"soft quota", func(s *side) { playQuota(s) }},
}
