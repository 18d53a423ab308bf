package zab

import (
	"encoding/binary"
	"fmt"
	"sort"

	"zookit/protocol"
)

// Entry is one txn: the bytes that log and proposal share, and its zxid, which
// is in them too.
type Entry struct {
	Zxid    protocol.Zxid
	Payload []byte
}

// entryOverhead is what an entry costs in memory beside its payload.
const entryOverhead = 64

func (e Entry) size() int64 { return int64(len(e.Payload)) + entryOverhead }

// headerZxidAt is where the zxid stands in a txn header, after the session and
// the cxid (TxnHeader in zookeeper.jute).
const (
	headerZxidAt = 12
	headerLen    = 32
)

// checkEntry refuses bytes that a log could not hold under that zxid.
func checkEntry(e Entry) error {
	if len(e.Payload) < headerLen {
		return fmt.Errorf("txn %v of %d bytes is shorter than a header", e.Zxid, len(e.Payload))
	}
	if z := protocol.Zxid(binary.BigEndian.Uint64(e.Payload[headerZxidAt:])); z != e.Zxid {
		return fmt.Errorf("txn %v says of itself that it is %v", e.Zxid, z)
	}
	return nil
}

// follows says whether z may come right after prev: within an epoch without a
// gap, and 1 first in a later epoch (ZOOKEEPER-4925).
func follows(prev, z protocol.Zxid) bool {
	return z == prev+1 && z.Counter() != 0 || z.Epoch() > prev.Epoch() && z.Counter() == 1
}

// Recent is the end of the committed history, kept in memory for learners that
// were away for a short time (ZKDatabase.committedLog). It outlives a role: a
// follower fills it, and uses it when it leads. Its entries follow each other
// without a gap; Base is the zxid before the first.
type Recent struct {
	base       protocol.Zxid
	entries    []Entry // entries[head:] are in use
	head       int
	bytes      int64
	maxEntries int
	maxBytes   int64
}

// Defaults of NewRecent: Apache's commitLogCount, and a bound in bytes that
// Apache has not.
const (
	DefaultRecentEntries = 500
	DefaultRecentBytes   = 64 << 20
)

// NewRecent keeps at most that many entries and bytes; 0 is the default.
func NewRecent(maxEntries int, maxBytes int64) *Recent {
	if maxEntries <= 0 {
		maxEntries = DefaultRecentEntries
	}
	if maxBytes <= 0 {
		maxBytes = DefaultRecentBytes
	}
	return &Recent{maxEntries: maxEntries, maxBytes: maxBytes}
}

// Base is the position in the history right before the first entry.
func (r *Recent) Base() protocol.Zxid { return r.base }

// Last is the zxid of the newest entry, or Base.
func (r *Recent) Last() protocol.Zxid {
	if n := len(r.entries); n > r.head {
		return r.entries[n-1].Zxid
	}
	return r.base
}

// Len is the number of entries.
func (r *Recent) Len() int { return len(r.entries) - r.head }

// Reset forgets everything: the history is known to stand at zxid.
func (r *Recent) Reset(zxid protocol.Zxid) {
	clear(r.entries)
	r.base, r.entries, r.head, r.bytes = zxid, r.entries[:0], 0, 0
}

// Add appends the next committed txn, whose payload is kept. One that does not
// follow the last makes the log begin anew behind it, for a hole must never be
// sent to a learner (ZOOKEEPER-4925).
func (r *Recent) Add(e Entry) {
	if !follows(r.Last(), e.Zxid) {
		r.Reset(e.Zxid)
		return
	}
	r.entries = append(r.entries, e)
	r.bytes += e.size()
	for r.Len() > r.maxEntries || r.bytes > r.maxBytes && r.Len() > 0 {
		r.dropFirst()
	}
}

func (r *Recent) dropFirst() {
	e := &r.entries[r.head]
	r.base = e.Zxid
	r.bytes -= e.size()
	*e = Entry{}
	r.head++
	if r.head > 64 && r.head > len(r.entries)/2 {
		n := copy(r.entries, r.entries[r.head:])
		clear(r.entries[n:])
		r.entries, r.head = r.entries[:n], 0
	}
}

// Truncate removes everything behind zxid.
func (r *Recent) Truncate(zxid protocol.Zxid) {
	if zxid < r.base {
		r.Reset(zxid)
		return
	}
	for n := len(r.entries); n > r.head && r.entries[n-1].Zxid > zxid; n = len(r.entries) {
		r.bytes -= r.entries[n-1].size()
		r.entries[n-1] = Entry{}
		r.entries = r.entries[:n-1]
	}
	if r.Last() != zxid {
		r.Reset(zxid)
	}
}

// after are the entries behind zxid.
func (r *Recent) after(zxid protocol.Zxid) []Entry {
	in := r.entries[r.head:]
	return in[sort.Search(len(in), func(i int) bool { return in[i].Zxid > zxid }):]
}
