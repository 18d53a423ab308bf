package acl

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
)

func rules(t *testing.T, opt Options) *Rules {
	t.Helper()
	r, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func entry(perms protocol.Perm, scheme, id string) protocol.ACL {
	return protocol.ACL{Perms: perms, Scheme: scheme, ID: id}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	var (
		ip    = protocol.ID{Scheme: "ip", ID: "10.1.2.3"}
		bob   = protocol.ID{Scheme: "digest", ID: "bob:x="}
		super = protocol.ID{Scheme: "super"}
		cert  = protocol.ID{Scheme: "x509", ID: "CN=bob"}
		sasl  = protocol.ID{Scheme: "sasl", ID: "bob@R"}
		ids   = func(v ...protocol.ID) []protocol.ID { return v }
	)
	for _, c := range []struct {
		name string
		opt  Options
		acl  []protocol.ACL
		want protocol.Perm
		ids  []protocol.ID
		ok   bool
	}{
		{"empty ACL grants all", Options{}, nil, protocol.PermAdmin, nil, true},
		{"world", Options{}, protocol.OpenACL, protocol.PermAdmin, nil, true},
		{"world, other permission", Options{}, protocol.ReadACL, protocol.PermWrite, ids(bob), false},
		{"one of two permissions", Options{}, protocol.ReadACL, protocol.PermRead | protocol.PermAdmin, nil, true},
		{"world of another id", Options{}, []protocol.ACL{entry(31, "world", "x")}, protocol.PermRead, ids(ip), false},
		{"skipACL", Options{SkipACL: true}, []protocol.ACL{entry(0, "world", "anyone")}, protocol.PermRead, nil, true},
		{"super", Options{}, []protocol.ACL{entry(1, "digest", "eve:y=")}, protocol.PermDelete, ids(ip, super), true},
		{"digest", Options{}, []protocol.ACL{entry(1, "digest", "bob:x=")}, protocol.PermRead, ids(ip, bob), true},
		{"digest of another", Options{}, []protocol.ACL{entry(1, "digest", "bob:z=")}, protocol.PermRead, ids(ip, bob), false},
		{"digest disabled", Options{DigestDisabled: true}, []protocol.ACL{entry(1, "digest", "bob:x=")}, protocol.PermRead, ids(bob), false},
		{"second entry", Options{}, []protocol.ACL{entry(1, "digest", "eve:"), entry(2, "digest", "bob:x=")}, protocol.PermWrite, ids(bob), true},
		{"granted by another entry only", Options{}, []protocol.ACL{entry(2, "digest", "eve:"), entry(1, "digest", "bob:x=")}, protocol.PermWrite, ids(bob), false},
		{"ip", Options{}, []protocol.ACL{entry(1, "ip", "10.0.0.0/8")}, protocol.PermRead, ids(ip), true},
		{"ip outside", Options{}, []protocol.ACL{entry(1, "ip", "11.0.0.0/8")}, protocol.PermRead, ids(ip), false},
		{"the id of another scheme", Options{}, []protocol.ACL{entry(1, "ip", "10.1.2.3")}, protocol.PermRead, ids(protocol.ID{Scheme: "digest", ID: "10.1.2.3"}), false},
		{"x509 not configured", Options{}, []protocol.ACL{entry(1, "x509", "CN=bob")}, protocol.PermRead, ids(cert), false},
		{"x509", Options{X509: true}, []protocol.ACL{entry(1, "x509", "CN=bob")}, protocol.PermRead, ids(cert), true},
		{"x509 superUser", Options{X509: true, X509SuperUser: "CN=bob"}, []protocol.ACL{entry(1, "x509", "CN=eve")}, protocol.PermRead, ids(cert), true},
		{"sasl not configured", Options{}, []protocol.ACL{entry(1, "sasl", "bob@R")}, protocol.PermRead, ids(sasl), false},
		{"sasl", Options{SASL: true}, []protocol.ACL{entry(1, "sasl", "bob@R")}, protocol.PermRead, ids(sasl), true},
		{"sasl any user", Options{SASL: true, SASLAnyUser: "all"}, []protocol.ACL{entry(1, "sasl", "all")}, protocol.PermRead, ids(sasl), true},
		{"unknown scheme", Options{}, []protocol.ACL{entry(1, "host", "h")}, protocol.PermRead, ids(protocol.ID{Scheme: "host", ID: "h"}), false},
	} {
		if got := rules(t, c.opt).Check(c.acl, c.want, c.ids); got != c.ok {
			t.Errorf("%s: %v, want %v", c.name, got, c.ok)
		}
	}
}

func TestFixUp(t *testing.T) {
	t.Parallel()
	ids := []protocol.ID{{Scheme: "ip", ID: "10.1.2.3"}, {Scheme: "digest", ID: "bob:x="}, {Scheme: "super"}, {Scheme: "digest", ID: "eve:y="}}
	all := func(e ...protocol.ACL) []protocol.ACL { return e }
	for _, c := range []struct {
		name     string
		opt      Options
		acl      []protocol.ACL
		ids      []protocol.ID
		want     []protocol.ACL
		notValid bool
	}{
		{name: "null", notValid: true},
		{name: "empty", acl: []protocol.ACL{}, notValid: true},
		{name: "world", acl: protocol.OpenACL, want: protocol.OpenACL},
		{name: "no permission is one too", acl: all(entry(0, "world", "anyone")), want: all(entry(0, "world", "anyone"))},
		{name: "world of another id", acl: all(entry(1, "world", "everyone")), notValid: true},
		{name: "duplicates", acl: all(entry(1, "world", "anyone"), entry(2, "digest", "a:b"), entry(1, "world", "anyone")),
			want: all(entry(1, "world", "anyone"), entry(2, "digest", "a:b"))},
		{name: "auth", acl: all(entry(3, "auth", "ignored")), ids: ids, want: all(entry(3, "digest", "bob:x="), entry(3, "digest", "eve:y="))},
		{name: "auth without authentication", acl: all(entry(3, "auth", "")), ids: ids[:1], notValid: true},
		{name: "auth as super alone", acl: all(entry(3, "auth", "")), ids: ids[2:3], notValid: true},
		{name: "null scheme", acl: all(entry(1, "", "x")), notValid: true},
		{name: "unknown scheme", acl: all(entry(1, "host", "x")), notValid: true},
		{name: "super", acl: all(entry(1, "super", "")), notValid: true},
		{name: "one bad entry", acl: all(entry(1, "world", "anyone"), entry(1, "digest", "a")), notValid: true},
		{name: "digest", acl: all(entry(1, "digest", "a:b")), want: all(entry(1, "digest", "a:b"))},
		{name: "digest disabled", opt: Options{DigestDisabled: true}, acl: all(entry(1, "digest", "a:b")), notValid: true},
		{name: "x509 not configured", acl: all(entry(1, "x509", "CN=a")), notValid: true},
		{name: "x509", opt: Options{X509: true}, acl: all(entry(1, "x509", "CN=a")), want: all(entry(1, "x509", "CN=a"))},
		{name: "sasl not configured", acl: all(entry(1, "sasl", "a")), notValid: true},
		{name: "sasl", opt: Options{SASL: true}, acl: all(entry(1, "sasl", "a/b@C")), want: all(entry(1, "sasl", "a/b@C"))},
		{name: "sasl malformed", opt: Options{SASL: true}, acl: all(entry(1, "sasl", "a@b@C")), notValid: true},
	} {
		got, code := rules(t, c.opt).FixUp(c.acl, c.ids, 1000)
		if c.notValid && code != protocol.InvalidACL || !c.notValid && (code != protocol.OK || !slices.Equal(got, c.want)) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, code, c.want)
		}
	}
}

