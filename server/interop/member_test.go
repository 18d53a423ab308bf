//go:build interop

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/wire"
)

// patience bounds every wait; nothing comes near it unless it is broken.
const patience = 60 * time.Second

// pollPause is between two looks at a process that tells of nothing by itself.
const pollPause = 20 * time.Millisecond

// An ensemble is servers 1 to n; kinds has a letter for each: A is Apache's, o
// ours, and a small b or an upper-case B behind would be an observer of either.
type ensemble struct {
	t      *testing.T
	config *apache.Ensemble

	mu      sync.RWMutex // guards members against swap
	members []member     // of server 1, 2, …
}

// A member is one server of an ensemble, running or not.
type member interface {
	addr() string
	dir() string
	start()
	pause() // until kill: SIGSTOP
	kill()
	stop()
	running() bool
	log() string
}

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "zkserver")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "zookit/cmd/zkserver")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built.Load() {
		if path, err := program(); err == nil {
			os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(code)
}

var built atomic.Bool

// initial is the last server that an ensemble with reconfigEnabled=true begins
// with; the others are configured to join these.
const initial = 3

// newEnsemble starts the members. Lines are added to every zoo.cfg.
func newEnsemble(t *testing.T, kinds string, observers []int64, lines ...string) *ensemble {
	t.Helper()
	return newEnsembleWith(t, kinds, lines, nil, observers...)
}

// newEnsembleWith gives flags to Apache's java too.
func newEnsembleWith(t *testing.T, kinds string, lines, flags []string, observers ...int64) *ensemble {
	t.Helper()
	apache.Need(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	built.Store(true)
	e := &ensemble{t: t, config: apache.NewEnsemble(t, len(kinds), apache.Options{Config: lines, Flags: flags}, observers...)}
	if slices.Contains(lines, "reconfigEnabled=true") {
		e.config.Knows = func(_, other int64) bool { return other <= initial }
	}
	for i, kind := range kinds {
		sid := int64(i + 1)
		if kind == 'A' {
			e.members = append(e.members, &theirs{e: e, sid: sid, data: filepath.Join(t.TempDir(), "data")})
			continue
		}
		e.members = append(e.members, newOurs(e, sid, path, filepath.Join(t.TempDir(), "data"), lines))
	}
	return e
}

func (e *ensemble) start(sids ...int64) {
	e.t.Helper()
	for _, sid := range sids {
		e.member(sid).start()
	}
}

// swap stops a member and starts the other kind on its data directory.
func (e *ensemble) swap(sid int64) {
	e.t.Helper()
	m := e.member(sid)
	m.stop()
	var next member = &theirs{e: e, sid: sid, data: m.dir()}
	if _, was := m.(*theirs); was {
		path, err := program()
		if err != nil {
			e.t.Fatal(err)
		}
		next = newOurs(e, sid, path, m.dir(), nil)
	}
	e.mu.Lock()
	e.members[sid-1] = next
	e.mu.Unlock()
	e.start(sid)
}

func (e *ensemble) member(sid int64) member {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.members[sid-1]
}

// theirs is a server of Apache's.
type theirs struct {
	e    *ensemble
	sid  int64
	data string
	s    *apache.Server
	on   bool
}

func (m *theirs) addr() string  { return m.e.config.Client(m.sid) }
func (m *theirs) dir() string   { return m.data }
func (m *theirs) running() bool { return m.on }
func (m *theirs) log() string   { return m.s.Output() }
func (m *theirs) pause()        { m.s.Pause() }
func (m *theirs) kill()         { m.s.Kill9(); m.on = false }
func (m *theirs) stop()         { m.s.Stop(); m.on = false }
func (m *theirs) start() {
	m.e.t.Helper()
	if m.s == nil {
		m.s = m.e.config.StartIn(m.sid, m.data)
	} else {
		short, err := apache.RemoveShortLogs(m.data)
		if err != nil {
			m.e.t.Fatal(err)
		}
		if len(short) > 0 {
			m.e.t.Logf("server %d: a kill has left %v without a header, with which Apache's does not start: removed", m.sid, short)
		}
		m.s.Restart()
	}
	m.on = true
}

// ours is the program zkserver.
type ours struct {
	e       *ensemble
	sid     int64
	program string
	config  string
	data    string
	cmd     *exec.Cmd
	done    chan error
	output  *os.File
}

func newOurs(e *ensemble, sid int64, program, data string, lines []string) *ours {
	e.t.Helper()
	home := e.t.TempDir()
	m := &ours{e: e, sid: sid, program: program, config: filepath.Join(home, "zoo.cfg"), data: data}
	host, port, err := net.SplitHostPort(m.addr())
	if err != nil {
		e.t.Fatal(err)
	}
	text := []string{"dataDir=" + m.data, "clientPort=" + port, "clientPortAddress=" + host, "tickTime=500", "initLimit=10", "syncLimit=5",
		"maxSessionTimeout=60000", "maxClientCnxns=0", "4lw.commands.whitelist=*", "preAllocSize=64",
		"DigestAuthenticationProvider.superDigest=" + protocol.DigestID("super:"+apache.SuperPassword)}
	text = append(text, e.config.Lines(sid)...)
	if self, _ := e.config.Config.Member(sid); self.Observer {
		text = append(text, "peerType=observer")
	}
	text = append(text, lines...)
	err = errors.Join(os.MkdirAll(m.data, 0o700),
		os.WriteFile(m.config, []byte(strings.Join(text, "\n")+"\n"), 0o600),
		os.WriteFile(filepath.Join(m.data, "myid"), []byte(strconv.FormatInt(sid, 10)+"\n"), 0o600))
	if err != nil {
		e.t.Fatal(err)
	}
	if m.output, err = os.Create(filepath.Join(home, "output")); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		if m.cmd != nil {
			m.kill()
		}
		for _, bad := range []string{"DATA RACE", "panic:", "broken invariant", "the tree differs"} {
			if strings.Contains(m.log(), bad) {
				e.t.Errorf("server %d: %s", sid, bad)
			}
		}
		if e.t.Failed() {
			e.t.Logf("log of our server %d:\n%s", sid, m.log())
		}
		m.output.Close()
	})
	return m
}

