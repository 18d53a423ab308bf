package command

var quit = &Command{
	Name:    "quit",
	Summary: "close the session and leave",
	RawArgs: true,
	Local:   true,
	Run:     runQuit,
}

var exit = &Command{
	Name:    "exit",
	In:      Own,
	Summary: "close the session and leave, as quit does",
	RawArgs: true,
	Local:   true,
	Run:     runQuit,
}

func runQuit(c *Context) error {
	if c.Compat.Quitting {
		c.Print([]byte("Quitting...\n"))
	}
	c.Shell.Close(true)
	c.Shell.quit = true
	return errQuit
}
