//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/ports"
)

// An ensemble is the nodes of a round and the network between them.
type ensemble struct {
	program string   // zkserver
	changes bool     // the members may change: servers know each other by their own addresses, and not by those of proxies
	environ []string // for the servers, beside this process's
	// What benchmarks measure without: namespaces, in which clients go by a proxy,
	// and the proxies between servers but for those where proxied says so. java is
	// the options of Apache's JVM in place of what lets many of them start.
	loopback bool
	proxied  func(from, to int) bool
	java     []string
	nodes    []*node
	network  *network            // nil: the machine's loopback, where packets cannot be lost
	links    map[[2]int][]*proxy // from one node to another: quorum port, election port
	log      *journal
	closing  atomic.Bool
	keeper   *exec.Cmd // the leader of the processes' group; see begin
	hold     io.Closer
	damaged  *node // the last whose disk was damaged; of the nemesis of disks

	mu      sync.Mutex
	broken  []Violation
	leaders map[int64]int // who was seen leading, by epoch
	saved   []Log         // of disks that were wiped, or given a snapshot
	leftOut []string
}

func (e *ensemble) fail(v Violation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log.printf("VIOLATION %v", v)
	e.broken = append(e.broken, v)
}

func (e *ensemble) leaveOut(format string, args ...any) {
	e.leftOut = append(e.leftOut, "LEFT OUT: "+fmt.Sprintf(format, args...))
}

// journal is what happened in a round, one line each, with the time since its
// beginning.
type journal struct {
	begin time.Time
	mu    sync.Mutex
	out   io.Writer
	lines []string
}

func (j *journal) printf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := fmt.Sprintf("%8.3f ", time.Since(j.begin).Seconds()) + fmt.Sprintf(format, args...)
	j.lines = append(j.lines, line)
	if j.out != nil {
		fmt.Fprintln(j.out, line)
	}
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n") + "\n"
}

// begin makes the files, the network and the links; nothing runs yet. kinds has
// a letter for each server: o is ours, A Apache's.
func (e *ensemble) begin(dir, kinds string, lines []string) error {
	e.links, e.leaders = map[[2]int][]*proxy{}, map[int64]int{}
	dirs := []string{}
	for i, kind := range kinds {
		n := &node{e: e, sid: i + 1, apache: kind == 'A', home: filepath.Join(dir, fmt.Sprint("server-", i+1))}
		if err := os.MkdirAll(n.data(), 0o700); err != nil {
			return err
		}
		var err error
		if n.output, err = os.Create(filepath.Join(n.home, "output")); err != nil {
			return err
		}
		e.nodes = append(e.nodes, n)
		dirs = append(dirs, n.data())
	}
	if err := e.keep(dirs); err != nil {
		return err
	}
	switch {
	case e.loopback:
	case os.Getuid() == 0:
		network, err := newNetwork(len(kinds))
		if err != nil {
			e.leaveOut("lost packets and changing members, there are no network namespaces here: %v", err)
		} else {
			e.network = network
		}
	default:
		e.leaveOut("lost packets, changing members and full disks, which take root")
	}
	e.changes = e.changes && e.network != nil
	return e.wire(lines)
}

// keep starts the process in whose group all others are. When its input ends,
// as this process's end makes it, it unmounts what was mounted and kills the
// group: nothing is left behind, however this process ends.
func (e *ensemble) keep(dirs []string) error {
	e.keeper = exec.Command("sh", append([]string{"-c", `read _; for d in "$@"; do umount -l "$d" 2>/dev/null; done; kill -9 0`, "keeper"}, dirs...)...)
	e.keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := e.keeper.StdinPipe()
	if err != nil {
		return err
	}
	e.hold = in
	return e.keeper.Start()
}

func (e *ensemble) group() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: e.keeper.Process.Pid}
}

// space is the namespace of a server, nil for the machine's.
func (e *ensemble) space(sid int) *namespace {
	if e.network == nil {
		return nil
	}
	return e.network.nodes[sid-1]
}

// The ports of every server in a namespace of its own. Those of the links to
// others follow firstLinkPort there.
const (
	clientPort, quorumPort, electionPort = 2181, 2888, 3888
	firstLinkPort                        = 20_000
)

// linkPatience is about what a server gives one attempt to reach another.
const linkPatience = time.Second

