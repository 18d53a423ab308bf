package quorum_test

import (
	"bufio"
	"bytes"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
)

// FuzzPackets reads arbitrary bytes as a stream of packets: no panic, nothing
// read beyond the last packet, and each encodes to the bytes it was read from.
func FuzzPackets(f *testing.F) {
	for _, m := range captured(f) {
		if m.kind != "INITIAL" && m.kind != "NOTIFICATION" {
			f.Add(m.body)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := quorum.NewPacketReader(bufio.NewReader(bytes.NewReader(in)), 1<<16)
		for rest := in; ; {
			var p quorum.Packet
			if r.Read(&p) != nil {
				return
			}
			out := p.AppendTo(nil)
			if len(out) > len(rest) {
				t.Fatalf("%x became %x", rest, out)
			}
			// A null string in authinfo is read as an empty one, so only lengths agree.
			if p.Auth == nil && !bytes.Equal(out, rest[:len(out)]) {
				t.Fatalf("%x became %x", rest, out)
			}
			rest = rest[len(out):]
		}
	})
}

// FuzzData feeds arbitrary bytes to every record: what decodes encodes to
// something that decodes to the same.
func FuzzData(f *testing.F) {
	for _, m := range captured(f) {
		if m.kind == "INITIAL" {
			continue
		}
		if m.kind == "NOTIFICATION" {
			f.Add(m.body)
		} else if p, err := readPacket(m.body, 1<<20); err == nil && p.Data != nil {
			f.Add(p.Data)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, empty := range []func() protocol.Record{
			func() protocol.Record { return new(quorum.LearnerInfo) },
			func() protocol.Record { return new(quorum.LeaderEpoch) },
			func() protocol.Record { return new(quorum.FollowerEpoch) },
			func() protocol.Record { return new(quorum.Touches) },
			func() protocol.Record { return new(quorum.RevalidateRequest) },
			func() protocol.Record { return new(quorum.RevalidateReply) },
			func() protocol.Record { return new(quorum.ForwardedRequest) },
			func() protocol.Record { return new(quorum.Activation) },
			func() protocol.Record { return new(quorum.Notification) },
		} {
			first := empty()
			if first.Decode(jute.NewDecoder(in)) != nil {
				continue
			}
			once := first.AppendTo(nil)
			if len(once) > len(in) {
				t.Fatalf("%T: %d bytes from %d", first, len(once), len(in))
			}
			second := empty()
			if err := second.Decode(jute.NewDecoder(once)); err != nil {
				t.Fatalf("%T: own encoding %x does not decode: %v", first, once, err)
			}
			if twice := second.AppendTo(nil); !bytes.Equal(once, twice) {
				t.Fatalf("%T: %x became %x", first, once, twice)
			}
		}
	})
}

func FuzzInitialMessage(f *testing.F) {
	for _, m := range captured(f) {
		if m.kind == "INITIAL" {
			f.Add(m.body)
		}
	}
	f.Add((&quorum.InitialMessage{ServerID: 3}).AppendTo(nil))
	f.Add((&quorum.InitialMessage{Form: quorum.InitialAddresses, ServerID: 3, Addresses: []string{"[::1]:1", "b:2"}}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := decodeInitial(in)
		if err != nil {
			return
		}
		if out := m.AppendTo(nil); !bytes.HasPrefix(in, out) {
			t.Fatalf("%x became %x", in, out)
		}
	})
}

// FuzzConfig: a text that parses prints to one that parses to the same, and
// its verifier, if it has one, counts all voters as a quorum and nobody as none.
func FuzzConfig(f *testing.F) {
	f.Add("server.1=127.0.0.1:1:2:participant\nserver.2=[::1]:3:4:observer;0.0.0.0:2181\nversion=1f")
	f.Add("server.1=a:1:2|b:3:4:participant\nserver.2=c:1:2\nserver.3=d:1:2\ngroup.1=1:2\ngroup.2=3\nweight.2=0\nversion=0")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := quorum.ParseConfig(text)
		if err != nil {
			return
		}
		once := c.String()
		again, err := quorum.ParseConfig(once)
		if err != nil {
			t.Fatalf("%q printed as %q: %v", text, once, err)
		}
		if again.String() != once {
			t.Fatalf("%q printed as %q", once, again.String())
		}
		v, err := quorum.NewVerifier(c)
		if err != nil {
			return
		}
		if !v.ContainsQuorum(v.Voting) || v.ContainsQuorum(func(int64) bool { return false }) {
			t.Fatalf("quorums of %q", once)
		}
	})
}

func FuzzAuthPacket(f *testing.F) {
	f.Add((&quorum.AuthPacket{Status: quorum.AuthSuccess, Token: []byte("rspauth=x")}).AppendTo(nil))
	f.Add((&quorum.AuthPacket{Status: quorum.AuthError}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		var p quorum.AuthPacket
		if p.Read(in) != nil {
			return
		}
		if used := b[:len(b)-in.Len()]; !bytes.Equal(p.AppendTo(nil), used) {
			t.Errorf("%x is read as %+v", used, p)
		}
	})
}
