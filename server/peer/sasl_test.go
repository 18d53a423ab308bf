package peer_test

import (
	"io"
	"net"
	"testing"
	"time"

	"zookit/protocol/certs"
	"zookit/protocol/certs/certtest"
	"zookit/protocol/quorum"
	"zookit/server/peer"
	"zookit/server/zab"
)

func withSASL(change func(*peer.SASL)) *peer.Security {
	s := &peer.SASL{LogsIn: true, User: "peer", Password: "canary", Required: true, Users: map[string]certs.Secret{"peer": "canary"}}
	if change != nil {
		change(s)
	}
	return &peer.Security{Timeout: patience, SASL: s}
}

// Who gets in by SASL on the election port.
func TestPeerLogin(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	under := secured(t, pemFiles(ca.Issue(t, certtest.Subject{Name: "id", Hosts: []string{"127.0.0.1"}}), ca))
	under.SASL = withSASL(nil).SASL
	optional := func() *peer.Security { return withSASL(func(s *peer.SASL) { s.Required = false }) }
	silent := func() *peer.Security { return withSASL(func(s *peer.SASL) { s.LogsIn = false }) }
	wrong := func() *peer.Security { return withSASL(func(s *peer.SASL) { s.Password = "canary2" }) }
	const letIn = "a server is let in without a login"
	for _, c := range []struct {
		name     string
		one, two *peer.Security
		want     string
	}{
		{name: "both", one: withSASL(nil), two: withSASL(nil)},
		{name: "under TLS", one: under, two: under},
		{name: "another password", one: withSASL(nil), two: wrong(), want: "SASL login as \\\"peer\\\": the other server refuses it"},
		{name: "another password, at the other end", one: withSASL(nil), two: wrong(), want: "SASL: authentication denied: the user or the password is wrong"},
		{name: "unknown user", one: withSASL(nil), two: withSASL(func(s *peer.SASL) { s.User = "eve" }), want: "the user or the password is wrong"},
		{name: "user of a host, as Kerberos has them", one: withSASL(nil), two: withSASL(func(s *peer.SASL) { s.User = "peer@REALM" }), want: "the user or the password is wrong"},
		{name: "no login", one: withSASL(nil), two: silent(), want: "the caller does not log in, and quorum.auth.serverRequireSasl=true asks for it"},
		{name: "no SASL", one: withSASL(nil), want: "the caller does not log in"},
		{name: "a called one without SASL", two: withSASL(nil), want: "election connection closed"},
		{name: "not required, no login", one: optional(), two: silent(), want: letIn},
		{name: "not required, wrong password", one: optional(), two: wrong(), want: letIn},
		{name: "not required, a login", one: optional(), two: withSASL(nil)},
		{name: "not required, no login needed", one: optional()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "not required, no login needed" {
				c.two, c.want = nil, letIn
			}
			meet(t, c.one, c.two, c.want)
		})
	}
}

// On the quorum port nothing is looked at before the login: whatever bytes come,
// the core hears nothing, and the caller is closed (CVE-2018-8012).
func TestCVE2018_8012NothingBeforeTheLogin(t *testing.T) {
	t.Parallel()
	info := quorum.Packet{Type: quorum.FollowerInfo, Data: quorum.NewLearnerInfo(2, 0).AppendTo(nil)}
	begin := func(p quorum.AuthPacket) string { return string(p.AppendTo(nil)) }
	for name, bytes := range map[string]string{
		"a learner":          string(info.AppendTo(nil)),
		"noise":              "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09",
		"another magic":      "\x5f\x24\x35\x01\x35\x01\xed\xcd\x00\x00\x00\x00\x00\x00\x00\x00",
		"a huge token":       "\x5f\x24\x35\x01\x35\x01\xed\xcc\x00\x00\x00\x00\x7f\xff\xff\xff",
		"an empty response":  begin(quorum.AuthPacket{}) + begin(quorum.AuthPacket{Token: []byte{}}),
		"success, it says":   begin(quorum.AuthPacket{Status: quorum.AuthSuccess}) + begin(quorum.AuthPacket{Status: quorum.AuthSuccess}) + string(info.AppendTo(nil)),
		"nothing, and stops": "",
		"half a magic":       "\x5f\x24\x35",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withSASL(nil)
			s.Timeout = 50 * time.Millisecond
			ln := listenLoopback(t)
			l := peer.NewLearners(peer.QuorumConfig{Security: s, Deliver: func(_ *peer.Inbox, ev zab.Event) { t.Errorf("%#v", ev) }}, ln)
			defer l.Close()
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(c, bytes); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(c)
			if late, ok := err.(net.Error); ok && late.Timeout() || len(answer) > 300 {
				t.Errorf("%q, %v", answer, err)
			}
		})
	}
}

// A learner that logs in is served.
func TestLearnerLogsIn(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(c *peer.QuorumConfig) { c.Security = withSASL(nil) })
	p.say(quorum.Packet{Type: quorum.Ping, Zxid: 5})
	if got := p.learner.packet(); got.Zxid != 5 {
		t.Errorf("%+v", got)
	}
	p.link.Send(zab.Message{Packet: quorum.Packet{Type: quorum.FollowerInfo, Data: quorum.NewLearnerInfo(2, 0).AppendTo(nil)}})
	p.link.Flush()
	if got := p.leader.packet(); got.Type != quorum.FollowerInfo {
		t.Errorf("%+v", got)
	}
}
