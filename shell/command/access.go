package command

import (
	"errors"
	"net/netip"
	"strings"

	"zookit/protocol"
)

// verdict is what is known of a permission.
type verdict int

const (
	denied  verdict = iota
	likely          // by a digest user of ours, should the password be the same
	granted         // by an identity that is ours, or seen to be granted
	unknown         // the ACL cannot be read
)

var verdictWords = [...]string{"no", "likely", "yes", "unknown"}

func (v verdict) String() string { return verdictWords[v] }

// access is what the identities of a session may do on a znode, as far as a
// client can tell. A server tells clients their digest identities by user
// alone, so an entry for digest:user is likely ours, until reading the znode
// settles it.
type access struct {
	super   bool
	entries []entryMatch
	read    verdict // seen
	closed  bool    // the ACL may not be read: neither r nor a is granted
}

// entryMatch is an entry of the ACL and whether it is ours.
type entryMatch struct {
	acl   protocol.ACL
	match verdict
}

// accessTo looks at the ACL and whether the data can be read.
func accessTo(c *Context, s Session, path string, ids []protocol.ClientInfo) (*access, error) {
	a := &access{}
	for _, id := range ids {
		a.super = a.super || id.Scheme == "super"
	}
	acl, _, err := s.GetACL(c, path)
	switch {
	case errors.Is(err, protocol.NoAuth):
		a.closed = true
		return a, nil
	case err != nil:
		return nil, err
	}
	for _, e := range acl {
		a.entries = append(a.entries, entryMatch{e, matchEntry(e, ids)})
	}
	switch _, _, err := s.Get(c, path, false); {
	case err == nil:
		a.read = granted
	case !errors.Is(err, protocol.NoAuth):
		return nil, err
	}
	a.settle()
	return a, nil
}

// matchEntry tells whether an entry is for one of the identities.
func matchEntry(e protocol.ACL, ids []protocol.ClientInfo) verdict {
	if e.Scheme == "world" && e.ID == "anyone" {
		return granted
	}
	for _, id := range ids {
		if id.Scheme != e.Scheme {
			continue
		}
		switch e.Scheme {
		case "ip":
			if inNetwork(id.User, e.ID) {
				return granted
			}
		case "digest":
			if user, _, _ := strings.Cut(e.ID, ":"); user == id.User {
				return likely
			}
		default:
			if id.User == e.ID {
				return granted
			}
		}
	}
	return denied
}

// inNetwork tells whether an address is in address[/bits].
func inNetwork(address, network string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	if p, err := netip.ParsePrefix(network); err == nil {
		return p.Contains(a)
	}
	n, err := netip.ParseAddr(network)
	return err == nil && n == a
}

// settle decides what is likely by what was seen: data that cannot be read is
// granted by no entry with r, data that can by one of them, and a server that
// masks a digest (user:x) does so for who has no admin permission.
func (a *access) settle() {
	masked, readers, sure := false, 0, a.super
	for _, e := range a.entries {
		masked = masked || e.acl.Scheme == "digest" && strings.HasSuffix(e.acl.ID, ":x")
		if e.acl.Perms&protocol.PermRead != 0 {
			sure = sure || e.match == granted
			if e.match == likely {
				readers++
			}
		}
	}
	for i := range a.entries {
		e := &a.entries[i]
		reads := e.acl.Perms&protocol.PermRead != 0
		switch {
		case e.match != likely:
		case reads && a.read == denied, masked && e.acl.Perms&protocol.PermAdmin != 0:
			e.match = denied
		case reads && !sure && readers == 1:
			e.match = granted
		}
	}
}

// may tells whether a permission is granted, and by which entries; when it is
// not, for whom it is.
func (a *access) may(perm protocol.Perm) (v verdict, entries []string) {
	if a.super {
		return granted, []string{"super"}
	}
	if a.closed {
		if perm == protocol.PermRead || perm == protocol.PermAdmin {
			return denied, nil
		}
		return unknown, nil
	}
	for _, e := range a.entries {
		if e.acl.Perms&perm != 0 {
			v = max(v, e.match)
		}
	}
	for _, e := range a.entries {
		if e.acl.Perms&perm != 0 && e.match == v {
			entries = append(entries, e.name())
		}
	}
	return v, entries
}

// name is the entry's identity, without the x that stands for a digest which
// the server keeps to itself.
func (e entryMatch) name() string {
	id := e.acl.ID
	if e.acl.Scheme == "digest" {
		id = strings.TrimSuffix(id, ":x")
	}
	return e.acl.Scheme + ":" + id
}
