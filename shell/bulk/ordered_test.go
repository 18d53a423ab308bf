package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
)

// slowFirst is a session whose first multi reaches the server behind its
// second.
type slowFirst struct {
	*fake
	first  string        // path of the first op
	behind chan struct{} // closed when another has been answered
}

func (s *slowFirst) Multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	if PathOf(ops[0]) == s.first {
		select {
		case <-s.behind:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return s.fake.Multi(ctx, ops)
	}
	defer func() {
		select {
		case <-s.behind:
		default:
			close(s.behind)
		}
	}()
	return s.fake.Multi(ctx, ops)
}

// creates are steps in the order of a file: each parent before what is below.
func creates(paths ...string) func(yield func(Step) bool) {
	return func(yield func(Step) bool) {
		for _, path := range paths {
			if !yield(Step{Op: protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: path}}}) {
				return
			}
		}
	}
}

// Ordered steps may depend on those before them, whatever the depth: requests
// that came too early are sent again, what others have made is resolved, and
// Done gets everything in its order.
func TestOrdered(t *testing.T) {
	t.Parallel()
	f := newFake("/", "/a/1")
	s := &slowFirst{fake: f, first: "/a", behind: make(chan struct{})}
	var done []string
	var resolved []string
	report, err := Apply(t.Context(), s, creates("/a", "/a/1", "/a/1/x", "/a/1/y", "/a/2", "/b"), Options{Batch: 2, Ordered: true,
		Resolve: func(step Step, err error) ([]Step, error) {
			resolved = append(resolved, step.Path())
			if !errors.Is(err, protocol.NodeExists) {
				return nil, err
			}
			return nil, nil
		},
		Done: func(steps []Step, results []protocol.MultiResult) {
			for i := range steps {
				done = append(done, steps[i].Path())
			}
		}})
	if err != nil || report.Done != 5 || report.LeftOut != 1 || strings.Join(done, " ") != "/a /a/1/x /a/1/y /a/2 /b" || !slices.Equal(resolved, []string{"/a/1"}) {
		t.Errorf("%+v, %v, done %q, resolved %q, multis %q", report, err, done, resolved, f.multis)
	}

	// What depends on a failure fails with it, unasked.
	f = newFake("/")
	s = &slowFirst{fake: f, first: "/x/missing", behind: make(chan struct{})}
	resolved = nil
	report, err = Apply(t.Context(), s, creates("/x/missing", "/x/missing/1", "/x/missing/2"), Options{Batch: 1, Ordered: true, Resolve: func(step Step, err error) ([]Step, error) {
		resolved = append(resolved, step.Path())
		return nil, err
	}})
	if !errors.Is(err, protocol.NoNode) || report.Next != "/x/missing" || report.Done != 0 || !slices.Equal(resolved, []string{"/x/missing"}) {
		t.Errorf("%+v, %v, resolved %q", report, err, resolved)
	}

	// A step that goes alone divides them.
	f = newFake("/")
	steps := func(yield func(Step) bool) {
		for i := range 5 {
			step := Step{Op: protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: fmt.Sprint("/", i)}}}
			if i == 2 {
				step = Step{Alone: true, Op: protocol.MultiOp{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: "/1", Version: -1}}}
			}
			if !yield(step) {
				return
			}
		}
	}
	if report, err = Apply(t.Context(), f, steps, Options{Batch: 10, Ordered: true}); err != nil || report.Done+report.LeftOut != 5 || len(f.multis) != 2 || !slices.Equal(f.singles[:1], []string{"/1"}) {
		t.Errorf("%+v, %v, %q, %q", report, err, f.multis, f.singles)
	}
}

// A server that tells no Stats of creates gets plain ones after the first
// refusal, in which it has done nothing.
func TestStatsOfCreates(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		f := newFake("/")
		var types []protocol.OpCode
		f.refuse = func(ops []protocol.MultiOp) error {
			types = append(types, ops[0].Type)
			if old && ops[0].Type == protocol.OpCreate2 {
				return protocol.MarshallingError
			}
			return nil
		}
		report, err := Apply(t.Context(), f, creates("/a", "/a/b", "/c"), Options{Batch: 2, Ordered: true, Stats: true, Rate: 1000})
		want := []protocol.OpCode{protocol.OpCreate2, protocol.OpCreate2}
		if old {
			want = []protocol.OpCode{protocol.OpCreate, protocol.OpCreate}
			types = slices.DeleteFunc(types, func(op protocol.OpCode) bool { return op == protocol.OpCreate2 })
		}
		if err != nil || report.Done != 3 || f.left() != "/ /a /a/b /c" || !slices.Equal(types, want) {
			t.Errorf("old %v: %+v, %v, %v, left %s", old, report, err, types, f.left())
		}
	}
}
