package command

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/shell/properties"
)

var reconfig = &Command{
	Name: "reconfig",
	In:   Since38,
	Usage: Usage{R38: "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | " +
		"[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]"},
	Flags: []Flag{
		{Name: "s", Help: "stats"},
		{Name: "v", Arg: "version", Help: "required current config version"},
		{Name: "file", Arg: "path", Help: "path of config file to parse for membership", Kind: FileArg},
		{Name: "members", Arg: "servers", Help: "comma-separated list of config strings for non-incremental reconfig"},
		{Name: "add", Arg: "servers", Help: "comma-separated list of config strings for new servers"},
		{Name: "remove", Arg: "ids", Help: "comma-separated list of server IDs to remove"},
	},
	Summary: "change the members of the ensemble",
	Help: "Needs reconfigEnabled at the server and the right to write /zookeeper/config. -v is the hexadecimal version that\n" +
		"config prints; the change is refused when the configuration has another one.",
	Example: []string{"reconfig -add 'server.4=host4:2888:3888;2181'", "reconfig -remove 4"},
	Run:     runReconfig,
}

func runReconfig(c *Context) error {
	change, err := reconfigAsked(c)
	if err != nil {
		return err
	}
	s, err := c.Session()
	if err != nil {
		return err
	}
	data, st, err := s.Reconfig(c, change)
	if err != nil {
		return err
	}
	return c.Emit(ConfigRecord{Text: string(data), Stat: statOf(st, c.Has("s"))}, func() {
		c.Printf("Committed new configuration:\n%s\n", data)
		if c.Has("s") {
			c.PrintStat(st)
		}
	})
}

// reconfigAsked reads the flags, finding fault in Apache's order. Lists are
// lower-cased, a file is not (ReconfigCommand.java in 3.9).
func reconfigAsked(c *Context) (*protocol.ReconfigRequest, error) {
	whole, partial := c.Has("file") || c.Has("members"), c.Has("add") || c.Has("remove")
	if !whole && !partial {
		return nil, errUsage
	}
	change := &protocol.ReconfigRequest{CurConfigID: -1}
	if c.Has("v") {
		v, err := strconv.ParseInt(c.FlagValue("v"), 16, 64)
		if err != nil {
			return nil, &Failure{Text: "-v must be followed by a long (configuration version)"}
		}
		change.CurConfigID = v
	}
	if whole && partial {
		return nil, &Failure{Text: "Can't use -file or -members together with -add or -remove " +
			"(mixing incremental and non-incremental modes is not allowed)"}
	}
	if c.Has("file") && c.Has("members") {
		return nil, &Failure{Text: "Can't use -file and -members together (conflicting non-incremental modes)"}
	}
	list := func(flag string) *string {
		if !c.Has(flag) {
			return nil
		}
		v := strings.ToLower(c.FlagValue(flag))
		return &v
	}
	change.Joining, change.Leaving, change.NewMembers = list("add"), list("remove"), list("members")
	if c.Has("file") {
		members, err := membersOf(c.FlagValue("file"))
		if err != nil {
			return nil, fileFailure(c, err)
		}
		change.NewMembers = &members
	}
	return change, nil
}

// maxMembersFile bounds a file of members; the request has to fit into the
// server's jute.maxbuffer.
const maxMembersFile = protocol.DefaultMaxBuffer

// membersOf reads the server.N lines of a dynamic configuration file. Whether
// they make sense together is the leader's to say.
func membersOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	pairs, err := properties.Read(f, maxMembersFile)
	if err != nil {
		return "", err
	}
	var members []string
	for _, p := range pairs {
		if strings.HasPrefix(p.Key, "server.") || strings.HasPrefix(p.Key, "group.") || strings.HasPrefix(p.Key, "weight.") {
			members = append(members, p.Key+"="+p.Value)
		}
	}
	if members == nil {
		return "", errors.New("it has no line server.N=host:port1:port2;port3")
	}
	return strings.Join(members, "\n") + "\n", nil
}

// fileFailure words the failure to use a file; Apache puts the file's name and
// Java's message together without a blank between.
func fileFailure(c *Context, err error) error {
	name := c.FlagValue("file")
	var pathErr *os.PathError
	if c.Compat.Release == Own {
		if errors.As(err, &pathErr) {
			return &Failure{Text: "reconfig: " + pathErr.Error(), Err: err}
		}
		return &Failure{Text: fmt.Sprintf("reconfig: %s: %v", name, err), Err: err}
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &Failure{Text: "Error processing " + name + name + " (No such file or directory)", Err: err}
	case errors.As(err, &pathErr):
		return &Failure{Text: "Error processing " + name + name + " (" + pathErr.Err.Error() + ")", Err: err}
	}
	return &Failure{Text: "Error processing " + name + err.Error(), Err: err}
}
