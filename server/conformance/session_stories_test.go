package conformance

import (
	"bytes"
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest/wire"
)

var sessionStories = []story{
	{"timeouts", func(s *side) {
		for _, ms := range []int32{-1, 1, 999, 1000, 1001, 5000, 59_999, 60_000, 60_001, 1<<31 - 1} {
			name := fmt.Sprintf("asks for %d", ms)
			s.open(name, wire.Options{TimeoutMs: ms})
			if s.conns[name] != nil {
				s.end(name)
			}
		}
	}},
	{"the form without readOnly", func(s *side) {
		s.open("old", wire.Options{NoReadOnly: true})
		s.as("old", protocol.OpExists, exists(s, ".", false))
	}},
	{"reconnect", func(s *side) {
		s.open("a", wire.Options{TimeoutMs: 20_000})
		s.as("a", protocol.OpCreate, create(s, "e", protocol.FlagEphemeral))
		s.as("a", protocol.OpGetData, &protocol.GetDataRequest{Path: s.path("e"), Watch: true})
		first := s.conn("a").Session
		s.forget("a")
		s.open("again", wire.Options{TimeoutMs: 10_000, Session: first.Session, Password: first.Password})
		s.at("the same password")
		s.logf("%v", bytes.Equal(s.conn("again").Session.Password, first.Password))
		s.as("again", protocol.OpGetEphemerals, &protocol.GetEphemeralsRequest{Prefix: s.root})
		s.do(protocol.OpSetData, set(s, "e", "x", -1)) // the watch went with the connection
		s.settle()
		s.as("again", protocol.OpWhoAmI, nil)
		s.end("again")
		s.do(protocol.OpExists, exists(s, "e", false))
		s.open("after the end", wire.Options{Session: first.Session, Password: first.Password})
		s.closed("after the end")
	}},
	{"wrong sessions", func(s *side) {
		s.open("a", wire.Options{TimeoutMs: 20_000})
		good := s.conn("a").Session
		for name, o := range []wire.Options{
			{Session: good.Session, Password: make([]byte, 16)}, {Session: good.Session, Password: []byte{}}, {Session: good.Session, Password: good.Password[:15]},
			{Session: good.Session + 1, Password: good.Password}, {Session: 1, Password: make([]byte, 16)}, {Session: -1, Password: good.Password},
			{Session: 0, Password: good.Password, NoReadOnly: true}, {Session: 12345, NoReadOnly: true},
		} {
			wrong := fmt.Sprintf("wrong %d", name)
			s.open(wrong, o)
			if c := s.conns[wrong]; c != nil && c.Session.TimeoutMs == 0 {
				s.closed(wrong)
			}
		}
		s.at("a zxid from the future")
		s.open("future", wire.Options{LastZxid: 1 << 40})
		s.open("past", wire.Options{LastZxid: 1})
	}},
	{"a second connection", func(s *side) {
		s.open("a", wire.Options{TimeoutMs: 20_000})
		first := s.conn("a").Session
		s.open("b", wire.Options{Session: first.Session, Password: first.Password})
		s.closed("a")
		s.as("b", protocol.OpCreate, create(s, "by b", protocol.FlagEphemeral))
		s.end("b")
	}},
	{"expiry", func(s *side) {
		s.open("short", wire.Options{TimeoutMs: 1000})
		gone := s.conn("short").Session
		s.as("short", protocol.OpCreate, create(s, "e", protocol.FlagEphemeral))
		s.do(protocol.OpExists, exists(s, "e", true))
		s.forget("short")
		s.at("the ephemeral's end is told")
		s.loose = true // no reply tells the zxid of an expiry
		if err := s.conn("main").Await(1); err != nil {
			s.logf("%s", failure(err))
		}
		s.events("main")
		s.open("late", wire.Options{Session: gone.Session, Password: gone.Password})
		s.closed("late")
		s.do(protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: s.root})
	}},
	{"idle connection", func(s *side) {
		s.open("idle", wire.Options{TimeoutMs: 1000})
		s.closed("idle")
	}},
	{"closing", func(s *side) {
		s.open("a", wire.Options{})
		s.as("a", protocol.OpCreate, create(s, "e1", protocol.FlagEphemeral))
		s.as("a", protocol.OpCreate, create(s, "e2", protocol.FlagEphemeralSequential))
		s.end("a")
		s.do(protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: s.root})
		s.open("b", wire.Options{})
		s.at("a request behind the closing one")
		c := s.conn("b")
		frames := protocol.AppendFrame(nil, &protocol.RequestHeader{Xid: 1, Type: protocol.OpCloseSession})
		frames = protocol.AppendFrame(frames, &protocol.RequestHeader{Xid: 2, Type: protocol.OpCreate}, create(s, "late", 0))
		if err := c.Write(frames); err != nil {
			s.t.Fatal(err)
		}
		s.receive("b", protocol.OpCloseSession, 1)
		s.at("the closing connection")
		for {
			// Apache answers SessionExpired or closes before that, as its threads happen to run.
			if _, err := s.conn("b").Read(); err != nil {
				s.logf("%s", failure(err))
				break
			}
		}
		s.forget("b")
		// Whether the late request took a zxid depends on who came first; that it did nothing does not.
		s.at("the late request")
		r, err := s.conn("main").Call(protocol.OpExists, exists(s, "late", false))
		if err != nil {
			s.t.Fatal(err)
		}
		s.logf("exists: err %s", code(r.Err))
	}},
}

