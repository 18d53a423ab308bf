package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
)

func TestRequestsWithoutServer(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(p *peer) {
		p.welcome()
		r := p.expect(protocol.OpSetData)
		p.reply(r, 9, protocol.OK, &protocol.StatResponse{})
		p.expect(protocol.OpDelete) // and no reply
	}, closing)
	s := open(t, Options{Servers: f.addr()})
	if _, err := s.Set(bounded(t), "/a", nil, -1); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(bounded(t), "/a", -1); !isLoss(err, true) {
		t.Errorf("lost after sending: %v", err)
	} else if !strings.HasPrefix(err.Error(), "KeeperErrorCode = ConnectionLoss for /a (the outcome is unknown: the server closed the connection)") {
		t.Errorf("text: %v", err)
	}
	err := s.Delete(bounded(t), "/a", -1)
	var all *ConnectError
	if !isLoss(err, false) || !errors.As(err, &all) || !strings.Contains(err.Error(), f.addr()+": it closed the connection") {
		t.Errorf("no server: %v", err)
	}
	if !strings.Contains(err.Error(), "holds less than this session has seen (zxid 0x9)") {
		t.Errorf("a server that is behind is not named as a cause: %v", err)
	}
}

// What a new connection gets: the session as it was, then the identities, then
// the watches, and only then requests.
func TestReconnectOrder(t *testing.T) {
	t.Parallel()
	drop := make(chan struct{})
	f := newFake(t, func(p *peer) {
		if r := p.welcome(); r.Session != 0 || r.LastZxidSeen != 0 || r.TimeoutMs != 40000 || !r.HasReadOnly || r.ReadOnly {
			p.t.Errorf("first connect request: %+v", r)
		}
		p.reply(p.expect(protocol.OpAuth), 0, protocol.OK)
		p.reply(p.expect(protocol.OpGetData), 7, protocol.OK, &protocol.GetDataResponse{})
		p.reply(p.expect(protocol.OpExists), 7, protocol.NoNode)
		p.reply(p.expect(protocol.OpGetChildren2), 8, protocol.OK, &protocol.GetChildren2Response{})
		p.reply(p.expect(protocol.OpAddWatch), 8, protocol.OK, &protocol.ErrorResponse{})
		p.reply(p.expect(protocol.OpExists), 8, protocol.OK, &protocol.StatResponse{})
		<-drop
	}, func(p *peer) {
		if r := p.welcome(); r.Session != 0x77 || string(r.Password) != "0123456789abcdef" || r.LastZxidSeen != 8 || r.TimeoutMs != 40000 {
			p.t.Errorf("second connect request: %+v", r)
		}
		auth := p.expect(protocol.OpAuth)
		var id protocol.AuthRequest
		auth.decode(p.t, &id)
		if id.Scheme != "digest" || string(id.Auth) != "u:p" {
			p.t.Errorf("identity: %+v", id)
		}
		p.reply(auth, 0, protocol.OK)
		set := p.expect(protocol.OpSetWatches2)
		var w protocol.SetWatches2Request
		set.decode(p.t, &w)
		if got := fmt.Sprintf("%d %v %v %v %v %v", w.RelativeZxid, w.Data, w.Exist, w.Child, w.Persistent, w.PersistentRecursive); got != "8 [/c/d /c/p] [/c/e] [/c /c/p] [/c/p] []" {
			p.t.Errorf("watches: %s", got)
		}
		p.notify(protocol.EventNodeDeleted, "/c/p", -1)
		p.notify(protocol.EventNodeDeleted, "/c/p", -1)
		p.reply(set, 12, protocol.OK)
		p.serve()
	})
	ctx := bounded(t)
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr() + "/c", SessionTimeout: 40 * time.Second, OnEvent: rec.add})
	if err := s.AddAuth(ctx, "digest", []byte("u:p")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(ctx, "/d", true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exists(ctx, "/e", true); !errors.Is(err, protocol.NoNode) {
		t.Fatal(err)
	}
	if _, _, err := s.Children(ctx, "/", true); err != nil {
		t.Fatal(err)
	}
	if err := s.AddWatch(ctx, "/p", false); err != nil {
		t.Fatal(err)
	}
	close(drop)
	rec.await(t, "SyncConnected", "Disconnected", "SyncConnected", "NodeDeleted /p")
	if _, _, err := s.Get(ctx, "/d", false); err != nil {
		t.Error(err)
	}
	rec.none(t)
}

func TestRefusedIdentity(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpAuth), 0, protocol.AuthFailed)
	}, func(p *peer) {
		if r := p.welcome(); r.Session != 0x77 {
			p.t.Errorf("session %v", r.Session)
		}
		p.reply(p.expect(protocol.OpAuth), 0, protocol.OK) // the second AddAuth, not the refused one
	}, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpAuth), 0, protocol.AuthFailed) // no longer
	}, good)
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr(), OnEvent: rec.add})
	if err := s.AddAuth(bounded(t), "digest", []byte("bad")); !errors.Is(err, protocol.AuthFailed) {
		t.Errorf("got %v", err)
	}
	if err := s.AddAuth(bounded(t), "digest", []byte("good")); err != nil {
		t.Errorf("the session did not go on: %v", err)
	}
	rec.await(t, "SyncConnected", "Disconnected", "SyncConnected", "Disconnected", "SyncConnected", "AuthFailed",
		"note: the server refused the session's digest identity (AuthFailed); the session goes on without it", "Disconnected", "SyncConnected")
	if _, _, err := s.Get(bounded(t), "/a", false); err != nil {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	f := newFake(t, func(p *peer) {
		if r := p.answer(protocol.ConnectResponse{TimeoutMs: 30000, ReadOnly: true}); !r.ReadOnly {
			p.t.Errorf("connect request: %+v", r)
		}
		p.reply(p.expect(protocol.OpCreate2), 3, protocol.NotReadOnly)
		<-hold
	}, func(p *peer) {
		if r := p.answer(protocol.ConnectResponse{TimeoutMs: 30000, Session: 0x99}); r.Session != 0 {
			p.t.Errorf("the session of a read-only server was taken along: %+v", r)
		}
		p.serve()
	})
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr(), ReadOnly: true, OnEvent: rec.add})
	if s.State() != StateReadOnly {
		t.Error(s.State())
	}
	if _, _, err := s.Create(bounded(t), "/a", nil, protocol.OpenACL, 0, 0); !errors.Is(err, protocol.NotReadOnly) {
		t.Error(err)
	}
	close(hold)
	rec.await(t, "ConnectedReadOnly", "Disconnected", "SyncConnected")
	if s.State() != StateConnected || s.SessionID() != 0x99 {
		t.Errorf("%v %v", s.State(), s.SessionID())
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	drop, expire := make(chan struct{}), make(chan struct{})
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpCreate2), 3, protocol.OK, &protocol.Create2Response{Path: "/e0000000001"})
		p.reply(p.expect(protocol.OpGetData), 3, protocol.OK, &protocol.GetDataResponse{})
		<-drop
	}, func(p *peer) {
		<-expire
		p.answer(protocol.ConnectResponse{})
	}, func(p *peer) {
		if r := p.answer(protocol.ConnectResponse{TimeoutMs: 30000, Session: 0x88}); r.Session != 0 || r.LastZxidSeen != 0 {
			p.t.Errorf("the new session began with %+v", r)
		}
		p.serve()
	})
	ctx := bounded(t)
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr(), ConnectTimeout: 30 * time.Second, OnEvent: rec.add})
	if p, _, err := s.Create(ctx, "/e", nil, protocol.OpenACL, protocol.FlagEphemeralSequential, 0); err != nil || p != "/e0000000001" {
		t.Fatal(p, err)
	}
	if _, _, err := s.Get(ctx, "/w", true); err != nil {
		t.Fatal(err)
	}
	close(drop)
	rec.await(t, "SyncConnected", "Disconnected")
	failed := make(chan error)
	go func() {
		_, err := s.Set(ctx, "/a", nil, -1)
		failed <- err
	}()
	awaitWaiting(t, s)
	close(expire)
	if err := <-failed; !errors.Is(err, protocol.SessionExpired) {
		t.Errorf("a request of the old session: %v", err)
	}
	rec.await(t, "Expired lost=[/e0000000001] watches=[/w (data)]", "SyncConnected")
	if _, err := s.Set(ctx, "/a", nil, -1); err != nil || s.SessionID() != 0x88 {
		t.Errorf("in the new session %v: %v", s.SessionID(), err)
	}
	if len(s.Watches())+len(s.Ephemerals()) > 0 {
		t.Error("the new session remembers the old one's watches or ephemerals")
	}
}

