package command

import (
	"slices"

	"zookit/shell/render"
)

var getEphemerals = &Command{
	Name:    "getEphemerals",
	In:      Since38,
	Usage:   Usage{R38: "path", Own: "[path]"},
	Args:    []Arg{{Name: "path", Kind: PathArg, New: true}},
	Summary: "list the ephemeral znodes of this session",
	Help:    "With a path, those whose path begins with it.",
	Example: []string{"getEphemerals", "getEphemerals /app"},
	Max:     1,
	Run:     runGetEphemerals,
}

func runGetEphemerals(c *Context) error {
	s, prefix, err := c.Open()
	if err != nil {
		return err
	}
	paths, err := s.GetEphemerals(c, prefix)
	if err != nil {
		return err
	}
	if c.Compat.Release == Own {
		slices.Sort(paths) // the server's order is that of a hash table
	}
	if c.Shell.Format != FormatText {
		for _, p := range paths {
			if err := c.Emit(PathRecord{p}, nil); err != nil {
				return err
			}
		}
		return nil
	}
	c.Print(render.AppendList(nil, paths))
	return nil
}
