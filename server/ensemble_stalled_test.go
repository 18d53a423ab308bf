package server_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
	"zookit/server/zktest"
)

// TestZK3531StalledSnapshots: peers that take no more of the snapshot they are
// being sent, and disks on which no server's own snapshot ends, keep nobody from
// reading, writing or joining (also ZOOKEEPER-2201, 4858).
func TestZK3531StalledSnapshots(t *testing.T) {
	t.Parallel()
	disks := map[int64]vfs.FS{}
	for sid := int64(1); sid <= 3; sid++ {
		g := newGatedFS()
		g.prefix = "tmp-" // what a snapshot is written as
		disks[sid] = g
	}
	o := observe(t, 3, disks, func(_ int64, cfg *config.Config) []server.Option {
		cfg.SnapCount, cfg.Ensemble.ForceSnapshotSync = 10, true
		return nil
	})
	o.Start()
	o.Await()
	for _, d := range disks {
		d.(*gatedFS).shut()
	}
	free := sync.OnceFunc(func() {
		for _, d := range disks {
			d.(*gatedFS).open()
		}
	})
	t.Cleanup(free) // a server that stops waits for what it writes
	leader := o.Leader()
	c := zktest.Dial(t, o.Server(leader).Addr())
	const large = 12
	for i := range large { // 6 MB, more than the sockets below take
		c.Create(fmt.Sprintf("/large-%d", i), make([]byte, 500_000), protocol.FlagPersistent)
	}
	for _, d := range disks {
		await(t, "a snapshot to reach the disk", d.(*gatedFS).arrived)
	}
	quorumPort, _ := o.ports(leader)
	for i := range int64(3) {
		p := dialPeer(t, quorumPort)
		_ = p.c.(*net.TCPConn).SetReadBuffer(64 << 10)
		p.send(followerInfo(77+i, 0))
		p.await(quorum.LeaderInfo)
		p.send(quorum.Packet{Type: quorum.AckEpoch, Data: (&quorum.FollowerEpoch{}).AppendTo(nil)})
		p.await(quorum.Snap) // and no more of it
	}

	follower := leader%3 + 1
	clients := []*zktest.Client{c, zktest.Dial(t, o.Server(follower).Addr())}
	for i := range 30 {
		for n, c := range clients {
			path := fmt.Sprintf("/during-%d-%d", i, n)
			c.Create(path, nil, protocol.FlagPersistent)
			c.Must(protocol.OpSync, &protocol.SyncRequest{Path: path}, nil)
			c.Must(protocol.OpExists, &protocol.ExistsRequest{Path: path}, nil)
		}
	}
	free()
	third := follower%3 + 1
	o.Stop(third)
	o.Start(third)
	o.Await(third)
	o.logs[third].await(t, "synchronising by SNAP")
	for i := range large { // they would be compared for long
		c.Must(protocol.OpDelete, &protocol.DeleteRequest{Path: fmt.Sprintf("/large-%d", i), Version: -1}, nil)
	}
	sameTrees(t, o.Ensemble, 1, 2, 3)
}

// TestStalledCallersKeepNobodyOut: callers that have said the beginning of what
// comes first on the ports between servers, and no more, keep no server from
// joining, nor the next leader from being elected.
func TestStalledCallersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	o := observe(t, 3, nil, nil)
	o.Start(1, 2)
	o.Await(1, 2)
	greeting := (&quorum.InitialMessage{Form: quorum.InitialAddress, ServerID: 77, Addresses: []string{"127.0.0.1:1"}}).AppendTo(nil)
	info := followerInfo(77, 0)
	leader := o.Leader()
	for sid := int64(1); sid <= 2; sid++ {
		quorumPort, electionPort := o.ports(sid)
		for range 40 {
			_, _ = dialPeer(t, electionPort).c.Write(greeting[:12])
			if sid == leader {
				_, _ = dialPeer(t, quorumPort).c.Write(info.AppendTo(nil)[:20])
			}
		}
	}
	o.Start(3)
	o.Await(3)
	o.Stop(leader)
	o.Await(3-leader, 3)
	zktest.Dial(t, o.Server(3).Addr()).Create("/x", nil, protocol.FlagPersistent)
	o.Start(leader)
	o.Await()
	sameTrees(t, o.Ensemble, 1, 2, 3)
}

// TestZK3240NothingLeaksOverElections: leaders come and go, and peers that begin
// to speak and are gone; what the process holds of sockets and goroutines is the
// same afterwards (also ZOOKEEPER-3574, 4736, 5059; 10,000 elections of processes
// are in server/chaos). It is not parallel: it looks at the whole process.
func TestZK3240NothingLeaksOverElections(t *testing.T) {
	o := observe(t, 3, nil, nil)
	o.Start()
	o.Await()
	round := func() {
		leader := o.Leader()
		var dead []*peer
		for sid := int64(1); sid <= 3; sid++ {
			quorumPort, electionPort := o.ports(sid)
			greeting := (&quorum.InitialMessage{Form: quorum.InitialAddress, ServerID: 77, Addresses: []string{"127.0.0.1:1"}}).AppendTo(nil)
			for _, n := range []int{0, 9, len(greeting)} {
				p := dialPeer(t, electionPort)
				_, _ = p.c.Write(greeting[:n])
				dead = append(dead, p)
			}
			if sid == leader {
				p := dialPeer(t, quorumPort)
				p.send(followerInfo(77, 0))
				dead = append(dead, p)
			}
		}
		zktest.Dial(t, o.Server(leader).Addr()).Drop()
		o.Stop(leader)
		for _, p := range dead {
			p.c.Close()
		}
		o.Leader()
		o.Start(leader)
		o.Await()
	}
	held := func() (files, routines int) {
		if runtime.GOOS != "linux" {
			t.Skip("descriptors are counted in Linux's /proc")
		}
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 8<<20)
		stacks := string(buf[:runtime.Stack(buf, true)])
		return len(list), strings.Count(stacks, "zookit/server/peer.") // a goroutine has some of them
	}
	files, routines := held()
	const rounds = 8
	for range rounds {
		round()
	}
	// What is on its way out goes within the limits of a silent peer.
	deadline := time.Now().Add(within)
	for {
		f, r := held()
		if f < files+rounds && r < routines+rounds {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %d elections %d descriptors, before %d; %d frames of goroutines, before %d", rounds, f, files, r, routines)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
