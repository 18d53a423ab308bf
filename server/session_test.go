package server_test

import (
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
)

func TestSessionResumesOnAnotherConnection(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	old := zktest.Dial(t, srv.Addr())
	old.Create("/e", nil, protocol.FlagEphemeral)
	resumed := old.Resume(srv.Addr())
	if resumed.Session.Session != old.Session.Session {
		t.Fatalf("got session %v, want %v", resumed.Session.Session, old.Session.Session)
	}
	old.Closed()
	// The ephemeral lives on, and belongs to the same session.
	var st protocol.StatResponse
	resumed.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/e"}, &st)
	if st.Stat.EphemeralOwner != old.Session.Session {
		t.Errorf("owner is %v, want %v", st.Stat.EphemeralOwner, old.Session.Session)
	}
	resumed.Create("/e2", nil, protocol.FlagEphemeral)
}

func TestSessionSurvivesARestart(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	c.Create("/e", nil, protocol.FlagEphemeral)
	srv.Restart()
	c.Closed()
	c = c.Resume(srv.Addr())
	c.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/e"}, nil)
}

func TestSilentSessionExpires(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	watcher := zktest.Dial(t, srv.Addr())
	silent := zktest.DialTimeout(t, srv.Addr(), 10*zktest.TickMs)
	silent.Create("/e", nil, protocol.FlagEphemeral)
	watcher.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/e", Watch: true}, nil)

	if r := watcher.Receive(); r.Event == nil || r.Event.Type != protocol.EventNodeDeleted {
		t.Fatalf("got %+v, want the deletion of the ephemeral", r)
	}
	silent.Closed()
	again := silent.Resume(srv.Addr())
	if again.Session.Session != 0 || again.Session.TimeoutMs != 0 {
		t.Fatalf("an expired session was opened again: %+v", again.Session)
	}
}

func TestPingsKeepASessionAlive(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.DialTimeout(t, srv.Addr(), 10*zktest.TickMs)
	other := zktest.DialTimeout(t, srv.Addr(), 10*zktest.TickMs)
	// The other session is silent: by the time it expires, c has lived as long
	// on nothing but pings.
	expired := make(chan struct{})
	go func() {
		defer close(expired)
		other.Closed()
	}()
	for alive := true; alive; {
		if r := c.Ping(); r.Xid != protocol.XidPing || r.Err != protocol.OK {
			t.Fatalf("ping got %+v", r)
		}
		select {
		case <-expired:
			alive = false
		default:
		}
	}
	c.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil)
}

func TestCloseSession(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	watcher := zktest.Dial(t, srv.Addr())
	c.Create("/e", nil, protocol.FlagEphemeral)
	watcher.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/e", Watch: true}, nil)
	// The write before it in the pipe is answered first; what follows is not.
	var frames []byte
	frames = zktest.Request(frames, 7, protocol.OpSetData, set("/e", "x"))
	frames = zktest.Request(frames, 8, protocol.OpCloseSession, nil)
	frames = zktest.Request(frames, 9, protocol.OpExists, &protocol.ExistsRequest{Path: "/"})
	c.Write(frames)
	for _, want := range []int32{7, 8} {
		if r := c.Receive(); r.Xid != want || r.Err != protocol.OK {
			t.Fatalf("got %+v, want xid %d", r, want)
		}
	}
	c.Closed()
	for _, want := range []protocol.EventType{protocol.EventNodeDataChanged} {
		if r := watcher.Receive(); r.Event == nil || r.Event.Type != want {
			t.Fatalf("got %+v, want %v", r, want)
		}
	}
	if r := watcher.Call(protocol.OpExists, &protocol.ExistsRequest{Path: "/e"}, nil); r.Err != protocol.NoNode {
		t.Errorf("the ephemeral is still there: %v", r.Err)
	}
}
