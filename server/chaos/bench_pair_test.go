//go:build bench && linux

package chaos

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// count is how often something is measured: a number from the environment.
func count(t *testing.T, name string, otherwise int) int {
	t.Helper()
	if text := os.Getenv(name); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("%s=%q is no number above 0", name, text)
		}
		return n
	}
	return otherwise
}

var names = [2]string{"zkserver", "Apache"}

// benchSettings of both, beside those of every ensemble here.
var benchSettings = []string{"tickTime=500", "initLimit=20", "syncLimit=4"}

// Between which servers there is a proxy.
var (
	none = func(int, int) bool { return false }
	all  = func(int, int) bool { return true }
)

// newPair is newPairOf benchSettings.
func newPair(t *testing.T, proxied func(from, to int) bool) [2]*ensemble {
	t.Helper()
	return newPairOf(t, proxied, benchSettings)
}

// newPairOf is three servers of ours and three of Apache's on the machine's
// loopback, with the same settings, which nobody has started. proxied tells
// between which of them there is a proxy. Apache's have the JVM's own options but
// for the size of the heap, as those that server/load measures.
func newPairOf(t *testing.T, proxied func(from, to int) bool, settings []string) [2]*ensemble {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "zkserver")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "zookit/cmd/zkserver")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var both [2]*ensemble
	for i, kinds := range []string{"ooo", "AAA"} {
		e := &ensemble{program: bin, log: &journal{begin: time.Now(), out: io.Discard}, loopback: true, proxied: proxied, java: []string{"-Xmx1g"}}
		both[i] = e
		t.Cleanup(func() {
			e.close()
			for _, n := range e.nodes {
				if text := n.said(); t.Failed() {
					t.Logf("%v:\n%s", n, text[max(0, len(text)-10_000):])
				}
			}
		})
		if err := e.begin(t.TempDir(), kinds, settings); err != nil {
			t.Fatal(err)
		}
	}
	return both
}

// up starts what does not run, waits for all, and tells who leads.
func (e *ensemble) up(t *testing.T) *node {
	t.Helper()
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	if err := e.awaitServing(2*time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if l := e.leader(); l != nil {
			return l
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("nobody says that it leads")
	return nil
}

// down ends all servers.
func (e *ensemble) down() {
	for _, n := range e.nodes {
		n.end(syscall.SIGKILL)
	}
}

// epoch is the newest in which a leader was seen.
func (e *ensemble) epoch() (newest int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for epoch := range e.leaders {
		newest = max(newest, epoch)
	}
	return newest
}

// doors are the client addresses, but for one server's.
func (e *ensemble) doors(except *node) (list []string) {
	for _, n := range e.nodes {
		if n != except {
			list = append(list, n.door)
		}
	}
	return list
}

func middle[T ~int64 | ~float64](list []T) T {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}

func ms(d time.Duration) string { return d.Round(time.Millisecond).String() }
