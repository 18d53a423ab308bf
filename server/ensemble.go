package server

import (
	"fmt"
	"time"

	"zookit/protocol/quorum"
	"zookit/server/admin"
	"zookit/server/peer"
	"zookit/server/replica"
	"zookit/server/storage"
	"zookit/server/zab"
)

// ensembleConfig is what the replica is told of the ensemble.
func (s *Server) ensembleConfig() (*replica.Ensemble, error) {
	c := &s.cfg
	e := &c.Ensemble
	self, known := c.Self()
	if !known {
		return nil, fmt.Errorf("myid %d has no server line: write its number into %s/myid, or add server.%d to the configuration", c.MyID, c.DataDir, c.MyID)
	}
	verifier, err := quorum.NewVerifier(&e.Servers)
	if err != nil {
		return nil, err
	}
	return &replica.Ensemble{
		ID:         c.MyID,
		Observer:   self.Observer,
		Verifier:   verifier,
		ConfigText: []byte(e.Servers.String()),
		Timing:     zab.Timing{TickMs: int64(c.TickMs), InitLimit: int64(e.InitLimit), SyncLimit: int64(e.SyncLimit)},
		Batching:   zab.Batching{MaxBatchBytes: storage.MaxBatchBytes, MaxBatchEntries: min(c.MaxBatchSize, storage.MaxBatchRecords)},

		RecentEntries:     e.CommitLogCount,
		MaxSnapshots:      e.MaxSnapSyncs,
		MinNotificationMs: int64(e.MinNotificationMs),
		MaxNotificationMs: int64(e.MaxNotificationMs),
	}, nil
}

// joinMembers opens the ports between the servers. The quorum port is given
// back: it is open while this server leads, and is tried now so that a port
// that is taken shows before the first election.
func (s *Server) joinMembers() error {
	e := &s.cfg.Ensemble
	self, _ := s.cfg.Self()
	quorumAddresses, _ := s.cfg.Listen()
	probe, err := peer.ListenQuorum(quorumAddresses, e.TCPKeepAlive)
	if err != nil {
		return fmt.Errorf("open the quorum port: %w", err)
	}
	for _, ln := range probe {
		_ = ln.Close()
	}
	listeners, err := peer.ListenElection(self, e.ListenOnAllIPs, e.TCPKeepAlive)
	if err != nil {
		return err
	}
	connections, err := peer.NewConnections(peer.ConnectionsConfig{
		ID: s.cfg.MyID, Servers: &e.Servers,
		ConnectTimeout: time.Duration(e.ConnectTimeoutMs) * time.Millisecond,
		KeepAlive:      e.TCPKeepAlive, MultiAddress: e.MultiAddress, Log: s.log,
	}, listeners...)
	if err != nil {
		for _, ln := range listeners {
			_ = ln.Close()
		}
		return err
	}
	m := &members{p: s.pipe, cfg: &s.cfg, rep: s.rep, store: s.store, log: s.log, elections: connections, serving: s.serve,
		tally: newTally(func(sid int64) bool { x, ok := e.Servers.Member(sid); return ok && !x.Observer })}
	m.disk = replica.Disk{Store: s.store, Reread: m.reread}
	m.role.Store(&replica.Role{})
	s.pipe.members = m
	return nil
}

// serve lets clients in, or sends them away; the pipeline calls it.
func (s *Server) serve(on bool) {
	s.serving.Store(on)
	if !on {
		s.conns.DropConns("the server has no leader")
	}
}

// ensembleStatus is what the words say of the ensemble, and the mode.
func (s *Server) ensembleStatus(st *admin.Status) {
	role := s.pipe.members.role.Load()
	e := &s.cfg.Ensemble
	self, _ := s.cfg.Self()
	a := &admin.Ensemble{
		PeerState: "leader election", LeaderID: role.Leader,
		InitLimit: e.InitLimit, SyncLimit: e.SyncLimit, Observer: self.Observer,
		Membership: e.Servers.String(),
	}
	for _, m := range e.Servers.Members {
		if !m.Observer {
			a.Voters++
		}
	}
	for _, at := range self.Addresses {
		a.QuorumPorts, a.ElectionPorts = append(a.QuorumPorts, at.QuorumPort), append(a.ElectionPorts, at.ElectionPort)
	}
	modes := map[quorum.ServerState]string{quorum.Leading: "leader", quorum.Following: "follower", quorum.Observing: "observer"}
	doing := map[quorum.ServerState]string{quorum.Leading: "leading", quorum.Following: "following", quorum.Observing: "observing"}
	st.Mode = modes[role.State]
	if role.State != quorum.Looking {
		phase := "synchronization"
		if role.Serving {
			phase = "broadcast"
		}
		a.PeerState = doing[role.State] + " - " + phase
	}
	if role.State == quorum.Leading && role.Serving {
		s.pipe.members.tally.report(a, time.UnixMilli(s.pipe.members.began.Load()))
	}
	st.Ensemble = a
}
