package server_test

import (
	"bytes"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

func TestConnectForms(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	for _, withFlag := range []bool{true, false} {
		c := zktest.Open(t, srv.Addr())
		r := protocol.ConnectRequest{TimeoutMs: 10_000, Password: make([]byte, 16), HasReadOnly: withFlag}
		frame := protocol.AppendFrame(nil, &r)
		c.Write(frame)
		body, err := c.Packet()
		if err != nil {
			t.Fatal(err)
		}
		sent, got := len(frame)-4, len(body)
		want := map[int]int{44: 36, 45: 37}[sent]
		if got != want {
			t.Errorf("a connect request of %d bytes got a response of %d, want %d", sent, got, want)
		}
	}
}

func TestTimeoutIsNegotiated(t *testing.T) {
	t.Parallel()
	cfg := zktest.Config()
	cfg.TickMs, cfg.MinSessionTimeoutMs, cfg.MaxSessionTimeoutMs = 2000, 4000, 40_000
	srv := zktest.StartConfig(t, cfg)
	for asked, want := range map[int32]int32{1: 4000, 10_000: 10_000, 100_000: 40_000, -5: 4000} {
		c := zktest.DialTimeout(t, srv.Addr(), asked)
		if got := c.Session.TimeoutMs; got != want {
			t.Errorf("asked for %d ms, got %d, want %d", asked, got, want)
		}
	}
}

func TestSessionIsRefused(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	live := zktest.Dial(t, srv.Addr())
	for name, r := range map[string]protocol.ConnectRequest{
		"unknown id":     {Session: 0x1234, Password: live.Session.Password},
		"wrong password": {Session: live.Session.Session, Password: make([]byte, 16)},
		"short password": {Session: live.Session.Session, Password: []byte{1}},
	} {
		r.TimeoutMs, r.HasReadOnly = 10_000, true
		c := zktest.Open(t, srv.Addr())
		c.Connect(r)
		s := c.Session
		if s.Session != 0 || s.TimeoutMs != 0 || !bytes.Equal(s.Password, make([]byte, 16)) || !s.HasReadOnly {
			t.Errorf("%s: got %+v, want zeros", name, s)
		}
		c.Closed()
	}
	// The attempts did the live connection no harm.
	live.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil)
}

func TestClientFromTheFutureIsClosed(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Open(t, srv.Addr())
	r := protocol.ConnectRequest{TimeoutMs: 10_000, LastZxidSeen: 1 << 40, Password: make([]byte, 16)}
	c.Write(protocol.AppendFrame(nil, &r))
	c.Closed()
}

func TestConnectionWithoutSessionIsClosed(t *testing.T) {
	t.Parallel()
	cfg := zktest.Config()
	cfg.SessionlessMs = 50
	srv := zktest.StartConfig(t, cfg)
	silent := zktest.Open(t, srv.Addr())
	half := zktest.Open(t, srv.Addr())
	half.Write([]byte{0, 0})
	established := zktest.Dial(t, srv.Addr())
	silent.Closed()
	half.Closed()
	// The limit is for connections without a session alone.
	established.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil)
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(perIP, total *int){
		"maxClientCnxns": func(perIP, _ *int) { *perIP = 3 },
		"maxCnxns":       func(_, total *int) { *total = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := zktest.Config()
			limit(&cfg.MaxClientCnxns, &cfg.MaxCnxns)
			srv := zktest.StartConfig(t, cfg)
			var open []*zktest.Client
			for range 3 {
				open = append(open, zktest.Dial(t, srv.Addr()))
			}
			zktest.Open(t, srv.Addr()).Closed()
			// One goes, and its place is free again.
			open[0].Socket.Close()
			eventually(t, "the connection to be counted out", func() bool { return srv.Server().Status().Connections == 2 })
			zktest.Dial(t, srv.Addr())
			if got := srv.Server().Status().Rejected; got != 1 {
				t.Errorf("%d connections counted as rejected, want 1", got)
			}
		})
	}
}
