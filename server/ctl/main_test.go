package ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"zookit/server/config"
	"zookit/server/replica"
	"zookit/server/storage"
)

// fake is a server that listens and answers srvr, and ends when told.
type fake struct {
	cfg       *config.Config
	mu        sync.Mutex // a signal may close what is still starting
	ln        net.Listener
	startErr  error
	err       error
	done      chan struct{}
	closeOnce sync.Once
}

func (f *fake) Start() error {
	if f.startErr != nil {
		return f.startErr
	}
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(f.cfg.ClientPort)))
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ln = ln
	return nil
}
func (f *fake) Addr() net.Addr        { return f.ln.Addr() }
func (f *fake) Addresses() string     { return f.ln.Addr().String() }
func (f *fake) Done() <-chan struct{} { return f.done }
func (f *fake) Err() error            { return f.err }
func (f *fake) Close() error {
	f.closeOnce.Do(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.ln != nil {
			f.ln.Close()
		}
	})
	return nil
}

// syncBuffer is a buffer two goroutines may use.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *syncBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func run(ctx context.Context, vars map[string]string, serve Serve, args ...string) (code int, stdout, stderr string) {
	var out, errs syncBuffer
	code = Main(ctx, Env{Stdout: &out, Stderr: &errs, Getenv: func(k string) string { return vars[k] }, Serve: serve}, args)
	return code, out.String(), errs.String()
}

func noServer(*config.Config, *slog.Logger) (Server, error) {
	return nil, errors.New("no server is wanted here")
}

func writeConfig(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInvocation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := writeConfig(t, dir, "bad.cfg", "tickTime=x\ndataDir="+dir+"/data\nclientPort=2181\nsnapCont=5\n")
	fileAsDir := writeConfig(t, dir, "dir.cfg", "dataDir="+bad+"\nclientPort=2181\n")
	tests := []struct {
		args           []string
		vars           map[string]string
		code           int
		stdout, stderr string // patterns
	}{
		{args: []string{"help"}, stdout: `^usage: zkserver `},
		{args: []string{"-h"}, stdout: `^usage: zkserver `},
		{args: []string{"version"}, stdout: `^zkserver, version 3\.9\.5-zookit.*\n$`},
		{args: []string{"start"}, code: 2, stderr: `^zkserver: start: zkserver stays in the foreground: .*start-foreground CONFIG\n$`},
		{args: []string{"stop", "zoo.cfg"}, code: 2, stderr: `^zkserver: stop: send SIGTERM`},
		{args: []string{"restart"}, code: 2, stderr: `^zkserver: restart: `},
		{args: []string{"print-cmd"}, code: 2, stderr: `^zkserver: print-cmd: `},
		{args: nil, code: 2, stderr: `^zkserver: no configuration: name a zoo.cfg, or set ZOOCFGDIR`},
		{args: []string{"--wrong"}, code: 2, stderr: `^zkserver: unknown flag --wrong; see zkserver help\n$`},
		{args: []string{"-log"}, code: 2, stderr: `^zkserver: -log needs a value`},
		{args: []string{"-log", "xml"}, code: 2, stderr: `^zkserver: -log xml: neither text nor json\n$`},
		{args: []string{"-D"}, code: 2, stderr: `^zkserver: -D names no property`},
		{args: []string{"status", "a", "b"}, code: 2, stderr: `^zkserver: status takes one CONFIG, not 2`},
		{args: []string{"a", "b", "c", "d", "e"}, code: 2, stderr: `^zkserver: arguments: 5 arguments; give CONFIG, or CLIENTPORT DATADIR`},
		{args: []string{dir + "/none.cfg"}, code: 2, stderr: `^zkserver: .*none.cfg: no such file; `},
		{args: []string{bad}, code: 2, stderr: `^zkserver: warning: .*bad.cfg:4: snapCont: unknown key, ignored; did you mean snapCount\?\nzkserver: .*bad.cfg:1: tickTime=x: not a whole number; .*\n$`},
		{vars: map[string]string{"ZOOCFGDIR": dir, "ZOOCFG": "bad.cfg"}, code: 2, stderr: `^Using config: .*bad.cfg\n`},
		{args: []string{"start-foreground", "bad.cfg"}, vars: map[string]string{"ZOOCFGDIR": dir}, code: 2, stderr: `bad.cfg:1: tickTime=x`},
		{args: []string{"--config", dir, "start-foreground", "bad.cfg"}, code: 2, stderr: `bad.cfg:1: tickTime=x`},
		{args: []string{fileAsDir}, code: 3, stderr: `\nzkserver: dataDir .*bad.cfg: .*bad.cfg is not a directory; name a directory\n$`},
		{args: []string{"-Dzookeeper.snapCount=x", fileAsDir}, code: 2, stderr: `^zkserver: -D argument: zookeeper.snapCount=x: not a whole number`},
		{args: []string{"status", dir + "/none.cfg"}, code: 1, stdout: `^Unable to find either secure or unsecure client port in any configs. Terminating.\n$`, stderr: `no such file`},
	}
	for _, tt := range tests {
		code, stdout, stderr := run(t.Context(), tt.vars, noServer, tt.args...)
		name := strings.Join(tt.args, " ")
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d (%s)", name, code, tt.code, stderr)
		}
		for _, s := range []struct{ what, got, want string }{{"stdout", stdout, tt.stdout}, {"stderr", stderr, tt.stderr}} {
			if s.want == "" && s.got != "" && s.what == "stdout" || !regexp.MustCompile(s.want).MatchString(s.got) {
				t.Errorf("%s: %s %q, want %s", name, s.what, s.got, s.want)
			}
		}
	}
}

