package command

import (
	"net/netip"
	"strings"

	"zookit/protocol"
)

// permits tells from ACLs what the session may do. A server that does not tell
// the session's identities (before 3.7) leaves it not knowing, and then nothing
// is said to be forbidden.
type permits struct {
	known bool
	ids   []protocol.ClientInfo
}

// permits asks who the session is.
func (c *Context) permits(s Session) permits {
	ids, err := s.WhoAmI(c)
	return permits{err == nil, ids}
}

// forbids is true when an ACL certainly does not grant a permission.
func (p permits) forbids(acl []protocol.ACL, perm protocol.Perm) bool {
	if !p.known || acl == nil {
		return false
	}
	for _, id := range p.ids {
		if id.Scheme == "super" || id.Scheme == "x509" && id.User == "super" {
			return false
		}
	}
	for _, a := range acl {
		if a.Perms&perm != 0 && p.is(a) {
			return false
		}
	}
	return true
}

// is tells whether an entry may speak of this session. Schemes with rules of
// their own get the benefit of the doubt.
func (p permits) is(a protocol.ACL) bool {
	switch a.Scheme {
	case "world":
		return true
	case "digest", "auth", "x509":
		user, _, _ := strings.Cut(a.ID, ":")
		for _, id := range p.ids {
			if id.Scheme == a.Scheme && (id.User == a.ID || id.User == user) {
				return true
			}
		}
		return false
	case "ip":
		for _, id := range p.ids {
			if id.Scheme == "ip" && ipMatches(a.ID, id.User) {
				return true
			}
		}
		return false
	}
	return true
}

// ipMatches tells whether an address is one that an entry of scheme ip names.
func ipMatches(entry, address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return true
	}
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		return prefix.Masked().Contains(addr)
	}
	one, err := netip.ParseAddr(entry)
	return err != nil || one == addr
}
