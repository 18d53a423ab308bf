package server_test

import (
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/vfs"
	"zookit/server/zktest"
)

// TestAcknowledgedWritesSurviveAPowerCut: several clients write while the power
// goes; the disk keeps what it likes of what was not synced. Every write that
// was acknowledged before is there.
func TestAcknowledgedWritesSurviveAPowerCut(t *testing.T) {
	t.Parallel()
	for seed := range int64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewSource(seed))
			disk := vfs.NewTrackedMem()
			srv := zktest.Start(t, server.WithFS(disk))

			const writers = 4
			var acked [writers]atomic.Int64 // the last value each was told is kept
			enough := make(chan struct{})
			var told atomic.Int64
			var wg sync.WaitGroup
			for i := range writers {
				c := zktest.Dial(t, srv.Addr())
				path := fmt.Sprintf("/w%d", i)
				c.Create(path, nil, protocol.FlagPersistent)
				wg.Go(func() {
					for n := int64(1); ; n++ {
						if _, err := c.Socket.Write(zktest.Request(nil, int32(n), protocol.OpSetData, set(path, fmt.Sprint(n)))); err != nil {
							return
						}
						r, err := c.TryReceive()
						if err != nil || r.Err != protocol.OK {
							return
						}
						acked[i].Store(n)
						if told.Add(1) == 300 {
							close(enough)
						}
					}
				})
			}
			await(t, "300 acknowledged writes", enough)
			var before [writers]int64
			for i := range before {
				before[i] = acked[i].Load()
			}
			crashed := disk.Crash(rng)
			srv.Stop()
			wg.Wait()

			again := zktest.Start(t, server.WithFS(crashed))
			c := zktest.Dial(t, again.Addr())
			for i, want := range before {
				var d protocol.GetDataResponse
				c.Must(protocol.OpGetData, get(fmt.Sprintf("/w%d", i), false), &d)
				var got int64
				_, _ = fmt.Sscan(string(d.Data), &got)
				if got < want {
					t.Errorf("writer %d: found %d, but %d was acknowledged before the power went", i, got, want)
				}
			}
		})
	}
}

// TestFailedLogEndsTheServer: whatever call on the log fails, the write is not
// acknowledged, every connection is closed, and Done and Err tell; after it
// nothing more is written, and a restart on the same disk has every
// acknowledged write.
func TestFailedLogEndsTheServer(t *testing.T) {
	t.Parallel()
	isLog := func(name string) bool { return strings.Contains(name, "log.") }
	for name, fault := range map[string]vfs.Fault{
		"sync":        {Op: vfs.OpSync, Match: isLog, N: 1, Err: syscall.EIO},
		"write":       {Op: vfs.OpWrite, Match: isLog, N: 1, Err: syscall.ENOSPC},
		"short write": {Op: vfs.OpWrite, Match: isLog, N: 1, Short: true, Err: syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := vfs.NewMem()
			disk := vfs.NewFaulty(mem)
			srv := zktest.Start(t, server.WithFS(disk))
			c, idle := zktest.Dial(t, srv.Addr()), zktest.Dial(t, srv.Addr())
			c.Create("/x", []byte("kept"), protocol.FlagPersistent)

			disk.Add(fault)
			c.Send(protocol.OpSetData, set("/x", "lost"))
			c.Closed()
			idle.Closed()
			await(t, "Done", srv.Server().Done())
			if err := srv.Server().Err(); !errors.Is(err, fault.Err) {
				t.Errorf("Err is %v, want it to tell of %v", err, fault.Err)
			}
			if srv.Server().Status().Serving {
				t.Error("it says that it serves")
			}
			if err := srv.Server().Close(); !errors.Is(err, fault.Err) {
				t.Errorf("Close returned %v", err)
			}

			again := zktest.Start(t, server.WithFS(mem))
			var d protocol.GetDataResponse
			zktest.Dial(t, again.Addr()).Must(protocol.OpGetData, get("/x", false), &d)
			if got := string(d.Data); got != "kept" && got != "lost" {
				t.Errorf("after the restart the data is %q", got)
			}
		})
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	cfg := zktest.Config()
	cfg.SnapCount = 50 // several snapshots and logs
	srv := zktest.StartConfig(t, cfg)
	c := zktest.Dial(t, srv.Addr())
	for i := range 300 {
		c.Create(fmt.Sprintf("/n%03d", i), fmt.Append(nil, i), protocol.FlagPersistent)
	}
	var before, after protocol.GetChildren2Response
	last := c.Must(protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: "/"}, &before).Zxid
	srv.Restart()
	c = zktest.Dial(t, srv.Addr())
	zxid := c.Must(protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: "/"}, &after).Zxid
	if zxid <= last || len(after.Children) != len(before.Children) || after.Stat != before.Stat {
		t.Errorf("before: zxid %v, %d children, %+v; after: %v, %d, %+v", last, len(before.Children), before.Stat, zxid, len(after.Children), after.Stat)
	}
	for i := range 300 {
		var d protocol.GetDataResponse
		c.Must(protocol.OpGetData, get(fmt.Sprintf("/n%03d", i), false), &d)
		if string(d.Data) != fmt.Sprint(i) {
			t.Fatalf("znode %d has %q", i, d.Data)
		}
	}
}

