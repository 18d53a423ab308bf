package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/txn"
)

// Source gives the content of a snapshot by calling w in this order:
//
//	BeginSessions, Session*, BeginACLs, ACL*, Node*, EndNodes, Finish
//
// It may let go of its lock between calls; the snapshot is then fuzzy, and the
// replay of the log from the snapshot's zxid on mends it. Every ACL key of a
// node should be among the ACLs, which are written first: keys that come to be
// in between must be resolvable from the replayed txns.
type Source interface {
	WriteSnapshot(w *SnapshotWriter) error
}

// SnapshotDigest is the digest section of a snapshot: the digest of the tree
// after the txn Zxid, which is the last one that the snapshot holds changes of.
type SnapshotDigest struct {
	Zxid    protocol.Zxid
	Version int32
	Tree    uint64
}

// The snapshot format (FileSnap.java, SerializeUtils.serializeSnapshot,
// SnapStream.sealStream; Apache 3.9):
//
//	header    int magic "ZKSN", int version 2, long dbid −1
//	sessions  int count, {long id, int timeout ms}*
//	ACLs      int count, {long key, vector of ACL}*
//	nodes     {ustring path, buffer data, long ACL key, StatPersisted}*, ustring "/"
//	seal      long Adler-32 of everything before it, ustring "/"
//	digest    long zxid, int version 2, long digest; a seal (3.6). A zxid of 0:
//	          no digest. Before version 2 the digest was a string in hexadecimal
//	last      long last processed zxid; a seal (3.9)
//
// The path of the root is "". An ACL key of −1 is world:anyone with all
// permissions. The last two sections may be missing.
const (
	snapMagic = 0x5a4b534e // "ZKSN"
	snapDbID  = -1
	sealPath  = "/"
	sealLen   = 8 + 4 + 1
	lastLen   = 8
)

// OpenACLKey is the ACL key of world:anyone with all permissions, which no
// snapshot lists.
const OpenACLKey = -1

// snapStage is where in the order of calls a SnapshotWriter is.
type snapStage int

const (
	stageStart snapStage = iota
	stageSessions
	stageACLs
	stageNodes
	stageEnd
	stageDone
)

// SnapshotWriter writes the snapshot format. Errors stick: the first one is
// returned by Finish, and Err tells it before.
type SnapshotWriter struct {
	w        io.Writer
	sum      hash.Hash32
	buf      []byte
	err      error
	stage    snapStage
	left     int // sessions or ACLs still to come
	noDigest bool
	noLast   bool
	raw      bool // the content alone, as it goes over the wire
}

// snapBuffer is how many bytes a SnapshotWriter gathers before it writes.
const snapBuffer = 128 << 10

// newSnapshotWriter writes a whole snapshot to w, uncompressed.
func newSnapshotWriter(w io.Writer) *SnapshotWriter {
	s := newRawWriter(w)
	s.raw = false
	s.buf = binary.BigEndian.AppendUint32(s.buf, snapMagic)
	s.buf = binary.BigEndian.AppendUint32(s.buf, fileVersion)
	s.buf = jute.AppendLong(s.buf, snapDbID)
	return s
}

func newRawWriter(w io.Writer) *SnapshotWriter {
	return &SnapshotWriter{w: w, sum: adler32.New(), buf: make([]byte, 0, snapBuffer+4096), raw: true}
}

// WriteSnapshotStream writes a snapshot as a leader sends it: sessions, ACLs
// and nodes without header, seals and sections, and the string end behind them
// (LearnerHandler.java).
func WriteSnapshotStream(w io.Writer, src Source, end string) error {
	s := newRawWriter(w)
	if err := src.WriteSnapshot(s); err != nil {
		return err
	}
	if err := s.close(); err != nil {
		return err
	}
	_, err := w.Write(jute.AppendString(nil, end))
	return err
}

// Err is the first error so far. A Source may look at it to stop early.
func (w *SnapshotWriter) Err() error { return w.err }

func (w *SnapshotWriter) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("write snapshot: "+format, args...)
	}
}

// at checks the order of calls and moves on.
func (w *SnapshotWriter) at(call string, from, to snapStage) bool {
	if w.err == nil && (w.stage != from || from != to && w.left != 0) {
		w.fail("%s called out of order (stage %d, %d entries missing)", call, w.stage, w.left)
	}
	w.stage = to
	return w.err == nil
}

