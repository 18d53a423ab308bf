package zab

import (
	"fmt"
	"slices"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/defect"
)

type learnerPhase int

const (
	learnerConnected learnerPhase = iota // FOLLOWERINFO or OBSERVERINFO is to come
	learnerKnown                         // waits for LEADERINFO
	learnerInformed                      // ACKEPOCH is to come
	learnerAccepted                      // waits for the synchronisation to begin
	learnerLocating                      // the log on disk is searched
	learnerWaiting                       // is sent a snapshot once the own log is as far as the commits
	learnerAhead                         // is ahead of this server: see Master
	learnerSyncing                       // registered for proposals; the ack of NEWLEADER is to come
	learnerReady                         // has the epoch and the leader's history on disk
)

var learnerPhaseNames = [...]string{"connected", "known", "informed", "accepted", "locating", "waiting for a snapshot", "waiting for its master", "syncing", "ready"}

func (p learnerPhase) String() string { return learnerPhaseNames[p] }

// learnerState is what a leader knows of one connection.
type learnerState struct {
	conn     Conn
	state    learnerPhase
	sid      int64
	observer bool
	follows  bool // a follower with a sid: it may be a voter, or become one

	sinceMs int64 // the state began
	heardMs int64 // the last packet came

	counted      bool          // its ACKEPOCH counts
	currentEpoch int64         // from ACKEPOCH
	lastZxid     protocol.Zxid // from ACKEPOCH
	snapshot     bool          // is sent one
	atLeast      protocol.Zxid // what was committed when its synchronisation began
	acked        protocol.Zxid // highest proposal acknowledged
	syncs        []protocol.Zxid

	// The oldest proposal waited for and the newest sent: an approximation of
	// the oldest unacknowledged one, as Apache's SyncLimitCheck makes it.
	watched, newest   protocol.Zxid
	watchMs, newestMs int64

	// Bytes of txns queued for it, and what it has surely read: by its acks, or
	// by the echo of a PING, which came behind them.
	queuedBytes, readBytes int64
	pings                  []sentPing
}

type sentPing struct {
	zxid   protocol.Zxid
	queued int64
}

func (f *learnerState) enter(p learnerPhase, nowMs int64) { f.state, f.sinceMs = p, nowMs }

func (f *learnerState) registered() bool { return f.state >= learnerSyncing }

func (l *Leader) connect(c Conn) {
	i, found := l.search(c)
	if found {
		l.broken("connection %d exists already", c)
		return
	}
	if len(l.learners) >= l.cfg.MaxConns {
		l.out.rd.Close = append(l.out.rd.Close, Closing{c, fmt.Sprintf("%d learners are connected, more are not allowed", len(l.learners))})
		return
	}
	l.learners = slices.Insert(l.learners, i, &learnerState{conn: c, sinceMs: l.nowMs, heardMs: l.nowMs})
}

// drop closes a connection.
func (l *Leader) drop(f *learnerState, format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	l.out.rd.Close = append(l.out.rd.Close, Closing{f.conn, why})
	l.out.note(Note{Text: "closing connection to learner", Sid: f.sid, Why: why})
	l.remove(f)
}

func (l *Leader) remove(f *learnerState) {
	i, found := l.search(f.conn)
	if !found {
		return
	}
	l.learners = slices.Delete(l.learners, i, i+1)
	if f.state == learnerReady {
		l.out.output(LearnerGone{f.conn, f.sid})
	}
}

// receive takes a learner's packet.
func (l *Leader) receive(f *learnerState, p *quorum.Packet) {
	f.heardMs = l.nowMs
	if f.state == learnerConnected {
		l.learnerInfo(f, p)
		return
	}
	switch p.Type {
	case quorum.AckEpoch:
		l.ackEpoch(f, p)
	case quorum.Ack:
		l.ack(f, p.Zxid)
	case quorum.Ping:
		l.pong(f, p)
	case quorum.Request:
		l.request(f, p)
	case quorum.Revalidate:
		l.revalidate(f, p)
	default:
		l.drop(f, "%v %v has no place here", p.Type, p.Zxid)
	}
}

