package replica

import (
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/protocol/txn"
	"zookit/server/storage"
	"zookit/server/tree"
	"zookit/server/vfs"
	"zookit/server/zab"
)

// A follower whose tree differs from the leader's discards it, and takes the
// leader's. No client sees what it had.
func TestDigestMismatch(t *testing.T) {
	t.Parallel()
	c, leader, others := stand(t, 15, 3, 0)
	own := c.client(20_000).on(leader.sid)
	own.must(protocol.OpCreate, createOf("/p", 0))
	c.settle()
	n := others[0]
	n.astray = true
	var res tree.Result
	at := n.r.state.tree.LastZxid()
	n.r.state.tree.Apply(&txn.Txn{Body: &txn.Create{Path: "/never"}, Header: txn.Header{Type: protocol.OpCreate, Zxid: at}}, &res)
	own.must(protocol.OpCreate, createOf("/q", 0))
	c.run("its tree is discarded", 20_000, func() bool { return c.noted("in quarantine") })
	n.astray = false
	c.settle()
	for _, want := range []string{"the tree differs from the leader's since", "in quarantine: this server serves nothing", "out of quarantine"} {
		if !c.noted(want) {
			t.Errorf("no note of %q", want)
		}
	}
	if n.role.State != quorum.Following || !n.role.Serving || n.role.Quarantine != nil || n.disk.start == 0 {
		t.Errorf("role %+v, log from %v", n.role, n.disk.start)
	}
	c.equal()
}

// A voter that has no data beside two that have some is given theirs without a
// vote; while one of the two is away it does not help the other to lead.
func TestEmptied(t *testing.T) {
	t.Parallel()
	c, leader, others := stand(t, 16, 3, 0)
	c.client(20_000).on(leader.sid).must(protocol.OpCreate, createOf("/p", 0))
	c.settle()
	lost := others[0]
	lost.crash()
	lost.disk = disk{}
	c.cutOff[others[1].sid] = true
	c.run("the leader has no quorum", 20_000, func() bool { return leader.role.State == quorum.Looking })
	lost.start()
	c.pass(70_000)
	if leader.role.Serving || lost.role.Serving || !lost.quarantined || !c.noted("server "+string('0'+byte(leader.sid))+" has some") ||
		!c.noted("joins without a vote until it has the history") {
		t.Fatalf("a server without its data has voted, or does not say why: %v", c)
	}
	if !c.noted("without a leader for") || !strings.Contains(lost.role.Quarantine.Awaits, "has not been heard") {
		t.Errorf("awaits %+v", lost.role.Quarantine)
	}
	delete(c.cutOff, others[1].sid)
	c.settle()
	c.equal()
	if lost.role.State != quorum.Following || lost.quarantined {
		t.Errorf("role %+v", lost.role)
	}
}

// What a member finds on its disk decides whether it has a vote.
func TestQuarantineAtTheStart(t *testing.T) {
	t.Parallel()
	const dir = "/data/version-2/"
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, fs vfs.FS)
		why   string // "": no quarantine
	}{
		"nothing":                 {func(*testing.T, vfs.FS) {}, ""},
		"acceptedEpoch gone back": {func(t *testing.T, fs vfs.FS) { put(t, fs, dir+"acceptedEpoch", "1") }, "it says 1, and 2 had been written to it"},
		"acceptedEpoch below": {func(t *testing.T, fs vfs.FS) {
			put(t, fs, dir+"acceptedEpoch", "1")
			if err := fs.Remove(dir + "zookit.witness"); err != nil { // as without ours
				t.Fatal(err)
			}
		}, "acceptedEpoch is 1 and currentEpoch 2"},
		"acceptedEpoch ahead":              {func(t *testing.T, fs vfs.FS) { put(t, fs, dir+"acceptedEpoch", "9") }, ""},
		"acceptedEpoch is none":            {func(t *testing.T, fs vfs.FS) { put(t, fs, dir+"acceptedEpoch", "") }, `"" is no epoch`},
		"the only snapshot cannot be read": {func(t *testing.T, fs vfs.FS) { put(t, fs, dir+"snapshot.0", "x") }, "no snapshot in this directory can be read"},
		"the log is gone": {func(t *testing.T, fs vfs.FS) {
			if err := fs.Remove(dir + "log.200000001"); err != nil {
				t.Fatal(err)
			}
		}, "had been synced, but the history ends at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			r, store := member(t, fs)
			for _, err := range []error{store.SetAcceptedEpoch(2), store.SetCurrentEpoch(2), store.Append([]storage.Entry{entryOf(t, protocol.MakeZxid(2, 1))}), store.Close()} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if r.Role().Quarantine != nil {
				t.Fatal("an empty disk is no reason for a quarantine")
			}
			tt.spoil(t, fs)
			for range 2 { // and again after a restart
				r, store = member(t, fs)
				q := r.Role().Quarantine
				if tt.why == "" && q != nil || tt.why != "" && (q == nil || !strings.Contains(q.Why, tt.why)) {
					t.Errorf("quarantine %+v, want %q", q, tt.why)
				}
				if err := store.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func put(t *testing.T, fs vfs.FS, name, text string) {
	t.Helper()
	if err := fs.Remove(name); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Open(name, 0o102, 0o600) // O_RDWR, O_CREATE
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func entryOf(t *testing.T, zxid protocol.Zxid) storage.Entry {
	t.Helper()
	x := txn.Txn{Header: txn.Header{Zxid: zxid, Type: protocol.OpCreate}, Body: &txn.Create{Path: "/a", ACL: protocol.OpenACL}}
	return storage.Entry{Zxid: zxid, Payload: x.AppendTo(nil)}
}

// member starts server 1 of three on a disk.
func member(t *testing.T, fs vfs.FS) (*Replica, *storage.Store) {
	t.Helper()
	config := &quorum.Config{}
	for id := int64(1); id <= 3; id++ {
		config.Members = append(config.Members, quorum.Member{ID: id, Addresses: []quorum.Address{{Host: "h", QuorumPort: 1, ElectionPort: 2}}})
	}
	verifier, err := quorum.NewVerifier(config)
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.ServerID = 1
	cfg.Ensemble = &Ensemble{ID: 1, Verifier: verifier, ConfigText: []byte(config.String()), Timing: zab.Timing{TickMs: 1000, InitLimit: 10, SyncLimit: 5}}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(storage.Config{FS: fs, DataDir: "/data"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Recover(store, func() Now { return Now{MonoMs: 1, WallMs: 1_700_000_000_000} }); err != nil {
		t.Fatal(err)
	}
	return r, store
}
