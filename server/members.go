package server

import (
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/config"
	"zookit/server/election"
	"zookit/server/peer"
	"zookit/server/replica"
	"zookit/server/storage"
	"zookit/server/zab"
)

// members is what the pipeline of one of several servers has beside that of a
// server alone: the connections of both ports between the servers, and the work
// a role gives to the disk. Its methods run on the pipeline's goroutine but for
// those that say otherwise.
//
//	election port ──votes──▶ pipeline ◀──packets── quorum port
//	                           │  ▲
//	                       order  answer
//	                           ▼  │
//	                          syncer
type members struct {
	p     *pipeline
	cfg   *config.Config
	rep   *replica.Replica
	store *storage.Store
	log   *slog.Logger
	guard *peer.Security
	// proposed is the configuration on its way, for any goroutine; nil: none.
	proposed atomic.Pointer[quorum.Config]
	serving  func(bool)            // clients are let in, or sent away
	readers  func(bool)            // clients that only read are
	clients  func(was, now string) // the client part of this server's line has changed
	standing

	elections *peer.Connections
	learners  *peer.Learners   // while leading
	hosted    *peer.Learners   // observers, while following with observerMasterPort
	masters   masters          // of an observer with observerMasterPort
	leader    *peer.LeaderLink // while following or observing
	term      int64
	owed      []arrival // processed, but the connection is not read on yet
	job       syncJob   // of the Ready that is being carried out

	tally *tally
	role  atomic.Pointer[replica.Role]
	began atomic.Int64 // Unix ms of the last Serving
	// masterID is the follower that this observer is connected to; 0: none, the
	// leader is its master.
	masterID atomic.Int64
	quit     chan struct{}
	work     sync.WaitGroup
	once     sync.Once

	mu       sync.Mutex
	arrivals []arrival // handled before requests, and always
	taken    []arrival

	disk replica.Disk // of whoever writes: the syncer, or the pipeline while the syncer has nothing
}

// arrival is an event from the ports or the disk.
type arrival struct {
	term  int64 // of the connection it came by; 0: of the disk
	in    *peer.Inbox
	event zab.Event
	vote  election.Event
	done  chan<- struct{} // of a vote
}

func (m *members) start() {
	m.quit = make(chan struct{})
	m.work.Go(m.votes)
}

// stop ends the connections and waits. It is called when the pipeline's
// goroutine has ended, or by it.
func (m *members) stop() {
	m.once.Do(func() { close(m.quit) })
	m.elections.Close()
	m.hangUp()
	m.work.Wait()
}

// hangUp ends the connections of the last role.
func (m *members) hangUp() {
	if m.learners != nil {
		m.learners.Close()
		m.learners = nil
	}
	if m.hosted != nil {
		m.hosted.Close()
		m.hosted = nil
	}
	if m.leader != nil {
		m.leader.Close()
		m.leader = nil
	}
	m.masterID.Store(0)
	m.owed = nil
	m.tally.reset()
}

// votes hands on what comes by the election port, one at a time: the
// connections wait meanwhile. It has a goroutine of its own.
func (m *members) votes() {
	done := make(chan struct{}, 1)
	for {
		select {
		case ev := <-m.elections.Events():
			m.arrive(arrival{vote: ev, done: done})
		case <-m.quit:
			return
		}
		select {
		case <-done:
		case <-m.quit:
			return
		}
	}
}

// arrive queues an event, from any goroutine. A connection that has more to
// read goes on reading: what comes together is one batch.
func (m *members) arrive(a arrival) {
	m.mu.Lock()
	m.arrivals = append(m.arrivals, a)
	m.mu.Unlock()
	if a.in != nil && a.in.More() {
		m.p.nudge()
	} else {
		m.p.visit()
	}
}

// deliver is what the connections of a term call.
func (m *members) deliver(term int64) func(*peer.Inbox, zab.Event) {
	return func(in *peer.Inbox, ev zab.Event) { m.arrive(arrival{term: term, in: in, event: ev}) }
}

// idle tells that nothing has arrived since the last step.
func (m *members) idle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.arrivals) == 0
}

// step gives the replica everything that has arrived.
func (m *members) step() {
	m.mu.Lock()
	m.taken, m.arrivals = m.arrivals, m.taken[:0]
	m.mu.Unlock()
	if len(m.taken) == 0 {
		return
	}
	now := m.p.now()
	for i := range m.taken {
		a := &m.taken[i]
		switch {
		case a.vote != nil:
			m.rep.ElectionEvent(now, a.vote)
			a.done <- struct{}{}
		case a.term == 0:
			m.rep.PeerEvent(now, a.event)
		case a.term == m.term:
			if m.learners != nil || m.hosted != nil {
				m.tally.heard(a.event)
			}
			m.rep.PeerEvent(now, a.event)
			m.release(*a)
		}
	}
	clear(m.taken)
}

