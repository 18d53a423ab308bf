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

// A Log is all that is in the logs of one data directory, without what comes
// behind the first record of a file that cannot be read.
type Log struct {
	Server  int
	Apache  bool
	Records []Record // ascending
}

// ReadLog reads dir/version-2/log.*.
func ReadLog(dir string) ([]Record, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "version-2"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type file struct {
		zxid uint64
		name string
	}
	var files []file
	for _, e := range entries {
		hex, ok := strings.CutPrefix(e.Name(), "log.")
		if z, err := strconv.ParseUint(hex, 16, 64); ok && err == nil {
			files = append(files, file{z, e.Name()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.zxid, b.zxid) })
	var all []Record
	for _, f := range files {
		r, err := storage.OpenLog(vfs.OS(), filepath.Join(dir, "version-2", f.name))
		if err != nil {
			return nil, err
		}
		for r.Next() {
			if z := r.Zxid(); len(all) == 0 || z > all[len(all)-1].Zxid {
				all = append(all, Record{z, bytes.Clone(r.Payload())})
			}
		}
		err = r.Err()
		_ = r.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return all, nil
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
// old logs, so that a snapshot may lie wherever an epoch ends.
func (l *Log) segments() (list [][]Record) {
	for i, r := range l.Records {
		if i == 0 || !follows(l.Records[i-1].Zxid, r.Zxid) || l.Apache && l.Records[i-1].Zxid.Epoch() != r.Zxid.Epoch() {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], r)
	}
	return list
}

// A Reference is the one history that all logs are part of.
type Reference struct {
	Records []Record
	Txns    []*txn.Txn // decoded
	Notes   []string   // what Apache's servers have that is known of them and no violation of ours
}

// Agree merges the logs of servers that have come to rest, and finds what they
// do not agree on. saved are logs that were taken away meanwhile, wiped disks
// for one: they serve for what no server has any more, the beginning.
func Agree(logs, saved []Log) (*Reference, []Violation) {
	ref := &Reference{}
	var broken []Violation
	from := map[protocol.Zxid]int{} // the first server that had it
	all := map[protocol.Zxid][]byte{}
	logs = slices.Clone(logs)
	slices.SortStableFunc(logs, func(a, b Log) int { return rank(a) - rank(b) }) // ours first
	for i, l := range logs {
		segments := l.segments()
		for k, s := range segments {
			for _, r := range s {
				have, ok := all[r.Zxid]
				switch {
				case ok && !sameTxn(have, r.Payload):
					broken = append(broken, violation("I2 a zxid is one txn", "%v is another txn in the log of server %d than in that of server %d", r.Zxid, l.Server, from[r.Zxid]))
				case !ok && l.Apache && k < len(segments)-1 && covered(logs[:i], r.Zxid):
					// It lies before a snapshot that the server was given: its log keeps
					// what that has overruled, and it is not read again.
					ref.Notes = append(ref.Notes, fmt.Sprintf("server %d, Apache's, keeps %v in its log, which a snapshot has overruled", l.Server, r.Zxid))
				case !ok:
					all[r.Zxid], from[r.Zxid] = r.Payload, l.Server
				}
			}
		}
	}
	ref.Records = sorted(all)
	ref.addBeginning(saved)
	for _, l := range logs {
		broken = append(broken, ref.compare(&l, all)...)
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

func sorted(all map[protocol.Zxid][]byte) []Record {
	list := make([]Record, 0, len(all))
	for z, payload := range all {
		list = append(list, Record{z, payload})
	}
	slices.SortFunc(list, func(a, b Record) int { return cmp.Compare(a.Zxid, b.Zxid) })
	return list
}

// addBeginning takes what is before the oldest record of any log from the saved
// ones. Such a log may end with what was never committed: one that goes on with
// the oldest record is better than one that only leads up to it, and of those
// the one that comes closest.
func (ref *Reference) addBeginning(saved []Log) {
	for len(ref.Records) > 0 {
		first := ref.Records[0].Zxid
		var before []Record
		certain := false
		for _, l := range saved {
			for _, s := range l.segments() {
				n, has := slices.BinarySearchFunc(s, first, func(r Record, z protocol.Zxid) int { return cmp.Compare(r.Zxid, z) })
				if n == 0 || certain || !has && !follows(s[n-1].Zxid, first) {
					continue
				}
				if has || len(before) == 0 || s[n-1].Zxid > before[len(before)-1].Zxid {
					before, certain = s[:n], has
				}
			}
		}
		if len(before) == 0 {
			return
		}
		ref.Records = append(slices.Clone(before), ref.Records...)
	}
}

// compare finds what the reference has in the range of a log that the log has
// not: some server holds a txn that others went on without.
func (ref *Reference) compare(l *Log, all map[protocol.Zxid][]byte) []Violation {
	for _, s := range l.segments() {
		first, last := s[0].Zxid, s[len(s)-1].Zxid
		lo, _ := slices.BinarySearchFunc(ref.Records, first, func(r Record, z protocol.Zxid) int { return cmp.Compare(r.Zxid, z) })
		have := 0
		for _, r := range ref.Records[lo:] {
			if r.Zxid > last {
				break
			}
			if have < len(s) && s[have].Zxid == r.Zxid {
				have++
				continue
			}
			if _, live := all[r.Zxid]; live {
				return []Violation{violation("I4 logs are parts of one history", "server %d has no %v between %v and %v, and another server has", l.Server, r.Zxid, first, last)}
			}
		}
	}
	return nil
}

// rank is 0 for ours.
func rank(l Log) int {
	if l.Apache {
		return 1
	}
	return 0
}

// covered tells whether a zxid lies within what one of the logs has.
func covered(logs []Log, z protocol.Zxid) bool {
	for _, l := range logs {
		for _, s := range l.segments() {
			if s[0].Zxid <= z && z <= s[len(s)-1].Zxid {
				return true
			}
		}
	}
	return false
}
