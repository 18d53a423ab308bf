package command

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"zookit/protocol"
)

// Where quotas live (Quotas.java in Apache 3.9): under quotaRoot a copy of the
// path, and in it the limits, which the shell writes, and the usage, which the
// server keeps.
const (
	quotaRoot   = "/zookeeper/quota"
	quotaLimits = "zookeeper_limits"
	quotaStats  = "zookeeper_stats"
)

// quotaPath is where a znode's quota lives; the root's has no name of its own.
func quotaPath(path string) string {
	if path == "/" {
		return quotaRoot
	}
	return quotaRoot + path
}

// track is the text of a limits or stats znode: "count=5,bytes=-1" and, since
// 3.7, "=;byteHardLimit=-1;countHardLimit=5" behind it, the first "=" being
// there so that older parsers stop (StatsTrack.java in Apache 3.9).
type track map[string]int64

const (
	trackCount     = "count"
	trackBytes     = "bytes"
	trackHardCount = "countHardLimit"
	trackHardBytes = "byteHardLimit"
)

func parseTrack(data []byte) (track, error) {
	t := track{}
	for _, pair := range strings.FieldsFunc(string(data), func(r rune) bool { return r == ',' || r == ';' }) {
		key, value, ok := strings.Cut(pair, "=")
		if value = strings.TrimSuffix(value, "="); value == "" {
			value = "-1"
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || !ok {
			return nil, fmt.Errorf("the quota %q cannot be read: %q is not a limit", data, pair)
		}
		t[key] = n
	}
	return t, nil
}

// get is −1, no limit, for what is not there.
func (t track) get(key string) int64 {
	if v, ok := t[key]; ok {
		return v
	}
	return -1
}

func (t track) String() string {
	b := trackCount + "=" + strconv.FormatInt(t.get(trackCount), 10) + "," +
		trackBytes + "=" + strconv.FormatInt(t.get(trackBytes), 10)
	var rest []string
	for key := range t {
		if key != trackCount && key != trackBytes {
			rest = append(rest, key)
		}
	}
	if len(rest) == 0 {
		return b
	}
	sort.Strings(rest)
	b += "="
	for _, key := range rest {
		b += ";" + key + "=" + strconv.FormatInt(t[key], 10)
	}
	return b
}

// short is the form of the releases before 3.7.
func (t track) short() string {
	return track{trackCount: t.get(trackCount), trackBytes: t.get(trackBytes)}.String()
}

// readTrack reads a limits or stats znode.
func readTrack(c *Context, s Session, path string) (track, error) {
	data, _, err := s.Get(c, path, false)
	if err != nil {
		return nil, err
	}
	return parseTrack(data)
}

// trimQuotaTree removes a quota's znode and those above it that nothing else
// is below of.
func trimQuotaTree(c *Context, s Session, path string) error {
	for ; path != quotaRoot; path = protocol.Parent(path) {
		names, _, err := s.Children(c, path, false)
		if err != nil || len(names) > 0 {
			return err
		}
		if err := s.Delete(c, path, -1); err != nil {
			return err
		}
	}
	return nil
}

// quotaSession is the session for the quota of a path on a connection ("" for
// this one), and the path there.
//
// Differs from Apache: servers look for quotas in their own /zookeeper/quota,
// so that is where they are read and written through a chroot, too. Apache's
// shell makes a /zookeeper/quota below the chroot, which has no effect.
func quotaSession(c *Context, name, path string) (Session, string, error) {
	if err := protocol.ValidatePath(path); err != nil {
		return nil, "", err
	}
	s, err := c.sessionOf(name)
	if err != nil {
		return nil, "", err
	}
	switch chroot := s.Chroot(); {
	case chroot == "":
		return s, path, nil
	case path == "/":
		return s.Absolute(), chroot, nil
	default:
		return s.Absolute(), chroot + path, nil
	}
}
