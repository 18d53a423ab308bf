package server_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/vfs"
	"zookit/server/zktest"
)

// goroutines lists the stacks that run code of the server.
func goroutines() []string {
	buf := make([]byte, 4<<20)
	var list []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "zookit/server.") || strings.Contains(g, "zookit/server/cnxn.") {
			list = append(list, g)
		}
	}
	return list
}

// TestCloseLeavesNothingBehind closes a server in the middle of everything: idle
// and busy connections, writes at the disk, half a frame, a word being typed.
// It is not parallel: it looks at all goroutines of the process.
func TestCloseLeavesNothingBehind(t *testing.T) {
	if left := goroutines(); len(left) > 0 {
		t.Fatalf("before the test:\n%s", strings.Join(left, "\n\n"))
	}
	disk := newGatedFS()
	srv, err := server.New(zktest.Config(), server.WithFS(disk))
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	addr := srv.Addr().String()
	var clients []*zktest.Client
	for range 20 {
		clients = append(clients, zktest.Dial(t, addr))
	}
	clients[0].Create("/x", nil, protocol.FlagPersistent)
	clients[1].Write([]byte{0, 0, 0, 40, 1, 2, 3})
	zktest.Open(t, addr).Write([]byte("ru"))
	disk.shut()
	clients[2].Send(protocol.OpSetData, set("/x", "1"))
	await(t, "the write to reach the disk", disk.arrived)
	clients[2].Send(protocol.OpGetData, get("/x", false)) // waits for the write
	closed := make(chan error, 1)
	go func() { closed <- srv.Close() }()
	clients[5].Closed() // connections go although the disk is busy
	disk.open()
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := srv.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	await(t, "Done", srv.Done())
	if srv.Err() != nil {
		t.Errorf("Err after Close: %v", srv.Err())
	}
	eventually(t, "the goroutines to end", func() bool { return len(goroutines()) == 0 })
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the port is still open")
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	taken := zktest.Config()
	taken.ClientPort = srv.Server().Status().Settings.ClientPort
	s, err := server.New(taken, server.InMemory())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("taken port: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close of a server that did not start: %v", err)
	}

	// Two servers on one directory.
	disk := vfs.NewMem()
	zktest.Start(t, server.WithFS(disk))
	s, err = server.New(zktest.Config(), server.WithFS(disk))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("directory in use: %v", err)
	}
	if _, err := server.New(func() *server.Config { c := zktest.Config(); c.DataDir = ""; return c }()); err == nil {
		t.Error("no data directory: no error")
	}
}

// TestFanOut: one change, a thousand watchers. Every one of them gets exactly
// one event, before the writer's next read on any of them could show it.
func TestFanOut(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	writer := zktest.Dial(t, srv.Addr())
	writer.Create("/x", nil, protocol.FlagPersistent)
	const n = 1000
	clients := make([]*zktest.Client, n)
	for i := range clients {
		clients[i] = zktest.Dial(t, srv.Addr())
		clients[i].Must(protocol.OpGetData, get("/x", true), nil)
	}
	for round := range 2 {
		zxid := writer.Must(protocol.OpSetData, set("/x", fmt.Sprint(round)), nil).Zxid
		for i, c := range clients {
			r := c.Receive()
			if r.Event == nil || r.Event.Type != protocol.EventNodeDataChanged || r.Event.Path != "/x" || r.Zxid != zxid {
				t.Fatalf("client %d got %+v, want the change at %v", i, r, zxid)
			}
			var d protocol.GetDataResponse
			c.Must(protocol.OpGetData, get("/x", true), &d)
			if string(d.Data) != fmt.Sprint(round) {
				t.Fatalf("client %d read %q", i, d.Data)
			}
		}
	}
	if got := srv.Server().Status().Watches; got != n {
		t.Errorf("%d watches, want %d", got, n)
	}
	// Watches go with their connections.
	for _, c := range clients {
		c.Socket.Close()
	}
	eventually(t, "the watches to go", func() bool { return srv.Server().Status().Watches == 0 })
}
