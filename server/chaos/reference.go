package chaos

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/storage"
	"zookit/server/vfs"
)

// A Violation is a rule that did not hold.
type Violation struct {
	Rule   string
	Detail string
	Path   string // of the znode in question; "" when there is none
}

func (v Violation) String() string { return v.Rule + ": " + v.Detail }

func violation(rule, format string, args ...any) Violation {
	return Violation{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}

func (v Violation) at(path string) Violation {
	v.Path = path
	return v
}

// A Record is a txn in a log.
type Record struct {
	Zxid    protocol.Zxid
	Payload []byte
}

// A Log is all that can be read of the logs of one data directory. A record that
// was damaged where no start reads any more, before a snapshot, is a hole.
type Log struct {
	Server    int
	Apache    bool
	Records   []Record        // ascending
	Snapshots []protocol.Zxid // of the names of the snapshots beside them
}

// ReadLog reads dir/version-2/log.*, and the names of the snapshots.
func ReadLog(dir string) (l Log, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, "version-2"))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	type file struct {
		zxid uint64
		name string
	}
	var files []file
	for _, e := range entries {
		kind, hex, _ := strings.Cut(e.Name(), ".")
		z, err := strconv.ParseUint(hex, 16, 64)
		switch {
		case err != nil:
		case kind == "log":
			files = append(files, file{z, e.Name()})
		case kind == "snapshot":
			l.Snapshots = append(l.Snapshots, protocol.Zxid(z))
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.zxid, b.zxid) })
	for _, f := range files {
		r, err := storage.OpenLog(vfs.OS(), filepath.Join(dir, "version-2", f.name))
		if err != nil {
			return l, err
		}
		for {
			for r.Next() {
				if z := r.Zxid(); len(l.Records) == 0 || z > l.Records[len(l.Records)-1].Zxid {
					l.Records = append(l.Records, Record{z, bytes.Clone(r.Payload())})
				}
			}
			if r.Err() != nil || r.End().Kind != storage.EndBad || r.End().Next < 0 || r.End().Unsure {
				break
			}
			r.Skip()
		}
		err = r.Err()
		_ = r.Close()
		if err != nil {
			return l, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return l, nil
}

// follows tells whether b may come right behind a.
func follows(a, b protocol.Zxid) bool {
	if a.Epoch() == b.Epoch() {
		return b == a+1
	}
	return b.Epoch() > a.Epoch() && b.Counter() == 1
}

// segments are the parts of a log without a hole: a server that was given a
// snapshot goes on behind it. Ours begins a new history then; Apache's keeps its
// old logs.
func (l *Log) segments() (list []segment) {
	for i, r := range l.Records {
		if i == 0 || !follows(l.Records[i-1].Zxid, r.Zxid) || l.snapshotBetween(l.Records[i-1].Zxid, r.Zxid) {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], r)
	}
	return list
}

// needsAll finds a hole that no snapshot beside the log covers.
func (l *Log) needsAll() (broken []Violation) {
	for i := 1; i < len(l.Records); i++ {
		a, b := l.Records[i-1].Zxid, l.Records[i].Zxid
		if !follows(a, b) && !slices.ContainsFunc(l.Snapshots, func(z protocol.Zxid) bool { return z > a }) {
			broken = append(broken, violation("I7 no holes", "server %d has %v behind %v in its log, and no snapshot of what is between", l.Server, b, a))
		}
	}
	return broken
}

func (l *Log) snapshotBetween(a, b protocol.Zxid) bool {
	return a.Epoch() != b.Epoch() && slices.ContainsFunc(l.Snapshots, func(z protocol.Zxid) bool { return a < z && z < b })
}

// A segment is a part of a log without a hole.
type segment []Record

func (s segment) first() protocol.Zxid { return s[0].Zxid }
func (s segment) last() protocol.Zxid  { return s[len(s)-1].Zxid }

// before is the part before a zxid, and whether that is in it as well.
func (s segment) before(z protocol.Zxid) (segment, bool) {
	n, has := slices.BinarySearchFunc(s, z, func(r Record, z protocol.Zxid) int { return cmp.Compare(r.Zxid, z) })
	return s[:n], has
}

// A Reference is the one history that all logs are part of.
type Reference struct {
	Records []Record
	Txns    []*txn.Txn   // decoded
	Ghosts  map[int]bool // servers of Apache's that serve what never was
	Notes   []string     // what Apache's servers have that is known of them and no violation of ours
}

