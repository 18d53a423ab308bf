package server_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
	"zookit/server/zktest"
)

// slowDisk is a server whose log is not synced between hold and release.
func slowDisk(t *testing.T, change func(*config.Throttle)) (s *zktest.Server, hold, release func()) {
	t.Helper()
	var holding atomic.Bool
	free := make(chan struct{})
	disk := vfs.NewFaulty(vfs.NewMem(), vfs.Fault{Op: vfs.OpSync, N: 1, Sticky: true, Match: func(name string) bool {
		if holding.Load() && strings.Contains(name, "log.") {
			<-free
		}
		return false
	}})
	cfg := zktest.Config()
	change(&cfg.Throttle)
	s = zktest.StartConfig(t, cfg, server.WithFS(disk))
	release = sync.OnceFunc(func() { close(free) })
	t.Cleanup(release) // before the server is closed
	return s, func() { holding.Store(true) }, release
}

// dataOf writes so many bytes to the root; its request is 21 bytes longer.
func dataOf(n int) *protocol.SetDataRequest {
	return &protocol.SetDataRequest{Path: "/", Data: make([]byte, n), Version: -1}
}

// under waits until that many writes are under way.
func under(t *testing.T, s *zktest.Server, n int) {
	t.Helper()
	eventually(t, "the writes to be under way", func() bool { return s.Server().Status().Outstanding == n })
}

// While as many writes are under way as request_throttle_max_requests allows,
// one more waits, and reads do not; when it has waited too long it is answered
// ThrottledOp, in its turn.
func TestRequestThrottle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		opWaitMs int
		want     protocol.Code
	}{{0, protocol.OK}, {1, protocol.ThrottledOp}} {
		s, hold, release := slowDisk(t, func(th *config.Throttle) { th.MaxRequests, th.StallMs, th.OpWaitMs = 2, 1, tt.opWaitMs })
		a, b, c := zktest.Dial(t, s.Addr()), zktest.Dial(t, s.Addr()), zktest.Dial(t, s.Addr())
		hold()
		a.Send(protocol.OpSetData, dataOf(1))
		b.Send(protocol.OpSetData, dataOf(2))
		under(t, s, 2)
		// The exists is answered before the write behind it begins to wait.
		c.Write(zktest.Request(zktest.Request(nil, 1, protocol.OpExists, &protocol.ExistsRequest{Path: "/"}), 2, protocol.OpSetData, dataOf(3)))
		if r := c.Receive(); r.Xid != 1 || r.Err != protocol.OK {
			t.Fatalf("got %+v", r)
		}
		c.Write(zktest.Request(nil, 3, protocol.OpExists, &protocol.ExistsRequest{Path: "/"}))
		// It has waited for some milliseconds when it has looked again often enough.
		eventually(t, "the write to wait", func() bool { return s.Server().Status().ThrottleWaits >= 10 })
		if got := s.Server().Status().Outstanding; got != 2 {
			t.Errorf("%d writes are under way", got)
		}
		release()
		if r := a.Receive(); r.Err != protocol.OK {
			t.Errorf("got %+v", r)
		}
		if r := b.Receive(); r.Err != protocol.OK {
			t.Errorf("got %+v", r)
		}
		if r := c.Receive(); r.Xid != 2 || r.Err != tt.want {
			t.Errorf("the third write: %+v, want %v", r, tt.want)
		}
		if r := c.Receive(); r.Xid != 3 || r.Err != protocol.OK {
			t.Errorf("the read behind it: %+v", r)
		}
		c.Must(protocol.OpSetData, dataOf(4), nil)
		under(t, s, 0)
		if got := s.Server().Status().ThrottledOps; (got == 1) != (tt.opWaitMs > 0) {
			t.Errorf("%d requests are counted as throttled", got)
		}
	}
}

// TestZK3072ThrottledRequestsKeepTheirOrder: requests of several connections that
// wait for the throttle, one write under way at a time, are answered in the
// order of each connection.
func TestZK3072ThrottledRequestsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s, hold, release := slowDisk(t, func(th *config.Throttle) { th.MaxRequests, th.StallMs = 1, 1 })
	const timeoutMs = 600_000 // the subtests may have to wait for a turn
	first := zktest.DialTimeout(t, s.Addr(), timeoutMs)
	var clients []*zktest.Client
	for i := range 4 {
		clients = append(clients, zktest.DialTimeout(t, s.Addr(), timeoutMs))
		clients[i].Create(fmt.Sprintf("/%d", i), nil, protocol.FlagPersistent)
	}
	hold()
	first.Send(protocol.OpSetData, dataOf(1))
	under(t, s, 1)
	go func() { // when somebody has been seen to wait
		defer release()
		for look := time.NewTicker(time.Millisecond); s.Server().Status().ThrottleWaits < 10; {
			select {
			case <-look.C:
			case <-t.Context().Done():
				return
			}
		}
	}()
	ends := make(chan error)
	for i, c := range clients {
		go func() { ends <- pipeline(c.Conn, fmt.Sprintf("/%d", i), 30) }()
	}
	for range clients {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if r := first.Receive(); r.Err != protocol.OK {
		t.Errorf("got %+v", r)
	}
}

