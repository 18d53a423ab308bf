package tree

import (
	"strconv"
	"strings"
	"unsafe"
)

// Quotas live in the tree: /zookeeper/quota/P/zookeeper_limits makes P a path
// with a quota, and .../zookeeper_stats counts what lies under it. The counts
// are kept in the data of the stats znode, without a txn and without a change
// of its version (Quotas.java, DataTree.java, Apache 3.9).
const (
	limitsName = "zookeeper_limits"
	statsName  = "zookeeper_stats"
)

// Quota is the numbers of a limits or stats znode, −1 where there is none
// (StatsTrack.java). Bytes are those of the data, Count is of znodes, the one
// with the quota included.
type Quota struct {
	Count, Bytes         int64
	CountHard, BytesHard int64
}

// ParseQuota reads "count=N,bytes=M=;byteHardLimit=X;countHardLimit=Y": pairs
// parted by , or ;, key and value by =. What cannot be read counts as −1.
//
// Differs from Apache: a number that cannot be read throws there, in the
// commit thread.
func ParseQuota(data []byte) Quota {
	q := Quota{-1, -1, -1, -1}
	rest := unsafe.String(unsafe.SliceData(data), len(data))
	for rest != "" {
		end := strings.IndexAny(rest, ",;")
		pair := rest
		if end < 0 {
			rest = ""
		} else {
			pair, rest = rest[:end], rest[end+1:]
		}
		key, value, _ := strings.Cut(pair, "=")
		value, _, _ = strings.Cut(value, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			n = -1
		}
		switch key {
		case "count":
			q.Count = n
		case "bytes":
			q.Bytes = n
		case "countHardLimit":
			q.CountHard = n
		case "byteHardLimit":
			q.BytesHard = n
		}
	}
	return q
}

// appendTo writes the text of StatsTrack: the stray = before the hard limits
// makes 3.4's parser stop there.
func (q Quota) appendTo(b []byte) []byte {
	b = strconv.AppendInt(append(b, "count="...), q.Count, 10)
	b = strconv.AppendInt(append(b, ",bytes="...), q.Bytes, 10)
	if q.CountHard == -1 && q.BytesHard == -1 {
		return b
	}
	b = append(b, '=')
	if q.BytesHard != -1 {
		b = strconv.AppendInt(append(b, ";byteHardLimit="...), q.BytesHard, 10)
	}
	if q.CountHard != -1 {
		b = strconv.AppendInt(append(b, ";countHardLimit="...), q.CountHard, 10)
	}
	return b
}

// QuotaFor finds the quota that a change at path is charged to: the deepest
// path with a limits znode at or above it. A change may be refused when limits
// and usage exist; ok is false otherwise. The usage is that of committed txns.
func (t *Tree) QuotaFor(path string) (limits, usage Quota, at string, ok bool) {
	at = t.quotaAbove(path)
	if at == "" {
		return Quota{}, Quota{}, "", false
	}
	l, u := t.find(quotaPath+at+"/"+limitsName), t.find(quotaPath+at+"/"+statsName)
	if l == 0 || u == 0 {
		return Quota{}, Quota{}, "", false
	}
	return ParseQuota(t.data(t.records.at(l))), ParseQuota(t.data(t.records.at(u))), at, true
}

// quotaAbove is the deepest path with a quota at or above path, or "".
func (t *Tree) quotaAbove(path string) string {
	if len(t.quotas) == 0 {
		return ""
	}
	for len(path) > 1 {
		if _, ok := t.quotas[path]; ok {
			return path
		}
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	return ""
}

// quotaTarget is the path that a quota znode is about: P for
// /zookeeper/quota/P/name.
func quotaTarget(path, name string) (string, bool) {
	below, ok := strings.CutPrefix(path, quotaPath)
	if !ok || !strings.HasSuffix(below, "/"+name) {
		return "", false
	}
	target := below[:len(below)-len(name)-1]
	return target, strings.HasPrefix(target, "/")
}

// quotaCreated follows the creation of a znode: a limits znode registers its
// path, a stats znode is counted, and the quota above is charged.
func (t *Tree) quotaCreated(path string, size int) {
	if target, ok := quotaTarget(path, limitsName); ok {
		t.quotas[strings.Clone(target)] = struct{}{}
	} else if target, ok := quotaTarget(path, statsName); ok {
		t.recount(target)
	}
	t.charge(path, 1, int64(size))
}

func (t *Tree) quotaDeleted(path string, size int) {
	if target, ok := quotaTarget(path, limitsName); ok {
		delete(t.quotas, target)
	}
	t.charge(path, -1, -int64(size))
}

// charge adds to the statistics of the quota at or above path.
func (t *Tree) charge(path string, count, size int64) {
	at := t.quotaAbove(path)
	if at == "" {
		return
	}
	i := t.find(quotaPath + at + "/" + statsName)
	if i == 0 {
		return
	}
	n := t.records.at(i)
	q := ParseQuota(t.data(n))
	q.Count += count
	q.Bytes += size
	t.setStats(i, q)
}

// recount computes the statistics of a path from its subtree.
func (t *Tree) recount(target string) {
	stats := t.find(quotaPath + target + "/" + statsName)
	if stats == 0 {
		return
	}
	q := Quota{CountHard: -1, BytesHard: -1}
	if top := t.find(target); top != 0 {
		for i := top; i != 0; i = t.following(i, top) {
			q.Count++
			q.Bytes += int64(max(t.records.at(i).dataLen, 0))
		}
	}
	t.setStats(stats, q)
}

func (t *Tree) setStats(i uint32, q Quota) {
	var room [128]byte
	t.setBlock(t.records.at(i), q.appendTo(room[:0]))
}

// setupQuotas registers the quotas of a loaded tree and counts them anew.
func (t *Tree) setupQuotas() {
	top := t.find(quotaPath)
	if top == 0 {
		return
	}
	for i := t.following(top, top); i != 0; i = t.following(i, top) {
		n := t.records.at(i)
		if string(t.blocks.bytes(n.block)[:n.nameLen]) != limitsName || n.children > 0 {
			continue
		}
		if target, ok := quotaTarget(t.path(i), limitsName); ok {
			t.quotas[target] = struct{}{}
			t.recount(target)
		}
	}
}

// following is the next znode of the subtree of top in preorder, or 0.
func (t *Tree) following(i, top uint32) uint32 {
	if c := t.records.at(i).firstChild; c != 0 {
		return c
	}
	return t.beyond(i, top)
}

// beyond is following without what lies under i.
func (t *Tree) beyond(i, top uint32) uint32 {
	for i != top {
		n := t.records.at(i)
		if n.next != 0 {
			return n.next
		}
		i = n.parent
	}
	return 0
}
