package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
)

// Very many names are read as they come: the same as Children gives, also when
// they fit into an ordinary packet.
func testChildNames(t *testing.T, srv live) {
	s := open(t, Options{Servers: srv.addr()})
	ctx := bounded(t)
	mustCreate(t, s, "/many")
	long := strings.Repeat("n", 1000)
	for from := 0; from < 1200; from += 300 {
		var ops []protocol.MultiOp
		for i := from; i < from+300; i++ {
			ops = append(ops, protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: fmt.Sprintf("/many/%s%04d", long, i), ACL: protocol.OpenACL}})
		}
		if _, err := s.Multi(ctx, ops); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/many", "/"} {
		want, st, err := s.Children(ctx, path, false)
		if err != nil {
			t.Fatal(err)
		}
		list, stat, err := s.ChildNames(ctx, path)
		if err != nil || *stat != *st || list.Len() != len(want) {
			t.Fatalf("%s: %d names, %+v, %v", path, list.Len(), stat, err)
		}
		list.Sort()
		slices.Sort(want)
		for i, name := range list.All() {
			if name != want[i] {
				t.Fatalf("%s: name %d is %.20q…", path, i, name)
			}
		}
	}
	// The connection goes on behind it.
	if _, _, err := s.Get(ctx, "/many", false); err != nil {
		t.Error(err)
	}
}

// A large reply that breaks off is asked for again; one that is wrong ends the
// connection.
func TestLargeReplyThatBreaksOff(t *testing.T) {
	t.Parallel()
	names := &protocol.GetChildren2Response{}
	for i := range 60_000 {
		names.Children = append(names.Children, fmt.Sprintf("name of child %08d", i))
	}
	f := newFake(t, func(p *peer) {
		p.welcome()
		r := p.expect(protocol.OpGetChildren2)
		whole := protocol.AppendFrame(nil, &protocol.ReplyHeader{Xid: r.Xid, Zxid: 1}, names)
		if _, err := p.conn.Write(whole[:len(whole)/2]); err != nil {
			p.t.Error(err)
		}
	}, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpGetChildren2), 1, protocol.OK, names)
		r := p.expect(protocol.OpGetChildren2)
		wrong := names.AppendTo(nil)
		wrong[4] = 0x7f // the length of the first name
		bad := append(protocol.AppendFrame(nil, &protocol.ReplyHeader{Xid: r.Xid, Zxid: 1})[4:], wrong...)
		if _, err := p.conn.Write(append([]byte{byte(len(bad) >> 24), byte(len(bad) >> 16), byte(len(bad) >> 8), byte(len(bad))}, bad...)); err != nil {
			p.t.Error(err)
		}
	}, closing)
	s := open(t, Options{Servers: f.addr()})
	list, _, err := s.ChildNames(bounded(t), "/a")
	if err != nil || list.Len() != len(names.Children) || list.Name(59_999) != "name of child 00059999" {
		t.Fatalf("%v", err)
	}
	if _, _, err := s.ChildNames(bounded(t), "/a"); !isLoss(err, true) && !isLoss(err, false) {
		t.Errorf("a wrong reply: %v", err)
	}
}
