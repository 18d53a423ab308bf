package conformance

import (
	"sort"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest/wire"
)

var (
	bob   = protocol.DigestID("bob:secret")
	alice = protocol.DigestID("alice:secret")
)

func withACL(s *side, path string, acl ...protocol.ACL) *protocol.CreateRequest {
	return &protocol.CreateRequest{Path: s.path(path), Data: []byte("d"), ACL: acl}
}

// everyOperation tries every operation on a znode and below it, failing ones alone change nothing.
func everyOperation(s *side, name, path string) {
	s.as(name, protocol.OpExists, exists(s, path, false))
	s.as(name, protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(path)})
	s.as(name, protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: s.path(path)})
	s.as(name, protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: s.path(path)})
	s.as(name, protocol.OpGetAllChildrenNumber, at(s, path))
	s.as(name, protocol.OpGetACL, at(s, path))
	s.as(name, protocol.OpSync, at(s, path))
	s.as(name, protocol.OpSetData, set(s, path, "new", -1))
	s.as(name, protocol.OpCreate, create(s, path+"/made", 0))
	s.as(name, protocol.OpDelete, del(s, path+"/made", -1))
	s.as(name, protocol.OpDelete, del(s, path+"/kept", 99))
	s.as(name, protocol.OpMulti, multi(check(s, path, -1)))
	s.as(name, protocol.OpMulti, multi(op(protocol.OpSetData, set(s, path, "new", -1)), op(protocol.OpCreate, create(s, path+"/made", 0)), op(protocol.OpDelete, del(s, path+"/made", -1))))
	s.as(name, protocol.OpMultiRead, multi(op(protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(path)}), op(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: s.path(path)})))
	s.as(name, protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path(path), ACL: protocol.OpenACL, Version: 99})
	addWatch(s, name, path, protocol.AddWatchPersistent)
}

