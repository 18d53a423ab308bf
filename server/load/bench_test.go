//go:build bench && linux

package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
)

// target is a server process under measurement, restartable on its data.
type target struct {
	name  string
	addr  string
	argv  []string
	cmd   *exec.Cmd
	out   *os.File
	begun time.Time // when the process was started
}

// rounds of every figure; the two servers take turns within each.
const rounds = 5

func settings(dir string, port int) string {
	return fmt.Sprintf("tickTime=2000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n"+
		"admin.enableServer=false\nextendedTypesEnabled=true\n4lw.commands.whitelist=*\n", dir, port)
}

func newTarget(t *testing.T, name string, argv ...string) *target {
	t.Helper()
	home := t.TempDir()
	port := apache.FreePort(t)
	cfg := filepath.Join(home, "zoo.cfg")
	if err := os.WriteFile(cfg, []byte(settings(filepath.Join(home, "data"), port)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(home, "out.log"))
	if err != nil {
		t.Fatal(err)
	}
	g := &target{name: name, addr: fmt.Sprintf("127.0.0.1:%d", port), argv: append(argv, cfg), out: out}
	t.Cleanup(func() { g.stop(t); out.Close() })
	return g
}

// ours and theirs start the two servers; heap is Apache's -Xmx.
func ours(t *testing.T) *target { return newTarget(t, "zkserver", build(t, "zkserver")) }

// build makes one of our programs as releases are made.
func build(t *testing.T, program string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), program)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "zookit/cmd/"+program)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func theirs(t *testing.T, heap string) *target {
	return newTarget(t, "Apache", "java", "-Xmx"+heap, "-cp", apache.ClassPath(), apache.ServerMain)
}

// firstReadStep bounds one attempt: a connection that Apache accepts before it
// serves may never be answered.
const firstReadStep = 100 * time.Millisecond

// start runs the server and returns the time until it answered a first read.
func (g *target) start(t *testing.T) time.Duration {
	t.Helper()
	g.cmd = exec.Command(g.argv[0], g.argv[1:]...)
	g.cmd.Stdout, g.cmd.Stderr = g.out, g.out
	g.begun = time.Now()
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		attempt, end := context.WithTimeout(ctx, firstReadStep)
		c, err := Dial(attempt, g.addr)
		end()
		if err == nil {
			err = c.Call(protocol.OpGetData, &protocol.GetDataRequest{Path: "/"}, nil)
			took := time.Since(g.begun)
			_ = c.Close()
			if err == nil {
				return took
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("%s does not answer: %v", g.name, err)
		}
		time.Sleep(time.Millisecond)
	}
}

func (g *target) stop(t *testing.T) {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	_ = g.cmd.Wait()
	g.cmd = nil
}

