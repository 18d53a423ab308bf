package session

import (
	"errors"
	"testing"

	"zookit/protocol"
)

// What was asked ahead of a write is what was there before it.
func testAhead(t *testing.T, srv live) {
	s := open(t, Options{Servers: srv.addr()})
	ctx := bounded(t)
	if _, _, err := s.Create(ctx, "/ahead", []byte("0"), protocol.OpenACL, 0, 0); err != nil {
		t.Fatal(err)
	}
	for i := range byte(50) {
		look := s.Ahead(ctx, "/ahead", i%2 == 0)
		st, err := s.Set(ctx, "/ahead", []byte{'1' + i}, -1)
		if err != nil {
			t.Fatal(err)
		}
		was, err := look()
		if err != nil || was.Data[0] != '0'+i || was.Stat.Version != st.Version-1 || (len(was.ACL) == 1) != (i%2 == 0) {
			t.Fatalf("%d: %+v, %v", i, was, err)
		}
	}
	if _, err := s.Ahead(ctx, "/none", true)(); !errors.Is(err, protocol.NoNode) {
		t.Errorf("a missing znode: %v", err)
	}
	if _, err := s.Ahead(ctx, "none", true)(); err == nil {
		t.Error("a path without a slash")
	}
}

// A read ahead is not sent again when its connection is lost.
func TestAheadIsNotRepeated(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.expect(protocol.OpGetData) // and no reply
	}, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpDelete), 9, protocol.OK)
	})
	s := open(t, Options{Servers: f.addr()})
	look := s.Ahead(bounded(t), "/a", false)
	if was, err := look(); !isLoss(err, true) {
		t.Errorf("%+v, %v", was, err)
	}
	if err := s.Delete(bounded(t), "/a", -1); err != nil {
		t.Error(err)
	}
}
