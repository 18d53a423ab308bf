package command

import (
	"errors"

	"zookit/protocol"
)

var delQuota = &Command{
	Name:  "delquota",
	Usage: Usage{R34: "[-n|-b] path", R38: "[-n|-b|-N|-B] path"},
	Flags: []Flag{
		{Name: "n", Help: "num soft quota"},
		{Name: "b", Help: "bytes soft quota"},
		{Name: "N", Help: "num hard quota", In: Since38},
		{Name: "B", Help: "bytes hard quota", In: Since38},
	},
	OneOf:   true,
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "remove a quota, or one limit of it",
	Example: []string{"delquota /app", "delquota -N /app"},
	Min:     1, Max: 1,
	Changes: true,
	Run:     runDelQuota,
}

func runDelQuota(c *Context) error {
	name, path := c.named(c.Args[0])
	s, full, err := quotaSession(c, name, path)
	if err != nil {
		return err
	}
	own := quotaPath(full)
	limitsPath := protocol.Join(own, quotaLimits)
	limits, err := readTrack(c, s, limitsPath)
	if errors.Is(err, protocol.NoNode) {
		c.remark("Quota does not exist for " + path)
		return nil
	}
	if err != nil {
		return err
	}
	asked := false
	for _, f := range quotaFlags {
		if c.Has(f.flag) {
			limits[f.key], asked = -1, true
		}
	}
	if asked {
		if _, err := s.Set(c, limitsPath, []byte(limits.String()), -1); err != nil {
			return err
		}
		return c.emitSilent(PathRecord{path})
	}
	for _, name := range []string{quotaLimits, quotaStats} {
		if err := s.Delete(c, protocol.Join(own, name), -1); err != nil && !errors.Is(err, protocol.NoNode) {
			return err
		}
	}
	if err := trimQuotaTree(c, s, own); err != nil {
		return err
	}
	return c.emitSilent(PathRecord{path})
}
