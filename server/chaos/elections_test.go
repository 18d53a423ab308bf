package chaos

import (
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
)

// linked are servers of this process whose connections go by proxies.
type linked struct {
	*zktest.Ensemble
	n       int
	proxies []*proxy
}

func newLinked(t *testing.T, n int, change func(cfg *config.Config) []server.Option) *linked {
	t.Helper()
	l := &linked{n: n}
	l.Ensemble = zktest.NewEnsemble(t, n, func(sid int64, cfg *config.Config) []server.Option {
		for i := range cfg.Ensemble.Servers.Members {
			m := &cfg.Ensemble.Servers.Members[i]
			m.Addresses = slices.Clone(m.Addresses)
			if a := &m.Addresses[0]; m.ID != sid {
				a.QuorumPort, a.ElectionPort = l.proxy(t, a.Quorum()), l.proxy(t, a.Election())
			}
		}
		return change(cfg)
	})
	return l
}

func (l *linked) proxy(t *testing.T, to string) (port int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(ln, linkPatience, func() (net.Conn, error) { return net.Dial("tcp", to) })
	t.Cleanup(p.close)
	l.proxies = append(l.proxies, p)
	return ln.Addr().(*net.TCPAddr).Port
}

func (l *linked) status(sid int) server.Status { return l.Server(int64(sid)).Server().Status() }

// epoch is the newest that a server is in.
func (l *linked) epoch() (newest int64) {
	for sid := 1; sid <= l.n; sid++ {
		newest = max(newest, l.status(sid).Zxid.Epoch())
	}
	return newest
}

// missedWithin is longer than a leader of electionTickMs takes to miss its quorum.
const (
	electionTickMs = 10
	missedWithin   = 5 * electionTickMs * time.Millisecond
)

// elect resets all connections until there is another epoch, and waits until all
// serve. Followers may be back before their leader has missed them: then there is
// none, and they are reset again.
func (l *linked) elect() {
	for known := l.epoch(); l.epoch() == known; {
		for _, p := range l.proxies {
			p.resetAll()
		}
		for end := time.Now().Add(missedWithin); l.epoch() == known && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		l.Await()
	}
}

// held is what this process has of descriptors and goroutines.
func held(t *testing.T) (files, goroutines int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("descriptors are counted in Linux's /proc")
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list), runtime.NumGoroutine()
}

// TestElectionsLeaveNothing: servers that live on through many elections hold
// what they held after the first ten (ZOOKEEPER-3240, 3574, 4736, 5059). ELECTIONS makes
// more of them. It is not parallel: it looks at the whole process.
func TestElectionsLeaveNothing(t *testing.T) {
	const warmUp = 10
	elections := 40
	if text := os.Getenv("ELECTIONS"); text != "" {
		elections, _ = strconv.Atoi(text)
	}
	l := newLinked(t, 3, func(cfg *config.Config) []server.Option {
		cfg.TickMs, cfg.Ensemble.InitLimit, cfg.Ensemble.SyncLimit = electionTickMs, 200, 200
		return nil
	})
	l.Start()
	l.Await()
	for range warmUp {
		l.elect()
	}
	files, goroutines := held(t)
	for range elections {
		l.elect()
	}
	// What is on its way out ends within the limits of silent peers.
	const slack = 12 // dials that may be under way
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		f, g := held(t)
		if f <= files+slack && g <= goroutines+2*slack {
			break
		}
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("after %d elections %d descriptors and %d goroutines, before %d and %d\n%s", elections, f, g, files, goroutines, buf[:runtime.Stack(buf, true)])
		}
	}
}
