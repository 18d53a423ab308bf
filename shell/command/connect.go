package command

var connect = &Command{
	Name:    "connect",
	Usage:   Usage{R38: "host:port", Own: "[profile|host:port[,host:port…][/chroot]]"},
	Args:    []Arg{{Name: "servers", Kind: ConnectionArg}},
	Summary: "open a session with other servers, or a new one with the same",
	Help:    "The session there is, is closed first: its ephemerals go and its watches end. \"use\" keeps it.",
	Example: []string{"connect zk1:2181,zk2:2181/app", "connect"},
	RawArgs: true,
	Max:     1,
	Local:   true,
	Run:     runConnect,
}

var closeSession = &Command{
	Name:    "close",
	Summary: "close the session and stay in the shell",
	RawArgs: true,
	Run:     runClose,
}

func runConnect(c *Context) error {
	p := c.Shell.Profile()
	if len(c.Args) > 0 {
		// A list that cannot be used costs nobody a session.
		var err error
		if p, err = c.Shell.profileOrServers(c.Args[0]); err != nil {
			return err
		}
		// Who has profiles means one by a bare word; Apache's shell takes it for a host.
		if names := c.Shell.ProfileNames; p.isWord() && c.Compat.Release == Own && names != nil && len(names()) > 0 {
			return noSuchConnection(c.Args[0])
		}
	}
	return c.Shell.reconnect(c, p)
}

func runClose(c *Context) error {
	here := c.Shell.here()
	c.Shell.closeSession(here, true)
	c.Shell.mu.Lock()
	here.closed = true
	c.Shell.mu.Unlock()
	return nil
}
