package peer_test

import (
	"bytes"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/election"
	"zookit/server/peer"
)

// relisten opens the port of a server that was closed again.
func relisten(t *testing.T, e *ensemble, sid int64) net.Listener {
	t.Helper()
	m, _ := e.config.Member(sid)
	ln, err := peer.ListenElection(m, false, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln[0].Close() })
	return ln[0]
}

// The larger id dials and its connection lasts; the smaller one's is closed,
// and answered by a dial back.
func TestLargerIDDials(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3)
	m := e.connections(2)
	address := func(sid int64) string { s, _ := e.config.Member(sid); return s.Addresses[0].Election() }

	// 1 calls 2: closed, and dialled back.
	small := dialRaw(t, e.listeners[2], greeting(1, address(1)))
	small.closed("a connection of the smaller id")
	back := acceptRaw(t, e.listeners[1])
	if got := back.hello(); got.Form != quorum.InitialAddress || got.ServerID != 2 || !slices.Equal(got.Addresses, []string{address(2)}) {
		t.Errorf("greeted with %+v", got)
	}
	awaitReached(t, m, 1)

	// 2 sends to 3: it dials, says who it is, and leaves the connection to 3.
	m.Send(message(3, 1))
	call := acceptRaw(t, e.listeners[3])
	if got := call.hello(); got.ServerID != 2 {
		t.Errorf("greeted with %+v", got)
	}
	call.closed("a connection to the larger id")
	large := dialRaw(t, e.listeners[2], greeting(3, address(3)))
	if got := large.round(); got != 1 {
		t.Errorf("got round %d", got)
	}
	awaitReached(t, m, 3)

	// Messages pass in both directions on each.
	m.Send(message(1, 2))
	if got := back.round(); got != 2 {
		t.Errorf("got round %d", got)
	}
	large.send(note(8))
	if got, ok := event(t, m).(election.Received); !ok || got.From != 3 || got.Notification.ElectionEpoch != 8 {
		t.Errorf("received %+v", got)
	}
	if got := m.Connected(); len(got) != 2 {
		t.Errorf("connected to %v", got)
	}
}

// The forms of 3.4 (the id alone) and of 3.6 (several addresses) are taken.
func TestInitialMessageForms(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3)
	m := e.connections(1, func(c *peer.ConnectionsConfig) { c.MultiAddress = true })
	m.Send(message(3, 9))
	if got := acceptRaw(t, e.listeners[3]).hello(); got.Form != quorum.InitialAddresses || len(got.Addresses) != 1 {
		t.Errorf("greeted with %+v", got)
	}
	for i, hello := range []quorum.InitialMessage{
		{ServerID: 2},
		{Form: quorum.InitialAddress, ServerID: 3, Addresses: []string{"127.0.0.1:3888"}},
		{Form: quorum.InitialAddresses, ServerID: 2, Addresses: []string{"127.0.0.1:3888", "[::1]:3888"}},
	} {
		r := dialRaw(t, e.listeners[1], hello.AppendTo(nil))
		awaitReached(t, m, hello.ServerID)
		m.Send(message(hello.ServerID, int64(i)))
		for r.round() != int64(i) { // the last message of the connection before comes first
		}
	}
}

// While there is no connection only the newest message waits; on a new one the
// last message is sent again.
func TestNewestMessageWaitsAndLastIsRepeated(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	m := e.connections(1)
	for round := range int64(50) {
		m.Send(message(2, round))
	}
	for range 2 {
		r := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
		if got := r.round(); got != 49 {
			t.Errorf("got round %d, want the newest, 49", got)
		}
		awaitReached(t, m, 2)
		_ = r.Close()
	}
	// The newer connection takes the place of the older.
	old := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	if got := old.round(); got != 49 {
		t.Errorf("got round %d", got)
	}
	fresh := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	old.closed("the older connection")
	if got := fresh.round(); got != 49 {
		t.Errorf("got round %d", got)
	}
	m.Send(message(2, 50))
	if got := fresh.round(); got != 50 {
		t.Errorf("got round %d", got)
	}
}

// A server that is down is told of; one that comes up is dialled.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	log := new(logbook)
	_ = e.listeners[1].Close()
	m := e.connections(2, withLog(log))
	for range 3 {
		m.Send(message(1, 1))
		if ev := event(t, m); ev != (election.Unreachable{Sid: 1}) {
			t.Fatalf("got %+v", ev)
		}
	}
	if got := log.lines("cannot reach"); len(got) != 1 {
		t.Errorf("logged %q", got)
	}
	ln := relisten(t, e, 1)
	m.Send(message(1, 2))
	r := acceptRaw(t, ln)
	r.hello()
	if got := r.round(); got != 2 {
		t.Errorf("got round %d", got)
	}
	awaitReached(t, m, 1)
}

