package command

import "zookit/shell/render"

var get = &Command{
	Name: "get",
	Usage: Usage{
		R34: "path [watch]", R38: "[-s] [-w] path", R39: "[-s] [-w] [-b] [-x] path",
	},
	Flags: []Flag{
		{Name: "s", Help: "Print znode stats additionally"},
		{Name: "w", Help: "Watch for changes on the znode"},
		{Name: "b", Help: "Output data in base64 format", In: Since39},
		{Name: "x", Help: "Output data in hexdump format", In: Since39},
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "print the data of a znode",
	Help: "The data leaves byte by byte, with a line break behind it; on a terminal what is not text is shown as \\x1b.\n" +
		"A znode without data prints null; -s tells it from the word by its dataLength.",
	Example: []string{"get /app/config", "get -s -w /app/config", "get -x /app/blob"},
	Min:     1, Max: 2,
	Titled: true,
	Run:    runGet,
}

func runGet(c *Context) error {
	watch, err := c.watchAsked()
	if err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	data, st, err := s.Get(c, path, watch)
	if err != nil {
		return err
	}
	encoded := c.Has("b") || c.Has("x")
	if data == nil && (!encoded || c.Compat.NullAsText) {
		data = []byte("null")
	}
	switch {
	case c.Has("x"):
		data = render.AppendHexDump(nil, data)
	case c.Has("b"):
		data = []byte(render.Base64(data))
	}
	c.Print(data)
	c.Print([]byte("\n"))
	if c.Has("s") || c.Compat.StatAlways {
		c.PrintStat(st)
	}
	return nil
}
