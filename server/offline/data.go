// Package offline reads what a server has left on its disk, or is just keeping
// there: a data directory or one snapshot of it, Apache's or ours. Nothing is
// written, locked or trimmed, so a server may be running on the directory.
//
// It answers what a client could ask, and what none is told: the stored owner,
// which tells container and TTL znodes from others, and the history in the txn
// logs.
package offline

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/storage"
	"zookit/server/tree"
	"zookit/server/vfs"
)

// Data is the state of a server at rest. Load must have returned nil before
// anything but Txns and Base is asked. All methods may be called from any
// goroutine; what they return is not to be changed.
type Data struct {
	name    string
	cfg     storage.Config
	through protocol.Zxid // the newest txn to look at; 0: all

	snapshot     string // of a snapshot alone, its path
	snapshotZxid protocol.Zxid

	once  sync.Once
	tree  *tree.Tree
	notes []string
	err   error
}

// Open looks where the data of a name is; it reads none. A name is
//
//	DIR              a dataDir (or its version-2)
//	DIR,LOGDIR       with a dataLogDir of its own
//	FILE.cfg         the directories of a zoo.cfg
//	…@0xZXID         any of them, as it was after that transaction
//	…/snapshot.ZXID  a snapshot alone
func Open(name string) (*Data, error) { return parse(name) }

// Load reads the state, once. Its error says what is damaged, and what can be
// read all the same.
func (d *Data) Load() error {
	d.once.Do(func() {
		s := &sink{}
		switch {
		case d.snapshot != "":
			d.err = d.loadSnapshot(s)
		default:
			d.err = d.loadDir(s)
		}
		d.tree = s.tree
	})
	return d.err
}

func (d *Data) loadSnapshot(s *sink) error {
	s.Reset()
	info, err := storage.ReadSnapshot(vfs.OS(), d.snapshot, s)
	if err == nil {
		err = s.EndSnapshot(d.snapshotZxid, info.Digest)
	}
	if err == nil && info.Covered > d.snapshotZxid {
		d.notes = append(d.notes, fmt.Sprintf("%s was taken while changes went on: it may show some of those up to %v", d.snapshot, info.Covered))
	}
	return err
}

func (d *Data) loadDir(s *sink) error {
	cfg := d.cfg
	// A history that goes back to the first transaction needs no snapshot; one
	// that does not is refused for its gap.
	cfg.TrustEmptySnapshot = true
	got, err := storage.Read(cfg, d.through, s)
	if damage := (*storage.DamageError)(nil); errors.As(err, &damage) {
		return &damageError{damage, d.offer(got.LastZxid)}
	}
	if err != nil {
		return err
	}
	switch {
	case got.Fresh:
		return fmt.Errorf("%s: no server has ever written there: neither snapshot nor log", filepath.Join(d.cfg.DataDir, "version-2"))
	case got.Txns == 0 && got.SnapshotZxid == 0 && (d.cfg.LogDir == "" || d.cfg.LogDir == d.cfg.DataDir):
		d.notes = append(d.notes, fmt.Sprintf("%s holds no transactions; if zoo.cfg has a dataLogDir, say file:%s,DATALOGDIR", d.cfg.DataDir, d.cfg.DataDir))
	}
	return nil
}

// damageError is damage, and what can be read all the same.
type damageError struct {
	*storage.DamageError
	offer string
}

func (e *damageError) Error() string { return e.DamageError.Error() + e.offer }
func (e *damageError) Unwrap() error { return e.DamageError }

// offer names what can be read of a damaged directory, last being the end of
// what was read before the damage.
func (d *Data) offer(last protocol.Zxid) string {
	var ways []string
	base := strings.TrimSuffix(d.name, "@"+d.through.String())
	if last > 0 {
		ways = append(ways, fmt.Sprintf("file:%s@%v, the state before the damage", base, last))
	}
	if snaps, err := storage.Snapshots(d.cfg); err == nil && len(snaps) > 0 {
		ways = append(ways, fmt.Sprintf("file:%s, its newest snapshot", snaps[len(snaps)-1].Path))
	}
	ways = append(ways, fmt.Sprintf("\"log file:%s:/PATH\", the transactions of a znode", base))
	return ". What can be read here: " + strings.Join(ways, "; ")
}

// Root is the path below which everything lies.
func (d *Data) Root() string { return "/" }

// Notes are warnings about what was loaded.
func (d *Data) Notes() []string { return d.notes }

