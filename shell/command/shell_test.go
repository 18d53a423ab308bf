package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/session"
)

func opError(code protocol.Code, path string) error {
	return &session.OpError{Op: protocol.OpGetData, Path: path, Code: code}
}

// Texts and exit codes of what can go wrong, in zkcli's own manner, 3.4's and
// 3.8's.
func TestFailures(t *testing.T) {
	t.Parallel()
	refused := &session.ConnectError{Hosts: []session.HostError{{Server: "h:1", Err: errors.New("refused")}}}
	type outcome struct {
		text string
		exit int
	}
	for _, c := range []struct {
		err           error
		own, v34, v38 outcome
	}{
		{opError(protocol.NoNode, "/a"), outcome{"Node does not exist: /a", 1}, outcome{"Node does not exist: /a", 0}, outcome{"Node does not exist: /a", 1}},
		{opError(protocol.NodeExists, "/a"), outcome{"Node already exists: /a", 1}, outcome{"Node already exists: /a", 0}, outcome{"Node already exists: /a", 1}},
		{opError(protocol.NotEmpty, "/a"), outcome{"Node not empty: /a", 1}, outcome{"Node not empty: /a", 0}, outcome{"Node not empty: /a", 1}},
		{opError(protocol.NoAuth, "/a"), outcome{"Insufficient permission : /a", 1}, outcome{"Authentication is not valid : /a", 0}, outcome{"Insufficient permission : /a", 1}},
		{opError(protocol.NotReadOnly, "/a"), outcome{"Not a read-only call: /a", 1}, outcome{"Not a read-only call: /a", 0}, outcome{"Not a read-only call: /a", 1}},
		{opError(protocol.BadArguments, ""), outcome{"Arguments are not valid : ", 1}, outcome{"Arguments are not valid : ", 0}, outcome{"Arguments are not valid : ", 1}},
		{opError(protocol.QuotaExceeded, "/a"), outcome{"Quota has exceeded : /a", 1},
			outcome{`Exception in thread "main" org.apache.zookeeper.KeeperException: KeeperErrorCode = Quota has exceeded for /a`, 1}, outcome{"Quota has exceeded : /a", 1}},
		{opError(protocol.ReconfigInProgress, ""), outcome{"Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)", 1},
			outcome{`Exception in thread "main" org.apache.zookeeper.KeeperException: KeeperErrorCode = ReconfigInProgress`, 1},
			outcome{"Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)", 1}},
		{opError(protocol.SessionExpired, "/a"), outcome{"KeeperErrorCode = Session expired for /a", 1},
			outcome{`Exception in thread "main" org.apache.zookeeper.KeeperException: KeeperErrorCode = Session expired for /a`, 1},
			outcome{"KeeperErrorCode = Session expired for /a", 1}},
		{opError(protocol.Code(-77), "/a"), outcome{"KeeperErrorCode = Unknown error -77 for /a", 1},
			outcome{`Exception in thread "main" org.apache.zookeeper.KeeperException: KeeperErrorCode = Unknown error -77 for /a`, 1},
			outcome{"KeeperErrorCode = Unknown error -77 for /a", 1}},
		{&session.ConnectionLossError{Path: "/a", Reason: refused},
			outcome{"KeeperErrorCode = ConnectionLoss for /a: no server could be reached: h:1: refused; nothing was sent", 3},
			outcome{`Exception in thread "main" org.apache.zookeeper.KeeperException: KeeperErrorCode = ConnectionLoss for /a`, 3},
			outcome{"KeeperErrorCode = ConnectionLoss for /a", 1}},
		{&session.ConnectionLossError{Op: protocol.OpGetData, Path: "/a", Sent: true},
			outcome{"KeeperErrorCode = ConnectionLoss for /a; the request only reads, so it can be repeated", 3},
			outcome{`Exception in thread "main" org.apache.zookeeper.KeeperException: KeeperErrorCode = ConnectionLoss for /a`, 3},
			outcome{"KeeperErrorCode = ConnectionLoss for /a", 1}},
		{&session.ConnectionLossError{Op: protocol.OpSetData, Path: "/a", Sent: true},
			outcome{"KeeperErrorCode = ConnectionLoss for /a; the request was sent, so it may have been carried out: look before you repeat it", 4},
			outcome{`Exception in thread "main" org.apache.zookeeper.KeeperException: KeeperErrorCode = ConnectionLoss for /a`, 4},
			outcome{"KeeperErrorCode = ConnectionLoss for /a", 1}},
		{protocol.ValidatePath("/a/"), outcome{"Path must not end with / character", 1},
			outcome{"Command failed: java.lang.IllegalArgumentException: Path must not end with / character", 0}, outcome{"Path must not end with / character", 1}},
		{errUsage, outcome{"usage: get [-s] [-w] [-b] [-x] [-f form] [-o file] path", 1}, outcome{"", 0}, outcome{"get [-s] [-w] path", 1}},
		{&NumberError{Input: "x", What: "get: the n"}, outcome{`get: the n is not a number: "x"`, 1},
			outcome{`Exception in thread "main" java.lang.NumberFormatException: For input string: "x"`, 1},
			outcome{`Exception in thread "main" java.lang.NumberFormatException: For input string: "x"`, 1}},
		{&session.CanceledError{Op: protocol.OpExists, Sent: true, Cause: context.Canceled}, outcome{"interrupted", 130}, outcome{"interrupted", 130}, outcome{"interrupted", 130}},
		{&session.CanceledError{Op: protocol.OpDelete, Sent: true, Cause: context.Canceled}, outcome{"interrupted: the request was sent, so it may have been carried out", 130},
			outcome{"interrupted: the request was sent, so it may have been carried out", 130}, outcome{"interrupted: the request was sent, so it may have been carried out", 130}},
		{&Failure{Text: "soft", Soft: true}, outcome{"soft", 1}, outcome{"soft", 0}, outcome{"soft", 0}},
		{fmt.Errorf("anything"), outcome{"anything", 1}, outcome{"anything", 0}, outcome{"anything", 1}},
	} {
		for name, want := range map[string]outcome{"": c.own, "3.4": c.v34, "3.8": c.v38} {
			manner, _ := CompatFor(name)
			text, exit := manner.Describe(get, c.err)
			if want.exit == 3 || want.exit == 4 {
				if name == "3.4" {
					want.exit = 1 // uncaught in Java
				}
			}
			if (outcome{text, exit}) != want {
				t.Errorf("%q, %v: got %q, %d; want %q, %d", name, c.err, text, exit, want.text, want.exit)
			}
		}
	}
}

