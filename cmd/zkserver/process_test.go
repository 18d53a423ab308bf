package main_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is zkserver as people get it, built once for all tests of this package.
var binary struct {
	once sync.Once
	dir  string
	out  []byte
	err  error
}

func zkserver(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "zkserver-test-"); binary.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(binary.dir, "zkserver"), ".")
		build.Env = append(build.Environ(), "CGO_ENABLED=0")
		binary.out, binary.err = build.CombinedOutput()
	})
	if binary.err != nil {
		t.Fatalf("build zkserver: %v\n%s", binary.err, binary.out)
	}
	return filepath.Join(binary.dir, "zkserver")
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binary.dir != "" {
		os.RemoveAll(binary.dir)
	}
	os.Exit(code)
}

// within bounds every wait: a test that waits longer fails instead of hanging.
const within = 60 * time.Second

// A process is one running zkserver.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
	done chan struct{} // closed when the process has ended
	err  error         // of Wait, after done

	mu  sync.Mutex
	log strings.Builder
}

var startedLine = regexp.MustCompile(` started .*address=(\S+)`)

// start runs zkserver, with variables added to the environment, and waits until
// it serves.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(zkserver(t), args...), done: make(chan struct{})}
	p.cmd.Env = append(p.cmd.Environ(), env...)
	stderr, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan string, 1)
	go func() {
		p.read(stderr, started)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	select {
	case p.addr = <-started:
	case <-p.done:
		t.Fatalf("zkserver ended: %v\n%s", p.err, p.output())
	case <-time.After(within):
		t.Fatalf("zkserver did not start\n%s", p.output())
	}
	return p
}

// read keeps what the process logs, and tells the address it serves at.
func (p *process) read(stderr io.Reader, started chan<- string) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		p.mu.Lock()
		fmt.Fprintln(&p.log, lines.Text())
		p.mu.Unlock()
		if m := startedLine.FindStringSubmatch(lines.Text()); m != nil {
			started <- m[1]
		}
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// kill is kill -9. It is done once the process has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.await()
}

func (p *process) await() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		p.t.Errorf("zkserver does not end\n%s", p.output())
	}
}

// terminate sends SIGTERM and returns the exit code.
func (p *process) terminate() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.await()
	return p.cmd.ProcessState.ExitCode()
}

// writeConfig makes a zoo.cfg beside the data directory.
func writeConfig(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "zoo.cfg")
	lines = append(lines, "dataDir="+filepath.ToSlash(filepath.Join(dir, "data")), "clientPort=0", "clientPortAddress=127.0.0.1")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func skipWithoutSIGTERM(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no process can send SIGTERM here")
	}
}
