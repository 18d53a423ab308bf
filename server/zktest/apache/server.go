package apache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// SuperPassword is the password of the user super on every server started here.
const SuperPassword = "apache-test"

// Options of a server.
type Options struct {
	Config []string // lines of zoo.cfg beside dataDir and the client port
	Dir    string   // dataDir; "" is a new temporary directory
	Flags  []string // arguments of java, such as -Dzookeeper.K=V
	Admin  bool     // with the AdminServer, which is off otherwise
}

// A Server is a running Apache server. Its methods fail the test it was started for.
type Server struct {
	Addr string // host:port of the client port
	Dir  string // dataDir

	AdminPort int // with Options.Admin: of 127.0.0.1

	t       testing.TB
	home    string // zoo.cfg and the output
	options Options
	fixed   bool // a member of an ensemble: it keeps its port
	process *process
}

// A process is one java, with its end awaited by one goroutine.
type process struct {
	cmd    *exec.Cmd
	output *os.File
	done   chan struct{}
	err    error // valid after done
}

// startAttempts bounds how often another process may take the free port before java does.
const startAttempts = 5

// bootPatience bounds the wait for the first read of a new server.
const bootPatience = 60 * time.Second

// Start runs a standalone server on a free loopback port and waits until it answers a read. It is ended with the test.
// Every four-letter word is allowed, ticks are short (so that sessions may be too), and there is no admin server.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	Need(t)
	s := &Server{t: t, home: t.TempDir(), Dir: o.Dir, options: o}
	if s.Dir == "" {
		s.Dir = filepath.Join(s.home, "data")
	}
	t.Cleanup(func() {
		if s.process != nil {
			s.Kill9()
		}
	})
	s.boot()
	return s
}

// boot picks a port and starts java, again when somebody else took the port in between.
func (s *Server) boot() {
	s.t.Helper()
	for attempt := 1; ; attempt++ {
		s.Addr = freePort(s.t)
		s.writeConfig()
		s.process = s.java()
		err := s.await()
		if err == nil {
			return
		}
		output := s.Output()
		s.Kill9()
		if attempt == startAttempts || !strings.Contains(output, "Address already in use") {
			s.t.Fatalf("Apache server on %s: %v\n%s", s.Dir, err, output)
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func (s *Server) configFile() string { return filepath.Join(s.home, "zoo.cfg") }

func (s *Server) writeConfig() {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := append([]string{
		"dataDir=" + s.Dir, "clientPort=" + port, "clientPortAddress=" + host,
		"tickTime=500", "maxSessionTimeout=60000", "maxClientCnxns=0",
		"admin.enableServer=false", "4lw.commands.whitelist=*", "preAllocSize=64",
		"DigestAuthenticationProvider.superDigest=" + protocol.DigestID("super:"+SuperPassword),
	}, s.options.Config...)
	if s.options.Admin {
		s.AdminPort = FreePort(s.t)
		lines = append(lines, "admin.enableServer=true", "admin.serverAddress=127.0.0.1", "admin.serverPort="+strconv.Itoa(s.AdminPort))
	}
	if err := os.WriteFile(s.configFile(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) java() *process {
	s.t.Helper()
	output, err := os.Create(filepath.Join(s.home, "output"))
	if err != nil {
		s.t.Fatal(err)
	}
	args := javaFlags(true)
	if s.options.Admin {
		args = append(args, "-cp", strings.Join(append([]string{args[len(args)-1]}, adminJars()...), string(os.PathListSeparator)))
	}
	args = append(args, s.options.Flags...)
	cmd := exec.Command("java", append(args, "org.apache.zookeeper.server.quorum.QuorumPeerMain", s.configFile())...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.home, output, output
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	p := &process{cmd: cmd, output: output, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		output.Close()
		close(p.done)
	}()
	return p
}

// javaFlags make java start fast and stay small. A logger is added for the server when one is installed, so that a
// refusal to start can be read; Debian's package comes without.
func javaFlags(logger bool) []string {
	classes := []string{jar()}
	if simple := filepath.Join(filepath.Dir(jar()), "slf4j-simple.jar"); logger {
		if _, err := os.Stat(simple); err == nil {
			classes = append(classes, simple)
		}
	}
	return []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx512m", "-cp", strings.Join(classes, string(os.PathListSeparator))}
}

// adminJars are what the AdminServer needs beside what the manifest of the jar
// names. Debian's package depends on theirs.
func adminJars() []string {
	var jars []string
	for _, name := range []string{"jetty9-server", "jetty9-servlet", "jetty9-util", "jetty9-util-ajax", "jetty9-http", "jetty9-io", "jetty9-security",
		"servlet-api", "jackson-annotations", "jackson-core", "jackson-databind"} {
		jars = append(jars, filepath.Join(filepath.Dir(jar()), name+".jar"))
	}
	return jars
}

// await returns when the server has answered a read. Before it has loaded it accepts connections, says imok, and takes a
// connect packet that it may answer never, or late, with a session that nobody uses; srvr tells when it serves.
func (s *Server) await() error {
	deadline := time.Now().Add(bootPatience)
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	var last error
	for time.Now().Before(deadline) {
		if last = s.serves(); last == nil {
			return s.read()
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("java ended: %v", s.process.err)
		case <-retry.C:
		}
	}
	return fmt.Errorf("not serving in %v: %w", bootPatience, last)
}

// wordPatience bounds one question whether the server serves; the next may find it ready.
const wordPatience = time.Second

func (s *Server) serves() error {
	ctx, cancel := context.WithTimeout(context.Background(), wordPatience)
	defer cancel()
	answer, err := protocol.FourLetter(ctx, s.Addr, "srvr")
	if err == nil && !strings.HasPrefix(answer, "Zookeeper version: ") {
		err = errors.New(answer)
	}
	return err
}

func (s *Server) read() error {
	c, err := wire.Dial(s.Addr, wire.Options{TimeoutMs: 4000})
	if err != nil {
		return err
	}
	if c.Session.TimeoutMs == 0 {
		c.Drop()
		return errors.New("the session was refused")
	}
	err = c.Do(protocol.OpExists, &protocol.ExistsRequest{Path: "/zookeeper"}, nil)
	return errors.Join(err, c.CloseSession())
}

// Output is what java wrote to stdout and stderr since its last start.
func (s *Server) Output() string {
	text, err := os.ReadFile(filepath.Join(s.home, "output"))
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text))
}

// Pause stops the process where it is, connections open; Kill9 ends it.
func (s *Server) Pause() {
	s.t.Helper()
	if err := Pause(s.process.cmd.Process); err != nil {
		s.t.Fatal(err)
	}
}

// Kill9 ends the server as a crash does: no shutdown hook runs.
func (s *Server) Kill9() { s.end(syscall.SIGKILL) }

// Stop ends the server with SIGTERM and waits for its end.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(signal syscall.Signal) {
	s.t.Helper()
	p := s.process
	if p == nil {
		s.t.Fatal("the Apache server is not running")
	}
	s.process = nil
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(bootPatience):
		_ = p.cmd.Process.Kill()
		s.t.Fatalf("the Apache server did not end on %v", signal)
	}
}

// Restart starts the server again on its directory after Kill9 or Stop, on another port. A member of an ensemble keeps
// its ports and is not waited for.
func (s *Server) Restart() {
	s.t.Helper()
	if s.process != nil {
		s.t.Fatal("the Apache server is still running")
	}
	if s.fixed {
		s.launch()
		return
	}
	s.boot()
}
