package command

import "zookit/shell/session"

var connect = &Command{
	Name:    "connect",
	Usage:   Usage{R38: "host:port", Own: "[host:port[,host:port…][/chroot]]"},
	Args:    []Arg{{Name: "servers"}},
	Summary: "open a session with other servers, or a new one with the same",
	Help:    "The session there is, is closed first: its ephemerals go and its watches end.",
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
	c.Shell.mu.Lock()
	servers := c.Shell.servers
	c.Shell.mu.Unlock()
	if len(c.Args) > 0 {
		servers = c.Args[0]
	}
	// A list that cannot be used costs nobody a session.
	if _, _, err := session.ParseServers(servers); err != nil {
		return err
	}
	return c.Shell.connectTo(c, servers)
}

func runClose(c *Context) error {
	c.Shell.closeSession(true)
	c.Shell.mu.Lock()
	c.Shell.closed = true
	c.Shell.mu.Unlock()
	return nil
}
