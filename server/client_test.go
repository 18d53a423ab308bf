package server_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/zktest"
)

// TestGoZookeeperClient: a client that was not written for this server does a
// day's work with it, a restart in between.
func TestGoZookeeperClient(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	conn, events, err := zk.Connect([]string{srv.Addr()}, 5*time.Second, zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		for range events {
		}
	}()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	_, err = conn.Create("/app", []byte("1"), 0, zk.WorldACL(zk.PermAll))
	check("create", err)
	seq, err := conn.CreateProtectedEphemeralSequential("/app/n-", nil, zk.WorldACL(zk.PermAll))
	check("protected ephemeral sequential", err)
	_, _, changed, err := conn.GetW("/app")
	check("get with a watch", err)
	_, err = conn.Multi(
		&zk.CheckVersionRequest{Path: "/app", Version: 0},
		&zk.SetDataRequest{Path: "/app", Data: []byte("2"), Version: 0},
		&zk.CreateRequest{Path: "/app/m", Acl: zk.WorldACL(zk.PermAll)},
	)
	check("multi", err)
	if e := <-changed; e.Type != zk.EventNodeDataChanged || e.Path != "/app" {
		t.Errorf("got %+v", e)
	}
	check("auth", conn.AddAuth("digest", []byte("me:secret")))
	_, err = conn.Create("/mine", nil, 0, zk.DigestACL(zk.PermAll, "me", "secret"))
	check("create with an ACL of one's own", err)
	_, err = conn.Set("/app", nil, 77)
	if !errors.Is(err, zk.ErrBadVersion) {
		t.Errorf("set with a wrong version: %v", err)
	}

	srv.Restart() // the session goes on by itself
	eventually(t, "the client to come back", func() bool {
		_, _, err := conn.Get("/mine") // needs the auth, which the client repeats
		return err == nil
	})
	ok, st, err := conn.Exists(seq)
	check("exists", err)
	if !ok || st.EphemeralOwner != conn.SessionID() {
		t.Errorf("the ephemeral is gone, or not ours: %v, %+v", ok, st)
	}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// TestWhileNotServing: before recovery is done the port is open, words say so,
// and clients are sent away.
func TestWhileNotServing(t *testing.T) {
	t.Parallel()
	disk := newGatedFS()
	disk.holdSnapshots()
	srv, err := server.New(zktest.Config(), server.WithFS(disk), server.WithFourLetterWords("*"))
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() { started <- srv.Start() }()
	await(t, "the first snapshot", disk.arrived)

	addr := srv.Addr().String()
	for word, want := range map[string]string{
		"ruok": "imok", "isro": "null", "srvr": "This ZooKeeper instance is not currently serving requests\n",
		"mntr": "This ZooKeeper instance is not currently serving requests\n",
	} {
		if got := zktest.Word(t, addr, word); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
	c := zktest.Open(t, addr)
	c.Write(protocol.AppendFrame(nil, &protocol.ConnectRequest{TimeoutMs: 1000, Password: make([]byte, 16)}))
	c.Closed()

	disk.open()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	zktest.Dial(t, addr)
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
}

// TestRequiredAuthentication: with enforce.auth.enabled nothing is done for a
// connection that has not authenticated.
func TestRequiredAuthentication(t *testing.T) {
	t.Parallel()
	cfg := zktest.Config()
	cfg.EnforceAuth, cfg.EnforceAuthSchemes = true, []string{"digest"}
	srv := zktest.StartConfig(t, cfg)
	c := zktest.Dial(t, srv.Addr())
	c.Send(protocol.OpExists, &protocol.ExistsRequest{Path: "/"})
	if r := c.Receive(); r.Err != protocol.SessionClosedRequireAuth {
		t.Errorf("got %+v", r)
	}
	c.Closed()
	c = zktest.Dial(t, srv.Addr())
	c.Auth("digest", "me:secret")
	c.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil)
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	if r := c.Auth("digest", "me:secret"); r.Xid != protocol.XidAuth || r.Zxid != 0 || r.Err != protocol.OK {
		t.Errorf("got %+v", r)
	}
	var who protocol.WhoAmIResponse
	c.Must(protocol.OpWhoAmI, nil, &who)
	if len(who.Infos) != 2 || who.Infos[0] != (protocol.ClientInfo{Scheme: "ip", User: "127.0.0.1"}) || who.Infos[1] != (protocol.ClientInfo{Scheme: "digest", User: "me"}) {
		t.Errorf("got %+v", who.Infos)
	}
	if r := c.Auth("none", "x"); r.Err != protocol.AuthFailed {
		t.Errorf("unknown scheme got %+v", r)
	}
	c.Closed()
	if got := srv.Server().Status().AuthFailed; got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
}