func (m *ours) addr() string  { return m.e.config.Client(m.sid) }
func (m *ours) dir() string   { return m.data }
func (m *ours) running() bool { return m.cmd != nil }

func (m *ours) log() string {
	text, err := os.ReadFile(m.output.Name())
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text))
}

func (m *ours) start() {
	m.e.t.Helper()
	m.cmd = exec.Command(m.program, m.config)
	m.cmd.Stdout, m.cmd.Stderr = m.output, m.output
	if err := m.cmd.Start(); err != nil {
		m.e.t.Fatal(err)
	}
	m.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(m.cmd, m.done)
}

func (m *ours) kill() { m.end(syscall.SIGKILL) }
func (m *ours) pause() {
	if err := apache.Pause(m.cmd.Process); err != nil {
		m.e.t.Fatal(err)
	}
}
func (m *ours) stop() {
	if err := m.end(syscall.SIGTERM); err != nil {
		m.e.t.Errorf("our server %d ended with %v", m.sid, err)
	}
}

func (m *ours) end(signal syscall.Signal) error {
	cmd := m.cmd
	m.cmd = nil
	_ = cmd.Process.Signal(signal)
	select {
	case err := <-m.done:
		return err
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		return fmt.Errorf("did not end on %v", signal)
	}
}

// mode is what srvr says, "" while the member does not serve.
func (e *ensemble) mode(sid int64) string {
	answer, err := protocol.FourLetter(e.t.Context(), e.member(sid).addr(), "srvr")
	if err != nil {
		return ""
	}
	_, mode, _ := strings.Cut(answer, "Mode: ")
	mode, _, _ = strings.Cut(mode, "\n")
	return mode
}

