//go:build interop

package interop

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// Servers of both kinds join, leave, lead no more, observe and vote again, by
// reconfig to a leader of either kind, while clients write; and all come back
// from the files they have written.
func TestReconfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, kinds string }{
		{"ours leads", "oAoA"},
		{"Apache leads", "AoAo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnsemble(t, tt.kinds, nil, "reconfigEnabled=true")
			e.startLedBy3(2)
			w := e.write("/w", 1, 2)
			w.more(50)
			e.sameConfig("1 2 3", 1, 2, 3)

			e.start(4)
			e.reconfig(1, reconfigRequest(e.line(4, "participant"), ""))
			e.sameConfig("1 2 3 4", 1, 2, 3, 4)
			w.more(50)

			e.reconfig(1, reconfigRequest("", "3")) // the leader
			e.sameConfig("1 2 4", 1, 2, 4)
			e.await("another leader", func() bool { l := e.leader(); return l != 0 && l != 3 })
			t.Logf("server %d leads", e.leader())
			w.more(50)

			e.reconfig(2, reconfigRequest(e.line(3, "observer"), ""))
			e.sameConfig("1 2 3o 4", 1, 2, 3, 4)
			e.awaitMode(3, "observer")
			w.more(50)
			e.reconfig(4, reconfigRequest(e.line(3, "participant"), ""))
			e.sameConfig("1 2 3 4", 1, 2, 3, 4)
			e.awaitMode(3, "follower")
			w.more(50)

			e.reconfig(2, reconfigRequest("", "1"))
			e.sameConfig("2 3 4", 2, 3, 4)
			e.member(1).kill()
			w.end()
			for sid := int64(2); sid <= 4; sid++ {
				e.member(sid).kill()
			}
			e.start(2, 3, 4)
			e.await("a leader", func() bool { return e.leader() != 0 })
			e.sameConfig("2 3 4", 2, 3, 4)
			after := e.write("/after", 2, 3, 4)
			after.more(50)
			e.check(w, after)
		})
	}
}

// line is the server line of a member with its client port.
func (e *ensemble) line(sid int64, role string) string {
	m, _ := e.config.Config.Member(sid)
	m.Observer, m.Client = role == "observer", e.config.Client(sid)
	return fmt.Sprintf("server.%d=%v", sid, m)
}

func reconfigRequest(joining, leaving string) protocol.ReconfigRequest {
	q := protocol.ReconfigRequest{CurConfigID: -1}
	if joining != "" {
		q.Joining = &joining
	}
	if leaving != "" {
		q.Leaving = &leaving
	}
	return q
}

// reconfig asks a member until the change is made: while the servers join it
// cannot be, and a change that moves the leader may lose its answer.
func (e *ensemble) reconfig(at int64, q protocol.ReconfigRequest) {
	e.t.Helper()
	var last error
	defer func() {
		if e.t.Failed() {
			e.t.Logf("the last answer to reconfig: %v", last)
		}
	}()
	e.await("reconfig", func() bool {
		var c interface {
			Do(protocol.OpCode, protocol.Record, protocol.Record) error
			Drop()
		}
		conn, err := e.dial(at)
		if last = err; err != nil {
			return false
		}
		c = conn
		defer c.Drop()
		last = c.Do(protocol.OpReconfig, &q, new(protocol.GetDataResponse))
		if last != nil && !errors.Is(last, protocol.NewConfigNoQuorum) && !errors.Is(last, protocol.ReconfigInProgress) {
			e.t.Logf("reconfig at server %d: %v", at, last)
		}
		return last == nil
	})
}

// sameConfig waits until servers have one configuration with these members, o
// behind an observer's id, and show the same /zookeeper/config.
func (e *ensemble) sameConfig(want string, sids ...int64) {
	e.t.Helper()
	last := ""
	defer func() {
		if e.t.Failed() {
			e.t.Logf("the last look: %s", last)
		}
	}()
	e.await("the members "+want, func() bool {
		first := ""
		for _, sid := range sids {
			c, err := e.dial(sid)
			if err != nil {
				last = fmt.Sprintf("server %d: %v", sid, err)
				return false
			}
			var data protocol.GetDataResponse
			err = errors.Join(c.Do(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil),
				c.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: "/zookeeper/config"}, &data))
			c.Drop()
			if err != nil {
				last = fmt.Sprintf("server %d: %v", sid, err)
				return false
			}
			text := string(data.Data)
			last = fmt.Sprintf("server %d: %q", sid, text)
			config, err := quorum.ParseConfig(text)
			if err != nil {
				e.t.Fatalf("server %d: %v", sid, err)
			}
			var ids []string
			for _, m := range config.Members {
				id := fmt.Sprint(m.ID)
				if m.Observer {
					id += "o"
				}
				ids = append(ids, id)
			}
			if strings.Join(ids, " ") != want {
				return false
			}
			if first == "" {
				first = text
			} else if text != first {
				last = fmt.Sprintf("%q and %q", first, text)
				return false
			}
		}
		return true
	})
}

