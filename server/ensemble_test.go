package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
	"zookit/server/zktest"
	"zookit/server/zktest/wire"
)

// logbook keeps what a server logs, and lets a test wait for a line.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// lines are those that hold a text.
func (l *logbook) lines(text string) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, text) {
			list = append(list, line)
		}
	}
	return list
}

func (l *logbook) await(t *testing.T, text string) {
	t.Helper()
	eventually(t, fmt.Sprintf("a line with %q", text), func() bool { return len(l.lines(text)) > 0 })
}

func (l *logbook) option() server.Option {
	return server.WithLogger(slog.New(slog.NewTextHandler(l, nil)))
}

// tree is what a member shows a client, after a sync.
func tree(t *testing.T, addr string) []wire.Znode {
	t.Helper()
	c := zktest.Dial(t, addr)
	c.Must(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil)
	nodes, err := wire.Walk(c.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CloseSession(); err != nil {
		t.Fatal(err)
	}
	kept := nodes[:0]
	for _, n := range nodes {
		if n.Path != "/zookeeper/config" { // every server writes its own
			kept = append(kept, n)
		}
	}
	return kept
}

// sameTrees compares what servers show, znode by znode.
func sameTrees(t *testing.T, e *zktest.Ensemble, sids ...int64) {
	t.Helper()
	first := tree(t, e.Server(sids[0]).Addr())
	for _, sid := range sids[1:] {
		if diff := wire.Diff(first, tree(t, e.Server(sid).Addr())); diff != "" {
			t.Errorf("servers %d and %d differ:\n%.2000s", sids[0], sid, diff)
		}
	}
}

// word is the answer to a four-letter word.
func word(t *testing.T, addr, word string) string {
	t.Helper()
	answer, err := protocol.FourLetter(t.Context(), addr, word)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// between is the text between two others, "" when there is none.
func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// A follower's session lives on at another server when its server stops, with
// its ephemeral; the stopped one comes back and has all.
func TestEnsemble(t *testing.T) {
	t.Parallel()
	e := zktest.StartEnsemble(t, 3)
	leader := e.Leader()
	first := leader%3 + 1
	second := first%3 + 1
	c := zktest.Dial(t, e.Server(first).Addr())
	c.Create("/kept", []byte("v"), protocol.FlagPersistent)
	c.Create("/mine", nil, protocol.FlagEphemeral)
	e.Stop(first)
	moved := c.Resume(e.Server(second).Addr())
	if moved.Session.Session != c.Session.Session {
		t.Fatalf("the session is lost: %+v", moved.Session)
	}
	moved.Create("/more", nil, protocol.FlagPersistent)
	e.Start(first)
	e.Await(first)
	sameTrees(t, e, 1, 2, 3)
	if diff := wire.Diff(tree(t, e.Server(first).Addr()), tree(t, e.Server(leader).Addr())); diff != "" || !strings.Contains(fmt.Sprint(tree(t, e.Server(first).Addr())), "/mine") {
		t.Errorf("the ephemeral is lost: %s", diff)
	}
}

// The words of members before the first write, which are Apache's: the leader
// stands at the beginning of its epoch, learners list the ensemble's sessions.
func TestWordsOfMembers(t *testing.T) {
	t.Parallel()
	e := zktest.StartEnsemble(t, 3)
	leader := e.Leader()
	follower := leader%3 + 1
	if got := between(word(t, e.Server(leader).Addr(), "srvr"), "Zxid: ", "\n"); got != "0x100000000" {
		t.Errorf("the leader's zxid is %s", got)
	}
	if got := between(word(t, e.Server(follower).Addr(), "srvr"), "Zxid: ", "\n"); got != "0x0" {
		t.Errorf("a follower's zxid is %s", got)
	}
	c := zktest.DialTimeout(t, e.Server(leader).Addr(), 12_000)
	c2 := zktest.DialTimeout(t, e.Server(follower).Addr(), 30_000)
	c2.Must(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil)
	a, b := c.Session.Session, c2.Session.Session
	first, second := fmt.Sprintf("%s\t12000ms\n", a), fmt.Sprintf("%s\t30000ms\n", b)
	if int64(a) > int64(b) {
		first, second = second, first
	}
	want := "SessionTracker dump:\nGlobal Sessions(2):\n" + first + second + "ephemeral nodes dump:\nSessions with Ephemerals (0):\nConnections dump:\n"
	if got := word(t, e.Server(follower).Addr(), "dump"); !strings.HasPrefix(got, want) {
		t.Errorf("dump of a follower:\n%s\nwant\n%s", got, want)
	}
	sets := regexp.MustCompile(`^SessionTracker dump:\nSession Sets \(\d\)/\(2\):\n1 expire at `)
	if got := word(t, e.Server(leader).Addr(), "dump"); !sets.MatchString(got) {
		t.Errorf("dump of the leader:\n%s", got)
	}
}

// With leaderServes=no the leader takes no clients; those of the followers
// write through it.
func TestLeaderServesNoClients(t *testing.T) {
	t.Parallel()
	e := zktest.NewEnsemble(t, 3, func(_ int64, cfg *config.Config) []server.Option {
		cfg.Ensemble.LeaderServes = false
		return nil
	})
	e.Start()
	var serving []int64
	e.Until("two followers", func() bool {
		serving = nil
		for sid := int64(1); sid <= 3; sid++ {
			if e.Server(sid).Server().Status().Mode == "follower" {
				serving = append(serving, sid)
			}
		}
		return len(serving) == 2
	})
	leader := 6 - serving[0] - serving[1]
	if got := word(t, e.Server(leader).Addr(), "srvr"); got != "This ZooKeeper instance is not currently serving requests\n" {
		t.Errorf("the leader says %q", got)
	}
	zktest.Dial(t, e.Server(serving[0]).Addr()).Create("/x", nil, protocol.FlagPersistent)
	sameTrees(t, e, serving...)
	c, err := wire.Dial(e.Server(leader).Addr(), wire.Options{})
	if err == nil {
		c.Drop()
		t.Error("the leader gives a session")
	}
}

// A port that something else has is tried again, electionPortBindRetry times,
// and closing the server ends the wait.
func TestElectionPortIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		retries int
		act     func(port net.Listener, srv *server.Server)
		works   bool
	}{
		{"it becomes free", 0, func(port net.Listener, _ *server.Server) { port.Close() }, true},
		{"it stays taken", 2, func(net.Listener, *server.Server) {}, false},
		{"the server is closed", 0, func(_ net.Listener, srv *server.Server) { srv.Close() }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := new(logbook)
			var cfg *config.Config
			zktest.NewEnsemble(t, 3, func(sid int64, c *config.Config) []server.Option {
				if sid == 1 {
					cfg = c
				}
				return nil
			})
			cfg.Ensemble.BindRetries = tt.retries
			self, _ := cfg.Self()
			port, err := net.Listen("tcp", self.Addresses[0].Election())
			if err != nil {
				t.Fatal(err)
			}
			defer port.Close()
			srv, err := server.New(cfg, server.InMemory(), log.option())
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			started := make(chan error, 1)
			go func() { started <- srv.Start() }()
			log.await(t, "a port between the servers is taken; trying again")
			tt.act(port, srv)
			select {
			case err = <-started:
			case <-time.After(within):
				t.Fatal("Start goes on")
			}
			if (err == nil) != tt.works || err != nil && !strings.Contains(err.Error(), "election port of server.1 at") {
				t.Errorf("Start: %v", err)
			}
		})
	}
}

