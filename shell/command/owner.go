package command

import (
	"fmt"
	"strings"
)

var owner = &Command{
	Name:  "owner",
	In:    Own,
	Usage: Usage{R38: "[-R] [-admin port] path|session"},
	Flags: []Flag{
		{Name: "R", Help: "look for its other ephemerals in the whole tree where no server lists them", In: Own},
		adminFlag,
	},
	Args:    []Arg{{Name: "path", Kind: HolderArg}},
	Summary: "tell who holds an ephemeral znode, or a session: client, server, age, its other ephemerals",
	Help: "The servers are asked with the words cons and dump; one that does not allow them, by its AdminServer; when that is shut as\n" +
		"well, what the znode and the number of the session tell is printed, and the line of zoo.cfg that would tell more.\n" +
		"0x… is a session's number; a znode of such a name is meant by its whole path.",
	Example: []string{"owner /app/worker-0000000000", "owner -admin 8081 /controller", "owner 0x1000000cae20000"},
	Min:     1, Max: 1,
	Run: runOwner,
}

func runOwner(c *Context) error {
	if strings.HasPrefix(c.Args[0], "0x") {
		return showSession(c, c.Args[0])
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	st, err := s.Exists(c, path, false)
	if err != nil {
		return err
	}
	if st.EphemeralOwner == 0 {
		return &Failure{Text: fmt.Sprintf("%s: no session owns it: it is persistent, a container or has a TTL; \"ls\" below it finds ephemerals", path)}
	}
	l, err := c.lookAtSessions(s)
	if err != nil {
		return err
	}
	r, err := l.describe(st.EphemeralOwner, path)
	if err != nil {
		return err
	}
	if err := c.Emit(r, func() { c.printFacts(append([]fact{{"path", path}}, r.facts(c)...)) }); err != nil {
		return err
	}
	l.tellMissing()
	return nil
}

// inChroot is a path of the server as this session writes it; false when the
// session cannot.
func inChroot(chroot, path string) (string, bool) {
	switch {
	case chroot == "":
		return path, true
	case path == chroot:
		return "/", true
	case strings.HasPrefix(path, chroot+"/"):
		return path[len(chroot):], true
	}
	return "", false
}
