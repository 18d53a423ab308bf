package server

import (
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"zookit/protocol/quorum"
	"zookit/server/peer"
	"zookit/server/replica"
	"zookit/server/zab"
)

// masters is the order in which an observer tries those who may serve it
// (observerMasterPort): the followers one after the other, in an order of its
// own so that observers spread, and once all have failed the leader itself.
//
// Differs from Apache: the leader is never among them there, so an observer
// whose voters do not serve observers never joins; and the leader's address is
// tried like a follower's, which nobody answers.
type masters struct {
	of     *quorum.Config  // the configuration they are of
	order  []quorum.Member // voters
	next   int
	failed int // in a row
}

// follow takes up the configuration in force.
func (m *masters) follow(servers *quorum.Config) {
	if m.of == servers {
		return
	}
	*m = masters{of: servers}
	for _, s := range servers.Members {
		if !s.Observer {
			m.order = append(m.order, s)
		}
	}
	rand.Shuffle(len(m.order), func(i, j int) { m.order[i], m.order[j] = m.order[j], m.order[i] })
}

// choose is the next one to try while leader leads; false when it is the
// leader's turn.
func (m *masters) choose(leader int64) (quorum.Member, bool) {
	followers := len(m.order) - 1
	if m.failed >= followers {
		m.failed = 0
		return quorum.Member{}, false
	}
	for {
		s := m.order[m.next%len(m.order)]
		m.next++
		if s.ID != leader {
			m.failed++ // until the observer serves
			return s, true
		}
	}
}

// dialMaster begins to connect to a follower that serves observers. It is false
// when the leader is to be dialed.
func (m *members) dialMaster(role replica.Role) bool {
	if role.State != quorum.Observing || !m.self.Observer || m.cfg.Ensemble.ObserverMasterPort <= 0 {
		return false
	}
	m.masters.follow(m.view.Load())
	s, ok := m.masters.choose(role.Leader)
	if !ok {
		m.log.Warn("no follower serves this observer: trying the leader; set observerMasterPort on every server", "leader", role.Leader)
		return false
	}
	var addresses []string
	for _, a := range s.Addresses {
		addresses = append(addresses, net.JoinHostPort(a.Host, strconv.Itoa(m.cfg.Ensemble.ObserverMasterPort)))
	}
	m.masterID.Store(s.ID)
	m.log.Info("observing by way of a follower", "follower", s.ID, "leader", role.Leader)
	m.leader = peer.DialLeader(m.quorumConfig(role.Term), zab.Conn(role.Term), addresses)
	return true
}

// host lets observers in, on every address of the quorum port.
func (m *members) host(term int64) {
	listeners, err := peer.ListenQuorum(m.cfg.ListenObservers(m.self), m.cfg.Ensemble.TCPKeepAlive)
	if err != nil {
		m.log.Error("observerMasterPort cannot be opened; trying again", "error", err)
		time.AfterFunc(listenPause, func() {
			m.p.do(func(replica.Now) {
				if m.term == term && m.hosted == nil {
					m.host(term)
				}
			})
		})
		return
	}
	c := m.quorumConfig(term)
	c.FirstConn = zab.Conn(term) << 32
	c.NoDelay = m.cfg.Ensemble.LeaderNoDelay
	m.hosted = peer.NewLearners(c, listeners...)
}

// learnersOf is where messages to a connection go: the learners of a leader,
// or the observers of a follower. nil: it is the connection to the leader.
func (m *members) learnersOf(c zab.Conn) *peer.Learners {
	if m.hosted != nil && c != 0 && c != zab.Conn(m.term) {
		return m.hosted
	}
	return m.learners
}