// A list that stands for more than the limit is refused before it is made; at the limit it is not.
func TestFixUpLimit(t *testing.T) {
	t.Parallel()
	ids := []protocol.ID{{Scheme: "digest", ID: "bob:x="}, {Scheme: "digest", ID: "eve:y="}}
	var list, want []protocol.ACL
	for p := range protocol.Perm(100) {
		list = append(list, entry(p, "auth", ""), entry(p, "auth", ""))
		want = append(want, entry(p, "digest", "bob:x="), entry(p, "digest", "eve:y="))
	}
	size := protocol.ACLsLen(want)
	if size != len(protocol.AppendACLs(nil, want)) {
		t.Errorf("ACLsLen is %d, AppendACLs appends %d bytes", size, len(protocol.AppendACLs(nil, want)))
	}
	if got, code := Default().FixUp(list, ids, size); code != protocol.OK || !slices.Equal(got, want) {
		t.Errorf("at the limit: %v, %d entries, want %d", code, len(got), len(want))
	}
	if _, code := Default().FixUp(list, ids, size-1); code != protocol.BadArguments {
		t.Errorf("beyond the limit: %v", code)
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	ip := protocol.ID{Scheme: "ip", ID: "10.1.2.3"}
	const super = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" // of super:test
	digest := func(id string) protocol.ID { return protocol.ID{Scheme: "digest", ID: id} }
	for _, c := range []struct {
		name, scheme, auth string
		opt                Options
		want               []protocol.ID
	}{
		{"digest", "digest", "bob:secret", Options{}, []protocol.ID{digest(protocol.DigestID("bob:secret"))}},
		{"digest without password", "digest", "bob", Options{}, []protocol.ID{digest(protocol.DigestID("bob"))}},
		{"colon in the password", "digest", "bob:a:b", Options{}, []protocol.ID{digest(protocol.DigestID("bob:a:b"))}},
		{"super", "digest", "super:test", Options{SuperDigest: super}, []protocol.ID{{Scheme: "super"}, digest(super)}},
		{"super by a wrong password", "digest", "super:tes", Options{SuperDigest: super}, []protocol.ID{digest(protocol.DigestID("super:tes"))}},
		{"no superDigest set", "digest", "super:test", Options{}, []protocol.ID{digest(super)}},
		{"SHA-256", "digest", "bob:secret", Options{DigestAlg: "SHA-256"}, []protocol.ID{digest("bob:huAluaVu3uER4LIpielGv9Qqk5x3YVDr6I2R/mXf2wE=")}},
		{"digest disabled", "digest", "bob:secret", Options{DigestDisabled: true}, nil},
		{"ip", "ip", "", Options{}, []protocol.ID{ip}},
		{"world", "world", "anyone", Options{}, nil},
		{"auth", "auth", "", Options{}, nil},
		{"sasl", "sasl", "bob", Options{SASL: true}, nil},
		{"unknown", "host", "h", Options{}, nil},
	} {
		got, code := rules(t, c.opt).Authenticate(c.scheme, []byte(c.auth), ip)
		if (code == protocol.AuthFailed) != (c.want == nil) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, code, c.want)
		}
	}
	if _, err := New(Options{DigestAlg: "ROT13"}); err == nil || !strings.Contains(err.Error(), "ROT13") {
		t.Errorf("an unknown algorithm: %v", err)
	}
}

