package config

import (
	"strings"
	"testing"

	"zookit/protocol"
)

// A change of the members, step by step and as a whole. Codes and texts are those
// of Apache 3.8.0 (TestReconfigAnswers of package interop asks it).
func TestChange(t *testing.T) {
	t.Parallel()
	const one, two, three = "server.1=10.0.0.1:2:3:participant;0.0.0.0:2181", "server.2=10.0.0.2:2:3:participant;0.0.0.0:2181", "server.3=10.0.0.3:2:3:observer;10.0.0.3:2181"
	now := parsed(t, one+"\n"+two+"\n"+three+"\nversion=5")
	text := func(s string) *string { return &s }
	for _, tt := range []struct {
		name    string
		change  Change
		request protocol.ReconfigRequest
		want    string // the lines, or the code
	}{
		{"nothing", Change{StandaloneEnabled: true}, protocol.ReconfigRequest{}, one + "|" + two + "|" + three},
		{"joins", Change{}, protocol.ReconfigRequest{Joining: text("server.4=10.0.0.4:2:3;2181")}, one + "|" + two + "|" + three + "|server.4=10.0.0.4:2:3:participant;0.0.0.0:2181"},
		{"changes its part", Change{}, protocol.ReconfigRequest{Joining: text("server.3=10.0.0.3:2:3;10.0.0.3:2181")}, one + "|" + two + "|" + strings.Replace(three, "observer", "participant", 1)},
		{"leaves and joins", Change{}, protocol.ReconfigRequest{Leaving: text("3, 7"), Joining: text(" server.4=10.0.0.3:2:3;10.0.0.3:2181 ,")}, one + "|" + two + "|server.4=10.0.0.3:2:3:participant;10.0.0.3:2181"},
		{"same quorum address", Change{}, protocol.ReconfigRequest{Joining: text("server.4=10.0.0.2:2:7;2181")}, "BadArguments"},
		{"same client address", Change{}, protocol.ReconfigRequest{Joining: text("server.4=10.0.0.4:2:3;10.0.0.3:2181")}, "BadArguments"},
		{"loopback may be shared", Change{}, protocol.ReconfigRequest{Joining: text("server.4=127.0.0.1:2:3;1,server.5=127.0.0.1:2:3;1")}, one + "|" + two + "|" + three + "|server.4=127.0.0.1:2:3:participant;0.0.0.0:1|server.5=127.0.0.1:2:3:participant;0.0.0.0:1"},
		{"two addresses", Change{}, protocol.ReconfigRequest{Joining: text("server.4=a:2:3|b:2:3;1")}, "BadArguments"},
		{"two addresses, allowed", Change{MultiAddress: true}, protocol.ReconfigRequest{Leaving: text("1,2,3"), Joining: text("server.4=a:2:3|b:2:3;1")}, "server.4=a:2:3|b:2:3:participant;0.0.0.0:1"},
		{"one voter", Change{StandaloneEnabled: true}, protocol.ReconfigRequest{Leaving: text("1")}, "BadArguments"},
		{"one voter, distributed", Change{}, protocol.ReconfigRequest{Leaving: text("1,3")}, two},
		{"no voter", Change{}, protocol.ReconfigRequest{Leaving: text("1,2")}, "BadArguments"},
		{"a name for an id", Change{}, protocol.ReconfigRequest{Leaving: text("server.1")}, "MarshallingError"},
		{"whole", Change{}, protocol.ReconfigRequest{NewMembers: text(two + "," + three + "\nversion=99"), Joining: text("ignored")}, two + "|" + three},
		{"whole, groups", Change{}, protocol.ReconfigRequest{NewMembers: text(one + "," + two + ",group.1=1:2,weight.2=0")}, one + "|" + two + "|group.1=1:2|weight.1=1|weight.2=0"},
		{"whole, too long", Change{}, protocol.ReconfigRequest{NewMembers: text(strings.Repeat("x", maxFileBytes+1))}, "BadArguments"},
		{"whole, standalone", Change{StandaloneEnabled: true}, protocol.ReconfigRequest{NewMembers: text(two)}, "BadArguments"},
		{"whole, observers of one", Change{StandaloneEnabled: true}, protocol.ReconfigRequest{NewMembers: text(two + "," + three)}, "MarshallingError"},
	} {
		tt.change.Request = &tt.request
		next, code, why := tt.change.Of(now, 0x1a)
		got := strings.TrimPrefix(code.Error(), "KeeperErrorCode = ")
		if code == protocol.OK {
			got = strings.ReplaceAll(strings.TrimSuffix(string(next.Text), "\nversion=1a"), "\n", "|")
		} else if why == "" {
			t.Errorf("%s: no word on why", tt.name)
		}
		if got != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got, why, tt.want)
		}
	}
	if got := now.String(); got != one+"\n"+two+"\n"+three+"\nversion=5" {
		t.Errorf("the configuration before has changed: %s", got)
	}
}
