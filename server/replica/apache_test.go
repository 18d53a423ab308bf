package replica

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/txn"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/wire"
)

// The same random requests, many of them wrong or broken, go to a replica and
// to Apache's server: every reply must agree in zxid, code and body, and every
// event in its place. Times and session ids alone differ.
//
// What 3.8.0 does otherwise than 3.9.5, or we otherwise than both, is not sent:
// see choice. SEED=n in the environment makes another run.
func TestSameAsApache(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache's server")
	}
	t.Parallel()
	server := apache.Start(t, apache.Options{Flags: []string{
		"-Dzookeeper.extendedTypesEnabled=true", "-Dzookeeper.enforceQuota=true",
	}})
	seed := uint64(1)
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEED=%d", seed)
	p := newPair(t, server.Addr)
	c := choice{rand.New(rand.NewPCG(seed, 1))}
	p.quota("/a", "count=-1,bytes=-1=;byteHardLimit=60;countHardLimit=6")
	for range 4000 {
		op, body := c.request()
		p.call(op, body)
	}
	// Many in flight: what waits is prepared against what waits before it. The
	// usage that a quota compares with is that of applied txns, which is a
	// matter of time here.
	p.quota("/a", "count=-1,bytes=-1")
	for range 200 {
		var burst []request
		for range 1 + c.IntN(12) {
			op, r := c.write(false)
			for op == protocol.OpSetACL { // Apache's change records keep the old ACL
				op, r = c.write(false)
			}
			if c.IntN(3) == 0 {
				op, r = c.multi()
			}
			burst = append(burst, request{op, r.AppendTo(nil)})
		}
		p.burst(burst)
	}
}

type request struct {
	op   protocol.OpCode
	body []byte
}

// pair is one session with Apache and one with a replica.
type pair struct {
	t    *testing.T
	wire *wire.Conn
	g    *rig
	c    *conn
}

