package server_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
	"zookit/server/zktest/wire"
)

// A changing is an ensemble whose members change: server 1 was configured alone,
// each of the others with server 1 and itself, as one that wants to join is.
type changing struct {
	*zktest.Ensemble
	t     *testing.T
	lines map[int64]string // the server line of each, "server.N=…"
}

func newChanging(t *testing.T, n int, change ...func(sid int64, cfg *config.Config)) *changing {
	t.Helper()
	c := &changing{t: t, lines: map[int64]string{}}
	c.Ensemble = zktest.NewEnsemble(t, n, func(sid int64, cfg *config.Config) []server.Option {
		cfg.SkipACL = true
		for _, f := range change {
			f(sid, cfg)
		}
		cfg.Ensemble.ReconfigEnabled, cfg.Ensemble.StandaloneEnabled = true, false
		self, _ := cfg.Self()
		c.lines[sid] = fmt.Sprintf("server.%d=%v", sid, self)
		cfg.Ensemble.Servers.Members = slices.DeleteFunc(cfg.Ensemble.Servers.Members, func(m quorum.Member) bool { return m.ID != 1 && m.ID != sid })
		return nil
	})
	return c
}

// reconfig asks a member, again while the new servers are on their way.
func (c *changing) reconfig(at int64, q protocol.ReconfigRequest) *quorum.Config {
	c.t.Helper()
	if q.CurConfigID == 0 {
		q.CurConfigID = -1
	}
	var got *quorum.Config
	c.Until(fmt.Sprintf("reconfig %+v", q), func() bool {
		conn, err := wire.Dial(c.Server(at).Addr(), wire.Options{TimeoutMs: 30_000})
		if err != nil {
			return false
		}
		defer conn.Drop()
		var reply protocol.GetDataResponse
		err = conn.Do(protocol.OpReconfig, &q, &reply)
		switch {
		case errors.Is(err, protocol.NewConfigNoQuorum), errors.Is(err, protocol.ReconfigInProgress):
			return false
		case err != nil:
			c.t.Fatalf("reconfig %+v: %v", q, err)
		}
		if got, err = quorum.ParseConfig(string(reply.Data)); err != nil {
			c.t.Fatal(err)
		}
		if reply.Stat.Version != -1 || got.Version != int64(reply.Stat.Mzxid) {
			c.t.Errorf("the reply has version %x with %+v", got.Version, reply.Stat)
		}
		return true
	})
	return got
}

func (c *changing) join(sids ...int64) protocol.ReconfigRequest {
	var list []string
	for _, sid := range sids {
		list = append(list, c.lines[sid])
	}
	text := strings.Join(list, ",")
	return protocol.ReconfigRequest{Joining: &text}
}

func leave(sids string) protocol.ReconfigRequest { return protocol.ReconfigRequest{Leaving: &sids} }

