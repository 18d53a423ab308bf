package zab

import (
	"zookit/protocol"
	"zookit/protocol/quorum"
)

// Conn names a connection between a leader and a learner. A number is never
// used again, so that what an old connection still says is known as such.
type Conn uint64

// Event is something that happened. Which core takes which is said with each;
// another one ignores it.
type Event interface{ event() }

type (
	// Tick says nothing but the time.
	Tick struct{}

	// Connected: a learner has dialed (Leader), or the leader was reached
	// (Learner, whose connection has no number).
	Connected struct{ Conn Conn }
	// Disconnected: the connection is gone.
	Disconnected struct{ Conn Conn }
	// Received is a packet. Its data is the core's.
	Received struct {
		Conn   Conn
		Packet quorum.Packet
	}

	// Persisted answers Append: the log is durable up to Zxid.
	Persisted struct{ Zxid protocol.Zxid }
	// EpochWritten answers WriteAcceptedEpoch and WriteCurrentEpoch.
	EpochWritten struct {
		Kind  OrderKind
		Epoch int64
	}
	// Truncated answers Truncate. Err says that nothing was changed: the
	// history cannot be cut back that far.
	Truncated struct {
		Zxid protocol.Zxid
		Err  error
	}
	// SnapshotInstalled answers InstallSnapshot: tree and disk hold it, and no
	// older history can come back. Err says that the stream was bad and that
	// nothing on the disk was changed.
	SnapshotInstalled struct {
		Zxid protocol.Zxid
		Err  error
	}
	// QuarantineNoted answers BeginQuarantine and EndQuarantine. It is the
	// replica's, and no core sees it.
	QuarantineNoted struct{ Kind OrderKind }
	// StreamProgress: some bytes of a SnapshotStream or LogRange went out on the
	// connection (Leader), or of a snapshot have arrived (Learner). Nothing else
	// is heard of the peer meanwhile.
	StreamProgress struct{ Conn Conn }
	// StorageFailed is final: nobody knows what is on the disk.
	StorageFailed struct{ Err error }

	// Located answers LookUp (Leader).
	Located struct {
		Conn Conn
		Zxid protocol.Zxid // as asked
		// Found: the log on disk goes on from Floor without a gap, and to read
		// it is worth less than a snapshot.
		Found bool
		// Floor is the last txn at or before Zxid that the log holds, or the
		// position right before its first one if that is Zxid itself.
		Floor protocol.Zxid
	}
	// SyncRequest: a learner's client wants a sync, whose turn has come among
	// the requests (Leader). SYNC goes out when all proposed before is committed.
	SyncRequest struct{ Conn Conn }
	// Revalidated answers RevalidateAsked (Leader).
	Revalidated struct {
		Conn    Conn
		Session protocol.SessionID
		Valid   bool
	}

	// Forward sends a client's request to the leader (Learner).
	Forward struct {
		Request quorum.ForwardedRequest
		Auth    []protocol.ID
	}
	// Revalidate asks the leader for a session that has come here (Learner).
	Revalidate struct {
		Session   protocol.SessionID
		TimeoutMs int32
	}
	// PingReply answers PingAsked with the sessions heard of since the last one
	// (Learner).
	PingReply struct {
		Zxid    protocol.Zxid // as asked
		Touches quorum.Touches
	}
)

func (Tick) event()              {}
func (Connected) event()         {}
func (Disconnected) event()      {}
func (Received) event()          {}
func (Persisted) event()         {}
func (EpochWritten) event()      {}
func (Truncated) event()         {}
func (SnapshotInstalled) event() {}
func (QuarantineNoted) event()   {}
func (StreamProgress) event()    {}
func (StorageFailed) event()     {}
func (Located) event()           {}
func (SyncRequest) event()       {}
func (Revalidated) event()       {}
func (Forward) event()           {}
func (Revalidate) event()        {}
func (PingReply) event()         {}

// Ready is what the driver has to do, in the order of the fields. It is valid
// until the next call of Ready (Step may be called meanwhile); payloads are
// valid for good and never change.
type Ready struct {
	// Commits are to be applied in this order; all of it is durable here.
	Commits []Entry
	// Messages go out at once, in this order on each connection.
	Messages []Message
	// Close are connections to be closed after their messages.
	Close []Closing
	// Order, when not nil, is work for the disk.
	Order *Order
	// LookUps ask where learners stand in the log on disk.
	LookUps []LookUp
	// Outputs are for the replica, after Commits.
	Outputs []Output
	// Notes are for the log.
	Notes []Note
	// StepDown, when not nil, ends the role; it comes once and last.
	StepDown *StepDown
}

