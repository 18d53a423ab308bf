package zab

import (
	"fmt"
	"math"
	"slices"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// Deadline is when Step wants to be called at the latest.
func (l *Leader) Deadline() int64 {
	if l.phase == leaderStopped {
		return math.MaxInt64
	}
	at := int64(math.MaxInt64)
	if l.phase < broadcast {
		at = l.sinceMs + l.cfg.initMs()
	} else {
		at = l.nextCheckMs
	}
	if l.phase >= synchronisation {
		at = min(at, l.nextPingMs)
	}
	for _, f := range l.learners {
		at = min(at, l.learnerDeadline(f))
	}
	return at
}

// learnerDeadline is when a connection is given up unless something comes.
func (l *Leader) learnerDeadline(f *learnerState) int64 {
	switch {
	case f.state == learnerLocating || f.state == learnerWaiting || f.state == learnerAhead || f.state == learnerKnown || f.state == learnerAccepted:
		// It waits for this server, whose phases have limits of their own.
		return f.sinceMs + 2*l.cfg.initMs()
	case f.state != learnerReady:
		return max(f.heardMs, f.sinceMs) + l.cfg.initMs()
	}
	at := max(f.heardMs, f.sinceMs) + l.cfg.syncMs()
	if f.watched != 0 {
		at = min(at, f.watchMs+l.cfg.syncMs())
	}
	return at
}

// checkTime does what is due.
func (l *Leader) checkTime() {
	if l.phase < broadcast && l.nowMs >= l.sinceMs+l.cfg.initMs() {
		l.stop(NoFollowers, fmt.Sprintf("waited %d ms, phase %v", l.cfg.initMs(), l.phase))
		return
	}
	for _, f := range slices.Clone(l.learners) {
		if l.nowMs < l.learnerDeadline(f) {
			continue
		}
		if f.watched != 0 && l.nowMs >= f.watchMs+l.cfg.syncMs() {
			l.drop(f, "proposal %v is not acknowledged after %d ms", f.watched, l.nowMs-f.watchMs)
		} else {
			l.drop(f, "nothing heard for %d ms while it is %v", l.nowMs-max(f.heardMs, f.sinceMs), f.state)
		}
	}
	if l.phase >= synchronisation && l.nowMs >= l.nextPingMs {
		l.nextPingMs = l.nowMs + l.pingMs()
		l.ping()
	}
	l.checkRetired()
	if l.phase == broadcast && l.nowMs >= l.nextCheckMs {
		l.nextCheckMs = l.nowMs + l.cfg.TickMs
		l.checkQuorum()
	}
}

// quietTicks without a proposal or a session that a learner has heard of mean
// that there are no clients, or such that are seldom heard of: with Apache's
// limits a session is in every seventh tick.
const quietTicks = 10

// pingMs is the time to the next PING, whose answers tell of sessions: half a
// tick, as in Apache. Differs from it: a whole tick in an ensemble without
// clients, if syncLimit leaves room for it.
func (l *Leader) pingMs() int64 {
	if l.nowMs-l.busyMs > quietTicks*l.cfg.TickMs && l.cfg.SyncLimit >= 4 {
		return l.cfg.TickMs
	}
	return max(l.cfg.TickMs/2, 1)
}

// maxPings bounds what is remembered of PINGs without an echo.
const maxPings = 64

// ping goes to every learner behind its NEWLEADER; before that Apache's would
// not understand it (LearnerHandler.ping).
func (l *Leader) ping() {
	zxid := max(l.Proposed(), protocol.MakeZxid(l.epoch, 0))
	for _, f := range l.learners {
		if !f.registered() {
			continue
		}
		l.out.send(f.conn, quorum.Packet{Type: quorum.Ping, Zxid: zxid})
		if len(f.pings) == maxPings {
			f.pings = f.pings[1:]
		}
		f.pings = append(f.pings, sentPing{zxid, f.queuedBytes})
	}
}

// checkQuorum steps down when too few voters are connected, each heard within
// its limit (those that are not were dropped), and when the own log stands
// still: others can commit, and the own clients wait for nothing.
func (l *Leader) checkQuorum() {
	if !l.retired && !l.quorumOfLearners((*learnerState).registered) {
		l.stop(LostQuorum, "")
		return
	}
	if o := &l.disk.out; o.Kind == Append && l.nowMs >= l.disk.outSinceMs+l.cfg.syncMs() {
		l.stop(DiskStalled, fmt.Sprintf("%v is out for %d ms", o, l.nowMs-l.disk.outSinceMs))
	}
}