func TestIP(t *testing.T) {
	t.Parallel()
	valid := map[string]bool{
		"10.1.2.3": true, "10.1.2.3/0": true, "10.1.2.3/32": true, "10.1.2.3/33": false, "10.1.2.3/-1": false,
		"10.1.2.3/": false, "10.1.2.3/8/8": false, "10.1.2": false, "10.1.2.256": false, "10.1.2.": false, "1.2.3.4.5": false,
		"010.1.2.3": true, "10.1.2.x": false, "": false, "localhost": false,
		"::1": true, "::": true, "1::": true, "fe80::1/64": true, "::1/128": true, "::1/129": false, "1:2:3:4:5:6:7:8": true,
		"1:2:3:4:5:6:7": false, "1::2::3": false, "1:2:3:4:5:6:7::8": false, "12345::": false, "g::": false, ":::": false, "1:::2": false,
	}
	for expr, want := range valid {
		if _, _, got := parseIPExpr(expr); got != want {
			t.Errorf("%q valid: %v, want %v", expr, got, want)
		}
	}
	for _, c := range []struct {
		id, expr string
		want     bool
	}{
		{"10.1.2.3", "10.1.2.3", true}, {"10.1.2.3", "10.1.2.4", false}, {"10.1.2.3", "10.1.2.4/31", false}, {"10.1.2.5", "10.1.2.4/31", true},
		{"10.1.2.3", "0.0.0.0/0", true}, {"10.129.0.0", "10.128.0.0/9", true}, {"10.127.0.0", "10.128.0.0/9", false},
		{"0:0:0:0:0:0:0:1", "::1", true}, {"fe80:0:0:0:0:0:0:9", "fe80::/64", true}, {"fe80:0:0:1:0:0:0:9", "fe80::/64", false},
		{"10.1.2.3", "::/0", false}, {"0:0:0:0:0:0:0:1", "0.0.0.0/0", false}, {"fe80:0:0:0:0:0:0:9%eth0", "fe80::/64", false},
		{"10.1.2.3", "nonsense", false},
	} {
		if got := matchIP(c.id, c.expr); got != c.want {
			t.Errorf("%s against %s: %v, want %v", c.id, c.expr, got, c.want)
		}
	}
	for addr, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "::1": "0:0:0:0:0:0:0:1", "::ffff:10.1.2.3": "10.1.2.3", "fe80::a:0b": "fe80:0:0:0:0:0:a:b", "fe80::1%eth0": "fe80:0:0:0:0:0:0:1%eth0",
	} {
		if got := IPIdentity(netip.MustParseAddr(addr)); got != (protocol.ID{Scheme: "ip", ID: want}) {
			t.Errorf("identity of %s: %v", addr, got)
		}
	}
}