// BeginSessions announces n sessions.
func (w *SnapshotWriter) BeginSessions(n int) {
	if w.at("BeginSessions", stageStart, stageSessions) {
		w.left = n
		w.buf = jute.AppendInt(w.buf, int32(n))
	}
}

func (w *SnapshotWriter) entry(call string, stage snapStage) bool {
	if w.at(call, stage, stage) && w.left <= 0 {
		w.fail("more %ss than announced", call)
	}
	w.left--
	return w.err == nil
}

// Session writes one session.
func (w *SnapshotWriter) Session(id protocol.SessionID, timeoutMs int32) {
	if w.entry("Session", stageSessions) {
		w.buf = jute.AppendLong(w.buf, int64(id))
		w.buf = jute.AppendInt(w.buf, timeoutMs)
		w.flushIfFull()
	}
}

// BeginACLs announces n ACLs.
func (w *SnapshotWriter) BeginACLs(n int) {
	if w.at("BeginACLs", stageSessions, stageACLs) {
		w.left = n
		w.buf = jute.AppendInt(w.buf, int32(n))
	}
}

// ACL writes one ACL under its key.
func (w *SnapshotWriter) ACL(key int64, acl []protocol.ACL) {
	if w.entry("ACL", stageACLs) {
		w.buf = jute.AppendLong(w.buf, key)
		w.buf = protocol.AppendACLs(w.buf, acl)
		w.flushIfFull()
	}
}

// Node writes one znode, the root (path "") first and parents before children.
func (w *SnapshotWriter) Node(path string, data []byte, aclKey int64, st protocol.StatPersisted) {
	if w.stage == stageACLs {
		w.at("Node", stageACLs, stageNodes)
		if path != "" {
			w.fail("the first node is %q, not the root", path)
		}
	}
	if !w.at("Node", stageNodes, stageNodes) {
		return
	}
	w.buf = jute.AppendString(w.buf, path)
	w.buf = jute.AppendBuffer(w.buf, data)
	w.buf = jute.AppendLong(w.buf, aclKey)
	w.buf = st.AppendTo(w.buf)
	w.flushIfFull()
}

// EndNodes ends the tree.
func (w *SnapshotWriter) EndNodes() {
	if w.at("EndNodes", stageNodes, stageEnd) {
		w.buf = jute.AppendString(w.buf, sealPath)
		w.seal()
	}
}

// Finish ends the snapshot: lastProcessed is the newest txn that the snapshot
// may hold changes of, digest the tree's digest at that moment, or nil when
// none is known (zxid and digest are then written as 0).
func (w *SnapshotWriter) Finish(lastProcessed protocol.Zxid, digest *SnapshotDigest) error {
	if w.at("Finish", stageEnd, stageDone) && !w.noDigest && !w.raw {
		d := SnapshotDigest{Version: txn.DigestVersion}
		if digest != nil {
			d = *digest
		}
		if d.Version != txn.DigestVersion { // readers would take the digest for a string
			w.fail("digest of version %d", d.Version)
		}
		w.buf = jute.AppendLong(w.buf, int64(d.Zxid))
		w.buf = jute.AppendInt(w.buf, d.Version)
		w.buf = jute.AppendLong(w.buf, int64(d.Tree))
		w.seal()
		if !w.noLast {
			w.buf = jute.AppendLong(w.buf, int64(lastProcessed))
			w.seal()
		}
	}
	w.flush()
	return w.err
}

// seal writes the sum of everything so far.
func (w *SnapshotWriter) seal() {
	if w.raw {
		return
	}
	w.flush()
	w.buf = jute.AppendLong(w.buf, int64(w.sum.Sum32()))
	w.buf = jute.AppendString(w.buf, sealPath)
}

func (w *SnapshotWriter) flushIfFull() {
	if len(w.buf) >= snapBuffer {
		w.flush()
	}
}

func (w *SnapshotWriter) flush() {
	if w.err == nil {
		w.sum.Write(w.buf)
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
	if cap(w.buf) > 4*snapBuffer {
		w.buf = make([]byte, 0, snapBuffer+4096)
	}
}

var errUnfinished = errors.New("the source did not finish the snapshot")

// close says whether the snapshot is whole.
func (w *SnapshotWriter) close() error {
	if w.err == nil && w.stage != stageDone {
		w.err = errUnfinished
	}
	return w.err
}
