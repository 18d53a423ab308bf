package prep

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"zookit/protocol"
)

// chooser makes random requests over a small world of paths, so that they meet.
type chooser struct{ *rand.Rand }

func (c chooser) path() string {
	path := ""
	for range 1 + c.IntN(3) {
		path += "/" + string(rune('a'+c.IntN(4)))
	}
	switch c.IntN(40) {
	case 0:
		return "/"
	case 1:
		return path + "/"
	case 2:
		return "/zookeeper/config"
	}
	return path
}

func (c chooser) version() int32 { return []int32{-1, -1, -1, 0, 1, 2}[c.IntN(6)] }

func (c chooser) data() []byte {
	if c.IntN(8) == 0 {
		return nil
	}
	return make([]byte, c.IntN(40))
}

func (c chooser) acl() []protocol.ACL {
	switch c.IntN(12) {
	case 0:
		return perms(protocol.Perm(c.IntN(32)))
	case 1:
		return []protocol.ACL{{Perms: protocol.PermAll, Scheme: "ip", ID: "127.0.0.1"}}
	case 2:
		return []protocol.ACL{{Perms: protocol.PermAll, Scheme: "ip", ID: "10.0.0.1"}, {Perms: protocol.PermRead, Scheme: "world", ID: "anyone"}}
	}
	return protocol.OpenACL
}

func (c chooser) write(inMulti bool) (protocol.OpCode, protocol.Record) {
	switch n := c.IntN(16); {
	case n < 5:
		flags := protocol.CreateFlag(c.IntN(4))
		if c.IntN(2) == 0 {
			flags = 0
		}
		return []protocol.OpCode{protocol.OpCreate, protocol.OpCreate2}[c.IntN(2)],
			&protocol.CreateRequest{Path: c.path(), Data: c.data(), ACL: c.acl(), Flags: flags}
	case n == 5:
		return protocol.OpCreateContainer, &protocol.CreateRequest{Path: c.path(), Data: c.data(), ACL: c.acl(), Flags: protocol.CreateFlag(c.IntN(5))}
	case n == 6:
		return protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: c.path(), Data: c.data(), ACL: c.acl(), Flags: protocol.CreateFlag(5 + c.IntN(2)), TTL: 1 + c.Int64N(1000)}
	case n < 10:
		return protocol.OpDelete, &protocol.DeleteRequest{Path: c.path(), Version: c.version()}
	case n == 10 && inMulti:
		return protocol.OpCheck, &protocol.CheckVersionRequest{Path: c.path(), Version: c.version()}
	case n == 10:
		return protocol.OpSetACL, &protocol.SetACLRequest{Path: c.path(), ACL: c.acl(), Version: c.version()}
	}
	return protocol.OpSetData, &protocol.SetDataRequest{Path: c.path(), Data: c.data(), Version: c.version()}
}

func (c chooser) request() Request {
	session := protocol.SessionID(1 + c.IntN(3))
	switch n := c.IntN(20); {
	case n == 0 && c.IntN(40) == 0:
		return Request{Session: session, Op: protocol.OpCloseSession}
	case n == 1:
		return Request{Op: protocol.OpDeleteContainer, Path: c.path()}
	case n == 2:
		return Request{Session: session, Op: protocol.OpCreateSession, TimeoutMs: 4000}
	case n < 8:
		var m protocol.MultiRequest
		for range c.IntN(5) {
			op, r := c.write(true)
			m.Ops = append(m.Ops, protocol.MultiOp{Type: op, Record: r})
		}
		return Request{Session: session, Op: protocol.OpMulti, Body: m.AppendTo(nil)}
	}
	op, r := c.write(false)
	return Request{Session: session, Op: op, Body: r.AppendTo(nil)}
}

// Whatever is in flight, prep says what will be: the same requests give the
// same txns, byte for byte and with them every path, version, code and digest,
// whether each is applied at once or many wait; and the tree does what each of
// them says (world.apply compares codes and digests).
func TestPredictionIsTheTree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			cfg := everything
			cfg.CloseSessionTxn = seed != 3
			c := chooser{rand.New(rand.NewPCG(seed, 1))}
			atOnce, waiting := newWorld(t, cfg), newWorld(t, cfg)
			count := map[protocol.Code]int{}
			for i := range 10_000 {
				q := c.request()
				other := q
				a := atOnce.raw(&q)
				atOnce.applyAll()
				b := waiting.raw(&other)
				if x, y := a.AppendTo(nil), b.AppendTo(nil); !bytes.Equal(x, y) {
					t.Fatalf("request %d, %v of session %v with %d in flight:\n%x\nand with none:\n%x\n%+v\n%+v",
						i, q.Op, q.Session, len(waiting.flight), y, x, b.Body, a.Body)
				}
				count[a.Err]++
				if a.MultiErr != 0 {
					count[a.MultiErr]++
				}
				switch k := len(waiting.flight); {
				case k > 60 || c.IntN(40) == 0:
					waiting.applyAll()
				case c.IntN(3) == 0:
					waiting.apply(c.IntN(k))
				}
			}
			waiting.applyAll()
			if a, b := atOnce.tree.Digest(), waiting.tree.Digest(); a != b {
				t.Errorf("trees differ: 0x%x and 0x%x", a, b)
			}
			for _, code := range []protocol.Code{0, protocol.NoNode, protocol.NodeExists, protocol.NotEmpty, protocol.BadVersion, protocol.NoAuth, protocol.NoChildrenForEphemerals, protocol.BadArguments} {
				if count[code] < 5 {
					t.Errorf("%v came %d times: the requests test too little", code, count[code])
				}
			}
		})
	}
}

func FuzzPrepare(f *testing.F) {
	c := chooser{rand.New(rand.NewPCG(9, 9))}
	for range 60 {
		q := c.request()
		f.Add(int32(q.Op), q.Body)
	}
	f.Fuzz(func(t *testing.T, op int32, body []byte) {
		w := newWorld(t, everything)
		w.must(1, protocol.OpCreate, createOf("/a", 0))
		w.raw(&Request{Session: 1, Op: protocol.OpCode(op), Body: body, TimeoutMs: 1000, Path: "/a"})
		w.raw(&Request{Session: 1, Op: protocol.OpCloseSession})
		w.applyAll()
	})
}
