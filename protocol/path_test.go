package protocol_test

import (
	"errors"
	"testing"

	"zookit/protocol"
)

// The texts are Apache's PathUtils, seen in its shell.
func TestValidatePath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, want string }{
		{"/", ""}, {"/a", ""}, {"/a/b-c_d", ""}, {"/...", ""}, {"/.a", ""}, {"/a.", ""}, {"/żółć", ""}, {"/a b", ""}, {"/\ud7ff", ""},
		{"", "Path length must be > 0"},
		{"a", "Path must start with / character"},
		{"/a/", "Path must not end with / character"},
		{"/a//b", `Invalid path string "/a//b" caused by empty node name specified @3`},
		{"/a/./b", `Invalid path string "/a/./b" caused by relative paths not allowed @3`},
		{"/a/..", `Invalid path string "/a/.." caused by relative paths not allowed @4`},
		{"/.", `Invalid path string "/." caused by relative paths not allowed @1`},
		{"/a\x00b", "Invalid path string \"/a\x00b\" caused by null character not allowed @2"},
		{"/a\x1f", "Invalid path string \"/a\x1f\" caused by invalid character @2"},
		{"/ż\u0085", "Invalid path string \"/ż\u0085\" caused by invalid character @2"},
		{"/a\uf8ff", "Invalid path string \"/a\uf8ff\" caused by invalid character @2"},
		{"/\ufff0", "Invalid path string \"/\ufff0\" caused by invalid character @1"},
		{"/😀", "Invalid path string \"/😀\" caused by invalid character @1"},
		{"/a\xff", "Invalid path string \"/a\xff\" caused by invalid character @2"},
	} {
		got := ""
		if err := protocol.ValidatePath(c.path); err != nil {
			got = err.Error()
			if !errors.Is(err, protocol.BadArguments) {
				t.Errorf("%q: not BadArguments", c.path)
			}
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.path, got, c.want)
		}
	}
	if err := protocol.ValidateSequentialPath("/q/"); err != nil {
		t.Errorf("a sequential path may end with a slash: %v", err)
	}
}

func TestParentBaseJoin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, parent, base string }{
		{"/", "", ""}, {"/a", "/", "a"}, {"/a/b", "/a", "b"},
	} {
		if p, b := protocol.Parent(c.path), protocol.Base(c.path); p != c.parent || b != c.base {
			t.Errorf("%s: parent %q, base %q", c.path, p, b)
		}
		if c.parent != "" && protocol.Join(c.parent, c.base) != c.path {
			t.Errorf("join(%q, %q) is not %q", c.parent, c.base, c.path)
		}
	}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	if got := protocol.TTLOf(protocol.OwnerOfTTL(protocol.MaxTTLMs), true); got != 1099511627775 {
		t.Errorf("ttl came back as %d", got)
	}
	if got := protocol.OwnerOfTTL(1).String(); got != "0xff00000000000001" {
		t.Errorf("owner of a ttl of 1 ms is %s", got)
	}
	if s := protocol.EphemeralSession(0x100000000000001, true); s != 0x100000000000001 {
		t.Errorf("session owner lost: %v", s)
	}
	for _, owner := range []protocol.SessionID{0, protocol.ContainerOwner, protocol.OwnerOfTTL(5)} {
		if s := protocol.EphemeralSession(owner, true); s != 0 {
			t.Errorf("%v is an ephemeral of %v", owner, s)
		}
	}
	if protocol.DigestID("u:p") != "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=" {
		// What Apache 3.8.0 prints for it (DigestAuthenticationProvider.main).
		t.Errorf("digest id is %s", protocol.DigestID("u:p"))
	}
}