func TestIDSyntax(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{"a:b": true, "a:": false, ":b": true, "a": false, "a:b:c": false, "a:b:": true, "": false, ":": false} {
		if got := validDigestID(id); got != want {
			t.Errorf("digest id %q: %v, want %v", id, got, want)
		}
	}
	for id, want := range map[string]bool{"zk": true, "zk/host": true, "zk/host@REALM": true, "zk@REALM": true, "a/b/c@R": false, "a@b@c": false, "a/b/c": true, "@": true, "a@b/c": false} {
		if got := validPrincipal(id); got != want {
			t.Errorf("principal %q: %v, want %v", id, got, want)
		}
	}
	// What new X500Principal(line) of Java 17 takes (1) and refuses (0).
	b, err := os.ReadFile("testdata/x500principal.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		verdict, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if got := validDN(name); got != (verdict == "1") {
			t.Errorf("distinguished name %q: %v, Java says %s", name, got, verdict)
		}
	}
}

func TestCVE2019_0201MaskedACLs(t *testing.T) {
	t.Parallel()
	acl := []protocol.ACL{entry(31, "digest", "bob:secret="), entry(1, "ip", "10.0.0.0/8"), entry(1, "digest", "odd")}
	want := []protocol.ACL{entry(31, "digest", "bob:x"), entry(1, "ip", "10.0.0.0/8"), entry(1, "digest", "odd")}
	if got := Mask(acl); !slices.Equal(got, want) || acl[0].ID != "bob:secret=" {
		t.Errorf("masked %v from %v", got, acl)
	}
	ids := []protocol.ID{{Scheme: "ip", ID: "10.1.2.3"}, {Scheme: "digest", ID: "bob:x="}, {Scheme: "super"}}
	if got, want := Default().WhoAmI(ids), []protocol.ClientInfo{{Scheme: "ip", User: "10.1.2.3"}, {Scheme: "digest", User: "bob"}, {Scheme: "super"}}; !slices.Equal(got, want) {
		t.Errorf("who am I: %v", got)
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	r := Default()
	acl := []protocol.ACL{entry(1, "digest", "eve:y="), entry(31, "digest", "bob:x="), entry(1, "world", "anyone")}
	ids := []protocol.ID{{Scheme: "ip", ID: "10.1.2.3"}, {Scheme: "digest", ID: "bob:x="}}
	if n := testing.AllocsPerRun(100, func() {
		if !r.Check(acl, protocol.PermRead, ids) {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