// Agree makes one history of the logs of servers that have come to rest, and
// finds what they do not agree on. saved are logs that were taken away
// meanwhile, from wiped disks for one: they serve for what no server has any
// more.
func Agree(logs, saved []Log) (*Reference, []Violation) {
	ref := &Reference{}
	broken := onePayload(logs)
	ref.chain(logs, saved)
	ref.Ghosts = ref.ghosts(slices.Concat(logs, saved))
	for _, l := range logs {
		broken = append(broken, ref.compare(&l)...)
		broken = append(broken, l.needsAll()...)
	}
	prev := protocol.Zxid(0)
	for _, r := range ref.Records {
		if !follows(prev, r.Zxid) && (prev != 0 || r.Zxid.Counter() != 1) {
			broken = append(broken, violation("I7 no holes", "%v follows %v, and no server has what is between", r.Zxid, prev))
		}
		prev = r.Zxid
		t, err := txn.Decode(r.Payload)
		if err != nil {
			broken = append(broken, violation("logs can be read", "%v: %v", r.Zxid, err))
			return ref, broken
		}
		ref.Txns = append(ref.Txns, t)
	}
	return ref, broken
}

// onePayload: a zxid is one txn.
func onePayload(logs []Log) (broken []Violation) {
	type owned struct {
		server  int
		payload []byte
	}
	all := map[protocol.Zxid]owned{}
	for _, l := range logs {
		for _, r := range l.Records {
			if have, ok := all[r.Zxid]; !ok {
				all[r.Zxid] = owned{l.Server, r.Payload}
			} else if !sameTxn(have.payload, r.Payload) {
				broken = append(broken, violation("I2 a zxid is one txn", "%v is another txn in the log of server %d than in that of server %d", r.Zxid, l.Server, have.server))
			}
		}
	}
	return broken
}

// chain goes from the newest record of a server back to the first txn. What
// comes before a record is told by a log that has both. Where there is none,
// because a snapshot lies there in all of them, it is the newest that a log ends
// with; that may be what was never committed, and then the replay will not fit.
func (ref *Reference) chain(logs, saved []Log) {
	var all []segment
	for _, l := range append(slices.Clone(logs), saved...) {
		all = append(all, l.segments()...)
	}
	var newest segment
	for _, l := range logs {
		for _, s := range l.segments() {
			if newest == nil || s.last() > newest.last() {
				newest = s
			}
		}
	}
	if newest == nil {
		return
	}
	parts := []segment{newest}
	for first := newest.first(); ; {
		var best segment
		certain := false
		for _, s := range all {
			part, has := s.before(first)
			if len(part) == 0 || certain && !has || !has && !follows(part.last(), first) {
				continue
			}
			if best == nil || has && !certain || part.last() > best.last() {
				best, certain = part, has
			}
		}
		if best == nil {
			break
		}
		parts = append(parts, best)
		first = best.first()
	}
	for i := len(parts) - 1; i >= 0; i-- {
		ref.Records = append(ref.Records, parts[i]...)
	}
}

// compare finds where a log is not what the history is in its range: some server
// holds a txn that others went on without. What Apache's keep before a snapshot
// that they were given, and do not read again, is only noted.
func (ref *Reference) compare(l *Log) []Violation {
	segments := l.segments()
	for i, s := range segments {
		part, _ := segment(ref.Records).before(s.last() + 1)
		old, _ := part.before(s.first())
		part = part[len(old):]
		for k := 0; k < max(len(s), len(part)); k++ {
			if k < len(s) && k < len(part) && s[k].Zxid == part[k].Zxid {
				continue
			}
			text := fmt.Sprintf("server %d has another history from %v to %v: ", l.Server, s.first(), s.last())
			switch {
			case k >= len(part) || k < len(s) && s[k].Zxid < part[k].Zxid:
				text += fmt.Sprintf("others went on without %v", s[k].Zxid)
			default:
				text += fmt.Sprintf("it has no %v", part[k].Zxid)
			}
			if !l.Apache || i == len(segments)-1 {
				return []Violation{violation("I4 logs are parts of one history", "%s", text)}
			}
			ref.Notes = append(ref.Notes, "Apache: before a snapshot, "+text)
			break
		}
	}
	return nil
}

// sameTxn compares two records of one zxid. A leader of Apache's may log a multi
// that has failed after it has applied it, and so with its sub-txns turned into
// errors (DataTree.processTxn, Apache 3.8.0, changes the request's own txn).
func sameTxn(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := txn.Decode(a)
	y, errY := txn.Decode(b)
	return errX == nil && errY == nil && x.Header == y.Header && failedMulti(x.Body) && failedMulti(y.Body)
}

// failedMulti tells whether a body is a multi that does nothing.
func failedMulti(body protocol.Record) bool {
	m, ok := body.(*txn.Multi)
	return ok && slices.ContainsFunc(m.Txns, func(s txn.Sub) bool { return s.Type == protocol.OpError })
}