// release lets the connection of an event be read on, once the replica takes in
// more.
func (m *members) release(a arrival) {
	if !m.rep.PeerAccepting() {
		m.owed = append(m.owed, a)
		return
	}
	m.settleOwed()
	a.in.Release(a.event)
}

func (m *members) settleOwed() {
	if len(m.owed) == 0 || !m.rep.PeerAccepting() {
		return
	}
	for _, o := range m.owed {
		o.in.Release(o.event)
	}
	m.owed = m.owed[:0]
}

// flush sends what was queued for the other servers.
func (m *members) flush() {
	if m.learners != nil {
		m.learners.Flush()
	}
	if m.hosted != nil {
		m.hosted.Flush()
	}
	if m.leader != nil {
		m.leader.Flush()
	}
}

// carriedOut follows a Ready that was carried out. It returns what is to be
// written, behind the messages that may go before.
func (m *members) carriedOut() (job syncJob) {
	m.flush()
	if m.learners != nil {
		m.tally.pendingSyncs.Store(int64(m.rep.PendingSyncs()))
	}
	m.settleOwed()
	job, m.job = m.job, syncJob{}
	return job
}

// The methods that follow make members a replica.PeerDriver.

func (m *members) NoteElection(n *election.Note) { peer.LogNote(m.log, n) }

func (m *members) Vote(v election.Message) { m.elections.Send(v) }

// Finish closes a connection behind what was sent on it.
func (m *members) Finish(c zab.Closing) {
	if l := m.learnersOf(c.Conn); l != nil {
		l.End(c)
		return
	}
	if m.leader != nil {
		m.leader.Finish()
	}
}

// Write prepares work for the disk; carriedOut returns it.
func (m *members) Write(o *zab.Order, roll bool) {
	m.job = syncJob{roll: roll}
	if o == nil {
		return
	}
	order, link, term := *o, m.leader, m.term
	m.job.few = o.Kind == zab.Append && len(o.Batch) <= fewWrites && !roll
	m.job.order = func() (func(replica.Now), bool) { return m.carry(order, link, term) }
	if m.learners != nil {
		m.tally.proposed(o.Batch)
	}
}

// LookUp asks the log on disk where a learner stands.
func (m *members) LookUp(l zab.LookUp) {
	term := m.term
	m.work.Go(func() { m.lookUp(l, term) })
}

func (m *members) Send(msg *zab.Message) {
	learners := m.learnersOf(msg.To)
	switch {
	case learners != nil && msg.Kind == zab.SnapshotStream:
		src, _ := m.rep.BeginSnapshot()
		learners.Send(*msg, &snapshotStream{src})
	case learners != nil:
		m.tally.said(msg)
		learners.Send(*msg, nil)
	case m.leader != nil:
		m.leader.Send(*msg)
	}
}

// Become begins or ends what a role needs.
func (m *members) Become(role replica.Role) {
	was := m.role.Load()
	if role.Term != m.term {
		m.hangUp()
		m.term = role.Term
		if role.Why != nil {
			m.log.Warn("no longer serving the ensemble", "was", was.State.String(), "reason", role.Why.Reason.String(), "detail", role.Why.Detail)
		}
		switch role.State {
		case quorum.Leading:
			m.listen(role.Term)
		case quorum.Following, quorum.Observing:
			if !m.dialMaster(role) {
				m.dial(role)
			}
		}
	}
	if role.Serving && role.State == quorum.Following && m.hosted == nil && len(m.cfg.ListenObservers(m.self)) > 0 {
		m.host(role.Term)
	}
	if role.Serving {
		m.masters.failed = 0
	}
	m.role.Store(&role)
	if role.ReadOnly != was.ReadOnly {
		m.readers(role.ReadOnly)
		if role.ReadOnly {
			m.log.Warn("read-only: there is no leader, so only clients that asked for no more than to read are served", "zxid", m.rep.State().Zxid())
		}
	}
	if role.Serving != was.Serving {
		m.began.Store(time.Now().UnixMilli())
		m.serving(role.Serving)
	}
	if role.Serving {
		m.log.Info("serving the ensemble", "role", role.State.String(), "leader", role.Leader, "epoch", role.Epoch, "zxid", m.rep.State().Zxid())
	}
}

func (m *members) quorumConfig(term int64) peer.QuorumConfig {
	e := &m.cfg.Ensemble
	tick := time.Duration(m.cfg.TickMs) * time.Millisecond
	connectLimit := e.ConnectLimit
	if connectLimit <= 0 {
		connectLimit = e.InitLimit
	}
	return peer.QuorumConfig{
		Deliver:   m.deliver(term),
		Log:       m.store.ReadRange,
		Timeout:   tick * time.Duration(e.InitLimit+e.SyncLimit),
		MaxPacket: m.cfg.MaxBuffer + m.cfg.MaxBufferExtra,
		NoDelay:   e.FollowerNoDelay,
		KeepAlive: e.TCPKeepAlive,
		DialTime:  tick * time.Duration(connectLimit),
		DialPause: time.Duration(e.ConnectRetryMs) * time.Millisecond,
		Logger:    m.log,
		Security:  m.guard,
		Hosts:     m.hosts,
	}
}

