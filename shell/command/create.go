package command

import (
	"errors"
	"strconv"

	"zookit/protocol"
)

var create = &Command{
	Name:  "create",
	Usage: Usage{R34: "[-s] [-e] path data acl", R38: "[-s] [-e] [-c] [-t ttl] path [data] [acl]", Own: "[-s] [-e] [-c] [-t ttl] [-p] [-l] path [data] [acl]"},
	Flags: []Flag{
		{Name: "e", Help: "ephemeral"},
		{Name: "s", Help: "sequential"},
		{Name: "c", Help: "container"},
		{Name: "t", Arg: "ttl", Help: "ttl"},
		{Name: "p", Help: "create the parents that are missing, too", In: Own},
		literal,
	},
	Args:    []Arg{{Name: "path", Kind: PathArg, New: true}, {Name: "data"}, {Name: "acl", Kind: ACLArg}},
	Summary: "create a znode",
	Help: "-e: the znode goes with this session. -s: the server puts a ten-digit number behind the path.\n" +
		"-c: a container, removed when its last child has gone. -t MS: removed when unchanged for so long and without children\n" +
		"(the server needs extendedTypesEnabled). Without data the znode has none, which is not the same as ''.\n" +
		"-p creates missing parents: persistent, without data, with the open ACL (world:anyone:cdrwa), whatever the znode's own is.\n" + dataHelp,
	Example: []string{"create /app", "create /app/config 'max=10'", "create -e -s /app/worker- host1", "create /app/secret x digest:joe:HASH:cdrwa",
		"create -p /app/a/b/c @file.json"},
	Min: 1, Max: 3,
	Data: 1,
	Run:  runCreate,
}

func runCreate(c *Context) error {
	flags, ttlMs, err := createMode(c)
	if err != nil {
		return err
	}
	name, path := c.newPath(0)
	validate := protocol.ValidatePath
	if flags.Sequential() {
		validate = protocol.ValidateSequentialPath
	}
	if err := validate(path); err != nil {
		return err
	}
	if c.Has("p") && c.Shell.txn != nil {
		return &Failure{Text: "create -p cannot be part of a transaction, which holds what it is given: create each parent"}
	}
	var data []byte
	if len(c.Args) > 1 {
		if data, err = c.Data(1); err != nil {
			return err
		}
	}
	acl := protocol.OpenACL
	if len(c.Args) > 2 {
		if acl, err = parseACL(c, c.Args[2], path); err != nil {
			return err
		}
	}
	s, err := c.sessionOf(name)
	if err != nil {
		return err
	}
	created, st, err := s.Create(c, path, data, acl, flags, ttlMs)
	if c.Has("p") && errors.Is(err, protocol.NoNode) {
		if err = createParents(c, s, protocol.Parent(path)); err == nil {
			created, st, err = s.Create(c, path, data, acl, flags, ttlMs)
		}
	}
	if err != nil {
		return createFailure(c, err)
	}
	return c.Emit(Changed{created, statOf(st, true)}, func() {
		if c.Compat.CreatedOnStderr {
			c.Shell.Out.Note("Created " + created)
		} else {
			c.Printf("Created %s\n", created)
		}
	})
}

// createMode reads the flags, in the order in which Apache finds fault.
func createMode(c *Context) (protocol.CreateFlag, int64, error) {
	refuse := func(text string) (protocol.CreateFlag, int64, error) { return 0, 0, &Failure{Text: text} }
	e, s, container, t := c.Has("e"), c.Has("s"), c.Has("c"), c.Has("t")
	if container && (e || s) {
		return refuse("-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.")
	}
	var ttlMs int64
	if t {
		var err error
		if ttlMs, err = strconv.ParseInt(c.FlagValue("t"), 10, 64); err != nil {
			return refuse("-t argument must be a long value")
		}
	}
	switch {
	case t && e:
		return refuse("TTLs cannot be used with Ephemeral znodes")
	case t && container:
		return refuse("TTLs cannot be used with Container znodes")
	}
	if t {
		if err := protocol.ValidateTTL(ttlMs); err != nil {
			return refuse(err.Error())
		}
	}
	switch {
	case e && s:
		return protocol.FlagEphemeralSequential, 0, nil
	case e:
		return protocol.FlagEphemeral, 0, nil
	case s && t:
		return protocol.FlagTTLSequential, ttlMs, nil
	case s:
		return protocol.FlagSequential, 0, nil
	case container:
		return protocol.FlagContainer, 0, nil
	case t:
		return protocol.FlagTTL, ttlMs, nil
	}
	return protocol.FlagPersistent, 0, nil
}

// createFailure adds the lines that Apache prints before its own message.
func createFailure(c *Context, err error) error {
	text, exit := c.Compat.Describe(c.Command, err)
	switch {
	case errors.Is(err, protocol.EphemeralOnLocalSession):
		return &Failure{Text: "Unable to create ephemeral node on a local session\n" + text, Exit: exit, Err: err}
	case errors.Is(err, protocol.InvalidACL) && c.Compat.Deprecations:
		return &Failure{Text: err.Error() + "\n" + text, Exit: exit, Err: err}
	}
	return err
}
