package quorum_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
)

// A message is one line of the capture. On the quorum port it goes to the
// leader or comes from it; on the election port to the one that was dialled or
// from it.
type message struct {
	up   bool
	kind string // Apache's name of the packet, INITIAL or NOTIFICATION
	body []byte
}

func captured(t testing.TB) []message {
	t.Helper()
	text, err := os.ReadFile("../../testdata/wire/quorum-3.8.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []message
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		parts := strings.Fields(line)
		if len(parts) != 3 {
			t.Fatalf("line %q", line)
		}
		body, err := hex.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, message{parts[0] == ">", parts[1], body})
	}
	if len(out) < 100 {
		t.Fatalf("only %d messages captured", len(out))
	}
	return out
}

// data is an empty record for the data of a packet, nil where there is none.
func data(p *quorum.Packet, toLeader bool) protocol.Record {
	switch p.Type {
	case quorum.FollowerInfo, quorum.ObserverInfo:
		return new(quorum.LearnerInfo)
	case quorum.LeaderInfo:
		return new(quorum.LeaderEpoch)
	case quorum.AckEpoch:
		return new(quorum.FollowerEpoch)
	case quorum.Request:
		return new(quorum.ForwardedRequest)
	case quorum.CommitAndActivate:
		return new(quorum.Activation)
	case quorum.Ping:
		if toLeader {
			return new(quorum.Touches)
		}
	case quorum.Revalidate:
		if toLeader {
			return new(quorum.RevalidateRequest)
		}
		return new(quorum.RevalidateReply)
	}
	return nil
}

func decodeInitial(b []byte) (*quorum.InitialMessage, error) {
	m := new(quorum.InitialMessage)
	return m, m.Read(bytes.NewReader(b))
}

func readPacket(b []byte, limit int) (*quorum.Packet, error) {
	p := new(quorum.Packet)
	return p, quorum.NewPacketReader(bufio.NewReader(bytes.NewReader(b)), limit).Read(p)
}

// TestCapturedTraffic decodes what three Apache servers said to each other and
// encodes it again to the same bytes.
func TestCapturedTraffic(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range captured(t) {
		var again []byte
		switch m.kind {
		case "INITIAL":
			r, err := decodeInitial(m.body)
			if err != nil {
				t.Fatal(err)
			}
			if r.Form != quorum.InitialAddress || len(r.Addresses) != 1 {
				t.Errorf("initial message %+v", r)
			}
			again = r.AppendTo(nil)
		case "NOTIFICATION":
			var n quorum.Notification
			if err := n.Decode(jute.NewDecoder(m.body)); err != nil {
				t.Fatal(err)
			}
			c, err := quorum.ParseConfig(string(n.Config))
			if err != nil || c.String() != string(n.Config) || len(c.Members) != 3 {
				t.Errorf("config %q became %q, %v", n.Config, c, err)
			}
			again = n.AppendTo(nil)
		default:
			p, err := readPacket(m.body, 1<<20)
			if err != nil {
				t.Fatalf("%s: %v", m.kind, err)
			}
			if p.Type.String() != m.kind {
				t.Errorf("%s is called %v", m.kind, p.Type)
			}
			if r := data(p, m.up); r != nil {
				if err := r.Decode(jute.NewDecoder(p.Data)); err != nil {
					t.Errorf("%s %x: %v", m.kind, p.Data, err)
				}
				p.Data = r.AppendTo([]byte{})
			}
			if p.Type == quorum.NewLeader {
				if c, err := quorum.ParseConfig(string(p.Data)); err != nil || c.String() != string(p.Data) {
					t.Errorf("config %q became %q, %v", p.Data, c, err)
				}
			}
			again = p.AppendTo(nil)
		}
		if !bytes.Equal(again, m.body) {
			t.Errorf("%s\n got %x\nwant %x", m.kind, again, m.body)
		}
		seen[m.kind] = true
	}
	for _, kind := range strings.Fields(`INITIAL NOTIFICATION FOLLOWERINFO OBSERVERINFO LEADERINFO ACKEPOCH DIFF TRUNC SNAP NEWLEADER
		UPTODATE ACK PING PROPOSAL COMMIT INFORM REQUEST REVALIDATE SYNC`) {
		if !seen[kind] {
			t.Errorf("no %s captured", kind)
		}
	}
}

