package server_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
	"zookit/server/zktest"
	"zookit/server/zktest/wire"
)

// An observed ensemble has disks and logs that the test looks at.
type observed struct {
	*zktest.Ensemble
	disks   map[int64]vfs.FS
	logs    map[int64]*logbook
	configs map[int64]*config.Config
}

// observe prepares n servers; disks may have some that are used already.
func observe(t *testing.T, n int, disks map[int64]vfs.FS, change func(sid int64, cfg *config.Config) []server.Option) *observed {
	t.Helper()
	o := &observed{disks: disks, logs: map[int64]*logbook{}, configs: map[int64]*config.Config{}}
	if o.disks == nil {
		o.disks = map[int64]vfs.FS{}
	}
	o.Ensemble = zktest.NewEnsemble(t, n, func(sid int64, cfg *config.Config) []server.Option {
		o.logs[sid], o.configs[sid] = new(logbook), cfg
		if o.disks[sid] == nil {
			o.disks[sid] = vfs.NewMem()
		}
		options := []server.Option{server.WithFS(o.disks[sid]), o.logs[sid].option()}
		if change != nil {
			options = append(options, change(sid, cfg)...)
		}
		return options
	})
	t.Cleanup(func() {
		if t.Failed() {
			for sid := int64(1); sid <= int64(n); sid++ {
				t.Logf("log of server %d:\n%s", sid, strings.Join(o.logs[sid].lines(""), ""))
			}
		}
	})
	return o
}

// write creates znodes one after the other, each at the next of the servers
// when the one before does not take it, until n were acknowledged.
func (o *observed) write(t *testing.T, root string, n int, sids ...int64) (acked []string) {
	t.Helper()
	var c *wire.Conn
	defer func() {
		if c != nil {
			c.Drop()
		}
	}()
	at := 0
	for i := 0; len(acked) < n; i++ {
		path := fmt.Sprintf("%s-%d", root, i)
		o.Until("a write", func() bool {
			var err error
			if c == nil {
				sid := sids[at%len(sids)]
				at++
				if !o.Server(sid).Server().Status().Serving {
					return false
				}
				if c, err = wire.Dial(o.Server(sid).Addr(), wire.Options{}); err != nil {
					c = nil
					return false
				}
			}
			err = c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: path, Data: []byte(path), ACL: protocol.OpenACL}, nil)
			if err == nil || errors.Is(err, protocol.NodeExists) { // it had been taken, and its reply was lost
				return true
			}
			c.Drop()
			c = nil
			return false
		})
		acked = append(acked, path)
	}
	return acked
}

// has finds paths in a server's tree.
func has(t *testing.T, o *observed, sid int64, paths []string) {
	t.Helper()
	there := map[string]bool{}
	for _, n := range tree(t, o.Server(sid).Addr()) {
		there[n.Path] = true
	}
	for _, p := range paths {
		if !there[p] {
			t.Errorf("server %d has lost %s", sid, p)
		}
	}
}

