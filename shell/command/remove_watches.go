package command

import "zookit/protocol"

var removeWatches = &Command{
	Name:  "removewatches",
	In:    Since38,
	Usage: Usage{R38: "path [-c|-d|-a] [-l]", Own: "[-c|-d|-p|-r|-a] [-l] path"},
	Flags: []Flag{
		{Name: "c", Help: "child watcher type"},
		{Name: "d", Help: "data watcher type"},
		{Name: "p", Help: "persistent watcher type", In: Since39},
		{Name: "r", Help: "persistent recursive watcher type", In: Since39},
		{Name: "a", Help: "any watcher type"},
		{Name: "l", Help: "remove locally when there is no server connection"},
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "remove this session's watches from a znode",
	Help:    "-p and -r need a server of 3.9 or later. Without one of -c -d -p -r all watches go.",
	Example: []string{"removewatches /app", "removewatches -d /app/config"},
	Min:     1, Max: 1,
	Run: runRemoveWatches,
}

func runRemoveWatches(c *Context) error {
	kind := protocol.WatcherAny
	switch {
	case c.Has("c"):
		kind = protocol.WatcherChildren
	case c.Has("d"):
		kind = protocol.WatcherData
	case c.Has("p"):
		kind = protocol.WatcherPersistent
	case c.Has("r"):
		kind = protocol.WatcherPersistentRecursive
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	if err := s.RemoveWatches(c, path, kind, c.Has("l")); err != nil {
		return err
	}
	return c.emitSilent(PathRecord{path})
}
