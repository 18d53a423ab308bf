package shell

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest"
)

// A relay stands between a client and a server. It can cut the line, and be a
// server of 3.5, which knows no addWatch: it says so and closes.
type relay struct {
	addr string
	old  bool

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]bool
}

func newRelay(t *testing.T, server string, old bool) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: ln.Addr().String(), old: old, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { ln.Close(); r.cut() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", server)
			if err != nil || !r.add(client, up) {
				client.Close()
				continue
			}
			go func() { _, _ = io.Copy(client, up); client.Close() }()
			go func() { r.forward(client, up); client.Close(); up.Close() }()
		}
	}()
	return r
}

func (r *relay) add(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		if r.shut {
			c.Close()
		}
		r.conns[c] = true
	}
	return !r.shut
}

// forward hands packets on until one is an addWatch and the relay an old server.
func (r *relay) forward(client, up net.Conn) {
	for first := true; ; first = false {
		head := make([]byte, 4)
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if r.old && !first && protocol.OpCode(binary.BigEndian.Uint32(body[4:])) == protocol.OpAddWatch {
			reply := append([]byte{0, 0, 0, 16}, body[:4]...)
			reply = binary.BigEndian.AppendUint64(reply, 1)
			code := protocol.Unimplemented
			_, _ = client.Write(binary.BigEndian.AppendUint32(reply, uint32(code)))
			return
		}
		if _, err := up.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// cut closes all connections and takes no new ones until mend.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = true
	for c := range r.conns {
		c.Close()
	}
	clear(r.conns)
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = false
}

// A watcher is a zkcli watch that runs.
type watcher struct {
	t           *testing.T
	out, err    lockedBuffer
	interrupt   context.CancelFunc
	ended       chan int
	shownBefore int
}

func startWatch(t *testing.T, addr string, args ...string) *watcher {
	t.Helper()
	w := &watcher{t: t, ended: make(chan int, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	w.interrupt = cancel
	go func() {
		w.ended <- Main(ctx, Env{Program: "zkcli", Stdin: strings.NewReader(""), Stdout: &w.out, Stderr: &w.err,
			Getenv: noEnvironment, Location: time.UTC, Version: "test"}, append([]string{"-server", addr, "watch"}, args...))
	}()
	t.Cleanup(func() { cancel() })
	w.told("; Ctrl-C ends it")
	return w
}

// told waits for a text on stderr.
func (w *watcher) told(text string) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("stdout:\n%s\nstderr:\n%s", w.out.String(), w.err.String())
		}
	}()
	eventually(w.t, func() bool { return strings.Contains(w.err.String(), text) })
}

