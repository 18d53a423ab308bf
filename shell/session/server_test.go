package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/server/zktest/apache"
)

// live is a real server that can be killed and comes back with its data,
// perhaps on another port.
type live interface {
	addr() string
	kill()
	restart()
}

type ours struct{ *zktest.Server }

func (o ours) addr() string { return o.Addr() }
func (o ours) kill()        { o.Stop() }
func (o ours) restart()     { o.Restart() }

type theirs struct{ *apache.Server }

func (a theirs) addr() string { return a.Addr }
func (a theirs) kill()        { a.Kill9() }
func (a theirs) restart()     { a.Restart() }

// onEach runs a story on our server and on Apache's.
func onEach(t *testing.T, story func(t *testing.T, srv live)) {
	t.Parallel()
	t.Run("zookit", func(t *testing.T) {
		t.Parallel()
		story(t, ours{zktest.Start(t)})
	})
	t.Run("apache", func(t *testing.T) {
		t.Parallel()
		story(t, theirs{apache.Start(t, apache.Options{Config: []string{"extendedTypesEnabled=true"}})})
	})
}

func TestOperations(t *testing.T) {
	onEach(t, func(t *testing.T, srv live) {
		testOperations(t, srv)
		testAhead(t, srv)
		testACLs(t, srv)
		testChildNames(t, srv)
	})
}

func testOperations(t *testing.T, srv live) {
	ctx := bounded(t)
	rec := newRecorder()
	s := open(t, Options{Servers: srv.addr(), OnEvent: rec.add})
	rec.await(t, "SyncConnected")

	created, st, err := s.Create(ctx, "/a", []byte("x"), protocol.OpenACL, protocol.FlagPersistent, 0)
	if err != nil || created != "/a" || st.DataLength != 1 {
		t.Fatalf("create: %q %+v %v", created, st, err)
	}
	if _, _, err := s.Create(ctx, "/null", nil, protocol.OpenACL, protocol.FlagContainer, 0); err != nil {
		t.Fatal(err)
	}
	if data, _, err := s.Get(ctx, "/null", false); err != nil || data != nil {
		t.Errorf("null data came back as %q, %v", data, err)
	}
	if _, _, err := s.Create(ctx, "/ttl", []byte{}, protocol.OpenACL, protocol.FlagTTL, 60000); err != nil {
		t.Fatal(err)
	}
	if data, _, err := s.Get(ctx, "/ttl", false); err != nil || data == nil || len(data) != 0 {
		t.Errorf("empty data came back as %v, %v", data, err)
	}
	seq, _, err := s.Create(ctx, "/a/", nil, protocol.OpenACL, protocol.FlagEphemeralSequential, 0)
	if err != nil || seq != "/a/0000000000" {
		t.Fatalf("sequential: %q %v", seq, err)
	}
	if got, err := s.GetEphemerals(ctx, "/"); err != nil || !slices.Equal(got, []string{seq}) {
		t.Errorf("ephemerals: %v %v", got, err)
	}
	if got := s.Ephemerals(); !slices.Equal(got, []string{seq}) {
		t.Errorf("known ephemerals: %v", got)
	}
	if n, err := s.GetAllChildrenNumber(ctx, "/a"); err != nil || n != 1 {
		t.Errorf("children number: %d %v", n, err)
	}
	if who, err := s.WhoAmI(ctx); err != nil || len(who) != 1 || who[0].Scheme != "ip" {
		t.Errorf("whoami: %v %v", who, err)
	}
	if err := s.AddAuth(ctx, "digest", []byte("u:p")); err != nil {
		t.Fatal(err)
	}
	if who, _ := s.WhoAmI(ctx); len(who) != 2 {
		t.Errorf("whoami after addauth: %v", who)
	}
	if _, err := s.Exists(ctx, "/none", false); !errors.Is(err, protocol.NoNode) || err.Error() != "KeeperErrorCode = NoNode for /none" {
		t.Errorf("exists: %v", err)
	}
	if _, err := s.Set(ctx, "/a", nil, 7); !errors.Is(err, protocol.BadVersion) {
		t.Errorf("set: %v", err)
	}
	if err := s.Delete(ctx, "/a", -1); !errors.Is(err, protocol.NotEmpty) {
		t.Errorf("delete: %v", err)
	}
	if st, err := s.SetACL(ctx, "/a", protocol.ReadACL, -1); err != nil || st.Aversion != 1 {
		t.Errorf("setAcl: %+v %v", st, err)
	}
	if acl, _, err := s.GetACL(ctx, "/a"); err != nil || !slices.Equal(acl, protocol.ReadACL) {
		t.Errorf("getAcl: %v %v", acl, err)
	}
	if err := s.Sync(ctx, "/a"); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Config(ctx, false); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Reconfig(ctx, &protocol.ReconfigRequest{CurConfigID: -1}); !errors.Is(err, protocol.Unimplemented) && !errors.Is(err, protocol.ReconfigDisabled) {
		t.Errorf("reconfig on a standalone server: %v", err)
	}

	ops := []protocol.MultiOp{
		{Type: protocol.OpCreate2, Record: &protocol.CreateRequest{Path: "/m", ACL: protocol.OpenACL, Flags: protocol.FlagEphemeral}},
		{Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: "/m", Version: 0}},
		{Type: protocol.OpCreateContainer, Record: &protocol.CreateRequest{Path: "/mc", ACL: protocol.OpenACL, Flags: protocol.FlagContainer}},
		{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: "/nope", Version: -1}},
	}
	results, err := s.Multi(ctx, ops)
	if !errors.Is(err, protocol.NoNode) || len(results) != 4 || results[3].Err != protocol.NoNode {
		t.Errorf("failed multi: %+v %v", results, err)
	}
	if results, err = s.Multi(ctx, ops[:3]); err != nil || results[0].Path != "/m" || results[2].Path != "/mc" || results[2].Stat.Czxid == 0 {
		t.Errorf("multi: %+v %v", results, err)
	}
	if got := s.Ephemerals(); !slices.Equal(got, []string{seq, "/m"}) {
		t.Errorf("known ephemerals: %v", got)
	}
	reads, err := s.MultiRead(ctx, []protocol.MultiOp{
		{Type: protocol.OpGetData, Record: &protocol.GetDataRequest{Path: "/ttl"}},
		{Type: protocol.OpGetChildren, Record: &protocol.GetChildrenRequest{Path: "/gone"}},
	})
	if err != nil || reads[0].Type != protocol.OpGetData || reads[1].Err != protocol.NoNode {
		t.Errorf("multiRead: %+v %v", reads, err)
	}
}