// learnerInfo registers a learner and counts its acceptedEpoch.
func (l *Leader) learnerInfo(f *learnerState, p *quorum.Packet) {
	if p.Type != quorum.FollowerInfo && p.Type != quorum.ObserverInfo {
		l.drop(f, "the first packet is %v", p.Type)
		return
	}
	if l.master && p.Type != quorum.ObserverInfo {
		l.drop(f, "only observers are served on observerMasterPort, and it sent %v", p.Type)
		return
	}
	var info quorum.LearnerInfo
	d := jute.NewDecoder(p.Data)
	if err := info.Decode(d); err != nil {
		l.drop(f, "%v: %v", p.Type, err)
		return
	}
	f.sid = info.ServerID
	f.observer = p.Type == quorum.ObserverInfo
	accepted := p.Zxid.Epoch()
	switch {
	case f.sid == l.cfg.ID:
		l.drop(f, "a learner has this server's own id %d: two servers share a myid", f.sid)
		return
	case !info.HasProtocolVersion || info.ProtocolVersion < quorum.ProtocolVersion:
		l.drop(f, "protocol version 0x%x is older than 3.4's", info.ProtocolVersion)
		return
	case info.HasConfigVersion && info.ConfigVersion > l.configVersion():
		l.drop(f, "its configuration has version 0x%x, the leader's 0x%x", info.ConfigVersion, l.configVersion())
		return
	case l.retired:
		l.drop(f, "this server has handed over to another leader")
		return
	case accepted >= maxEpoch:
		l.drop(f, "its acceptedEpoch 0x%x leaves no later one", accepted)
		return
	}
	of, outside := quorum.OutsideOf(f.sid)
	if (f.sid >= 0 || outside) && !l.replace(f) { // anonymous observers have none
		return
	}
	if outside {
		l.out.note(Note{Text: "a server that is in quarantine joins without a vote", Sid: of})
	}
	f.follows = f.sid >= 0 && !f.observer
	votes := (f.follows || l.promoted(f)) && l.voting(f.sid)
	if f.follows && !votes {
		how := "add its server line on every server"
		if l.cfg.View != nil {
			how = "add it with reconfig"
		}
		l.out.note(Note{Text: "a server that is no voter of the configuration follows without a vote; if it should have one, " + how, Sid: f.sid})
	}
	f.enter(learnerKnown, l.nowMs)
	if l.phase == discovery {
		if votes {
			l.offered = max(l.offered, accepted)
		}
		l.tryDiscover()
	} else if told := l.told(f); votes && told > l.epoch {
		// No server enters an epoch before a quorum has accepted it, and of that
		// quorum one is in this epoch's, which is therefore later.
		l.drop(f, "its history is of epoch %d, that of this ensemble of %d: its data are of another ensemble, or a majority has lost its own; empty its data directory to give it those of the ensemble, or restore the others", told, l.epoch)
	} else if votes && accepted > l.epoch {
		// It must refuse this epoch, now and whenever it comes again. Differs from
		// Apache, where it is left out until this leader has gone.
		l.stop(EpochOvertaken, fmt.Sprintf("server %d has accepted epoch %d, the leader's is %d", f.sid, accepted, l.epoch))
		l.step.Epoch = accepted
	} else if l.phase > acceptingEpoch {
		l.inform(f)
	}
}

func (l *Leader) told(f *learnerState) int64 {
	if l.cfg.Told == nil {
		return 0
	}
	return l.cfg.Told(f.sid)
}

// replace ends an older connection of the same learner, which may be half open:
// its other end is gone and nothing has told so. One that was heard in the last
// half of syncLimit is not, and it is the new one that has to go: another server has the same myid.
// Were it let in, its log would be taken for that of the first.
func (l *Leader) replace(f *learnerState) bool {
	for _, o := range l.learners {
		if o == f || o.state == learnerConnected || o.sid != f.sid {
			continue
		}
		if l.nowMs-o.heardMs <= l.cfg.syncMs()/2 {
			l.drop(f, "server %d is connected already, and answers; if this goes on, two servers have the myid %d: correct one", f.sid, f.sid)
			return false
		}
		l.drop(o, "server %d has connected again, and nothing was heard of this connection for %d ms", f.sid, l.nowMs-o.heardMs)
		return true
	}
	return true
}

