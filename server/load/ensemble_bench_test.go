//go:build bench && linux

package load

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/ports"
)

// cluster is three servers of one kind, from the same zoo.cfg but for their own
// directory and client port.
type cluster struct {
	name    string
	members []*target
}

func newCluster(t *testing.T, name string, argv ...string) *cluster {
	t.Helper()
	var lines strings.Builder
	for sid := 1; sid <= 3; sid++ {
		fmt.Fprintf(&lines, "server.%d=127.0.0.1:%d:%d\n", sid, ports.Free(t), ports.Free(t))
	}
	c := &cluster{name: name}
	for sid := 1; sid <= 3; sid++ {
		home, port := t.TempDir(), ports.Free(t)
		cfg, data := filepath.Join(home, "zoo.cfg"), filepath.Join(home, "data")
		if err := os.Mkdir(data, 0o755); err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string]string{cfg: settings(data, port) + "initLimit=10\nsyncLimit=5\n" + lines.String(), filepath.Join(data, "myid"): strconv.Itoa(sid) + "\n"} {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out, err := os.Create(filepath.Join(home, "out.log"))
		if err != nil {
			t.Fatal(err)
		}
		g := &target{name: fmt.Sprintf("%s %d", name, sid), addr: fmt.Sprintf("127.0.0.1:%d", port), argv: append(append([]string(nil), argv...), cfg), out: out}
		t.Cleanup(func() { g.stop(t); out.Close() })
		c.members = append(c.members, g)
	}
	return c
}

func ourCluster(t *testing.T) *cluster { return newCluster(t, "zkserver", build(t, "zkserver")) }

func theirCluster(t *testing.T) *cluster {
	return newCluster(t, "Apache", "java", "-Xmx1g", "-cp", apache.ClassPath(), apache.ServerMain)
}

// begin runs a member and does not wait.
func (g *target) begin(t *testing.T) {
	t.Helper()
	g.cmd = exec.Command(g.argv[0], g.argv[1:]...)
	g.cmd.Stdout, g.cmd.Stderr = g.out, g.out
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) start(t *testing.T) {
	t.Helper()
	for _, g := range c.members {
		g.begin(t)
	}
	c.awaitAll(t)
}

func (c *cluster) stop(t *testing.T) {
	for _, g := range c.members {
		g.stop(t)
	}
}

// mode is what srvr says; "" while a member serves nothing.
func (g *target) mode() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	answer, err := protocol.FourLetter(ctx, g.addr, "srvr")
	if err != nil {
		return ""
	}
	_, mode, _ := strings.Cut(answer, "Mode: ")
	mode, _, _ = strings.Cut(mode, "\n")
	return mode
}

// awaitAll waits until all members serve, and tells which of them leads.
func (c *cluster) awaitAll(t *testing.T) (leader int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		serving := 0
		for i, g := range c.members {
			switch g.mode() {
			case "leader":
				leader = i
				serving++
			case "follower":
				serving++
			}
		}
		if serving == len(c.members) {
			return leader
		}
	}
	t.Fatalf("%s: the ensemble does not serve", c.name)
	return 0
}

// addrs are the client addresses, the leader's last.
func (c *cluster) addrs(t *testing.T) (list []string) {
	leader := c.awaitAll(t)
	for i := range c.members {
		list = append(list, c.members[(leader+1+i)%len(c.members)].addr)
	}
	return list
}

func (c *cluster) cpu(t *testing.T) (sum time.Duration) {
	for _, g := range c.members {
		sum += g.cpu(t)
	}
	return sum
}

// TestBenchEnsemble measures requests a second and p99 of three servers, the
// sessions shared out among them; a single session is at a follower.
func TestBenchEnsemble(t *testing.T) {
	clusters := []*cluster{ourCluster(t), theirCluster(t)}
	for _, c := range clusters {
		c.start(t)
	}
	fmt.Printf("\n| 3 servers, %d processors, 100-byte values, median of %d | zkserver/s | Apache/s | ratio | zkserver p99 | Apache p99 | ratio | CPU s a million: zkserver | Apache |\n|---|---|---|---|---|---|---|---|---|\n", runtime.NumCPU(), rounds)
	for _, mix := range []Options{
		{Op: Set, Sessions: 48, InFlight: 32, Requests: 60_000},
		{Op: Create, Sessions: 48, InFlight: 32, Requests: 60_000},
		{Op: Get, Sessions: 48, InFlight: 32, Requests: 300_000},
		{Op: Set, Sessions: 1, InFlight: 1, Requests: 2_000},
	} {
		mix.ValueSize = 100
		var rate, cpu [2][]float64
		var p99 [2][]time.Duration
		for round := range rounds + 1 { // the first warms up
			for k := range clusters {
				i := (k + round) % 2
				o := mix
				o.Addrs, o.Parent = clusters[i].addrs(t), fmt.Sprintf("/%s-%d-%d-%d", o.Op, o.Sessions, o.InFlight, round)
				(&target{addr: o.Addrs[0]}).create(t, o.Parent)
				for _, addr := range o.Addrs { // so that every server has the parent
					syncAt(t, addr)
				}
				before := clusters[i].cpu(t)
				r, err := Run(context.Background(), o)
				if err != nil {
					t.Fatalf("%s %v: %v", clusters[i].name, o, err)
				}
				if round > 0 {
					rate[i] = append(rate[i], r.PerSecond())
					p99[i] = append(p99[i], r.Quantile(0.99))
					cpu[i] = append(cpu[i], (clusters[i].cpu(t)-before).Seconds()*1e6/float64(r.Requests))
				}
			}
		}
		fmt.Printf("| %s %d×%d | %.0f | %.0f | %.2f | %v | %v | %.2f | %.2f | %.2f |\n", mix.Op, mix.Sessions, mix.InFlight,
			median(rate[0]), median(rate[1]), median(rate[0])/median(rate[1]),
			median(p99[0]).Round(time.Microsecond), median(p99[1]).Round(time.Microsecond),
			float64(median(p99[0]))/float64(median(p99[1])), median(cpu[0]), median(cpu[1]))
	}
}