// hosts are those of a server line, also for the id outside the configuration
// that a server in quarantine joins under; none for an id without a line. It is
// called from any goroutine.
func (m *members) hosts(sid int64) (list []string) {
	if of, outside := quorum.OutsideOf(sid); outside {
		sid = of
	}
	for _, c := range []*quorum.Config{m.view.Load(), m.proposed.Load()} {
		if c == nil {
			continue
		}
		member, _ := c.Member(sid)
		for _, a := range member.Addresses {
			list = append(list, a.Host)
		}
	}
	return list
}

// listenPause is the wait before the quorum port is tried again, which the last
// leader on this machine may not have given up yet.
const listenPause = 100 * time.Millisecond

// listen lets learners in.
func (m *members) listen(term int64) {
	addresses, _ := m.cfg.ListenAs(m.self)
	listeners, err := peer.ListenQuorum(addresses, m.cfg.Ensemble.TCPKeepAlive)
	if err != nil {
		m.log.Error("the quorum port cannot be opened; trying again", "error", err)
		time.AfterFunc(listenPause, func() {
			m.p.do(func(replica.Now) {
				if m.term == term && m.learners == nil {
					m.listen(term)
				}
			})
		})
		return
	}
	c := m.quorumConfig(term)
	c.FirstConn = zab.Conn(term) << 32
	c.NoDelay = m.cfg.Ensemble.LeaderNoDelay
	m.learners = peer.NewLearners(c, listeners...)
}

// dial begins to connect to the leader.
func (m *members) dial(role replica.Role) {
	member, known := m.member(role.Leader)
	if !known {
		m.log.Warn("the leader is not in the configuration of this server: add its server line", "leader", role.Leader)
		return
	}
	var addresses []string
	for _, a := range member.Addresses {
		addresses = append(addresses, a.Quorum())
	}
	m.leader = peer.DialLeader(m.quorumConfig(role.Term), zab.Conn(role.Term), addresses)
}

// lookUp asks the log on disk where a learner stands.
func (m *members) lookUp(l zab.LookUp, term int64) {
	floor, found, err := m.store.Locate(l.Zxid, m.cfg.Ensemble.SnapshotSizeFactor)
	if err != nil {
		m.log.Warn("the txn logs cannot be searched for a learner: it is sent a snapshot", "zxid", l.Zxid, "error", err)
	}
	m.arrive(arrival{term: term, in: noInbox, event: zab.Located{Conn: l.Conn, Zxid: l.Zxid, Found: found && err == nil, Floor: floor}})
}

// noInbox stands for the inbox of an event that is no packet.
var noInbox = new(peer.Inbox)

// carry does an order on the goroutine that writes, and returns what is to be
// done then.
func (m *members) carry(o zab.Order, link *peer.LeaderLink, term int64) (after func(replica.Now), appended bool) {
	after = m.disk.Carry(m.rep, o, func(zxid protocol.Zxid) error { return m.install(zxid, link, term) })
	return after, o.Kind == zab.Append
}

// install takes the leader's snapshot off its connection.
func (m *members) install(zxid protocol.Zxid, link *peer.LeaderLink, term int64) error {
	if link == nil {
		return net.ErrClosed
	}
	return link.ReadSnapshot(
		func() { m.arrive(arrival{term: term, in: noInbox, event: zab.StreamProgress{Conn: zab.Conn(term)}}) },
		func(in io.Reader) error { return m.store.InstallSnapshot(zxid, in, peer.SnapshotEnd) })
}

// reread logs that the history was read anew.
func (m *members) reread(got storage.Recovered) {
	m.log.Info("read anew", "zxid", got.LastZxid, "snapshot", got.SnapshotZxid, "txns", got.Txns)
}

// snapshotStream is a snapshot for a learner.
type snapshotStream struct{ src storage.Source }

func (s *snapshotStream) Send(w io.Writer) error {
	return storage.WriteSnapshotStream(w, s.src, peer.SnapshotEnd)
}

// Close ends one that was not sent: it is written to nowhere, as far as the
// first piece.
func (s *snapshotStream) Close() { _ = s.Send(nowhere{}) }

type nowhere struct{}

func (nowhere) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func (m *members) NotePeer(n *zab.Note) {
	args := make([]any, 0, 8)
	if n.Sid != 0 {
		args = append(args, "sid", n.Sid)
	}
	if n.Zxid != 0 {
		args = append(args, "zxid", n.Zxid)
	}
	if n.Epoch != 0 {
		args = append(args, "epoch", n.Epoch)
	}
	if n.Why != "" {
		args = append(args, "why", n.Why)
	}
	m.log.Info(n.Text, args...)
}
