package command

var getAllChildrenNumber = &Command{
	Name:    "getAllChildrenNumber",
	In:      Since38,
	Usage:   Usage{R38: "path"},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "count the znodes below a znode",
	Example: []string{"getAllChildrenNumber /app"},
	Min:     1, Max: 1,
	Run: runGetAllChildrenNumber,
}

func runGetAllChildrenNumber(c *Context) error {
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	n, err := s.GetAllChildrenNumber(c, path)
	if err != nil {
		return err
	}
	return c.Emit(CountRecord{path, n}, func() { c.Printf("%d\n", n) })
}
