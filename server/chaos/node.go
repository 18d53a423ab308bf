//go:build linux

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"zookit/protocol"
	"zookit/server/zktest/apache"
)

// A node is one server: its files, and its process while it runs.
type node struct {
	e       *ensemble
	sid     int
	apache  bool
	home    string // zoo.cfg, the output, and the data directory
	initial []byte // zoo.cfg as it was written for it
	client  *proxy // the way of clients, with faults
	door    string // address of the client port, without
	output  *os.File

	mu      sync.Mutex // guards what follows
	cmd     *exec.Cmd  // nil: not running
	done    chan struct{}
	ending  bool      // it is being ended
	failing bool      // its disk has been made to fail since it was started: it may end by itself
	held    bool      // it must stay down: its files are being changed
	tracer  *exec.Cmd // strace, while it holds the server
	tmpfs   bool      // the data directory is a small disk of its own
}

func (n *node) data() string   { return filepath.Join(n.home, "data") }
func (n *node) config() string { return filepath.Join(n.home, "zoo.cfg") }

func (n *node) dynamic() string { return filepath.Join(n.home, "zoo.cfg.dynamic") }

func (n *node) String() string {
	if n.apache {
		return fmt.Sprintf("server %d (Apache)", n.sid)
	}
	return fmt.Sprintf("server %d", n.sid)
}

// start runs the server unless it runs.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil || n.held || n.e.closing.Load() {
		return nil
	}
	if n.e.changes {
		if err := n.listItself(); err != nil {
			return err
		}
	}
	argv := []string{n.e.program, n.config()}
	if n.apache {
		short, err := apache.RemoveShortLogs(n.data())
		if err != nil {
			return err
		}
		if len(short) > 0 {
			n.e.log.printf("%v would not start with %v, which a kill has left without a header: removed", n, short)
		}
		options := n.e.java
		if options == nil {
			options = []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m"}
		}
		argv = slices.Concat([]string{"java"}, options, []string{"-cp", apache.ClassPath(), apache.ServerMain, n.config()})
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.home, n.output, n.output
	cmd.Env = append(os.Environ(), n.e.environ...)
	cmd.SysProcAttr = n.e.group()
	if err := n.e.space(n.sid).do(cmd.Start); err != nil {
		return fmt.Errorf("%v: %w", n, err)
	}
	n.cmd, n.done, n.ending, n.failing = cmd, make(chan struct{}), false, false
	go n.await(cmd, n.done)
	return nil
}

// listItself is the operator of a server that was removed, or added again when it
// was down: its configuration is replaced by the first one, since a server
// starts from one that names it alone.
func (n *node) listItself() error {
	text, err := os.ReadFile(n.config())
	if err != nil {
		return err
	}
	_, path, _ := strings.Cut(string(text), "dynamicConfigFile=")
	path, _, _ = strings.Cut(path, "\n")
	lines, err := os.ReadFile(path)
	if err == nil && strings.Contains(string(lines), fmt.Sprintf("server.%d=", n.sid)) {
		return nil
	}
	n.e.log.printf("%v is started with the first configuration: the one it has does not name it", n)
	return errors.Join(os.WriteFile(n.config(), n.initial, 0o600), os.WriteFile(n.dynamic(), n.e.members(), 0o600))
}

// await takes note of the end of a process.
func (n *node) await(cmd *exec.Cmd, done chan struct{}) {
	err := cmd.Wait()
	n.mu.Lock()
	ending, failing := n.ending, n.failing
	n.cmd = nil
	n.mu.Unlock()
	close(done)
	if ending || n.e.closing.Load() {
		return
	}
	code := cmd.ProcessState.ExitCode()
	switch {
	case n.apache, failing && (code == exitDamage || code == exitDataDir):
		n.e.log.printf("%v has ended by itself: %v", n, err)
	default:
		n.e.fail(violation("servers do not end by themselves", "%v: %v", n, err))
	}
}

// The exit codes of a server whose disk fails (server/ctl).
const (
	exitDataDir = 3
	exitDamage  = 10
)

// signal sends one if the server runs.
func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(s)
	}
}

// endPatience bounds the time that a server takes to end on SIGTERM.
const endPatience = 20 * time.Second

// end sends SIGKILL or SIGTERM and waits. It has no effect on a server that
// does not run.
func (n *node) end(s syscall.Signal) {
	n.mu.Lock()
	cmd, done := n.cmd, n.done
	if cmd == nil {
		n.mu.Unlock()
		return
	}
	n.ending = true
	_ = cmd.Process.Signal(s)
	_ = cmd.Process.Signal(syscall.SIGCONT)
	if n.tracer != nil {
		_ = n.tracer.Process.Kill() // a process whose threads are held does not end
	}
	n.mu.Unlock()
	select {
	case <-done:
		return
	case <-time.After(endPatience):
	}
	if !n.apache {
		_ = cmd.Process.Signal(syscall.SIGQUIT) // its output tells where it hangs
		n.e.fail(violation("servers end when asked to", "%v did not end on %v in %v", n, s, endPatience))
	}
	_ = cmd.Process.Kill()
	<-done
}