// Message goes to a learner (To), or from a learner to its leader.
type Message struct {
	To     Conn
	Kind   MessageKind
	Packet quorum.Packet
	// After and Through: see LogRange.
	After, Through protocol.Zxid
}

// MessageKind says what goes out.
type MessageKind int

const (
	// PacketMessage is the packet alone.
	PacketMessage MessageKind = iota
	// SnapshotStream is the packet (SNAP), then the raw snapshot of a tree that
	// holds everything up to the packet's zxid, then "BenWasHere". Commits of
	// this Ready and of earlier ones are in the tree before it is begun; later
	// ones may show in it.
	SnapshotStream
	// LogRange has no packet of its own: for every txn t of the log on disk with
	// After < t ≤ Through go PROPOSAL and COMMIT. If that fails the connection
	// is closed.
	LogRange
)

// Range emits the packets of a LogRange; read calls f for every txn of the log
// on disk in a range, in order.
func (m *Message) Range(read func(after, through protocol.Zxid, f func(protocol.Zxid, []byte) error) error, emit func(*quorum.Packet) error) error {
	return read(m.After, m.Through, func(zxid protocol.Zxid, payload []byte) error {
		if err := emit(&quorum.Packet{Type: quorum.Proposal, Zxid: zxid, Data: payload}); err != nil {
			return err
		}
		return emit(&quorum.Packet{Type: quorum.Commit, Zxid: zxid})
	})
}

// Closing ends a connection.
type Closing struct {
	Conn Conn
	Why  string
}

// LookUp asks for a Located.
type LookUp struct {
	Conn Conn
	Zxid protocol.Zxid
}

// Output is something for the replica.
type Output interface{ output() }

type (
	// Serve: requests are to be taken from here on. A leader's first txn is
	// epoch<<32|1; a learner has applied all it knew to be committed.
	Serve struct{ Epoch int64 }
	// Forwarded is a request of a learner's client (Leader).
	Forwarded struct {
		Conn    Conn
		Sid     int64
		Request quorum.ForwardedRequest
		Auth    []protocol.ID
	}
	// Touched are sessions a learner has heard of (Leader).
	Touched struct {
		Conn    Conn
		Sid     int64
		Touches quorum.Touches
	}
	// RevalidateAsked: may this learner have the session? (Leader)
	RevalidateAsked struct {
		Conn    Conn
		Sid     int64
		Request quorum.RevalidateRequest
	}
	// LearnerGone: the connection of a learner that was served has ended.
	LearnerGone struct {
		Conn Conn
		Sid  int64
	}
	// Synced is the answer to the oldest forwarded sync; all that was committed
	// before it is applied (Learner).
	Synced struct{}
	// RevalidateAnswered is the leader's word on a session (Learner).
	RevalidateAnswered struct{ Reply quorum.RevalidateReply }
	// PingAsked wants a PingReply (Learner).
	PingAsked struct{ Zxid protocol.Zxid }
	// Activate: the reconfiguration at Zxid was committed, and applied here
	// (Learner).
	Activate struct {
		Zxid             protocol.Zxid
		DesignatedLeader int64
	}
	// EnsembleConfig is the text that NEWLEADER carried (Learner).
	EnsembleConfig struct{ Text []byte }
)

func (Serve) output()              {}
func (Forwarded) output()          {}
func (Touched) output()            {}
func (RevalidateAsked) output()    {}
func (LearnerGone) output()        {}
func (Synced) output()             {}
func (RevalidateAnswered) output() {}
func (PingAsked) output()          {}
func (Activate) output()           {}
func (EnsembleConfig) output()     {}

// Note is a line for the log; zero fields do not apply.
type Note struct {
	Text  string
	Sid   int64
	Zxid  protocol.Zxid
	Epoch int64
	Why   string
}

// outbox gathers a Ready.
type outbox struct {
	rd    Ready
	spare Ready
}

func (o *outbox) send(to Conn, p quorum.Packet) {
	o.rd.Messages = append(o.rd.Messages, Message{To: to, Packet: p})
}
func (o *outbox) output(out Output) { o.rd.Outputs = append(o.rd.Outputs, out) }
func (o *outbox) note(n Note)       { o.rd.Notes = append(o.rd.Notes, n) }

// take hands out what was gathered, and gathers in the other half.
func (o *outbox) take() Ready {
	rd := o.rd
	s := &o.spare
	clear(s.Commits)
	clear(s.Messages)
	clear(s.Outputs)
	o.rd = Ready{Commits: s.Commits[:0], Messages: s.Messages[:0], Close: s.Close[:0], LookUps: s.LookUps[:0], Outputs: s.Outputs[:0], Notes: s.Notes[:0]}
	o.spare = rd
	return rd
}
