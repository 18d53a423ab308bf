package command

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/shell/session"
)

// alone is a session with a server that has no configuration of an ensemble.
type alone struct{ *fakeSession }

func (a alone) Absolute() Session { return a }

func (a alone) Config(context.Context, bool) ([]byte, *protocol.Stat, error) {
	return nil, nil, &session.OpError{Op: protocol.OpGetData, Path: session.ConfigPath, Code: protocol.NoNode}
}

// wordServer answers four-letter words, and what it does not know with nothing.
func wordServer(t *testing.T, answers map[string]string) string {
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
			fmt.Fprint(conn, answers[string(word)])
			conn.Close()
		}
	}()
	return ln.Addr().String()
}

// doctor finds what is wrong in the tree and in a server's metrics, and its exit
// code says whether any of it is a problem.
func TestDoctorTree(t *testing.T) {
	t.Parallel()
	const srvr = "Zookeeper version: 3.8.0-x, built on 2024\nLatency min/avg/max: 0/0/0\nReceived: 1\nSent: 1\nConnections: 1\nOutstanding: 0\nZxid: 0x5\nMode: standalone\nNode count: 5\n"
	look := func(words map[string]string, fake *fakeSession, lines ...string) (string, string, int) {
		t.Helper()
		manner, _ := CompatFor("")
		var out, warned bytes.Buffer
		sh := New(manner, &Console{Stdout: &out, Stderr: &warned, Location: time.UTC},
			func(context.Context, string, func(session.Event)) (Session, error) { return alone{fake}, nil }, wordServer(t, words))
		exit := 0
		for _, l := range lines {
			exit = sh.Execute(t.Context(), l)
		}
		return out.String(), warned.String(), exit
	}

	well := map[string]string{"srvr": srvr, "mntr": "zk_version\t3.8.0\nzk_uptime\t5\n", "dump": "SessionTracker dump:\nSession Sets (1)/(1):\n\t0xa\nephemeral nodes dump:\n0xa:\n\t/e\n", "conf": "secureClientPort=-1\n"}
	fake := newFake("/e")
	fake.owner = map[string]protocol.SessionID{"/e": 0xa}
	if out, warned, exit := look(well, fake, "doctor"); out != "0 problems, 0 hints\n" || warned != "" || exit != 0 {
		t.Errorf("all well: exit %d\n%s%s", exit, out, warned)
	}

	ill := map[string]string{"srvr": srvr, "conf": well["conf"],
		"mntr": "zk_open_file_descriptor_count\t95\nzk_max_file_descriptor_count\t100\nzk_digest_mismatches_count\t1\nzk_fsync_threshold_exceed_count\t2\n",
		"dump": "SessionTracker dump:\nSession Sets (1)/(1):\n\t0xa\nephemeral nodes dump:\n0xa:\n\t/e\n0xdead:\n\t/orphan\n\t/gone\n"}
	paths := []string{"/e", "/orphan", "/zookeeper", "/zookeeper/quota", "/zookeeper/quota/full", "/zookeeper/quota/full/zookeeper_limits", "/zookeeper/quota/full/zookeeper_stats",
		"/zookeeper/quota/over", "/zookeeper/quota/over/zookeeper_limits", "/zookeeper/quota/over/zookeeper_stats", "/big", "/giant", "/wide"}
	for i := range 10_001 {
		paths = append(paths, fmt.Sprintf("/giant/%05d", i), fmt.Sprintf("/wide/%0101d", i)) // the list of /wide is longer than a reply may be
	}
	fake = newFake(paths...)
	fake.owner = map[string]protocol.SessionID{"/e": 0xa, "/orphan": 0xdead}
	fake.data["/big"] = make([]byte, largeData+1)
	fake.data["/zookeeper/quota/full/zookeeper_limits"], fake.data["/zookeeper/quota/full/zookeeper_stats"] = []byte("count=10,bytes=-1"), []byte("count=9,bytes=0")
	fake.data["/zookeeper/quota/over/zookeeper_limits"], fake.data["/zookeeper/quota/over/zookeeper_stats"] = []byte("count=-1,bytes=10"), []byte("count=1,bytes=11")
	out, warned, exit := look(ill, fake, "doctor")
	var found []string
	for _, l := range strings.Split(out, "\n") {
		if strings.HasPrefix(l, "PROBLEM") || strings.HasPrefix(l, "HINT") {
			found = append(found, l)
		}
	}
	want := []string{"PROBLEM: 95 of 100 file descriptors are open", "PROBLEM: 1 txn whose digest is not that of the tree",
		"PROBLEM: 1 ephemeral of session 0xdead, which has ended", "PROBLEM: a quota that is exceeded: 110%", "PROBLEM: a parent with 10001 children",
		"HINT: 2 syncs of the log took longer than a second since the start", "HINT: a quota that is nearly used up: 90%",
		"HINT: a znode with 512 KiB of data", "HINT: a parent with 10001 children"}
	if strings.Join(found, "\n") != strings.Join(want, "\n") || !strings.HasSuffix(out, "5 problems, 4 hints\n") || exit != 1 || warned != "" {
		t.Errorf("exit %d\n%s%s\nwant\n%s", exit, out, warned, strings.Join(want, "\n"))
	}
	if !strings.Contains(out, "  where: /orphan\n") {
		t.Errorf("the orphan is not named:\n%s", out)
	}

	shut := map[string]string{"srvr": srvr}
	if out, warned, exit := look(shut, newFake(), "doctor -s -admin 1"); out != "0 problems, 0 hints\n" || exit != 0 ||
		!strings.Contains(warned, "mntr is not in the 4lw.commands.whitelist") || !strings.Contains(warned, "does not tell the sessions: dump: it closed the connection without an answer") {
		t.Errorf("what cannot be looked at: exit %d\n%s%s", exit, out, warned)
	}
}
