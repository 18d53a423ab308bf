package server_test

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
	"zookit/server/zktest/ports"
)

// A filed is a server with a zoo.cfg and a data directory on the disk.
type filed struct {
	t    *testing.T
	sid  int64
	file string
	line string // its server line
	srv  *server.Server
}

// newFiled writes a zoo.cfg with the lines of these servers and its own.
func newFiled(t *testing.T, sid int64, others ...*filed) *filed {
	t.Helper()
	dir := t.TempDir()
	client := ports.Free(t)
	f := &filed{t: t, sid: sid, file: filepath.Join(dir, "zoo.cfg"),
		line: fmt.Sprintf("server.%d=127.0.0.1:%d:%d:participant;127.0.0.1:%d", sid, ports.Free(t), ports.Free(t), client)}
	lines := []string{"# of server " + strconv.FormatInt(sid, 10), "tickTime=" + strconv.Itoa(zktest.TickMs), "initLimit=100", "syncLimit=50",
		"reconfigEnabled=true", "standaloneEnabled=false", "skipACL=yes", "preAllocSize=64", "dataDir=" + filepath.Join(dir, "data"), f.line}
	for _, o := range others {
		lines = append(lines, o.line)
	}
	f.write(f.file, strings.Join(lines, "\n")+"\n")
	f.write(filepath.Join(dir, "data", "myid"), strconv.FormatInt(sid, 10))
	t.Cleanup(f.stop)
	return f
}

func (f *filed) write(name, text string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// text is a file beside zoo.cfg, "" without one; the suffix "" is zoo.cfg.
func (f *filed) text(suffix string) string {
	f.t.Helper()
	text, err := os.ReadFile(f.file + suffix)
	if err != nil && !os.IsNotExist(err) {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f *filed) start() {
	f.t.Helper()
	cfg, _, err := config.Load(f.file, config.Env{})
	if err != nil {
		f.t.Fatal(err)
	}
	f.srv, err = server.New(cfg, server.WithFourLetterWords("*"),
		server.WithLogger(slog.New(slog.NewTextHandler(f.t.Output(), nil)).With("myid", f.sid)))
	if err == nil {
		err = f.srv.Start()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *filed) stop() {
	if f.srv != nil {
		_ = f.srv.Close()
		f.srv = nil
	}
}

func (f *filed) await(mode string) {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("server %d to be %s", f.sid, mode), func() bool { st := f.srv.Status(); return st.Serving && st.Mode == mode })
}

func (f *filed) reconfig(q protocol.ReconfigRequest) {
	f.t.Helper()
	q.CurConfigID = -1
	eventually(f.t, "reconfig", func() bool {
		c := zktest.Dial(f.t, f.srv.Addr().String())
		defer c.Drop()
		return c.Do(protocol.OpReconfig, &q, new(protocol.GetDataResponse)) == nil
	})
}

// A server that waits to be added may be stopped and started; once it was a
// member its files say of which configuration, and when it is one no more it
// does not start.
func TestWaitingServerRestarts(t *testing.T) {
	t.Parallel()
	one := newFiled(t, 1)
	two := newFiled(t, 2, one)
	one.start()
	one.await("leader")
	was := two.text("")
	for range 2 {
		two.start()
		two.await("follower")
		two.stop()
		if got := two.text(""); got != was {
			t.Fatalf("zoo.cfg of a server that waits is %q", got)
		}
	}
	two.start()
	one.reconfig(protocol.ReconfigRequest{Joining: &two.line})
	for _, f := range []*filed{one, two} {
		eventually(t, "the files of the change", func() bool { return strings.Contains(f.text(""), "dynamicConfigFile=") })
		_, named, _ := strings.Cut(f.text(""), "dynamicConfigFile="+f.file)
		eventually(t, "the lines of the change", func() bool {
			_, named, _ = strings.Cut(f.text(""), "dynamicConfigFile="+f.file)
			return f.text(strings.TrimSpace(named)) == one.line+"\n"+two.line
		})
		if text := f.text(""); strings.Contains(text, "server.") || !strings.HasPrefix(text, "# of server ") {
			t.Errorf("zoo.cfg is %q", text)
		}
		if f == two && f.text(".bak") != was {
			t.Errorf("zoo.cfg.bak is %q", f.text(".bak"))
		}
		f.stop()
	}
	one.start()
	two.start()
	eventually(t, "a leader", func() bool { return one.srv.Status().Serving && two.srv.Status().Serving })
	gone := "2"
	one.reconfig(protocol.ReconfigRequest{Leaving: &gone})
	eventually(t, "server 2 to know", func() bool {
		cfg, _, err := config.Load(two.file, config.Env{})
		return cfg == nil && err != nil && strings.Contains(err.Error(), "server 2 is no member of the ensemble any more")
	})
	two.stop()
	one.await("leader")
}

// A configuration that was proposed, and is not in the log, is waited for no
// more. One that is in the log counts, whatever the files say.
func TestProposedFollowsFromTheLog(t *testing.T) {
	t.Parallel()
	one := newFiled(t, 1)
	one.write(one.file+".dynamic.next", one.line+"\nserver.8=127.0.0.1:1:2:participant;127.0.0.1:3\nserver.9=127.0.0.1:1:2:participant;127.0.0.1:3\nversion=ffff00000001")
	one.start()
	one.await("leader")
	two := newFiled(t, 2, one)
	two.start()
	was := one.text(".bak")
	one.reconfig(protocol.ReconfigRequest{Joining: &two.line})
	one.stop()
	two.stop()
	one.write(one.file, was) // as if the change had not come to the files
	one.start()
	two.start()
	eventually(t, "a leader", func() bool { return one.srv.Status().Serving && two.srv.Status().Serving })
	for _, f := range []*filed{one, two} {
		if got := f.srv.Status().Ensemble.Membership; !strings.Contains(got, two.line) {
			t.Errorf("server %d has %q", f.sid, got)
		}
	}
}

// The port of clients that a new configuration gives to a server, and that
// something else has, is tried until it is free.
func TestPortTakenMeanwhile(t *testing.T) {
	t.Parallel()
	one := newFiled(t, 1)
	one.start()
	one.await("leader")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	moved := one.line[:strings.LastIndexByte(one.line, ':')+1] + strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	one.reconfig(protocol.ReconfigRequest{Joining: &moved})
	before := one.srv.Addr().String()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the client port to move", func() bool { return one.srv.Addr().String() == taken.Addr().String() })
	zktest.Dial(t, one.srv.Addr().String())
	if one.srv.Addr().String() == before {
		t.Error("the port has not moved")
	}
}