// Both kinds answer the same to changes that cannot be, and write the same
// configuration for one that can.
func TestReconfigAnswers(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	answers := map[string][]string{}
	for _, kinds := range []string{"A", "o"} {
		e := newEnsemble(t, kinds, nil, "reconfigEnabled=true", "standaloneEnabled=false")
		e.start(1)
		e.awaitMode(1, "leader")
		m, _ := e.config.Config.Member(1)
		own := fmt.Sprintf("server.1=%v;%s", m, e.config.Client(1))
		other := "server.9=127.0.0.1:2:3"
		for _, q := range []protocol.ReconfigRequest{
			{CurConfigID: 7},
			{CurConfigID: -1},
			{Joining: text(own)},
			{Joining: text(strings.Replace(own, "participant", "observer", 1))},
			{Joining: text(other)},
			{Joining: text(other + ";x")},
			{Joining: text(other + ";4;5;6")},
			{Joining: text(other + ":nobody;4")},
			{Joining: text("server.9=127.0.0.1:2:2;4")},
			{Joining: text("server.9=127.0.0.1:2;4")},
			{Joining: text("server.9")},
			{Joining: text("server.x=127.0.0.1:2:3;4")},
			{Joining: text("server.9=a=b")},
			{Joining: text(other + ";4")},
			{Joining: text(other + ":observer;4")},
			{Joining: text("server.9=10.1.1.1:2:3:observer;10.1.1.1:4,server.8=10.1.1.1:5:6:observer;10.1.1.1:4")},
			{Leaving: text("9")},
			{Leaving: text(" 9 ,, 8")},
			{Leaving: text("x")},
			{Leaving: text("1")},
			{Leaving: text("")},
			{NewMembers: text("")},
			{NewMembers: text("tickTime=5")},
			{NewMembers: text("server.x=127.0.0.1:2:3")},
			{NewMembers: text("server.1=127.0.0.1")},
			{NewMembers: text(own + ":observer")},
			{NewMembers: text(strings.Replace(own, "participant", "observer", 1))},
			{NewMembers: text(own + "," + other + ":observer;4,version=77")},
			{NewMembers: text(own + "\n" + other + ":observer;4")},
			{NewMembers: text(own + ",group.1=1")},
			{NewMembers: text(own + ",group.1=2")},
			{Joining: text(other + ";4")}, // groups are in force
			{NewMembers: text(own)},
		} {
			if q.CurConfigID == 0 {
				q.CurConfigID = -1
			}
			c, err := e.dial(1)
			if err != nil {
				t.Fatal(err)
			}
			var data protocol.GetDataResponse
			err = c.Do(protocol.OpReconfig, &q, &data)
			c.Drop()
			shown := strings.NewReplacer(own, "OWN", fmt.Sprintf("server.1=%v", m), "OWN").Replace(string(data.Data))
			if i := strings.Index(shown, "version="); i >= 0 {
				shown = shown[:i]
			}
			var lists []string
			for _, p := range []*string{q.Joining, q.Leaving, q.NewMembers} {
				if p != nil {
					observing := strings.Replace(own, "participant", "observer", 1)
					lists = append(lists, strings.NewReplacer(own, "OWN", observing, "OBSERVING").Replace(*p))
				}
			}
			answers[kinds] = append(answers[kinds], fmt.Sprintf("%q: %v %q", lists, err, shown))
		}
	}
	for i, want := range answers["A"] {
		if got := answers["o"][i]; got != want {
			t.Errorf("Apache: %s\nours:   %s", want, got)
		} else {
			t.Log(got)
		}
	}
}
