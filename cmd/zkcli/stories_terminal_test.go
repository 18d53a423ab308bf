//go:build linux || darwin

package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/server/zktest/apache"
	"zookit/shell/repl/ptytest"
)

// stories are what an operator does at the prompt, below a znode of the story's
// own: on our server and on Apache's as it comes, which answers no
// four-letter word but srvr.
var stories = []struct {
	name string
	play func(t *testing.T, addr, root string)
}{
	{"prompt", honestPrompt},
	{"looking", lookingAround},
	{"servers", askingServers},
	{"habits", habits},
}

func TestStoriesOurs(t *testing.T) {
	t.Parallel()
	playStories(t, zktest.Start(t).Addr())
}

func TestStoriesApache(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	playStories(t, apache.Start(t, apache.Options{Config: []string{"4lw.commands.whitelist=srvr"}}).Addr)
}

func playStories(t *testing.T, addr string) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			root := "/" + s.name
			zktest.Dial(t, addr).Create(root, nil, protocol.FlagPersistent)
			s.play(t, addr, root)
		})
	}
}

// operator is zkcli at a terminal of 120 columns, with profiles from a
// configuration and a state directory of its own.
func operator(t *testing.T, config string, args ...string) *ptytest.Console {
	t.Helper()
	return operatorAt(t, t.TempDir(), config, args...)
}

// operatorAt is operator with the directory where it finds its configuration
// and state.
func operatorAt(t *testing.T, home, config string, args ...string) *ptytest.Console {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(home, "zkcli"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "zkcli", "config.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "ZKCLI_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "TERM=xterm", "NO_COLOR=1", "ZKCLI_COMPAT=",
		"XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home)
	return ptytest.Start(t, cmd, 120, 40)
}

// honestPrompt: the prompt says what has become of the session, and one key
// sets the watches again that ended with it.
func honestPrompt(t *testing.T, addr, root string) {
	door := newDoor(t, addr)
	other := zktest.Dial(t, addr)
	other.Create(root+"/app", nil, protocol.FlagPersistent)
	c := operator(t, "", "-timeout", "5000", "-server", door.addr+root)
	state := func(text string) {
		t.Helper()
		c.Await(text, func(screen, _ string) bool {
			last := screen[strings.LastIndexByte(screen, '\n')+1:]
			return strings.HasPrefix(last, "[zk: "+door.addr+root+"("+text+") ")
		})
	}
	state("CONNECTED")
	c.Send("create -e /mine\r")
	c.Has("Created /mine")
	c.Send("addWatch -m PERSISTENT /app\r")
	state("CONNECTED")
	c.Send("get -w /app\r")
	c.Has("null")
	other.Must(protocol.OpExists, &protocol.ExistsRequest{Path: root + "/mine", Watch: true}, nil)

	c.Send("half a li") // what is typed stays
	door.shut()
	state("SUSPENDED")
	if e := other.Receive(); e.Event == nil || e.Event.Type != protocol.EventNodeDeleted { // the server ends the session
		t.Fatalf("%+v", e)
	}
	door.open()
	state("EXPIRED")
	c.Has("ephemeral znodes lost: /mine")
	c.Has("(Alt-W or \"rewatch\" sets them again)")
	c.Ends("half a li")
	c.Send("\x03\x1bw")
	c.Has("watching /app (data)")
	c.Has("watching /app (persistent)")
	state("CONNECTED")
	other.Must(protocol.OpSetData, &protocol.SetDataRequest{Path: root + "/app", Data: []byte("x"), Version: -1}, nil)
	c.Has("type:NodeDataChanged path:/app")
	c.Send("close\r")
	state("CLOSED")
	c.Send("ls /\r")
	c.Has(`"connect" opens a new one`)
	c.Send("connect " + door.addr + root + "\r")
	state("CONNECTED")
	c.Send("quit\r")
	c.Exits(0)
}

// door is a port before a server's that can be shut: it cuts the connections,
// and those that come meanwhile.
type door struct {
	addr string

	mu     sync.Mutex
	closed bool
	conns  []net.Conn
}

func newDoor(t *testing.T, server string) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{addr: l.Addr().String()}
	t.Cleanup(func() { l.Close(); d.shut() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			if !d.add(client, upstream) {
				continue
			}
			go func() { _, _ = io.Copy(upstream, client); upstream.Close() }()
			go func() { _, _ = io.Copy(client, upstream); client.Close() }()
		}
	}()
	return d
}

func (d *door) add(conns ...net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		for _, c := range conns {
			c.Close()
		}
		return false
	}
	d.conns = append(d.conns, conns...)
	return true
}

func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.Close()
	}
	d.closed, d.conns = true, nil
}

func (d *door) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = false
}

// A step is a line typed at the prompt and what is on the screen then.
type step struct {
	line string
	see  []string
}

// walkThrough types lines, each on a clear screen. dir is where the shell is;
// the prompt's number counts on from done.
func walkThrough(t *testing.T, c *ptytest.Console, label string, done int, steps []step) {
	t.Helper()
	dir := ""
	for i, s := range steps {
		c.Send("\x0c" + s.line + "\r")
		if to, ok := strings.CutPrefix(s.line, "cd "); ok {
			dir = to + " "
		}
		want := label + "(CONNECTED"
		c.Await(strings.Join(append([]string{s.line}, s.see...), ", "), func(screen, _ string) bool {
			last := screen[strings.LastIndexByte(screen, '\n')+1:]
			if !strings.HasPrefix(last, "[zk: "+want) || !strings.HasSuffix(last, ") "+strings.TrimRight(dir+itoa(done+i+1)+"]", " ")) {
				return false
			}
			for _, text := range s.see {
				if !strings.Contains(screen, text) {
					return false
				}
			}
			return true
		})
	}
}
