package server_test

import (
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
)

// fill gives a session n ephemerals with long names below dir.
func fill(c *zktest.Client, dir string, n int) {
	c.Create(dir, nil, protocol.FlagPersistent)
	name := dir + "/" + strings.Repeat("e", 60)
	for made := 0; made < n; {
		var m protocol.MultiRequest
		for range min(500, n-made) {
			m.Ops = append(m.Ops, protocol.MultiOp{Type: protocol.OpCreate,
				Record: &protocol.CreateRequest{Path: fmt.Sprintf("%s-%05d", name, made), ACL: protocol.OpenACL, Flags: protocol.FlagEphemeral}})
			made++
		}
		c.Must(protocol.OpMulti, &m, nil)
	}
}

func ephemerals(s *zktest.Server) int { return s.Server().Status().Ephemerals }

// TestZK4306FiftyThousandEphemerals: a session has more ephemerals than one txn
// of the default jute.maxbuffer can name. It ends, and the server starts again.
func TestZK4306FiftyThousandEphemerals(t *testing.T) {
	t.Parallel()
	const many = 50_000
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	fill(c, "/d", many)
	if many*60 < protocol.DefaultMaxBuffer || ephemerals(srv) != many {
		t.Fatalf("%d ephemerals, want %d", ephemerals(srv), many)
	}
	c.Must(protocol.OpCloseSession, nil, nil)
	srv.Restart()
	var r protocol.StatResponse
	zktest.Dial(t, srv.Addr()).Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/d"}, &r)
	if got := ephemerals(srv); got != 0 || r.Stat.NumChildren != 0 || r.Stat.Cversion != 2*many {
		t.Errorf("after the restart: %d ephemerals, %+v", got, r.Stat)
	}
}

// TestZK4306EphemeralsOfAnEnsemble: likewise, at a smaller jute.maxbuffer, with a
// session that is closed through a follower, and one whose end comes when the
// ensemble has been down.
func TestZK4306EphemeralsOfAnEnsemble(t *testing.T) {
	t.Parallel()
	const many = 2_000 // some 140 KB of names
	e := zktest.NewEnsemble(t, 3, func(_ int64, cfg *config.Config) []server.Option {
		cfg.MaxBuffer, cfg.MaxBufferExtra = 100_000, 1024
		return nil
	})
	e.Start()
	e.Await()
	leader := e.Leader()
	follower := e.Server(leader%3 + 1)
	const timeoutMs = 300_000
	closes, stays := zktest.DialTimeout(t, follower.Addr(), timeoutMs), zktest.DialTimeout(t, e.Server(leader).Addr(), timeoutMs)
	fill(closes, "/closes", many)
	fill(stays, "/stays", many)
	closes.Must(protocol.OpCloseSession, nil, nil)
	e.Until("the follower to have applied it", func() bool { return ephemerals(follower) == many })
	e.Stop()
	e.Start()
	e.Await()
	again := stays.Resume(follower.Addr())
	if again.Session.Session != stays.Session.Session || ephemerals(follower) != many {
		t.Fatalf("after the restart: session %+v, %d ephemerals", again.Session, ephemerals(follower))
	}
	again.Must(protocol.OpCloseSession, nil, nil)
	e.Until("the follower to have applied it", func() bool { return ephemerals(follower) == 0 })
	e.Stop()
	e.Start()
	e.Await()
	sameTrees(t, e, 1, 2, 3)
	for sid := int64(1); sid <= 3; sid++ {
		if got := ephemerals(e.Server(sid)); got != 0 {
			t.Errorf("server %d has %d ephemerals", sid, got)
		}
	}
}
