package command

var whoAmI = &Command{
	Name:    "whoami",
	In:      Since38,
	Summary: "list the identities of this session",
	RawArgs: true,
	Run:     runWhoAmI,
}

func runWhoAmI(c *Context) error {
	s, err := c.Session()
	if err != nil {
		return err
	}
	infos, err := s.WhoAmI(c)
	if err != nil {
		return err
	}
	if c.Shell.Format != FormatText {
		for _, info := range infos {
			if err := c.Emit(UserRecord{info.Scheme, info.User}, nil); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Tables() {
		rows := make([][]string, len(infos))
		for i, info := range infos {
			rows[i] = []string{info.Scheme, info.User}
		}
		return c.PrintTable([]string{"scheme", "user"}, rows)
	}
	c.Print([]byte("Auth scheme: User\n"))
	for _, info := range infos {
		c.Printf("%s: %s\n", info.Scheme, info.User)
	}
	return nil
}
