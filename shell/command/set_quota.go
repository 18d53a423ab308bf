package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zookit/protocol"
)

var setQuota = &Command{
	Name:  "setquota",
	Usage: Usage{R34: "-n|-b val path", R38: "-n|-b|-N|-B val path"},
	Flags: []Flag{
		{Name: "n", Arg: "val", Help: "num soft quota"},
		{Name: "b", Arg: "val", Help: "bytes soft quota"},
		{Name: "N", Arg: "val", Help: "num hard quota", In: Since38},
		{Name: "B", Arg: "val", Help: "bytes hard quota", In: Since38},
	},
	OneOf: true, Required: true,
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "limit the number of znodes or bytes of a subtree",
	Help: "-n, -b: a soft limit, the server logs a warning when it is passed. -N, -B: a hard one, the server refuses\n" +
		"(with enforceQuota). The znode itself counts. A quota cannot be set above or below another.",
	Example: []string{"setquota -n 1000 /app", "setquota -B 1048576 /app"},
	Min:     1,
	Changes: true,
	Run:     runSetQuota,
}

// quotaFlags are the flags of the quota commands and what they limit.
var quotaFlags = []struct{ flag, key string }{
	{"n", trackCount}, {"b", trackBytes}, {"N", trackHardCount}, {"B", trackHardBytes},
}

func runSetQuota(c *Context) error {
	name, asked := c.named(c.Args[0])
	path := asked
	if c.Compat.QuotaComment {
		for _, f := range quotaFlags {
			if c.Has(f.flag) {
				c.Shell.Out.Note("Comment: the parts are option -" + f.flag + " val " + c.FlagValue(f.flag) + " path " + path)
			}
		}
	}
	if path == quotaRoot || strings.HasPrefix(path, quotaRoot) {
		return &Failure{Text: "cannot set a quota under the path: " + quotaRoot, Soft: true}
	}
	limits, err := quotaLimitsAsked(c)
	if err != nil {
		return err
	}
	s, path, err := quotaSession(c, name, path)
	if err != nil {
		return err
	}
	if err := writeQuota(c, s, path, limits); err != nil {
		return err
	}
	return c.emitSilent(PathRecord{asked})
}

// quotaLimitsAsked reads the one flag that was given; the others are −1.
func quotaLimitsAsked(c *Context) (track, error) {
	limits := track{trackCount: -1, trackBytes: -1, trackHardCount: -1, trackHardBytes: -1}
	for _, f := range quotaFlags {
		if !c.Has(f.flag) {
			continue
		}
		bits, least, complaint := 32, int64(1), "the num quota must be greater than zero"
		if f.key == trackBytes || f.key == trackHardBytes {
			bits, least, complaint = 64, 0, "the bytes quota must be greater than or equal to zero"
		}
		n, err := strconv.ParseInt(c.FlagValue(f.flag), 10, bits)
		switch {
		case err != nil && c.Compat.Release == Own:
			return nil, &NumberError{Input: c.FlagValue(f.flag), What: "setquota: the value of -" + f.flag}
		case err != nil:
			return nil, &Failure{Text: "NumberFormatException happens when parsing the option value", Soft: true}
		case n < least:
			return nil, &Failure{Text: complaint, Soft: true}
		}
		limits[f.key] = n
	}
	return limits, nil
}

// writeQuota creates a quota or changes the limit of one that is there
// (SetQuotaCommand.createQuota in Apache 3.9).
func writeQuota(c *Context, s Session, path string, limits track) error {
	if path == "/" {
		// Apache finds this only after it has written some of it.
		return &protocol.PathError{Path: path, Reason: "Path must not end with / character", Index: -1}
	}
	if _, err := s.Exists(c, path, false); errors.Is(err, protocol.NoNode) {
		return &Failure{Text: path + " does not exist.", Err: err}
	} else if err != nil {
		return err
	}
	if err := noQuotaBelow(c, s, path); err != nil {
		return err
	}
	if err := noQuotaAbove(c, s, path); err != nil {
		return err
	}
	own := quotaPath(path)
	limitsPath, statsPath := protocol.Join(own, quotaLimits), protocol.Join(own, quotaStats)
	old, err := readTrack(c, s, limitsPath)
	if err != nil && !errors.Is(err, protocol.NoNode) {
		return err
	}
	if err == nil {
		for key, v := range limits {
			if v > -1 {
				old[key] = v
			}
		}
		usage, err := readTrack(c, s, statsPath)
		if err != nil {
			return err
		}
		warnExceeded(c, old, usage)
		_, err = s.Set(c, limitsPath, []byte(old.String()), -1)
		return err
	}
	if err := createParents(c, s, own); err != nil {
		return err
	}
	if err := ensure(c, s, limitsPath, []byte(limits.String())); err != nil {
		return err
	}
	if err := ensure(c, s, statsPath, []byte(track{trackCount: 0, trackBytes: 0}.String())); err != nil {
		return err
	}
	usage, err := readTrack(c, s, statsPath)
	if err != nil {
		return err
	}
	warnExceeded(c, limits, usage)
	return nil
}

// createParents makes the missing znodes of a path, open and without data.
func createParents(c *Context, s Session, path string) error {
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if _, err := s.Exists(c, path[:i], false); err == nil {
			continue
		} else if !errors.Is(err, protocol.NoNode) {
			return err
		}
		_, _, err := s.Create(c, path[:i], nil, protocol.OpenACL, protocol.FlagPersistent, 0)
		if err != nil && !errors.Is(err, protocol.NodeExists) {
			return err
		}
	}
	return nil
}

func ensure(c *Context, s Session, path string, data []byte) error {
	_, _, err := s.Create(c, path, data, protocol.OpenACL, protocol.FlagPersistent, 0)
	return err
}

// warnExceeded prints, on stdout as Apache does, that a limit is passed
// already.
func warnExceeded(c *Context, limits, usage track) {
	for _, k := range []struct{ soft, hard, word string }{
		{trackCount, trackHardCount, "count"}, {trackBytes, trackHardBytes, "bytes"},
	} {
		used := usage.get(k.soft)
		soft, hard := limits.get(k.soft), limits.get(k.hard)
		if soft > -1 && soft < used || hard > -1 && hard < used {
			c.remark(fmt.Sprintf("[Warning]: the %s quota you create is less than the existing %s:%d", k.word, k.word, used))
		}
	}
}

// noQuotaBelow refuses a quota above another.
func noQuotaBelow(c *Context, s Session, path string) error {
	own := quotaPath(path)
	tree, err := listSubtree(c, s, own)
	if errors.Is(err, protocol.NoNode) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, level := range tree.levels {
		for _, p := range level {
			holder, ok := strings.CutSuffix(p, "/"+quotaLimits)
			if ok && holder != own {
				return &Failure{Text: path + " has a child " + strings.TrimPrefix(holder, quotaRoot) + " which has a quota"}
			}
		}
	}
	return nil
}

// noQuotaAbove refuses a quota below another.
func noQuotaAbove(c *Context, s Session, path string) error {
	for up := protocol.Parent(path); up != "/" && up != ""; up = protocol.Parent(up) {
		_, err := s.Exists(c, protocol.Join(quotaPath(up), quotaLimits), false)
		if err == nil {
			shown := up
			if c.Compat.ShortQuota {
				shown = quotaPath(up)
			}
			return &Failure{Text: fmt.Sprintf("%s has a parent %s which has a quota", path, shown)}
		}
		if !errors.Is(err, protocol.NoNode) {
			return err
		}
	}
	return nil
}
