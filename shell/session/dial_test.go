package session

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
)

// deadPort is an address on which nobody listens.
func deadPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func dialError(t *testing.T, o Options) *ConnectError {
	t.Helper()
	s, err := Dial(bounded(t), o)
	var failed *ConnectError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, %v; want a *ConnectError", s, err)
	}
	if !errors.Is(err, protocol.ConnectionLoss) {
		t.Errorf("%v does not match ConnectionLoss", err)
	}
	return failed
}

func TestDialNamesEachHost(t *testing.T) {
	t.Parallel()
	dead := deadPort(t)
	closes := newFake(t, closing)
	web := newFake(t, func(p *peer) {
		_, _ = p.frames.Next()
		_, _ = p.conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	})
	readOnly := newFake(t, func(p *peer) {
		_, _ = p.frames.Next()
		p.send(&protocol.ReplyHeader{Err: protocol.NotReadOnly})
	})
	refuses := newFake(t, func(p *peer) { p.answer(protocol.ConnectResponse{}) })
	servers := strings.Join([]string{dead, "nosuchhost.invalid:2181", closes.addr(), web.addr(), readOnly.addr(), refuses.addr()}, ",")
	err := dialError(t, Options{Servers: servers, ConnectTimeout: 30 * time.Second})
	want := []string{"connection refused", "nosuchhost.invalid", "closed the connection without an answer",
		"does not answer as a ZooKeeper server", "Not a read-only call", "refused to open a session"}
	for i, w := range want {
		if err.Hosts[i].Err == nil || !strings.Contains(err.Hosts[i].Err.Error(), w) {
			t.Errorf("%s: got %v, want %q", err.Hosts[i].Server, err.Hosts[i].Err, w)
		}
	}
	for _, f := range []*fake{closes, web, readOnly, refuses} {
		if n := f.accepted(); n < 2 {
			t.Errorf("%s was tried %d times before giving up", f.addr(), n)
		}
	}
}

func TestDialTriesEveryHost(t *testing.T) {
	t.Parallel()
	f := newFake(t, good)
	for range 4 { // the order is random
		s := open(t, Options{Servers: deadPort(t) + "," + f.addr() + "," + deadPort(t)})
		if s.Server() != f.addr() || s.State() != StateConnected {
			t.Errorf("at %q, %v", s.Server(), s.State())
		}
	}
}

func TestDialGivesUpOnSilence(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(p *peer) { _, _ = p.next(); _, _ = p.next() })
	err := dialError(t, Options{Servers: f.addr(), ConnectTimeout: 200 * time.Millisecond})
	if err.Hosts[0].Err == nil || !strings.Contains(err.Hosts[0].Err.Error(), "no answer within") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, canceled := Dial(ctx, Options{Servers: f.addr()})
	if !errors.Is(canceled, context.Canceled) || !errors.As(canceled, &err) {
		t.Errorf("canceled: %v", canceled)
	}
}

// With KeepTrying a server that comes up late is still found.
func TestDialKeepsTrying(t *testing.T) {
	t.Parallel()
	f := newFake(t, closing, closing, closing, good)
	s := open(t, Options{Servers: f.addr(), KeepTrying: true})
	if s.State() != StateConnected {
		t.Error(s.State())
	}
}

func TestBackgroundDial(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	f := newFake(t, func(p *peer) { <-hold; good(p) })
	s := open(t, Options{Servers: f.addr(), Background: true})
	if s.State() != StateConnecting || s.Server() != "" {
		t.Errorf("%v at %q", s.State(), s.Server())
	}
	close(hold)
	if data, _, err := s.Get(bounded(t), "/a", false); err != nil || string(data) != "x" {
		t.Errorf("%q %v", data, err)
	}
}

func TestParseServers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, addrs, chroot, fault string
	}{
		{"h", "h:2181", "", ""},
		{"h:1,k:2/a/b", "h:1 k:2", "/a/b", ""},
		{" h:1 , k ", "h:1 k:2181", "", ""},
		{"h/", "h:2181", "", ""},
		{"[::1]:5,::1,[fe80::1]", "[::1]:5 [::1]:2181 [fe80::1]:2181", "", ""},
		{"h,h:2181", "h:2181", "", ""},
		{"h:abc", "", "", `the port "abc" of "h:abc" is not a number from 1 to 65535`},
		{"h:0", "", "", `the port "0"`},
		{"h:65536", "", "", `the port "65536"`},
		{"h:", "", "", `the port ""`},
		{":1", "", "", "no host"},
		{"", "", "", "names no server"},
		{"/a", "", "", "names no server"},
		{"a:1:2", "", "", "more than one colon"},
		{"[::1", "", "", "closing bracket"},
		{"[::1]x", "", "", "other than :port"},
		{"h/a/", "", "", "Path must not end with / character"},
		{"h/a//b", "", "", "empty node name"},
	}
	for _, tt := range tests {
		addrs, chroot, err := ParseServers(tt.in)
		if tt.fault != "" {
			var bad *ServersError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%q: got %v, want %q", tt.in, err, tt.fault)
			}
			continue
		}
		if err != nil || strings.Join(addrs, " ") != tt.addrs || chroot != tt.chroot {
			t.Errorf("%q: got %v %q %v", tt.in, addrs, chroot, err)
		}
	}
}

func TestChroot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ chroot, path, abs string }{
		{"", "/a", "/a"}, {"", "/", "/"}, {"/c", "/", "/c"}, {"/c", "/a", "/c/a"}, {"/c/d", "/a/b", "/c/d/a/b"},
	} {
		s := &Session{chroot: tt.chroot}
		if got := s.abs(tt.path); got != tt.abs {
			t.Errorf("%q under %q is %q, want %q", tt.path, tt.chroot, got, tt.abs)
		}
		if got := s.rel(tt.abs); got != tt.path {
			t.Errorf("%q back from %q is %q", tt.abs, tt.chroot, got)
		}
	}
	s := &Session{chroot: "/c"}
	for _, outside := range []string{"/cc", "/zookeeper/config", "/", "/b"} {
		if got := s.rel(outside); got != outside {
			t.Errorf("%q, outside the chroot, became %q", outside, got)
		}
	}
}
