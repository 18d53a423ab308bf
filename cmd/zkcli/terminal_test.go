//go:build linux || darwin

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/shell/repl/ptytest"
)

// Started with ZKCLI_AS_PROGRAM the test binary is zkcli.
func init() {
	if os.Getenv("ZKCLI_AS_PROGRAM") != "" {
		main()
	}
}

// startShell starts zkcli in a pseudo-terminal and waits until it is connected.
func startShell(t *testing.T, addr string, env ...string) *ptytest.Console {
	t.Helper()
	return startSized(t, addr, 100, 30, env...)
}

func startSized(t *testing.T, addr string, cols, rows int, env ...string) *ptytest.Console {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-server", addr)
	cmd.Env = append(os.Environ(), append([]string{
		"ZKCLI_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "TERM=xterm", "NO_COLOR=1", "ZKCLI_COMPAT=", "XDG_STATE_HOME=" + t.TempDir(),
	}, env...)...)
	c := ptytest.Start(t, cmd, cols, rows)
	prompt(c, addr, 0)
	return c
}

// prompt waits for an empty prompt with the number of lines executed so far.
func prompt(c *ptytest.Console, addr string, n int) { c.Ends(at(addr, n, "")) }

// at is the prompt with what is typed behind it.
func at(addr string, n int, typed string) string {
	return strings.TrimRight(fmt.Sprintf("[zk: %s(CONNECTED) %d] %s", addr, n, typed), " ")
}

