package replica

import (
	"fmt"
	"slices"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/txn"
	"zookit/server/session"
	"zookit/server/storage"
	"zookit/server/tree"
	"zookit/server/watch"
)

// rig is a replica with a disk that does nothing by itself: a batch waits until
// persist says that it is synced.
type rig struct {
	t    *testing.T
	r    *Replica
	now  Now
	out  []storage.Entry // the batch that is with the disk
	log  []storage.Entry // what was synced, copied
	last Ready
}

func testConfig() Config {
	return Config{
		ServerID: 1, TickMs: 1000, Tree: tree.Options{Extended: true, Digest: true}, CloseSessionTxn: true, Seed: 1,
	}
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, r: r, now: Now{MonoMs: 500, WallMs: 1_000_000}}
	if err := r.Start(g.now); err != nil {
		t.Fatal(err)
	}
	return g
}

// ready takes the next work from the replica.
func (g *rig) ready() Ready {
	g.t.Helper()
	rd := g.r.Ready()
	if len(rd.Append) > 0 {
		if len(g.out) > 0 {
			g.t.Fatal("a second batch is out before the first was persisted")
		}
		g.out = rd.Append
	}
	g.last = rd
	return rd
}

// persist ends the sync of the batch that is out.
func (g *rig) persist() {
	g.t.Helper()
	if len(g.out) == 0 {
		g.t.Fatal("no batch is out")
	}
	for _, e := range g.out {
		if n := len(g.log); n > 0 && e.Zxid != g.log[n-1].Zxid+1 {
			g.t.Fatalf("log has %v after %v", e.Zxid, g.log[n-1].Zxid)
		}
		g.log = append(g.log, storage.Entry{Zxid: e.Zxid, Payload: slices.Clone(e.Payload)})
	}
	last := g.out[len(g.out)-1].Zxid
	g.out = nil
	g.r.Persisted(g.now, last)
	if err := g.r.Err(); err != nil {
		g.t.Fatal(err)
	}
}

// settle runs the disk until nothing is left to write.
func (g *rig) settle() {
	g.t.Helper()
	for {
		if len(g.out) == 0 {
			g.ready()
		}
		if len(g.out) == 0 {
			return
		}
		g.persist()
	}
}

// advance moves both clocks, a tick at a time, as a driver that sleeps until the
// deadline would see them.
func (g *rig) advance(ms int64) {
	g.t.Helper()
	end := g.now.MonoMs + ms
	for g.r.Deadline() <= end {
		step := max(g.r.Deadline()-g.now.MonoMs, 0)
		g.now.MonoMs += step
		g.now.WallMs += step
		before := g.r.Deadline()
		g.r.Tick(g.now)
		g.settle()
		if g.r.Deadline() <= before {
			g.t.Fatalf("Tick at %d leaves the deadline at %d", g.now.MonoMs, g.r.Deadline())
		}
	}
	g.now.WallMs += end - g.now.MonoMs
	g.now.MonoMs = end
}

// conn is a connection: everything it is sent comes into one list, in order.
type conn struct {
	g      *rig
	id     protocol.SessionID
	reader Reader
	xid    int32
	got    []string // what was sent: "reply …", "event …", "closed …"
	frames [][]byte
	ids    []protocol.ID
	writes map[int32]bool // xids
}

func (c *conn) Session() protocol.SessionID { return c.id }
func (c *conn) IDs() []protocol.ID          { return c.ids }
func (c *conn) Disconnect(why Reason)       { c.got = append(c.got, "closed: "+why.String()) }
func (c *conn) Deliver(ev *watch.Event) {
	c.got = append(c.got, fmt.Sprintf("event %v %s", ev.Type, ev.Path))
	c.frames = append(c.frames, slices.Clone(ev.Frame()))
}

