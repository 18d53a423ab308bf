package quorum_test

import (
	"reflect"
	"strings"
	"testing"

	"zookit/protocol/quorum"
)

func parse(t testing.TB, text string) *quorum.Config {
	t.Helper()
	c, err := quorum.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigText(t *testing.T) {
	t.Parallel()
	text := "server.1=10.0.0.1:2888:3888|10.1.0.1:2889:3889:participant;0.0.0.0:2181\n" +
		"server.2=[fe80::1]:2888:3888:participant\nserver.10=c:2888:3888:observer\n" +
		"group.1=1\ngroup.2=2:10\nweight.1=3\nweight.2=1\nweight.10=0\nversion=100000004"
	c := parse(t, text)
	if got := c.String(); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
	m, ok := c.Member(1)
	if want := (quorum.Member{ID: 1, Client: "0.0.0.0:2181", Addresses: []quorum.Address{{"10.0.0.1", 2888, 3888}, {"10.1.0.1", 2889, 3889}}}); !ok || !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, want %+v", m, want)
	}
	if m, _ := c.Member(2); m.Addresses[0].Election() != "[fe80::1]:3888" {
		t.Errorf("election address %s", m.Addresses[0].Election())
	}
	if _, ok := c.Member(3); ok || c.Version != 0x100000004 {
		t.Errorf("member 3 %v, version %x", ok, c.Version)
	}
	// zoo.cfg's form: no role, other keys between, members in any order.
	loose := parse(t, "tickTime=2000\nserver.2=b:1:2\nserver.1=a:1:2\n")
	if got := loose.String(); got != "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nversion=0" {
		t.Errorf("got %q", got)
	}
	for _, bad := range []string{"server.x=a:1:2", "server.1=a", "server.1=a:1", "server.1=a:1:70000", "server.1=a:1:2:leader", "server.1=[::1:1:2",
		"server.1=a:1:2\nserver.1=b:1:2", "group.1=a", "group.1=1\ngroup.1=2", "weight.1=-1", "version=xyz", strings.Repeat("#", quorum.MaxConfig+1)} {
		if c, err := quorum.ParseConfig(bad); err == nil {
			t.Errorf("%.40q parses as %q", bad, c)
		}
	}
}

func TestSameVoting(t *testing.T) {
	t.Parallel()
	base := "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n"
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{base, "server.1=127.0.0.1:5:6\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2:observer\nweight.1=7\n", true},
		{base, "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer\n", false},
		{base, "server.1=a:1:2\nserver.2=b:1:2\n", false},
		{base, base + "group.1=1:2:3\n", false},
		{base + "group.1=1:2:3\n", base + "group.1=3:2:1\nweight.2=1\n", true},
		{base + "group.1=1:2:3\n", base + "group.1=1:2:3\nweight.2=2\n", false},
	} {
		if got := parse(t, tt.a).SameVoting(parse(t, tt.b)); got != tt.same {
			t.Errorf("%q and %q: %v", tt.a, tt.b, got)
		}
	}
}

// members makes the lines of n participants.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("server." + string(rune('1'+i)) + "=h:1:2\n")
	}
	return b.String()
}

func TestQuorums(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		config       string
		quorums, not string // sets of sids, each a word
	}{
		{members(1), "1", "2 -"},
		{members(2), "12", "1 2"},
		{members(3), "12 13 23 123", "1 2 3 14 -"},
		{members(4), "123 234 1234", "12 34"},
		{members(5), "123 345", "12 45 1678"},
		{"server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2\nserver.4=h:1:2:observer\n", "12 23", "14 34"},
		// Three groups of three: two of three in two of three groups.
		{members(9) + "group.1=1:2:3\ngroup.2=4:5:6\ngroup.3=7:8:9\n", "1245 2389 4578", "124 1234 123 147"},
		// A group without weight is left aside; half of a weight is not enough.
		{members(5) + "group.1=1:2\ngroup.2=3:4\ngroup.3=5\nweight.1=2\nweight.5=0\n", "134 1345", "13 34 234 12"},
		// An observer's weight counts in its group, as in Apache.
		{"server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2:observer\ngroup.1=1:2:3\nweight.3=1\n", "12", "1 2 13"},
	} {
		v, err := quorum.NewVerifier(parse(t, tt.config))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false} {
			sets := tt.quorums
			if !want {
				sets = tt.not
			}
			for _, set := range strings.Fields(sets) {
				in := func(sid int64) bool { return strings.ContainsRune(set, rune('0'+sid)) }
				if got := v.ContainsQuorum(in); got != want {
					t.Errorf("%q: %s a quorum: %v", tt.config, set, got)
				}
			}
		}
	}
}

func TestVerifierRoles(t *testing.T) {
	t.Parallel()
	v, err := quorum.NewVerifier(parse(t, "server.1=h:1:2\nserver.2=h:1:2\nserver.7=h:1:2:observer\ngroup.1=1:2:7\nweight.1=0\nweight.7=0\nversion=5"))
	if err != nil {
		t.Fatal(err)
	}
	if !v.Voting(1) || v.Voting(7) || v.Voting(3) || !v.Observing(7) || v.Observing(1) || v.Weight(1) != 0 || v.Weight(2) != 1 || v.Weight(7) != 0 || v.Version() != 5 ||
		!reflect.DeepEqual(v.Voters(), []int64{1, 2}) {
		t.Errorf("%+v", v)
	}
	for _, bad := range []string{"", "server.1=h:1:2:observer", members(2) + "group.1=1", members(2) + "group.1=1:2:3", members(2) + "group.1=1:2\ngroup.2=2",
		members(1) + "group.1=1\nweight.1=0", "server.1=h:1:2\nserver.2=h:1:2:observer\ngroup.1=1:2", members(2) + "group.1=1:2\nweight.1=9223372036854775807"} {
		if _, err := quorum.NewVerifier(parse(t, bad)); err == nil {
			t.Errorf("%q has a verifier", bad)
		}
	}
}

// TestQuorumsMeet: any two quorums share a voter, over all subsets of small
// configurations with groups and weights.
func TestQuorumsMeet(t *testing.T) {
	t.Parallel()
	for _, config := range []string{members(5), members(6), members(7) + "group.1=1:2:3\ngroup.2=4:5\ngroup.3=6:7\nweight.4=3\nweight.6=0\nweight.1=5\n"} {
		v, err := quorum.NewVerifier(parse(t, config))
		if err != nil {
			t.Fatal(err)
		}
		n := len(v.Voters())
		quorumOf := func(set int) bool {
			return v.ContainsQuorum(func(sid int64) bool { return set&(1<<(sid-1)) != 0 })
		}
		for set := range 1 << n {
			if quorumOf(set) && quorumOf(1<<n-1-set) {
				t.Errorf("%q: set %b and the others are both quorums", config, set)
			}
		}
	}
}
