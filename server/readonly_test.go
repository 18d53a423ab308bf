package server_test

import (
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
)

// A server without the others serves clients that only read, and says so in
// every word; when it finds them their connections end.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	e := zktest.NewEnsemble(t, 3, func(_ int64, cfg *config.Config) []server.Option {
		cfg.ReadOnlyMode = true
		return nil
	})
	e.Start(1)
	s := e.Server(1)
	addr := s.Addr()
	e.Until("the server to be read-only", func() bool { return s.Server().Status().ReadOnly })

	if got := word(t, addr, "isro"); got != "ro" {
		t.Errorf("isro: %s", got)
	}
	for _, w := range []string{"srvr", "stat"} {
		if got := word(t, addr, w); !strings.Contains(got, "\nREAD-ONLY mode; serving only read-only clients\n") || !strings.Contains(got, "\nMode: read-only\n") {
			t.Errorf("%s: %s", w, got)
		}
	}
	readOnly := protocol.ConnectRequest{TimeoutMs: 10_000, Password: make([]byte, protocol.PasswordLen), HasReadOnly: true, ReadOnly: true}
	c := zktest.Open(t, addr)
	c.Connect(readOnly)
	if !c.Session.ReadOnly || c.Session.TimeoutMs != 10_000 || c.Session.Session == 0 {
		t.Fatalf("connect response %+v", c.Session)
	}
	if got := word(t, addr, "dump"); !strings.Contains(got, "Local Session Sets (1)/(1):\n") || !strings.Contains(got, "Global Sessions(0):\n") || !strings.Contains(got, c.Session.Session.String()) {
		t.Errorf("dump: %s", got)
	}
	if got := word(t, addr, "mntr"); !strings.Contains(got, "zk_local_sessions\t1\n") {
		t.Errorf("mntr: %s", got)
	}
	c.Must(protocol.OpGetData, &protocol.GetDataRequest{Path: "/zookeeper/config", Watch: true}, nil)
	for op, body := range map[protocol.OpCode]protocol.Record{
		protocol.OpCreate: &protocol.CreateRequest{Path: "/x", ACL: protocol.OpenACL}, protocol.OpSync: &protocol.SyncRequest{Path: "/"},
	} {
		if got := c.Call(op, body, nil); got.Err != protocol.NotReadOnly || got.Zxid != 0 {
			t.Errorf("%v: %+v", op, got)
		}
	}
	c.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil) // the session goes on

	// Whoever did not ask for it is sent away without an answer, old clients included.
	for _, form := range []protocol.ConnectRequest{
		{TimeoutMs: 10_000, Password: make([]byte, protocol.PasswordLen), HasReadOnly: true},
		{TimeoutMs: 10_000, Password: make([]byte, protocol.PasswordLen)},
	} {
		other := zktest.Open(t, addr)
		other.Write(protocol.AppendFrame(nil, &form))
		other.Closed()
	}
	moved := zktest.Open(t, addr)
	readOnly.Session, readOnly.Password = c.Session.Session, c.Session.Password
	moved.Connect(readOnly)
	if moved.Session.Session != c.Session.Session {
		t.Errorf("opened again: %+v", moved.Session)
	}
	c.Closed()

	e.Start(2)
	e.Until("the server to serve", func() bool { st := s.Server().Status(); return st.Serving && !st.ReadOnly })
	moved.Closed()
	if got := word(t, addr, "isro"); got != "rw" {
		t.Errorf("isro: %s", got)
	}
	after := zktest.Open(t, addr)
	after.Connect(readOnly)
	if after.Session.TimeoutMs != 0 || after.Session.Session != 0 {
		t.Errorf("a session of the mode lives on: %+v", after.Session)
	}
	normal := zktest.Open(t, addr)
	readOnly.Session, readOnly.Password = 0, make([]byte, protocol.PasswordLen)
	normal.Connect(readOnly)
	if normal.Session.ReadOnly {
		t.Error("a client that a read-only server would do for is told that this is one")
	}
	normal.Create("/x", nil, protocol.FlagPersistent)
}

// Sessions that are local cost no txn, are counted apart, and become the
// ensemble's with their first ephemeral.
func TestLocalSessionsOfServers(t *testing.T) {
	t.Parallel()
	e := zktest.NewEnsemble(t, 3, func(_ int64, cfg *config.Config) []server.Option {
		cfg.Ensemble.LocalSessions, cfg.Ensemble.LocalSessionsUpgrading = true, true
		return nil
	})
	e.Start()
	e.Await()
	leader := e.Leader()
	follower := leader%3 + 1
	for _, sid := range []int64{leader, follower} {
		addr := e.Server(sid).Addr()
		before := e.Server(leader).Server().Status().Zxid
		c := zktest.Dial(t, addr)
		if st := e.Server(sid).Server().Status(); st.LocalSessions != 1 || st.Sessions != 0 || e.Server(leader).Server().Status().Zxid != before {
			t.Errorf("server %d: %d local sessions, %d of the ensemble", sid, st.LocalSessions, st.Sessions)
		}
		kinds := "Local Session Sets (1)/(1):"
		if got := word(t, addr, "dump"); !strings.Contains(got, kinds) || !strings.Contains(got, "Global Session") {
			t.Errorf("server %d: dump %s", sid, got)
		}
		c.Create("/plain", nil, protocol.FlagPersistent)
		gone := c.Resume(e.Server(sid%3 + 1).Addr())
		if gone.Session.Session != 0 {
			t.Errorf("server %d: another server knows the session: %+v", sid, gone.Session)
		}
		c.Create("/mine", nil, protocol.FlagEphemeral)
		if st := e.Server(sid).Server().Status(); st.LocalSessions != 0 {
			t.Errorf("server %d: still %d local sessions", sid, st.LocalSessions)
		}
		moved := c.Resume(e.Server(sid%3 + 1).Addr())
		if moved.Session.Session != c.Session.Session {
			t.Fatalf("server %d: the session is not the ensemble's: %+v", sid, moved.Session)
		}
		moved.Must(protocol.OpDelete, &protocol.DeleteRequest{Path: "/plain", Version: -1}, nil)
		if err := moved.CloseSession(); err != nil {
			t.Error(err)
		}
		look := zktest.Dial(t, e.Server(leader).Addr())
		if r := look.Call(protocol.OpExists, &protocol.ExistsRequest{Path: "/mine"}, nil); r.Err != protocol.NoNode {
			t.Errorf("server %d: the ephemeral outlives its session: %v", sid, r.Err)
		}
		if err := look.CloseSession(); err != nil {
			t.Error(err)
		}
	}
}