func newPair(t *testing.T, addr string) *pair {
	t.Helper()
	w, err := wire.Dial(addr, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Drop)
	r, err := w.Call(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	// Zxids count on from those that Apache has given already.
	cfg := testConfig()
	cfg.EnforceQuota = true
	rep, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rep.Sink().Apply(&txn.Txn{Header: txn.Header{Zxid: r.Zxid - 1, Type: protocol.OpError}, Body: &txn.Error{Err: protocol.NoNode}})
	g := &rig{t: t, r: rep, now: Now{MonoMs: 1, WallMs: 1_000_000}}
	if err := rep.Start(g.now); err != nil {
		t.Fatal(err)
	}
	p := &pair{t: t, wire: w, g: g, c: g.connect()}
	p.call(protocol.OpSync, (&protocol.SyncRequest{Path: "/"}).AppendTo(nil))
	return p
}

func (p *pair) quota(path, limits string) {
	p.t.Helper()
	at := "/zookeeper/quota" + path
	for _, r := range []protocol.CreateRequest{
		{Path: path}, {Path: at}, {Path: at + "/zookeeper_limits", Data: []byte(limits)}, {Path: at + "/zookeeper_stats"},
	} {
		r.ACL = protocol.OpenACL
		p.call(protocol.OpCreate, r.AppendTo(nil))
	}
	set := protocol.SetDataRequest{Path: at + "/zookeeper_limits", Data: []byte(limits), Version: -1}
	p.call(protocol.OpSetData, set.AppendTo(nil))
}

// call sends one request to both.
func (p *pair) call(op protocol.OpCode, body []byte) {
	p.t.Helper()
	p.burst([]request{{op, body}})
}

// burst sends requests to both without waiting in between.
func (p *pair) burst(list []request) {
	p.t.Helper()
	p.wire.Events = nil
	p.c.take()
	var first int32
	for _, q := range list {
		xid, err := p.wire.Send(q.op, q.body)
		if err != nil {
			p.t.Fatal(err)
		}
		if first == 0 {
			first = xid
		}
		if KindOf(q.op) == KindWrite {
			p.g.r.Propose(p.g.now, &Request{Session: p.c.id, Xid: xid, Op: q.op, Body: q.body, IDs: p.c.ids, Owner: p.c, Done: p.c})
			continue
		}
		s := p.g.r.State()
		s.RLock()
		out, _ := s.AppendRead(nil, protocol.RequestHeader{Xid: xid, Type: q.op}, q.body, &p.c.reader)
		s.RUnlock()
		p.c.took(out)
	}
	p.g.settle()
	var ours []wire.Reply
	var events []string
	for i, f := range p.c.frames {
		if p.c.got[i][0] == 'e' {
			events = append(events, p.c.got[i])
			continue
		}
		var r wire.Reply
		d := jute.NewDecoder(f[4:])
		_ = r.ReplyHeader.Decode(d)
		r.Body = d.Rest()
		ours = append(ours, r)
	}
	for i, q := range list {
		theirs, err := p.wire.Read()
		if err != nil {
			p.t.Fatalf("%v %x: Apache: %v", q.op, q.body, err)
		}
		if i >= len(ours) {
			p.t.Fatalf("%v %x: no reply of ours: %q", q.op, q.body, p.c.got)
		}
		// A reply's zxid is that of the last txn applied, which in a burst may be
		// a later one.
		if len(list) > 1 {
			theirs.Zxid = ours[i].Zxid
		}
		a, b := shown(q.op, theirs.Body), shown(q.op, ours[i].Body)
		if theirs.ReplyHeader != ours[i].ReplyHeader || !reflect.DeepEqual(a, b) {
			p.t.Fatalf("request %d of %d, %v %x\nApache %+v %+v\nours   %+v %+v", i+1, len(list), q.op, q.body, theirs.ReplyHeader, a, ours[i].ReplyHeader, b)
		}
	}
	var theirs []string
	for _, e := range p.wire.Events {
		theirs = append(theirs, fmt.Sprintf("event %v %s", e.Type, e.Path))
	}
	if !slices.Equal(events, theirs) {
		p.t.Fatalf("%v: events\nApache %q\nours   %q", list, theirs, events)
	}
}

// shown is a reply's body without what must differ: times, and which session
// owns an ephemeral. Children have no order.
func shown(op protocol.OpCode, body []byte) any {
	clean := func(st *protocol.Stat) {
		st.Ctime, st.Mtime = 0, 0
		if st.EphemeralOwner != 0 {
			st.EphemeralOwner = 1
		}
	}
	var r protocol.Record
	switch op {
	case protocol.OpCreate2, protocol.OpCreateContainer, protocol.OpCreateTTL:
		r = new(protocol.Create2Response)
	case protocol.OpExists, protocol.OpSetData, protocol.OpSetACL:
		r = new(protocol.StatResponse)
	case protocol.OpGetData:
		r = new(protocol.GetDataResponse)
	case protocol.OpGetACL:
		r = new(protocol.GetACLResponse)
	case protocol.OpGetChildren, protocol.OpGetEphemerals:
		r = new(protocol.StringsResponse)
	case protocol.OpGetChildren2:
		r = new(protocol.GetChildren2Response)
	case protocol.OpMulti, protocol.OpMultiRead:
		r = new(protocol.MultiResponse)
	default:
		return string(body)
	}
	if len(body) == 0 {
		return nil
	}
	d := jute.NewDecoder(body)
	if err := r.Decode(d); err != nil || d.Len() != 0 {
		return fmt.Sprintf("not a reply of %v: %v, %x", op, err, body)
	}
	switch r := r.(type) {
	case *protocol.Create2Response:
		clean(&r.Stat)
	case *protocol.StatResponse:
		clean(&r.Stat)
	case *protocol.GetDataResponse:
		clean(&r.Stat)
	case *protocol.GetACLResponse:
		clean(&r.Stat)
	case *protocol.StringsResponse:
		slices.Sort(r.Strings)
	case *protocol.GetChildren2Response:
		clean(&r.Stat)
		slices.Sort(r.Children)
	case *protocol.MultiResponse:
		for i := range r.Results {
			clean(&r.Results[i].Stat)
			slices.Sort(r.Results[i].Children)
		}
	}
	return r
}

// choice makes random requests. It leaves out:
//   - create2, null ACLs and flags that are none inside a multi, exists where
//     READ is missing, watches of two modes on one path: 3.9.5 differs;
//   - addWatch and checkWatches of a path that is none, and U+10000 and above in
//     a sync: Java's own ways with them;
//   - a broken reconfig: Apache answers under a zxid that is taken;
//   - broken numbers in a quota: they end Apache.
type choice struct{ *rand.Rand }

func (c choice) path() string {
	p := ""
	for range 1 + c.IntN(3) {
		p += "/" + string(rune('a'+c.IntN(4)))
	}
	odd := []string{
		"/", p + "/", "/zookeeper/config", "/zookeeper", "", "bad", p + "//x", p + "/./x", p + "\x00",
		"/zookeeper/quota", p + "/\u00e9", p + "/\u0080", p + "/\ufff0", "/a/..",
	}
	if c.IntN(4) == 0 {
		return odd[c.IntN(len(odd))]
	}
	return p
}

func (c choice) version() int32 { return []int32{-1, -1, -1, 0, 1, 2}[c.IntN(6)] }

func (c choice) data() []byte {
	switch c.IntN(6) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	return make([]byte, c.IntN(30))
}

func (c choice) acl(null bool) []protocol.ACL {
	lists := [][]protocol.ACL{
		{{Perms: protocol.Perm(c.IntN(32)), Scheme: "world", ID: "anyone"}},
		{{Perms: 31, Scheme: "ip", ID: "127.0.0.1"}}, {{Perms: 31, Scheme: "ip", ID: "127.0.0.0/8"}}, {{Perms: 31, Scheme: "ip", ID: "1.2.3.4/33"}},
		{{Perms: 31, Scheme: "digest", ID: "u:h"}, {Perms: protocol.Perm(1 + c.IntN(31)), Scheme: "world", ID: "anyone"}},
		{}, {{Perms: 31, Scheme: "world", ID: "x"}}, {{Perms: 31, Scheme: "auth"}}, {{Perms: 31, Scheme: "digest", ID: "nocolon"}},
		{{Perms: 31, Scheme: "none", ID: "x"}}, {protocol.OpenACL[0], protocol.OpenACL[0]},
	}
	switch n := c.IntN(40); {
	case n < len(lists):
		return lists[n]
	case n == len(lists) && null:
		return nil
	}
	return protocol.OpenACL
}

func (c choice) write(inMulti bool) (protocol.OpCode, protocol.Record) {
	flags := func(usual ...protocol.CreateFlag) protocol.CreateFlag {
		if !inMulti && c.IntN(10) == 0 {
			return protocol.CreateFlag(c.IntN(10) - 1)
		}
		return usual[c.IntN(len(usual))]
	}
	switch n := c.IntN(17); {
	case n < 5:
		op := protocol.OpCreate
		if !inMulti && c.IntN(2) == 0 {
			op = protocol.OpCreate2
		}
		return op, &protocol.CreateRequest{Path: c.path(), Data: c.data(), ACL: c.acl(!inMulti), Flags: flags(0, 0, 1, 2, 3)}
	case n == 5:
		return protocol.OpCreateContainer, &protocol.CreateRequest{Path: c.path(), Data: c.data(), ACL: c.acl(!inMulti), Flags: flags(4)}
	case n == 6:
		ttl := []int64{1_000_000, 2_000_000, 3_000_000, 0, 1 << 40, 1<<40 - 1}[c.IntN(6)]
		return protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: c.path(), Data: c.data(), ACL: c.acl(!inMulti), Flags: flags(5, 6), TTL: ttl}
	case n < 10:
		return protocol.OpDelete, &protocol.DeleteRequest{Path: c.path(), Version: c.version()}
	case n == 10 && inMulti:
		return protocol.OpCheck, &protocol.CheckVersionRequest{Path: c.path(), Version: c.version()}
	case n < 12 && !inMulti:
		return protocol.OpSetACL, &protocol.SetACLRequest{Path: c.path(), ACL: c.acl(true), Version: c.version()}
	}
	return protocol.OpSetData, &protocol.SetDataRequest{Path: c.path(), Data: c.data(), Version: c.version()}
}