func TestWatches(t *testing.T) { onEach(t, testWatches) }

func testWatches(t *testing.T, srv live) {
	ctx := bounded(t)
	rec := newRecorder()
	s := open(t, Options{Servers: srv.addr() + "/root", OnEvent: rec.add})
	other := open(t, Options{Servers: srv.addr()})
	mustCreate(t, other, "/root", "/root/r", "/root/p")
	rec.await(t, "SyncConnected")

	if _, err := s.Exists(ctx, "/new", true); !errors.Is(err, protocol.NoNode) {
		t.Fatal(err)
	}
	mustCreate(t, other, "/root/new")
	rec.await(t, "NodeCreated /new")

	if err := s.AddWatch(ctx, "/r", true); err != nil {
		t.Fatal(err)
	}
	if err := s.AddWatch(ctx, "/p", false); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, other, "/root/r/x", "/root/p/y")
	rec.await(t, "NodeCreated /r/x", "NodeChildrenChanged /p")
	if err := s.CheckWatches(ctx, "/p", protocol.WatcherAny); err != nil {
		t.Error(err)
	}
	if err := s.RemoveWatches(ctx, "/none", protocol.WatcherAny, false); !errors.Is(err, protocol.NoWatcher) {
		t.Errorf("removing nothing: %v", err)
	}
	if err := s.RemoveWatches(ctx, "/p", protocol.WatcherAny, false); err != nil {
		t.Fatal(err)
	}
	rec.await(t, "PersistentWatchRemoved /p")
	if err := s.CheckWatches(ctx, "/p", protocol.WatcherAny); !errors.Is(err, protocol.NoWatcher) {
		t.Errorf("after removal: %v", err)
	}
	if got := fmt.Sprint(s.Watches()); got != "[/r (recursive)]" {
		t.Errorf("watches: %s", got)
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	rec.await(t, "Closed")
	rec.none(t)
}

// The server is killed between the setting of the watches and the changes.
func TestRestartKeepsWatches(t *testing.T) { onEach(t, testRestartKeepsWatches) }

