package export

import (
	"fmt"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/shell/render"
)

// ACLText writes an ACL, an entry a text: scheme:id:perms. Permissions that no
// letter stands for, which servers keep as well, make it a number.
func ACLText(acl []protocol.ACL) []string {
	texts := make([]string, len(acl))
	for i, a := range acl {
		perms := render.Perms(a.Perms)
		if a.Perms&^protocol.PermAll != 0 {
			perms = strconv.FormatInt(int64(a.Perms), 10)
		}
		texts[i] = a.Scheme + ":" + a.ID + ":" + perms
	}
	return texts
}

// ParseACL reads what ACLText writes. The id may hold colons.
func ParseACL(texts []string) ([]protocol.ACL, error) {
	var acl []protocol.ACL
	for _, text := range texts {
		first, last := strings.IndexByte(text, ':'), strings.LastIndexByte(text, ':')
		if first < 0 || first == last {
			return nil, fmt.Errorf("ACL %q is not of the form scheme:id:perms", text)
		}
		a := protocol.ACL{Scheme: text[:first], ID: text[first+1 : last]}
		letters := text[last+1:]
		if n, err := strconv.ParseInt(letters, 10, 32); err == nil {
			a.Perms = protocol.Perm(n)
			letters = ""
		}
		for _, l := range letters {
			bit, ok := permOf[l]
			if !ok {
				return nil, fmt.Errorf("ACL %q: %q is none of the permissions c, d, r, w, a", text, l)
			}
			a.Perms |= bit
		}
		acl = append(acl, a)
	}
	return acl, nil
}

var permOf = map[rune]protocol.Perm{
	'c': protocol.PermCreate, 'd': protocol.PermDelete, 'r': protocol.PermRead, 'w': protocol.PermWrite, 'a': protocol.PermAdmin,
}