func writeFile(t *testing.T, fs vfs.FS, name, text string) {
	t.Helper()
	f, err := fs.Open(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, fs vfs.FS, name string) string {
	t.Helper()
	f, err := fs.Open(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// acceptedEpoch is what stands on a disk.
func acceptedEpoch(t *testing.T, fs vfs.FS) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(readFile(t, fs, "/data/version-2/acceptedEpoch")), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// When the counter of an epoch is used up a new epoch begins, and a client
// notices no more than a lost connection.
func TestZK1277CounterIsUsedUp(t *testing.T) {
	t.Parallel()
	const counter = 25
	o := observe(t, 3, nil, func(int64, *config.Config) []server.Option {
		return []server.Option{server.WithMaxCounter(counter)}
	})
	o.Start()
	o.Await()
	acked := o.write(t, "/x", 3*counter, 1, 2, 3)
	o.Leader()
	o.Await()
	sameTrees(t, o.Ensemble, 1, 2, 3)
	has(t, o, 1, acked)
	for _, n := range tree(t, o.Server(2).Addr()) {
		if z := protocol.Zxid(n.Stat.Czxid); z.Counter() >= counter {
			t.Errorf("%s has zxid %v", n.Path, z)
		}
	}
	if got := acceptedEpoch(t, o.disks[1]); got < 4 {
		t.Errorf("%d writes in %d epochs of at most %d", len(acked), got, counter-1)
	}
	exhausted := 0
	for _, log := range o.logs {
		exhausted += len(log.lines("zxid counter is used up"))
	}
	if exhausted < 3 {
		t.Errorf("%d leaders have said why they ended", exhausted)
	}
}

// A server that has accepted a later epoch than the ensemble's is let in: the
// ensemble goes on to one that is later still.
func TestFollowerThatAcceptedALaterEpoch(t *testing.T) {
	t.Parallel()
	o := observe(t, 3, nil, nil)
	o.Start()
	o.Await()
	acked := o.write(t, "/x", 5, 1)
	o.Stop(1)
	writeFile(t, o.disks[1], "/data/version-2/acceptedEpoch", "50")
	acked = append(acked, o.write(t, "/y", 5, 2, 3)...)
	o.Start(1)
	o.Await(1)
	acked = append(acked, o.write(t, "/z", 5, 1, 2, 3)...)
	o.Await()
	sameTrees(t, o.Ensemble, 1, 2, 3)
	has(t, o, 1, acked)
	if got := acceptedEpoch(t, o.disks[2]); got <= 50 {
		t.Errorf("the epoch is %d", got)
	}
}

// A server with the history of another ensemble, which is in a later epoch, is
// kept out, and told why, as long as the ensemble stands. (Were it let in, its
// data would take the place of the ensemble's.) With an empty directory it is
// given what the others have.
func TestFollowerOfAnotherEnsemble(t *testing.T) {
	t.Parallel()
	other := observe(t, 3, nil, nil)
	other.Start()
	other.Await()
	other.write(t, "/other", 5, 1)
	other.Stop()
	for _, disk := range other.disks {
		writeFile(t, disk, "/data/version-2/acceptedEpoch", "6")
	}
	other.Start()
	other.Await()
	other.write(t, "/later", 5, 1)
	other.Stop()

	foreign := other.disks[1]
	o := observe(t, 3, nil, func(sid int64, cfg *config.Config) []server.Option {
		if sid == 1 {
			return []server.Option{server.WithFS(foreign)}
		}
		return nil
	})
	o.Start(2, 3)
	o.Await(2, 3)
	leader := o.Leader()
	acked := o.write(t, "/x", 5, 2)
	o.Start(1)
	o.logs[leader].await(t, "its data are of another ensemble")
	o.logs[1].await(t, "empty the data directory to be given those of the ensemble")
	acked = append(acked, o.write(t, "/y", 5, 2, 3)...)
	if o.Leader() != leader || o.Server(1).Server().Status().Serving {
		t.Error("it has a part in the ensemble")
	}
	sameTrees(t, o.Ensemble, 2, 3)
	has(t, o, 2, acked)
	o.Stop(1)
	empty(t, foreign, "/data/version-2")
	o.Start(1)
	o.Await(1)
	sameTrees(t, o.Ensemble, 1, 2, 3)
}

// empty removes all that is in a directory.
func empty(t *testing.T, disk vfs.FS, dir string) {
	t.Helper()
	entries, err := disk.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() { // one for what was set aside
			empty(t, disk, path)
		}
		if err := disk.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// A server was started alone on its directory, wrote, and took snapshots. Back
// in the ensemble these txns are cut off, and the snapshots with them.
func TestTruncationBehindSnapshots(t *testing.T) {
	t.Parallel()
	few := func(_ int64, cfg *config.Config) []server.Option { cfg.SnapCount = 10; return nil }
	o := observe(t, 3, nil, few)
	o.Start()
	o.Await()
	acked := o.write(t, "/kept", 15, 3)
	sameTrees(t, o.Ensemble, 1, 2, 3)
	// What server 1 lacks now, the txns of its own would take the zxids of.
	zxid := func(sid int64) protocol.Zxid { return o.Server(sid).Server().Status().Zxid }
	o.Until("all to stand at one zxid", func() bool { return zxid(1) == zxid(2) && zxid(2) == zxid(3) })
	o.Stop()

	alone := zktest.Config()
	alone.SnapCount = 4
	srv := zktest.StartConfig(t, alone, server.WithFS(o.disks[1]))
	c := zktest.Dial(t, srv.Addr())
	before := srv.Server().Status().Snapshots
	for i := 0; srv.Server().Status().Snapshots < before+2; i++ {
		c.Create(fmt.Sprintf("/alone-%d", i), nil, protocol.FlagPersistent)
	}
	srv.Stop()

	o.Start(2, 3)
	o.Await(2, 3)
	acked = append(acked, o.write(t, "/later", 5, 2)...)
	o.Start(1)
	o.Await(1)
	o.logs[1].await(t, "synchronising by TRUNC")
	sameTrees(t, o.Ensemble, 1, 2, 3)
	has(t, o, 1, acked)
	// What it recovers from is what the ensemble has.
	o.Stop(1)
	o.Start(1)
	o.Await(1)
	sameTrees(t, o.Ensemble, 1, 2, 3)
	for _, n := range tree(t, o.Server(1).Addr()) {
		if strings.HasPrefix(n.Path, "/alone") {
			t.Errorf("%s is still there", n.Path)
		}
	}
}

// The log of a member can no longer be synced. It ends, and says so; the others
// go on with all that was acknowledged; with a disk that works it comes back.
func TestZK2247DiskOfAMemberFails(t *testing.T) {
	t.Parallel()
	for _, leads := range []bool{false, true} {
		t.Run(fmt.Sprintf("leader=%v", leads), func(t *testing.T) {
			t.Parallel()
			var broken [4]atomic.Bool
			disks := map[int64]vfs.FS{}
			for sid := int64(1); sid <= 3; sid++ {
				disks[sid] = vfs.NewFaulty(vfs.NewMem(), vfs.Fault{Op: vfs.OpSync, N: 1, Sticky: true, Err: errors.New("the disk is gone"), Match: func(name string) bool {
					return broken[sid].Load() && strings.HasPrefix(filepath.Base(name), "log.")
				}})
			}
			o := observe(t, 3, disks, nil)
			o.Start()
			o.Await()
			victim := o.Leader()
			if !leads {
				victim = victim%3 + 1
			}
			others := []int64{victim%3 + 1, (victim+1)%3 + 1}
			acked := o.write(t, "/before", 5, victim)
			broken[victim].Store(true)
			acked = append(acked, o.write(t, "/through", 5, others...)...)
			select {
			case <-o.Server(victim).Server().Done():
			case <-time.After(within):
				t.Fatal("the server with the broken disk goes on")
			}
			if err := o.Server(victim).Server().Err(); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
				t.Errorf("it ended with %v", err)
			}
			if c, err := wire.Dial(o.Server(victim).Addr(), wire.Options{}); err == nil {
				c.Drop()
				t.Error("it still gives sessions")
			}
			has(t, o, others[0], acked)
			_ = o.Server(victim).Server().Close()
			broken[victim].Store(false)
			o.Start(victim)
			o.Await()
			acked = append(acked, o.write(t, "/after", 5, victim)...)
			sameTrees(t, o.Ensemble, 1, 2, 3)
			has(t, o, victim, acked)
		})
	}
}