// members are the ids in the configuration that a server has in force, with o
// behind those of observers.
func (c *changing) members(sid int64) string {
	e := c.Server(sid).Server().Status().Ensemble
	if e == nil {
		return ""
	}
	view, err := quorum.ParseConfig(e.Membership)
	if err != nil {
		c.t.Error(err)
		return ""
	}
	var ids []string
	for _, m := range view.Members {
		id := fmt.Sprint(m.ID)
		if m.Observer {
			id += "o"
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

// awaitMembers waits until servers have a configuration in force, and serve.
func (c *changing) awaitMembers(want string, sids ...int64) {
	c.t.Helper()
	for _, sid := range sids {
		c.Until(fmt.Sprintf("server %d to know the members %s", sid, want), func() bool { return c.members(sid) == want })
	}
	c.Await(sids...)
}

// awaitLeader waits until one of these servers leads, and all serve.
func (c *changing) awaitLeader(sids ...int64) (leader int64) {
	c.t.Helper()
	c.Until("another leader", func() bool {
		for _, sid := range sids {
			if c.Server(sid).Server().Status().Mode == "leader" {
				leader = sid
			}
		}
		return leader != 0
	})
	c.Await(sids...)
	return leader
}

// A writer creates znodes one after the other, at whatever member answers.
type writer struct {
	root  string
	addrs []string
	stop  chan struct{}
	work  sync.WaitGroup

	mu    sync.Mutex
	acked []string
}

// write begins one that goes to these members.
func (c *changing) write(root string, addrs ...string) *writer {
	w := &writer{root: root, addrs: addrs, stop: make(chan struct{})}
	w.work.Go(w.run)
	c.t.Cleanup(w.end)
	return w
}

func (w *writer) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.work.Wait()
}

func (w *writer) run() {
	for n, at := 0, 0; ; at++ {
		select {
		case <-w.stop:
			return
		default:
		}
		conn, err := wire.Dial(w.addrs[at%len(w.addrs)], wire.Options{TimeoutMs: 4000})
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		_ = conn.Do(protocol.OpCreate, &protocol.CreateRequest{Path: w.root, ACL: protocol.OpenACL}, nil)
		for ; err == nil; n++ {
			path := fmt.Sprintf("%s/%06d", w.root, n)
			if err = conn.Do(protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL}, nil); err == nil {
				w.mu.Lock()
				w.acked = append(w.acked, path)
				w.mu.Unlock()
			}
			select {
			case <-w.stop:
				err = errors.New("stopped")
			default:
			}
		}
		conn.Drop()
	}
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// more waits until that many more writes were acknowledged.
func (c *changing) more(w *writer, n int) {
	c.t.Helper()
	n += w.count()
	c.Until("writes", func() bool { return w.count() >= n })
}

// check ends the writer and finds what it was told on servers that all show the
// same.
func (c *changing) check(w *writer, sids ...int64) {
	c.t.Helper()
	w.end()
	sameTrees(c.t, c.Ensemble, sids...)
	there := map[string]bool{}
	for _, n := range tree(c.t, c.Server(sids[0]).Addr()) {
		there[n.Path] = true
	}
	for _, path := range w.acked {
		if !there[path] {
			c.t.Fatalf("%s was acknowledged and is not there", path)
		}
	}
	c.t.Logf("%d writes", len(w.acked))
}

// An ensemble grows from one server to five while a client writes.
func TestGrow(t *testing.T) {
	t.Parallel()
	c := newChanging(t, 5)
	c.Start(1)
	c.Await(1)
	w := c.write("/w", c.Addrs()...)
	c.more(w, 20)
	first, err := quorum.ParseConfig(c.Server(1).Server().Status().Ensemble.Membership)
	if err != nil || first.Version != 1<<32 {
		t.Fatalf("the first configuration has version %x, %v", first.Version, err)
	}
	c.Start(2, 3)
	c.reconfig(1, c.join(2, 3))
	c.awaitMembers("1 2 3", 1, 2, 3)
	c.more(w, 20)
	c.Start(4, 5)
	got := c.reconfig(3, c.join(4, 5))
	c.awaitMembers("1 2 3 4 5", 1, 2, 3, 4, 5)
	c.more(w, 20)
	if len(got.Members) != 5 {
		t.Errorf("the reply has %v", got)
	}
	// Three of five go on without the other two, the first leader among them.
	c.Stop(1, 2)
	c.awaitLeader(3, 4, 5)
	for _, sid := range []int64{3, 4, 5} {
		if got := c.members(sid); got != "1 2 3 4 5" {
			t.Errorf("server %d has the members %s", sid, got)
		}
	}
	w.end()
	w2 := c.write("/after", c.Addrs()[2:]...)
	c.more(w2, 20)
	c.check(w2, 3, 4, 5)
	c.check(w, 3, 4, 5)
}

// A member whose machine is gone is replaced by another, then the leader is
// moved away, becomes an observer, and comes back as a participant: a client
// writes all the time, and no configuration is skipped.
func TestReplaceAndMove(t *testing.T) {
	t.Parallel()
	c := newChanging(t, 4)
	c.Start(1, 2, 3)
	c.Await(1)
	c.reconfig(1, c.join(2, 3))
	c.awaitMembers("1 2 3", 1, 2, 3)
	c.Start(4) // so that the writer knows it
	c.Await(4)
	w := c.write("/w", c.Addrs()...)
	c.more(w, 20)
	c.Stop(3)
	change := c.join(4)
	gone := "3"
	change.Leaving = &gone
	c.reconfig(2, change)
	c.awaitMembers("1 2 4", 1, 2, 4)
	c.more(w, 20)

	leader := c.Leader()
	if leader != 1 {
		t.Fatalf("server %d leads", leader)
	}
	c.reconfig(2, leave("1"))
	c.awaitMembers("2 4", 1, 2, 4)
	c.more(w, 20)
	if next := c.Leader(); next == 1 {
		t.Error("the leader that was removed leads")
	}
	if mode := c.Server(1).Server().Status().Mode; mode != "follower" {
		t.Errorf("the server that was removed is a %s", mode)
	}
	back := strings.Replace(c.lines[1], "participant", "observer", 1)
	c.reconfig(1, protocol.ReconfigRequest{Joining: &back})
	c.awaitMembers("1o 2 4", 1, 2, 4)
	c.Until("server 1 to observe", func() bool { return c.Server(1).Server().Status().Mode == "observer" })
	c.more(w, 20)
	c.reconfig(1, c.join(1))
	c.awaitMembers("1 2 4", 1, 2, 4)
	c.Until("server 1 to follow", func() bool { return c.Server(1).Server().Status().Mode == "follower" })
	c.more(w, 20)
	c.check(w, 1, 2, 4)
}

// What a client is told of a change that cannot be.
func TestReconfigRefused(t *testing.T) {
	t.Parallel()
	c := newChanging(t, 3)
	c.Start(1, 2)
	c.Await(1)
	c.reconfig(1, c.join(2))
	c.awaitMembers("1 2", 1, 2)
	text := func(s string) *string { return &s }
	line := "server.9=127.0.0.1:2:3:participant;127.0.0.1:4"
	for _, tt := range []struct {
		q    protocol.ReconfigRequest
		want protocol.Code
	}{
		{protocol.ReconfigRequest{CurConfigID: 7}, protocol.BadVersion},
		{protocol.ReconfigRequest{Joining: text("server.9=127.0.0.1:2:3")}, protocol.BadArguments},
		{protocol.ReconfigRequest{Joining: text("server.9=127.0.0.1:2:2;4")}, protocol.BadArguments},
		{protocol.ReconfigRequest{Joining: text("server.9")}, protocol.BadArguments},
		{protocol.ReconfigRequest{Leaving: text("one")}, protocol.MarshallingError},
		{protocol.ReconfigRequest{Leaving: text("1,2")}, protocol.BadArguments},
		{protocol.ReconfigRequest{NewMembers: text("tickTime=3")}, protocol.BadArguments},
		{protocol.ReconfigRequest{NewMembers: text(line)}, protocol.NewConfigNoQuorum},
		{protocol.ReconfigRequest{Joining: text(line + "," + strings.ReplaceAll(line, "9", "8"))}, protocol.NewConfigNoQuorum},
	} {
		for _, sid := range []int64{1, 2} {
			if tt.q.CurConfigID == 0 {
				tt.q.CurConfigID = -1
			}
			conn := zktest.Dial(t, c.Server(sid).Addr())
			var reply protocol.GetDataResponse
			if err := conn.Do(protocol.OpReconfig, &tt.q, &reply); !errors.Is(err, tt.want) {
				t.Errorf("%+v at server %d: %v, want %v", tt.q, sid, err, tt.want)
			}
		}
	}
	if got := c.members(1); got != "1 2" {
		t.Errorf("the members are %s", got)
	}
	// It is all there to be read, and by a watch too.
	conn := zktest.Dial(t, c.Server(2).Addr())
	var data protocol.GetDataResponse
	conn.Must(protocol.OpGetData, &protocol.GetDataRequest{Path: "/zookeeper/config", Watch: true}, &data)
	if want := c.lines[1] + "\n" + c.lines[2]; !strings.HasPrefix(string(data.Data), want) {
		t.Errorf("/zookeeper/config is %q", data.Data)
	}
	c.reconfig(1, leave("2"))
	if ev := conn.Receive().Event; ev == nil || ev.Path != "/zookeeper/config" || ev.Type != protocol.EventNodeDataChanged {
		t.Errorf("the watch brought %+v", ev)
	}
}

// Nobody may change the members but who may write /zookeeper/config: super, by
// default; and nobody at all without reconfigEnabled.
func TestReconfigPermission(t *testing.T) {
	t.Parallel()
	ask := func(change func(cfg *config.Config), auth ...string) error {
		e := zktest.NewEnsemble(t, 1, func(_ int64, cfg *config.Config) []server.Option {
			cfg.Ensemble.ReconfigEnabled, cfg.Ensemble.StandaloneEnabled = true, false
			cfg.SuperDigest = protocol.DigestID("super:secret")
			change(cfg)
			return nil
		})
		e.Start()
		e.Await()
		conn := zktest.Dial(t, e.Server(1).Addr())
		for _, a := range auth {
			conn.Auth("digest", a)
		}
		self, _ := quorum.ParseConfig(e.Server(1).Server().Status().Ensemble.Membership)
		line := fmt.Sprintf("server.1=%v", self.Members[0])
		return conn.Do(protocol.OpReconfig, &protocol.ReconfigRequest{Joining: &line, CurConfigID: -1}, new(protocol.GetDataResponse))
	}
	same := func(*config.Config) {}
	if err := ask(same); !errors.Is(err, protocol.NoAuth) {
		t.Errorf("anybody: %v", err)
	}
	if err := ask(same, "super:secret"); err != nil {
		t.Errorf("super: %v", err)
	}
	if err := ask(func(cfg *config.Config) { cfg.SkipACL = true }); err != nil {
		t.Errorf("skipACL: %v", err)
	}
	if err := ask(func(cfg *config.Config) { cfg.Ensemble.ReconfigEnabled = false }, "super:secret"); !errors.Is(err, protocol.ReconfigDisabled) {
		t.Errorf("disabled: %v", err)
	}
}

// A server line gives a member other ports for clients and elections: the client
// port moves at once and connections stay; the others find it for the next
// election.
func TestPortsMove(t *testing.T) {
	t.Parallel()
	c := newChanging(t, 3)
	c.Start(1, 2, 3)
	c.Await(1)
	c.reconfig(1, c.join(2, 3))
	c.awaitMembers("1 2 3", 1, 2, 3)
	spare := zktest.NewEnsemble(t, 1, func(_ int64, cfg *config.Config) []server.Option {
		self, _ := cfg.Self()
		c.lines[0] = fmt.Sprintf("server.2=%v", self)
		return nil
	})
	_ = spare
	before := zktest.Dial(t, c.Server(2).Addr())
	moved := c.lines[0]
	c.reconfig(1, protocol.ReconfigRequest{Joining: &moved})
	_, client, _ := strings.Cut(moved, ";")
	c.Until("the client port to move", func() bool { return c.Server(2).Addr() == client })
	before.Must(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil)
	after := zktest.Dial(t, client)
	after.Must(protocol.OpCreate, &protocol.CreateRequest{Path: "/after", ACL: protocol.OpenACL}, nil)
	c.Stop(1)
	c.awaitLeader(2, 3)
	sameTrees(t, c.Ensemble, 2, 3)
}
