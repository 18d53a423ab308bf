package prep

import (
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// TestZK4306CloseOfManyEphemerals: a closeSession names its ephemerals up to the longest txn
// there may be, and is written without them beyond it.
func TestZK4306CloseOfManyEphemerals(t *testing.T) {
	t.Parallel()
	const limit = 1000
	cfg := everything
	cfg.MaxTxnBytes = limit
	for _, spare := range []int{0, -1} { // bytes left at the limit
		w := newWorld(t, cfg)
		rest := limit - txn.HeaderLen - 4 - txn.DigestLen - spare
		for n := 0; rest > 0; n++ {
			length := min(100, rest)
			if left := rest - length; left > 0 && left < 20 {
				length -= 20
			}
			path := fmt.Sprintf("/%03d", n)
			path += strings.Repeat("p", length-4-len(path))
			w.propose(7, protocol.OpCreate, createOf(path, protocol.FlagEphemeral)) // half of them in flight
			if n < 5 {
				w.applyAll()
			}
			rest -= length
		}
		p := w.propose(7, protocol.OpCloseSession, nil)
		named := p.Body.(*txn.CloseSession).Paths != nil
		if length := len(p.AppendTo(nil)); named != (spare == 0) || length > limit || named && length != limit {
			t.Errorf("%d bytes to spare: paths named: %v, txn of %d bytes", spare, named, length)
		}
		w.must(8, protocol.OpCreate, createOf("/after", 0))
		if left := w.tree.Ephemerals(7); len(left) != 0 || w.tree.NodeCount() != 5+1 {
			t.Errorf("%q are left, %d znodes", left, w.tree.NodeCount())
		}
	}
}

// TestZK2101LongTxns: a txn that would be longer than the bound, because its ACLs
// stand for many identities, is refused, alone and in a multi; one byte less is
// not.
func TestZK2101LongTxns(t *testing.T) {
	t.Parallel()
	auth := []protocol.ACL{{Perms: protocol.PermAll, Scheme: "auth"}}
	create := func(n int) protocol.MultiOp {
		return protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: fmt.Sprintf("/n%02d", n), ACL: auth, Flags: protocol.FlagSequential}}
	}
	var list []protocol.MultiOp
	for n := range 20 {
		list = append(list, create(n))
	}
	for name, q := range map[string]struct {
		op      protocol.OpCode
		request protocol.Record
	}{
		"create":    {protocol.OpCreate, create(0).Record},
		"createTTL": {protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: "/t", ACL: auth, Flags: protocol.FlagTTL, TTL: 5}},
		"setACL":    {protocol.OpSetACL, &protocol.SetACLRequest{Path: "/", ACL: auth, Version: -1}},
		"multi":     {protocol.OpMulti, multi(list...)},
	} {
		// Find the smallest bound under which the request passes; it is at least
		// the txn's length, and not much more.
		for limit := 100 + len(q.request.AppendTo(nil)); ; limit++ {
			cfg := everything
			cfg.MaxTxnBytes = limit
			w := newWorld(t, cfg)
			for n := range 10 {
				w.ids = append(w.ids, protocol.ID{Scheme: "digest", ID: protocol.DigestID(fmt.Sprintf("user%d:pw", n))})
			}
			p := w.propose(7, q.op, q.request)
			refused := p.Err == protocol.BadArguments || p.MultiErr == protocol.BadArguments
			length := len(p.AppendTo(nil))
			if length > limit || refused != p.TooLong {
				t.Fatalf("%s: txn of %d bytes under a bound of %d, refused: %v, too long: %v", name, length, limit, refused, p.TooLong)
			}
			w.applyAll()
			if refused {
				continue
			}
			if p.Err != protocol.OK || p.MultiErr != protocol.OK || limit-length > 50 {
				t.Errorf("%s: %v %v, txn of %d bytes needs a bound of %d", name, p.Err, p.MultiErr, length, limit)
			}
			break
		}
	}
}
