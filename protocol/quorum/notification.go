package quorum

import (
	"fmt"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// ServerState is what a server of an ensemble is doing, with its number in a
// notification (QuorumPeer.ServerState, FastLeaderElection.java).
type ServerState int32

const (
	Looking   ServerState = 0
	Following ServerState = 1
	Leading   ServerState = 2
	Observing ServerState = 3
)

var stateNames = [...]string{"LOOKING", "FOLLOWING", "LEADING", "OBSERVING"}

func (s ServerState) String() string {
	if s >= 0 && int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", int32(s))
}

// NoVote stands for the sid, the zxid and the epoch in the vote of a server
// that is no voter (Long.MIN_VALUE in FastLeaderElection.java).
const NoVote int64 = -1 << 63

// MaxNotification is the longest message of the election port, the length
// before it not counted (QuorumCnxManager.PACKETMAXSIZE).
const MaxNotification = 512 << 10

// NotificationVersion is that of 3.5 and later, which send their configuration.
const NotificationVersion int32 = 2

// A Notification is a server's vote, its state and the configuration it knows.
//
//	off  type   field
//	0    int    state
//	4    long   leader         the sid voted for
//	12   long   zxid           its last one
//	20   long   electionEpoch  the round
//	28   long   peerEpoch      currentEpoch of the one voted for     3.4 and later
//	36   int    version                                              3.4.6 and later
//	40   int    config length                                        version 2
//	44   bytes  config, the text of a Config
//
// Three lengths occur: 28 (3.3), 40 (3.4), 44 and the config's (3.5 and later).
type Notification struct {
	State         ServerState
	Leader        int64
	Zxid          protocol.Zxid
	ElectionEpoch int64
	PeerEpoch     int64  // the zxid's epoch in the 28-byte form
	Version       int32  // what was sent; only NotificationVersion has a Config
	Config        []byte // aliases the input if the decoder borrows
	Short         bool   // the form of 28 bytes
}

// AppendTo appends the form that Version and Short say.
func (n *Notification) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, int32(n.State))
	b = jute.AppendLong(b, n.Leader)
	b = jute.AppendLong(b, int64(n.Zxid))
	b = jute.AppendLong(b, n.ElectionEpoch)
	if n.Short {
		return b
	}
	b = jute.AppendLong(b, n.PeerEpoch)
	b = jute.AppendInt(b, n.Version)
	if n.Version != NotificationVersion {
		return b
	}
	b = jute.AppendInt(b, int32(len(n.Config)))
	return append(b, n.Config...)
}

// Decode consumes all of d, one message without its length. A length between
// the forms is an error, as it is to Apache 3.8.0.
func (n *Notification) Decode(d *jute.Decoder) error {
	*n = Notification{Short: d.Len() == 28}
	n.State, n.Leader = ServerState(d.Int()), d.Long()
	n.Zxid, n.ElectionEpoch = protocol.Zxid(d.Long()), d.Long()
	if n.Short {
		n.PeerEpoch = n.Zxid.Epoch()
		return field("notification", d)
	}
	n.PeerEpoch, n.Version = d.Long(), d.Int()
	// 3.4 sends 40 bytes whatever it calls its version.
	if n.Version == NotificationVersion && d.Err() == nil && d.Len() == 0 {
		n.Version = 1
	}
	if n.Version == NotificationVersion && d.Err() == nil {
		if n.Config = d.Buffer(); n.Config == nil {
			d.Fail(fmt.Errorf("config is null: %w", jute.ErrTooLong))
		}
	}
	if err := field("notification", d); err != nil {
		return err
	}
	if n.State < Looking || n.State > Observing {
		return fmt.Errorf("notification: %v is not a state", n.State)
	}
	return nil
}
