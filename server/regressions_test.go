package server_test

import (
	"fmt"
	"testing"

	"zookit/protocol/certs"
	"zookit/protocol/quorum"
	"zookit/server"
	"zookit/server/config"
)

// TestZK3829RollingRestartGrows: a fourth server is added by its line in the
// configurations, one restart after the other and no reconfiguration, the leader
// last. At every step one server leads, and writes are taken.
func TestZK3829RollingRestartGrows(t *testing.T) {
	t.Parallel()
	var lines []quorum.Member
	o := observe(t, 4, nil, func(sid int64, cfg *config.Config) []server.Option {
		lines = cfg.Ensemble.Servers.Members
		if sid < 4 {
			cfg.Ensemble.Servers.Members = lines[:3:3]
		}
		return nil
	})
	o.Start(1, 2, 3)
	o.Await(1, 2, 3)
	acked := o.write(t, "/three", 5, 1, 2, 3)
	leader := o.Leader()
	o.Start(4)
	o.Await()
	acked = append(acked, o.write(t, "/joined", 5, 1, 2, 3, 4)...)
	for _, sid := range []int64{leader%3 + 1, (leader+1)%3 + 1, leader} {
		o.Stop(sid)
		o.configs[sid].Ensemble.Servers.Members = lines
		o.Start(sid)
		o.Await()
		o.Leader()
		acked = append(acked, o.write(t, fmt.Sprintf("/with-%d", sid), 5, 1, 2, 3, 4)...)
	}
	sameTrees(t, o.Ensemble, 1, 2, 3, 4)
	has(t, o, 4, acked)
	// Four voters now: two of them are no quorum.
	leader = o.Leader()
	o.Stop(leader%4 + 1)
	o.write(t, "/three-of-four", 2, leader)
	o.Stop((leader+1)%4 + 1)
	o.Until("nobody leads", func() bool {
		return !o.Server(leader).Server().Status().Serving
	})
}

// TestZK4886ObserverWithASmallID: the observer has the smallest id, so that every
// voter is the one to call it back; servers log in to each other.
func TestZK4886ObserverWithASmallID(t *testing.T) {
	t.Parallel()
	o := observe(t, 4, nil, func(_ int64, cfg *config.Config) []server.Option {
		cfg.Ensemble.Servers.Members[0].Observer = true
		s := &cfg.Ensemble.Security.SASL
		s.Enabled, s.LearnerRequire, s.ServerRequire = true, true, true
		s.User, s.Password, s.Users = "peer", "canary", map[string]certs.Secret{"peer": "canary"}
		return nil
	})
	o.Start(2, 3, 4)
	o.Await(2, 3, 4)
	acked := o.write(t, "/a", 5, 2, 3, 4)
	o.Start(1)
	o.Await(1)
	acked = append(acked, o.write(t, "/b", 5, 1)...)
	has(t, o, 1, acked)
	// And when everybody begins anew.
	o.Stop()
	o.Start()
	o.Await()
	has(t, o, 1, acked)
	if mode := o.Server(1).Server().Status().Mode; mode != "observer" {
		t.Errorf("server 1 is a %s", mode)
	}
}
