package conformance

import (
	"zookit/protocol"
	"zookit/protocol/jute"
)

func multi(ops ...protocol.MultiOp) *protocol.MultiRequest { return &protocol.MultiRequest{Ops: ops} }

func op(t protocol.OpCode, r protocol.Record) protocol.MultiOp {
	return protocol.MultiOp{Type: t, Record: r}
}

func check(s *side, path string, version int32) protocol.MultiOp {
	return op(protocol.OpCheck, &protocol.CheckVersionRequest{Path: s.path(path), Version: version})
}

func getData(s *side, path string) protocol.MultiOp {
	return op(protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(path), Watch: true})
}

func getChildren(s *side, path string) protocol.MultiOp {
	return op(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: s.path(path)})
}

var multiStories = []story{
	{"multi", func(s *side) {
		s.do(protocol.OpMulti, multi())
		s.do(protocol.OpMulti, multi(
			op(protocol.OpCreate, create(s, "a", 0)), op(protocol.OpCreate2, create(s, "a/b", 0)), op(protocol.OpSetData, set(s, "a", "v", 0)), check(s, "a", 1),
			op(protocol.OpCreate, create(s, "a/s-", protocol.FlagSequential)), op(protocol.OpCreate, create(s, "a/s-", protocol.FlagEphemeralSequential)),
			op(protocol.OpDelete, del(s, "a/b", 0)), op(protocol.OpCreateContainer, create(s, "box", protocol.FlagContainer)),
			op(protocol.OpCreateTTL, ttl(s, "ttl", protocol.FlagTTL, 3_600_000))))
		s.do(protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: s.path("a")})
		// The parent's counters after a multi that failed, and the sequence after it.
		s.do(protocol.OpMulti, multi(op(protocol.OpCreate, create(s, "a/s-", protocol.FlagSequential)), op(protocol.OpCreate, create(s, "a/x", 0)), op(protocol.OpDelete, del(s, "a/none", -1)), check(s, "a", 9)))
		s.do(protocol.OpCreate, create(s, "a/s-", protocol.FlagSequential))
		s.do(protocol.OpExists, exists(s, "a", false))
		for _, failing := range []protocol.MultiOp{
			check(s, "a", 0), check(s, "none", -1), check(s, "none", 0), op(protocol.OpCreate, create(s, "a", 0)), op(protocol.OpCreate, create(s, "none/x", 0)),
			op(protocol.OpDelete, del(s, "a", -1)), op(protocol.OpDelete, del(s, "a", 8)), op(protocol.OpSetData, set(s, "a", "x", 8)), op(protocol.OpSetData, set(s, "none", "x", -1)),
			op(protocol.OpCreate, create(s, "a/bad", 7)), op(protocol.OpCreate, create(s, "a//bad", 0)), op(protocol.OpCreate, create(s, "a/bad/", 0)),
			op(protocol.OpCreate, &protocol.CreateRequest{Path: s.path("noacl")}), op(protocol.OpCreateTTL, ttl(s, "a/bad", protocol.FlagTTL, 0)), op(protocol.OpDelete, &protocol.DeleteRequest{Path: "/", Version: -1}),
			check(s, "/", -1), op(protocol.OpCreate, create(s, "a/s-0000000001/x", 0)),
		} {
			s.do(protocol.OpMulti, multi(op(protocol.OpCreate, create(s, "before", 0)), failing, op(protocol.OpCreate, create(s, "after", 0))))
		}
		s.do(protocol.OpExists, exists(s, "before", false))
		s.do(protocol.OpMulti, multi(check(s, "a", 1)))
		s.do(protocol.OpMulti, multi(op(protocol.OpCreate, create(s, "t", 0)), op(protocol.OpDelete, del(s, "t", 0)), op(protocol.OpCreate, create(s, "t", 0))))
	}},
	{"multi bodies", func(s *side) {
		mixed := multi(getData(s, "."), op(protocol.OpCreate, create(s, "x", 0)))
		s.do(protocol.OpMulti, mixed)
		s.do(protocol.OpMultiRead, mixed)
		s.do(protocol.OpMulti, multi(op(protocol.OpCreate, create(s, "x", 0)), getData(s, ".")))
		s.do(protocol.OpMulti, multi(op(protocol.OpExists, exists(s, ".", false))))
		s.do(protocol.OpMulti, multi(op(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.root, ACL: protocol.OpenACL})))
		s.do(protocol.OpMulti, multi(op(protocol.OpMulti, multi())))
		s.do(protocol.OpMulti, multi(getData(s, "."), getChildren(s, ".")))
		s.do(protocol.OpMultiRead, multi(op(protocol.OpCreate, create(s, "x", 0))))
		s.at("multi without its end")
		s.raw("main", protocol.OpMulti, (&protocol.CreateRequest{Path: s.path("x")}).AppendTo(jute.AppendInt(jute.AppendBool(jute.AppendInt(nil, 1), false), -1)))
		s.do(protocol.OpExists, exists(s, "x", false))
	}},
	{"multiRead", func(s *side) {
		s.do(protocol.OpMultiRead, multi())
		s.do(protocol.OpCreate, create(s, "a", 0))
		s.do(protocol.OpMultiRead, multi(getData(s, "a"), getChildren(s, "."), getData(s, "none"), getChildren(s, "none"), getData(s, "/bad//"), getChildren(s, "a")))
		s.do(protocol.OpSetData, set(s, "a", "changed", -1))
		s.settle()
	}},
}