// An event before 3.9 has no zxid. The ping behind it tells that the change has
// been seen, so that a lasting watch does not show it again.
func TestPingAfterEvent(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpAddWatch), 1, protocol.OK, &protocol.ErrorResponse{})
		p.reply(p.expect(protocol.OpExists), 1, protocol.OK, &protocol.StatResponse{})
		p.notify(protocol.EventNodeDataChanged, "/p", -1)
		packet, err := p.frames.Next()
		if err != nil || len(packet) != 8 || packet[7] != byte(protocol.OpPing) {
			p.t.Errorf("after the event came %x, %v", packet, err)
		}
		p.send(&protocol.ReplyHeader{Xid: protocol.XidPing, Zxid: 6})
	}, func(p *peer) {
		if r := p.welcome(); r.LastZxidSeen != 6 {
			p.t.Errorf("last zxid %v", r.LastZxidSeen)
		}
		set := p.expect(protocol.OpSetWatches2)
		var w protocol.SetWatches2Request
		if set.decode(p.t, &w); w.RelativeZxid != 6 {
			p.t.Errorf("relative zxid %v", w.RelativeZxid)
		}
		p.reply(set, 6, protocol.OK)
		p.serve()
	})
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr(), OnEvent: rec.add})
	if err := s.AddWatch(bounded(t), "/p", false); err != nil {
		t.Fatal(err)
	}
	rec.await(t, "SyncConnected", "NodeDataChanged /p", "Disconnected", "SyncConnected")
	if _, _, err := s.Get(bounded(t), "/a", false); err != nil {
		t.Error(err)
	}
	rec.none(t)
}