// tryDiscover settles the epoch once a quorum is here.
func (l *Leader) tryDiscover() {
	if l.phase != discovery || !l.quorumOfLearners(func(*learnerState) bool { return true }) {
		return
	}
	if l.offered >= maxEpoch {
		l.stop(EpochExhausted, fmt.Sprintf("acceptedEpoch %d leaves no later one", l.offered))
		return
	}
	l.epoch = l.offered + 1
	l.version()
	l.enter(acceptingEpoch)
	l.disk.control(Order{Kind: WriteAcceptedEpoch, Epoch: l.epoch})
	l.out.note(Note{Text: "new epoch", Epoch: l.epoch})
}

func (l *Leader) epochWritten(ev EpochWritten) {
	if ev.Kind != WriteAcceptedEpoch && ev.Kind != WriteCurrentEpoch || !l.disk.answered(ev.Kind, 0, ev.Epoch) {
		l.broken("%v %d reported as written, out is %v", ev.Kind, ev.Epoch, &l.disk.out)
		return
	}
	if ev.Kind == WriteAcceptedEpoch {
		l.enter(collecting)
		for _, f := range l.learners {
			if f.state == learnerKnown {
				l.inform(f)
			}
		}
		l.tryCollect()
		return
	}
	l.enter(synchronisation)
	l.nextPingMs = l.nowMs + l.cfg.TickMs/2
	for _, f := range slices.Clone(l.learners) {
		if f.state == learnerAccepted {
			l.synchronise(f)
		}
	}
	l.tryEstablish()
}

func (l *Leader) inform(f *learnerState) {
	le := quorum.LeaderEpoch{ProtocolVersion: quorum.ProtocolVersion}
	l.out.send(f.conn, quorum.Packet{Type: quorum.LeaderInfo, Zxid: protocol.MakeZxid(l.epoch, 0), Data: le.AppendTo(nil)})
	f.enter(learnerInformed, l.nowMs)
}

// ackEpoch takes a learner's word that it accepts the epoch, with the history
// it has.
func (l *Leader) ackEpoch(f *learnerState, p *quorum.Packet) {
	var fe quorum.FollowerEpoch
	d := jute.NewDecoder(p.Data)
	if err := fe.Decode(d); err != nil {
		l.drop(f, "ACKEPOCH: %v", err)
		return
	}
	if f.state != learnerInformed || fe.CurrentEpoch < quorum.EpochAcceptedBefore || p.Zxid < -1 {
		l.drop(f, "ACKEPOCH %v with epoch %d while it is %v", p.Zxid, fe.CurrentEpoch, f.state)
		return
	}
	f.currentEpoch, f.lastZxid = int64(fe.CurrentEpoch), p.Zxid
	f.enter(learnerAccepted, l.nowMs)
	if l.phase >= enteringEpoch {
		// The epoch has its quorum; what this one has beyond it is no history.
		if l.phase >= synchronisation {
			l.synchronise(f)
		}
		return
	}
	if !f.follows && !l.promoted(f) || !l.voting(f.sid) || fe.CurrentEpoch == quorum.EpochAcceptedBefore || p.Zxid < 0 {
		return // is synchronised with the others, and does not count
	}
	// Who votes only in the configuration that is proposed may be ahead, and be no
	// candidate: whatever is committed is with a quorum of the one in force, which
	// has to accept this epoch too.
	k := l.cfg.CurrentEpoch
	if l.cfg.Verifier.Voting(f.sid) && (f.currentEpoch > k || f.currentEpoch == k && f.lastZxid > l.cfg.LastZxid && f.lastZxid != nowhere) {
		if !defect.Planted(defect.FollowerAheadIgnored) {
			l.stop(FollowerAhead, fmt.Sprintf("server %d has (epoch %d, zxid %v), the leader (%d, %v)",
				f.sid, f.currentEpoch, f.lastZxid, k, l.cfg.LastZxid))
			return
		}
	}
	f.counted = true
	l.tryCollect()
}

// tryCollect enters the epoch once a quorum has accepted it.
func (l *Leader) tryCollect() {
	if l.phase == collecting && l.quorumOfLearners(func(f *learnerState) bool { return f.counted }) {
		l.enter(enteringEpoch)
		l.disk.control(Order{Kind: WriteCurrentEpoch, Epoch: l.epoch})
	}
}
