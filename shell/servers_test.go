package shell

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/zktest"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/wire"
	"zookit/shell/command"
)

// A holder is another client: it has an ephemeral, a watch on it, and stands in
// line for a lock.
type holder struct{ *wire.Conn }

func hold(t *testing.T, addr string) holder {
	t.Helper()
	c, err := wire.Dial(addr, wire.Options{TimeoutMs: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Drop)
	do := func(op protocol.OpCode, req protocol.Record) {
		t.Helper()
		if err := c.Do(op, req, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []struct {
		path  string
		flags protocol.CreateFlag
	}{{"/app", 0}, {"/app/e", protocol.FlagEphemeral}, {"/locks", 0}, {"/locks/n_", protocol.FlagEphemeralSequential}} {
		do(protocol.OpCreate, &protocol.CreateRequest{Path: n.path, Data: []byte("holder"), ACL: protocol.OpenACL, Flags: n.flags})
	}
	do(protocol.OpGetData, &protocol.GetDataRequest{Path: "/app/e", Watch: true})
	return holder{Conn: c}
}

func (h holder) id() string { return h.Session.Session.String() }

// records runs a command with its results as JSON.
func records(t *testing.T, addr string, args ...string) (list []map[string]any, stderr string, exit int) {
	t.Helper()
	out, stderr, exit := run(t, "", append([]string{"-server", addr, "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &list); err != nil && out != "" {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return list, stderr, exit
}

// checkAnswers asks who holds, who is connected, who watches, who has the lock,
// of a server that tells all of it, by whatever way the extra flags say.
func checkAnswers(t *testing.T, addr string, h holder, extra ...string) {
	t.Helper()
	with := func(name string, args ...string) []string { return append(append([]string{name}, extra...), args...) }

	got, stderr, exit := records(t, addr, with("owner", "/app/e")...)
	if exit != 0 || len(got) != 1 || got[0]["session"] != h.id() || got[0]["server"] != addr || got[0]["client"] == nil ||
		fmt.Sprint(got[0]["ephemerals"]) != "[/app/e /locks/n_0000000000]" || got[0]["timeoutMs"] != 20_000.0 || got[0]["state"] != "connected" || got[0]["atLeastFrom"] == nil || stderr != "" {
		t.Errorf("owner: %v, %s, exit %d", got, stderr, exit)
	}
	if t.Failed() {
		return
	}
	client := got[0]["client"]
	got, stderr, exit = records(t, addr, with("sessions")...)
	mine, theirs := 0, 0
	for _, r := range got {
		switch {
		case r["mine"] == true:
			mine++
		case r["session"] == h.id() && r["client"] == client && len(r["ephemerals"].([]any)) == 2:
			theirs++
		}
	}
	if exit != 0 || mine != 1 || theirs != 1 || stderr != "" {
		t.Errorf("sessions: %v, %s, exit %d", got, stderr, exit)
	}
	if got, _, exit = records(t, addr, with("sessions", h.id())...); exit != 0 || len(got) != 1 || got[0]["client"] != client {
		t.Errorf("one session: %v, exit %d", got, exit)
	}
	if _, stderr, exit = records(t, addr, with("sessions", "0x7f00000000000001")...); exit != 1 || !strings.Contains(stderr, "has ended, or never was") {
		t.Errorf("no such session: %s, exit %d", stderr, exit)
	}
	if got, _, exit = records(t, addr, with("watches", "/app")...); exit != 0 || len(got) != 1 || got[0]["path"] != "/app/e" || got[0]["session"] != h.id() || got[0]["client"] != client {
		t.Errorf("watches: %v, exit %d", got, exit)
	}
	if got, _, exit = records(t, addr, with("locks", "/")...); exit != 0 || len(got) != 1 || got[0]["lock"] != "/locks" || got[0]["state"] != "first" || got[0]["client"] != client || got[0]["data"] != "holder" {
		t.Errorf("locks: %v, exit %d", got, exit)
	}
}

// Everything is told by our server, in words.
func TestWhoHoldsWhat(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	addr := srv.Addr()
	h := hold(t, addr)
	checkAnswers(t, addr, h)

	out, stderr, exit := run(t, "", "-server", addr, "owner", "/app/e")
	for _, want := range []string{"session = " + h.id() + "\n", "server = " + addr + "\n", "ephemerals = 2\n", "ephemeral = /locks/n_0000000000\n", "made by = server 1, after its start at "} {
		if exit != 0 || stderr != "" || !strings.Contains(out, want) {
			t.Errorf("owner does not print %q: exit %d\n%s%s", want, exit, out, stderr)
		}
	}
	if _, stderr, exit := run(t, "", "-server", addr, "owner", "/app"); exit != 1 || !strings.Contains(stderr, "no session owns it") {
		t.Errorf("owner of a persistent znode: %s, exit %d", stderr, exit)
	}
	if out, _, exit := run(t, "", "-server", addr+"/app", "owner", "/e"); exit != 0 || !strings.Contains(out, "path = /e\n") || !strings.Contains(out, "ephemerals = 1\n") {
		t.Errorf("owner in a chroot: exit %d\n%s", exit, out)
	}
	// From a shell on other servers they are asked all the same.
	elsewhere := zktest.Start(t).Addr()
	if got, _, exit := records(t, elsewhere, "owner", addr+":/app/e"); exit != 0 || len(got) != 1 || got[0]["server"] != addr || got[0]["state"] != "connected" {
		t.Errorf("owner from elsewhere: %v, exit %d", got, exit)
	}
	if got, _, exit := records(t, elsewhere, "watches", addr+":/app"); exit != 0 || len(got) != 1 || got[0]["session"] != h.id() {
		t.Errorf("watches from elsewhere: %v, exit %d", got, exit)
	}
	if _, stderr, exit := run(t, "", "-server", addr, "locks", "/zookeeper"); exit != 1 || !strings.Contains(stderr, "nobody holds or awaits a lock there") {
		t.Errorf("locks where there is none: %s, exit %d", stderr, exit)
	}
}

// TestStockApache is what needs a running Apache as it comes.
func TestStockApache(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	srv := apache.Start(t, apache.Options{Admin: true, Config: []string{"4lw.commands.whitelist=srvr"}})
	t.Run("who holds what", func(t *testing.T) { whoHoldsWhatOnStockApache(t, srv) })
	t.Run("watch", func(t *testing.T) { watchZnodeOnApache(t, srv.Addr) })
}

// A stock Apache answers srvr alone: the rest is asked of its AdminServer.
func whoHoldsWhatOnStockApache(t *testing.T, srv *apache.Server) {
	h := hold(t, srv.Addr)
	checkAnswers(t, srv.Addr, h, "-admin", strconv.Itoa(srv.AdminPort))
	out, _, exit := run(t, "", "-server", srv.Addr, "status", "-admin", strconv.Itoa(srv.AdminPort))
	if exit != 0 || !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(srv.Addr)+` +- +standalone +0x[0-9a-f]+ +0 `).MatchString(out) {
		t.Errorf("status: exit %d\n%s", exit, out)
	}
	checkUntold(t, srv.Addr, h, "made by = server 1, by the session's number\n")
}

// Our server as it comes has no AdminServer and answers srvr alone.
func TestStockServer(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t, server.WithFourLetterWords("srvr")).Addr()
	checkUntold(t, addr, hold(t, addr), "made by = server 1, after its start at ")
}

// checkUntold asks who holds what where neither a word nor an AdminServer
// answers: what the tree and the session's number tell is printed, with the line
// of zoo.cfg that would tell more.
func checkUntold(t *testing.T, addr string, h holder, madeBy string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, nobody, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	const mend = "4lw.commands.whitelist=srvr,mntr,conf,cons,dump,wchs,wchp"
	out, stderr, exit := run(t, "", "-server", addr, "owner", "-admin", nobody, "/app/e")
	if exit != 0 || !strings.Contains(out, "session = "+h.id()+"\n") || !strings.Contains(out, madeBy) ||
		!strings.Contains(out, "ephemerals = at least 1\n") || !strings.Contains(out, "age = at least ") || strings.Contains(out, "client") || strings.Count(stderr, mend) != 1 {
		t.Errorf("owner by the number: exit %d\n%s%s", exit, out, stderr)
	}
	if out, _, _ := run(t, "", "-server", addr, "owner", "-R", "-admin", nobody, "/app/e"); !strings.Contains(out, "ephemeral = /locks/n_0000000000\n") {
		t.Errorf("owner -R:\n%s", out)
	}
	out, stderr, exit = run(t, "", "-server", addr, "sessions", "-admin", nobody)
	if exit != 0 || !strings.Contains(out, h.id()) || strings.Count(stderr, mend) != 1 {
		t.Errorf("sessions by their ephemerals: exit %d\n%s%s", exit, out, stderr)
	}
	if _, stderr, exit = run(t, "", "-server", addr, "watches", "-admin", nobody); exit != 1 || !strings.Contains(stderr, "watches: no server lists them") || !strings.Contains(stderr, mend) {
		t.Errorf("watches: %s, exit %d", stderr, exit)
	}
	if out, stderr, exit = run(t, "", "-server", addr, "cons"); exit != 1 || out != "" || !strings.Contains(stderr, "4lw.commands.whitelist=srvr,cons") {
		t.Errorf("cons: %s%s, exit %d", out, stderr, exit)
	}
	if out, stderr, exit = run(t, "", "-server", addr, "doctor", "-admin", nobody); exit != 0 || !strings.Contains(out, "0 problems") || !strings.Contains(stderr, "not looked at: orphaned ephemerals") {
		t.Errorf("doctor: exit %d\n%s%s", exit, out, stderr)
	}
}

// The words as commands, latency and quota, on our server.
func TestWordsLatencyQuota(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	got, _, exit := records(t, addr, "mntr")
	if exit != 0 || len(got) != 1 || got[0]["server"] != addr || got[0]["values"].(map[string]any)["zk_server_state"] != "standalone" {
		t.Errorf("mntr: %v, exit %d", got, exit)
	}
	for word, want := range map[string]string{"ruok": "imok\n", "isro": "rw\n"} {
		if out, _, exit := run(t, "", "-server", addr, word); exit != 0 || out != want {
			t.Errorf("%s: %q, exit %d", word, out, exit)
		}
	}
	if out, _, exit := run(t, "", "-server", addr, "ruok", "-a", addr); exit != 1 || out != "" {
		t.Errorf("-a beside a server: %q, exit %d", out, exit)
	}
	if _, stderr, exit := run(t, "", "-server", addr, "ruok", addr, "127.0.0.1:1"); exit != command.ExitNoConnection || !strings.Contains(stderr, "refused") {
		t.Errorf("one of two servers is down: %s, exit %d", stderr, exit)
	}
	if _, stderr, exit := run(t, "", "-compat=3.8", "-server", addr, "mntr"); exit != command.ExitNotFound {
		t.Errorf("Apache's shell has no mntr: %s, exit %d", stderr, exit)
	}

	got, _, exit = records(t, addr, "latency", "-n", "20", "-s")
	if exit != 0 || len(got) != 1 || got[0]["op"] != "sync" || got[0]["count"] != 20.0 || got[0]["minUs"].(float64) > got[0]["maxUs"].(float64) {
		t.Errorf("latency: %v, exit %d", got, exit)
	}
	if out, _, exit := run(t, "", "-server", addr, "latency", "-n", "3", "-a"); exit != 0 || !strings.HasPrefix(out, addr+": 3 × exists: min ") {
		t.Errorf("latency -a: %q, exit %d", out, exit)
	}
	if _, stderr, exit := run(t, "", "-server", addr, "latency", "-n", "0"); exit != 1 || !strings.Contains(stderr, "-n takes a number from 1 to 10000000") {
		t.Errorf("latency -n 0: %s, exit %d", stderr, exit)
	}

	setup := "create /q\nsetquota -n 4 /q\ncreate /q/a\ncreate /q/b\ncreate /r xx\nsetquota -B 100 /r\n"
	if out, stderr, exit := run(t, setup, "-server", addr); exit != 0 {
		t.Fatalf("%s%s", out, stderr)
	}
	out, _, exit := run(t, "", "-server", addr, "quota")
	if exit != 0 || !strings.Contains(out, "#########--- 75%") || !strings.Contains(out, "100 hard") || strings.Index(out, "/q") > strings.Index(out, "/r") {
		t.Errorf("quota: exit %d\n%s", exit, out)
	}
	if got, _, _ := records(t, addr, "quota", "/r"); len(got) != 1 || got[0]["bytes"] != 2.0 || got[0]["full"] != 0.02 || got[0]["znodesLimit"] != -1.0 {
		t.Errorf("quota /r: %v", got)
	}
	if got, _, exit := records(t, addr+"/q", "quota"); exit != 0 || len(got) != 1 || got[0]["path"] != "/" {
		t.Errorf("quota in a chroot: %v, exit %d", got, exit)
	}
}

// Three of our servers: everybody is asked, wherever the session is; one that
// stops is told by status and doctor, and what two still know is told on.
func TestEnsembleIsAsked(t *testing.T) {
	t.Parallel()
	e := zktest.StartEnsemble(t, 3)
	leader := e.Leader()
	addrs := e.Addrs()
	follower := leader%3 + 1
	h := hold(t, addrs[follower-1])
	all := strings.Join(addrs, ",")

	got, stderr, exit := records(t, addrs[leader-1]+","+all, "owner", "/app/e")
	if exit != 0 || len(got) != 1 || got[0]["session"] != h.id() || got[0]["server"] != addrs[follower-1] || got[0]["serverId"] != float64(follower) || got[0]["madeBy"] != float64(follower) {
		t.Errorf("owner: %v, %s, exit %d", got, stderr, exit)
	}
	modes := func(addrs string) (list []string) {
		t.Helper()
		got, _, _ := records(t, addrs, "status")
		for _, r := range got {
			list = append(list, fmt.Sprint(r["id"], " ", r["mode"]))
		}
		return list
	}
	want := []string{"1 follower", "2 follower", "3 follower"}
	want[leader-1] = fmt.Sprint(leader, " leader")
	if got := modes(all); !slices.Equal(got, want) {
		t.Errorf("status: %q, want %q", got, want)
	}
	if out, stderr, exit := run(t, "", "-server", all, "doctor"); exit != 0 || !strings.Contains(out, "0 problems") || !strings.Contains(out, "HINT: all servers are on one machine") {
		t.Errorf("doctor: exit %d\n%s%s", exit, out, stderr)
	}
	if got, _, exit := records(t, all, "srvr", "-a"); exit != 0 || len(got) != 3 {
		t.Errorf("srvr -a: %v, exit %d", got, exit)
	}

	third := 6 - leader - follower
	e.Stop(third)
	want[third-1] = "silent" // whose id is known where the server lines have the client ports
	if got := modes(all); !slices.EqualFunc(got, want, strings.HasSuffix) {
		t.Errorf("status without one: %q, want %q", got, want)
	}
	out, stderr, exit := run(t, "", "-server", all, "doctor")
	if exit != 1 || !strings.Contains(out, "PROBLEM: a server is silent") || !strings.Contains(out, "2 of 3 voters serve: the loss of one more ends the service") {
		t.Errorf("doctor without one: exit %d\n%s%s", exit, out, stderr)
	}
	e.Stop(follower)
	e.Until("no quorum", func() bool {
		out, _, exit := run(t, "", "-server", all, "status")
		return exit == command.ExitNoConnection && strings.Contains(out, "not serving")
	})
	if out, _, exit := run(t, "", "-server", all, "doctor"); exit != 1 || !strings.Contains(out, "PROBLEM: no server leads") {
		t.Errorf("doctor without a quorum: exit %d\n%s", exit, out)
	}
}
