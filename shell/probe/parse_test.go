package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
)

const session = protocol.SessionID(0x1000000cae20000)

// Answers of Apache 3.8.0, standalone, to each word, and of its AdminServer.
var answers = map[string]string{
	"cons": " /127.0.0.1:44182[1](queued=0,recved=6,sent=6,sid=0x1000000cae20000,lop=HOMI,est=1795461942827,to=10000,lcxid=0x40000004,lzxid=0x7,lresp=13298568,llat=9,minlat=0,avglat=6,maxlat=17)\n" +
		" /0:0:0:0:0:0:0:1:50000[0](queued=0,recved=1,sent=0)\n\n",
	"dump": "SessionTracker dump:\nSession Sets (2)/(2):\n0 expire at Thu Jan 01 03:41:42 UTC 1970:\n1 expire at Thu Jan 01 03:41:49 UTC 1970:\n\t0x1000000cae20000\n" +
		"ephemeral nodes dump:\nSessions with Ephemerals (1):\n0x1000000cae20000:\n\t/seq-0000000003\n\t/eph\nConnections dump:\nConnections Sets (1)/(1):\n1 expire at Thu Jan 01 03:41:49 UTC 1970:\n\tip: /127.0.0.1:44182 sessionId: 0x1000000cae20000\n",
	"wchp": "/eph\n\t0x1000000cae20000\n\n",
	"wchs": "1 connections watching 1 paths\nTotal watches:1\n",
	"srvr": "Zookeeper version: 3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC\nLatency min/avg/max: 1/6.5/17\nReceived: 6\nSent: 6\nConnections: 1\nOutstanding: 0\nZxid: 0x7\nMode: standalone\nNode count: 7\n",
}

var adminAnswers = map[string]string{
	"connections": `{"connections" : [ {"remote_socket_address" : "127.0.0.1:44182", "interest_ops" : 1, "outstanding_requests" : 0, "packets_received" : 6,
 "packets_sent" : 6, "session_id" : 72057597441736704, "last_operation" : "HOMI", "established" : 1795461942827, "session_timeout" : 10000, "last_cxid" : 1073741828,
 "last_zxid" : 7, "last_response_time" : 13298568, "last_latency" : 9, "min_latency" : 0, "avg_latency" : 6, "max_latency" : 17 } ],
 "secure_connections" : [ ], "command" : "connections", "error" : null}`,
	"dump": `{"expiry_time_to_session_ids" : {"13309000" : [ 72057597441736704 ]},
 "session_id_to_ephemeral_paths" : {"72057597441736704" : [ "/seq-0000000003", "/eph" ]}, "command" : "dump", "error" : null}`,
	"watches_by_path": `{"path_to_session_ids" : {"/eph" : [ 72057597441736704 ]}, "command" : "watches_by_path", "error" : null}`,
	"watch_summary":   `{"num_connections" : 1, "num_paths" : 1, "num_total_watches" : 1, "command" : "watch_summary", "error" : null}`,
	"server_stats": `{"version" : "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC", "read_only" : false, "server_stats" : {"packets_sent" : 6,
 "packets_received" : 6, "server_state" : "standalone", "last_processed_zxid" : 7, "outstanding_requests" : 0, "avg_latency" : 6.5, "max_latency" : 17,
 "min_latency" : 1, "num_alive_client_connections" : 1, "uptime" : 7189}, "node_count" : 7, "command" : "server_stats", "error" : null}`,
	"configuration": `{"client_port" : CLIENTPORT, "command" : "configuration", "error" : null}`,
	"leader":        `{"error" : "server is not initialized", "command" : "leader"}`,
}

// fakeServer answers the words it allows, and refuses the others as Apache does.
func fakeServer(t *testing.T, allowed ...string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			word := make([]byte, 4)
			_, _ = conn.Read(word)
			answer := string(word) + " is not executed because it is not in the whitelist.\n"
			for _, w := range allowed {
				if w == string(word) {
					answer = answers[w]
				}
			}
			fmt.Fprint(conn, answer)
			conn.Close()
		}
	}()
	return ln.Addr().String()
}

