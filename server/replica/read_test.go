package replica

import (
	"fmt"
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// reading is a rig with znodes to read, and one connection.
func reading(t *testing.T) (*rig, *conn) {
	g := newRig(t, testConfig())
	c := g.connect()
	for _, path := range []string{"/a", "/a/x", "/a/y", "/a/x/deep"} {
		c.do(protocol.OpCreate, createOf(path, 0))
	}
	c.do(protocol.OpCreate, createOf("/a/eph", 1))
	secret := []protocol.ACL{{Perms: protocol.PermAll, Scheme: "digest", ID: "u:hash"}}
	for path, acl := range map[string][]protocol.ACL{
		"/secret":  secret,
		"/noadmin": {{Perms: protocol.PermRead, Scheme: "world", ID: "anyone"}, secret[0]},
		"/admin":   {{Perms: protocol.PermAdmin, Scheme: "world", ID: "anyone"}, secret[0]},
	} {
		c.do(protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: acl})
	}
	c.take()
	return g, c
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	_, c := reading(t)
	path := func(p string) protocol.Record { return &protocol.PathRequest{Path: p} }
	watched := func(p string) protocol.Record { return &protocol.PathWatchRequest{Path: p, Watch: true} }
	kind := func(p string, k protocol.WatcherType) protocol.Record {
		return &protocol.WatchesRequest{Path: p, Type: k}
	}
	for _, tc := range []struct {
		op   protocol.OpCode
		req  protocol.Record
		want protocol.Code
	}{
		{protocol.OpGetData, watched("/none"), protocol.NoNode},
		{protocol.OpGetData, watched("bad"), protocol.NoNode},
		{protocol.OpGetData, watched("/a/"), protocol.NoNode},
		{protocol.OpGetData, watched("/secret"), protocol.NoAuth},
		{protocol.OpExists, watched("bad"), protocol.NoNode},
		{protocol.OpExists, watched("/none"), protocol.NoNode},
		{protocol.OpExists, watched("/\x00"), protocol.BadArguments},
		{protocol.OpExists, watched("/secret"), protocol.NoAuth}, // ZOOKEEPER-2590
		{protocol.OpGetChildren, watched("/none"), protocol.NoNode},
		{protocol.OpGetChildren, watched("/secret"), protocol.NoAuth},
		{protocol.OpGetChildren2, watched("/none"), protocol.NoNode},
		{protocol.OpGetChildren2, watched("/secret"), protocol.NoAuth},
		{protocol.OpGetACL, path("/none"), protocol.NoNode},
		{protocol.OpGetACL, path("/secret"), protocol.NoAuth},
		{protocol.OpGetAllChildrenNumber, path("/none"), protocol.NoNode},
		{protocol.OpGetAllChildrenNumber, path("/secret"), protocol.NoAuth},
		{protocol.OpAddWatch, &protocol.AddWatchRequest{Path: "/none", Mode: 2}, protocol.MarshallingError},
		{protocol.OpAddWatch, &protocol.AddWatchRequest{Path: "/none", Mode: -1}, protocol.MarshallingError},
		{protocol.OpCheckWatches, kind("/a", 0), protocol.MarshallingError},
		{protocol.OpRemoveWatches, kind("/a", 6), protocol.MarshallingError},
		{protocol.OpCheckWatches, kind("/a", protocol.WatcherAny), protocol.NoWatcher},
		{protocol.OpRemoveWatches, kind("/a", protocol.WatcherData), protocol.NoWatcher},
		{protocol.OpMultiRead, &protocol.MultiRequest{Ops: []protocol.MultiOp{{Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: "/a"}}}}, protocol.MarshallingError},
		{protocol.OpCreate, createOf("/x", 0), protocol.Unimplemented}, // no read at all
	} {
		if _, code := c.read(tc.op, tc.req); code != tc.want {
			t.Errorf("%v %+v: %v, want %v", tc.op, tc.req, code, tc.want)
		}
	}
	if n := c.g.r.State().Status().Watches; n.Watches != 2 {
		t.Errorf("%d watches: want those of the two exists where there is no znode", n.Watches)
	}
}

