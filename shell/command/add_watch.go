package command

import (
	"strings"

	"zookit/shell/session"
)

const (
	watchPersistent = "PERSISTENT"
	watchRecursive  = "PERSISTENT_RECURSIVE"
)

var addWatch = &Command{
	Name: "addWatch",
	In:   Since38,
	Usage: Usage{
		R38: "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE",
		Own: "[-m PERSISTENT|PERSISTENT_RECURSIVE] path",
	},
	Flags: []Flag{{Name: "m", Arg: "mode", Help: "PERSISTENT or PERSISTENT_RECURSIVE (default)",
		Words: []Word{{watchPersistent, "the znode and its list of children"}, {watchRecursive, "every znode of the subtree"}}}},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "watch a znode, or its whole subtree, until told otherwise",
	Help: "PERSISTENT tells of changes of the znode and of its list of children, PERSISTENT_RECURSIVE of every znode\n" +
		"created, changed or deleted in the subtree. removewatches ends it. The watch outlives a reconnect.",
	Example: []string{"addWatch /app", "addWatch -m PERSISTENT /app/leader"},
	Min:     1,
	Run:     runAddWatch,
}

// Differs from Apache: a mode holds for one command. There it stays for the
// commands that follow (AddWatchCommand keeps it in a field).
func runAddWatch(c *Context) error {
	if len(c.Args) != 1 {
		return errUsage
	}
	recursive := true
	if c.Has("m") {
		switch strings.ToUpper(c.FlagValue("m")) {
		case watchPersistent:
			recursive = false
		case watchRecursive:
		default:
			return errUsage
		}
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	if err := s.AddWatch(c, path, recursive); err != nil {
		return err
	}
	kind := session.WatchPersistent
	if recursive {
		kind = session.WatchRecursive
	}
	return c.emitSilent(RewatchRecord{path, kind.String()})
}
