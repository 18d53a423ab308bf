package offline_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/shell/command"
	"zookit/shell/offline"
)

// TestReading: the reading commands answer from an export as from a server, and
// the others are refused in one sentence.
func TestReading(t *testing.T) {
	t.Parallel()
	in := inDir(t.TempDir())
	writeExport(t, in("app.jsonl"), seed())
	source := "file:" + in("app.jsonl")
	for _, c := range []struct{ line, stdout, stderr string }{
		{"ls /", "[app]\n", ""},
		{"ls -R /app/c", "/app/c\n/app/c/x\n", ""},
		{"get /app", "max=10\nname=ü\n\n", ""},
		{"get /app/null", "null\n", ""},
		{"getEphemerals /", "[/app/e]\n", ""},
		{"getEphemerals /other", "[]\n", ""},
		{"getAllChildrenNumber /app", "7\n", ""},
		{"getAcl /app/secret", "'ip,'127.0.0.1\n: cdrwa\n'world,'anyone\n: r\n", ""},
		{"get /missing", "", "Node does not exist: /missing\n"},
		{"get app", "", "Path must start with / character\n"},
		{"addauth digest u:p", "", ""},
		{"sync /app", "Sync is OK\n", ""},
		{"create /x", "", source + " holds data at rest, which are only read: connect to a server to change anything\n"},
		{"set /app x", "", source + " holds data at rest, which are only read: connect to a server to change anything\n"},
		{"deleteall /app", "", "Failed|" + source + " holds data at rest, which are only read: connect to a server to change anything\n"},
		{"setAcl /app world:anyone:r", "", source + " holds data at rest, which are only read: connect to a server to change anything\n"},
		{"get -w /app", "", source + " holds data at rest, where nothing changes that could be watched\n"},
		{"addWatch /app", "", source + " holds data at rest, where nothing changes that could be watched\n"},
		{"4lw ruok", "", "4lw: " + source + " holds data at rest, and there is no server to ask\n"},
		{"sessions", "session  client  server  connected  timeout  last op  queued  avg ms  ephemerals\n0x77          -       -          -        -        -       -       -           1\n", ""},
		{"owner /app/c/x", "", "/app/c/x: no session owns it: it is persistent, a container or has a TTL; \"ls\" below it finds ephemerals\n"},
		{"latency", "", "latency: " + source + " holds data at rest, and there is no server to ask\n"},
		{"status", "", "status: " + source + " holds data at rest, and there is no server to ask\n"},
		{"log /app", "", source + ": an export has no transactions; name a data directory\n"},
		{"diff /app/c " + source + ":/app/c", "", ""},
	} {
		stdout, stderr, exit := run(t, c.line+"\n", "-server", source)
		want := strings.TrimPrefix(c.stderr, "Failed|")
		if c.line == "get app" && strings.HasPrefix(stderr, "Node does not exist") { // relative to /
			stderr = want
		}
		if stdout != c.stdout || stderr != want || (exit == 0) != (want == "") {
			t.Errorf("%s: exit %d\n%s%s\nwant\n%s%s", c.line, exit, stdout, stderr, c.stdout, want)
		}
	}
}

// TestNames: what is no source says so, and what would be one.
func TestNames(t *testing.T) {
	t.Parallel()
	_, dir := ours(t, false)
	in := inDir(t.TempDir())
	must(t, os.WriteFile(in("other.txt"), []byte("x"), 0o666))
	must(t, os.WriteFile(in("empty.jsonl"), nil, 0o666))
	must(t, os.WriteFile(in("zoo.cfg"), []byte("dataDir="+dir+"\nclientPort=2181\n"), 0o666))
	must(t, os.WriteFile(in("log.1"), []byte("ZKLG"), 0o666))
	must(t, os.Mkdir(in("nothing"), 0o777))
	for name, want := range map[string]string{
		in("missing"):                     "no such file or directory; name a data directory",
		in("nothing"):                     "name the directory that zoo.cfg calls dataDir",
		in("other.txt"):                   "neither a data directory nor a snapshot (snapshot.ZXID), a zoo.cfg or an export",
		in("empty.jsonl"):                 "line 1: the file is empty",
		in("log.1"):                       "a transaction log alone is no state; name the data directory it is in",
		in("zoo.cfg"):                     "",
		dir:                               "",
		dir + "/version-2":                "",
		dir + "," + dir:                   "",
		dir + "/version-2/snapshot.0":     "",
		dir + "@0x7fffffff":               "its history ends at",
		dir + "/version-2/snapshot.0@0x1": "only a data directory has a history that can be cut at a zxid",
	} {
		stdout, stderr, exit := run(t, "", "-server", "file:"+name, "ls", "/")
		if want == "" && (stdout != "[zookeeper]\n" || exit != 0) || want != "" && (exit != 1 || !strings.Contains(stderr, want) || !strings.HasPrefix(stderr, "file:"+name+": ")) {
			t.Errorf("%s: exit %d: %s%s", name, exit, stdout, stderr)
		}
	}
}

