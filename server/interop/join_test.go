//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
)

// Server 3 is away, and comes back by each way there is: with txns that nobody
// else has (TRUNC), after a short absence (DIFF), after a long one, and with
// nothing (SNAP).
func TestJoins(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, kinds string }{
		{"ours joins Apache", "AAo"},
		{"Apache joins ours", "ooA"},
		{"ours joins ours", "ooo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnsemble(t, tt.kinds, nil)
			e.startLedBy3(2)
			w := e.write("/kept", 1, 2)
			w.more(20)
			e.check(w)

			e.proposeInVain()
			e.start(1, 2)
			e.awaitMode(2, "leader")
			e.rejoin("TRUNC")
			e.check(w)

			for _, absence := range []struct {
				writes int
				empty  bool
				by     string
			}{{50, false, "DIFF"}, {800, false, ""}, {10, true, "SNAP"}, {5, false, "DIFF"}} {
				e.member(3).kill()
				if absence.empty {
					if err := os.RemoveAll(filepath.Join(e.member(3).dir(), "version-2")); err != nil {
						t.Fatal(err)
					}
				}
				w := e.write(fmt.Sprintf("/away-%d-%v", absence.writes, absence.empty), 1, 2)
				w.more(absence.writes)
				e.rejoin(absence.by)
				w.more(10)
				e.check(w)
			}
		})
	}
}

// proposeInVain makes server 3, which leads, log txns that no other server gets
// to see, and ends all three.
func (e *ensemble) proposeInVain() {
	e.t.Helper()
	c, err := e.dial(3)
	if err != nil {
		e.t.Fatal(err)
	}
	defer c.Drop()
	// They are still connected, so that server 3 goes on for syncLimit.
	e.member(1).pause()
	e.member(2).pause()
	const n = 5
	for i := range n {
		r := &protocol.CreateRequest{Path: fmt.Sprintf("/in-vain-%d", i), ACL: protocol.OpenACL}
		if _, err := c.Send(protocol.OpCreate, r.AppendTo(nil)); err != nil {
			e.t.Fatal(err)
		}
	}
	e.await("the log of server 3", func() bool {
		logs, err := filepath.Glob(filepath.Join(e.member(3).dir(), "version-2", "log.*"))
		if err != nil {
			e.t.Fatal(err)
		}
		for _, l := range logs {
			if text, err := os.ReadFile(l); err == nil && bytes.Contains(text, []byte(fmt.Sprintf("/in-vain-%d", n-1))) {
				return true
			}
		}
		return false
	})
	for _, m := range e.members {
		m.kill()
	}
}

// rejoin starts server 3 and looks for the way it was synchronised in the log
// of one of ours: its own, or the leader's.
func (e *ensemble) rejoin(by string) {
	e.t.Helper()
	before := [3]int{}
	for i := range before {
		before[i] = len(e.text(int64(i + 1)))
	}
	e.start(3)
	e.awaitMode(3, "follower")
	if by == "" {
		return
	}
	for i := range before {
		for _, what := range []string{"synchronising by " + by, "synchronising learner by " + by} {
			if strings.Contains(e.text(int64(i + 1))[before[i]:], what) {
				return
			}
		}
	}
	e.t.Errorf("server 3 was not synchronised by %s", by)
}

// text is the log of one of ours, "" of Apache's.
func (e *ensemble) text(sid int64) string {
	if m, ok := e.member(sid).(*ours); ok {
		return m.log()
	}
	return ""
}