func testRestartKeepsWatches(t *testing.T, srv live) {
	ctx := bounded(t)
	rec := newRecorder().deaf() // waiting for Apache to start changes its zxid
	gate := newGate(t, srv.addr())
	s := open(t, Options{Servers: gate.addr(), SessionTimeout: time.Minute, OnEvent: rec.add})
	rec.await(t, "SyncConnected")
	mustCreate(t, s, "/p", "/q", "/r", "/d")
	for path, recursive := range map[string]bool{"/p": false, "/q": false, "/gone": false, "/r": true} {
		if err := s.AddWatch(ctx, path, recursive); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Get(ctx, "/d", true); err != nil {
		t.Fatal(err)
	}
	session := s.SessionID()

	srv.kill()
	rec.await(t, "Disconnected")
	if _, _, err := s.Get(ctx, "/p", false); !isLoss(err, false) {
		t.Errorf("get without a server: %v", err)
	}
	srv.restart()
	gate.to(srv.addr())
	rec.await(t, "SyncConnected")
	if s.SessionID() != session {
		t.Errorf("session %v became %v", session, s.SessionID())
	}

	// A request goes out behind the watches: with its reply they are set again.
	if err := s.Sync(ctx, "/"); err != nil {
		t.Fatal(err)
	}
	// Nothing that is watched changed while the connection was lost; every watch
	// fires once for what comes.
	other := open(t, Options{Servers: srv.addr()})
	if _, err := other.Set(ctx, "/p", []byte("1"), -1); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, other, "/r/x", "/gone")
	if _, err := other.Set(ctx, "/d", []byte("1"), -1); err != nil {
		t.Fatal(err)
	}
	rec.await(t, "NodeDataChanged /p", "NodeCreated /r/x", "NodeCreated /gone", "NodeDataChanged /d")
	rec.none(t)
}

// Changes made by another session while ours has no connection arrive once.
func TestChangesWhileAway(t *testing.T) { onEach(t, testChangesWhileAway) }

func testChangesWhileAway(t *testing.T, srv live) {
	ctx := bounded(t)
	rec := newRecorder()
	gate := newGate(t, srv.addr())
	s := open(t, Options{Servers: gate.addr(), OnEvent: rec.add})
	other := open(t, Options{Servers: srv.addr()})
	rec.await(t, "SyncConnected")
	mustCreate(t, other, "/p", "/q", "/r", "/s")
	for path, recursive := range map[string]bool{"/p": false, "/q": false, "/gone": false, "/s": false, "/r": true} {
		if err := s.AddWatch(ctx, path, recursive); err != nil {
			t.Fatal(err)
		}
	}
	// An event that came before the loss is not told again.
	if _, err := other.Set(ctx, "/s", []byte("1"), -1); err != nil {
		t.Fatal(err)
	}
	rec.await(t, "NodeDataChanged /s")
	if err := s.Sync(ctx, "/"); err != nil {
		t.Fatal(err)
	}

	gate.shut()
	rec.await(t, "Disconnected")
	if _, err := other.Set(ctx, "/p", []byte("1"), -1); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, other, "/gone", "/r/x")
	if err := other.Delete(ctx, "/q", -1); err != nil {
		t.Fatal(err)
	}
	gate.open()
	rec.await(t, "SyncConnected")
	rec.awaitAll(t, "NodeDataChanged /p", "NodeDeleted /q", "NodeCreated /gone",
		"note: the connection was lost for X: changes at or below /r, under a persistent watch, may have been missed")
	rec.none(t)
	if _, err := other.Set(ctx, "/p", []byte("2"), -1); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, other, "/q")
	rec.await(t, "NodeDataChanged /p", "NodeCreated /q")
}

func TestExpiryOfSession(t *testing.T) { onEach(t, testExpiryOfSession) }

func testExpiryOfSession(t *testing.T, srv live) {
	ctx := bounded(t)
	rec := newRecorder()
	gate := newGate(t, srv.addr())
	s := open(t, Options{Servers: gate.addr() + "/c", SessionTimeout: time.Second, OnEvent: rec.add})
	other := open(t, Options{Servers: srv.addr()})
	rec.await(t, "SyncConnected")
	mustCreate(t, other, "/c")
	if _, _, err := s.Create(ctx, "/e", nil, protocol.OpenACL, protocol.FlagEphemeral, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.AddWatch(ctx, "/", true); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exists(ctx, "/c/e", true); err != nil {
		t.Fatal(err)
	}
	gone := newRecorder()
	watcher := open(t, Options{Servers: srv.addr(), OnEvent: gone.add})
	gone.await(t, "SyncConnected")
	if _, err := watcher.Exists(ctx, "/c/e", true); err != nil {
		t.Fatal(err)
	}
	old := s.SessionID()
	gate.shut()
	gone.await(t, "NodeDeleted /c/e")
	gate.open()
	rec.await(t, "Disconnected", "Expired lost=[/e] watches=[/ (recursive)]", "SyncConnected")
	if _, _, err := s.Children(ctx, "/", false); err != nil || s.SessionID() == old {
		t.Errorf("after expiry: session %v, was %v: %v", s.SessionID(), old, err)
	}
}
