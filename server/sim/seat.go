package sim

import (
	"io"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/election"
	"zookit/server/peer"
	"zookit/server/replica"
	"zookit/server/zab"
)

// seat is one run of a process as a member of the ensemble: the connections of
// both ports between the servers, and the order that is with the disk. It does
// what package server's members does, and what it can by the same code
// (replica.Recover, Ready.CarryOut, Disk.Carry, zab.Message.Range).
type seat struct {
	p    *process
	role replica.Role
	cast int                    // the server that this one has voted for in quarantine, in this election
	up   *peerLink              // to the leader, while learning
	down map[zab.Conn]*peerLink // to the learners, while leading
	next zab.Conn

	arrivals []func(replica.Now)
	writes   []write
	writing  bool
	disk     replica.Disk
}

// initLimit is that of all servers, in ticks.
const initLimit = 10

// write is work for the disk, one after the other.
type write struct {
	roll  bool
	order *zab.Order
	link  *peerLink
}

func (s *seat) config() *replica.Ensemble {
	e, o := s.p.w.ensemble, &s.p.w.plan.Options
	return &replica.Ensemble{
		ID: int64(s.p.id), Observer: s.p.id > o.Voters, Verifier: e.verifier, ConfigText: e.text,
		Timing:        zab.Timing{TickMs: int64(o.TickMs), InitLimit: initLimit, SyncLimit: 5},
		Batching:      zab.Batching{MaxBatchEntries: o.MaxBatch},
		RecentEntries: o.Recent, MaxNotificationMs: 2000, ForceSnapshot: o.ForceSnapshot,
		HostObservers: o.Hosting,
		LocalSessions: o.Local != GlobalSessions, LocalUpgrading: o.Local == UpgradedSessions,
	}
}

// arrive queues an event for the replica, which takes it before requests.
func (s *seat) arrive(f func(replica.Now)) {
	s.arrivals = append(s.arrivals, f)
	s.p.wake()
}

// peerEvent queues what a connection of a term says.
func (s *seat) peerEvent(term int64, ev zab.Event) {
	s.arrive(func(now replica.Now) {
		if s.role.Term == term {
			s.p.rep.PeerEvent(now, ev)
		}
	})
}

func (s *seat) step(now replica.Now) {
	list := s.arrivals
	s.arrivals = nil
	for _, f := range list {
		f(now)
	}
}

// Become begins or ends what a role needs.
func (s *seat) Become(role replica.Role) {
	p, was := s.p, s.role
	s.role = role
	if role.Term != was.Term {
		s.hangUp()
		if role.Why != nil {
			p.w.tracef("%v no longer %v: %v", p, was.State, role.Why)
			p.w.reached("role ended: " + role.Why.Reason.String())
		}
		switch role.State {
		case quorum.Leading:
			p.w.tracef("%v leads", p)
			s.down = map[zab.Conn]*peerLink{}
			s.next = zab.Conn(role.Term) << 32
		case quorum.Following, quorum.Observing:
			p.w.tracef("%v %v s%d", p, role.State, role.Leader)
			s.dial(role)
		}
	}
	if s.hosts(role) && s.down == nil {
		s.down = map[zab.Conn]*peerLink{}
		s.next = zab.Conn(role.Term) << 32
	}
	if role.Serving != was.Serving {
		p.serving, p.servedAt = role.Serving, p.w.now
		if !role.Serving {
			p.dropClients()
		}
	}
	if role.Serving {
		p.servesAgain()
		p.w.tracef("%v serves, %v, epoch %d, zxid %v", p, role.State, role.Epoch, p.rep.State().Zxid())
	}
}

// dial tries until there is a connection or the role has ended.
func (s *seat) dial(role replica.Role) {
	p, w := s.p, s.p.w
	p.do(w.between(200, 10*millisecond), func() {
		if s.role.Term != role.Term {
			return
		}
		leader := s.master(role)
		if !leader.up || !leader.seat.lets(p, role) || !w.ensemble.reachable(p, leader) {
			p.do(w.between(50*millisecond, 100*millisecond), func() { s.dial(role) })
			return
		}
		s.up = newPeerLink(leader, p, role.Term)
		s.peerEvent(role.Term, zab.Connected{Conn: zab.Conn(role.Term)})
	})
}

// hangUp ends the connections of a role at once.
func (s *seat) hangUp() {
	if s.up != nil {
		s.up.close(s.p)
	}
	for _, l := range s.links() {
		l.close(s.p)
	}
	s.up, s.down = nil, nil
}

func (s *seat) links() []*peerLink {
	list := make([]*peerLink, 0, len(s.down))
	for _, c := range sortedKeys(s.down) {
		list = append(list, s.down[c])
	}
	return list
}

// gone is the end of the process, or of the power of its machine.
func (s *seat) gone(unplugged bool) {
	for _, l := range append(s.links(), s.up) {
		if l == nil {
			continue
		}
		if unplugged {
			l.vanish(s.p)
		} else {
			l.close(s.p)
		}
	}
	s.up, s.down = nil, nil
	s.p.w.ensemble.endVotes(s.p)
}

// NoteElection and NotePeer trace what the cores say.
func (s *seat) NoteElection(n *election.Note) {
	if n.What == "looking" {
		s.cast = 0
	}
	if n.Reason == election.ReasonCast {
		s.cast = int(n.Vote.Leader)
		s.p.w.reached("a vote is cast in quarantine")
	}
	if s.p.w.trace != nil && s.p.w.plan.Options.Notes {
		s.p.w.tracef("%v election: %+v", s.p, *n)
	}
}