// With db.autocreate=false a server whose data is gone has no vote until the
// leader has sent it a snapshot, and then it has; a new ensemble is made by an
// initialize file on every server.
func TestNoAutoCreate(t *testing.T) {
	t.Parallel()
	disks := map[int64]vfs.FS{}
	logs := map[int64]*logbook{}
	e := zktest.NewEnsemble(t, 3, func(sid int64, cfg *config.Config) []server.Option {
		cfg.AutoCreateDB = false
		disks[sid], logs[sid] = vfs.NewMem(), new(logbook)
		if err := disks[sid].MkdirAll("/data", 0o700); err != nil {
			t.Fatal(err)
		}
		if sid != 2 {
			f, err := disks[sid].Open("/data/initialize", os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		return []server.Option{server.WithFS(disks[sid]), logs[sid].option()}
	})
	e.Start(1, 2) // no quorum: 2 has no vote
	logs[2].await(t, "this server has no vote until a leader has sent it the data")
	e.Start(3)
	e.Await(1, 3)
	zktest.Dial(t, e.Server(1).Addr()).Create("/x", nil, protocol.FlagPersistent)
	e.Await(2)
	logs[2].await(t, "out of quarantine")
	for _, sid := range []int64{1, 3} {
		if got := logs[sid].lines("this server has no vote"); len(got) > 0 {
			t.Errorf("server %d: %s", sid, got)
		}
	}
	e.Until("server 2 to follow with its vote", func() bool { return e.Server(2).Server().Status().Mode == "follower" })
	sameTrees(t, e, 1, 2, 3)
	// Its vote counts now. Of the two a leader serves when the other follows it.
	e.Stop(3)
	e.Leader()
	e.Await(1, 2)
	zktest.Dial(t, e.Server(2).Addr()).Create("/y", nil, protocol.FlagPersistent)
	sameTrees(t, e, 1, 2)
}