// wire gives every server its addresses, and a proxy to each port of each other.
func (e *ensemble) wire(lines []string) error {
	type address struct{ client, quorum, election string }
	own := make([]address, len(e.nodes))
	for i := range e.nodes {
		if e.network != nil {
			at := func(port int) string { return net.JoinHostPort(hostOf(i+1), strconv.Itoa(port)) }
			own[i] = address{at(clientPort), at(quorumPort), at(electionPort)}
			continue
		}
		var free [3]string
		for k := range free {
			port, err := ports.Take()
			if err != nil {
				return err
			}
			free[k] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		}
		own[i] = address{free[0], free[1], free[2]}
	}
	for i, n := range e.nodes {
		var servers []string
		for j := range e.nodes {
			quorum, election := own[j].quorum, own[j].election
			if i != j && !e.changes && (e.proxied == nil || e.proxied(n.sid, j+1)) {
				for k, to := range []*string{&quorum, &election} {
					listen := "127.0.0.1:0"
					if e.network != nil {
						listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(firstLinkPort+10*j+k))
					}
					p, err := e.proxy(e.space(n.sid), listen, linkPatience, e.space(n.sid), *to)
					if err != nil {
						return err
					}
					e.links[[2]int{n.sid, j + 1}] = append(e.links[[2]int{n.sid, j + 1}], p)
					*to = p.addr()
				}
			}
			_, port, _ := net.SplitHostPort(election)
			servers = append(servers, fmt.Sprintf("server.%d=%s:%s", j+1, quorum, port))
		}
		hub := (*namespace)(nil)
		n.door = own[i].client
		if e.network != nil {
			hub = e.network.hub
			door, err := e.proxy(nil, "127.0.0.1:0", 0, hub, own[i].client)
			if err != nil {
				return err
			}
			n.door = door.addr()
			e.links[[2]int{0, n.sid}] = append(e.links[[2]int{0, n.sid}], door)
		}
		var err error
		if n.client, err = e.proxy(nil, "127.0.0.1:0", 0, hub, own[i].client); err != nil {
			return err
		}
		if e.changes {
			// What a server writes when the members change goes beside its own files.
			if err := os.WriteFile(n.dynamic(), e.members(), 0o600); err != nil {
				return err
			}
			servers = []string{"dynamicConfigFile=" + n.dynamic(), "reconfigEnabled=true", "standaloneEnabled=false",
				"DigestAuthenticationProvider.superDigest=" + protocol.DigestID("super:"+apache.SuperPassword)}
		}
		if err := n.writeConfig(own[i].client, servers, lines); err != nil {
			return err
		}
	}
	return nil
}

// members is the first dynamic configuration, where the members may change.
func (e *ensemble) members() []byte {
	var text strings.Builder
	for _, n := range e.nodes {
		fmt.Fprintln(&text, n.line("participant"))
	}
	return []byte(text.String())
}

// proxy listens in one namespace and goes on from another.
func (e *ensemble) proxy(at *namespace, listen string, patience time.Duration, from *namespace, to string) (*proxy, error) {
	ln, err := at.listen(listen)
	if err != nil {
		return nil, err
	}
	return newProxy(ln, patience, func() (net.Conn, error) { return from.dial(to) }), nil
}

func (e *ensemble) start() error {
	var errs []error
	for _, n := range e.nodes {
		errs = append(errs, n.start())
	}
	return errors.Join(errs...)
}

// leader asks the servers who leads; nil when none says so.
func (e *ensemble) leader() *node {
	var found *node
	newest := int64(-1)
	for _, n := range e.nodes {
		if !n.running() {
			continue
		}
		answer := n.srvr()
		if field(answer, "Mode") != "leader" {
			continue
		}
		z, err := strconv.ParseUint(strings.TrimPrefix(field(answer, "Zxid"), "0x"), 16, 64)
		if err != nil {
			continue
		}
		epoch := int64(z >> 32)
		e.mu.Lock()
		e.leaders[epoch] = n.sid
		e.mu.Unlock()
		if epoch > newest { // a leader that was frozen may not know that it is none any more
			newest, found = epoch, n
		}
	}
	return found
}

// watch notes who leads until ctx ends.
func (e *ensemble) watch(ctx context.Context) {
	for ctx.Err() == nil {
		e.leader()
		rest(ctx, 300*time.Millisecond)
	}
}

// awaitServing waits until every server serves, under one leader.
func (e *ensemble) awaitServing(patience time.Duration, except *node) error {
	until := time.Now().Add(patience)
	for {
		var waiting []string
		leaders := 0
		for _, n := range e.nodes {
			if n == except {
				continue
			}
			switch n.mode() {
			case "leader":
				leaders++
			case "follower", "observer":
			default:
				waiting = append(waiting, n.String())
			}
		}
		if len(waiting) == 0 && leaders == 1 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("after %v: %d leaders; not serving: %s", patience, leaders, strings.Join(waiting, ", "))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// heal ends all faults of the network.
func (e *ensemble) heal() {
	for _, list := range e.links {
		for _, p := range list {
			p.set(Fault{})
		}
	}
	for _, n := range e.nodes {
		n.client.set(Fault{})
	}
}

// close ends all processes and takes the network away; the files stay.
func (e *ensemble) close() {
	e.closing.Store(true)
	if e.keeper != nil && e.keeper.Process != nil {
		_ = e.hold.Close()
		_ = e.keeper.Wait()
	}
	for _, n := range e.nodes {
		n.end(syscall.SIGKILL)
		_ = n.output.Close()
		if n.client != nil {
			n.client.close()
		}
	}
	for _, list := range e.links {
		for _, p := range list {
			p.close()
		}
	}
	if e.network != nil {
		e.network.close()
	}
}