// A server runs until its context ends, and its log is made of lines like Apache's.
func TestServeAndStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := writeConfig(t, dir, "zoo.cfg", "dataDir="+dir+"/data\nclientPort=0\nserver.1=localhost:2888:3888\n")
	ctx, stop := context.WithCancel(t.Context())
	code, _, stderr := run(ctx, nil, func(c *config.Config, log *slog.Logger) (Server, error) {
		stop() // the order to stop waits in ctx while the server starts
		return &fake{cfg: c, done: make(chan struct{})}, nil
	}, "start-foreground", cfg)
	if code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	line := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[myid:\] - (INFO |WARN |ERROR) \[ctl:serve.go@\d+\] - .+$`)
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	for _, l := range lines {
		if !line.MatchString(l) {
			t.Errorf("line %q", l)
		}
	}
	for i, want := range []string{"reading configuration file=", "only one server specified (ignoring)", "started address=127.0.0.1:", "stopping", "stopped"} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("line %d: want %q in\n%s", i, want, stderr)
		}
	}
}

// What a server ends with becomes the exit code, and its text is printed whole.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := writeConfig(t, dir, "zoo.cfg", "dataDir="+dir+"/data\nclientPort=0\n")
	damaged := &storage.DamageError{File: "log.1", Offset: 99, FirstZxid: 5, LastZxid: 9, Cause: "bad checksum", Mend: "restore it"}
	ended := make(chan struct{})
	close(ended)
	tests := []struct {
		name   string
		serve  Serve
		code   int
		stderr string
	}{
		{"new", func(*config.Config, *slog.Logger) (Server, error) { return nil, fmt.Errorf("opening: %w", damaged) }, ExitDamage,
			"zkserver: opening: " + damaged.Error() + "\n"},
		{"start", func(c *config.Config, _ *slog.Logger) (Server, error) {
			return &fake{cfg: c, startErr: io.ErrUnexpectedEOF}, nil
		}, ExitUnexpected,
			"zkserver: unexpected EOF\n"},
		{"directory", func(c *config.Config, _ *slog.Logger) (Server, error) {
			return &fake{cfg: c, startErr: &storage.DirError{Dir: "/d", Why: "another server is running on it", Mend: "stop it"}}, nil
		}, ExitDataDir, "zkserver: /d: another server is running on it; stop it\n"},
		{"later", func(c *config.Config, _ *slog.Logger) (Server, error) {
			return &fake{cfg: c, done: ended, err: damaged}, nil
		}, ExitDamage,
			"zkserver: " + damaged.Error() + "\n"},
		{"disk full", func(c *config.Config, _ *slog.Logger) (Server, error) {
			return &fake{cfg: c, done: ended, err: errors.New("no space left on device")}, nil
		}, ExitDamage, "zkserver: no space left on device\n"},
		{"invariant", func(c *config.Config, _ *slog.Logger) (Server, error) {
			return &fake{cfg: c, done: ended, err: fmt.Errorf("tree: %w", replica.ErrInvariant)}, nil
		}, ExitBrokenInside, "zkserver: tree: broken invariant\n"},
		{"closed", func(c *config.Config, _ *slog.Logger) (Server, error) { return &fake{cfg: c, done: ended}, nil }, ExitOK, "started"},
	}
	for _, tt := range tests {
		code, _, stderr := run(t.Context(), nil, tt.serve, cfg)
		if code != tt.code || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%s: exit code %d, want %d; stderr %q", tt.name, code, tt.code, stderr)
		}
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	dir := t.TempDir()
	cfg := writeConfig(t, dir, "zoo.cfg", fmt.Sprintf("dataDir=%s/data\nclientPort=%d\n", dir, port))
	code, _, stderr := run(t.Context(), nil, func(c *config.Config, _ *slog.Logger) (Server, error) { return &fake{cfg: c}, nil }, cfg)
	if code != ExitUnexpected || !strings.Contains(stderr, "address already in use") || !strings.Contains(stderr, fmt.Sprintf("clientPort=%d", port)) {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// status: zkServer.sh's words, with a server that answers, one that does not, and none.
func TestStatus(t *testing.T) {
	t.Parallel()
	answers := func(text string) int {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				io.ReadFull(c, make([]byte, 4))
				io.WriteString(c, text)
				c.Close()
			}
		}()
		return ln.Addr().(*net.TCPAddr).Port
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/myid", []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := answers("Zookeeper version: 3.9.5\nMode: standalone\nNode count: 5\n")
	leader := answers("Zookeeper version: 3.9.5\nMode: leader\nNode count: 5\nProposal sizes last/min/max: 48/36/48\n")
	follower := answers("Zookeeper version: 3.9.5\nMode: follower\nNode count: 5\n")
	observer := answers("Zookeeper version: 3.9.5\nMode: observer\nNode count: 5\n")
	dynamic := writeConfig(t, dir, "zoo.cfg.dynamic.100000000", fmt.Sprintf("server.1=a:1:2;3\nserver.2=b:1:2:observer;127.0.0.1:%d\n", observer))
	waiting := answers("This ZooKeeper instance is not currently serving requests\n")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := closed.Addr().(*net.TCPAddr).Port
	closed.Close()
	tests := []struct {
		name, config, stdout, stderr string
		code                         int
	}{
		{"up", fmt.Sprintf("clientPort=%d\nclientPortAddress=127.0.0.1\n", up),
			fmt.Sprintf("Client port found: %d. Client address: 127.0.0.1. Client SSL: false.\nMode: standalone\n", up), "", 0},
		{"every interface", fmt.Sprintf("clientPort=%d\nclientPortAddress=0.0.0.0\n", up),
			fmt.Sprintf("Client port found: %d. Client address: 0.0.0.0. Client SSL: false.\nMode: standalone\n", up), "", 0},
		{"ensemble", fmt.Sprintf("dataDir=%s\nserver.1=a:1:2;3\nserver.2=b:1:2;127.0.0.1:%d\nserver.3=c:1:2;4\n", dir, up),
			fmt.Sprintf("Client port found: %d. Client address: 127.0.0.1. Client SSL: false.\nMode: standalone\n", up), "", 0},
		{"any address in a server line", fmt.Sprintf("dataDir=%s\nserver.1=a:1:2;3\nserver.2=b:1:2;%d\n", dir, leader),
			fmt.Sprintf("Client port found: %d. Client address: localhost. Client SSL: false.\nMode: leader\n", leader), "", 0},
		{"follower", fmt.Sprintf("clientPort=%d\n", follower),
			fmt.Sprintf("Client port found: %d. Client address: localhost. Client SSL: false.\nMode: follower\n", follower), "", 0},
		{"observer", fmt.Sprintf("dataDir=%s\ndynamicConfigFile=%s\n", dir, dynamic),
			fmt.Sprintf("Client port found: %d. Client address: 127.0.0.1. Client SSL: false.\nMode: observer\n", observer), "", 0},
		{"not serving", fmt.Sprintf("clientPort=%d\n", waiting),
			fmt.Sprintf("Client port found: %d. Client address: localhost. Client SSL: false.\nError contacting service. It is probably not running.\n", waiting), "not currently serving", 1},
		{"down", fmt.Sprintf("clientPort=%d\n", down),
			fmt.Sprintf("Client port found: %d. Client address: localhost. Client SSL: false.\nError contacting service. It is probably not running.\n", down), "refused", 1},
		{"no port", "dataDir=/none\n", "Unable to find either secure or unsecure client port in any configs. Terminating.\n", "clientPort: not set", 1},
	}
	for _, tt := range tests {
		cfg := writeConfig(t, dir, "zoo.cfg", tt.config)
		code, stdout, stderr := run(t.Context(), map[string]string{"ZOOCFGDIR": dir}, noServer, "status")
		if code != tt.code || stdout != tt.stdout || !strings.HasPrefix(stderr, "Using config: "+cfg+"\n") || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", tt.name, code, stdout, stderr)
		}
	}
}