var quotaStories = []story{{"hard quota", func(s *side) { playQuota(s) }}}

// playQuota sets limits of every kind and writes beyond them.
func playQuota(s *side) {
	quota := "/zookeeper/quota" + s.root
	put := func(path, text string) {
		s.do(protocol.OpCreate, &protocol.CreateRequest{Path: path, Data: []byte(text), ACL: protocol.OpenACL})
	}
	s.do(protocol.OpCreate, create(s, "before", 0))
	put(quota, "")
	put(quota+"/zookeeper_limits", "count=3,bytes=10=;byteHardLimit=12;countHardLimit=4")
	put(quota+"/zookeeper_stats", "count=0,bytes=0")
	stats := func() { s.do(protocol.OpGetData, &protocol.GetDataRequest{Path: quota + "/zookeeper_stats"}) }
	stats()
	for _, name := range []string{"a", "b", "c"} {
		s.do(protocol.OpCreate, create(s, name, 0))
		stats()
	}
	s.do(protocol.OpSetData, set(s, "a", "1234567", -1))
	s.do(protocol.OpSetData, set(s, "a", "12345678901234567890", -1))
	stats()
	s.do(protocol.OpMulti, multi(op(protocol.OpSetData, set(s, "a", "12345678901234567890", -1))))
	s.do(protocol.OpMulti, multi(op(protocol.OpCreate, create(s, "m", 0)), op(protocol.OpCreate, create(s, "m2", 0))))
	s.do(protocol.OpDelete, del(s, "a", -1))
	stats()
	s.do(protocol.OpSetData, &protocol.SetDataRequest{Path: quota + "/zookeeper_limits", Data: []byte("count=1,bytes=-1"), Version: -1})
	s.do(protocol.OpCreate, create(s, "soft", 0))
	stats()
	s.do(protocol.OpCreate, &protocol.CreateRequest{Path: s.path("null"), ACL: protocol.OpenACL})
	s.do(protocol.OpSetData, &protocol.SetDataRequest{Path: s.path("null"), Version: -1})
	stats()
	s.do(protocol.OpSetData, &protocol.SetDataRequest{Path: quota + "/zookeeper_limits", Data: []byte("nonsense"), Version: -1})
	s.do(protocol.OpDelete, &protocol.DeleteRequest{Path: quota + "/zookeeper_limits", Version: -1})
	s.do(protocol.OpCreate, create(s, "after", 0))
	stats()
}