// A body that ends early, at every byte, is answered MarshallingError, and so
// is a null path.
func TestUndecodableReads(t *testing.T) {
	t.Parallel()
	g, c := reading(t)
	for op, r := range map[protocol.OpCode]protocol.Record{
		protocol.OpGetData: &protocol.GetDataRequest{Path: "/a"}, protocol.OpExists: &protocol.ExistsRequest{Path: "/a"},
		protocol.OpGetChildren: &protocol.GetChildrenRequest{Path: "/a"}, protocol.OpGetChildren2: &protocol.GetChildrenRequest{Path: "/a"},
		protocol.OpGetACL: &protocol.GetACLRequest{Path: "/a"}, protocol.OpGetAllChildrenNumber: &protocol.PathRequest{Path: "/a"},
		protocol.OpGetEphemerals: &protocol.GetEphemeralsRequest{Prefix: "/a"}, protocol.OpAddWatch: &protocol.AddWatchRequest{Path: "/a"},
		protocol.OpCheckWatches: &protocol.WatchesRequest{Path: "/a", Type: 1}, protocol.OpRemoveWatches: &protocol.WatchesRequest{Path: "/a", Type: 1},
		protocol.OpSetWatches: &protocol.SetWatchesRequest{Data: []string{"/none"}}, protocol.OpSetWatches2: &protocol.SetWatches2Request{Data: []string{"/none"}},
		protocol.OpMultiRead: &protocol.MultiRequest{Ops: []protocol.MultiOp{{Type: protocol.OpGetData, Record: &protocol.GetDataRequest{Path: "/a"}}}},
	} {
		body := r.AppendTo(nil)
		bodies := [][]byte{}
		for n := range len(body) {
			bodies = append(bodies, body[:n])
		}
		if _, ok := r.(*protocol.GetEphemeralsRequest); !ok && op != protocol.OpMultiRead && op != protocol.OpSetWatches && op != protocol.OpSetWatches2 {
			bodies = append(bodies, append([]byte{255, 255, 255, 255}, body[4+2:]...))
		}
		s := g.r.State()
		for _, b := range bodies {
			s.RLock()
			out, code := s.AppendRead(nil, protocol.RequestHeader{Xid: 5, Type: op}, b, &c.reader)
			s.RUnlock()
			if code != protocol.MarshallingError || len(out) != 4+protocol.ReplyHeaderLen {
				t.Errorf("%v with %d of %d bytes: %v and %d bytes", op, len(b), len(body), code, len(out))
			}
		}
	}
}

func TestReadReplies(t *testing.T) {
	t.Parallel()
	g, c := reading(t)
	whole := func(op protocol.OpCode, req, reply protocol.Record) {
		t.Helper()
		d, code := c.read(op, req)
		if err := reply.Decode(d); code != protocol.OK || err != nil || d.Len() != 0 {
			t.Errorf("%v: %v, %v, %d bytes left over", op, code, err, d.Len())
		}
	}
	var data protocol.GetDataResponse
	whole(protocol.OpGetData, &protocol.GetDataRequest{Path: "/a"}, &data)
	if string(data.Data) != "x" || data.Stat.NumChildren != 3 || data.Stat.Cversion != 3 || data.Stat.DataLength != 1 {
		t.Errorf("getData: %+v", data)
	}
	var null protocol.GetDataResponse
	whole(protocol.OpGetData, &protocol.GetDataRequest{Path: "/noadmin"}, &null)
	if null.Data != nil {
		t.Errorf("null data reads as %q", null.Data)
	}
	var st protocol.StatResponse
	whole(protocol.OpExists, &protocol.ExistsRequest{Path: "/a"}, &st)
	if st.Stat != data.Stat {
		t.Errorf("exists: %+v", st)
	}
	var names protocol.GetChildren2Response
	whole(protocol.OpGetChildren2, &protocol.GetChildrenRequest{Path: "/a"}, &names)
	slices.Sort(names.Children)
	if want := []string{"eph", "x", "y"}; !slices.Equal(names.Children, want) || names.Stat != data.Stat {
		t.Errorf("getChildren2: %+v", names)
	}
	var bare protocol.GetChildrenResponse
	whole(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: "/a/y"}, &bare)
	if bare.Strings == nil || len(bare.Strings) != 0 {
		t.Errorf("no children: %#v, want an empty vector and not a null one", bare.Strings)
	}
	var acl protocol.GetACLResponse
	whole(protocol.OpGetACL, &protocol.GetACLRequest{Path: "/noadmin"}, &acl)
	if acl.ACL[1].ID != "u:x" {
		t.Errorf("without ADMIN: %+v", acl.ACL)
	}
	whole(protocol.OpGetACL, &protocol.GetACLRequest{Path: "/admin"}, &acl)
	if acl.ACL[1].ID != "u:hash" {
		t.Errorf("with ADMIN: %+v", acl.ACL)
	}
	var count protocol.GetAllChildrenNumberResponse
	whole(protocol.OpGetAllChildrenNumber, &protocol.PathRequest{Path: "/a"}, &count)
	if count.Total != 4 {
		t.Errorf("getAllChildrenNumber: %+v", count)
	}
	whole(protocol.OpGetAllChildrenNumber, &protocol.PathRequest{Path: "/"}, &count)
	if want := g.r.State().Status().Nodes - 2; count.Total != int32(want) {
		t.Errorf("of the root: %d, want the node count − 2 = %d", count.Total, want)
	}
	var who protocol.WhoAmIResponse
	whole(protocol.OpWhoAmI, &protocol.MultiRequest{}, &who)
	if len(who.Infos) != 1 || who.Infos[0] != (protocol.ClientInfo{Scheme: "ip", User: "127.0.0.1"}) {
		t.Errorf("whoAmI: %+v", who)
	}
	d, _ := c.read(protocol.OpAddWatch, &protocol.AddWatchRequest{Path: "/none"})
	if rest := d.Rest(); !slices.Equal(rest, []byte{0, 0, 0, 0}) {
		t.Errorf("addWatch: body %x, want an error of 0", rest)
	}

	var multi protocol.MultiResponse
	whole(protocol.OpMultiRead, &protocol.MultiRequest{Ops: []protocol.MultiOp{
		{Type: protocol.OpGetData, Record: &protocol.GetDataRequest{Path: "/a", Watch: true}},
		{Type: protocol.OpGetData, Record: &protocol.GetDataRequest{Path: "/none"}},
		{Type: protocol.OpGetChildren, Record: &protocol.GetDataRequest{Path: "/secret"}},
		{Type: protocol.OpGetChildren, Record: &protocol.GetDataRequest{Path: "/a/x"}},
	}}, &multi)
	r := multi.Results
	if len(r) != 4 || string(r[0].Data) != "x" || r[0].Stat != data.Stat || r[1].Err != protocol.NoNode || r[2].Err != protocol.NoAuth || r[3].Children[0] != "deep" {
		t.Errorf("multiRead: %+v", r)
	}
	whole(protocol.OpMultiRead, &protocol.MultiRequest{}, &multi)
	if len(multi.Results) != 0 {
		t.Errorf("empty multiRead: %+v", multi)
	}
}