// zkcli -embedded stands at a prompt that works, and ends with its server.
func TestEmbeddedPrompt(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-embedded")
	cmd.Env = append(os.Environ(), "ZKCLI_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "TERM=xterm", "NO_COLOR=1", "ZKCLI_COMPAT=", "XDG_STATE_HOME="+t.TempDir())
	c := ptytest.Start(t, cmd, 100, 30)
	c.Ends("(CONNECTED) 0]")
	c.Send("ls /\r")
	c.Has("\n[zookeeper]\n")
	c.Ends("(CONNECTED) 1]")
	c.Send("create -e /e data\r")
	c.Ends("(CONNECTED) 2]")
	c.Send("\x04")
	c.Exits(0)
}

// A watch event comes while somebody types: it is shown above the prompt, and the line can be typed on.
func TestWatchEventWhileTyping(t *testing.T) {
	t.Parallel()
	server := zktest.Start(t)
	addr := server.Addr()
	other := zktest.Dial(t, addr)
	other.Create("/app", []byte("one"), protocol.FlagPersistent)

	c := startShell(t, addr)
	c.Send("get -w /app\r")
	c.Ends("one\n" + at(addr, 1, ""))
	c.Send("create /half \"ty")
	c.Ends(`create /half "ty`)
	other.Must(protocol.OpSetData, &protocol.SetDataRequest{Path: "/app", Data: []byte("two"), Version: -1}, nil)
	c.Has("type:NodeDataChanged path:/app")
	c.Ends(at(addr, 1, `create /half "ty`))
	c.Send("ped\"\r")
	c.Ends("Created /half\n" + at(addr, 2, ""))
	c.Send("get /half\r")
	c.Ends("typed\n" + at(addr, 3, ""))
	c.Send("quit\r")
	c.Exits(0)
}

// Ctrl-C stops a command that is in the middle of its work, while the server does not even answer, and the session
// goes on.
func TestInterruptCommand(t *testing.T) {
	t.Parallel()
	server := zktest.Start(t)
	plant(t, server.Addr(), 3_000)
	slow := newRelay(t, server.Addr())
	addr := slow.addr

	c := startShell(t, addr)
	c.Send("create -e /mine\r")
	c.Ends("Created /mine\n" + at(addr, 1, ""))
	slow.allow(60_000) // the names below /big, and some of the answers about each
	c.Send("ls -R /\r")
	slow.stalled()
	c.Send("\x03")
	c.Sees("(CONNECTED) 2] ") // while the answers are still held back
	slow.allow(-1)
	slow.allow(60_000)
	c.Send("\x0cdeleteall /big\r")
	slow.stalled()
	c.Send("\x03")
	c.Sees("(CONNECTED) 3] ")
	slow.allow(-1)
	c.Send("\x0cgetEphemerals\r")
	c.Has("[/mine]")
	c.Send("getAllChildrenNumber /big\r")
	c.Ends("3000\n" + at(addr, 5, ""))
	c.Send("quit\r")
	c.Exits(0)
}

// Ctrl-C at the question of a large deleteall means no.
func TestInterruptQuestion(t *testing.T) {
	t.Parallel()
	server := zktest.Start(t)
	addr := server.Addr()
	plant(t, addr, 300)

	c := startShell(t, addr)
	c.Send("deleteall /big\r")
	c.Sees("[y/N]")
	c.Send("\x03")
	prompt(c, addr, 1)
	c.Send("getAllChildrenNumber /big\r")
	c.Ends("300\n" + at(addr, 2, ""))
	c.Send("deleteall /big\r")
	c.Sees("[y/N]")
	c.Send("y\r")
	c.Ends("[y/N] y\n" + at(addr, 3, ""))
	c.Send("stat /big\r")
	c.Has("Node does not exist: /big")
	c.Ends(at(addr, 4, ""))
	c.Send("\x04")
	c.Exits(0) // who leaves the prompt has read what failed
}

// What was typed before the question of a large deleteall is no answer to it.
func TestTypedBeforeQuestion(t *testing.T) {
	t.Parallel()
	server := zktest.Start(t)
	plant(t, server.Addr(), 3_000)
	slow := newRelay(t, server.Addr())

	c := startShell(t, slow.addr)
	slow.allow(60_000)
	c.Send("deleteall /big\r")
	slow.stalled()
	c.Send("y\r")
	slow.allow(-1)
	c.Sees("[y/N] ")
	c.Send("n\r")
	c.Has("deleteall: nothing was deleted")
	c.Send("quit\r")
	c.Exits(0)
}

// Completion goes down the tree with slashes, and follows connect to another server.
func TestCompletionDescends(t *testing.T) {
	t.Parallel()
	first, second := zktest.Start(t), zktest.Start(t)
	client := zktest.Dial(t, first.Addr())
	for _, path := range []string{"/orchard", "/orchard/apple tree", "/orchard/apple tree/leaf", "/orchard/pear"} {
		client.Create(path, nil, protocol.FlagPersistent)
	}
	zktest.Dial(t, second.Addr()).Create("/orbit", nil, protocol.FlagPersistent)

	c := startShell(t, first.Addr())
	c.Send("l")
	c.Has("listquota")
	c.Send("s -")
	c.Has("-R")
	c.Send("s /or")
	c.Has("orchard")
	c.Send("\t")
	c.Has("ls -s /orchard\n")
	c.Send("/")
	c.Has("pear")
	c.Send("\t")
	c.Has("/orchard/apple tree\n")
	c.Send("/")
	c.Has(`ls -s "/orchard/apple tree/` + "\n")
	c.Has("leaf")
	c.Send("\t\r")
	c.Has("numChildren = 0")
	c.Ends(at(first.Addr(), 1, ""))
	c.Send("connect " + second.Addr() + "\r")
	c.Ends(at(second.Addr(), 2, ""))
	c.Send("ls /or")
	c.Has("orbit")
	c.Send("\t\r")
	c.Ends("[]\n" + at(second.Addr(), 3, ""))
	if strings.Contains(c.Written()[strings.LastIndex(c.Written(), "connect "):], "orchard") {
		t.Error("completion still shows the first server's znodes")
	}
	c.Send("quit\r")
	c.Exits(0)
}

// A parent of many children neither blocks typing nor fills the screen.
func TestCompletionOfManyChildren(t *testing.T) {
	t.Parallel()
	server := zktest.Start(t)
	addr := server.Addr()
	plant(t, addr, 20_000)

	c := startShell(t, addr)
	c.Send("get /big/")
	c.Has("n00000")
	c.Send("n1999")
	c.Has("n19999")
	c.Send("\x15version\r")
	c.Ends(at(addr, 1, ""))
	c.Send("quit\r")
	c.Exits(0)
}

// Lines come back in the next run.
func TestHistoryAcrossRuns(t *testing.T) {
	t.Parallel()
	server := zktest.Start(t)
	addr := server.Addr()
	file := "ZKCLI_HISTORY=" + filepath.Join(t.TempDir(), "history")

	c := startShell(t, addr, file)
	c.Send("create /kept yes\r")
	c.Ends("Created /kept\n" + at(addr, 1, ""))
	c.Send("get /kept\r")
	c.Ends("yes\n" + at(addr, 2, ""))
	c.Send("quit\r")
	c.Exits(0)

	c = startShell(t, addr, file)
	c.Send("\x1b[A\x1b[A")
	c.Ends("get /kept")
	c.Send("\x15\x12crea")
	c.Ends("(reverse-i-search)`crea': create /kept yes")
	c.Send("\r")
	c.Has("Node already exists: /kept")
	c.Ends(at(addr, 1, ""))
	c.Send("\x04")
	c.Exits(0) // who leaves the prompt has read what failed
}

// However the shell ends, the terminal is as it was and the session is closed: its ephemerals go at once, long before
// it would expire.
func TestWaysOutCloseTheSession(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]struct {
		out  func(c *ptytest.Console)
		code int
	}{
		"quit":    {func(c *ptytest.Console) { c.Send("quit\r") }, 0},
		"ctrl-d":  {func(c *ptytest.Console) { c.Send("\x04") }, 0},
		"sigterm": {func(c *ptytest.Console) { c.Signal(syscall.SIGTERM) }, 143},
		"sighup":  {func(c *ptytest.Console) { c.Signal(syscall.SIGHUP) }, 129},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := zktest.Start(t)
			addr := server.Addr()
			other := zktest.Dial(t, addr)
			c := startShell(t, addr)
			c.Send("create -e /mine\r")
			c.Ends("Created /mine\n" + at(addr, 1, ""))
			other.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/mine", Watch: true}, nil)
			way.out(c)
			for r := other.Receive(); ; r = other.Receive() {
				if r.Event != nil && r.Event.Type == protocol.EventNodeDeleted && r.Event.Path == "/mine" {
					break
				}
			}
			c.Exits(way.code)
		})
	}
}