func syncAt(t *testing.T, addr string) {
	t.Helper()
	c, err := Dial(context.Background(), addr)
	if err == nil {
		err = c.Call(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil)
		_ = c.Close()
	}
	if err != nil {
		t.Fatalf("sync at %s: %v", addr, err)
	}
}

// failovers is how often each leader is killed.
const failovers = 20

// TestBenchFailover measures the time from kill -9 of the leader to the first
// write that one of the others has acknowledged.
func TestBenchFailover(t *testing.T) {
	clusters := []*cluster{ourCluster(t), theirCluster(t)}
	for _, c := range clusters {
		c.start(t)
	}
	var took [2][]time.Duration
	for range failovers {
		for i, c := range clusters {
			took[i] = append(took[i], c.failover(t))
		}
	}
	fmt.Printf("\n| leader killed to first accepted write, tickTime 2000, %d each | zkserver | Apache | ratio |\n|---|---|---|---|\n", failovers)
	for _, q := range []struct {
		name string
		of   func([]time.Duration) time.Duration
	}{{"median", median[time.Duration]}, {"slowest", slowest}} {
		a, b := q.of(took[0]), q.of(took[1])
		fmt.Printf("| %s | %v | %v | %.2f |\n", q.name, a.Round(time.Millisecond), b.Round(time.Millisecond), float64(a)/float64(b))
	}
}

func slowest(v []time.Duration) (most time.Duration) {
	for _, d := range v {
		most = max(most, d)
	}
	return most
}

// failover kills the leader, waits for a write at the others, and brings the
// killed one back.
func (c *cluster) failover(t *testing.T) time.Duration {
	t.Helper()
	leader := c.awaitAll(t)
	victim := c.members[leader]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	written := make(chan time.Time, len(c.members))
	begin := time.Now()
	_ = victim.cmd.Process.Signal(syscall.SIGKILL)
	for _, g := range c.members {
		if g != victim {
			go func() { written <- g.writeSoon(ctx, begin) }()
		}
	}
	first := <-written
	if first.IsZero() {
		t.Fatalf("%s: no write within a minute", c.name)
	}
	cancel()
	_ = victim.cmd.Wait()
	victim.begin(t)
	c.awaitAll(t)
	return first.Sub(begin)
}

// writeSoon tries to write until it is done, and tells when it was.
func (g *target) writeSoon(ctx context.Context, begin time.Time) time.Time {
	for n := 0; ctx.Err() == nil; n++ {
		attempt, end := context.WithTimeout(ctx, firstReadStep)
		c, err := Dial(attempt, g.addr)
		end()
		if err == nil {
			create := protocol.CreateRequest{Path: fmt.Sprintf("/failover-%s-%d-%d", strings.ReplaceAll(g.addr, ":", "-"), begin.UnixNano(), n), ACL: protocol.OpenACL}
			stop := context.AfterFunc(ctx, func() { _ = c.Drop() })
			err = c.Call(protocol.OpCreate, &create, nil)
			stop()
			_ = c.Drop()
			if err == nil {
				return time.Now()
			}
		}
		time.Sleep(time.Millisecond)
	}
	return time.Time{}
}

// idleSpan is how long an idle ensemble is watched, after a wait as long.
const idleSpan = 30 * time.Second

// TestBenchIdleEnsemble measures what three servers without clients use. Bytes
// are those of the connections between them, TCP's own left out.
func TestBenchIdleEnsemble(t *testing.T) {
	fmt.Printf("\n| idle ensemble of 3, tickTime 2000, over %v | CPU | resident, all three | sent, bytes a second | segments a second |\n|---|---|---|---|---|\n", idleSpan)
	for _, c := range []*cluster{ourCluster(t), theirCluster(t)} {
		c.start(t)
		time.Sleep(idleSpan)
		cpu, before := c.cpu(t), c.sent(t)
		time.Sleep(idleSpan)
		cpu, after := c.cpu(t)-cpu, c.sent(t)
		var resident int64
		for _, g := range c.members {
			resident += g.resident(t)
		}
		fmt.Printf("| %s | %v | %.1f MiB | %.0f | %.1f |\n", c.name, cpu, mib(resident),
			float64(after.bytes-before.bytes)/idleSpan.Seconds(), float64(after.segments-before.segments)/idleSpan.Seconds())
		c.stop(t)
	}
}

type traffic struct{ bytes, segments int64 }

var (
	sentBytes    = regexp.MustCompile(`\bbytes_sent:(\d+)`)
	sentSegments = regexp.MustCompile(`\bsegs_out:(\d+)`)
)

// sent is what the members have sent on the connections that stand (ss of
// iproute2).
func (c *cluster) sent(t *testing.T) (sum traffic) {
	t.Helper()
	out, err := exec.Command("ss", "-tinpOH").Output()
	if err != nil {
		t.Fatalf("ss: %v", err)
	}
	number := func(re *regexp.Regexp, line string) int64 {
		m := re.FindStringSubmatch(line)
		if m == nil {
			return 0
		}
		n, _ := strconv.ParseInt(m[1], 10, 64)
		return n
	}
	for line := range strings.Lines(string(out)) {
		for _, g := range c.members {
			if strings.Contains(line, fmt.Sprintf("pid=%d,", g.cmd.Process.Pid)) {
				sum.bytes += number(sentBytes, line)
				sum.segments += number(sentSegments, line)
			}
		}
	}
	return sum
}
