package tree

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// DigestVersion is the version of the digest this package computes.
const DigestVersion = txn.DigestVersion

const (
	digestInterval = 128  // zxids
	digestKept     = 1024 // entries
)

// digests is the tree's digest and its history (DataTree.java, Apache 3.9).
type digests struct {
	sum        uint64
	digester   Digester
	log        []ZxidDigest // at most digestKept, oldest first
	mismatches int
	// fuzzy is the digest a loaded snapshot ended with, until the replay has
	// come to its zxid: nothing can be compared before.
	fuzzy   ZxidDigest
	isFuzzy bool
}

// ZxidDigest is the digest of the tree after a txn.
type ZxidDigest struct {
	Zxid    protocol.Zxid
	Version int32
	Digest  uint64
}

// ContentCRC is the part of a znode's digest that its path and data make: the
// CRC-32 of the two. "/" counts as "" (DigestCalculator.java).
func ContentCRC(path string, data []byte) uint32 {
	if path == "/" {
		path = ""
	}
	return crc32.Update(crc32.ChecksumIEEE(stringBytes(path)), crc32.IEEETable, data)
}

// Digester computes the digests of znodes without allocating. It is for one
// goroutine.
type Digester struct{ b [60]byte }

// Node is the digest of one znode: the CRC-32 of path, data and these 60 bytes,
// of which ContentCRC has the beginning.
//
//	0 czxid  8 mzxid  16 pzxid  24 ctime  32 mtime
//	40 int version  44 int cversion (persisted)  48 int aversion  52 ephemeralOwner
//
// Znodes below /zookeeper/ have none, because quota statistics change without
// a txn. The tree's digest is the sum of all, modulo 2^64.
func (d *Digester) Node(path string, content uint32, st *protocol.StatPersisted) uint64 {
	if strings.HasPrefix(path, procPath+"/") {
		return 0
	}
	return d.stat(content, st)
}

func (d *Digester) stat(content uint32, st *protocol.StatPersisted) uint64 {
	b, be := d.b[:], binary.BigEndian
	be.PutUint64(b[0:], uint64(st.Czxid))
	be.PutUint64(b[8:], uint64(st.Mzxid))
	be.PutUint64(b[16:], uint64(st.Pzxid))
	be.PutUint64(b[24:], uint64(st.Ctime))
	be.PutUint64(b[32:], uint64(st.Mtime))
	be.PutUint32(b[40:], uint32(st.Version))
	be.PutUint32(b[44:], uint32(st.Cversion))
	be.PutUint32(b[48:], uint32(st.Aversion))
	be.PutUint64(b[52:], uint64(st.EphemeralOwner))
	return uint64(crc32.Update(content, crc32.IEEETable, b))
}

// NodeDigest is Digester.Node for an occasional use.
func NodeDigest(path string, content uint32, st *protocol.StatPersisted) uint64 {
	return new(Digester).Node(path, content, st)
}

// Digest is the digest of the tree as it is, 0 when digests are off.
func (t *Tree) Digest() uint64 { return t.digest.sum }

// DigestLog is a copy of the digests after every 128th zxid, oldest first; the
// last 1024 of them.
func (t *Tree) DigestLog() []ZxidDigest { return append([]ZxidDigest(nil), t.digest.log...) }

// DigestMismatches counts the txns, and the loaded snapshot, whose digest was
// not the tree's.
func (t *Tree) DigestMismatches() int { return t.digest.mismatches }

func (t *Tree) contentCRC(path string, data []byte) uint32 {
	if !t.opt.Digest {
		return 0
	}
	return ContentCRC(path, data)
}

// digestSub and digestAdd frame every change of a znode.
func (t *Tree) digestSub(n *node) { t.digest.sum -= t.digestOf(n) }
func (t *Tree) digestAdd(n *node) { t.digest.sum += t.digestOf(n) }

func (t *Tree) digestOf(n *node) uint64 {
	if !t.opt.Digest || n.flags&flagUncounted != 0 {
		return 0
	}
	st := n.stat()
	return t.digest.digester.stat(n.content, &st)
}

// checkDigest logs the digest after a txn and compares it with the one the
// txn, or the loaded snapshot, carries. It tells whether they agree.
func (t *Tree) checkDigest(zxid protocol.Zxid, want *txn.Digest) bool {
	d := &t.digest
	if !t.opt.Digest {
		return true
	}
	ok := true
	if d.isFuzzy {
		if zxid == d.fuzzy.Zxid {
			ok = d.fuzzy.Version != DigestVersion || d.fuzzy.Digest == d.sum
		}
		d.isFuzzy = zxid < d.fuzzy.Zxid
	} else {
		if zxid%digestInterval == 0 {
			d.record(ZxidDigest{zxid, DigestVersion, d.sum})
		}
		ok = want == nil || want.Version != DigestVersion || want.Tree == d.sum
	}
	if !ok {
		d.mismatches++
	}
	return ok
}

func (d *digests) record(e ZxidDigest) {
	if len(d.log) == digestKept {
		copy(d.log, d.log[1:])
		d.log = d.log[:digestKept-1]
	}
	d.log = append(d.log, e)
}