// resident is the process's resident size in bytes.
func (g *target) resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); f[0] == "VmRSS:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// cpu is the processor time the process has used.
func (g *target) cpu(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

func (g *target) create(t *testing.T, path string) {
	t.Helper()
	c, err := Dial(context.Background(), g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Call(protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL}, nil)
	if err != nil && !errors.Is(err, protocol.NodeExists) {
		t.Fatalf("create %s: %v", path, err)
	}
}

func median[T int64 | float64 | time.Duration](v []T) T {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}

// TestBenchThroughput measures requests a second and p99 of every mix, the two
// servers in turn.
func TestBenchThroughput(t *testing.T) {
	servers := []*target{ours(t), theirs(t, "1g")}
	for _, g := range servers {
		g.start(t)
	}
	fmt.Printf("\n| %d processors, 100-byte values, median of %d | zkserver/s | Apache/s | ratio | zkserver p99 | Apache p99 | ratio | CPU s a million: zkserver | Apache |\n|---|---|---|---|---|---|---|---|---|\n", runtime.NumCPU(), rounds)
	for _, mix := range []Options{
		{Op: Get, Sessions: 16, InFlight: 32, Requests: 400_000},
		{Op: Set, Sessions: 16, InFlight: 32, Requests: 150_000},
		{Op: Create, Sessions: 16, InFlight: 32, Requests: 100_000},
		{Op: Get, Sessions: 1, InFlight: 1, Requests: 20_000},
		{Op: Set, Sessions: 1, InFlight: 1, Requests: 5_000},
	} {
		mix.ValueSize = 100
		var rate [2][]float64
		var p99 [2][]time.Duration
		var cpu [2][]float64
		for round := range rounds + 1 { // the first warms up
			for k := range servers {
				i := (k + round) % 2
				o := mix
				o.Addr, o.Parent = servers[i].addr, fmt.Sprintf("/%s-%d-%d-%d", o.Op, o.Sessions, o.InFlight, round)
				servers[i].create(t, o.Parent)
				before := servers[i].cpu(t)
				r, err := Run(context.Background(), o)
				if err != nil {
					t.Fatalf("%s %v: %v", servers[i].name, o, err)
				}
				if round > 0 {
					rate[i] = append(rate[i], r.PerSecond())
					p99[i] = append(p99[i], r.Quantile(0.99))
					cpu[i] = append(cpu[i], (servers[i].cpu(t)-before).Seconds()*1e6/float64(r.Requests))
				}
			}
		}
		fmt.Printf("| %s %d×%d | %.0f | %.0f | %.2f | %v | %v | %.2f | %.2f | %.2f |\n", mix.Op, mix.Sessions, mix.InFlight,
			median(rate[0]), median(rate[1]), median(rate[0])/median(rate[1]),
			median(p99[0]).Round(time.Microsecond), median(p99[1]).Round(time.Microsecond),
			float64(median(p99[0]))/float64(median(p99[1])), median(cpu[0]), median(cpu[1]))
	}
	var times [2][]time.Duration
	for round := range rounds + 1 {
		for k := range servers {
			i := (k + round) % 2
			d, err := Watchers(context.Background(), servers[i].addr, fmt.Sprintf("/watched-%d", round), 1000, 3)
			if err != nil {
				t.Fatal(err)
			}
			if round > 0 {
				times[i] = append(times[i], d...)
			}
		}
	}
	fmt.Printf("\n| 1,000 watchers, last event after | zkserver | Apache | ratio |\n|---|---|---|---|\n| median of %d | %v | %v | %.2f |\n",
		len(times[0]), median(times[0]).Round(time.Microsecond), median(times[1]).Round(time.Microsecond), float64(median(times[0]))/float64(median(times[1])))
}

// TestBenchStart measures exec to first read on an empty directory, and the
// idle process.
func TestBenchStart(t *testing.T) {
	var first [2][]time.Duration
	var idle [2][]int64
	for range rounds {
		for i, g := range []*target{ours(t), theirs(t, "1g")} {
			first[i] = append(first[i], g.start(t))
			time.Sleep(time.Second)
			idle[i] = append(idle[i], g.resident(t))
			g.stop(t)
		}
	}
	fmt.Printf("\n| empty directory, median of %d | zkserver | Apache |\n|---|---|---|\n| exec to first read | %v | %v |\n| idle, resident | %.1f MiB | %.1f MiB |\n", rounds,
		median(first[0]).Round(time.Millisecond), median(first[1]).Round(time.Millisecond), mib(median(idle[0])), mib(median(idle[1])))
}

func mib(b int64) float64 { return float64(b) / (1 << 20) }

// TestBenchSessions measures what 10,000 idle sessions add.
func TestBenchSessions(t *testing.T) {
	fmt.Printf("\n| 10,000 idle sessions | before | after |\n|---|---|---|\n")
	for _, g := range []*target{ours(t), theirs(t, "2g")} {
		g.start(t)
		before := g.resident(t)
		conns, err := Idle(context.Background(), g.addr, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		fmt.Printf("| %s | %.1f MiB | %.1f MiB |\n", g.name, mib(before), mib(g.resident(t)))
		for _, c := range conns {
			_ = c.Drop()
		}
		g.stop(t)
	}
}

// TestBenchSyncs counts zkserver's syncs with strace: many sessions share one,
// a lone request has its own.
func TestBenchSyncs(t *testing.T) {
	fmt.Printf("\n| strace -f -c -e trace=fdatasync,fsync | sets | syncs | sets a sync |\n|---|---|---|---|\n")
	for _, o := range []Options{
		{Op: Set, Sessions: 16, InFlight: 32, Requests: 100_000},
		{Op: Set, Sessions: 1, InFlight: 1, Requests: 1000},
	} {
		summary := filepath.Join(t.TempDir(), "strace")
		g := newTarget(t, "zkserver", "strace", "-f", "-c", "-o", summary, "-e", "trace=fdatasync,fsync", build(t, "zkserver"))
		g.start(t)
		o.Addr, o.ValueSize = g.addr, 100
		if _, err := Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		// strace ends with the program it runs.
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", g.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		child, err := strconv.Atoi(strings.TrimSpace(string(children)))
		if err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(child, syscall.SIGTERM)
		_ = g.cmd.Wait()
		g.cmd = nil
		b, err := os.ReadFile(summary)
		if err != nil {
			t.Fatal(err)
		}
		syncs := 0
		for l := range strings.Lines(string(b)) { // % time, seconds, usecs/call, calls, [errors,] syscall
			if f := strings.Fields(l); len(f) >= 5 && strings.Contains(f[len(f)-1], "sync") {
				n, _ := strconv.Atoi(f[3])
				syncs += n
			}
		}
		fmt.Printf("| set %d×%d | %d | %d | %.0f |\n", o.Sessions, o.InFlight, o.Requests, syncs, float64(o.Requests)/float64(syncs))
	}
}

// TestBenchShell measures one-liners as whole processes, zkcli and Apache's
// shell in turn, on zkserver.
func TestBenchShell(t *testing.T) {
	g := ours(t)
	g.start(t)
	bin := build(t, "zkcli")
	shells := [2][]string{{bin, "-server", g.addr, "ls", "/"},
		{"java", "-cp", apache.ClassPath(), apache.ShellMain, "-server", g.addr, "ls", "/"}}
	var wall, cpu [2][]time.Duration
	var peak [2][]int64
	for range 11 {
		for i, argv := range shells {
			cmd := exec.Command(argv[0], argv[1:]...)
			begin := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			wall[i] = append(wall[i], time.Since(begin))
			cpu[i] = append(cpu[i], cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
			peak[i] = append(peak[i], cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
		}
	}
	fmt.Printf("\n| `ls /`, median of 11 | wall | CPU | peak resident |\n|---|---|---|---|\n")
	for i, name := range []string{"zkcli", "Apache's shell"} {
		fmt.Printf("| %s | %v | %v | %.1f MiB |\n", name, median(wall[i]).Round(100*time.Microsecond), median(cpu[i]).Round(time.Millisecond), mib(median(peak[i])))
	}
	fmt.Printf("| ratio | 1/%.0f | | 1/%.1f |\n", float64(median(wall[1]))/float64(median(wall[0])), float64(median(peak[1]))/float64(median(peak[0])))
}

// TestBenchMillion measures a million znodes of 100 bytes: resident size, and
// the first read after a restart.
func TestBenchMillion(t *testing.T) {
	fmt.Printf("\n| 1,000,000 znodes of 100 bytes | resident after filling | restart to first read, median of 3 | resident after restart |\n|---|---|---|---|\n")
	servers := []*target{ours(t), theirs(t, "2g")}
	var first [2][]time.Duration
	var filled, loaded [2]int64
	for i, g := range servers {
		g.start(t)
		for part := range 10 {
			o := Options{Addr: g.addr, Op: Create, Sessions: 16, InFlight: 32, Requests: 100_000, ValueSize: 100, Parent: fmt.Sprintf("/part-%d", part)}
			g.create(t, o.Parent)
			if _, err := Run(context.Background(), o); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Second)
		filled[i] = g.resident(t)
		g.stop(t)
	}
	for range 3 {
		for i, g := range servers {
			first[i] = append(first[i], g.start(t))
			time.Sleep(3 * time.Second)
			loaded[i] = g.resident(t)
			g.stop(t)
		}
	}
	for i, g := range servers {
		fmt.Printf("| %s | %.0f MiB | %v | %.0f MiB |\n", g.name, mib(filled[i]), median(first[i]).Round(time.Millisecond), mib(loaded[i]))
	}
}