// TestCapturedJoin reads the first follower's way in, field by field.
func TestCapturedJoin(t *testing.T) {
	t.Parallel()
	first := map[string]message{}
	for _, m := range captured(t) {
		if _, again := first[m.kind]; !again {
			first[m.kind] = m
		}
	}
	var info quorum.LearnerInfo
	var leader quorum.LeaderEpoch
	var follower quorum.FollowerEpoch
	for kind, r := range map[string]protocol.Record{"FOLLOWERINFO": &info, "LEADERINFO": &leader, "ACKEPOCH": &follower} {
		p, err := readPacket(first[kind].body, 100)
		if err == nil {
			err = r.Decode(jute.NewDecoder(p.Data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if info != *quorum.NewLearnerInfo(1, 0) || leader.ProtocolVersion != quorum.ProtocolVersion || follower.CurrentEpoch != 0 {
		t.Errorf("got %+v, %+v, %+v", info, leader, follower)
	}
	var n quorum.Notification
	if err := n.Decode(jute.NewDecoder(first["NOTIFICATION"].body)); err != nil {
		t.Fatal(err)
	}
	n.Config = nil
	if want := (quorum.Notification{State: quorum.Looking, Leader: 2, ElectionEpoch: 1, Version: 2}); !reflect.DeepEqual(n, want) {
		t.Errorf("got %+v, want %+v", n, want)
	}
}

// TestOlderNotifications: the forms of 3.3 and 3.4, which Apache 3.8.0 takes;
// the lengths between, which it drops.
func TestOlderNotifications(t *testing.T) {
	t.Parallel()
	full := (&quorum.Notification{State: quorum.Leading, Leader: 3, Zxid: protocol.MakeZxid(7, 9), ElectionEpoch: 5, PeerEpoch: 8,
		Version: 2, Config: []byte("version=0")}).AppendTo(nil)
	for n := range len(full) {
		var got quorum.Notification
		err := got.Decode(jute.NewDecoder(full[:n]))
		want := quorum.Notification{State: quorum.Leading, Leader: 3, Zxid: protocol.MakeZxid(7, 9), ElectionEpoch: 5}
		switch n {
		case 28:
			want.PeerEpoch, want.Short = 7, true
		case 40:
			want.PeerEpoch, want.Version = 8, 1
		default:
			if err == nil {
				t.Errorf("%d bytes are accepted: %+v", n, got)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d bytes: %+v, %v, want %+v", n, got, err, want)
		}
		if n == 28 && !bytes.Equal(got.AppendTo(nil), full[:28]) {
			t.Errorf("28 bytes became %x", got.AppendTo(nil))
		}
	}
	full[3] = 4
	if err := new(quorum.Notification).Decode(jute.NewDecoder(full)); err == nil {
		t.Error("state 4 is accepted")
	}
}

func TestInitialMessage(t *testing.T) {
	t.Parallel()
	for _, m := range []quorum.InitialMessage{
		{ServerID: 3},
		{Form: quorum.InitialAddress, ServerID: 2, Addresses: []string{"[::1]:3888"}},
		{Form: quorum.InitialAddresses, ServerID: 1, Addresses: []string{"a:3888", "10.0.0.1:3889"}},
	} {
		b := m.AppendTo(nil)
		stream := bytes.NewReader(append(b, "next"...))
		var got quorum.InitialMessage
		if err := got.Read(stream); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v came back as %+v, %v", m, got, err)
		}
		if rest, _ := io.ReadAll(stream); string(rest) != "next" {
			t.Errorf("%+v: read too far, %q is left", m, rest)
		}
		for n := 1; n < len(b)-1; n++ {
			if m.Form != quorum.InitialBare || n < 8 {
				if err := new(quorum.InitialMessage).Read(bytes.NewReader(b[:n])); err == nil {
					t.Errorf("%x is accepted", b[:n])
				}
			}
		}
	}
	long := quorum.InitialMessage{Form: quorum.InitialAddress, ServerID: 1, Addresses: []string{strings.Repeat("h", quorum.MaxInitialAddress-5) + ":3888"}}
	if _, err := decodeInitial(long.AppendTo(nil)); err != nil {
		t.Errorf("the longest address is refused: %v", err)
	}
	long.Addresses[0] = "h" + long.Addresses[0]
	for name, b := range map[string][]byte{
		"address too long":  long.AppendTo(nil),
		"no address":        jute.AppendInt(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), 1), 0),
		"negative length":   jute.AppendInt(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), 1), -1),
		"unknown version":   jute.AppendString(jute.AppendLong(jute.AppendLong(nil, -65534), 1), "h:1"),
		"no port":           jute.AppendString(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), 1), "h"),
		"port out of range": jute.AppendString(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), 1), "h:65536"),
		"an empty one":      jute.AppendString(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddresses), 1), "h:1|"),
	} {
		if m, err := decodeInitial(b); err == nil {
			t.Errorf("%s: accepted as %+v", name, m)
		}
	}
}

