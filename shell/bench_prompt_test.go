//go:build bench && linux

package shell

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/shell/repl/ptytest"
)

// benchShell is a shell as a program on a server.
type benchShell struct {
	name  string
	argv  []string
	ready string // what the screen ends with when the shell is connected and waits for a line
}

// benchShells are both. Debian's package has no JLine for Apache's, so that it
// has neither prompt nor completion.
func benchShells(t *testing.T, addr string) []benchShell {
	apache.Need(t)
	return []benchShell{
		{"zkcli", []string{buildProgram(t, "zkcli"), "-server", addr}, "[zk: " + addr + "(CONNECTED) 0]"},
		{"Apache's shell", []string{"java", "-cp", apache.ClassPath(), apache.ShellMain, "-server", addr}, "WatchedEvent state:SyncConnected type:None path:null"},
	}
}

// start starts a shell in a pseudo-terminal and waits for its prompt.
func (s benchShell) start(t *testing.T) (*ptytest.Console, time.Duration) {
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1", "ZKCLI_COMPAT=", "ZKCLI_JOURNAL=off", "XDG_STATE_HOME="+t.TempDir())
	begin := time.Now()
	c := ptytest.Start(t, cmd, 120, 40)
	c.Ends(s.ready)
	return c, time.Since(begin)
}

// middle is the median.
func middle(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func printTimes(title string, shells []benchShell, times [][]time.Duration) {
	fmt.Printf("\n| %s | median | best | worst |\n|---|---|---|---|\n", title)
	for i, s := range shells {
		m := middle(times[i])
		fmt.Printf("| %s | %v | %v | %v |\n", s.name, m.Round(100*time.Microsecond), times[i][0].Round(100*time.Microsecond), times[i][len(times[i])-1].Round(100*time.Microsecond))
	}
}

// TestBenchPrompt measures from exec to the prompt of a connected shell, in a
// pseudo-terminal.
func TestBenchPrompt(t *testing.T) {
	shells := benchShells(t, startProgram(t))
	times := make([][]time.Duration, len(shells))
	for range 11 {
		for i, s := range shells {
			c, took := s.start(t)
			times[i] = append(times[i], took)
			c.Send("quit\r")
			c.Exits(0)
		}
	}
	printTimes("start to prompt, 11 runs", shells, times)
	if m := middle(times[0]); m > 50*time.Millisecond {
		t.Errorf("zkcli takes %v to its prompt, more than 50ms", m)
	}
}

// TestBenchGet measures one get as a whole process, through a pipe.
func TestBenchGet(t *testing.T) {
	addr := startProgram(t)
	s := dialBench(t, addr)
	if _, _, err := s.Create(context.Background(), "/get", []byte("value"), protocol.OpenACL, 0, 0); err != nil {
		t.Fatal(err)
	}
	shells := benchShells(t, addr)
	times := make([][]time.Duration, len(shells))
	for range 21 {
		for i, shell := range shells {
			argv := append(slices.Clone(shell.argv), "get", "/get")
			begin := time.Now()
			out, err := exec.Command(argv[0], argv[1:]...).Output()
			if err != nil || !strings.Contains(string(out), "value") {
				t.Fatalf("%q: %v\n%s", argv, err, out)
			}
			times[i] = append(times[i], time.Since(begin))
		}
	}
	printTimes("`get` as a whole process, 21 runs", shells, times)
	if m := middle(times[0]); m > 15*time.Millisecond {
		t.Errorf("zkcli takes %v for a get, more than 15ms", m)
	}
}

// TestBenchCompletion measures from a keystroke to the list on the screen, with
// 100,000 children.
func TestBenchCompletion(t *testing.T) {
	addr := startProgram(t)
	plantMany(t, dialBench(t, addr), "/many", 1, 100_000)
	zkcli := benchShells(t, addr)[:1]
	first, next := make([][]time.Duration, 1), make([][]time.Duration, 1)
	for range 11 {
		c, _ := zkcli[0].start(t)
		stroke := func(key, shown string) time.Duration {
			begin := time.Now()
			c.Send(key)
			c.Sees(shown)
			return time.Since(begin)
		}
		c.Send("ls /many/p000")
		c.Has(" p0000")
		c.Send("0")
		c.Ends("0] ls /many/p0000")
		first[0] = append(first[0], stroke("/", "n0000000000"))
		c.Send("n000007")
		c.Has("n0000070001")
		next[0] = append(next[0], stroke("3", "n0000073001"))
		c.Send("\x15quit\r")
		c.Exits(0)
	}
	printTimes("keystroke to the list, 100,000 children, 11 runs: the first, names not known yet", zkcli, first)
	printTimes("the next one", zkcli, next)
	for _, times := range [][]time.Duration{first[0], next[0]} {
		if m := middle(times); m > 50*time.Millisecond {
			t.Errorf("zkcli takes %v to show the list, more than 50ms", m)
		}
	}
}