// fakeAdmin answers as the AdminServer of the server at a client address.
func fakeAdmin(t *testing.T, server string) int {
	t.Helper()
	_, clientPort, _ := net.SplitHostPort(server)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/commands/")
		answer, ok := adminAnswers[name]
		if !ok {
			answer = `{"command" : "` + name + `", "error" : "Unknown command: ` + name + `"}`
		}
		fmt.Fprint(w, strings.Replace(answer, "CLIENTPORT", clientPort, 1))
	}))
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	n, _ := strconv.Atoi(port)
	return n
}

// The words and the AdminServer tell the same.
func TestBothWaysTellTheSame(t *testing.T) {
	t.Parallel()
	open, shut := fakeServer(t, "cons", "dump", "wchp", "wchs", "srvr"), fakeServer(t)
	admin := fakeAdmin(t, shut)
	for _, way := range []struct {
		server string
		via    Via
	}{{open, ByWord}, {shut, ByAdmin}} {
		p := &Prober{AdminPort: admin, Servers: []string{way.server}}
		ctx := t.Context()

		conns, via, err := p.Conns(ctx, way.server)
		want := []Conn{{Server: way.server, Client: "127.0.0.1:44182", Session: session, TimeoutMs: 10000, Established: time.UnixMilli(1795461942827),
			LastOp: "HOMI", Received: 6, Sent: 6, LastZxid: 7, AvgMs: 6, MaxMs: 17}}
		if err != nil || via != way.via || !reflect.DeepEqual(conns, want) {
			t.Errorf("%s: conns %+v by %s, %v", way.via, conns, via, err)
		}
		dump, via, err := p.Dump(ctx, way.server)
		if err != nil || via != way.via || !reflect.DeepEqual(dump, &Dump{Sessions: []protocol.SessionID{session},
			Ephemerals: map[protocol.SessionID][]string{session: {"/eph", "/seq-0000000003"}}}) {
			t.Errorf("%s: dump %+v by %s, %v", way.via, dump, via, err)
		}
		watches, via, err := p.Watches(ctx, way.server)
		if err != nil || via != way.via || !reflect.DeepEqual(watches, map[string][]protocol.SessionID{"/eph": {session}}) {
			t.Errorf("%s: watches %v by %s, %v", way.via, watches, via, err)
		}
		count, via, err := p.CountWatches(ctx, way.server)
		if err != nil || via != way.via || count != (WatchCount{1, 1, 1}) {
			t.Errorf("%s: watch count %v by %s, %v", way.via, count, via, err)
		}
		st, err := p.Status(ctx, way.server)
		if err != nil {
			t.Fatal(err)
		}
		uptime := map[Via]time.Duration{ByWord: -1, ByAdmin: 7189 * time.Millisecond}[way.via]
		if want := (&Status{Server: way.server, Via: way.via, Version: "3.8.0", Mode: "standalone", Zxid: 7, LatencyMin: 1, LatencyAvg: 6.5, LatencyMax: 17,
			Received: 6, Sent: 6, Connections: 1, Nodes: 7, Uptime: uptime}); !reflect.DeepEqual(st, want) {
			t.Errorf("%s: status\n%+v\nwant\n%+v", way.via, st, want)
		}
	}
}