func TestLearnerInfoForms(t *testing.T) {
	t.Parallel()
	full := quorum.NewLearnerInfo(5, 0x100000003).AppendTo(nil)
	for n, want := range map[int]quorum.LearnerInfo{
		8:  {ServerID: 5},
		12: {ServerID: 5, ProtocolVersion: 0x10000, HasProtocolVersion: true},
		20: *quorum.NewLearnerInfo(5, 0x100000003),
	} {
		var got quorum.LearnerInfo
		if err := got.Decode(jute.NewDecoder(full[:n])); err != nil || got != want || !bytes.Equal(got.AppendTo(nil), full[:n]) {
			t.Errorf("%d bytes: %+v, %v", n, got, err)
		}
	}
	if err := new(quorum.LearnerInfo).Decode(jute.NewDecoder(full[:7])); !errors.Is(err, jute.ErrShort) {
		t.Errorf("7 bytes: %v", err)
	}
}

// TestPacketLimits: what a stream announces is refused at the limit, and takes
// memory as its bytes come.
func TestPacketLimits(t *testing.T) {
	t.Parallel()
	const limit = 64
	for _, tt := range []struct {
		name string
		p    quorum.Packet
		ok   bool
	}{
		{"data at the limit", quorum.Packet{Type: quorum.Proposal, Data: make([]byte, limit)}, true},
		{"data above it", quorum.Packet{Type: quorum.Proposal, Data: make([]byte, limit+1)}, false},
		{"identities at the limit", quorum.Packet{Auth: []protocol.ID{{Scheme: "ip", ID: strings.Repeat("1", limit-10)}}}, true},
		{"identities above it", quorum.Packet{Auth: []protocol.ID{{Scheme: "ip", ID: strings.Repeat("1", limit-9)}}}, false},
		{"as many empty ones", quorum.Packet{Auth: make([]protocol.ID, limit/8)}, true},
		{"one more", quorum.Packet{Auth: make([]protocol.ID, limit/8+1)}, false},
	} {
		b := tt.p.AppendTo(nil)
		got, err := readPacket(b, limit)
		if tt.ok && (err != nil || !reflect.DeepEqual(*got, tt.p)) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
		if !tt.ok && !errors.Is(err, quorum.ErrPacketLength) {
			t.Errorf("%s: %v, want ErrPacketLength", tt.name, err)
		}
		for n := 1; n < len(b) && tt.ok; n++ {
			if _, err := readPacket(b[:n], limit); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, cut after %d bytes: %v", tt.name, n, err)
			}
		}
	}
	if _, err := readPacket(nil, limit); err != io.EOF {
		t.Errorf("end of the stream: %v", err)
	}
	announced := append(jute.AppendInt(jute.AppendLong(jute.AppendInt(nil, 2), 1), 1<<30), make([]byte, 100)...)
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_, _ = readPacket(announced, 1<<30)
		}
	}).AllocedBytesPerOp()
	if allocated > 1<<18 {
		t.Errorf("%d bytes allocated for 100 received", allocated)
	}
}

func TestNullIsNotEmpty(t *testing.T) {
	t.Parallel()
	for _, p := range []quorum.Packet{{Type: quorum.Ping}, {Type: quorum.Ping, Data: []byte{}, Auth: []protocol.ID{}}} {
		got, err := readPacket(p.AppendTo(nil), 10)
		if err != nil || (got.Data == nil) != (p.Data == nil) || (got.Auth == nil) != (p.Auth == nil) {
			t.Errorf("%+v came back as %+v, %v", p, got, err)
		}
	}
}