// frameStories come last: some of them cost a connection, and one makes Apache 3.8.0 write a txn it cannot read.
var frameStories = []story{
	{"frames", func(s *side) {
		for name, frame := range []string{"\xff\xff\xff\xff", "\x80\x00\x00\x00", "\x7f\xff\xff\xff", "\x00\x10\x00\x00", "\x00\x00\x00\x00", "\x00\x00\x00\x04abcd", "\x00\x00\x00\x07abcdefg"} {
			conn := fmt.Sprintf("frame %d", name)
			s.open(conn, wire.Options{})
			s.at("frame %x", frame)
			if err := s.conn(conn).Write([]byte(frame)); err != nil {
				s.t.Fatal(err)
			}
			r, err := s.conn(conn).Read()
			if err != nil {
				s.logf("%s", failure(err))
			} else {
				s.logf("xid %d zxid %s err %s", r.Xid, s.zxid(r.Zxid), code(r.Err))
			}
			s.forget(conn)
		}
	}},
	{"unknown operations", func(s *side) {
		for _, op := range []protocol.OpCode{0, -1, 10, 23, 50, 99, 108, 1000, -2, -12, 1<<31 - 1} {
			s.open("one", wire.Options{})
			s.at("operation %d", int32(op))
			s.raw("one", op, at(s, ".").AppendTo(nil))
			s.closed("one")
		}
	}},
	{"odd operations", func(s *side) {
		s.at("sasl")
		s.raw("main", protocol.OpSASL, jute.AppendBuffer(nil, []byte("token")))
		s.at("reconfig")
		s.raw("main", protocol.OpReconfig, (&protocol.ReconfigRequest{CurConfigID: -1}).AppendTo(nil))
		for _, xid := range []int32{0, -2, -3, -4, -8, 1 << 30, -1 << 31} {
			s.at("exists with xid %d", xid)
			if err := s.conn("main").SendXid(xid, protocol.OpExists, exists(s, ".", false).AppendTo(nil)); err != nil {
				s.t.Fatal(err)
			}
			s.receive("main", protocol.OpExists, xid)
		}
		s.at("ping with another xid")
		if err := s.conn("main").SendXid(77, protocol.OpPing, nil); err != nil {
			s.t.Fatal(err)
		}
		s.receive("main", protocol.OpPing, 77)
	}},
	{"deleteContainer", func(s *side) {
		s.at("deleteContainer of a client")
		s.raw("main", protocol.OpDeleteContainer, at(s, ".").AppendTo(nil))
		s.forget("main")
	}},
	{"createSession", func(s *side) {
		s.open("one", wire.Options{})
		s.at("createSession of a client")
		if _, err := s.conn("one").Send(protocol.OpCreateSession, jute.AppendInt(nil, 5000)); err != nil {
			s.t.Fatal(err)
		}
		r, err := s.conn("one").Read()
		switch {
		case err != nil:
			s.logf("%s", failure(err))
		case r.Xid == 1:
			s.logf("zxid %s err %s", s.zxid(r.Zxid), code(r.Err))
		default:
			s.logf("a packet without a reply header") // a ConnectResponse, with a new session's password
		}
		s.forget("one")
	}},
	{"mixed create types", func(s *side) {
		s.do(protocol.OpCreate, create(s, "flag4", protocol.FlagContainer))
		s.do(protocol.OpExists, exists(s, "flag4", false))
		s.do(protocol.OpCreate2, create(s, "c2flag4", protocol.FlagContainer))
		for _, flags := range []protocol.CreateFlag{0, 1, 2, 3} {
			s.do(protocol.OpCreateContainer, create(s, fmt.Sprintf("op19flag%d", flags), flags))
		}
	}},
	{"ZK-2623 check alone", func(s *side) {
		s.open("one", wire.Options{})
		s.as("one", protocol.OpCheck, &protocol.CheckVersionRequest{Path: s.root, Version: 99})
		s.forget("one")
	}},
}