// Watches on a server that does not know them, or does not take them back, are
// no reason to end the session.
func TestWatchesNotTakenBack(t *testing.T) {
	t.Parallel()
	drop := make(chan struct{})
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpAddWatch), 1, protocol.OK, &protocol.ErrorResponse{})
		p.reply(p.expect(protocol.OpExists), 1, protocol.NoAuth)
		p.reply(p.expect(protocol.OpGetData), 1, protocol.OK, &protocol.GetDataResponse{})
		<-drop
	}, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpSetWatches2), 1, protocol.Unimplemented)
	}, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpSetWatches), 1, protocol.MarshallingError)
		p.serve()
	})
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr(), OnEvent: rec.add})
	if err := s.AddWatch(bounded(t), "/p", false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(bounded(t), "/d", true); err != nil {
		t.Fatal(err)
	}
	close(drop)
	rec.await(t, "SyncConnected", "Disconnected", "SyncConnected",
		"note: "+f.addr()+" knows no persistent watches (it is older than 3.6); they are gone: /p", "Disconnected",
		"SyncConnected", "note: the server did not take the watches back (MarshallingError): /d")
	if _, _, err := s.Get(bounded(t), "/a", false); err != nil {
		t.Error(err)
	}
}

// awaitWaiting returns when a request waits for a connection.
func awaitWaiting(t *testing.T, s *Session) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		s.c.mu.Lock()
		n := s.c.waiting
		s.c.mu.Unlock()
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no request waits")
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	asked, late := make(chan struct{}), make(chan struct{})
	f := newFake(t, func(p *peer) {
		p.welcome()
		r := p.expect(protocol.OpGetData)
		close(asked)
		<-late
		p.reply(r, 3, protocol.OK, &protocol.GetDataResponse{})
		p.notify(protocol.EventNodeDataChanged, "/w", 4)
		p.serve()
	})
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr(), OnEvent: rec.add})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	_, _, err := s.Get(ctx, "/w", true)
	var canceled *CanceledError
	if !errors.As(err, &canceled) || !canceled.Sent || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(late)
	// The watch was set although nobody waited for the reply.
	rec.await(t, "SyncConnected", "NodeDataChanged /w")
	if _, _, err := s.Get(bounded(t), "/a", false); err != nil {
		t.Error(err)
	}
	if _, _, err = s.Get(ctx, "/w", true); !errors.As(err, &canceled) || canceled.Sent {
		t.Errorf("with a dead context: %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	f := newFake(t, good)
	s := open(t, Options{Servers: f.addr(), MaxBuffer: 1000})
	overhead := 8 + 4 + len("/a") + 4 + 4
	if _, err := s.Set(bounded(t), "/a", make([]byte, 1000-overhead), -1); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := s.Set(bounded(t), "/a", make([]byte, 1001-overhead), -1)
	var large *TooLargeError
	if !errors.As(err, &large) || large.Size != 1001 || !strings.Contains(err.Error(), "more than the 1000 of jute.maxbuffer") {
		t.Errorf("got %v", err)
	}
	if _, _, err := s.Get(bounded(t), "no-slash", false); err == nil || err.Error() != "Path must start with / character" {
		t.Errorf("bad path: %v", err)
	}
}

// Old servers answer unknown operations with Unimplemented and close.
func TestCreateWithoutStat(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpCreate2), -1, protocol.Unimplemented)
	}, func(p *peer) {
		p.welcome()
		for range 2 {
			p.reply(p.expect(protocol.OpCreate), 4, protocol.OK, &protocol.PathResponse{Path: "/a"})
		}
		p.serve()
	})
	s := open(t, Options{Servers: f.addr()})
	for range 2 {
		if p, st, err := s.Create(bounded(t), "/a", nil, protocol.OpenACL, 0, 0); p != "/a" || st != nil || err != nil {
			t.Errorf("%q %v %v", p, st, err)
		}
	}
}