func TestUsageOf39ListsFlags(t *testing.T) {
	t.Parallel()
	manner, _ := CompatFor("3.9")
	text, _ := manner.Describe(set, errUsage)
	// The layout of Commons CLI's HelpFormatter.
	want := "set path data [-s] [-v version] [-b]\n -b         Supply data in base64 format\n -s         Print znode stats additionally\n -v <arg>   Set with an expected version\n"
	if text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestUnknownCommands(t *testing.T) {
	t.Parallel()
	own, v34, v38 := newBench(t, ""), newBench(t, "3.4"), newBench(t, "3.8")
	for line, want := range map[string]string{
		"gett /":  `Command not found: gett (did you mean "get"? "help" lists all)`,
		"getacl":  `Command not found: getacl (did you mean "getAcl"? "help" lists all)`,
		"delall":  `Command not found: delall ("help" lists what there is)`,
		"zzzzzzz": `Command not found: zzzzzzz ("help" lists what there is)`,
	} {
		if _, err, exit := own.do(line); err != want+"\n" && line != "delall" || exit != ExitNotFound {
			t.Errorf("%q: %q, exit %d", line, err, exit)
		}
	}
	if _, err, exit := v34.do("whoami"); !strings.HasPrefix(err, "ZooKeeper -server host:port cmd args\n\t") || strings.Contains(err, "Command not found") || exit != 0 {
		t.Errorf("3.4: %q, exit %d", err, exit)
	}
	if _, err, exit := v38.do("rmr /a"); !strings.HasSuffix(err, "\nCommand not found: Command not found rmr\n") || exit != ExitNotFound {
		t.Errorf("3.8: %q, exit %d", err, exit)
	}
	if len(own.dials)+len(v34.dials)+len(v38.dials) != 0 {
		t.Error("an unknown command connected")
	}
}

func TestManner34(t *testing.T) {
	t.Parallel()
	b := newBench(t, "3.4", "/a", "/a/c", "/a/b")
	stat := "cZxid = 0x0\n"
	out, err, exit := b.do("get /a")
	if out != "/a\n" || !strings.HasPrefix(err, stat) || strings.Count(err, "\n") != 11 || exit != 0 {
		t.Errorf("get: %q, %q, exit %d", out, err, exit)
	}
	if out, err, _ := b.do("set /a x"); out != "" || !strings.HasPrefix(err, stat) {
		t.Errorf("set: %q, %q", out, err)
	}
	if out, err, _ := b.do("ls /a watch"); out != "[c, b]\n" || err != "" {
		t.Errorf("ls: %q, %q", out, err)
	}
	if out, err, exit := b.do("get"); out+err != "" || exit != 0 {
		t.Errorf("misuse: %q, %q, exit %d", out, err, exit)
	}
	if _, err, exit := b.do("get /missing"); err != "Node does not exist: /missing\n" || exit != 0 {
		t.Errorf("no node: %q, exit %d", err, exit)
	}
	if _, err, _ := b.do("setquota -n 5 /a"); !strings.HasPrefix(err, "Comment: the parts are option -n val 5 path /a\n") {
		t.Errorf("setquota: %q", err)
	}
	if out, _, _ := b.do("listquota /a"); out != "Output quota for /a count=5,bytes=-1\nOutput stat for /a count=0,bytes=0\n" {
		t.Errorf("listquota: %q", out)
	}
	if got := string(b.fake.data["/zookeeper/quota/a/zookeeper_limits"]); got != "count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=-1" {
		t.Errorf("what is written depends on the manner: %q", got)
	}
	if out, _, _ := b.do("redo 99"); out != "Command index out of range\n" {
		t.Errorf("redo: %q", out)
	}
	if out, _, _ := b.do("quit"); out != "Quitting...\n" || !b.Done() {
		t.Errorf("quit: %q", out)
	}
	b = newBench(t, "3.8")
	b.do("get /", "quit")
	b.Close(true) // what a shell at its end does
	if out := b.out.String(); strings.Count(out, "state:Closed") != 1 {
		t.Errorf("quit tells its end once: %q", out)
	}
}

// In every manner the same requests reach the server.
func TestMannersWriteTheSame(t *testing.T) {
	t.Parallel()
	var first []string
	for _, name := range []string{"", "3.4", "3.8", "3.9"} {
		b := newBench(t, name, "/a", "/a/b", "/q")
		b.do("create /c data", "set /c new", "delete /c", "setquota -n 5 /q", "setquota -b 7 /q", "delquota -b /q", "setAcl /q world:anyone:r",
			"create /bad x world:anyone:rz", "set /a two words", "delete /a word", "create /n", "setAcl /q nonsense")
		var writes []string
		for _, c := range b.fake.calls {
			if !strings.HasPrefix(c, "exists") && !strings.HasPrefix(c, "get") {
				writes = append(writes, c)
			}
		}
		if first == nil {
			first = writes
		}
		if !slices.Equal(writes, first) {
			t.Errorf("%q: %q\nwant %q", name, writes, first)
		}
	}
	if slices.ContainsFunc(first, func(c string) bool { return strings.Contains(c, "/bad") || c == "setData /a" || c == "delete /a" }) {
		t.Errorf("a command that had to be refused was sent: %q", first)
	}
}

func TestHistoryAndRedo(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	b.do("get /a", "get /missing", "# comment", "   ", "")
	if out, _, _ := b.do("history"); out != "0 - get /a\n1 - get /missing\n2 - history\n" {
		t.Errorf("history: %q", out)
	}
	if out, _, exit := b.do("redo 0"); out != "/a\n" || exit != 0 {
		t.Errorf("redo 0: %q, exit %d", out, exit)
	}
	if out, _, exit := b.do("redo 3"); out != "/a\n" || exit != 0 {
		t.Errorf("redo of a redo's line: %q, exit %d", out, exit)
	}
	if _, err, exit := b.do("redo 1"); err != "Node does not exist: /missing\n" || exit != 1 {
		t.Errorf("redo of a failure: %q, exit %d", err, exit)
	}
	for line, want := range map[string]string{
		"redo 99": "Command index out of range\n", "redo -1": "Command index out of range\n",
		"redo x": "redo: the line's number is not a number: \"x\"\n", "redo": "usage: redo cmdno\n",
	} {
		if _, err, exit := b.do(line); err != want || exit != 1 {
			t.Errorf("%s: %q, exit %d", line, err, exit)
		}
	}
	if _, err, _ := b.do("redo 6"); err != "No redoing redos\n" {
		t.Errorf("redo of redo: %q", err)
	}
	if out, _, exit := b.do("redo 0x0"); out != "/a\n" || exit != 0 {
		t.Errorf("hexadecimal: %q, exit %d", out, exit)
	}
}

func TestCloseConnectPrompt(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	if p := b.Prompt(); p != "[zk: h:1(CONNECTING) 0] " {
		t.Errorf("at first: %q", p)
	}
	b.do("version")
	if len(b.dials) != 0 {
		t.Error("version connected")
	}
	b.do("get /a")
	if p := b.Prompt(); p != "[zk: h:1(CONNECTED) 2] " {
		t.Errorf("connected: %q", p)
	}
	if out, err, exit := b.do("close"); out != "" || err != "Session 0xabc closed\n" || exit != 0 || !b.fake.closed {
		t.Errorf("close: %q, %q, exit %d", out, err, exit)
	}
	if p := b.Prompt(); p != "[zk: h:1(CLOSED) 3] " {
		t.Errorf("closed: %q", p)
	}
	if _, err, exit := b.do("get /a"); !strings.HasPrefix(err, "Not connected") || exit != ExitNoConnection {
		t.Errorf("get after close: %q, exit %d", err, exit)
	}
	if out, _, exit := b.do("printwatches"); out != "printwatches is on\n" || exit != 0 {
		t.Errorf("printwatches after close: %q, exit %d", out, exit)
	}
	if _, err, exit := b.do("connect other:x"); exit != 1 || !strings.Contains(err, "other:x") {
		t.Errorf("bad address: %q, exit %d", err, exit)
	}
	if _, err, exit := b.do("connect other:7/app", "get /a"); exit != 0 || err != "" || !slices.Equal(b.dials, []string{"h:1", "other:7/app"}) {
		t.Errorf("connect: %q, exit %d, dials %q", err, exit, b.dials)
	}
	if _, err, exit := b.do("get /missing", "quit"); !strings.HasSuffix(err, "Session 0xabc closed\n") || exit != 1 || !b.Done() {
		t.Errorf("quit keeps the exit code: %q, exit %d", err, exit)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	changed := session.Event{Type: protocol.EventNodeDataChanged, State: session.SyncConnected, Path: "/a", Zxid: 5}
	connected := session.Event{Type: protocol.EventNone, State: session.SyncConnected, Zxid: -1, Session: 1}
	expired := session.Event{Type: protocol.EventNone, State: session.Expired, Session: 0x1f, LostEphemerals: []string{"/e"},
		LostWatches: []session.Watch{{Path: "/w", Kind: session.WatchRecursive}}}
	block := "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:/a"
	for _, c := range []struct{ manner, out, err string }{
		{"", block + " zxid: 5\n", "session 0x1f expired; going on in a new one; ephemeral znodes lost: /e; watches lost: /w (recursive)\nmissed some\n"},
		{"3.8", "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n" + block + "\n\nWATCHER::\n\nWatchedEvent state:Expired type:None path:null\n", ""},
		{"3.9", "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null zxid: -1\n" + block + " zxid: 5\n\nWATCHER::\n\nWatchedEvent state:Expired type:None path:null zxid: -1\n", ""},
	} {
		b := newBench(t, c.manner, "/a")
		b.do("get /a")
		b.out.Reset()
		for _, e := range []session.Event{connected, changed, expired, {Note: "missed some"}} {
			b.onEvent(e)
		}
		if b.out.String() != c.out || b.err.String() != c.err {
			t.Errorf("%q: %q, %q", c.manner, b.out.String(), b.err.String())
		}
		b.do("printwatches off")
		b.onEvent(changed)
		if b.out.Len() != 0 {
			t.Errorf("%q: printwatches off printed %q", c.manner, b.out.String())
		}
	}
}

func TestNullData(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ manner, line, want string }{
		{"", "get /n", "null\n"}, {"", "get -b /n", "\n"}, {"", "get -x /n", "\n"}, {"", "get /e", "\n"},
		{"3.9", "get /n", "null\n"}, {"3.9", "get -b /n", "bnVsbA==\n"},
	} {
		b := newBench(t, c.manner, "/n", "/e")
		b.fake.data["/n"], b.fake.data["/e"] = nil, []byte{}
		if out, _, _ := b.do(c.line); out != c.want {
			t.Errorf("%q %s: %q", c.manner, c.line, out)
		}
	}
}

func TestBase64Input(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"aGk=": "hi", "aGk": "hi", "": "", "/+8=": "\xff\xef", "aGk==": "!", "a": "!", "aG k": "!", "aGk=\n": "!", "====": "!", "_w==": "!"} {
		data, err := decodeBase64(text)
		if (err != nil) != (want == "!") || err == nil && string(data) != want {
			t.Errorf("%q: %q, %v", text, data, err)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	out, _, _ := b.do("help")
	for _, c := range Table(b.Compat) {
		if c.Summary == "" || !strings.Contains(out, c.Name+" ") {
			t.Errorf("%s is missing in the overview, or has no summary", c.Name)
		}
		if text, _, exit := b.do("help " + c.Name); exit != 0 || !strings.HasPrefix(text, c.Syntax(b.Compat)+"\n") {
			t.Errorf("help %s: %q", c.Name, text)
		}
	}
	for _, alias := range []string{"h", "?"} {
		if again, _, _ := b.do(alias); again != out {
			t.Errorf("%s differs from help", alias)
		}
	}
	if _, _, exit := b.do("help nothing"); exit != ExitNotFound {
		t.Errorf("help nothing: exit %d", exit)
	}
}

func TestSmallCommands(t *testing.T) {
	t.Parallel()
	own, v38 := newBench(t, ""), newBench(t, "3.8")
	for _, c := range []struct {
		b              *bench
		line, out, err string
	}{
		{own, "getEphemerals", "[/a, /b]\n", ""},
		{v38, "getEphemerals", "[/b, /a]\n", ""},
		{own, "getAllChildrenNumber /", "7\n", ""},
		{own, "whoami", "Auth scheme: User\nip: 127.0.0.1\nsuper: \n", ""},
		{own, "removewatches -r /", "", "KeeperErrorCode = No such watcher for /\n"},
		{v38, "removewatches -r /", "", "org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: -r\n"},
		{own, "getAcl /", "'world,'anyone\n: cdrwa\n", ""},
		{own, "printwatches maybe", "", "usage: printwatches on|off\n"},
		{own, "version x", "", "usage: version\n"},
		{v38, "version x", "", "version \n"},
		{own, "create /x -d", "", "create: Unrecognized option: -d (data that begins with \"-\" goes behind \"--\"); usage: create [-s] [-e] [-c] [-t ttl] [-p] [-l] path [data] [acl]\n"},
		{own, "create -c -e /x", "", "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.\n"},
		{own, "create -t 5 -e /x", "", "TTLs cannot be used with Ephemeral znodes\n"},
		{own, "create -t 5 -c /x", "", "TTLs cannot be used with Container znodes\n"},
		{own, "create -t x /x", "", "-t argument must be a long value\n"},
		{own, "create -t 1099511627776 /x", "", "ttl must be positive and cannot be larger than: 1099511627775\n"},
		{own, "create -s /x/", "Created /x/\n", ""},
		{own, "create /y/", "", "Path must not end with / character\n"},
		{own, "set -v 99999999999 / x", "", "set: the version is not a number: \"99999999999\"\n"},
		{own, "deleteall -b x /", "", "-b argument must be an int value\n"},
		{own, "4lw hello", "", "4lw: a word has four letters: hello\n"},
		{own, "ls / /", "", "ls: what is \"/\" behind the path? Only the word watch can stand there; a name with blanks must be quoted\n"},
		{own, "get / a b", "", "usage: get [-s] [-w] [-b] [-x] [-f form] [-o file] path\n"},
	} {
		if out, err, _ := c.b.do(c.line); out != c.out || err != c.err {
			t.Errorf("%q %s: got %q, %q; want %q, %q", c.b.Compat.Name, c.line, out, err, c.out, c.err)
		}
	}
}

// No line of input ends the shell or breaks it, in no manner.
func FuzzExecute(f *testing.F) {
	for _, line := range []string{"ls -R /", "get -x /a", "redo 0", "setquota -n 1 /a", "create -t 5 '/é' \"x y\"", "setAcl -R / auth::cdrwa",
		"deleteall /", "connect ,", "help help", "reconfig -v -1 -add \x00", "history", "close", " \t", "#", "printwatches off", "4lw", "set / a 1", "-", "''"} {
		f.Add(line, line)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.Contains(first+second, "4lw") || strings.Contains(first+second, "%") || strings.Contains(first+second, "-file") {
			return // reaches outside of the process, or looks like a mistake of fmt
		}
		for _, manner := range []string{"", "3.4", "3.8", "3.9"} {
			b := newBench(t, manner, "/a", "/a/b")
			_, err, exit := b.do(first, second)
			if strings.Contains(err, "%!") {
				t.Errorf("%q: %q, %q: %q", manner, first, second, err)
			}
			if exit < 0 || exit > 130 {
				t.Errorf("%q: exit %d", manner, exit)
			}
		}
	})
}
