package apache_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/wire"
)

// A directory goes from one server to the other and back, after a clean stop, after kill -9 and after kill -9 twice in a
// row. Whoever opens it shows every znode with its data, Stat and ACL as the one before did, keeps the sessions with
// their ephemerals, and Apache finds every txn's digest right.
func TestDirectoryToAndFro(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	program := build(t)
	for _, tt := range []struct {
		name  string
		lines []string
		logs  bool // a dataLogDir of its own
		turns string
	}{
		// A is Apache and o ours; + is a stop, ! a kill -9, !! two of them with nothing but a session in between.
		{name: "from Apache", turns: "A!! o! A+ o+ A! o!! A"},
		{name: "from ours, gzip", lines: []string{"snapshot.compression.method=gz"}, turns: "o! A!! o+ A! o"},
		{name: "from Apache, snappy, own log directory", lines: []string{"snapshot.compression.method=snappy"}, logs: true, turns: "A+ o!! A! o"},
		{name: "from ours without digests", lines: []string{"digest.enabled=false"}, turns: "o!! A! o! A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			lines := append([]string{"snapCount=20", "extendedTypesEnabled=true", "enforceQuota=true"}, tt.lines...)
			if tt.logs {
				lines = append(lines, "dataLogDir="+filepath.Join(dir, "logs"))
			}
			var before []wire.Znode
			var session protocol.ConnectResponse
			for turn, word := range strings.Fields(tt.turns) {
				name := fmt.Sprintf("turn %d (%s)", turn, word)
				s := start(t, word[0] == 'A', program, filepath.Join(dir, "data"), lines)
				after := walk(t, s.addr())
				if diff := wire.Diff(before, after); turn > 0 && diff != "" {
					t.Fatalf("%s: the tree is not the one left behind:\n%s", name, diff)
				}
				if turn > 0 {
					resume(t, name, s.addr(), session)
				}
				if len(after) < 25*turn {
					t.Fatalf("%s: %d znodes are too few", name, len(after))
				}
				if word[0] == 'A' && !slices.Contains(lines, "digest.enabled=false") {
					noMismatch(t, name, s.addr())
				}
				session = work(t, s.addr(), fmt.Sprintf("/turn-%d", turn))
				for _, end := range word[1:] {
					if s == nil {
						s = start(t, word[0] == 'A', program, filepath.Join(dir, "data"), lines)
					}
					before = walk(t, s.addr())
					s.end(end == '!')
					s = nil
				}
			}
		})
	}
}

// A runner is one server of either kind on a directory.
type runner interface {
	addr() string
	end(kill bool)
}

type theirs struct{ *apache.Server }

func (s theirs) addr() string { return s.Addr }
func (s theirs) end(kill bool) {
	if kill {
		s.Kill9()
	} else {
		s.Stop()
	}
}

func start(t *testing.T, isApache bool, program, dir string, lines []string) runner {
	t.Helper()
	if isApache {
		return theirs{apache.Start(t, apache.Options{Dir: dir, Config: lines})}
	}
	s := &ours{t: t, program: program, config: filepath.Join(t.TempDir(), "zoo.cfg"), lines: append([]string{
		"dataDir=" + dir, "clientPortAddress=127.0.0.1", "tickTime=500", "maxSessionTimeout=60000", "4lw.commands.whitelist=*", "preAllocSize=64",
		"DigestAuthenticationProvider.superDigest=" + protocol.DigestID("super:"+apache.SuperPassword),
	}, lines...)}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.end(true)
		}
	})
	s.boot()
	return s
}

// ours is the program zkserver as a process, so that it can be killed.
type ours struct {
	t               *testing.T
	program, config string
	lines           []string
	port            string
	cmd             *exec.Cmd
	output          strings.Builder
	done            chan error
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "zkserver")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "zookit/cmd/zkserver").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func (s *ours) addr() string { return "127.0.0.1:" + s.port }