// logs is Data of which only the history counts.
type logs struct {
	offline.Data
	base   map[string]protocol.Zxid // mzxid of the znodes in the snapshot, whose data are "base"
	baseAt protocol.Zxid
	txns   []*txn.Txn
}

func (l *logs) Txns(f func(*txn.Txn) error) (notes []string, err error) {
	for _, t := range l.txns {
		if err := f(t); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (l *logs) Base(f func(string, []byte, protocol.SessionID, *protocol.StatPersisted)) (protocol.Zxid, error) {
	for path, mzxid := range l.base {
		f(path, []byte("base"), 0x5, &protocol.StatPersisted{Mzxid: mzxid})
	}
	return l.baseAt, nil
}

// TestHistoryBefore: what a znode held before the first change in the logs is
// told where the oldest snapshot proves it, and nowhere else; that snapshot may
// hold data that were set after its zxid.
func TestHistoryBefore(t *testing.T) {
	t.Parallel()
	at := func(z protocol.Zxid, op protocol.OpCode, body protocol.Record) *txn.Txn {
		return &txn.Txn{Header: txn.Header{Zxid: z, Session: 0x5, Type: op}, Body: body}
	}
	set := func(z protocol.Zxid, path string) *txn.Txn {
		return at(z, protocol.OpSetData, &txn.SetData{Path: path, Data: fmt.Append(nil, z), Version: 1})
	}
	d := &logs{baseAt: 20, base: map[string]protocol.Zxid{"/old": 3, "/mid": 15, "/fuzzy": 25, "/eph": 4}, txns: []*txn.Txn{
		set(10, "/old"),   // was the same since 3
		set(11, "/mid"),   // what it held is lost
		set(15, "/mid"),   //
		set(22, "/old"),   //
		set(23, "/fuzzy"), // the snapshot holds what is set only at 25
		set(25, "/fuzzy"),
		at(26, protocol.OpMulti, &txn.Multi{Txns: []txn.Sub{{Type: protocol.OpDelete, Body: &txn.Delete{Path: "/mid"}}, {Type: protocol.OpError, Body: &txn.Error{Err: protocol.NoNode}}}}),
		at(27, protocol.OpCloseSession, &txn.CloseSession{}), // before 3.6: takes what the session owns
	}}
	var got []string
	s, err := offline.Open("x", func(string) (offline.Data, error) { return d, nil }, nil)
	must(t, err)
	_, err = s.(command.AtRest).History(context.Background(), "/", true, func(c *command.Change) error {
		old := "?"
		if c.OldSeen {
			old = string(c.Old)
		}
		got = append(got, fmt.Sprintf("%d %s %s %s", int64(c.Zxid), c.Op, c.Path, old))
		return nil
	})
	must(t, err)
	want := []string{"10 setData /old base", "11 setData /mid ?", "15 setData /mid 0xb", "22 setData /old 0xa",
		"23 setData /fuzzy ?", "25 setData /fuzzy 0x17"}
	if n := len(want); len(got) < n || !slices.Equal(got[:n], want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	// Those of the snapshot belong to session 5 here, and those set since as well.
	if rest := got[len(want):]; !slices.Contains(rest, "27 closeSession /eph base") || len(rest) != 4 {
		t.Errorf("the end of the session: %q", rest)
	}
}
