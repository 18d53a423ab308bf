package conformance

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/config"
	"zookit/server/zktest/apache"
)

// A story is one sequence of calls; play is run on each side.
type story struct {
	name string
	play func(*side)
}

// A group of stories runs on one pair of servers of the same configuration.
type group struct {
	name    string
	lines   []string // of Apache's zoo.cfg; ours is set by settings
	set     func(*config.Config)
	stories []story
}

func groups() []group {
	return []group{
		{name: "extended", lines: []string{"forceSync=no", "extendedTypesEnabled=true", "enforceQuota=true"},
			set:     func(c *config.Config) { c.ExtendedTypes, c.EnforceQuota = true, true },
			stories: join(createStories, writeStories, readStories, multiStories, watchStories, aclStories, sessionStories, quotaStories, frameStories)},
		{name: "plain", lines: []string{"forceSync=no"}, set: func(c *config.Config) { c.ExtendedTypes, c.EnforceQuota = false, false }, stories: plainStories},
	}
}

func join(lists ...[]story) (out []story) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// given tells that SERVER names the server to compare with.
func given() bool { return os.Getenv("SERVER") != "" }

func TestConformance(t *testing.T) {
	t.Parallel()
	server := os.Getenv("SERVER")
	if !given() {
		apache.Need(t)
		t.Cleanup(func() {
			for i, d := range differences {
				if !used[i].Load() && !t.Failed() {
					t.Errorf("no reply differs by %q any more: %s", d.step, d.reason)
				}
			}
		})
	}
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			if given() && g.name != "extended" {
				t.Skip("SERVER has one configuration: extendedTypesEnabled=true, enforceQuota=true, tickTime=500")
			}
			ours := startOurs(t, g)
			theirs := server
			if theirs == "" {
				theirs = apache.Start(t, apache.Options{Config: g.lines}).Addr
			}
			for i, st := range g.stories {
				t.Run(st.name, func(t *testing.T) {
					root := fmt.Sprintf("/conformance-%d-%d", os.Getpid(), i)
					compare(t, st.name, tell(t, theirs, root, st), tell(t, ours, root, st))
				})
			}
			if !given() {
				sameMonitor(t, theirs)
			}
		})
	}
}

func tell(t *testing.T, addr, root string, st story) []line {
	t.Helper()
	s := newSide(t, addr, root)
	st.play(s)
	s.finish()
	return s.transcript
}

// sameMonitor fails when Apache's own tree digest did not follow: then our inputs drove it into a state it does not mean.
func sameMonitor(t *testing.T, addr string) {
	t.Helper()
	answer, err := protocol.FourLetter(context.Background(), addr, "mntr")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "zk_digest_mismatches_count\t") {
			t.Logf("Apache: %s", strings.TrimSpace(line))
		}
	}
}

// compare walks two transcripts step by step.
func compare(t *testing.T, name string, theirs, ours []line) {
	t.Helper()
	for len(theirs) > 0 || len(ours) > 0 {
		step := ""
		switch {
		case len(theirs) > 0:
			step = theirs[0].step
		default:
			step = ours[0].step
		}
		var a, b []string
		a, theirs = cut(theirs, step)
		b, ours = cut(ours, step)
		if given() && slices.Equal(a, b) {
			continue // a server newer than 3.8.0 need not differ
		}
		if want := expected(name, step, a, b); !slices.Equal(b, want) {
			text := fmt.Sprintf("%s\n  Apache %s\n  ours   %s", step, strings.Join(a, "\n         "), strings.Join(b, "\n         "))
			if !slices.Equal(want, a) {
				text += "\n  wanted " + strings.Join(want, "\n         ")
			}
			t.Error(text)
		}
	}
}

// cut takes the lines of a step from the front.
func cut(lines []line, step string) (texts []string, rest []line) {
	for len(lines) > 0 && lines[0].step == step {
		texts = append(texts, lines[0].text)
		lines = lines[1:]
	}
	return texts, lines
}