// Bytes that are no reply cost the connection or one request, never the
// process.
func TestBadReplies(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpGetData), 4, protocol.OK) // no body
		p.reply(request{RequestHeader: protocol.RequestHeader{Xid: 0x7fffffff}}, 4, protocol.OK)
		p.reply(request{RequestHeader: protocol.RequestHeader{Xid: 99}}, 4, protocol.OK)
		p.reply(p.expect(protocol.OpGetData), 4, -999)
		p.expect(protocol.OpSetData)
		p.send(&protocol.RequestHeader{Xid: -1}) // a header cut short
	}, func(p *peer) {
		p.welcome()
		p.expect(protocol.OpSetData)
		p.send(&protocol.ReplyHeader{Xid: -1}) // an event without a body
	}, func(p *peer) {
		p.welcome()
		p.expect(protocol.OpSetData)
		_, _ = p.conn.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}, func(p *peer) {
		p.welcome()
		p.expect(protocol.OpSetData)
		p.send(&protocol.ReplyHeader{Xid: 5}, &protocol.SetDataRequest{Data: make([]byte, forwardLimit)})
	}, good)
	s := open(t, Options{Servers: f.addr()})
	get := func() error {
		_, _, err := s.Get(bounded(t), "/a", false)
		return err
	}
	var bad *ReplyError
	if err := get(); !errors.As(err, &bad) {
		t.Errorf("a reply without its body: %v", err)
	}
	if err := get(); !errors.Is(err, protocol.Code(-999)) {
		t.Errorf("an unknown code: %v", err)
	}
	for range 4 {
		if _, err := s.Set(bounded(t), "/a", nil, -1); !isLoss(err, true) {
			t.Errorf("after garbage: %v", err)
		}
	}
	if err := get(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A server that falls silent is given up after two thirds of the session
// timeout, though its socket stays open.
func TestSilence(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(p *peer) {
		p.answer(protocol.ConnectResponse{TimeoutMs: 150})
		for {
			if _, err := p.frames.Next(); err != nil {
				return
			}
		}
	}, good)
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr(), OnEvent: rec.add})
	_, err := s.Set(bounded(t), "/a", nil, -1)
	if !isLoss(err, true) || !strings.Contains(err.Error(), "was silent for 100ms") {
		t.Errorf("got %v", err)
	}
	rec.await(t, "SyncConnected", "Disconnected", "SyncConnected")
}

// A read whose connection is lost is sent once more, a write never.
func TestReadsAreRepeated(t *testing.T) {
	t.Parallel()
	lose := func(op protocol.OpCode) func(*peer) {
		return func(p *peer) { p.welcome(); p.expect(op) }
	}
	f := newFake(t, lose(protocol.OpGetData), func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpGetData), 4, protocol.OK, &protocol.GetDataResponse{Data: []byte("x")})
		p.expect(protocol.OpSetData)
	}, lose(protocol.OpSync), lose(protocol.OpSync), good)
	s := open(t, Options{Servers: f.addr()})
	if data, _, err := s.Get(bounded(t), "/a", false); err != nil || string(data) != "x" {
		t.Errorf("a read lost once: %q, %v", data, err)
	}
	var loss *ConnectionLossError
	if _, err := s.Set(bounded(t), "/a", nil, -1); !errors.As(err, &loss) || !loss.OutcomeUnknown() {
		t.Errorf("a write: %v", err)
	}
	if err := s.Sync(bounded(t), "/a"); !errors.As(err, &loss) || !loss.Sent || loss.OutcomeUnknown() {
		t.Errorf("a read lost twice: %v", err)
	}
	if err := s.Close(bounded(t)); err != nil {
		t.Error(err)
	}
}

