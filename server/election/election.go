package election

import (
	"errors"
	"math"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// Defaults of Config, in ms (FastLeaderElection.java).
const (
	DefaultFinalizeWaitMs    = 200
	DefaultMinNotificationMs = 200
	DefaultMaxNotificationMs = 60_000
)

// A Config is what does not change while an ensemble keeps its members. Zero
// times mean the defaults.
type Config struct {
	ID         int64
	Verifier   *quorum.Verifier // of the configuration in force
	LastSeen   *quorum.Verifier // of the one proposed, nil without; counts if its version is greater
	ConfigText []byte           // of the configuration in force, for notifications; not changed by the core

	FinalizeWaitMs    int64 // how long a quorum waits for a better vote
	MinNotificationMs int64 // zookeeper.fastleader.minNotificationInterval
	MaxNotificationMs int64 // zookeeper.fastleader.maxNotificationInterval
}

// An Event is what a driver tells the core: Look, Received, Unreachable,
// Reached, Silent, Established, Reconfigured or Designated.
type Event interface{ event() }

// Look begins an election, or a new one.
type Look struct {
	Zxid         protocol.Zxid // the last one in this server's log; −1 takes no part in any LOOKING vote (a database that is not initialised)
	CurrentEpoch int64

	// Abstain withholds this voter's vote: it asks as one that is no voter and
	// counts itself in no quorum, and when it joins a leader it is OBSERVING to
	// the others. It never leads.
	Abstain bool
	// Seen is, with Abstain, the highest zxid known to have been in the history
	// that is not trusted. CastWhenAll lets the vote be cast once every voter has
	// been heard LOOKING in one round (see abstain.go).
	Seen        protocol.Zxid
	CastWhenAll bool
	// Accepted is, with Abstain, acceptedEpoch as far as the disk tells it.
	Accepted int64

	// Empty says that this server has neither a txn nor an epoch. It elects with
	// others that have none. When one reports a history, Ready.History says so, and
	// the election rests until the next Look.
	Empty bool
}

// Received is a message of another server.
type Received struct {
	From         int64 // the connection's sid
	Notification *quorum.Notification
}

// Unreachable says that no connection to Sid stands and an attempt to make one
// has failed; Reached, that one stands. Neither is needed for an election to
// end, but with them it need not wait for a voter that is down.
type (
	Unreachable struct{ Sid int64 }
	Reached     struct{ Sid int64 }
)

// Established says that the leader decided for has settled its epoch. The
// vote this server tells others is for that epoch from now on
// (QuorumPeer.updateElectionVote).
type Established struct{ Epoch int64 }

func (Look) event()        {}
func (Received) event()    {}
func (Unreachable) event() {}
func (Reached) event()     {}
func (Established) event() {}

// A Message is a notification to send. Only the newest one to a server
// matters: it may take the place of one not yet sent.
type Message struct {
	To           int64
	Notification *quorum.Notification // shared by the messages of one broadcast
}

// A Decision ends an election.
type Decision struct {
	State      quorum.ServerState // Leading, Following or Observing
	Vote                          // Leader is this server exactly when State is Leading
	Round      int64
	Supporters []int64 // the voters known to vote for it, this one included if it does, ascending
	Joined     bool    // by the word of servers that had this leader already; their votes may be of other rounds
}

// Ready is what the driver must do, in any order. The core has forgotten it.
type Ready struct {
	Messages []Message
	Decision *Decision // at most one an election
	Notes    []Note    // for the log
	History  *History  // see Look.Empty
}

// An Election is the core. One goroutine owns it; times are ms of one steady
// clock.
type Election struct {
	config Config

	state   quorum.ServerState
	abstain bool
	empty   bool
	// Of one that abstains: what Look said, whether its vote is cast in this round
	// all the same, and why not.
	seen       protocol.Zxid
	allMayCast bool
	cast       bool
	promised   int64 // see Promised
	missing    string
	round      int64 // the logical clock; also that of the vote decided for

	began    Look // what this server was told when it began to look
	initial  Vote // for this server itself; noVote when it is no voter
	proposal Vote // the best heard of in this round; the one decided for when not LOOKING

	looking  map[int64]Looker // voters heard since Look, whose last word was that they are LOOKING
	named    map[int64]int64  // the leader that voters heard since Look named, whose last word was that they have one
	votes    map[int64]ballot // recvset: of this round
	standing map[int64]ballot // outofelection: of servers that are not LOOKING, of any round
	down     map[int64]bool   // Unreachable or Silent, and not heard since
	owed     map[int64]bool   // LOOKING in another round while this server settled

	settling  bool  // a quorum votes as this server does
	settledAt int64 // when finalizeWait is over

	intervalMs int64 // the back-off in use
	resendAt   int64

	ready Ready
}

// New makes a core that waits for Look.
func New(c Config) (*Election, error) {
	if c.Verifier == nil {
		return nil, errors.New("election: no verifier")
	}
	orLong := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	orLong(&c.FinalizeWaitMs, DefaultFinalizeWaitMs)
	orLong(&c.MinNotificationMs, DefaultMinNotificationMs)
	orLong(&c.MaxNotificationMs, DefaultMaxNotificationMs)
	c.MaxNotificationMs = max(c.MaxNotificationMs, c.MinNotificationMs)
	e := &Election{config: c, down: map[int64]bool{}, looking: map[int64]Looker{}, named: map[int64]int64{}}
	e.initial, e.proposal = noVote, noVote
	e.clear()
	return e, nil
}

// State is LOOKING until there is a decision, and again from Look on.
func (e *Election) State() quorum.ServerState { return e.state }

// Round is the logical clock.
func (e *Election) Round() int64 { return e.round }

// Vote is what this server proposes, or has decided for.
func (e *Election) Vote() Vote { return e.proposal }

// A Looker is a voter as it was last heard.
type Looker struct {
	Sid   int64
	Round int64
	Vote  Vote // what it proposed then; none for one that abstains

	Abstains bool
	Seen     protocol.Zxid // of one that abstains: how far its history is known to have gone
	Accepted int64         // and the epoch it is known to have accepted
}

// Looking are the other voters whose last word since Look was that they are
// LOOKING, ascending. A server that abstains because it does not trust its own
// disk learns from it that nobody has a leader.
func (e *Election) Looking() []Looker {
	var out []Looker
	for _, sid := range e.voters() {
		if l, heard := e.looking[sid]; heard {
			out = append(out, l)
		}
	}
	return out
}

// Deadline is when to Step again with a nil event, math.MaxInt64 for never.
func (e *Election) Deadline() int64 {
	switch {
	case e.state != quorum.Looking || e.intervalMs == 0:
		return math.MaxInt64
	case e.settling:
		return min(e.settledAt, e.resendAt)
	}
	return e.resendAt
}

// Ready hands out what has gathered since the last call.
func (e *Election) Ready() Ready {
	r := e.ready
	e.ready = Ready{}
	return r
}

// Step takes one event, nil for the passing of time. What is due at now is
// done too.
func (e *Election) Step(now int64, event Event) {
	switch ev := event.(type) {
	case Look:
		e.look(now, ev)
	case Received:
		e.receive(now, ev.From, ev.Notification)
		e.castWhenAll(now)
	case Unreachable:
		e.down[ev.Sid] = true
		e.settle(now)
	case Reached:
		if e.down[ev.Sid] {
			delete(e.down, ev.Sid)
			e.hasten(now)
		}
	case Established:
		if e.state != quorum.Looking {
			e.proposal.PeerEpoch = ev.Epoch
		}
	case Reconfigured:
		e.reconfigure(now, ev)
	case Designated:
		e.designate(ev)
	case Silent:
		e.silent(now, ev)
	}
	if now >= e.Deadline() {
		e.timeout(now)
	}
}

// clear forgets what was heard in the round.
func (e *Election) clear() {
	e.votes, e.standing, e.owed = map[int64]ballot{}, map[int64]ballot{}, map[int64]bool{}
	e.settling, e.cast, e.missing = false, false, ""
}

// look begins a round with a vote for this server itself.
func (e *Election) look(now int64, l Look) {
	e.state, e.abstain, e.empty = quorum.Looking, l.Abstain, l.Empty && !l.Abstain
	e.seen, e.allMayCast = l.Seen, l.CastWhenAll && e.voting(e.config.ID)
	e.began, e.promised = l, 0
	e.stand()
	e.begin(now, "a new election")
}

// stand makes the vote for this server itself, if it has one.
func (e *Election) stand() {
	e.initial = noVote
	if e.candidate() && !e.abstain {
		e.initial = Vote{Leader: e.config.ID, Zxid: e.began.Zxid, PeerEpoch: e.began.CurrentEpoch}
	}
}

func (e *Election) begin(now int64, reason string) {
	e.clear()
	clear(e.down)
	clear(e.looking)
	clear(e.named)
	e.round++
	e.proposal = e.initial
	e.intervalMs = e.config.MinNotificationMs
	e.note("looking", 0, reason)
	e.announce(now)
}

// announce tells every voter the proposal, counts this server's own vote, and
// sees whether that makes a quorum.
func (e *Election) announce(now int64) {
	e.broadcast()
	e.resendAt = now + e.intervalMs
	e.settling = false
	if e.voting(e.config.ID) && !e.abstaining() && e.initial.Zxid != -1 && e.proposal != noVote {
		e.votes[e.config.ID] = ballot{Vote: e.proposal, round: e.round}
	}
	e.settle(now)
}

// hasten begins the back-off again.
func (e *Election) hasten(now int64) {
	if e.state == quorum.Looking && e.intervalMs > e.config.MinNotificationMs {
		e.intervalMs = e.config.MinNotificationMs
		e.resendAt = min(e.resendAt, now+e.intervalMs)
	}
}

// timeout does what is due: the decision, or the notifications again.
func (e *Election) timeout(now int64) {
	if e.settling && now >= e.settledAt {
		e.decide(e.proposal, e.round, e.votes, ballot{Vote: e.proposal, round: e.round}, false, "a quorum agrees, no better vote came")
		return
	}
	e.intervalMs = min(2*e.intervalMs, e.config.MaxNotificationMs)
	e.resendAt = now + e.intervalMs
	reason := "no quorum yet"
	if e.settling {
		reason = "waiting for a better vote"
	}
	e.note("notification time out", 0, reason)
	e.broadcast()
}

func (e *Election) broadcast() {
	n := e.notification()
	for _, sid := range e.voters() {
		if sid != e.config.ID {
			e.ready.Messages = append(e.ready.Messages, Message{To: sid, Notification: n})
		}
	}
}

func (e *Election) reply(to int64) {
	e.ready.Messages = append(e.ready.Messages, Message{To: to, Notification: e.notification()})
}

// notification is this server's vote as others are to see it.
func (e *Election) notification() *quorum.Notification {
	v := e.proposal
	if e.abstaining() && e.state == quorum.Looking {
		v = noVote
		if e.seen > 0 {
			v.Zxid = e.seen
		}
		if e.began.Accepted > 0 {
			v.PeerEpoch = e.began.Accepted
		}
	}
	return &quorum.Notification{State: e.state, Leader: v.Leader, Zxid: v.Zxid, ElectionEpoch: e.round, PeerEpoch: v.PeerEpoch,
		Version: quorum.NotificationVersion, Config: e.config.ConfigText}
}
