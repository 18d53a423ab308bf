package command

import (
	"errors"
	"strconv"

	"zookit/protocol"
)

var listQuota = &Command{
	Name:    "listquota",
	Usage:   Usage{R38: "path"},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "print the quota and the usage of a subtree",
	Help:    "-1 means no limit.",
	Example: []string{"listquota /app"},
	Min:     1, Max: 1,
	Run: runListQuota,
}

func runListQuota(c *Context) error {
	name, path := c.named(c.Args[0])
	if err := protocol.ValidatePath(path); err != nil {
		return err
	}
	if c.Compat.Release != Own {
		c.Shell.Out.Note("absolute path is " + quotaPath(path) + "/" + quotaLimits)
	}
	s, full, err := quotaSession(c, name, path)
	if err != nil {
		return err
	}
	own := quotaPath(full)
	limits, err := readTrack(c, s, protocol.Join(own, quotaLimits))
	if err == nil {
		var usage track
		if usage, err = readTrack(c, s, protocol.Join(own, quotaStats)); err == nil {
			return printQuota(c, path, limits, usage)
		}
	}
	if errors.Is(err, protocol.NoNode) {
		c.Warn("quota for " + path + " does not exist.")
		return nil // no failure, as in Apache
	}
	return err
}

func printQuota(c *Context, path string, limits, usage track) error {
	if c.Shell.Format != FormatText {
		r := QuotaRecord{
			Path: path, Znodes: usage.get(trackCount), Soft: limits.get(trackCount), Hard: limits.get(trackHardCount),
			Bytes: usage.get(trackBytes), BytesSoft: limits.get(trackBytes), BytesHard: limits.get(trackHardBytes),
		}
		return c.Emit(r, nil)
	}
	if !c.Tables() {
		text := track.String
		if c.Compat.ShortQuota {
			text = track.short
		}
		c.Printf("Output quota for %s %s\nOutput stat for %s %s\n", path, text(limits), path, text(usage))
		return nil
	}
	row := func(name, soft, hard string) []string {
		return []string{name, limit(usage.get(soft)), limit(limits.get(soft)), limit(limits.get(hard))}
	}
	return c.PrintTable([]string{path, "used", "soft limit", "hard limit"}, [][]string{
		row("znodes", trackCount, trackHardCount), row("bytes", trackBytes, trackHardBytes),
	})
}

func limit(v int64) string {
	if v < 0 {
		return "-"
	}
	return strconv.FormatInt(v, 10)
}