// TestZK2101TxnsBeyondJuteMaxbuffer: what a client does within its rights never makes
// a txn too long for the log, which would end the server: neither a session with
// more ephemerals than one record can name, closed or expired (ZOOKEEPER-4306),
// nor a multi whose ACLs stand for many identities.
func TestZK2101TxnsBeyondJuteMaxbuffer(t *testing.T) {
	t.Parallel()
	cfg := zktest.Config()
	cfg.MaxBuffer, cfg.MaxBufferExtra = 4096, 1024
	srv := zktest.StartConfig(t, cfg)
	closes, expires, c := zktest.Dial(t, srv.Addr()), zktest.DialTimeout(t, srv.Addr(), 15*zktest.TickMs), zktest.Dial(t, srv.Addr())
	for i := range 200 {
		name := fmt.Sprintf("/%s-%d-", strings.Repeat("e", 40), i)
		closes.Create(name, nil, protocol.FlagEphemeralSequential)
		expires.Create(name, nil, protocol.FlagEphemeralSequential)
	}
	closes.Must(protocol.OpCloseSession, nil, nil)
	eventually(t, "the other session to expire", func() bool { return srv.Server().Status().Ephemerals == 0 })

	for i := range 30 {
		c.Auth("digest", fmt.Sprintf("user%d:pw", i))
	}
	var r protocol.MultiRequest
	for i := range 30 {
		r.Ops = append(r.Ops, protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{
			Path: fmt.Sprintf("/m%d", i), ACL: []protocol.ACL{{Perms: protocol.PermAll, Scheme: "auth"}},
		}})
	}
	var refused, made protocol.MultiResponse
	c.Must(protocol.OpMulti, &r, &refused)
	r.Ops = r.Ops[:3]
	c.Must(protocol.OpMulti, &r, &made)
	failed := 0
	for _, x := range refused.Results {
		if x.Err == protocol.BadArguments {
			failed++
		}
	}
	if failed != 1 || len(made.Results) != 3 || made.Results[0].Err != protocol.OK {
		t.Errorf("too long: %+v; short enough: %+v", refused.Results, made.Results)
	}
	// Nor can a connection pile up identities.
	for i := range 100 {
		_, _ = c.Socket.Write(zktest.Request(nil, protocol.XidAuth, protocol.OpAuth, &protocol.AuthRequest{Scheme: "digest", Auth: fmt.Appendf(nil, "another%d:pw", i)}))
	}
	for closed := false; !closed; {
		_, err := c.TryReceive()
		closed = err != nil
	}
	srv.Restart()
	if st := srv.Server().Status(); st.Ephemerals != 0 || st.Nodes != 5+3 {
		t.Errorf("after a restart: %d ephemerals, %d znodes", st.Ephemerals, st.Nodes)
	}
}
