package command

var del = &Command{
	Name:    "delete",
	Aliases: []string{"rm"},
	Usage:   Usage{R34: "path [version]", R38: "[-v version] path", Own: "[-v version] path [version]"},
	Flags:   []Flag{{Name: "v", Arg: "version", Help: "version"}},
	Args:    []Arg{{Name: "path", Kind: PathArg}, {Name: "version"}},
	Summary: "delete a znode without children",
	Help:    "With a version, as -v or as the last argument, the znode is deleted only while its dataVersion is that one.",
	Example: []string{"delete /app/old", "delete -v 3 /app/config"},
	Min:     1, Max: 2,
	Changes: true,
	Run:     runDelete,
}

func runDelete(c *Context) error {
	if len(c.Args) > 1 && c.Compat.Deprecations {
		c.Warn("'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.")
	}
	version, err := c.versionFlag(1)
	if err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	if err := s.Delete(c, path, version); err != nil {
		return err
	}
	return c.emitSilent(PathRecord{path})
}
