package server

import (
	"net"
	"path/filepath"
	"time"

	"zookit/protocol"
	"zookit/server/admin"
	"zookit/server/cnxn"
	"zookit/server/replica"
	"zookit/server/session"
	"zookit/server/watch"
)

// Status is the state of the server at one moment.
type Status = admin.Status

// Status describes the server. It may be called at any time.
func (s *Server) Status() Status {
	return (*source)(s).Status()
}

// source is the server as package admin reads it.
type source Server

func (s *source) Status() Status {
	open := s.open.Load() // once: the two below are of one moment
	st := Status{
		Built: s.opt.built, Started: s.started, Serving: open != closed, ReadOnly: open == openToReaders, Mode: "standalone",
		Settings: s.settings(),
	}
	st.OpenFiles, st.MaxFiles = descriptors()
	if s.cfg.Distributed() {
		st.Mode = ""
		if st.Serving {
			(*Server)(s).ensembleStatus(&st)
		} else {
			st.Quarantine = (*Server)(s).quarantineStatus()
		}
	}
	if !st.Serving {
		return st
	}
	t := s.conns.Totals()
	st.LatencyMin, st.LatencyAvg, st.LatencyMax = t.Latency()
	st.Received, st.Sent = t.Received.Load(), t.Sent.Load()
	st.ResponseLast, st.ResponseMin, st.ResponseMax = t.ResponseSize()
	st.Rejected, st.AuthFailed = t.Rejected.Load(), t.AuthFail.Load()
	st.DropChance = s.conns.DropChance()
	st.ThrottleWaits = t.ThrottleWaits.Load()
	st.ThrottledOps, st.StaleDropped, st.LargeRejected = t.ThrottledOps.Load(), t.StaleDropped.Load(), t.LargeRejected.Load()
	st.Connections = s.conns.Count()
	st.Outstanding = s.conns.Outstanding()

	r := s.rep.State().Status()
	st.Zxid, st.Nodes, st.DataBytes = r.LastZxid, r.Nodes, r.DataSize
	if st.Ensemble != nil && st.Ensemble.Leader != nil {
		// A leader without a txn of its own stands at the beginning of its epoch.
		st.Zxid = max(st.Zxid, protocol.MakeZxid(s.pipe.members.role.Load().Epoch, 0))
	}
	st.Ephemerals, st.Sessions, st.LocalSessions = r.Ephemerals, r.Sessions, r.LocalSessions
	s.rep.State().Watches(func(t *watch.Tables) { st.Watches = t.Count() })
	st.WatchingConns, st.WatchedPaths, st.DataWatches = r.Watches.Connections, r.Watches.Paths, r.Watches.Watches
	st.Snapshots = s.pipe.snapshots.Load()
	st.Syncs = s.pipe.syncs.read()
	return st
}

func (s *source) settings() admin.Settings {
	c := &s.cfg
	return admin.Settings{
		ClientPort: port((*Server)(s).Addr(), c.ClientPort), SecureClientPort: (*Server)(s).securePort(),
		DataDir: filepath.Join(c.DataDir, "version-2"), LogDir: filepath.Join(c.DataLogDir, "version-2"),
		TickMs: c.TickMs, MaxClientCnxns: c.MaxClientCnxns,
		MinSessionTimeoutMs: c.MinSessionTimeoutMs, MaxSessionTimeoutMs: c.MaxSessionTimeoutMs,
		ListenBacklog: c.ListenBacklog, ServerID: max(0, s.serverID()),
	}
}

// serverID is what conf says: 0 of a server alone.
func (s *source) serverID() int64 {
	if s.cfg.Distributed() {
		return s.cfg.MyID
	}
	return 0
}

func (s *source) Conns() []cnxn.Info { return s.conns.Conns() }

// Sizes counts a directory that cannot be read as 0.
func (s *source) Sizes() (dataDir, logDir int64) {
	dataDir, logDir, err := s.store.Sizes()
	if err != nil {
		s.log.Warn("measure the data directories", "error", err)
	}
	return dataDir, logDir
}

func (s *source) Expiries() []admin.Expiry {
	list, _ := s.expiries(func() ([]session.Bucket, bool) { return s.rep.Expiries(), true })
	return list
}

func (s *source) LocalExpiries() ([]admin.Expiry, bool) { return s.expiries(s.rep.LocalExpiries) }

// expiries asks the pipeline, which owns the sessions.
func (s *source) expiries(ask func() ([]session.Bucket, bool)) ([]admin.Expiry, bool) {
	answer := make(chan []session.Bucket, 1)
	var at replica.Now
	var ok bool
	s.pipe.do(func(now replica.Now) {
		var list []session.Bucket
		at = now
		list, ok = ask()
		answer <- list
	})
	var buckets []session.Bucket
	select {
	case buckets = <-answer:
	case <-s.done:
		return nil, false
	case <-s.quit:
		return nil, false
	}
	list := make([]admin.Expiry, 0, len(buckets))
	for _, b := range buckets {
		list = append(list, admin.Expiry{At: time.UnixMilli(at.WallMs + b.At - at.MonoMs), Sessions: b.Sessions})
	}
	return list, ok
}

// Sessions are those of the tree, which all servers of an ensemble have.
func (s *source) Sessions() []admin.Session {
	state := s.rep.State()
	state.RLock()
	defer state.RUnlock()
	t := state.Tree()
	var list []admin.Session
	for _, id := range t.Sessions() {
		timeoutMs, _ := t.SessionTimeout(id)
		list = append(list, admin.Session{ID: id, TimeoutMs: timeoutMs})
	}
	return list
}

// Ephemerals takes the lock anew for each session: there may be many.
func (s *source) Ephemerals() map[protocol.SessionID][]string {
	state := s.rep.State()
	state.RLock()
	owners := state.Tree().EphemeralOwners()
	state.RUnlock()
	m := make(map[protocol.SessionID][]string, len(owners))
	for _, id := range owners {
		state.RLock()
		paths := state.Tree().Ephemerals(id)
		state.RUnlock()
		if len(paths) > 0 { // it has not ended meanwhile
			m[id] = paths
		}
	}
	return m
}

// Watches holds the locks for a small part of the tables at a time.
func (s *source) Watches() *watch.Listing {
	const step = 4096
	l := new(watch.Listing)
	for more := true; more; {
		s.rep.State().Watches(func(t *watch.Tables) { more = l.Collect(t, step) })
	}
	return l
}

// Digests are those of every 128th zxid, as the tree keeps them.
func (s *source) Digests() []admin.Digest {
	state := s.rep.State()
	state.RLock()
	defer state.RUnlock()
	log := state.Tree().DigestLog()
	list := make([]admin.Digest, 0, len(log))
	for _, d := range log {
		list = append(list, admin.Digest{Zxid: d.Zxid, Digest: d.Digest})
	}
	return list
}

func (s *source) ResetServer()         { s.conns.Totals().Reset() }
func (s *source) ResetConns()          { s.conns.ResetConns() }
func (s *source) TraceMask() int64     { return s.traceMask.Load() }
func (s *source) SetTraceMask(m int64) { s.traceMask.Store(m) }

// port is the port that was bound, which differs from the configured one when
// that is 0.
func port(addr net.Addr, configured int) int {
	if a, ok := addr.(*net.TCPAddr); ok {
		return a.Port
	}
	return configured
}