// A slow receiver of events holds up neither requests nor other events.
func TestEventsInOrder(t *testing.T) {
	t.Parallel()
	const n = 1000
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpAddWatch), 1, protocol.OK, &protocol.ErrorResponse{})
		p.reply(p.expect(protocol.OpExists), 1, protocol.NoNode)
		for i := range n {
			p.notify(protocol.EventNodeCreated, fmt.Sprintf("/r/%d", i), protocol.Zxid(i+2))
		}
		p.serve()
	})
	release := make(chan struct{})
	var mu sync.Mutex
	var got []string
	all := make(chan struct{})
	s := open(t, Options{Servers: f.addr(), OnEvent: func(ev Event) {
		if ev.Type == protocol.EventNone {
			return
		}
		<-release
		mu.Lock()
		defer mu.Unlock()
		if got = append(got, fmt.Sprintf("%s %d", ev.Path, ev.Zxid)); len(got) == n {
			close(all)
		}
	}})
	if err := s.AddWatch(bounded(t), "/r", true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(bounded(t), "/a", false); err != nil { // its reply comes after all events
		t.Fatal(err)
	}
	close(release)
	<-all
	mu.Lock()
	defer mu.Unlock()
	for i, line := range got {
		if want := fmt.Sprintf("/r/%d %d", i, i+2); line != want {
			t.Fatalf("event %d is %q, want %q", i, line, want)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	f := newFake(t, good)
	rec := newRecorder()
	s := open(t, Options{Servers: f.addr(), OnEvent: rec.add})
	if err := s.Close(bounded(t)); err != nil {
		t.Error(err)
	}
	rec.await(t, "SyncConnected", "Closed")
	if s.State() != StateClosed || s.Server() != "" {
		t.Errorf("%v at %q", s.State(), s.Server())
	}
	if _, _, err := s.Get(bounded(t), "/a", false); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Close(bounded(t)); err != nil {
		t.Errorf("second Close: %v", err)
	}

	// A server that does not answer cannot hold Close up; a request that was
	// on its way gets an answer.
	asked := make(chan struct{})
	frozen := newFake(t, func(p *peer) { p.welcome(); _, _ = p.next(); close(asked); _, _ = p.next(); _, _ = p.next() })
	s = open(t, Options{Servers: frozen.addr()})
	failed := make(chan error)
	go func() {
		_, _, err := s.Create(context.Background(), "/a", nil, protocol.OpenACL, protocol.FlagEphemeral, 0)
		failed <- err
	}()
	<-asked
	if err := s.Close(bounded(t)); err == nil || !strings.Contains(err.Error(), "closing session 0x77: the server did not confirm it") {
		t.Errorf("frozen server: %v", err)
	}
	if err := <-failed; !isLoss(err, true) {
		t.Errorf("a request under way: %v", err)
	}

	// Nor can the lack of a server.
	s, err := Dial(context.Background(), Options{Servers: deadPort(t), Background: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(bounded(t)); err != nil {
		t.Errorf("never connected: %v", err)
	}
}

func TestRequestsOfManyGoroutines(t *testing.T) {
	t.Parallel()
	f := newFake(t, good)
	s := open(t, Options{Servers: f.addr()})
	var wg sync.WaitGroup
	errs := make(chan error, 32)
	for range 32 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 50 {
				if _, _, err := s.Get(context.Background(), "/a", false); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	wg.Wait()
	close(errs)
	if all := slices.Collect(chanValues(errs)); len(all) > 0 {
		t.Error(all)
	}
}

func chanValues(ch <-chan error) func(func(error) bool) {
	return func(yield func(error) bool) {
		for err := range ch {
			if !yield(err) {
				return
			}
		}
	}
}