func TestGetEphemerals(t *testing.T) {
	t.Parallel()
	_, c := reading(t)
	c.do(protocol.OpCreate, createOf("/aeph", 1))
	for prefix, want := range map[string][]string{
		"": {"/a/eph", "/aeph"}, "/": {"/a/eph", "/aeph"}, " / ": {"/a/eph", "/aeph"}, "/a": {"/a/eph", "/aeph"},
		"/a/": {"/a/eph"}, "/none": {}, " /a": {},
	} {
		d, _ := c.read(protocol.OpGetEphemerals, &protocol.GetEphemeralsRequest{Prefix: prefix})
		var r protocol.GetEphemeralsResponse
		if err := r.Decode(d); err != nil || !slices.Equal(r.Strings, want) || r.Strings == nil {
			t.Errorf("prefix %q: %v, want %v", prefix, r, want)
		}
	}
	s := c.g.r.State()
	s.RLock()
	out, code := s.AppendRead(nil, protocol.RequestHeader{Xid: 1, Type: protocol.OpGetEphemerals}, []byte{255, 255, 255, 255}, &c.reader)
	s.RUnlock()
	if d := jute.NewDecoder(out[4+protocol.ReplyHeaderLen:]); code != protocol.OK || len(d.Strings()) != 2 {
		t.Errorf("null prefix: %v", code)
	}
}