// Lines pasted at once run one by one, each with its result.
func TestPaste(t *testing.T) {
	t.Parallel()
	server := zktest.Start(t)
	addr := server.Addr()
	c := startShell(t, addr)
	c.Send("\x1b[200~create /p 1\nset /p 2\nget /p\n\x1b[201~")
	c.Ends("2\n" + at(addr, 3, ""))
	c.Send("quit\r")
	c.Exits(0)
}

// plant creates n znodes below /big, many at a time.
func plant(t *testing.T, addr string, n int) {
	t.Helper()
	c := zktest.Dial(t, addr)
	c.Create("/big", nil, protocol.FlagPersistent)
	out := bufio.NewWriterSize(writer{c}, 64<<10)
	go func() {
		var b []byte
		for i := range n {
			r := protocol.CreateRequest{Path: fmt.Sprintf("/big/n%05d", i), ACL: protocol.OpenACL}
			b = zktest.Request(b[:0], int32(1000+i), protocol.OpCreate, &r)
			_, _ = out.Write(b)
		}
		_ = out.Flush()
	}()
	for range n {
		if r := c.Receive(); r.Err != protocol.OK {
			t.Fatalf("planting: %v", r.Err)
		}
	}
}

// writer is a client's connection as an io.Writer.
type writer struct{ c *zktest.Client }

func (w writer) Write(b []byte) (int, error) {
	return w.c.Socket.Write(b)
}

// relay stands between zkcli and a server, and can stop handing on what the server says.
type relay struct {
	addr string

	mu      sync.Mutex
	changed *sync.Cond
	budget  int // bytes that may still go to the client, -1 for no bound
	waiting bool
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: l.Addr().String(), budget: -1}
	r.changed = sync.NewCond(&r.mu)
	t.Cleanup(func() {
		l.Close()
		r.allow(-1)
	})
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				return
			}
			t.Cleanup(func() { client.Close(); upstream.Close() })
			go func() {
				defer upstream.Close()
				_, _ = io.Copy(upstream, client)
			}()
			go func() {
				defer client.Close()
				_, _ = io.Copy(gate{r, client}, upstream)
			}()
		}
	}()
	return r
}

// allow lets n more bytes of the server's through, -1 for all.
func (r *relay) allow(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.budget = n
	r.changed.Broadcast()
}

// stalled waits until something of the server's is held back.
func (r *relay) stalled() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.waiting {
		r.changed.Wait()
	}
}

// gate is a client's connection behind its relay.
type gate struct {
	relay *relay
	net.Conn
}

func (g gate) Write(b []byte) (int, error) {
	r := g.relay
	r.mu.Lock()
	for r.budget >= 0 && r.budget < len(b) {
		r.waiting = true
		r.changed.Broadcast()
		r.changed.Wait()
	}
	r.waiting = false
	if r.budget >= 0 {
		r.budget -= len(b)
	}
	r.mu.Unlock()
	return g.Conn.Write(b)
}

// What is longer than the screen goes through the pager, what fits does not;
// the line then goes on as ever.
func TestPager(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	c := startShell(t, addr, "PAGER=sed -n '1s/^/paged: /p'")
	c.Send("help\r")
	c.Has("paged: ")
	prompt(c, addr, 1)
	c.Send("ls /\r")
	c.Has("\n[zookeeper]\n")
	prompt(c, addr, 2)
	c.Send("ls / | tr a-z A-Z; ls / > /dev/null\r")
	c.Has("\n[ZOOKEEPER]\n")
	prompt(c, addr, 3)
	c.Send("\x04")
	c.Exits(0)
}