var aclStories = []story{
	{"permissions", func(s *side) {
		s.open("bob", wire.Options{})
		s.auth("bob", "digest", "bob:secret")
		for perms := protocol.Perm(0); perms < 32; perms++ {
			path := "p" + string(rune('A'+perms))
			s.do(protocol.OpCreate, create(s, path, 0))
			s.do(protocol.OpCreate, create(s, path+"/kept", 0))
			s.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path(path), ACL: []protocol.ACL{{Perms: perms, Scheme: "digest", ID: bob}}, Version: 0})
			if perms == 0 || perms&(perms-1) == 0 || perms == 31 {
				everyOperation(s, "bob", path)
				everyOperation(s, "main", path)
			}
		}
	}},
	{"schemes", func(s *side) {
		s.open("bob", wire.Options{})
		s.auth("bob", "digest", "bob:secret")
		for i, acl := range [][]protocol.ACL{
			{{Perms: 31, Scheme: "world", ID: "anyone"}}, {{Perms: 31, Scheme: "world", ID: "someone"}}, {{Perms: 31, Scheme: "world", ID: ""}},
			{{Perms: 31, Scheme: "auth", ID: ""}}, {{Perms: 1, Scheme: "auth", ID: "ignored"}}, {{Perms: 31, Scheme: "digest", ID: bob}}, {{Perms: 31, Scheme: "digest", ID: "nocolon"}},
			{{Perms: 31, Scheme: "digest", ID: "a:b:c"}}, {{Perms: 31, Scheme: "digest", ID: ":"}}, {{Perms: 31, Scheme: "digest", ID: ""}},
			{{Perms: 31, Scheme: "ip", ID: "127.0.0.1"}}, {{Perms: 31, Scheme: "ip", ID: "127.0.0.0/8"}}, {{Perms: 31, Scheme: "ip", ID: "127.0.0.1/32"}}, {{Perms: 31, Scheme: "ip", ID: "0.0.0.0/0"}},
			{{Perms: 31, Scheme: "ip", ID: "10.0.0.0/33"}}, {{Perms: 31, Scheme: "ip", ID: "10.0.0"}}, {{Perms: 31, Scheme: "ip", ID: "10.0.0.256"}}, {{Perms: 31, Scheme: "ip", ID: "host"}}, {{Perms: 31, Scheme: "ip", ID: "10.0.0.1/x"}},
			{{Perms: 31, Scheme: "ip", ID: "10.0.0.1"}}, {{Perms: 31, Scheme: "ip", ID: "10.0.0.0/-1"}}, {{Perms: 31, Scheme: "ip", ID: "10.0.0.0/8/8"}},
			{{Perms: 31, Scheme: "nosuch", ID: "x"}}, {{Perms: 31, Scheme: "", ID: ""}}, {{Perms: 31, Scheme: "super", ID: ""}},
			{{Perms: 31, Scheme: "world", ID: "anyone"}, {Perms: 31, Scheme: "world", ID: "anyone"}}, {{Perms: 1, Scheme: "world", ID: "anyone"}, {Perms: 31, Scheme: "auth", ID: ""}},
			{{Perms: 32, Scheme: "world", ID: "anyone"}}, {{Perms: -1, Scheme: "world", ID: "anyone"}}, {{Perms: 0, Scheme: "world", ID: "anyone"}}, {}, nil,
		} {
			path := "n" + string(rune('A'+i))
			s.as("bob", protocol.OpCreate, withACL(s, path, acl...))
			s.as("main", protocol.OpCreate, withACL(s, path+"main", acl...))
			s.as("bob", protocol.OpGetACL, at(s, path))
			s.as("main", protocol.OpGetACL, at(s, path))
			s.as("main", protocol.OpGetData, &protocol.GetDataRequest{Path: s.path(path)})
		}
		s.at("create with a null list of ACLs")
		s.raw("main", protocol.OpCreate, jute.AppendInt(jute.AppendInt(jute.AppendBuffer(jute.AppendString(nil, s.path("null")), nil), -1), 0))
	}},
	{"setACL", func(s *side) {
		s.do(protocol.OpCreate, create(s, "a", 0))
		acl := []protocol.ACL{{Perms: 31, Scheme: "world", ID: "anyone"}, {Perms: 1, Scheme: "digest", ID: alice}}
		s.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path("a"), ACL: acl, Version: 0})
		s.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path("a"), ACL: acl, Version: 0})
		s.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path("a"), ACL: acl, Version: -1})
		s.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path("a"), ACL: []protocol.ACL{}, Version: -1})
		s.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path("none"), ACL: acl, Version: -1})
		s.do(protocol.OpGetACL, at(s, "a"))
		for _, p := range badPaths {
			if p != "/" && p != "/zookeeper" && p != "/zookeeper/quota" {
				s.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: p, ACL: acl, Version: 99})
			}
		}
	}},
	{"CVE-2019-0201 masks", func(s *side) {
		s.do(protocol.OpCreate, withACL(s, "read", protocol.ACL{Perms: 1, Scheme: "world", ID: "anyone"}, protocol.ACL{Perms: 31, Scheme: "digest", ID: bob}))
		s.do(protocol.OpCreate, withACL(s, "admin", protocol.ACL{Perms: 16, Scheme: "world", ID: "anyone"}, protocol.ACL{Perms: 31, Scheme: "digest", ID: bob}))
		s.do(protocol.OpGetACL, at(s, "read"))
		s.do(protocol.OpGetACL, at(s, "admin"))
		s.open("bob", wire.Options{})
		s.auth("bob", "digest", "bob:secret")
		s.as("bob", protocol.OpGetACL, at(s, "read"))
		s.auth("bob", "digest", "alice:secret")
		s.as("bob", protocol.OpWhoAmI, nil)
		// What auth expands to comes in the order of the identities, which is Apache's own.
		s.as("bob", protocol.OpCreate, withACL(s, "both", protocol.ACL{Perms: 31, Scheme: "auth"}))
		s.at("the ACL of both identities")
		var reply protocol.GetACLResponse
		if err := s.conn("bob").Do(protocol.OpGetACL, at(s, "both"), &reply); err != nil {
			s.t.Fatal(err)
		}
		sort.Slice(reply.ACL, func(i, j int) bool { return reply.ACL[i].ID < reply.ACL[j].ID })
		s.logf("%s", s.acl(reply.ACL))
		s.as("bob", protocol.OpDelete, del(s, "both", -1))
	}},
	{"auth", func(s *side) {
		for _, a := range []struct{ scheme, credentials string }{
			{"digest", "bob:secret"}, {"digest", "nocolon"}, {"digest", ""}, {"digest", "a:b:c"}, {"ip", ""}, {"ip", "10.0.0.1"}, {"digest", superAuth}, {"digest", "super:wrong"},
		} {
			s.open("one", wire.Options{})
			s.auth("one", a.scheme, a.credentials)
			s.as("one", protocol.OpWhoAmI, nil)
			s.auth("one", a.scheme, a.credentials)
			s.as("one", protocol.OpWhoAmI, nil)
			s.end("one")
		}
		for _, a := range []struct{ scheme, credentials string }{{"world", "anyone"}, {"auth", ""}, {"nosuch", "x"}, {"", ""}, {"super", ""}, {"sasl", "x"}, {"x509", "x"}} {
			s.open("one", wire.Options{})
			s.auth("one", a.scheme, a.credentials)
			s.closed("one")
		}
		s.do(protocol.OpCreate, withACL(s, "none", protocol.ACL{Perms: 31, Scheme: "digest", ID: alice}))
		s.open("super", wire.Options{})
		s.auth("super", "digest", superAuth)
		s.as("super", protocol.OpGetACL, at(s, "none"))
		s.as("super", protocol.OpSetData, set(s, "none", "by super", -1))
		s.as("super", protocol.OpCreate, withACL(s, "by super", protocol.ACL{Perms: 31, Scheme: "auth"}))
	}},
	{"CVE-2024-23944 watches and permissions", func(s *side) {
		// An event needs READ on its znode when it is delivered; without it the watch is spent in silence.
		s.open("watcher", wire.Options{})
		s.open("bob", wire.Options{})
		s.auth("bob", "digest", "bob:secret")
		secret := protocol.ACL{Perms: 31, Scheme: "digest", ID: bob}
		for _, kind := range watchKinds {
			for _, name := range []string{"watcher", "bob"} {
				s.do(protocol.OpCreate, create(s, "w", 0))
				kind.set(s, name, "w")
				s.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: s.path("w"), ACL: []protocol.ACL{secret}, Version: -1})
				s.as("bob", protocol.OpSetData, set(s, "w", "x", -1))
				s.settle()
				s.as("bob", protocol.OpCreate, create(s, "w/open", 0))
				s.settle()
				s.as("bob", protocol.OpDelete, del(s, "w/open", -1))
				s.settle()
				s.as("bob", protocol.OpCreate, withACL(s, "w/secret", secret))
				s.settle()
				s.as("bob", protocol.OpDelete, del(s, "w/secret", -1))
				s.settle()
				s.as("bob", protocol.OpDelete, del(s, "w", -1))
				s.settle()
			}
			s.end("watcher")
			s.open("watcher", wire.Options{})
			s.end("bob")
			s.open("bob", wire.Options{})
			s.auth("bob", "digest", "bob:secret")
		}
	}},
}
