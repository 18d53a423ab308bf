package quorum

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// PacketType says what a Packet is (Leader.java). The arrows tell who sends
// it: L→ a learner to its leader, →L the leader to a learner.
type PacketType int32

const (
	Request           PacketType = 1  // L→ a client's write, a ForwardedRequest
	Proposal          PacketType = 2  // →L a txn to log
	Ack               PacketType = 3  // L→ the txn of that zxid is logged
	Commit            PacketType = 4  // →L apply the txn of that zxid
	Ping              PacketType = 5  // both; the learner's carries its Touches
	Revalidate        PacketType = 6  // both; RevalidateRequest, RevalidateReply
	Sync              PacketType = 7  // →L the answer to a forwarded sync
	Inform            PacketType = 8  // →L (observer) a committed txn
	CommitAndActivate PacketType = 9  // →L commit of a reconfiguration, an Activation
	NewLeader         PacketType = 10 // →L end of the synchronisation, data is the Config's text
	FollowerInfo      PacketType = 11 // L→ first packet of a follower, a LearnerInfo
	UpToDate          PacketType = 12 // →L start to serve
	Diff              PacketType = 13 // →L the missing txns follow
	Trunc             PacketType = 14 // →L drop the txns above that zxid
	Snap              PacketType = 15 // →L a snapshot follows, outside of any packet
	ObserverInfo      PacketType = 16 // L→ first packet of an observer, a LearnerInfo
	LeaderInfo        PacketType = 17 // →L the new epoch, a LeaderEpoch
	AckEpoch          PacketType = 18 // L→ the epoch is accepted, a FollowerEpoch
	InformAndActivate PacketType = 19 // →L (observer) a committed reconfiguration, an Activation and the txn
)

var packetNames = [...]string{1: "REQUEST", "PROPOSAL", "ACK", "COMMIT", "PING", "REVALIDATE", "SYNC", "INFORM",
	"COMMITANDACTIVATE", "NEWLEADER", "FOLLOWERINFO", "UPTODATE", "DIFF", "TRUNC", "SNAP", "OBSERVERINFO", "LEADERINFO",
	"ACKEPOCH", "INFORMANDACTIVATE"}

// String is Apache's name of the type.
func (t PacketType) String() string {
	if t > 0 && int(t) < len(packetNames) {
		return packetNames[t]
	}
	return fmt.Sprintf("packet type %d", int32(t))
}

// A Packet is the unit of the quorum port. No length stands before it.
//
//	int type, long zxid, buffer data, vector<{ustring scheme, ustring id}> authinfo
type Packet struct {
	Type PacketType
	Zxid protocol.Zxid
	Data []byte        // nil is null, which is not empty: a PING's table without entries is empty
	Auth []protocol.ID // the identities of a forwarded request's client; nil is the null vector
}

// AppendTo appends the encoded packet.
func (p *Packet) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, int32(p.Type))
	b = jute.AppendLong(b, int64(p.Zxid))
	b = jute.AppendBuffer(b, p.Data)
	if p.Auth == nil {
		return jute.AppendNull(b)
	}
	b = jute.AppendInt(b, int32(len(p.Auth)))
	for i := range p.Auth {
		b = jute.AppendString(b, p.Auth[i].Scheme)
		b = jute.AppendString(b, p.Auth[i].ID)
	}
	return b
}

// ErrPacketLength: a length inside a packet is negative or above the limit.
// The stream cannot go on.
var ErrPacketLength = errors.New("length in a quorum packet out of range")

// A PacketReader takes packets off a stream. It reads not one byte further
// than the packet, so that the snapshot behind a SNAP can be read from the
// same bufio.Reader.
type PacketReader struct {
	r     *bufio.Reader
	limit int
}

// NewPacketReader reads packets whose data, and whose authinfo, take at most
// limit bytes each (Apache: jute.maxbuffer and its extra size).
func NewPacketReader(r *bufio.Reader, limit int) *PacketReader {
	return &PacketReader{r: r, limit: limit}
}

// Read reads the next packet into p; what p holds afterwards is the caller's.
// io.EOF means that the stream ended between two packets. A length out of
// range is ErrPacketLength, an end inside the packet io.ErrUnexpectedEOF.
func (r *PacketReader) Read(p *Packet) error {
	var head [16]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("quorum packet: %w", err)
	}
	*p = Packet{Type: PacketType(binary.BigEndian.Uint32(head[:])), Zxid: protocol.Zxid(binary.BigEndian.Uint64(head[4:]))}
	var err error
	if p.Data, err = r.bytes(int32(binary.BigEndian.Uint32(head[12:])), r.limit); err != nil {
		return fmt.Errorf("%v %v: data: %w", p.Type, p.Zxid, err)
	}
	if p.Auth, err = r.auth(); err != nil {
		return fmt.Errorf("%v %v: authinfo: %w", p.Type, p.Zxid, err)
	}
	return nil
}

func (r *PacketReader) auth() ([]protocol.ID, error) {
	n, err := r.int()
	if err != nil || n == -1 {
		return nil, err
	}
	// An entry takes 8 bytes at least, so the limit on bytes is one on the count too.
	left := r.limit - 8*int(n)
	if n < 0 || left < 0 {
		return nil, fmt.Errorf("%d identities: %w", n, ErrPacketLength)
	}
	ids := []protocol.ID{}
	for range n {
		var text [2]string
		for i := range text {
			length, err := r.int()
			if err != nil {
				return nil, err
			}
			b, err := r.bytes(length, left)
			if err != nil {
				return nil, err
			}
			left -= len(b)
			text[i] = string(b)
		}
		ids = append(ids, protocol.ID{Scheme: text[0], ID: text[1]})
	}
	return ids, nil
}

func (r *PacketReader) int() (int32, error) {
	var b [4]byte
	if _, err := io.ReadFull(r.r, b[:]); err != nil {
		return 0, inside(err)
	}
	return int32(binary.BigEndian.Uint32(b[:])), nil
}

// readStep bounds what is allocated ahead of the bytes that really arrive.
const readStep = 64 << 10

// bytes reads a buffer of that length: nil for −1.
func (r *PacketReader) bytes(length int32, limit int) ([]byte, error) {
	if length == -1 {
		return nil, nil
	}
	if length < 0 || int(length) > limit {
		return nil, fmt.Errorf("%d bytes, the limit is %d: %w", length, limit, ErrPacketLength)
	}
	return readBytes(r.r, int(length))
}

// readBytes reads n bytes; memory grows with what arrives, not with n.
func readBytes(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, 0, min(n, readStep))
	for len(b) < n {
		step := min(n-len(b), max(readStep, len(b)))
		if cap(b)-len(b) < step {
			b = append(make([]byte, 0, len(b)+step), b...)
		}
		got, err := io.ReadFull(r, b[len(b):len(b)+step])
		b = b[:len(b)+got]
		if err != nil {
			return nil, inside(err)
		}
	}
	return b, nil
}

// inside is err for an end of the stream that is not between two packets.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
