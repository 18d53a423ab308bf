package command

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/shell/walk"
)

var quotas = &Command{
	Name:    "quota",
	In:      Own,
	Usage:   Usage{R38: "[path]"},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "list all quotas with their use against the limit",
	Help: "With a path, those at or below it. The fullest come first. A soft limit is logged by the server when it is exceeded; a hard limit\n" +
		"is enforced by servers since 3.7 with enforceQuota=true. listquota prints one as Apache's shell does.",
	Example: []string{"quota", "quota /app"},
	Max:     1,
	Run:     runQuotas,
}

// QuotaRecord is a quota with its use. −1 is no limit.
type QuotaRecord struct {
	Path      string  `json:"path"`
	Znodes    int64   `json:"znodes"`
	Soft      int64   `json:"znodesLimit"`
	Hard      int64   `json:"znodesHardLimit"`
	Bytes     int64   `json:"bytes"`
	BytesSoft int64   `json:"bytesLimit"`
	BytesHard int64   `json:"bytesHardLimit"`
	Full      float64 `json:"full"` // the use of the limit that is nearest: 1 is at the limit
}

func runQuotas(c *Context) error {
	s, below, err := c.Open()
	if err != nil {
		return err
	}
	records, err := listQuotas(c, s, c.refuse)
	if err != nil {
		return err
	}
	records = slices.DeleteFunc(records, func(r QuotaRecord) bool { return !within(r.Path, below) })
	if len(records) == 0 && c.refused == 0 {
		c.Shell.Out.Note("no quotas at or below " + below)
	}
	return Rows(c, []string{"path", "znodes", "limit", "", "bytes", "limit", ""}, records, func(r QuotaRecord) []string {
		limit, bar := c.quotaCells(r.Znodes, r.Soft, r.Hard)
		bytesLimit, bytesBar := c.quotaCells(r.Bytes, r.BytesSoft, r.BytesHard)
		return []string{r.Path, fmt.Sprint(r.Znodes), limit, bar, fmt.Sprint(r.Bytes), bytesLimit, bytesBar}
	}, "", "") // the bars
}

// quotaCells are a limit and the bar of its use. The smaller of two limits
// counts.
func (c *Context) quotaCells(used, soft, hard int64) (limit, bar string) {
	text := []string{}
	if soft >= 0 {
		text = append(text, fmt.Sprint(soft))
	}
	if hard >= 0 {
		text = append(text, fmt.Sprintf("%d hard", hard))
	}
	full := fullness(used, soft, hard)
	if len(text) == 0 {
		return "-", "-"
	}
	return strings.Join(text, ", "), gauge(full, c.Shell.Out.OutTerminal)
}

// gaugeWidth is the length of a full bar, in columns.
const gaugeWidth = 12

// gauge is a bar and a percentage; more than the limit is drawn as full.
func gauge(full float64, blocks bool) string {
	on, off := "#", "-"
	if blocks {
		on, off = "█", "░"
	}
	n := min(int(full*gaugeWidth+0.5), gaugeWidth)
	return strings.Repeat(on, n) + strings.Repeat(off, gaugeWidth-n) + fmt.Sprintf(" %d%%", int(full*100))
}

// fullness is the use of the nearest limit; 0 without one.
func fullness(used int64, limits ...int64) float64 {
	full := 0.0
	for _, l := range limits {
		switch {
		case l > 0:
			full = max(full, float64(used)/float64(l))
		case l == 0 && used > 0:
			full = max(full, float64(used))
		}
	}
	return full
}

// listQuotas reads every quota that the session can name, the fullest first.
// refused is told what may not be read.
func listQuotas(c *Context, s Session, refused func(path string, err error)) ([]QuotaRecord, error) {
	limits, stats := map[string]track{}, map[string]track{}
	err := walk.Walk(c, s.Absolute(), quotaRoot, walk.Options{Data: true}, func(n *walk.Node) error {
		into := map[string]map[string]track{quotaLimits: limits, quotaStats: stats}[protocol.Base(n.Path)]
		if n.Err != nil {
			refused(n.Path, n.Err)
			return nil
		}
		if into == nil {
			return nil
		}
		path := strings.TrimPrefix(protocol.Parent(n.Path), quotaRoot)
		if path == "" {
			path = "/"
		}
		t, err := parseTrack(n.Data)
		if err != nil {
			c.Warn(n.Path + ": " + err.Error())
			return nil
		}
		into[path] = t
		return nil
	})
	if err != nil && !errors.Is(err, protocol.NoNode) {
		return nil, err
	}
	var records []QuotaRecord
	for full, l := range limits {
		path, ok := inChroot(s.Chroot(), full)
		if !ok {
			continue
		}
		use := stats[full]
		r := QuotaRecord{Path: path, Znodes: max(use.get(trackCount), 0), Soft: l.get(trackCount), Hard: l.get(trackHardCount),
			Bytes: max(use.get(trackBytes), 0), BytesSoft: l.get(trackBytes), BytesHard: l.get(trackHardBytes)}
		r.Full = max(fullness(r.Znodes, r.Soft, r.Hard), fullness(r.Bytes, r.BytesSoft, r.BytesHard))
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b QuotaRecord) int {
		return cmp.Or(-cmp.Compare(a.Full, b.Full), strings.Compare(a.Path, b.Path))
	})
	return records, nil
}
