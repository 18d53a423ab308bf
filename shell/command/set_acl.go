package command

import (
	"errors"
	"fmt"

	"zookit/protocol"
)

var setACL = &Command{
	Name:  "setAcl",
	Usage: Usage{R34: "path acl", R38: "[-s] [-v version] [-R] path acl"},
	Flags: []Flag{
		{Name: "s", Help: "stats"},
		{Name: "v", Arg: "version", Help: "version"},
		{Name: "R", Help: "recursive"},
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}, {Name: "acl", Kind: ACLArg}},
	Summary: "replace the ACL of a znode",
	Help: "The ACL is scheme:id:perms[,scheme:id:perms…], the permissions letters of c d r w a. -v expects an aclVersion.\n" +
		"-R goes through the subtree, carries on after a failure and ends with exit code 1 when there was one.",
	Example: []string{"setAcl /app world:anyone:r,auth::cdrwa", "setAcl -R /app sasl:joe:cdrwa"},
	Min:     2, Max: 2,
	Run: runSetACL,
}

func runSetACL(c *Context) error {
	acl, err := parseACL(c, c.Args[1], c.Shell.resolve(c.Args[0]))
	if err != nil {
		return err
	}
	version, err := c.versionFlag(-1)
	if err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	if c.Has("R") {
		return setACLs(c, s, path, acl, version)
	}
	st, err := s.SetACL(c, path, acl, version)
	if err != nil {
		return err
	}
	return c.changed(path, st)
}

// setACLs goes through a subtree as Apache does: a znode's children get the
// ACL, then theirs. A znode that has just been deleted is passed over.
func setACLs(c *Context, s Session, root string, acl []protocol.ACL, version int32) error {
	if _, _, err := s.Get(c, root, false); err != nil {
		return err
	}
	done, failed := 0, 0
	apply := func(path string) error {
		_, err := s.SetACL(c, path, acl, version)
		switch {
		case err == nil:
			done++
		case !isCode(err):
			return err // no verdict of the server: the rest would fare no better
		case c.Compat.GluedACLErrors:
			c.Print([]byte(err.Error()))
		case errors.Is(err, protocol.NoNode) && path != root:
		default:
			failed++
			text, _ := c.Compat.Describe(c.Command, err)
			c.Warn(text)
		}
		return nil
	}
	if err := apply(root); err != nil {
		return err
	}
	pending := []string{root}
	for len(pending) > 0 {
		node := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		names, _, err := s.Children(c, node, false)
		switch {
		case errors.Is(err, protocol.NoNode):
			continue
		case err != nil && isCode(err) && !c.Compat.GluedACLErrors:
			failed++
			text, _ := c.Compat.Describe(c.Command, err)
			c.Warn(text)
			continue
		case err != nil:
			return err
		}
		for _, n := range names {
			child := protocol.Join(node, n)
			if err := apply(child); err != nil {
				return err
			}
			pending = append(pending, child)
		}
	}
	if failed > 0 {
		return &Failure{Text: fmt.Sprintf("setAcl: znodes changed: %d, failed: %d", done, failed)}
	}
	return nil
}
