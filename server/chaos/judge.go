//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"zookit/protocol"
	"zookit/server/offline"
	"zookit/server/storage"
)

// judge reads what the servers have left, and holds the history against it.
func (e *ensemble) judge(h *History) *Result {
	var logs []Log
	for _, n := range e.nodes {
		l, err := n.log()
		if err != nil {
			e.fail(violation("logs can be read", "%v: %v", n, err))
		}
		logs = append(logs, l)
		if text := n.said(); !n.apache {
			for _, bad := range []string{"DATA RACE", "panic:", "broken invariant", "the tree differs"} {
				if strings.Contains(text, bad) {
					e.fail(violation("assertions hold", "%v: %q in its output", n, bad))
				}
			}
		}
	}
	ref, broken := Agree(logs, e.saved)
	more, lost := Check(h, ref)
	broken = append(append(h.Seen, broken...), more...)
	for _, o := range lost {
		v := violation("D1 acknowledged writes survive", "no log has it: %v", o).at(o.path())
		if by := e.lostBy(o.Zxid); by != nil && by.apache {
			ref.Notes = append(ref.Notes, fmt.Sprintf("lost by Apache, whose server %d led the next epoch without it: %v", by.sid, o))
			continue
		}
		broken = append(broken, v)
	}
	for _, v := range broken[:min(len(broken), 20)] {
		e.fail(v)
	}
	if len(broken) == 0 {
		e.trees(ref)
	}
	return e.result(h, ref)
}

// lostBy is who led the epoch in which a txn of an earlier one was not there any
// more; nil when nobody was seen.
func (e *ensemble) lostBy(z protocol.Zxid) *node {
	next := int64(0)
	for epoch := range e.leaders {
		if epoch > z.Epoch() && (next == 0 || epoch < next) {
			next = epoch
		}
	}
	if next == 0 {
		return nil
	}
	return e.nodes[e.leaders[next]-1]
}

// trees compares what each data directory recovers to with the reference.
func (e *ensemble) trees(ref *Reference) {
	for _, n := range e.nodes {
		d, err := offline.Open(n.data())
		if err == nil {
			err = d.Load()
		}
		if err != nil {
			if !n.apache || !errors.Is(err, storage.ErrCorrupt) {
				e.fail(violation("D4 what is on disk can be recovered", "%v: %v", n, err))
			}
			continue
		}
		part := *ref
		for i, t := range part.Txns {
			if t.Zxid > d.Zxid() {
				part.Txns = part.Txns[:i]
				break
			}
		}
		want := replay(&part).Tree
		if diff := sameTree(d, want, root); diff != "" && ref.Ghosts[n.sid] {
			ref.Notes = append(ref.Notes, fmt.Sprintf("Apache: server %d has another tree: %s", n.sid, diff))
		} else if diff != "" {
			e.fail(violation("I14 equal histories are equal trees", "%v: %s", n, diff).at(strings.Fields(diff)[0]))
		}
	}
}

func (e *ensemble) result(h *History, ref *Reference) *Result {
	r := &Result{Violations: e.broken, History: h, Leaders: len(e.leaders), Journal: e.log.text(), LeftOut: e.leftOut}
	if h != nil {
		r.Ops = len(h.Ops)
		r.Acked = countAnswered(h.Ops)
	}
	if ref != nil {
		r.Txns, r.Notes = len(ref.Txns), ref.Notes
	}
	return r
}

// Report writes what whoever looks into a failure needs, into the directory of
// the round: the faults, the violations, and the histories of the znodes in
// question.
func (r *Result) Report(dir string) error {
	var b strings.Builder
	b.WriteString(r.Journal)
	done := map[string]bool{}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "\n%v\n", v)
		if v.Path == "" || done[v.Path] || r.History == nil {
			continue
		}
		done[v.Path] = true
		fmt.Fprintf(&b, "History of %s:\n", v.Path)
		for _, line := range r.History.about(v.Path) {
			fmt.Fprintln(&b, "  "+line)
		}
	}
	return os.WriteFile(filepath.Join(dir, "report.txt"), []byte(b.String()), 0o600)
}
