package apache

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/zktest/ports"
)

// An Ensemble is a configuration whose members have ports of this machine.
// Start runs Apache's server in a place of it; other places are for whoever
// tests against it.
type Ensemble struct {
	Config *quorum.Config // the server lines, without client ports

	// Knows says whether a server has the line of another when it is started
	// first; nil: each has all.
	Knows func(sid, other int64) bool

	t       testing.TB
	options Options
	clients map[int64]string // client addresses
	homes   map[int64]string
}

// NewEnsemble takes ports for servers 1 to n; observers lists those that do
// not vote. Options.Config is added to every member's zoo.cfg, groups and
// weights included; Options.Dir is not used. With
// observerMasterPort among them the servers are at 127.0.0.1, 127.0.0.2 and so on.
func NewEnsemble(t testing.TB, n int, o Options, observers ...int64) *Ensemble {
	t.Helper()
	Need(t)
	e := &Ensemble{t: t, options: o, clients: map[int64]string{}, homes: map[int64]string{}}
	hosting := slices.ContainsFunc(o.Config, func(line string) bool { return strings.HasPrefix(line, "observerMasterPort=") })
	var text strings.Builder
	for sid := range int64(n) {
		role := "participant"
		for _, id := range observers {
			if id == sid+1 {
				role = "observer"
			}
		}
		host := "127.0.0.1"
		if hosting { // followers serve observers on one port, so each needs a host of its own
			host = fmt.Sprintf("127.0.0.%d", sid+1)
		}
		fmt.Fprintf(&text, "server.%d=%s:%d:%d:%s\n", sid+1, host, ports.Free(t), ports.Free(t), role)
		e.clients[sid+1] = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.Free(t)))
	}
	var err error
	if e.Config, err = quorum.ParseConfig(text.String() + strings.Join(o.Config, "\n")); err != nil {
		t.Fatal(err)
	}
	return e
}

// Start runs Apache's server as that member, on a new data directory, and does
// not wait for it: without a quorum it serves nothing. AwaitServing does.
func (e *Ensemble) Start(sid int64) *Server {
	e.t.Helper()
	return e.StartIn(sid, filepath.Join(e.t.TempDir(), "data"))
}

// Configure changes the lines that members started by Start and StartIn from now
// on have beside those of the ensemble.
func (e *Ensemble) Configure(lines []string) { e.options.Config = lines }

// StartIn is Start on a data directory that may be another server's before.
func (e *Ensemble) StartIn(sid int64, dir string) *Server {
	e.t.Helper()
	s := &Server{t: e.t, home: e.t.TempDir(), Dir: dir, Addr: e.clients[sid], options: e.options, fixed: true}
	s.options.Config = []string{"initLimit=10", "syncLimit=5"}
	m, known := e.Config.Member(sid)
	if !known {
		e.t.Fatalf("no server %d in the ensemble", sid)
	}
	if m.Observer {
		s.options.Config = append(s.options.Config, "peerType=observer")
	}
	s.options.Config = append(s.options.Config, e.Lines(sid)...)
	for _, line := range e.options.Config {
		if !strings.HasPrefix(line, "group.") && !strings.HasPrefix(line, "weight.") {
			s.options.Config = append(s.options.Config, line)
		}
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "myid"), []byte(strconv.FormatInt(sid, 10)+"\n"), 0o600); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		if s.process != nil {
			s.Kill9()
		}
		if e.t.Failed() {
			e.t.Logf("output of Apache server %d:\n%s", sid, s.Output())
		}
	})
	s.launch()
	return s
}

// Lines are the server, group and weight lines that a server is started with.
func (e *Ensemble) Lines(sid int64) (lines []string) {
	known := *e.Config
	if e.Knows != nil {
		known.Members = nil
		for _, m := range e.Config.Members {
			if m.ID == sid || e.Knows(sid, m.ID) {
				known.Members = append(known.Members, m)
			}
		}
	}
	for _, line := range strings.Split(known.String(), "\n") {
		if !strings.HasPrefix(line, "version=") {
			lines = append(lines, line)
		}
	}
	return lines
}

// launch starts java on the configuration and does not wait.
func (s *Server) launch() {
	s.t.Helper()
	// One that has changed its members has written its configuration itself.
	if text, err := os.ReadFile(s.configFile()); err != nil || !strings.Contains(string(text), "dynamicConfigFile=") {
		s.writeConfig()
	}
	s.process = s.java()
}

// AwaitServing waits until the server answers a read: as a member of an
// ensemble it has a leader then.
func (s *Server) AwaitServing() {
	s.t.Helper()
	if err := s.await(); err != nil {
		s.t.Fatalf("Apache server at %s: %v\n%s", s.Addr, err, s.Output())
	}
}

// Mode is what srvr tells: leader, follower, observer or standalone; "" while
// the server serves nothing.
func (s *Server) Mode() string {
	s.t.Helper()
	answer, err := protocol.FourLetter(s.t.Context(), s.Addr, "srvr")
	if err != nil {
		return ""
	}
	_, mode, _ := strings.Cut(answer, "Mode: ")
	mode, _, _ = strings.Cut(mode, "\n")
	return mode
}

// Client is the address of a member's client port.
func (e *Ensemble) Client(sid int64) string { return e.clients[sid] }