// hold ends a server with SIGKILL and keeps it down while f changes its files.
func (n *node) holding(f func() error) error {
	n.mu.Lock()
	n.held = true
	n.mu.Unlock()
	n.end(syscall.SIGKILL)
	err := f()
	n.mu.Lock()
	n.held = false
	n.mu.Unlock()
	return err
}

func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd != nil
}

// mode is leader, follower, observer or standalone; "" while the server serves
// nothing.
func (n *node) mode() string { return field(n.srvr(), "Mode") }

// srvr is what the four-letter word says, "" when there is no answer.
func (n *node) srvr() string {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	answer, err := protocol.FourLetter(ctx, n.door, "srvr")
	if err != nil {
		return ""
	}
	return answer
}

// field is the value of a line of srvr.
func field(srvr, name string) string {
	_, value, _ := strings.Cut(srvr, name+": ")
	value, _, _ = strings.Cut(value, "\n")
	return value
}

// inject runs strace on the server for a time: the system calls that make the
// log durable fail, or take long. met tells that there was one.
func (n *node) inject(what string, fails bool, d time.Duration) (met bool, err error) {
	n.mu.Lock()
	if n.cmd == nil {
		n.mu.Unlock()
		return false, nil
	}
	if n.tracer != nil {
		n.mu.Unlock()
		return false, errors.New("strace holds it already")
	}
	done, trace := n.done, filepath.Join(n.home, "strace")
	cmd := exec.Command("strace", "-f", "-qq", "-o", trace, "-p", fmt.Sprint(n.cmd.Process.Pid), "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:"+what)
	cmd.SysProcAttr = n.e.group()
	err = cmd.Start()
	if err == nil {
		n.failing = n.failing || fails
		n.tracer = cmd
	}
	n.mu.Unlock()
	if err != nil {
		return false, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	select {
	case <-done:
	case <-ended:
	case <-time.After(d):
	}
	_ = cmd.Process.Kill() // the kernel lets go of what it held
	<-ended
	n.mu.Lock()
	n.tracer = nil
	n.mu.Unlock()
	text, err := os.ReadFile(trace)
	return bytes.Contains(text, []byte("INJECTED")), err
}

// filler takes all that is free of the node's tmpfs.
func (n *node) filler() string { return filepath.Join(n.data(), "filler") }

func (n *node) fill() error {
	n.mu.Lock()
	n.failing = true
	n.mu.Unlock()
	f, err := os.Create(n.filler())
	if err != nil {
		return err
	}
	defer f.Close()
	// tmpfs gives whole pages: take what is free, and again what was freed or
	// rounded meanwhile.
	size := int64(0)
	for chunk := int64(4 << 20); chunk >= 4096; {
		switch err := unix.Fallocate(int(f.Fd()), 0, size, chunk); {
		case err == nil:
			size += chunk
		case errors.Is(err, unix.ENOSPC):
			chunk /= 2
		default:
			return err
		}
	}
	return nil
}

// tmpfsBytes is the size of the small disks.
const tmpfsBytes = 24 << 20

// mount puts the data directory on a disk of its own in memory.
func (n *node) mount() error {
	if err := unix.Mount("chaos", n.data(), "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", tmpfsBytes)); err != nil {
		return err
	}
	n.tmpfs = true
	return nil
}

// writeConfig writes zoo.cfg; host and servers are as this server is to see
// them.
func (n *node) writeConfig(addr string, servers, lines []string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	text := append([]string{
		"dataDir=" + n.data(),
		"minSessionTimeout=1000", "maxSessionTimeout=60000", "maxClientCnxns=0", "4lw.commands.whitelist=*", "admin.enableServer=false",
	}, lines...)
	if !n.e.changes { // else the server lines have them
		text = append(text, "clientPort="+port, "clientPortAddress="+host)
	}
	text = append(text, servers...)
	n.initial = []byte(strings.Join(text, "\n") + "\n")
	return errors.Join(os.WriteFile(n.config(), n.initial, 0o600), n.writeID())
}

func (n *node) writeID() error {
	return os.WriteFile(filepath.Join(n.data(), "myid"), fmt.Appendln(nil, n.sid), 0o600)
}

// log is what the server has in its logs.
func (n *node) log() (Log, error) {
	l, err := ReadLog(n.data())
	l.Server, l.Apache = n.sid, n.apache
	return l, err
}

// said is what the server has written to its output.
func (n *node) said() string {
	text, err := os.ReadFile(n.output.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}