// Znode is what is stored of a znode: its data, nil for null, its ACL, its Stat
// as a client sees it and its stored owner (protocol.EphemeralSession, TTLOf).
func (d *Data) Znode(path string) (data []byte, acl []protocol.ACL, st protocol.Stat, owner protocol.SessionID, ok bool) {
	n, ok := d.tree.Lookup(path)
	if !ok {
		return nil, nil, st, 0, false
	}
	return n.Data(), n.ACL(), n.Stat(), n.Owner(), true
}

// Children are the names of a znode's children; false when there is no such
// znode.
func (d *Data) Children(path string) ([]string, bool) {
	n, ok := d.tree.Lookup(path)
	if !ok {
		return nil, false
	}
	names := make([]string, 0, n.NumChildren())
	n.Children(func(name string) bool {
		names = append(names, strings.Clone(name))
		return true
	})
	return names, true
}

// Descendants counts the znodes below a path.
func (d *Data) Descendants(path string) int {
	n, _ := d.tree.Lookup(path)
	return n.Descendants()
}

// Ephemerals are the paths of all ephemeral znodes, by session.
func (d *Data) Ephemerals() (paths []string) {
	for _, owner := range d.tree.EphemeralOwners() {
		paths = append(paths, d.tree.Ephemerals(owner)...)
	}
	return paths
}

// Zxid is the newest transaction in the state.
func (d *Data) Zxid() protocol.Zxid { return d.tree.LastZxid() }

// Txns calls f for every transaction in the logs, the oldest first; see
// storage.EachTxn. A snapshot alone has none.
func (d *Data) Txns(f func(*txn.Txn) error) (notes []string, err error) {
	if d.snapshot != "" {
		return nil, fmt.Errorf("%s: a snapshot has no transactions; name the data directory it is in", d.snapshot)
	}
	return storage.EachTxn(d.cfg, func(t *txn.Txn) error {
		if d.through > 0 && t.Zxid > d.through {
			return nil
		}
		return f(t)
	})
}

// Base calls f for every znode of the oldest snapshot that can be read, parents
// first, and returns the zxid of its name; −1 when there is none. The root's
// path is "". path and data are borrowed.
func (d *Data) Base(f func(path string, data []byte, owner protocol.SessionID, st *protocol.StatPersisted)) (protocol.Zxid, error) {
	snaps, err := storage.Snapshots(d.cfg)
	if err != nil {
		return -1, err
	}
	for _, s := range snaps {
		// Twice, since nothing may be told of one that turns out to be damaged.
		if _, err = storage.ReadSnapshot(vfs.OS(), s.Path, baseSink(nil)); err == nil {
			_, err = storage.ReadSnapshot(vfs.OS(), s.Path, baseSink(f))
			return s.Zxid, err
		}
	}
	return -1, nil
}

// baseSink hands on znodes alone.
type baseSink func(string, []byte, protocol.SessionID, *protocol.StatPersisted)

func (baseSink) RestoreSession(protocol.SessionID, int32) {}
func (baseSink) RestoreACL(int64, []protocol.ACL)         {}
func (f baseSink) RestoreNode(path string, data []byte, _ int64, st protocol.StatPersisted) error {
	if f != nil {
		f(path, data, st.EphemeralOwner, &st)
	}
	return nil
}

// sink fills a tree: that of a new server, or nothing but what a snapshot holds.
type sink struct {
	tree.Restorer
	tree      *tree.Tree
	restoring bool
}

func (s *sink) Reset() {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	s.tree = tree.New(tree.Options{Extended: true, HashKey: [2]uint64{
		binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}})
	s.Restorer = tree.Restorer{Tree: s.tree}
	s.restoring = false
}

// begin empties the tree when a snapshot begins.
func (s *sink) begin() {
	if !s.restoring {
		s.Restorer.Reset()
		s.restoring = true
	}
}

func (s *sink) RestoreSession(id protocol.SessionID, timeoutMs int32) {
	s.begin()
	s.Restorer.RestoreSession(id, timeoutMs)
}

func (s *sink) RestoreACL(key int64, acl []protocol.ACL) {
	s.begin()
	s.Restorer.RestoreACL(key, acl)
}

func (s *sink) RestoreNode(path string, data []byte, aclKey int64, st protocol.StatPersisted) error {
	s.begin()
	return s.Restorer.RestoreNode(path, data, aclKey, &st)
}

func (s *sink) EndSnapshot(zxid protocol.Zxid, _ *storage.SnapshotDigest) error {
	s.begin()
	return s.Restorer.EndSnapshot(zxid, 0, 0, 0)
}

var _ storage.Sink = (*sink)(nil)