func (s *ours) boot() {
	s.t.Helper()
	s.port = strconv.Itoa(apache.FreePort(s.t))
	if err := os.WriteFile(s.config, []byte(strings.Join(append(s.lines, "clientPort="+s.port), "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.output.Reset()
	s.cmd = exec.Command(s.program, s.config)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(s.cmd, s.done)
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		c, err := wire.Dial(s.addr(), wire.Options{TimeoutMs: 4000})
		if err == nil {
			if err := c.CloseSession(); err != nil {
				s.t.Fatal(err)
			}
			return
		}
		select {
		case err := <-s.done:
			s.cmd = nil
			s.t.Fatalf("zkserver ended: %v\n%s", err, s.output.String())
		case <-retry.C:
		}
	}
}

func (s *ours) end(kill bool) {
	s.t.Helper()
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	err := <-s.done
	s.cmd = nil
	if !kill && err != nil {
		s.t.Fatalf("zkserver ended with %v\n%s", err, s.output.String())
	}
}

func dial(t *testing.T, addr string) *wire.Conn {
	t.Helper()
	c, err := wire.Dial(addr, wire.Options{TimeoutMs: 60_000})
	if err == nil {
		err = c.Auth("digest", "super:"+apache.SuperPassword)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func walk(t *testing.T, addr string) []wire.Znode {
	t.Helper()
	c := dial(t, addr)
	nodes, err := wire.Walk(c)
	if err == nil {
		err = c.CloseSession()
	}
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

// resume takes up the session that owns the last turn's ephemerals, and leaves it again.
func resume(t *testing.T, turn, addr string, session protocol.ConnectResponse) {
	t.Helper()
	c, err := wire.Dial(addr, wire.Options{TimeoutMs: 60_000, Session: session.Session, Password: session.Password})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Drop()
	if c.Session.Session != session.Session || c.Session.TimeoutMs != 60_000 {
		t.Fatalf("%s: session %v was not taken up: %+v", turn, session.Session, c.Session)
	}
	var own protocol.GetEphemeralsResponse
	if err := c.Do(protocol.OpGetEphemerals, &protocol.GetEphemeralsRequest{Prefix: "/"}, &own); err != nil || len(own.Strings) != 2 {
		t.Fatalf("%s: ephemerals %q of session %v, %v", turn, own.Strings, session.Session, err)
	}
}

func noMismatch(t *testing.T, turn, addr string) {
	t.Helper()
	answer, err := protocol.FourLetter(t.Context(), addr, "mntr")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer, "zk_digest_mismatches_count\t0\n") {
		t.Errorf("%s: Apache found txns whose digest is not that of its tree", turn)
	}
}

// work leaves a bit of everything below root, enough for snapshots in between, and a session with two ephemerals whose
// connection is dropped.
func work(t *testing.T, addr, root string) protocol.ConnectResponse {
	t.Helper()
	c := dial(t, addr)
	must := func(op protocol.OpCode, r protocol.Record) {
		t.Helper()
		if err := c.Do(op, r, nil); err != nil {
			t.Fatalf("%v %+v: %v", op, r, err)
		}
	}
	fails := func(want protocol.Code, op protocol.OpCode, r protocol.Record) {
		t.Helper()
		if err := c.Do(op, r, nil); !errors.Is(err, want) {
			t.Fatalf("%v %+v: %v, want %v", op, r, err, want)
		}
	}
	create := func(path string, data []byte, flags protocol.CreateFlag) *protocol.CreateRequest {
		return &protocol.CreateRequest{Path: root + path, Data: data, ACL: protocol.OpenACL, Flags: flags}
	}
	must(protocol.OpCreate, create("", nil, 0))
	must(protocol.OpCreate, create("/empty", []byte{}, 0))
	must(protocol.OpCreate, create("/binary ä\u3042", []byte{0, 0xff, 0x1b, '\n'}, 0))
	must(protocol.OpCreate, &protocol.CreateRequest{Path: root + "/acl", Data: []byte("x"), ACL: []protocol.ACL{
		{Perms: protocol.PermRead, Scheme: "world", ID: "anyone"}, {Perms: protocol.PermAll, Scheme: "digest", ID: protocol.DigestID("bob" + root + ":pw")}}})
	must(protocol.OpSetACL, &protocol.SetACLRequest{Path: root + "/empty", ACL: []protocol.ACL{{Perms: protocol.PermAll, Scheme: "ip", ID: "127.0.0.0/8"}}, Version: 0})
	must(protocol.OpCreateContainer, create("/box", []byte("b"), protocol.FlagContainer))
	must(protocol.OpCreateContainer, create("/used", nil, protocol.FlagContainer))
	must(protocol.OpCreate, create("/used/in", nil, 0))
	must(protocol.OpCreateTTL, &protocol.CreateTTLRequest{Path: root + "/ttl", Data: []byte("t"), ACL: protocol.OpenACL, Flags: protocol.FlagTTL, TTL: 3_600_000})
	for i := range 15 {
		must(protocol.OpCreate, create("/s-", []byte(fmt.Sprint(i)), protocol.FlagSequential))
		must(protocol.OpSetData, &protocol.SetDataRequest{Path: root, Data: []byte(fmt.Sprint("v", i)), Version: int32(i)})
	}
	must(protocol.OpDelete, &protocol.DeleteRequest{Path: root + "/s-0000000008", Version: -1})
	fails(protocol.NodeExists, protocol.OpCreate, create("/empty", nil, 0))
	fails(protocol.BadVersion, protocol.OpSetData, &protocol.SetDataRequest{Path: root, Version: 99})
	must(protocol.OpMulti, &protocol.MultiRequest{Ops: []protocol.MultiOp{
		{Type: protocol.OpCreate, Record: create("/m", nil, 0)}, {Type: protocol.OpSetData, Record: &protocol.SetDataRequest{Path: root + "/m", Data: []byte("m"), Version: 0}},
		{Type: protocol.OpCreate, Record: create("/m/x", nil, 0)}, {Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: root + "/m/x", Version: 0}},
		{Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: root + "/m", Version: 1}}}})
	must(protocol.OpMulti, &protocol.MultiRequest{Ops: []protocol.MultiOp{
		{Type: protocol.OpCreate, Record: create("/undone", nil, 0)}, {Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: root + "/none", Version: 0}}}})

	quota := "/zookeeper/quota" + root
	must(protocol.OpCreate, &protocol.CreateRequest{Path: quota, ACL: protocol.OpenACL})
	must(protocol.OpCreate, &protocol.CreateRequest{Path: quota + "/zookeeper_limits", Data: []byte("count=100,bytes=1000=;byteHardLimit=2000;countHardLimit=200"), ACL: protocol.OpenACL})
	must(protocol.OpCreate, &protocol.CreateRequest{Path: quota + "/zookeeper_stats", Data: []byte("count=0,bytes=0"), ACL: protocol.OpenACL})
	must(protocol.OpCreate, create("/charged", []byte("12345"), 0))

	// A session that ends takes its ephemerals with it; the other one's stay.
	gone := dial(t, addr)
	if err := gone.Do(protocol.OpCreate, create("/gone", nil, protocol.FlagEphemeral), nil); err != nil {
		t.Fatal(err)
	}
	if err := gone.CloseSession(); err != nil {
		t.Fatal(err)
	}
	must(protocol.OpCreate, create("/e", []byte("e"), protocol.FlagEphemeral))
	must(protocol.OpCreate, create("/es-", nil, protocol.FlagEphemeralSequential))
	c.Drop()
	return c.Session
}

// A session with more ephemerals than one txn may name, at the same jute.maxbuffer on both sides: Apache opens what ours
// wrote of its end. Its own log it could not open (ZOOKEEPER-4306).
func TestZK4306CloseOfManyEphemerals(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, false, build(t), dir, []string{"jute.maxbuffer=4096"})
	many, other := dial(t, s.addr()), dial(t, s.addr())
	for i := range 300 {
		create := &protocol.CreateRequest{Path: fmt.Sprintf("/%s-%d", strings.Repeat("e", 40), i), ACL: protocol.OpenACL, Flags: protocol.FlagEphemeral}
		if err := many.Do(protocol.OpCreate, create, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := many.CloseSession(); err != nil {
		t.Fatal(err)
	}
	if err := other.Do(protocol.OpCreate, &protocol.CreateRequest{Path: "/after", ACL: protocol.OpenACL}, nil); err != nil {
		t.Fatal(err)
	}
	before := walk(t, s.addr())
	s.end(true)

	them := apache.Start(t, apache.Options{Dir: dir, Flags: []string{"-Djute.maxbuffer=4096"}})
	if diff := wire.Diff(before, walk(t, them.Addr)); diff != "" {
		t.Errorf("Apache sees another tree:\n%s", diff)
	}
	noMismatch(t, "after the close", them.Addr)
}