// Whatever a stranger sends, it loses its connection and is named in one line
// of the log, while the servers go on talking.
func TestZK2186GarbageOnTheElectionPort(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	log := new(logbook)
	m := e.connections(1, withLog(log))
	peerOf := func() *raw {
		r := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
		awaitReached(t, m, 2)
		return r
	}
	first := peerOf()
	for name, b := range map[string][]byte{
		"http":                []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"unknown version":     jute.AppendLong(nil, -65534),
		"own id":              greeting(1, "127.0.0.1:1"),
		"negative id":         greeting(-7, "127.0.0.1:1"),
		"no address":          jute.AppendInt(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), 2), 0),
		"long address":        jute.AppendInt(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), 2), 2049),
		"no port":             greeting(2, "localhost"),
		"smaller, not called": greeting(0, "127.0.0.2:1"), // an address it did not call from
	} {
		r := dialRaw(t, e.listeners[1], b)
		r.closed(name)
	}
	for name, b := range map[string][]byte{
		"too long":    jute.AppendInt(nil, quorum.MaxNotification+1),
		"negative":    jute.AppendInt(nil, -1),
		"empty":       jute.AppendInt(nil, 0),
		"36 bytes":    append(jute.AppendInt(nil, 36), make([]byte, 36)...),
		"bad state":   append(jute.AppendInt(nil, 40), bytes.Repeat([]byte{9}, 40)...),
		"bad config":  append(jute.AppendInt(nil, 44), note(1).AppendTo(nil)[:44]...),
		"long config": append(jute.AppendInt(nil, 44), append(make([]byte, 36), 0, 0, 0, 2, 0x7f, 0xff, 0xff, 0xff)...),
	} {
		r := peerOf()
		r.write(b)
		r.closed(name)
	}
	first.closed("the connection replaced")
	last := peerOf()
	last.send(note(4))
	if got, ok := event(t, m).(election.Received); !ok || got.Notification.ElectionEpoch != 4 {
		t.Errorf("received %+v", got)
	}
	for _, text := range []string{"election connection refused", "election connection closed"} {
		if got := log.lines(text); len(got) != 1 {
			t.Errorf("%s: logged %q, want one line", text, got)
		}
	}
}

// A caller that says nothing is let go after cnxTimeout, and however many
// there are, a server gets in.
func TestSilentCallers(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	m := e.connections(1, func(c *peer.ConnectionsConfig) { c.ConnectTimeout = 500 * time.Millisecond })
	var silent []*raw
	for i := range 200 {
		silent = append(silent, dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1")[:i%20]))
	}
	r := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	m.Send(message(2, 1))
	if r.round() != 1 {
		t.Error("no message came")
	}
	for _, s := range silent {
		s.closed("a silent caller")
	}
}

// Servers of unknown ids are bounded, and forgotten with their connections.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	log := new(logbook)
	m := e.connections(1, withLog(log))
	var in []*raw
	for sid := int64(100); sid < 132; sid++ {
		in = append(in, dialRaw(t, e.listeners[1], greeting(sid, "127.0.0.1:1")))
		awaitReached(t, m, sid)
	}
	dialRaw(t, e.listeners[1], greeting(500, "127.0.0.1:1")).closed("one stranger too many")
	dialRaw(t, e.listeners[1], greeting(quorum.AnonymousObserver, "127.0.0.1:1")).closed("an anonymous one")
	dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	if got := log.lines("not in the configuration, and 32"); len(got) != 1 {
		t.Errorf("logged %q", got)
	}
	_ = in[0].Close()
	for { // its place is free when the manager has noticed
		r := dialRaw(t, e.listeners[1], greeting(quorum.AnonymousObserver, "127.0.0.1:1"))
		answered := make(chan error, 1)
		go func() {
			_, err := r.Read(make([]byte, 1))
			answered <- err
		}()
		select {
		case ev := <-m.Events():
			reached, ok := ev.(election.Reached)
			if !ok || reached.Sid >= 0 {
				t.Fatalf("got %+v", ev)
			}
			m.Send(message(reached.Sid, 3))
			if err := <-answered; err != nil {
				t.Errorf("no message to the anonymous observer: %v", err)
			}
			return
		case <-answered: // closed
		}
	}
}