// await polls until f holds.
func (e *ensemble) await(what string, f func() bool) {
	e.t.Helper()
	until := time.Now().Add(patience)
	retry := time.NewTicker(pollPause)
	defer retry.Stop()
	for !f() {
		if time.Now().After(until) {
			e.t.Fatalf("waited in vain for %s", what)
		}
		<-retry.C
	}
}

// startLedBy3 starts an ensemble that server 3 leads: it is elected with server
// 1, and the others, 2 among them, join.
func (e *ensemble) startLedBy3(others ...int64) {
	e.t.Helper()
	e.start(1, 3)
	e.awaitMode(3, "leader")
	e.start(others...)
	e.awaitMode(2, "follower")
}

func (e *ensemble) awaitMode(sid int64, mode string) {
	e.t.Helper()
	e.await(fmt.Sprintf("server %d to be %s", sid, mode), func() bool { return e.mode(sid) == mode })
}

// leader is the running member that says it leads, 0 without one.
func (e *ensemble) leader() int64 {
	for i, m := range e.members {
		if m.running() && e.mode(int64(i+1)) == "leader" {
			return int64(i + 1)
		}
	}
	return 0
}

func (e *ensemble) dial(sid int64) (*wire.Conn, error) {
	if e.mode(sid) == "" { // a connect packet that comes too early is never answered by Apache
		return nil, fmt.Errorf("server %d does not serve", sid)
	}
	c, err := wire.Dial(e.member(sid).addr(), wire.Options{TimeoutMs: 30_000})
	if err != nil {
		return nil, err
	}
	if err := c.Auth("digest", "super:"+apache.SuperPassword); err != nil {
		c.Drop()
		return nil, err
	}
	return c, nil
}

// walk is the tree of a member, after a sync.
func (e *ensemble) walk(sid int64) ([]wire.Znode, error) {
	c, err := e.dial(sid)
	if err != nil {
		return nil, err
	}
	defer c.Drop()
	if err := c.Do(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, &protocol.SyncResponse{}); err != nil {
		return nil, err
	}
	nodes, err := wire.Walk(c)
	if err != nil {
		return nil, err
	}
	kept := nodes[:0]
	for _, n := range nodes {
		// Every server writes this one by itself, with its own time.
		if n.Path != "/zookeeper/config" {
			kept = append(kept, n)
		}
	}
	return kept, c.CloseSession()
}

// reviveApache starts those of Apache's members again that a defect of 3.8.0
// has killed without ending their process (ZOOKEEPER-4394: a COMMIT between
// NEWLEADER and UPTODATE, from a leader of Apache's). What they answer with is
// judged as ever.
func (e *ensemble) reviveApache() {
	e.t.Helper()
	for i, m := range e.members {
		if _, theirs := m.(*theirs); theirs && m.running() && strings.Contains(m.log(), "Severe unrecoverable error, from thread : SyncThread") {
			e.t.Logf("server %d of Apache's has lost its SyncThread; it is started again", i+1)
			m.kill()
			m.start()
		}
	}
}

// sameTrees compares all running members, znode by znode.
func (e *ensemble) sameTrees() []wire.Znode {
	e.t.Helper()
	var trees [][]wire.Znode
	var first int64
	diff := ""
	defer func() {
		if e.t.Failed() {
			e.t.Logf("the last look: %.2000s", diff)
		}
	}()
	e.await("equal trees", func() bool {
		e.reviveApache() // it may meet the same again when it joins again
		trees = trees[:0]
		for i, m := range e.members {
			if !m.running() {
				continue
			}
			nodes, err := e.walk(int64(i + 1))
			if err != nil {
				diff = fmt.Sprintf("server %d: %v", i+1, err)
				return false
			}
			if len(trees) == 0 {
				first = int64(i + 1)
			} else if diff = wire.Diff(trees[0], nodes); diff != "" {
				e.t.Logf("servers %d and %d differ:\n%.2000s", first, i+1, diff)
				return false
			}
			trees = append(trees, nodes)
		}
		return true
	})
	return trees[0]
}
