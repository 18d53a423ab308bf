package zktest

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"zookit/protocol/quorum"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
	"zookit/server/zktest/ports"
)

// An Ensemble is several servers of one test, each with its data in memory.
type Ensemble struct {
	t       testing.TB
	servers []*Server // of server 1, 2, …
}

// Limits of test ensembles in ticks: generous, since a busy machine must not
// end a role.
const (
	InitLimit = 100
	SyncLimit = 50
)

// NewEnsemble prepares servers 1 to n and starts none. change, when not nil, is
// called for each with its configuration, all server lines in it, and returns
// options of its own; a server whose lines it changes is one that was configured
// differently.
func NewEnsemble(t testing.TB, n int, change func(sid int64, cfg *config.Config) []server.Option) *Ensemble {
	t.Helper()
	e := &Ensemble{t: t}
	var lines quorum.Config
	clientPorts := make([]int, n)
	for i := range n {
		clientPorts[i] = ports.Free(t)
		lines.Members = append(lines.Members, quorum.Member{ID: int64(i) + 1,
			Addresses: []quorum.Address{{Host: "127.0.0.1", QuorumPort: ports.Free(t), ElectionPort: ports.Free(t)}},
			Client:    net.JoinHostPort("127.0.0.1", strconv.Itoa(clientPorts[i]))})
	}
	for sid := int64(1); sid <= int64(n); sid++ {
		cfg := Config()
		cfg.MyID, cfg.ClientPort = sid, clientPorts[sid-1]
		cfg.Ensemble.Servers = lines
		cfg.Ensemble.Servers.Members = append([]quorum.Member(nil), lines.Members...)
		cfg.Ensemble.InitLimit, cfg.Ensemble.SyncLimit = InitLimit, SyncLimit
		s := &Server{t: t, cfg: cfg, opts: []server.Option{
			server.WithFS(vfs.NewMem()),
			server.WithFourLetterWords("*"),
			server.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil)).With("myid", sid)),
		}}
		if change != nil {
			s.opts = append(s.opts, change(sid, cfg)...)
		}
		t.Cleanup(func() { _ = s.close() })
		e.servers = append(e.servers, s)
	}
	return e
}

// StartEnsemble starts n servers and waits until all serve.
func StartEnsemble(t testing.TB, n int) *Ensemble {
	t.Helper()
	e := NewEnsemble(t, n, nil)
	e.Start()
	e.Await()
	return e
}

// Start starts these servers, all when none is named, and does not wait: without
// a quorum they serve nothing. One that was stopped has its data again.
func (e *Ensemble) Start(sids ...int64) {
	e.t.Helper()
	for _, s := range e.choose(sids) {
		s.start()
	}
}

// Stop stops these servers, all that run when none is named.
func (e *Ensemble) Stop(sids ...int64) {
	e.t.Helper()
	for _, s := range e.started(sids) {
		s.Stop()
	}
}

// Server is one of them.
func (e *Ensemble) Server(sid int64) *Server { return e.servers[sid-1] }

// Addrs are the client addresses of those that were started.
func (e *Ensemble) Addrs() (list []string) {
	for _, s := range e.servers {
		if s.srv != nil {
			list = append(list, s.Addr())
		}
	}
	return list
}

// patience bounds every wait; nothing comes near it unless it is broken.
const patience = 60 * time.Second

// Await waits until these servers serve, all that were started when none is
// named, and what each follows does lead: one whose leader is gone serves until
// it has heard of it.
func (e *Ensemble) Await(sids ...int64) {
	e.t.Helper()
	for _, s := range e.started(sids) {
		e.Until(fmt.Sprintf("server %d to serve", s.cfg.MyID), func() bool {
			st := s.srv.Status()
			return st.Serving && st.Mode != "" && (st.Mode != "follower" || e.leads(st.Ensemble.LeaderID))
		})
	}
}

// leads of a server that is not one of these is true.
func (e *Ensemble) leads(sid int64) bool {
	if sid < 1 || sid > int64(len(e.servers)) {
		return true
	}
	s := e.servers[sid-1]
	return s.srv != nil && s.srv.Err() == nil && s.srv.Status().Mode == "leader"
}

// Leader waits until one of the servers leads and serves, and tells which.
func (e *Ensemble) Leader() (sid int64) {
	e.t.Helper()
	e.Until("a leader", func() bool {
		for _, s := range e.servers {
			if sid = s.cfg.MyID; s.srv != nil && e.leads(sid) {
				return true
			}
		}
		return false
	})
	return sid
}

// Until polls what no event tells.
func (e *Ensemble) Until(what string, holds func() bool) {
	e.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			e.t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func (e *Ensemble) started(sids []int64) (list []*Server) {
	for _, s := range e.choose(sids) {
		if s.srv != nil {
			list = append(list, s)
		}
	}
	return list
}

func (e *Ensemble) choose(sids []int64) []*Server {
	if len(sids) == 0 {
		return e.servers
	}
	list := make([]*Server, len(sids))
	for i, sid := range sids {
		list[i] = e.servers[sid-1]
	}
	return list
}
