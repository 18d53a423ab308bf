package session

import (
	"errors"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

// A frozen session reads and watches; whatever writes is refused before it is
// sent.
func TestFrozen(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	mustCreate(t, open(t, Options{Servers: addr}), "/a")
	s, ctx := open(t, Options{Servers: addr, Frozen: true}), bounded(t)
	create := func(flags protocol.CreateFlag) func() error {
		return func() error {
			_, _, err := s.Create(ctx, "/new", nil, protocol.OpenACL, flags, 1000)
			return err
		}
	}
	for name, write := range map[string]func() error{
		"create": create(protocol.FlagPersistent), "ephemeral": create(protocol.FlagEphemeral),
		"container": create(protocol.FlagContainer), "ttl": create(protocol.FlagTTL),
		"delete":   func() error { return s.Delete(ctx, "/a", -1) },
		"set":      func() error { _, err := s.Set(ctx, "/a", []byte("x"), -1); return err },
		"setACL":   func() error { _, err := s.SetACL(ctx, "/a", protocol.OpenACL, -1); return err },
		"reconfig": func() error { _, _, err := s.Reconfig(ctx, &protocol.ReconfigRequest{CurConfigID: -1}); return err },
		"multi": func() error {
			_, err := s.Unrooted().Multi(ctx, []protocol.MultiOp{{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: "/a", Version: -1}}})
			return err
		},
	} {
		var frozen *FrozenError
		if err := write(); !errors.As(err, &frozen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.AddWatch(ctx, "/a", true); err != nil {
		t.Error(err)
	}
	names, st, err := s.Children(ctx, "/", true)
	if err != nil || len(names) != 2 || st.Cversion != 0 {
		t.Errorf("children %v, cversion %d, %v", names, st.Cversion, err)
	}
}
