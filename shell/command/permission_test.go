package command

import (
	"testing"

	"zookit/protocol"
)

// A plan says that a place may not be touched only when that is certain.
func TestForbids(t *testing.T) {
	t.Parallel()
	me := permits{known: true, ids: []protocol.ClientInfo{{Scheme: "ip", User: "10.1.2.3"}, {Scheme: "digest", User: "joe"}}}
	entry := func(scheme, id string, perms protocol.Perm) []protocol.ACL {
		return []protocol.ACL{{Perms: perms, Scheme: scheme, ID: id}}
	}
	const d, r = protocol.PermDelete, protocol.PermRead
	for _, c := range []struct {
		who  permits
		acl  []protocol.ACL
		want bool
	}{
		{me, entry("world", "anyone", r|d), false},
		{me, entry("world", "anyone", r), true},
		{me, entry("digest", "joe:hash", d), false},
		{me, entry("digest", "ann:hash", d), true},
		{me, append(entry("digest", "ann:hash", d), entry("world", "anyone", d)...), false},
		{me, entry("ip", "10.1.2.3", d), false},
		{me, entry("ip", "10.1.0.0/16", d), false},
		{me, entry("ip", "10.2.0.0/16", d), true},
		{me, entry("ip", "nonsense", d), false},
		{me, entry("sasl", "joe", d), false}, // rules of its own
		{me, nil, false},                     // it was not read
		{permits{}, entry("digest", "ann:hash", d), false},
		{permits{known: true, ids: []protocol.ClientInfo{{Scheme: "super"}}}, entry("digest", "ann:hash", d), false},
	} {
		if got := c.who.forbids(c.acl, d); got != c.want {
			t.Errorf("%+v for %+v: forbidden %v", c.acl, c.who.ids, got)
		}
	}
}
