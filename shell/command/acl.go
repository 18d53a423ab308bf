package command

import (
	"fmt"
	"strings"

	"zookit/protocol"
)

// parseACL reads "scheme:id:perms[,scheme:id:perms…]"; an item is split at its
// first and last colon, so an id may contain some.
//
// Differs from Apache: an item without that form, or a letter that is no
// permission, refuses the command. Apache prints the same complaint, leaves
// the item or the letter out and goes on, so that a znode gets another ACL
// than was meant (AclParser.java).
func parseACL(c *Context, text, path string) ([]protocol.ACL, error) {
	var acl []protocol.ACL
	var faults []string
	for _, item := range strings.Split(text, ",") {
		first, last := strings.IndexByte(item, ':'), strings.LastIndexByte(item, ':')
		if first == last {
			faults = append(faults, item+" does not have the form scheme:id:perm")
			continue
		}
		perms, unknown := parsePerms(item[last+1:])
		for _, letter := range unknown {
			faults = append(faults, "Unknown perm type: "+string(letter))
		}
		acl = append(acl, protocol.ACL{Perms: perms, Scheme: item[:first], ID: item[first+1 : last]})
	}
	if faults == nil {
		return acl, nil
	}
	if c.Compat.Release == Own {
		return nil, &Failure{Text: fmt.Sprintf("%s; nothing was changed (an ACL is scheme:id:perms[,…] with the permissions c d r w a)",
			strings.Join(faults, "; ")), Err: protocol.InvalidACL}
	}
	if acl == nil {
		// Apache's client refuses the empty list before it looks at the path.
		if c.Command.Name == "create" {
			faults = append(faults, protocol.InvalidACL.Error())
		}
		path = "null"
	}
	return nil, &Failure{Text: strings.Join(faults, "\n") + "\nAcl is not valid : " + path, Err: protocol.InvalidACL}
}

func parsePerms(letters string) (perms protocol.Perm, unknown []rune) {
	for _, l := range letters {
		switch l {
		case 'r':
			perms |= protocol.PermRead
		case 'w':
			perms |= protocol.PermWrite
		case 'c':
			perms |= protocol.PermCreate
		case 'd':
			perms |= protocol.PermDelete
		case 'a':
			perms |= protocol.PermAdmin
		default:
			unknown = append(unknown, l)
		}
	}
	return perms, unknown
}
