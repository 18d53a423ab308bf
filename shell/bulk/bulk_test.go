package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zookit/protocol"
)

func look(t *testing.T, f *fake, root string, o SurveyOptions) *Plan {
	t.Helper()
	p, err := Survey(t.Context(), f, root, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A survey counts what is there, parents first, on servers with multiRead and
// without; what vanishes is left out and what may not be read is named.
func TestSurvey(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		f := newFake("/", "/t", "/t/a", "/t/a/x", "/t/b", "/t/gone", "/t/secret", "/other")
		f.old = old
		f.znodes["/t/b"].stat = protocol.Stat{EphemeralOwner: 0x77, Version: 3}
		f.znodes["/t/a/x"].stat.EphemeralOwner = protocol.ContainerOwner
		f.znodes["/t"].stat.Cversion = 9
		f.before = func(f *fake, op protocol.OpCode, path string) error {
			switch {
			case path == "/t/gone":
				return protocol.NoNode
			case path == "/t/secret":
				return protocol.NoAuth
			}
			return nil
		}
		var seen []string
		p := look(t, f, "/t", SurveyOptions{ACLs: true, Visit: func(n *Node) error {
			if len(n.ACL) != 1 || string(n.Data) != n.Path {
				t.Errorf("%+v", n)
			}
			seen = append(seen, n.Path)
			return nil
		}})
		if got := strings.Join(seen, " "); got != "/t /t/a /t/b /t/a/x" {
			t.Errorf("old %v: visited %s", old, got)
		}
		if p.Count != 4 || p.Bytes != int64(len("/t/t/a/t/b/t/a/x")) || p.Ephemerals[0x77] != 1 || p.Foreign(1) != 1 || p.Foreign(0x77) != 0 ||
			p.Containers != 1 || p.Counters != 1 || p.Depth() != 3 {
			t.Errorf("old %v: %+v", old, p)
		}
		if len(p.Refused) != 1 || !errors.Is(p.Refused[0], protocol.NoAuth) {
			t.Errorf("old %v: refused %v", old, p.Refused)
		}
		var ups []string
		for step := range p.Deletes(true) {
			ups = append(ups, fmt.Sprintf("%s@%d", step.Path(), step.Op.Record.(*protocol.DeleteRequest).Version))
		}
		if got := strings.Join(ups, " "); got != "/t/a/x@0 /t/a@0 /t/b@3 /t@0" {
			t.Errorf("deletes %s", got)
		}
	}
	if _, err := Survey(t.Context(), newFake("/"), "/missing", SurveyOptions{}); !errors.Is(err, protocol.NoNode) {
		t.Errorf("a missing root: %v", err)
	}
}

// A level that needs several multis goes before the next; small ones share one.
func TestBatches(t *testing.T) {
	t.Parallel()
	paths := []string{"/", "/t"}
	for i := range 25 {
		paths = append(paths, fmt.Sprintf("/t/%02d", i))
	}
	for i := range 3 {
		paths = append(paths, fmt.Sprintf("/t/00/%d", i), fmt.Sprintf("/t/00/%d/x", i))
	}
	f := newFake(paths...)
	report, err := Apply(t.Context(), f, look(t, f, "/t", SurveyOptions{}).Deletes(true), Options{Batch: 10})
	if err != nil || report.Done != 32 || f.left() != "/" {
		t.Fatalf("%+v, %v, left %s", report, err, f.left())
	}
	var sizes []string
	for _, m := range f.multis {
		sizes = append(sizes, fmt.Sprint(len(m)))
	}
	// 3 + 3 + 4 leaves share one; the other 21 need three; the root is last.
	slices.Sort(sizes[1:4])
	if got := strings.Join(sizes, " "); got != "10 1 10 10 1" {
		t.Errorf("multis of %s: %q", got, f.multis)
	}
	if last := f.multis[len(f.multis)-1]; !slices.Equal(last, []string{"/t"}) {
		t.Errorf("the last multi is %q", last)
	}

	// By bytes, too.
	big := make([]byte, MaxBatchBytes/2)
	n := 0
	for b := range batches(func(yield func(Step) bool) {
		for i := range 4 {
			if !yield(Step{Op: protocol.MultiOp{Type: protocol.OpSetData, Record: &protocol.SetDataRequest{Path: fmt.Sprint("/", i), Data: big}}}) {
				return
			}
		}
	}, 10, false) {
		if n++; len(b.steps) != 1 {
			t.Errorf("%d steps of %d bytes in one", len(b.steps), len(big))
		}
	}
	if n != 4 {
		t.Errorf("%d batches", n)
	}
}

// Somebody else writes and deletes while the plan is carried out.
func TestApplyAmongOthers(t *testing.T) {
	t.Parallel()
	plant := func() (*fake, *Plan) {
		f := newFake("/", "/t")
		for i := range 30 {
			f.add(fmt.Sprintf("/t/%02d", i))
		}
		return f, look(t, f, "/t", SurveyOptions{})
	}
	// Vanished znodes need no deleting.
	f, p := plant()
	f.before = func(f *fake, op protocol.OpCode, path string) error {
		if path == "/t/15" {
			for _, gone := range []string{"/t/15", "/t/16"} {
				delete(f.znodes, gone)
			}
		}
		return nil
	}
	report, err := Apply(t.Context(), f, p.Deletes(true), Options{Batch: 10})
	if err != nil || report.Done != 29 || report.LeftOut != 2 || f.left() != "/" {
		t.Errorf("vanished: %+v, %v, left %s", report, err, f.left())
	}
	// A znode that was written since ends it: its batch undone, the root never
	// tried. The batch behind it may have been sent already.
	f, p = plant()
	f.znodes["/t/15"].stat.Version = 4
	report, err = Apply(t.Context(), f, p.Deletes(true), Options{Batch: 10})
	if !errors.Is(err, protocol.BadVersion) || report.Next != "/t/15" || report.Done != 10 && report.Done != 20 || f.znodes["/t/10"] == nil || f.znodes["/t"] == nil {
		t.Errorf("written: %+v, %v, left %s", report, err, f.left())
	}
	for _, m := range f.multis {
		if slices.Contains(m, "/t") {
			t.Error("the root was tried after a failure")
		}
	}
	// What is left can be done by another run.
	left := 31 - report.Done
	if report, err = Apply(t.Context(), f, look(t, f, "/t", SurveyOptions{}).Deletes(true), Options{Batch: 10}); err != nil || report.Done != left || f.left() != "/" {
		t.Errorf("resumed: %+v, %v, left %s", report, err, f.left())
	}
	// Unchecked, any version goes.
	f, p = plant()
	f.znodes["/t/15"].stat.Version = 4
	if report, err = Apply(t.Context(), f, p.Deletes(false), Options{}); err != nil || report.Done != 31 || len(f.singles) != 31 || f.singles[30] != "/t" || f.multis != nil {
		t.Errorf("one by one: %+v, %v", report, err)
	}
	// A lost connection is no verdict.
	lost := errors.New("lost")
	f, p = plant()
	f.before = func(f *fake, op protocol.OpCode, path string) error {
		if op == protocol.OpMulti && path == "/t/25" {
			return lost
		}
		return nil
	}
	if report, err = Apply(t.Context(), f, p.Deletes(true), Options{Batch: 10}); !errors.Is(err, lost) || report.Done > 20 {
		t.Errorf("lost: %+v, %v", report, err)
	}
}

// Resolve decides about refused steps, and ACLs go one by one between multis.
func TestResolveAndACLs(t *testing.T) {
	t.Parallel()
	f := newFake("/", "/t", "/t/a")
	creates := func(yield func(Step) bool) {
		for i, path := range []string{"/t/a", "/t/b", "/t/c"} {
			if !yield(Step{Level: 1, Op: protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: path}}}) {
				return
			}
			if !yield(Step{Level: 2 + i, Op: SetACLRequest(path, protocol.OpenACL, -1)}) {
				return
			}
		}
	}
	asked, done := "", 0
	report, err := Apply(t.Context(), f, creates, Options{Batch: 10,
		Resolve: func(step Step, err error) ([]Step, error) {
			asked += step.Path()
			if !errors.Is(err, protocol.NodeExists) {
				return nil, err
			}
			return nil, nil
		},
		Done: func(steps []Step, results []protocol.MultiResult) { done += len(steps) },
	})
	if err != nil || report.Done != 5 || report.LeftOut != 1 || done != 5 || asked != "/t/a" || !slices.Equal(f.singles, []string{"/t/a", "/t/b", "/t/c"}) {
		t.Errorf("%+v, %v, done %d, asked %q, singles %q", report, err, done, asked, f.singles)
	}
}

// -rate bounds the steps a second, and ctx ends the waiting.
func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake("/", "/t")
		for i := range 99 {
			f.add(fmt.Sprintf("/t/%02d", i))
		}
		start := time.Now()
		p := look(t, f, "/t", SurveyOptions{})
		if _, err := Apply(t.Context(), f, p.Deletes(true), Options{Batch: 1000, Rate: 20}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 4*time.Second || took > 5*time.Second {
			t.Errorf("100 steps at 20 a second took %v", took)
		}
		f = newFake("/", "/t", "/t/a")
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		report, err := Apply(ctx, f, look(t, f, "/t", SurveyOptions{}).Deletes(true), Options{Batch: 1000, Rate: 1})
		if !errors.Is(err, context.DeadlineExceeded) || report.Done != 1 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
