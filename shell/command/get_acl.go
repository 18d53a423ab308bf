package command

import "zookit/shell/render"

var getACL = &Command{
	Name:    "getAcl",
	Usage:   Usage{R34: "path", R38: "[-s] path"},
	Flags:   []Flag{{Name: "s", Help: "stats"}},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "print the ACL of a znode",
	Help:    "The permissions are c(reate) d(elete) of children, r(ead), w(rite), a(dmin: set the ACL).",
	Example: []string{"getAcl /app"},
	Min:     1, Max: 1,
	Titled: true,
	Run:    runGetACL,
}

func runGetACL(c *Context) error {
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	acl, st, err := s.GetACL(c, path)
	if err != nil {
		return err
	}
	if c.Shell.Format != FormatText {
		return c.Emit(ZnodeACL{path, aclRecords(acl), statOf(st, c.Has("s"))}, nil)
	}
	if c.Tables() {
		rows := make([][]string, len(acl))
		for i, a := range acl {
			rows[i] = []string{a.Scheme, a.ID, render.Perms(a.Perms)}
		}
		if err := c.PrintTable([]string{"scheme", "id", "permissions"}, rows); err != nil {
			return err
		}
	} else {
		c.Print(render.AppendACL(nil, acl))
	}
	if c.Has("s") {
		c.PrintStat(st)
	}
	return nil
}
