package command

import "zookit/shell/session"

var use = &Command{
	Name:    "use",
	In:      Own,
	Usage:   Usage{Own: "[connection|profile|host:port[,host:port…][/chroot]]"},
	Args:    []Arg{{Name: "connection", Kind: ConnectionArg}},
	Summary: "go on with another connection and keep this one, or list them",
	Help: "The sessions left behind stay open, with their ephemerals and watches; \"connect\" and \"close\" end one.\n" +
		"A path on another connection is written NAME:/path, in the commands that take several paths.",
	Example: []string{"use", "use prod", "use zk2:2181"},
	Max:     1,
	Local:   true,
	Run:     runUse,
}

// ConnectionRecord is one line of what use lists.
type ConnectionRecord struct {
	Name     string `json:"name"`              // of the profile, else the servers
	Servers  string `json:"servers"`           // connect string
	State    string `json:"state"`             // CONNECTED, CONNECTING, CLOSED, … or "none" before the first command
	Server   string `json:"server,omitempty"`  // host:port that serves the session
	Session  string `json:"session,omitempty"` // 0x…
	Current  bool   `json:"current"`           // commands work on it
	Profile  bool   `json:"profile"`           // it has a name in the configuration
	ReadOnly bool   `json:"readonly"`
}

func runUse(c *Context) error {
	if len(c.Args) == 0 {
		return listConnections(c)
	}
	conn, err := c.Shell.connectionOf(c.Args[0])
	if err != nil {
		return err
	}
	// A script that goes on after a failure must not do so on the servers it
	// wanted to leave.
	c.Shell.turnTo(conn)
	_, err = c.open(conn)
	return err
}

func listConnections(c *Context) error {
	if c.Tables() && !c.records() {
		var rows [][]string
		for _, r := range c.Shell.Connections() {
			mark, state := "", r.State
			if r.Current {
				mark = "*"
			}
			if r.ReadOnly {
				state += ", readonly"
			}
			rows = append(rows, []string{mark, r.Name, state, orDash(r.Session), r.Servers})
		}
		return c.PrintTable([]string{"", "name", "state", "session", "servers"}, rows, "session")
	}
	for _, r := range c.Shell.Connections() {
		err := c.Emit(r, func() {
			mark := " "
			if r.Current {
				mark = "*"
			}
			c.Printf("%s %s %s %s", mark, r.Name, r.State, orDash(r.Session))
			if r.Name != r.Servers {
				c.Printf(" %s", r.Servers)
			}
			c.Print([]byte("\n"))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// Connections lists the connections in the order in which they were
// made, then the profiles that have none.
func (s *Shell) Connections() []ConnectionRecord {
	var list []ConnectionRecord
	seen := map[string]bool{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		p := conn.profile
		r := ConnectionRecord{Name: p.Label(), Servers: p.Servers, State: string(session.StateClosed),
			Current: conn == s.conn, Profile: p.Name != "", ReadOnly: p.ReadOnly}
		switch open := conn.session; {
		case open != nil:
			r.State, r.Server = string(open.State()), open.Server()
			if id := open.SessionID(); id != 0 {
				r.Session = id.String()
			}
		case !conn.closed:
			r.State = "none"
		}
		seen[r.Name] = true
		list = append(list, r)
	}
	if s.ProfileNames == nil {
		return list
	}
	for _, name := range s.ProfileNames() {
		if p, err := s.profile(name); err == nil && p != nil && !seen[name] {
			list = append(list, ConnectionRecord{Name: name, Servers: p.Servers, State: "none", Profile: true, ReadOnly: p.ReadOnly})
		}
	}
	return list
}
