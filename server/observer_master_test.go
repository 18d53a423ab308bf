package server_test

import (
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
	"zookit/server/zktest/ports"
)

// An observer is served by a follower, and by another when that one stops; the
// leader has nothing to do with it.
func TestObserverMaster(t *testing.T) {
	t.Parallel()
	port := ports.Free(t)
	e := zktest.NewEnsemble(t, 4, func(sid int64, cfg *config.Config) []server.Option {
		cfg.Ensemble.ObserverMasterPort = port
		for i := range cfg.Ensemble.Servers.Members {
			m := &cfg.Ensemble.Servers.Members[i]
			m.Observer = m.ID == 4
			m.Addresses = append(m.Addresses[:0:0], m.Addresses...)
			m.Addresses[0].Host = fmt.Sprintf("127.0.0.%d", m.ID) // one port on each
		}
		return nil
	})
	e.Start(1, 2, 3)
	e.Await(1, 2, 3)
	leader := e.Leader()
	before := zktest.Dial(t, e.Server(leader).Addr())
	for i := range 20 {
		before.Create(fmt.Sprintf("/n%d", i), make([]byte, 1000), protocol.FlagPersistent)
	}
	e.Start(4)
	e.Await(4)
	addr := e.Server(4).Addr()
	master := func() (sid int64) {
		e.Until("a master", func() bool {
			answer, err := protocol.FourLetter(t.Context(), addr, "mntr") // fails while it changes from one to the other
			if err == nil {
				_, err = fmt.Sscan(between(answer, "zk_observer_master_id\t", "\n"), &sid)
			}
			return err == nil && sid != 0
		})
		return sid
	}
	observers := func(sid int64) string {
		return between(word(t, e.Server(sid).Addr(), "mntr"), "zk_synced_observers\t", "\n")
	}
	first := master()
	if first == leader || observers(first) != "1" || observers(leader) != "0" {
		t.Fatalf("the observer's master is %d, the leader %d; they count %s and %s observers", first, leader, observers(first), observers(leader))
	}
	c := zktest.Dial(t, addr)
	c.Create("/mine", nil, protocol.FlagEphemeral)
	c.Must(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil)
	c.Must(protocol.OpGetData, &protocol.GetDataRequest{Path: "/n0", Watch: true}, nil)
	before.Must(protocol.OpSetData, &protocol.SetDataRequest{Path: "/n0", Data: []byte("x"), Version: -1}, nil)
	if ev := c.Receive(); ev.Event == nil || ev.Event.Path != "/n0" {
		t.Errorf("got %+v, want the event", ev)
	}
	sameTrees(t, e, 1, 2, 3, 4)

	e.Stop(first)
	e.Until("another master", func() bool { return master() != first })
	second := master()
	if second == leader {
		t.Errorf("the leader serves the observer while server %d would", 6-first-leader)
	}
	c = c.Resume(addr)
	if c.Session.Session == 0 {
		t.Fatal("the session is lost")
	}
	c.Create("/more", nil, protocol.FlagEphemeral)

	e.Start(first)
	e.Await(first)
	before.Create("/after", nil, protocol.FlagPersistent)
	sameTrees(t, e, 1, 2, 3, 4)
	if err := c.CloseSession(); err != nil {
		t.Error(err)
	}
	if r := before.Call(protocol.OpExists, &protocol.ExistsRequest{Path: "/mine"}, nil); r.Err != protocol.NoNode {
		t.Errorf("the ephemeral outlives its session: %v", r.Err)
	}
}

// An observer whose followers serve no observers is served by the leader.
func TestObserverWithoutMaster(t *testing.T) {
	t.Parallel()
	book := new(logbook)
	port := ports.Free(t)
	e := zktest.NewEnsemble(t, 3, func(sid int64, cfg *config.Config) []server.Option {
		cfg.Ensemble.Servers.Members[2].Observer = true
		if sid != 3 {
			return nil
		}
		cfg.Ensemble.ObserverMasterPort = port
		return []server.Option{book.option()}
	})
	e.Start(1, 2)
	leader := e.Leader()
	e.Start(3)
	e.Await(3)
	zktest.Dial(t, e.Server(3).Addr()).Create("/x", nil, protocol.FlagPersistent)
	if got := between(word(t, e.Server(3).Addr(), "mntr"), "zk_observer_master_id\t", "\n"); got != fmt.Sprint(leader) {
		t.Errorf("its master is %q", got)
	}
	if lines := book.lines("set observerMasterPort on every server"); len(lines) == 0 || !strings.Contains(lines[0], fmt.Sprint("leader=", leader)) {
		t.Errorf("logged %q", lines)
	}
}