// A request older than its session's timeout is dropped while it waits, and its
// connection with it.
func TestStaleRequest(t *testing.T) {
	t.Parallel()
	s, hold, release := slowDisk(t, func(th *config.Throttle) { th.MaxRequests, th.StallMs, th.StaleLatency = 1, 1, true })
	a, b := zktest.Dial(t, s.Addr()), zktest.DialTimeout(t, s.Addr(), 15*zktest.TickMs)
	hold()
	a.Send(protocol.OpSetData, dataOf(1))
	under(t, s, 1)
	b.Send(protocol.OpSetData, dataOf(2))
	b.Closed()
	release()
	if r := a.Receive(); r.Err != protocol.OK {
		t.Errorf("got %+v", r)
	}
	if st := s.Server().Status(); st.StaleDropped != 1 {
		t.Errorf("%d requests are counted as dropped", st.StaleDropped)
	}
	var stat protocol.StatResponse
	a.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, &stat)
	if stat.Stat.DataLength != 1 {
		t.Errorf("the dropped write was done: %+v", stat)
	}
}

// Large requests are bounded in bytes, all of them together; others are not.
func TestLargeRequestBytes(t *testing.T) {
	t.Parallel()
	const size = 1000 // of a request whose data are 979 bytes
	s, hold, release := slowDisk(t, func(th *config.Throttle) { th.LargeThreshold, th.LargeMaxBytes = size-1, 2*size+10 })
	a, b, c := zktest.Dial(t, s.Addr()), zktest.Dial(t, s.Addr()), zktest.Dial(t, s.Addr())
	d := zktest.Dial(t, s.Addr())
	hold()
	a.Send(protocol.OpSetData, dataOf(size-21))
	under(t, s, 1)
	b.Send(protocol.OpSetData, dataOf(size-21))
	under(t, s, 2)
	c.Send(protocol.OpSetData, dataOf(size-22)) // not large
	under(t, s, 3)
	d.Send(protocol.OpSetData, dataOf(size-21))
	d.Closed()
	release()
	for _, x := range []*zktest.Client{a, b, c} {
		if r := x.Receive(); r.Err != protocol.OK {
			t.Errorf("got %+v", r)
		}
	}
	a.Write([]byte{0, 0, 0x08, 0x00}) // 2048 bytes are announced, more than all large ones may have
	a.Closed()
	eventually(t, "the refusal to be counted", func() bool { return s.Server().Status().LargeRejected == 2 })
	b.Must(protocol.OpSetData, dataOf(size), nil)
}

// Clients that come faster than the bucket fills are sent away without a word.
func TestConnectionTokens(t *testing.T) {
	t.Parallel()
	connect := protocol.ConnectRequest{TimeoutMs: 10_000, Password: make([]byte, protocol.PasswordLen)}
	refused := func(s *zktest.Server, r protocol.ConnectRequest) {
		t.Helper()
		c := zktest.Open(t, s.Addr())
		c.Write(protocol.AppendFrame(nil, &r))
		c.Closed()
	}
	cfg := zktest.Config()
	cfg.Throttle.Tokens, cfg.Throttle.FillMs = 2, 1_000_000_000
	s := zktest.StartConfig(t, cfg)
	zktest.Dial(t, s.Addr())
	zktest.Dial(t, s.Addr()).Create("/x", nil, protocol.FlagPersistent)
	refused(s, connect)
	if got := s.Server().Status().Rejected; got != 1 {
		t.Errorf("%d connections are counted as refused", got)
	}
	if got := word(t, s.Addr(), "srvr"); !strings.Contains(got, "Mode: standalone") {
		t.Errorf("four-letter words are refused too: %q", got)
	}

	// With weights a new session costs 3 of 3 · 2 tokens, one that comes again 2.
	weighted := zktest.Config()
	weighted.Throttle.Tokens, weighted.Throttle.FillMs, weighted.Throttle.Weighted = 2, 1_000_000_000, true
	s = zktest.StartConfig(t, weighted)
	c := zktest.Dial(t, s.Addr())
	if again := c.Resume(s.Addr()); again.Session.Session != c.Session.Session {
		t.Fatalf("%+v", again.Session)
	}
	refused(s, connect)
	connect.Session, connect.Password = c.Session.Session, c.Session.Password
	refused(s, connect) // one token is left
}
