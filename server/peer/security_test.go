package peer_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zookit/protocol/certs"
	"zookit/protocol/certs/certtest"
	"zookit/protocol/quorum"
	"zookit/server/election"
	"zookit/server/peer"
	"zookit/server/zab"
)

// lines are what connections log, one after the other.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}

func (l lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// secured is TLS from these files.
func secured(t *testing.T, f certs.Files, tell ...func(error)) *peer.Security {
	t.Helper()
	keys, err := certs.Open(f, append(tell, nil)[0])
	if err != nil {
		t.Fatal(err)
	}
	return &peer.Security{Keys: keys, Timeout: patience}
}

func pemFiles(id *certtest.Identity, ca *certtest.CA) certs.Files {
	return certs.Files{Key: certs.Store{File: id.PEM}, Trust: certs.Store{File: ca.PEM}}
}

// meet lets server 2 call server 1, and waits for what is to come of it: a
// notification when want is "", else a line with it in the log of either.
func meet(t *testing.T, one, two *peer.Security, want string, hosts ...string) {
	t.Helper()
	e := newEnsemble(t, 2)
	for i, h := range hosts {
		e.config.Members[i].Addresses[0].Host = h
	}
	log := make(lines, 64)
	with := func(s *peer.Security) func(*peer.ConnectionsConfig) {
		return func(c *peer.ConnectionsConfig) { c.Security, c.Log = s, log.logger() }
	}
	called, caller := e.connections(1, with(one)), e.connections(2, with(two))
	go func() {
		for range caller.Events() {
		}
	}()
	caller.Send(election.Message{To: 1, Notification: &quorum.Notification{}})
	said := ""
	late := time.After(patience)
	for {
		select {
		case ev := <-called.Events():
			if _, ok := ev.(election.Received); ok {
				if want != "" {
					t.Error("the notification came")
				}
				return
			}
		case line := <-log:
			if said += line; want == "" || strings.Contains(line, want) {
				if want == "" {
					t.Error(line)
				}
				return
			}
		case <-late:
			t.Fatalf("waited in vain for %q; the logs: %s", want, said)
		}
	}
}

// Who gets in by TLS on the election port, and what is said of the others.
func TestCVE2026_24281PeerCertificates(t *testing.T) {
	t.Parallel()
	ca, other := certtest.NewCA(t, "ca"), certtest.NewCA(t, "other")
	here := []string{"127.0.0.1", "localhost"}
	good := ca.Issue(t, certtest.Subject{Name: "good", Hosts: here})
	issue := func(s certtest.Subject) *certtest.Identity {
		s.Name = "two"
		return ca.Issue(t, s)
	}
	now := time.Now()
	elsewhere := issue(certtest.Subject{Hosts: []string{"elsewhere.example", "10.1.2.3"}})
	commonName := ca.Issue(t, certtest.Subject{Name: "localhost"})
	expired := issue(certtest.Subject{Hosts: here, NotAfter: now.Add(-time.Minute)})
	early := issue(certtest.Subject{Hosts: here, NotBefore: now.Add(time.Minute)})
	serverOnly := issue(certtest.Subject{Hosts: here, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	foreign := other.Issue(t, certtest.Subject{Name: "foreign", Hosts: here})

	tlsOf := func(id *certtest.Identity) *peer.Security { return secured(t, pemFiles(id, ca)) }
	trustsBoth := func() *peer.Security { return secured(t, pemFiles(good, other)) }
	changed := func(s *peer.Security, change func(*peer.Security)) *peer.Security { change(s); return s }
	password := certs.Secret(certtest.Password)
	both := func(s *peer.Security) { s.Plain = true }
	for _, c := range []struct {
		name     string
		one, two *peer.Security
		hosts    []string
		want     string // of the log; "" for a notification
	}{
		{name: "both", one: tlsOf(good), two: tlsOf(good)},
		{name: "PKCS12 and JKS", one: secured(t, certs.Files{Key: certs.Store{File: good.P12, Password: password}, Trust: certs.Store{File: ca.JKS, Password: password}}),
			two: secured(t, certs.Files{Key: certs.Store{File: good.JKS, Password: password}, Trust: certs.Store{File: ca.P12, Password: password}})},
		{name: "TLS 1.2", one: tlsOf(good), two: secured(t, certs.Files{Key: certs.Store{File: good.PEM}, Trust: certs.Store{File: ca.PEM}, Versions: []string{"TLSv1.2"}})},
		{name: "by name", one: tlsOf(good), two: tlsOf(good), hosts: []string{"localhost", "localhost"}},
		{name: "both kinds of callers, TLS", one: changed(tlsOf(good), both), two: tlsOf(good)},
		{name: "both kinds of callers, none", one: changed(tlsOf(good), both), two: changed(tlsOf(good), func(s *peer.Security) { s.DialPlain = true })},
		{name: "any name", one: changed(tlsOf(elsewhere), func(s *peer.Security) { s.AnyCaller = true }), two: changed(tlsOf(elsewhere), func(s *peer.Security) { s.AnyServer = true })},

		{name: "a caller with another's certificate", one: tlsOf(good), two: tlsOf(elsewhere), want: `claims to be server 2, whose host is 127.0.0.1, but its certificate is for [\"elsewhere.example\" \"10.1.2.3\"]`},
		{name: "a caller with a common name alone", one: tlsOf(good), two: tlsOf(commonName), hosts: []string{"localhost", "localhost"}, want: "its certificate is for no host"},
		{name: "a called one with another's certificate", one: tlsOf(elsewhere), two: tlsOf(good), want: "not 127.0.0.1"},
		{name: "a called one with a common name alone", one: tlsOf(commonName), two: tlsOf(good), hosts: []string{"localhost", "localhost"}, want: "Common Name"},
		{name: "an expired caller", one: tlsOf(good), two: tlsOf(expired), want: "expired"},
		{name: "an expired called one", one: tlsOf(expired), two: tlsOf(good), want: "expired"},
		{name: "a caller before its time", one: tlsOf(good), two: tlsOf(early), want: "not yet valid"},
		{name: "a called one before its time", one: tlsOf(early), two: tlsOf(good), want: "not yet valid"},
		{name: "a caller that is only a server", one: tlsOf(good), two: tlsOf(serverOnly), want: "incompatible key usage"},
		{name: "a caller of another authority", one: tlsOf(good), two: tlsOf(foreign), want: "unknown authority"},
		{name: "a called one of another authority", one: tlsOf(good), two: trustsBoth(), want: "unknown authority"},
		{name: "a caller without TLS", one: tlsOf(good), want: "it does not speak TLS, which sslQuorum asks for"},
		{name: "a called one without TLS", two: tlsOf(good), want: "it speaks TLS, which this server does not"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			meet(t, c.one, c.two, c.want, c.hosts...)
		})
	}
}

// A caller that stalls in the handshake, or shows no certificate, is closed; it
// holds nobody up.
func TestStalledHandshake(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	id := ca.Issue(t, certtest.Subject{Name: "id", Hosts: []string{"127.0.0.1"}})
	s := secured(t, pemFiles(id, ca))
	s.Timeout = 50 * time.Millisecond
	ports := map[string]func(t *testing.T) net.Addr{
		"election port": func(t *testing.T) net.Addr {
			e := newEnsemble(t, 2)
			e.connections(1, func(c *peer.ConnectionsConfig) { c.Security = s })
			return e.listeners[1].Addr()
		},
		"quorum port": func(t *testing.T) net.Addr {
			ln := listenLoopback(t)
			l := peer.NewLearners(peer.QuorumConfig{Security: s, Deliver: func(_ *peer.Inbox, ev zab.Event) { t.Errorf("%#v", ev) }}, ln)
			t.Cleanup(l.Close)
			return ln.Addr()
		},
	}
	for port, open := range ports {
		for name, first := range map[string]string{"silent": "", "half a handshake": "\x16\x03\x01\x02\x00\x01", "no certificate": "TLS"} {
			t.Run(port+", "+name, func(t *testing.T) {
				t.Parallel()
				c, err := net.Dial("tcp", open(t).String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(patience))
				var in io.Reader = c
				if first == "TLS" {
					in = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				} else if _, err := io.WriteString(c, first); err != nil {
					t.Fatal(err)
				}
				n, err := in.Read(make([]byte, 100))
				var late net.Error
				if n > 0 && !bytes.HasPrefix([]byte(first), []byte{0x16}) || errors.As(err, &late) && late.Timeout() {
					t.Errorf("read %d bytes, %v", n, err)
				}
			})
		}
	}
}

// On the quorum port the core hears of nobody who has not shown a certificate,
// and a member's certificate is good for its own id alone.
func TestMemberClaimsAnotherID(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	leader := ca.Issue(t, certtest.Subject{Name: "leader", Hosts: []string{"127.0.0.1"}})
	second := ca.Issue(t, certtest.Subject{Name: "two", Hosts: []string{"two.example"}})
	hosts := map[int64][]string{2: {"two.example"}, 3: {"three.example"}}
	for _, c := range []struct {
		name string
		sid  int64
		in   bool
	}{{"its own", 2, true}, {"another's", 3, false}, {"one without a server line", 77, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSink(t)
			log := make(lines, 16)
			ln := listenLoopback(t)
			l := peer.NewLearners(peer.QuorumConfig{Deliver: s.deliver, Security: secured(t, pemFiles(leader, ca)), Logger: log.logger(),
				Hosts: func(sid int64) []string { return hosts[sid] }}, ln)
			defer l.Close()
			learner := newSink(t)
			link := peer.DialLeader(peer.QuorumConfig{Deliver: learner.deliver, Security: secured(t, pemFiles(second, ca))}, linkID, []string{ln.Addr().String()})
			defer link.Close()
			learner.next()
			link.Send(zab.Message{Packet: quorum.Packet{Type: quorum.FollowerInfo, Data: quorum.NewLearnerInfo(c.sid, 0).AppendTo(nil)}})
			link.Flush()
			up := s.next().(zab.Connected)
			switch ev := s.next().(type) {
			case zab.Received:
				if !c.in {
					t.Errorf("server %d was let in", c.sid)
				}
			default:
				if c.in || ev != zab.Event(zab.Disconnected(up)) {
					t.Errorf("%#v", ev)
				} else if line := <-log; !strings.Contains(line, "claims to be server 3") {
					t.Errorf("the log says %q", line)
				}
			}
		})
	}
}

// Files that are replaced are taken for the next connection; those that stand
// are not touched.
func TestReplacedCertificates(t *testing.T) {
	t.Parallel()
	var told sync.WaitGroup
	told.Add(1)
	ca := certtest.NewCA(t, "ca")
	old := ca.Issue(t, certtest.Subject{Name: "old", Hosts: []string{"127.0.0.1"}})
	f := pemFiles(old, ca)
	f.Reload = true
	s := secured(t, f, func(err error) {
		if err != nil {
			t.Error(err)
		}
		told.Done()
	})
	p := newPair(t, func(c *peer.QuorumConfig) { c.Security = s })
	fresh := ca.Issue(t, certtest.Subject{Name: "new", Hosts: []string{"127.0.0.1"}})
	replace(t, old.PEM, fresh.PEM)
	for s.Keys.Leaf().Subject.CommonName != "new" {
		time.Sleep(10 * time.Millisecond)
	}
	told.Wait()
	p.say(quorum.Packet{Type: quorum.Ping, Zxid: 5})
	if got := p.learner.packet(); got.Zxid != 5 {
		t.Errorf("the connection from before got %+v", got)
	}
}

// replace puts a copy of a file in the place of another, in one step.
func replace(t *testing.T, name, by string) {
	t.Helper()
	b, err := os.ReadFile(by)
	if err == nil {
		err = errors.Join(os.WriteFile(name+".new", b, 0o600), os.Rename(name+".new", name))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Who was let in under an id without a server line is looked at again when there
// is one: on the quorum port, and on the election port.
func TestIDGetsAServerLine(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "ca")
	here := ca.Issue(t, certtest.Subject{Name: "here", Hosts: []string{"127.0.0.1"}})
	for host, stays := range map[string]bool{"127.0.0.1": true, "three.example": false} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			var line atomic.Pointer[string]
			s := newSink(t)
			ln := listenLoopback(t)
			l := peer.NewLearners(peer.QuorumConfig{Deliver: s.deliver, Security: secured(t, pemFiles(here, ca)), Hosts: func(int64) (list []string) {
				if h := line.Load(); h != nil {
					list = append(list, *h)
				}
				return list
			}}, ln)
			defer l.Close()
			learner := newSink(t)
			link := peer.DialLeader(peer.QuorumConfig{Deliver: learner.deliver, Security: secured(t, pemFiles(here, ca))}, linkID, []string{ln.Addr().String()})
			defer link.Close()
			learner.next()
			up := s.next().(zab.Connected)
			say := func() {
				link.Send(zab.Message{Packet: quorum.Packet{Type: quorum.FollowerInfo, Data: quorum.NewLearnerInfo(3, 0).AppendTo(nil)}})
				link.Flush()
			}
			say()
			s.packet()
			line.Store(&host)
			l.Review()
			if stays {
				say()
				s.packet()
			} else if ev := s.next(); ev != zab.Event(zab.Disconnected(up)) {
				t.Errorf("%#v", ev)
			}
		})
	}

	e := newEnsemble(t, 3)
	with := func(c *peer.ConnectionsConfig) { c.Security = secured(t, pemFiles(here, ca)) }
	all := e.config
	e.config = &quorum.Config{Members: all.Members[:1]}
	called := e.connections(1, with)
	e.config = all
	caller := e.connections(3, with)
	caller.Send(election.Message{To: 1, Notification: &quorum.Notification{}})
	for got := false; !got; {
		_, got = (<-called.Events()).(election.Received)
	}
	moved := *all
	moved.Members = append([]quorum.Member(nil), all.Members...)
	moved.Members[2].Addresses = []quorum.Address{{Host: "three.example", QuorumPort: 1, ElectionPort: 2}}
	called.Reconfigure(&moved, nil)
	for len(called.Connected()) > 0 {
		time.Sleep(time.Millisecond)
	}
}