var clockAndZxid = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3}  (0x[0-9a-f]+|-) +`)

// shows waits until exactly this was printed since the last time; the clock is
// left out, and zxids as well.
func (w *watcher) shows(want string) {
	w.t.Helper()
	rest := func() string { return clockAndZxid.ReplaceAllString(w.out.String()[w.shownBefore:], "") }
	for deadline := time.Now().Add(20 * time.Second); len(rest()) < len(want); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			break
		}
	}
	if got := rest(); got != want {
		w.t.Fatalf("shown:\n%s\nwant:\n%s\nstderr:\n%s", got, want, w.err.String())
	}
	w.shownBefore = len(w.out.String())
}

// end interrupts it.
func (w *watcher) end() {
	w.t.Helper()
	w.interrupt()
	select {
	case <-w.ended:
	case <-time.After(20 * time.Second):
		w.t.Fatal("watch does not end")
	}
}

// An editor changes znodes, with a connection of its own.
type editor struct{ *zktest.Client }

func (e editor) set(path, data string) {
	e.Must(protocol.OpSetData, &protocol.SetDataRequest{Path: path, Data: []byte(data), Version: -1}, nil)
}

func (e editor) delete(path string) {
	e.Must(protocol.OpDelete, &protocol.DeleteRequest{Path: path, Version: -1}, nil)
}

// replace deletes a znode and makes it again in one transaction.
func (e editor) replace(path, data string) {
	e.Must(protocol.OpMulti, &protocol.MultiRequest{Ops: []protocol.MultiOp{
		{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: path, Version: -1}},
		{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: path, Data: []byte(data), ACL: protocol.OpenACL}},
	}}, new(protocol.MultiResponse))
}

// watchSubtree is one story, told alike by lasting watches and one-shot ones.
func watchSubtree(t *testing.T, server, through string) {
	t.Helper()
	e := editor{zktest.Dial(t, server)}
	e.Create("/w", []byte(`{"a":1,"b":2}`), 0)
	w := startWatch(t, through, "-R", "/w")
	e.set("/w", `{"a":1,"b":3}`)
	w.shows("changed   /w  version 1 13 bytes\n   {\n     \"a\": 1,\n  -  \"b\": 2\n  +  \"b\": 3\n   }\n")
	e.Create("/w/c", []byte("one"), 0)
	w.shows("created   /w/c  3 bytes\n  +one\n")
	e.Create("/w/c/d", nil, 0)
	w.shows("created   /w/c/d  0 bytes\n")
	e.set("/w/c", "two")
	w.shows("changed   /w/c  version 1 3 bytes\n  -one\n  +two\n")
	e.delete("/w/c/d")
	w.shows("deleted   /w/c/d\n")
	e.replace("/w/c", "three") // the list of children is as it was
	w.shows("deleted   /w/c\n  -two\ncreated   /w/c  5 bytes\n  +three\n")
	e.set("/w/c", "four")
	w.shows("changed   /w/c  version 1 4 bytes\n  -three\n  +four\n")
	e.delete("/w/c")
	w.shows("deleted   /w/c\n  -four\n")
	e.Create("/other", nil, 0)
	e.delete("/w")
	w.shows("deleted   /w\n  -{\"a\":1,\"b\":3}\n")
	e.Create("/w", []byte("again"), 0)
	w.shows("created   /w  5 bytes\n  +again\n")
	w.end()
	e.delete("/w")
	e.delete("/other")
}

func TestWatchSubtree(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	watchSubtree(t, addr, addr)
	watchSubtree(t, addr, newRelay(t, addr, true).addr)
}

// One znode with its list of children, on stock Apache, which tells no zxids.
func watchZnodeOnApache(t *testing.T, addr string) {
	e := editor{zktest.Dial(t, addr)}
	e.Create("/watched", []byte("a"), 0)
	for _, through := range []string{addr, newRelay(t, addr, true).addr} {
		w := startWatch(t, through, "/watched", "/missing")
		e.Create("/watched/c", nil, 0)
		w.shows("children  /watched  +c\n")
		e.set("/watched/c", "not watched")
		e.set("/watched", "b")
		w.shows("changed   /watched  version " + map[bool]string{true: "1", false: "3"}[through == addr] + " 1 byte\n  -a\n  +b\n")
		e.delete("/watched/c")
		w.shows("children  /watched  -c\n")
		e.Create("/missing", []byte("now"), 0)
		w.shows("created   /missing  3 bytes\n  +now\n")
		e.delete("/missing")
		w.shows("deleted   /missing\n  -now\n")
		w.end()
		e.set("/watched", "a")
	}
}

// What happens while the connection is away is shown after the reconnect, once.
func TestWatchSurvivesReconnect(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	for _, old := range []bool{false, true} {
		e := editor{zktest.Dial(t, addr)}
		for _, path := range []string{"/w", "/w/changed", "/w/deleted", "/w/same"} {
			e.Create(path, []byte("v0"), 0)
		}
		r := newRelay(t, addr, old)
		w := startWatch(t, r.addr, "-R", "/w")
		r.cut()
		w.told("connection lost")
		e.set("/w/changed", "v1")
		e.set("/w/changed", "v2")
		e.delete("/w/deleted")
		e.Create("/w/new", []byte("v0"), 0)
		e.set("/w", "v1")
		r.mend()
		w.told("comparing with what was last seen")
		eventually(t, func() bool { return strings.Count(w.out.String(), "/w") >= 4 })
		e.set("/w/same", "v1")
		eventually(t, func() bool { return strings.Contains(w.out.String(), "/w/same") })
		got := clockAndZxid.ReplaceAllString(w.out.String(), "")
		for _, want := range []string{"changed   /w  version 1", "changed   /w/changed  version 2 2 bytes", "deleted   /w/deleted", "created   /w/new", "changed   /w/same  version 1"} {
			if strings.Count(got, want) != 1 {
				t.Errorf("old %t: %q is not shown once:\n%s\n%s", old, want, got, w.err.String())
			}
		}
		if strings.Count(got, "(1 change in between not shown)") != 1 || strings.Contains(got, "not known") {
			t.Errorf("old %t:\n%s", old, got)
		}
		w.end()
		e.delete("/w/changed")
		e.delete("/w/new")
		e.delete("/w/same")
		e.delete("/w")
	}
}

// -n ends it, -exec runs a command, and records are the documented ones.
func TestWatchCountExec(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	e := editor{zktest.Dial(t, addr)}
	e.Create("/w", []byte("old"), 0)
	e.Create("/we", nil, 0) // as large as /w: the pattern is for both
	w := startWatch(t, addr, "-n", "2", "--exec", `echo "$ZK_KIND $ZK_PATH $(cat)"; exit 3`, "/w*")
	e.set("/w", "new")
	w.shows("changed   /w  version 1 3 bytes\n  -old\n  +new\nchanged /w new\n")
	w.told("watch: -exec: exit status 3")
	e.delete("/w")
	w.shows("deleted   /w\n  -new\ndeleted /w \n")
	select {
	case exit := <-w.ended:
		if exit != 0 {
			t.Errorf("exit %d", exit)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("-n 2 does not end after two changes")
	}
	if _, stderr, exit := run(t, "", "-server", addr, "watch", "relative"); exit != 1 || !strings.Contains(stderr, "Path must start with / character") {
		t.Errorf("a bad path: %s, exit %d", stderr, exit)
	}
}