func TestZK1412WatchesAfterAReconnect(t *testing.T) {
	t.Parallel()
	g, c := reading(t)
	rel := g.r.State().Zxid()
	c.do(protocol.OpCreate, createOf("/changed", 0))
	c.do(protocol.OpCreate, createOf("/a/new", 0))
	c.take()
	req := &protocol.SetWatches2Request{
		RelativeZxid: rel,
		Data:         []string{"/gone", "/changed", "/a"},
		Exist:        []string{"/a", "/none"},
		Child:        []string{"/gone", "/a", "/a/x"},
		Persistent:   []string{"/p"}, PersistentRecursive: []string{"/r"},
	}
	if _, code := c.read(protocol.OpSetWatches2, req); code != protocol.OK {
		t.Fatal(code)
	}
	c.expect("the replayed events, then the reply",
		"event NodeDeleted /gone", "event NodeDataChanged /changed", "event NodeCreated /a",
		"event NodeDeleted /gone", "event NodeChildrenChanged /a", fmt.Sprintf("reply %d ok", c.xid))
	for _, w := range []struct {
		op  protocol.OpCode
		req protocol.Record
	}{
		{protocol.OpSetData, setOf("/a", "1")}, {protocol.OpSetData, setOf("/changed", "1")},
		{protocol.OpCreate, createOf("/none", 0)}, {protocol.OpCreate, createOf("/a/x/n", 0)},
		{protocol.OpCreate, createOf("/p", 0)}, {protocol.OpCreate, createOf("/r", 0)}, {protocol.OpCreate, createOf("/r/s", 0)},
	} {
		c.write(w.op, w.req)
	}
	c.g.settle()
	var events []string
	for _, s := range c.take() {
		if s[0] == 'e' {
			events = append(events, s)
		}
	}
	want := []string{"event NodeDataChanged /a", "event NodeCreated /none", "event NodeChildrenChanged /a/x", "event NodeCreated /p", "event NodeCreated /r", "event NodeCreated /r/s"}
	if !slices.Equal(events, want) {
		t.Errorf("what is armed fires:\n got %q\nwant %q", events, want)
	}

	// The form before 3.6 has three lists.
	if _, code := c.read(protocol.OpSetWatches, &protocol.SetWatchesRequest{RelativeZxid: g.r.State().Zxid(), Data: []string{"/a"}}); code != protocol.OK {
		t.Fatal(code)
	}
	c.read(protocol.OpCheckWatches, &protocol.WatchesRequest{Path: "/a", Type: protocol.WatcherData})
	c.read(protocol.OpRemoveWatches, &protocol.WatchesRequest{Path: "/a", Type: protocol.WatcherData})
	c.read(protocol.OpCheckWatches, &protocol.WatchesRequest{Path: "/a", Type: protocol.WatcherData})
	n := c.xid
	c.expect("set, found, removed, not found", fmt.Sprintf("reply %d ok", n-3), fmt.Sprintf("reply %d ok", n-2), fmt.Sprintf("reply %d ok", n-1), fmt.Sprintf("reply %d No such watcher", n))

	g.r.State().RemoveWatcher(c)
	if w := g.r.State().Status().Watches; w.Watches != 0 {
		t.Errorf("%d watches of a connection that is gone", w.Watches)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for kind, ops := range map[Kind][]protocol.OpCode{
		KindRefused: {0, -1, 10, 50, 999, protocol.OpCheck, protocol.OpCreateSession, protocol.OpDeleteContainer},
		KindPing:    {protocol.OpPing}, KindAuth: {protocol.OpAuth}, KindSASL: {protocol.OpSASL},
		KindWrite: {1, 2, 5, 7, 9, 14, 15, 16, 19, 21, -11},
		KindRead:  {3, 4, 6, 8, 12, 17, 18, 22, 101, 103, 104, 105, 106, 107},
	} {
		for _, op := range ops {
			if got := KindOf(op); got != kind {
				t.Errorf("%v is kind %d, want %d", op, got, kind)
			}
		}
	}
}

func TestPingAndError(t *testing.T) {
	t.Parallel()
	g, _ := reading(t)
	var h protocol.ReplyHeader
	out := g.r.State().AppendPing([]byte("12"))
	if err := h.Decode(jute.NewDecoder(out[2+4:])); err != nil || h != (protocol.ReplyHeader{Xid: -2, Zxid: g.r.State().Zxid()}) {
		t.Errorf("ping: %+v", h)
	}
	out = AppendError(nil, 7, -1, protocol.Unimplemented)
	if err := h.Decode(jute.NewDecoder(out[4:])); err != nil || h != (protocol.ReplyHeader{Xid: 7, Zxid: -1, Err: protocol.Unimplemented}) || len(out) != 20 {
		t.Errorf("error: %+v", h)
	}
}

func TestGetDataAllocatesNothing(t *testing.T) {
	g, c := reading(t)
	body := (&protocol.GetDataRequest{Path: "/a/x"}).AppendTo(nil)
	out := make([]byte, 0, 1<<10)
	s := g.r.State()
	if n := testing.AllocsPerRun(100, func() {
		s.RLock()
		out, _ = s.AppendRead(out[:0], protocol.RequestHeader{Xid: 1, Type: protocol.OpGetData}, body, &c.reader)
		s.RUnlock()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAppendRead(f *testing.F) {
	for op, r := range map[protocol.OpCode]protocol.Record{
		protocol.OpGetData: &protocol.GetDataRequest{Path: "/a", Watch: true}, protocol.OpSetWatches2: &protocol.SetWatches2Request{Data: []string{"/none", "/a"}},
		protocol.OpMultiRead: &protocol.MultiRequest{Ops: []protocol.MultiOp{{Type: protocol.OpGetData, Record: &protocol.GetDataRequest{Path: "/a"}}}},
		protocol.OpAddWatch:  &protocol.AddWatchRequest{Path: "/a", Mode: 1}, protocol.OpGetEphemerals: &protocol.GetEphemeralsRequest{Prefix: "/"},
	} {
		f.Add(int32(op), r.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, op int32, body []byte) {
		g := newRig(t, testConfig())
		c := g.connect()
		s := g.r.State()
		s.RLock()
		out, _ := s.AppendRead(nil, protocol.RequestHeader{Xid: 1, Type: protocol.OpCode(op)}, body, &c.reader)
		s.RUnlock()
		c.took(out) // whole frames
		if n := len(c.got); n == 0 || c.got[n-1][:5] != "reply" {
			t.Errorf("sent %q", c.got)
		}
	})
}
