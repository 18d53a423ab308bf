package session

import (
	"errors"
	"fmt"
	"testing"

	"zookit/protocol"
)

// ACLs are those of the paths, in their order; what is gone or hidden is said
// of the znode alone. A session beside reads them as the same identities, under
// the same chroot, and writes nothing.
func testACLs(t *testing.T, srv live) {
	ctx := bounded(t)
	plain := open(t, Options{Servers: srv.addr()})
	mustCreate(t, plain, "/acls")
	s := open(t, Options{Servers: srv.addr() + "/acls"})
	if err := s.AddAuth(ctx, "digest", []byte("joe:pw")); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for i := range 300 {
		acl := []protocol.ACL{{Perms: protocol.Perm(1 + i%31), Scheme: "auth"}}
		if i%7 == 0 {
			acl = protocol.OpenACL
		}
		paths = append(paths, fmt.Sprintf("/%03d", i))
		if _, _, err := s.Create(ctx, paths[i], nil, acl, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	paths = append(paths, "/none", "/000")
	beside, err := s.Beside(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close(ctx)
	for name, reader := range map[string]*Session{"itself": s, "beside": beside} {
		got, err := reader.ACLs(ctx, paths)
		if err != nil || len(got) != len(paths) {
			t.Fatalf("%s: %d, %v", name, len(got), err)
		}
		for i, r := range got {
			acl, st, err := s.GetACL(ctx, paths[i])
			if (err == nil) != (r.Err == nil) || fmt.Sprint(r.ACL) != fmt.Sprint(acl) || st != nil && r.Stat != *st {
				t.Errorf("%s: %s: %+v, not %v, %v, %v", name, paths[i], r, acl, st, err)
			}
		}
		if !errors.Is(got[300].Err, protocol.NoNode) {
			t.Errorf("%s: a missing znode: %v", name, got[300].Err)
		}
		if _, err := reader.ACLs(ctx, []string{"/000", "none"}); err == nil {
			t.Error("a path without a slash")
		}
	}
	secret := []protocol.ACL{{Perms: protocol.PermAll, Scheme: "digest", ID: "eve:x"}}
	if _, err := plain.SetACL(ctx, "/acls/000", secret, -1); err != nil {
		t.Fatal(err)
	}
	got, err := beside.ACLs(ctx, []string{"/000", "/007"})
	if err != nil || !errors.Is(got[0].Err, protocol.NoAuth) || got[1].Err != nil {
		t.Errorf("a hidden ACL: %+v, %v", got, err)
	}
	var frozen *FrozenError
	if err := beside.Delete(ctx, "/001", -1); !errors.As(err, &frozen) {
		t.Errorf("a session beside writes: %v", err)
	}
	if beside.SessionID() == s.SessionID() || beside.Server() != s.Server() {
		t.Errorf("beside %v at %s: %v at %s", s.SessionID(), s.Server(), beside.SessionID(), beside.Server())
	}
}

// What a connection did not live to answer is asked again over the next, and
// nothing of it twice.
func TestACLsOverALostConnection(t *testing.T) {
	t.Parallel()
	answer := func(p *peer, n int) {
		for range n {
			r := p.expect(protocol.OpGetACL)
			var req protocol.GetACLRequest
			r.decode(t, &req)
			p.reply(r, 5, protocol.OK, &protocol.GetACLResponse{ACL: []protocol.ACL{{Perms: 1, Scheme: "world", ID: req.Path}}})
		}
	}
	f := newFake(t, func(p *peer) {
		p.welcome()
		answer(p, 2)
	}, func(p *peer) {
		p.welcome()
		answer(p, 3)
		p.serve()
	})
	s := open(t, Options{Servers: f.addr()})
	paths := []string{"/a", "/b", "/c", "/d", "/e"}
	got, err := s.ACLs(bounded(t), paths)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if r.Err != nil || r.ACL[0].ID != paths[i] {
			t.Errorf("%s: %+v", paths[i], r)
		}
	}
}

// No session is opened beside one that has no connection, and none with a
// server that is behind what the session has seen.
func TestBesideRefused(t *testing.T) {
	t.Parallel()
	seen := make(chan protocol.Zxid, 1)
	f := newFake(t, good, func(p *peer) {
		req := p.welcome()
		seen <- req.LastZxidSeen
		p.serve()
	})
	s := open(t, Options{Servers: f.addr()})
	if _, err := s.Exists(bounded(t), "/a", false); err != nil { // answered at zxid 5
		t.Fatal(err)
	}
	beside, err := s.Beside(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close(bounded(t))
	if zxid := <-seen; zxid != 5 {
		t.Errorf("a session beside asks for zxid %v", zxid)
	}
	_ = s.Close(bounded(t))
	if _, err := s.Beside(bounded(t)); err == nil {
		t.Error("a session beside a closed one")
	}
}