func (c choice) multi() (protocol.OpCode, protocol.Record) {
	var m protocol.MultiRequest
	for range c.IntN(4) {
		op, r := c.write(true)
		m.Ops = append(m.Ops, protocol.MultiOp{Type: op, Record: r})
	}
	return protocol.OpMulti, &m
}

func (c choice) read() (protocol.OpCode, protocol.Record) {
	switch c.IntN(8) {
	case 0:
		var m protocol.MultiRequest
		for range c.IntN(4) {
			op := []protocol.OpCode{protocol.OpGetData, protocol.OpGetChildren}[c.IntN(2)]
			m.Ops = append(m.Ops, protocol.MultiOp{Type: op, Record: &protocol.PathWatchRequest{Path: c.path()}})
		}
		return protocol.OpMultiRead, &m
	case 1:
		return []protocol.OpCode{protocol.OpGetACL, protocol.OpGetAllChildrenNumber}[c.IntN(2)], &protocol.PathRequest{Path: c.path()}
	case 2:
		return protocol.OpSync, &protocol.PathRequest{Path: c.path()}
	case 3:
		return protocol.OpGetEphemerals, &protocol.GetEphemeralsRequest{Prefix: []string{"", "/", "/a", "/a/", " /"}[c.IntN(5)]}
	case 4:
		return protocol.OpReconfig, &protocol.ReconfigRequest{CurConfigID: -1}
	case 5:
		return protocol.OpWhoAmI, &protocol.MultiRequest{}
	}
	op := []protocol.OpCode{protocol.OpGetData, protocol.OpGetChildren, protocol.OpGetChildren2}[c.IntN(3)]
	return op, &protocol.PathWatchRequest{Path: c.path(), Watch: c.IntN(2) == 0}
}

// request is one of them, now and then with a broken body.
func (c choice) request() (protocol.OpCode, []byte) {
	var op protocol.OpCode
	var r protocol.Record
	switch n := c.IntN(10); {
	case n < 5:
		op, r = c.write(false)
	case n < 7:
		op, r = c.multi()
	default:
		op, r = c.read()
	}
	body := r.AppendTo(nil)
	if op == protocol.OpReconfig || op == protocol.OpMulti || op == protocol.OpWhoAmI {
		return op, body
	}
	switch c.IntN(60) {
	case 0:
		body = body[:c.IntN(len(body)+1)]
	case 1:
		body = append(body, 1, 2, 3)
	case 2:
		copy(body, []byte{255, 255, 255, 255})
	}
	return op, body
}
