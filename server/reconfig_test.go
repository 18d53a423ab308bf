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

func newChanging(t *testing.T, n int) *changing {
	t.Helper()
	c := &changing{t: t, lines: map[int64]string{}}
	c.Ensemble = zktest.NewEnsemble(t, n, func(sid int64, cfg *config.Config) []server.Option {
		cfg.SkipACL = true
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

// A writer creates znodes one after the other, at whatever member answers.
type writer struct {
	root  string
	addrs func() []string
	stop  chan struct{}
	work  sync.WaitGroup

	mu    sync.Mutex
	acked []string
}

func (c *changing) write(root string) *writer {
	w := &writer{root: root, addrs: c.Addrs, stop: make(chan struct{})}
	addrs := c.Addrs()
	w.addrs = func() []string { return addrs }
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
		addrs := w.addrs()
		conn, err := wire.Dial(addrs[at%len(addrs)], wire.Options{TimeoutMs: 4000})
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
	w := c.write("/w")
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
	c.Await(3, 4, 5)
	for _, sid := range []int64{3, 4, 5} {
		if got := c.members(sid); got != "1 2 3 4 5" {
			t.Errorf("server %d has the members %s", sid, got)
		}
	}
	w.end()
	w2 := c.write("/after")
	w2.addrs = func() []string { return c.Addrs()[2:] }
	c.more(w2, 20)
	c.check(w2, 3, 4, 5)
	c.check(w, 3, 4, 5)
}