// A stranger with a smaller id is dialled back where it called from.
func TestStrangerIsDialledBack(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 1)
	e.config.Members[0].ID = 5
	e.listeners[5] = e.listeners[1]
	m := e.connections(5)
	ln := listen(t)
	dialRaw(t, e.listeners[5], greeting(3, ln.Addr().String())).closed("the smaller id")
	r := acceptRaw(t, ln)
	if got := r.hello(); got.ServerID != 5 {
		t.Errorf("greeted with %+v", got)
	}
	awaitReached(t, m, 3)
	r.send(note(2))
	if got, ok := event(t, m).(election.Received); !ok || got.From != 3 {
		t.Errorf("received %+v", got)
	}
}

// A server whose other end takes nothing holds up nobody, and is let go.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3)
	m := e.connections(1, func(c *peer.ConnectionsConfig) { c.ConnectTimeout = 500 * time.Millisecond })
	slow := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	_ = slow.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	awaitReached(t, m, 2)
	fast := dialRaw(t, e.listeners[1], greeting(3, "127.0.0.1:1"))
	awaitReached(t, m, 3)
	big := &quorum.Notification{Version: quorum.NotificationVersion, Config: make([]byte, 500<<10)}
	for round := int64(1); slices.Contains(m.Connected(), 2); round++ {
		m.Send(election.Message{To: 2, Notification: big})
		m.Send(message(3, round))
		if got := fast.round(); got != round {
			t.Fatalf("got round %d, want %d", got, round)
		}
	}
}

// A server with other voters in its configuration is named in the log.
func TestOtherConfigurationIsNamed(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	log := new(logbook)
	m := e.connections(1, withLog(log))
	r := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	for _, config := range []string{e.config.String(), "server.1=elsewhere:1:2\nserver.2=x:1:2\nversion=0", "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nversion=0"} {
		r.send(&quorum.Notification{Version: quorum.NotificationVersion, Config: []byte(config)})
		event(t, m)
	}
	if got := log.lines("other voters"); len(got) != 1 {
		t.Errorf("logged %q", got)
	}
}

// TestZK4787ForeignConfigurationText: a vote counts whatever text of a
// configuration comes with it: of another character set, of another release, none.
func TestZK4787ForeignConfigurationText(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	m := e.connections(1)
	r := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	utf16 := []byte("\xfe\xff\x00s\x00e\x00r\x00v\x00e\x00r")
	ebcdic := []byte("\xa2\x85\x99\xa5\x85\x99\x4b\xf1\x7e")
	for i, config := range [][]byte{nil, {}, utf16, ebcdic, []byte("server.1=b\xfccher:1:2"), []byte("a key of a later release"), []byte(e.config.String())} {
		r.send(&quorum.Notification{Leader: 2, ElectionEpoch: int64(i) + 1, Version: quorum.NotificationVersion, Config: config})
		got, ok := event(t, m).(election.Received)
		if !ok || got.Notification.Leader != 2 || got.Notification.ElectionEpoch != int64(i)+1 {
			t.Errorf("configuration %q: %+v", config, got)
		}
	}
}

func TestListenElection(t *testing.T) {
	t.Parallel()
	port := listen(t).Addr().(*net.TCPAddr).Port
	self := quorum.Member{ID: 4, Addresses: []quorum.Address{{Host: "127.0.0.1", ElectionPort: port}}}
	if _, err := peer.ListenElection(self, false, false); err == nil {
		t.Error("a port in use is opened")
	}
	self.Addresses = []quorum.Address{{Host: "127.0.0.1"}, {Host: "127.0.0.2"}}
	lns, err := peer.ListenElection(self, false, true)
	if err != nil || len(lns) != 2 {
		t.Fatalf("%v, %v", lns, err)
	}
	for i, ln := range lns {
		if host, _, _ := net.SplitHostPort(ln.Addr().String()); host != "127.0.0."+strconv.Itoa(i+1) {
			t.Errorf("listens on %v", ln.Addr())
		}
		_ = ln.Close()
	}
}

// Close ends everything, dials that hang included, and may be called again.
func TestClose(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3)
	m := e.connections(2, e.blackhole(1))
	m.Send(message(1, 1))
	r := dialRaw(t, e.listeners[2], greeting(3, "127.0.0.1:1"))
	awaitReached(t, m, 3)
	r.send(note(1)) // waits for somebody to read events
	half := dialRaw(t, e.listeners[2], []byte{0})
	m.Close()
	m.Close()
	r.closed("a connection after Close")
	half.closed("a caller after Close")
	m.Send(message(3, 1))
	if _, err := net.Dial("tcp", e.listeners[2].Addr().String()); err == nil {
		t.Error("the port is still open")
	}
}