// What a server does not tell is an error that says why, either way.
func TestUnheard(t *testing.T) {
	t.Parallel()
	shut := fakeServer(t)
	admin := fakeAdmin(t, shut)
	ask := func(p *Prober, server string) *UnheardError {
		t.Helper()
		_, _, err := p.Conns(t.Context(), server)
		var unheard *UnheardError
		if !errors.As(err, &unheard) {
			t.Fatalf("%v is no UnheardError", err)
		}
		return unheard
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().(*net.TCPAddr)
	free.Close()
	if e := ask(&Prober{AdminPort: nobody.Port}, shut); !errors.Is(e, ErrNotAllowed) || !strings.Contains(e.Admin.Error(), "refused") {
		t.Errorf("%v", e)
	}
	// The AdminServer on a host belongs to another server: of this ensemble, or of
	// one that nobody spoke of. Who names its port is believed.
	other := fakeServer(t)
	p := &Prober{AdminPort: admin, AdminTold: true, Servers: []string{shut, other}}
	for _, p := range []*Prober{p, {AdminPort: admin, Servers: []string{other}}} {
		if e := ask(p, other); !strings.Contains(e.Admin.Error(), "belongs to the server at client port") {
			t.Errorf("%v", e)
		}
	}
	if _, via, err := (&Prober{AdminPort: admin, AdminTold: true}).Conns(t.Context(), other); err != nil || via != ByAdmin {
		t.Errorf("the port that was told: %s, %v", via, err)
	}
	if _, via, err := p.Conns(t.Context(), shut); err != nil || via != ByAdmin {
		t.Errorf("the one it belongs to: %s, %v", via, err)
	}
	if _, err := p.Admin(t.Context(), shut, "leader"); err == nil || !strings.Contains(err.Error(), "server is not initialized") {
		t.Errorf("an error of the AdminServer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Conns(ctx, shut); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// A follower's dump, which lists sessions with their timeouts, and what is cut short or is no answer at all.
func TestParseOddAnswers(t *testing.T) {
	t.Parallel()
	d := ParseDump("SessionTracker dump:\nGlobal Sessions(2):\n0x200000000000001\t10000ms\n0x100000000000000\t4000ms\nephemeral nodes dump:\nSessions with Ephemerals (0):\n")
	if want := []protocol.SessionID{0x100000000000000, 0x200000000000001}; !reflect.DeepEqual(d.Sessions, want) || len(d.Ephemerals) != 0 {
		t.Errorf("a follower's dump: %+v", d)
	}
	for _, text := range []string{"", "\t", "0x", "ephemeral nodes dump:\n\t/lost\n0xzz:\n\t/a", " /:[", "(", " /a:1[1](sid=0x", " /a:1(sid=0x1"} {
		_, _, _ = ParseDump(text), ParseCons("s", text), parseWatches(text)
	}
	for text, want := range map[string]string{
		"/127.0.0.1:5": "127.0.0.1:5", "127.0.0.1:5": "127.0.0.1:5", "/0:0:0:0:0:0:0:1:5": "[::1]:5", "/[0:0:0:0:0:0:0:1]:5": "[::1]:5",
		"host/10.0.0.1:5": "10.0.0.1:5", "/0:0:0:0:0:ffff:a00:1:5": "10.0.0.1:5", "odd": "odd",
	} {
		if got := remote(text); got != want {
			t.Errorf("remote(%q) = %q, want %q", text, got, want)
		}
	}
	var s Status
	if err := s.readSrvr("hello"); err == nil {
		t.Error("no answer to srvr was read as one")
	}
}

// Ids of Apache 3.8.0 (the clock of the machine), of 3.4 and of zkserver (ms since 1970).
func TestFactsOfIDs(t *testing.T) {
	t.Parallel()
	started := time.UnixMilli(1795461942827)
	wall := protocol.SessionID(uint64(started.UnixMilli())<<24>>8 | 3<<56 + 0x2a)
	for id, want := range map[protocol.SessionID]IDFacts{
		session:                {Server: 1, Nth: 0},
		wall:                   {Server: 3, Started: started, Nth: 0x2a},
		-0x100000000000000 + 5: {Server: 255, Nth: 5},
	} {
		if got := FactsOf(id); got.Server != want.Server || got.Nth != want.Nth || !got.Started.Equal(want.Started) {
			t.Errorf("%v: got %+v, want %+v", id, got, want)
		}
	}
	for _, text := range []string{"72057597441736704", "0x1000000cae20000"} {
		if got, err := ParseSession(text); err != nil || got != session {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if got, err := ParseSession("0xff00000000000001"); err != nil || uint64(got) != 0xff00000000000001 {
		t.Errorf("a large server id: %v, %v", got, err)
	}
	if _, err := ParseSession("host1"); err == nil {
		t.Error("a name was read as a session id")
	}
}

// Servers that know each other by different names see the same ensemble.
func TestRoles(t *testing.T) {
	t.Parallel()
	a, err := roles("\nserver.1=0.0.0.0:2888:3888:participant\nserver.2=h2:2888:3888:observer;2181\nversion=100000002")
	if err != nil {
		t.Fatal(err)
	}
	b, err := roles("server.2=0.0.0.0:2888:3888:observer\nserver.1=h1:2888:3888:participant\nversion=100000002\n")
	if err != nil || !reflect.DeepEqual(a, b) || !reflect.DeepEqual(a, []string{"server.1 is participant", "server.2 is observer", "version=100000002"}) {
		t.Errorf("%q and %q, %v", a, b, err)
	}
	if _, err := roles("server.x=1"); err == nil {
		t.Error("what is no configuration was read as one")
	}
}
