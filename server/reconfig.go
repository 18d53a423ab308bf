package server

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"zookit/protocol/quorum"
	"zookit/server/config"
	"zookit/server/peer"
	"zookit/server/replica"
)

// standing is where this server and the others are reached: the configuration
// in force, and what of it belongs to this server. The pipeline writes it.
type standing struct {
	view atomic.Pointer[quorum.Config]
	next *quorum.Config // proposed and not known to be in force; nil: none
	self quorum.Member  // its last server line, should it be in none any more

	// The number of the last attempt to open another port: an older one gives up.
	electionMoves, clientMoves atomic.Int64

	kept *keptConfig // nil without a zoo.cfg
	// joined: this server has been a member under a version. Until then it keeps
	// the lines it was configured with, to join with them again. Differs from
	// Apache: there a server that was stopped while it waited to be added does not
	// start any more, for its files say that it is no member.
	joined bool
}

// reconfigurable begins what a changing ensemble needs: the copy of zoo.cfg from
// before its first change.
func (s *Server) reconfigurable(m *members) {
	c := &s.cfg
	m.view.Store(&c.Ensemble.Servers)
	m.self, _ = c.Self()
	m.joined = c.Ensemble.Servers.Version != 0
	if !c.Ensemble.ReconfigEnabled || c.File == "" {
		return
	}
	m.kept = &keptConfig{files: config.Files{FS: s.opt.fs, File: c.File}, log: s.log}
	if c.Ensemble.DynamicFile == "" {
		if err := m.kept.files.Backup(c.Text); err != nil {
			s.log.Warn("zoo.cfg cannot be copied before its first change", "file", c.File+".bak", "error", err)
		}
	}
}

// Reconfigure follows the configuration: the addresses of the others, this
// server's own ports, and the files.
func (m *members) Reconfigure(view, next *quorum.View) {
	if view != nil {
		m.view.Store(view.Config)
		if m.next != nil && m.next.Version <= view.Version {
			m.next = nil
		}
	}
	if next != nil && next.Version > m.view.Load().Version {
		m.next = next.Config
	}
	m.review()
	was := m.self
	if self, known := m.view.Load().Member(was.ID); known {
		m.self = self
		m.joined = m.joined || view != nil
	}
	m.elections.Reconfigure(m.view.Load(), m.next)
	if !sameElection(was, m.self) {
		m.rebindElection(m.self)
	}
	if was.Client != m.self.Client {
		m.clients(was.Client, m.self.Client)
	}
	if m.kept != nil && m.joined {
		m.kept.take(view, next, m.self.Client != "")
		m.work.Go(m.kept.write)
	}
}

// member is a server of the configuration in force, or of the one proposed.
func (m *members) member(sid int64) (quorum.Member, bool) {
	x, known := m.view.Load().Member(sid)
	if !known && m.next != nil {
		return m.next.Member(sid)
	}
	return x, known
}

// voter tells whether a server is a voter of the configuration in force.
func (m *members) voter(sid int64) bool {
	x, known := m.view.Load().Member(sid)
	return known && !x.Observer
}

func sameElection(a, b quorum.Member) bool {
	if len(a.Addresses) != len(b.Addresses) {
		return false
	}
	for i := range a.Addresses {
		if a.Addresses[i].Election() != b.Addresses[i].Election() {
			return false
		}
	}
	return true
}

// rebindPause is the wait before a port is tried again that the configuration
// gives to this server and something else has.
const rebindPause = time.Second

// rebind tries until it has opened what the configuration says, or another
// configuration has come.
func (m *members) rebind(what string, moves *atomic.Int64, open func() error) {
	attempt := moves.Add(1)
	m.work.Go(func() {
		for {
			err := open()
			if err == nil {
				return
			}
			m.log.Error("a port of the new configuration cannot be opened; trying again: free it, or change the server line with reconfig", "port", what, "error", err)
			select {
			case <-time.After(rebindPause):
			case <-m.quit:
				return
			}
			if moves.Load() != attempt {
				return
			}
		}
	})
}

// rebindElection moves the election port.
func (m *members) rebindElection(self quorum.Member) {
	e := &m.cfg.Ensemble
	m.rebind("election", &m.electionMoves, func() error {
		listeners, err := peer.ListenElection(self, e.ListenOnAllIPs, e.TCPKeepAlive)
		if err == nil {
			m.elections.Rebind(self, listeners)
			m.log.Info("the election port has moved", "addresses", listeners[0].Addr().String())
		}
		return err
	})
}

// moveClients moves the client port to where the server line has it. Without one
// there it is closed, if the line before had one; that of zoo.cfg stays.
func (s *Server) moveClients(was, now string) {
	m := s.pipe.members
	m.clientMoves.Add(1)
	if now == "" {
		s.log.Warn("the server line has no client port any more: it is closed", "was", was)
		s.conns.Rebind(nil)
		return
	}
	host, port, ok := config.SplitClient(now)
	if !ok {
		s.log.Error("the client address of the server line cannot be read; the client port stays", "address", now)
		return
	}
	if at, _ := s.Addr().(*net.TCPAddr); sameClient(at, host, port) {
		return
	}
	m.rebind("client", &m.clientMoves, func() error {
		ln, err := s.listenAt(host, port)
		if err != nil {
			return err
		}
		s.addr.Store(&address{ln.Addr()})
		s.conns.Rebind(ln)
		s.log.Info("the client port has moved", "address", ln.Addr().String())
		return nil
	})
}

// sameClient tells whether a server line means where clients are served already.
func sameClient(at *net.TCPAddr, host string, port int) bool {
	if at == nil || at.Port != port {
		return false
	}
	ip := net.ParseIP(host)
	return at.IP.IsUnspecified() && (ip == nil || ip.IsUnspecified()) || at.IP.Equal(ip)
}

// listenAt opens a client port.
func (s *Server) listenAt(host string, port int) (*net.TCPListener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	if s.cfg.ClientTCPKeepAlive {
		lc.KeepAlive = 0 // Go's default intervals
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	ln, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

// address is what Addr gives.
type address struct{ net.Addr }

// keptConfig writes configurations to files, one after the other and behind the
// pipeline: the log says all they do, and more surely.
type keptConfig struct {
	files config.Files
	log   *slog.Logger

	mu         sync.Mutex // of what is to be written
	view, next *quorum.View
	client     bool

	writing sync.Mutex
}

func (k *keptConfig) take(view, next *quorum.View, client bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if view != nil {
		k.view, k.client = view, client
	}
	if next != nil {
		k.next = next
	}
}

// write writes what has been taken and not written.
func (k *keptConfig) write() {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	view, next, client := k.view, k.next, k.client
	k.view, k.next = nil, nil
	k.mu.Unlock()
	if view != nil {
		if err := k.files.Save(view.Config, client); err != nil {
			k.log.Error("the new configuration cannot be written beside zoo.cfg: mend the cause and write its lines there, or this server begins with the one before and asks the others", "file", k.files.File, "error", err)
		}
	}
	if next != nil && (view == nil || next.Version > view.Version) {
		if err := k.files.SaveNext(next.Config); err != nil {
			k.log.Warn("the proposed configuration cannot be written beside zoo.cfg", "file", k.files.File, "error", err)
		}
	}
}

// currentEnsemble is the configuration in force.
func (s *Server) currentEnsemble() *quorum.Config {
	if m := s.pipe.members; m != nil {
		return m.view.Load()
	}
	return &s.cfg.Ensemble.Servers
}

var _ replica.PeerDriver = (*members)(nil)