func (s *seat) NotePeer(n *zab.Note) {
	s.p.w.reached("zab: " + n.Text)
	s.p.w.tracef("%v zab: %s sid %d %v epoch %d %s", s.p, n.Text, n.Sid, n.Zxid, n.Epoch, n.Why)
}

func (s *seat) Vote(m election.Message) { s.p.w.ensemble.vote(s.p, m) }

func (s *seat) Send(m *zab.Message) {
	switch {
	case m.To == 0:
		if s.up != nil {
			s.up.send(s.p, outgoing{Message: *m})
		}
	case m.Kind == zab.SnapshotStream:
		src, _ := s.p.rep.BeginSnapshot()
		o := outgoing{Message: *m, snapshot: src}
		if l := s.down[m.To]; l != nil {
			l.send(s.p, o)
		} else {
			o.drop()
		}
	default:
		if l := s.down[m.To]; l != nil {
			l.send(s.p, outgoing{Message: *m})
		}
	}
}

// Finish closes a connection behind what was sent on it.
func (s *seat) Finish(c zab.Closing) {
	l := s.down[c.Conn]
	if c.Conn == zab.Conn(s.role.Term) {
		l = s.up
	}
	if l != nil {
		s.p.w.tracef("%v closes %v: %s", s.p, l, c.Why)
		l.finish(s.p)
	}
}

// LookUp asks the log on disk where a learner stands.
func (s *seat) LookUp(l zab.LookUp) {
	term := s.role.Term
	s.p.do(s.p.w.between(50, 5*millisecond), func() {
		floor, found, err := s.p.store.Locate(l.Zxid, s.p.w.plan.Options.SnapshotFactor)
		s.peerEvent(term, zab.Located{Conn: l.Conn, Zxid: l.Zxid, Found: found && err == nil, Floor: floor})
	})
}

// Write gives work to the disk.
func (s *seat) Write(o *zab.Order, roll bool) {
	j := write{roll: roll, link: s.up}
	if o != nil {
		order := *o
		j.order = &order
	}
	s.writes = append(s.writes, j)
	s.nextWrite()
}

func (s *seat) nextWrite() {
	if s.writing || len(s.writes) == 0 {
		return
	}
	s.writing = true
	j := s.writes[0]
	s.writes = s.writes[1:]
	wait := s.p.w.between(0, 200)
	if s.p.w.now < s.p.slowDisk {
		wait += s.p.w.between(0, 2*second)
	}
	s.p.do(wait, func() { s.write(j) })
}

// write does one piece of work, as one step of the world.
func (s *seat) write(j write) {
	p := s.p
	if j.roll {
		p.w.reached("log rolled")
		err := p.store.Roll()
		if p.disk.dead {
			p.powerCut()
			return
		}
		if err != nil {
			p.failed(err)
			return
		}
	}
	if j.order == nil {
		s.written(0, func(replica.Now) {})
		return
	}
	o := *j.order
	if o.Kind == zab.InstallSnapshot || o.Kind == zab.Truncate {
		s.replaceHistory(o, j.link)
		return
	}
	done := s.disk.Carry(p.rep, o, nil)
	if p.disk.dead {
		p.powerCut()
		return
	}
	s.traceDone(o)
	s.written(p.w.between(50, 3*millisecond), done)
}

func (s *seat) traceDone(o zab.Order) {
	if s.p.store.Err() == nil {
		s.p.w.tracef("%v did %v", s.p, &o)
	}
}

// replaceHistory does an order that the storage does not do beside a snapshot or
// a purge: it comes behind those in the background, in virtual time. But for the
// bytes of a snapshot, which come as they come, it is one step of the world.
func (s *seat) replaceHistory(o zab.Order, l *peerLink) {
	p := s.p
	if p.running {
		p.w.reached("zab: " + o.Kind.String() + " waits for a snapshot or a purge")
	}
	var done func(replica.Now)
	p.background(job{calm: true, run: func(*fiber) error {
		p.w.ledger.before(p, o)
		done = s.disk.Carry(p.rep, o, func(zxid protocol.Zxid) error { return s.install(zxid, l) })
		return nil
	}, done: func(error) {
		s.traceDone(o)
		s.written(p.w.between(50, 3*millisecond), done)
	}})
}

func (s *seat) written(took int64, done func(replica.Now)) {
	s.p.do(took, func() {
		s.writing = false
		done(s.p.clock())
		s.p.w.ledger.look(s.p)
		s.nextWrite()
		s.p.pump()
	})
}

// install takes a snapshot off its connection, as its bytes come.
func (s *seat) install(zxid protocol.Zxid, l *peerLink) error {
	if l == nil {
		return io.ErrClosedPipe
	}
	s.p.w.reached("snapshot from the leader")
	err := s.p.store.InstallSnapshot(zxid, &streamReader{l, s.p.disk}, peer.SnapshotEnd)
	if err == nil {
		l.streamed()
	}
	return err
}

// streamReader reads what has come of a snapshot.
type streamReader struct {
	l *peerLink
	d *disk
}

func (r *streamReader) Read(b []byte) (int, error) {
	for len(r.l.stream) == 0 {
		if r.l.over[toLearner] || r.d.dead {
			return 0, io.ErrUnexpectedEOF
		}
		r.d.yield()
	}
	n := copy(b, r.l.stream)
	r.l.stream = r.l.stream[n:]
	return n, nil
}