func (c *conn) Complete(q *Request, reply *Reply) {
	switch {
	case reply.Session != nil:
		c.id = reply.Session.ID()
		c.reader = Reader{Session: reply.Session, IDs: c.ids, Watcher: c}
		c.got = append(c.got, "session")
		return
	case reply.Silent:
		c.got = append(c.got, "closed without reply")
		return
	}
	c.took(reply.AppendFrame(nil))
	if reply.Close {
		c.got = append(c.got, "closed")
	}
}

// took notes reply frames.
func (c *conn) took(frames []byte) {
	for len(frames) > 0 {
		d := jute.NewDecoder(frames)
		n := int(d.Int())
		f := frames[:4+n]
		frames = frames[4+n:]
		var h protocol.ReplyHeader
		_ = h.Decode(d)
		if h.Xid == protocol.XidNotification {
			var e protocol.WatcherEvent
			_ = e.Decode(d)
			c.got = append(c.got, fmt.Sprintf("event %v %s", e.Type, e.Path))
		} else {
			c.got = append(c.got, fmt.Sprintf("reply %d %v", h.Xid, h.Err.Name()))
		}
		c.frames = append(c.frames, slices.Clone(f))
	}
}

// connect makes a session and waits for it.
func (g *rig) connect() *conn {
	g.t.Helper()
	c := &conn{g: g, ids: []protocol.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
	g.r.Propose(g.now, &Request{Op: protocol.OpCreateSession, TimeoutMs: 4000, Owner: c, Done: c})
	g.settle()
	if c.id == 0 {
		g.t.Fatal("no session")
	}
	c.got, c.frames = nil, nil
	return c
}

// write proposes; the disk does nothing yet.
func (c *conn) write(op protocol.OpCode, r protocol.Record) {
	c.xid++
	if c.writes == nil {
		c.writes = map[int32]bool{}
	}
	c.writes[c.xid] = true
	var body []byte
	if r != nil {
		body = r.AppendTo(nil)
	}
	c.g.r.Propose(c.g.now, &Request{Session: c.id, Xid: c.xid, Op: op, Body: body, IDs: c.ids, Owner: c, Done: c})
}

// read runs a read and returns the reply's body.
func (c *conn) read(op protocol.OpCode, r protocol.Record) (*jute.Decoder, protocol.Code) {
	c.xid++
	var body []byte
	if r != nil {
		body = r.AppendTo(nil)
	}
	s := c.g.r.State()
	s.RLock()
	out, code := s.AppendRead([]byte("before"), protocol.RequestHeader{Xid: c.xid, Type: op}, body, &c.reader)
	s.RUnlock()
	c.took(out[len("before"):])
	f := c.frames[len(c.frames)-1]
	d := jute.NewDecoder(f[4:])
	var h protocol.ReplyHeader
	_ = h.Decode(d)
	if h.Err != code || h.Xid != c.xid || h.Zxid != s.Zxid() || code != protocol.OK && d.Len() != 0 {
		c.g.t.Fatalf("%v: reply %+v with %d bytes of body, code %v, last zxid %v", op, h, d.Len(), code, s.Zxid())
	}
	return d, code
}

// do writes, lets the disk work, and returns the body of the reply, which must
// be OK.
func (c *conn) do(op protocol.OpCode, r protocol.Record) *jute.Decoder {
	c.g.t.Helper()
	c.write(op, r)
	c.g.settle()
	want := fmt.Sprintf("reply %d ok", c.xid)
	if n := len(c.got); n == 0 || c.got[n-1] != want && c.got[n-1] != "closed" {
		c.g.t.Fatalf("%v %+v: got %v, want %q", op, r, c.got, want)
	}
	d := jute.NewDecoder(c.frames[len(c.frames)-1][4:])
	var h protocol.ReplyHeader
	_ = h.Decode(d)
	return d
}

func (c *conn) take() []string {
	got := c.got
	c.got, c.frames = nil, nil
	return got
}

func (c *conn) expect(what string, want ...string) {
	c.g.t.Helper()
	if got := c.take(); !slices.Equal(got, want) {
		c.g.t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func createOf(path string, flags protocol.CreateFlag) *protocol.CreateRequest {
	return &protocol.CreateRequest{Path: path, Data: []byte("x"), ACL: protocol.OpenACL, Flags: flags}
}

func setOf(path, data string) *protocol.SetDataRequest {
	return &protocol.SetDataRequest{Path: path, Data: []byte(data), Version: -1}
}

func (c *conn) data(path string, watch bool) (string, protocol.Code) {
	d, code := c.read(protocol.OpGetData, &protocol.GetDataRequest{Path: path, Watch: watch})
	if code != protocol.OK {
		return "", code
	}
	var r protocol.GetDataResponse
	if err := r.Decode(d); err != nil {
		c.g.t.Fatal(err)
	}
	return string(r.Data), code
}

func TestNothingShowsBeforeItIsOnDisk(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := g.connect()
	zxid := g.r.State().Zxid()

	c.write(protocol.OpCreate, createOf("/a", 0))
	if g.ready(); len(g.out) != 1 || g.out[0].Zxid != zxid+1 {
		t.Fatalf("batch %v, want one entry %v", g.out, zxid+1)
	}
	c.write(protocol.OpSetData, setOf("/a", "second"))
	c.write(protocol.OpDelete, &protocol.DeleteRequest{Path: "/none"})
	if rd := g.ready(); len(rd.Append) != 0 {
		t.Fatal("a second batch before the first is synced")
	}
	c.expect("before the sync")
	if _, code := c.data("/a", false); code != protocol.NoNode || g.r.State().Zxid() != zxid || g.r.State().Outstanding() != 3 {
		t.Fatalf("before the sync: %v, zxid %v, %d outstanding", code, g.r.State().Zxid(), g.r.State().Outstanding())
	}
	c.take()

	g.persist()
	c.expect("after the first sync", "reply 1 ok")
	if data, _ := c.data("/a", false); data != "x" {
		t.Errorf("data %q", data)
	}
	c.take()
	g.ready()
	if len(g.out) != 2 {
		t.Fatalf("second batch has %d entries, want what came meanwhile", len(g.out))
	}
	g.persist()
	c.expect("after the second sync", "reply 2 ok", "reply 3 NoNode")
	if g.r.State().Zxid() != zxid+3 || g.r.State().Outstanding() != 0 {
		t.Errorf("zxid %v, want %v: a failed write takes one too", g.r.State().Zxid(), zxid+3)
	}
	x, err := txn.Decode(g.log[len(g.log)-1].Payload)
	if err != nil || x.Type != protocol.OpError || x.Session != c.id || x.Cxid != 3 || x.Digest != nil {
		t.Errorf("the log has %+v, %v", x, err)
	}
}

func TestBatchIsBounded(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.MaxBatchRecords, cfg.MaxBatchBytes = 3, 1000
	g := newRig(t, cfg)
	c := g.connect()
	c.do(protocol.OpCreate, createOf("/a", 0))
	var sizes []int
	batches := func() []int {
		sizes = nil
		for g.ready(); len(g.out) > 0; g.ready() {
			sizes = append(sizes, len(g.out))
			g.persist()
		}
		return sizes
	}
	for range 7 {
		c.write(protocol.OpSetData, setOf("/a", "x"))
	}
	if got := batches(); !slices.Equal(got, []int{3, 3, 1}) {
		t.Errorf("records: %v", got)
	}
	for _, n := range []int{400, 400, 400, 5000, 1, 1} {
		c.write(protocol.OpSetData, setOf("/a", string(make([]byte, n))))
	}
	if got := batches(); !slices.Equal(got, []int{2, 1, 1, 2}) {
		t.Errorf("bytes: %v, want none over 1000 but the one txn that is", got)
	}
}

func TestPendingBytesAreBounded(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.MaxPendingBytes, cfg.GlobalOutstandingLimit = 1000, 2
	g := newRig(t, cfg)
	c := g.connect()
	c.do(protocol.OpCreate, createOf("/a", 0))
	for i := range 3 {
		if !g.r.Accepting() || g.r.State().Throttled() {
			t.Fatalf("refuses after %d requests", i)
		}
		c.write(protocol.OpSetData, setOf("/a", string(make([]byte, 350))))
	}
	if g.r.Accepting() || !g.r.State().Throttled() {
		t.Error("three requests of 350 bytes are within 1000 bytes and two requests")
	}
	g.settle()
	if !g.r.Accepting() || g.r.State().Throttled() {
		t.Error("goes on refusing when all is done")
	}
}

func TestEventsPrecedeWhatShowsThem(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	a, b := g.connect(), g.connect()
	a.do(protocol.OpCreate, createOf("/a", 0))
	a.take()
	a.data("/a", true)
	b.data("/a", true)
	b.write(protocol.OpSetData, setOf("/a", "1"))
	b.write(protocol.OpSetData, setOf("/a", "2"))
	g.settle()
	a.data("/a", false)
	a.expect("the watcher", "reply 2 ok", "event NodeDataChanged /a", "reply 3 ok")
	b.expect("the writer", "reply 1 ok", "event NodeDataChanged /a", "reply 2 ok", "reply 3 ok")
}

func TestEventCarriesTheZxid(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := g.connect()
	c.do(protocol.OpCreate, createOf("/a", 0))
	c.data("/a", true)
	c.take()
	c.do(protocol.OpDelete, &protocol.DeleteRequest{Path: "/a", Version: 0})
	d := jute.NewDecoder(c.frames[0][4:])
	var h protocol.ReplyHeader
	if _ = h.Decode(d); h.Zxid != g.r.State().Zxid() || h.Xid != -1 {
		t.Errorf("event header %+v, want zxid %v (ZOOKEEPER-4655)", h, g.r.State().Zxid())
	}
}

func TestSync(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c, other := g.connect(), g.connect()
	zxid := g.r.State().Zxid()
	c.write(protocol.OpSync, &protocol.SyncRequest{Path: "not a path"})
	c.expect("with nothing before it", "reply 1 ok")
	c.write(protocol.OpCreate, createOf("/a", 0))
	c.write(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
	other.write(protocol.OpSync, &protocol.SyncRequest{Path: "/"})
	c.write(protocol.OpCreate, createOf("/b", 0))
	c.g.r.Propose(g.now, &Request{Session: c.id, Xid: 99, Op: protocol.OpSync, Body: []byte{0, 0}, Owner: c, Done: c})
	g.ready()
	c.expect("before the disk")
	other.expect("before the disk")
	g.persist()
	c.expect("in order", "reply 2 ok", "reply 3 ok", "reply 4 ok", "reply 99 MarshallingError")
	other.expect("behind another session's write", "reply 1 ok")
	if got := g.r.State().Zxid(); got != zxid+2 {
		t.Errorf("zxid %v, want %v: a sync takes none", got, zxid+2)
	}
}

func TestSyncEchoesThePath(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := g.connect()
	var r protocol.SyncResponse
	if err := r.Decode(c.do(protocol.OpSync, &protocol.SyncRequest{Path: "bad"})); err != nil || r.Path != "bad" {
		t.Errorf("echo %q, %v", r.Path, err)
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := g.connect()
	var path protocol.PathResponse
	if d := c.do(protocol.OpCreate, createOf("/s-", protocol.FlagSequential)); path.Decode(d) != nil || path.Path != "/s-0000000000" || d.Len() != 0 {
		t.Errorf("create: %+v", path)
	}
	var both protocol.Create2Response
	for op, r := range map[protocol.OpCode]protocol.Record{
		protocol.OpCreate2: createOf("/two", 0), protocol.OpCreateContainer: createOf("/cont", 4),
		protocol.OpCreateTTL: &protocol.CreateTTLRequest{Path: "/ttl", Data: []byte("x"), ACL: protocol.OpenACL, Flags: 5, TTL: 9},
	} {
		if d := c.do(op, r); both.Decode(d) != nil || both.Stat.Czxid != g.r.State().Zxid() || both.Stat.DataLength != 1 || both.Stat.EphemeralOwner != 0 || d.Len() != 0 {
			t.Errorf("%v: %+v", op, both)
		}
	}
	var st protocol.StatResponse
	if d := c.do(protocol.OpSetData, setOf("/two", "abc")); st.Decode(d) != nil || st.Stat.Version != 1 || st.Stat.DataLength != 3 || d.Len() != 0 {
		t.Errorf("setData: %+v", st)
	}
	if d := c.do(protocol.OpSetACL, &protocol.SetACLRequest{Path: "/two", ACL: protocol.ReadACL, Version: 0}); st.Decode(d) != nil || st.Stat.Aversion != 1 || d.Len() != 0 {
		t.Errorf("setACL: %+v", st)
	}
	if d := c.do(protocol.OpDelete, &protocol.DeleteRequest{Path: "/ttl", Version: 0}); d.Len() != 0 {
		t.Errorf("delete has a body of %d bytes", d.Len())
	}
}

func TestMultiReplies(t *testing.T) {
	t.Parallel()
	g := newRig(t, testConfig())
	c := g.connect()
	c.do(protocol.OpCreate, createOf("/a", 0))
	ops := []protocol.MultiOp{
		{Type: protocol.OpCreate, Record: createOf("/p", 0)},
		{Type: protocol.OpCreate2, Record: createOf("/q", 0)},
		{Type: protocol.OpCreateContainer, Record: createOf("/c", 4)},
		{Type: protocol.OpCreateTTL, Record: &protocol.CreateTTLRequest{Path: "/t", ACL: protocol.OpenACL, Flags: 5, TTL: 9}},
		{Type: protocol.OpSetData, Record: setOf("/a", "abc")},
		{Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: "/a", Version: 1}},
		{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: "/p", Version: 0}},
	}
	var r protocol.MultiResponse
	if err := r.Decode(c.do(protocol.OpMulti, &protocol.MultiRequest{Ops: ops})); err != nil {
		t.Fatal(err)
	}
	want := []protocol.OpCode{1, 15, 15, 15, 5, 13, 2}
	for i, m := range r.Results {
		if m.Type != want[i] || m.Err != 0 {
			t.Errorf("result %d: type %d %v, want %d", i, m.Type, m.Err, want[i])
		}
	}
	if r.Results[0].Path != "/p" || r.Results[2].Stat.Czxid != g.r.State().Zxid() || r.Results[4].Stat.Version != 1 {
		t.Errorf("results %+v", r.Results)
	}

	ops = []protocol.MultiOp{ops[0], {Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: "/a", Version: 9}}, ops[6]}
	if err := r.Decode(c.do(protocol.OpMulti, &protocol.MultiRequest{Ops: ops})); err != nil {
		t.Fatal(err)
	}
	for i, code := range []protocol.Code{0, protocol.BadVersion, protocol.RuntimeInconsistency} {
		if m := r.Results[i]; m.Type != protocol.OpError || m.Err != code {
			t.Errorf("failed multi, result %d: %v %v, want %v", i, m.Type, m.Err, code)
		}
	}
	c.expect("both multis answer OK", "reply 1 ok", "reply 2 ok", "reply 3 ok")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.ServerID = 255
	if _, err := New(cfg); err == nil {
		t.Error("server id 255 with TTL znodes is accepted")
	}
	cfg = testConfig()
	cfg.MinSessionTimeoutMs, cfg.MaxSessionTimeoutMs = 2000, 1000
	if _, err := New(cfg); err == nil {
		t.Error("a minimum above the maximum is accepted")
	}
}

// reopen is Reopen where its answer comes at once.
func reopen(r *Replica, now Now, id protocol.SessionID, password []byte, timeoutMs int32, owner Owner) (h *session.Handle, ok bool) {
	r.Reopen(now, id, password, timeoutMs, owner, func(got *session.Handle) { h = got })
	return h, h != nil
}
