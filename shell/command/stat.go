package command

var stat = &Command{
	Name:    "stat",
	Usage:   Usage{R34: "path [watch]", R38: "[-w] path"},
	Flags:   []Flag{{Name: "w", Help: "watch"}},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "print the Stat of a znode",
	Help:    "With -w a watch is set also when the znode is missing: it fires when somebody creates it.",
	Example: []string{"stat /app", "stat -w /app/leader"},
	Min:     1, Max: 2,
	Titled: true,
	Run:    runStat,
}

func runStat(c *Context) error {
	watch, err := c.watchAsked()
	if err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	st, err := s.Exists(c, path, watch)
	if err != nil {
		return err
	}
	return c.Emit(ZnodeStat{path, statRecord(st)}, func() { c.PrintStat(st) })
}
