package server

import (
	"fmt"
	"net"
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
	servers := e.Servers
	view, err := quorum.NewView(&servers)
	if err != nil {
		return nil, err
	}
	verifier, text := view.Verifier, view.Text
	if !e.ReconfigEnabled {
		view = nil
	}
	return &replica.Ensemble{
		View: view, StandaloneEnabled: e.StandaloneEnabled, MultiAddress: e.MultiAddress,

		ID:         c.MyID,
		Observer:   self.Observer,
		Verifier:   verifier,
		ConfigText: text,
		Timing:     zab.Timing{TickMs: int64(c.TickMs), InitLimit: int64(e.InitLimit), SyncLimit: int64(e.SyncLimit)},
		Batching:   zab.Batching{MaxBatchBytes: storage.MaxBatchBytes, MaxBatchEntries: min(c.MaxBatchSize, storage.MaxBatchRecords)},

		MaxCounter:        s.opt.maxCounter,
		RecentEntries:     e.CommitLogCount,
		MaxSnapshots:      e.MaxSnapSyncs,
		MaxDiffs:          e.MaxDiffSyncs,
		ForceSnapshot:     e.ForceSnapshotSync,
		ConnectMs:         max(0, int64(e.ConnectLimit)*int64(c.TickMs)),
		MinNotificationMs: int64(e.MinNotificationMs),
		MaxNotificationMs: int64(e.MaxNotificationMs),

		LocalSessions: e.LocalSessions, LocalUpgrading: e.LocalSessionsUpgrading, ReadOnlyFallback: c.ReadOnlyMode,
		HostObservers: e.ObserverMasterPort > 0,
	}, nil
}

// joinMembers opens the ports between the servers.
func (s *Server) joinMembers() error {
	e := &s.cfg.Ensemble
	listeners, err := s.openPorts()
	if err != nil {
		return err
	}
	connections, err := peer.NewConnections(peer.ConnectionsConfig{
		ID: s.cfg.MyID, Servers: &e.Servers,
		ConnectTimeout: time.Duration(e.ConnectTimeoutMs) * time.Millisecond,
		SocketTimeout:  s.socketTimeout(),
		KeepAlive:      e.TCPKeepAlive, MultiAddress: e.MultiAddress, Log: s.log, Security: s.guard,
	}, listeners...)
	if err != nil {
		for _, ln := range listeners {
			_ = ln.Close()
		}
		return err
	}
	m := &members{p: s.pipe, cfg: &s.cfg, rep: s.rep, store: s.store, log: s.log, guard: s.guard, elections: connections, serving: s.serve, readers: s.serveReaders, clients: s.moveClients}
	m.tally = newTally(m.voter)
	s.reconfigurable(m)
	m.disk = replica.Disk{Store: s.store, Reread: m.reread}
	m.role.Store(&replica.Role{})
	s.pipe.members = m
	s.members.Store(m)
	return nil
}

// socketTimeout bounds the first message and each write on the election port
// (QuorumPeer.createCnxnManager).
func (s *Server) socketTimeout() time.Duration {
	ms := s.cfg.Ensemble.ReadTimeoutMs
	if ms <= 0 {
		ms = s.cfg.TickMs * s.cfg.Ensemble.SyncLimit
	}
	return time.Duration(ms) * time.Millisecond
}

// bindPause is Apache's wait between two attempts to bind the election port.
const bindPause = time.Second

// openPorts opens the election port. While something else has it, it tries
// again: electionPortBindRetry attempts in all, for ever if that is 0.
func (s *Server) openPorts() ([]net.Listener, error) {
	for attempt := 1; ; attempt++ {
		listeners, err := s.tryPorts()
		if err == nil || attempt == s.cfg.Ensemble.BindRetries {
			return listeners, err
		}
		s.log.Warn("a port between the servers is taken; trying again", "attempt", attempt, "error", err)
		select {
		case <-time.After(bindPause):
		case <-s.quit:
			return nil, err
		}
	}
}

// tryPorts opens the election port. The quorum port is given back: it is open
// while this server leads, and is tried now so that a port that is taken shows
// before the first election.
func (s *Server) tryPorts() ([]net.Listener, error) {
	e := &s.cfg.Ensemble
	self, _ := s.cfg.Self()
	quorumAddresses, _ := s.cfg.Listen()
	probe, err := peer.ListenQuorum(quorumAddresses, e.TCPKeepAlive)
	if err != nil {
		return nil, fmt.Errorf("open the quorum port: %w", err)
	}
	observers, err := peer.ListenQuorum(s.cfg.ListenObservers(self), e.TCPKeepAlive)
	for _, ln := range append(probe, observers...) {
		_ = ln.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open observerMasterPort: %w", err)
	}
	return peer.ListenElection(self, e.ListenOnAllIPs, e.TCPKeepAlive)
}

// serve lets clients in, or sends them away; the pipeline calls it.
func (s *Server) serve(on bool) {
	if on && s.pipe.members.role.Load().State == quorum.Leading && !s.cfg.Ensemble.LeaderServes {
		s.log.Info("leading without clients of its own: leaderServes=no")
		on = false
	}
	if !on {
		s.open.Store(closed)
		s.conns.DropConns("the server has no leader")
		return
	}
	s.open.Store(openToAll)
}

// serveReaders lets those in who only read, or sends them away; the pipeline
// calls it.
func (s *Server) serveReaders(on bool) {
	if !on {
		s.open.Store(closed)
		s.conns.DropConns("the server is no longer read-only")
		return
	}
	s.open.Store(openToReaders)
}

// ensembleStatus is what the words say of the ensemble, and the mode.
func (s *Server) ensembleStatus(st *admin.Status) {
	role := s.pipe.members.role.Load()
	e := &s.cfg.Ensemble
	servers := s.currentEnsemble()
	self, _ := servers.Member(s.cfg.MyID)
	a := &admin.Ensemble{
		PeerState: "leader election", LeaderID: role.Leader,
		InitLimit: e.InitLimit, SyncLimit: e.SyncLimit, Observer: self.Observer,
		Membership: servers.String(),
	}
	for _, m := range servers.Members {
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
	if st.ReadOnly {
		st.Mode = "read-only"
	}
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
	if role.State == quorum.Following && e.ObserverMasterPort > 0 {
		a.SyncedObservers = s.pipe.members.tally.observers()
	}
	if id := s.pipe.members.masterID.Load(); id != 0 {
		a.LeaderID = id // observer_master_id
	}
	st.Ensemble = a
}
