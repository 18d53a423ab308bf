package session

import (
	"context"
	"fmt"

	"zookit/protocol"
)

// Multi executes all ops or none. Ops are creates (create, create2,
// createContainer, createTTL), deletes, setData and checks.
//
// When one fails, Multi returns the results, where a failed op has type
// OpError, together with an *OpError of the first op that has a code of its
// own; those not reached carry RuntimeInconsistency.
func (s *Session) Multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	rooted, err := s.rootOps(ops)
	if err != nil {
		return nil, err
	}
	var reply protocol.MultiResponse
	err = s.c.call(ctx, call{op: protocol.OpMulti, req: &protocol.MultiRequest{Ops: rooted}, reply: &reply, done: func() {
		s.c.multiDone(rooted, reply.Results)
	}})
	if err != nil {
		return nil, err
	}
	return s.multiResults(ops, reply.Results)
}

// MultiRead reads the data or the children of several znodes in one request;
// ops are getData and getChildren without watches. A read that failed has type
// OpError and its code, and does not fail the others.
func (s *Session) MultiRead(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	rooted, err := s.rootOps(ops)
	if err != nil {
		return nil, err
	}
	var reply protocol.MultiResponse
	if err := s.c.call(ctx, call{op: protocol.OpMultiRead, req: &protocol.MultiRequest{Ops: rooted}, reply: &reply}); err != nil {
		return nil, err
	}
	if len(reply.Results) != len(ops) {
		return nil, &ReplyError{Op: protocol.OpMultiRead, Err: fmt.Errorf("%d results for %d reads", len(reply.Results), len(ops))}
	}
	return reply.Results, nil
}

// rootOps checks the paths and copies the ops with the chroot before them.
func (s *Session) rootOps(ops []protocol.MultiOp) ([]protocol.MultiOp, error) {
	rooted := make([]protocol.MultiOp, len(ops))
	for i, op := range ops {
		path := multiPath(op)
		if path == nil {
			return nil, fmt.Errorf("multi: op %d: %v with %T cannot be part of one", i, op.Type, op.Record)
		}
		validate := protocol.ValidatePath
		switch r := op.Record.(type) {
		case *protocol.CreateRequest:
			if r.Flags.Sequential() {
				validate = protocol.ValidateSequentialPath
			}
		case *protocol.CreateTTLRequest:
			if r.Flags.Sequential() {
				validate = protocol.ValidateSequentialPath
			}
		}
		if err := validate(*path); err != nil {
			return nil, err
		}
		rooted[i] = withPath(op, s.abs(*path))
	}
	return rooted, nil
}

// multiPath points at the path of an op, nil for a record that has no place in
// a multi.
func multiPath(op protocol.MultiOp) *string {
	switch r := op.Record.(type) {
	case *protocol.CreateRequest:
		return &r.Path
	case *protocol.CreateTTLRequest:
		return &r.Path
	case *protocol.DeleteRequest:
		return &r.Path
	case *protocol.SetDataRequest:
		return &r.Path
	case *protocol.CheckVersionRequest:
		return &r.Path
	case *protocol.PathWatchRequest:
		return &r.Path
	}
	return nil
}

// withPath copies an op and gives the copy another path.
func withPath(op protocol.MultiOp, path string) protocol.MultiOp {
	switch r := op.Record.(type) {
	case *protocol.CreateRequest:
		c := *r
		op.Record = &c
	case *protocol.CreateTTLRequest:
		c := *r
		op.Record = &c
	case *protocol.DeleteRequest:
		c := *r
		op.Record = &c
	case *protocol.SetDataRequest:
		c := *r
		op.Record = &c
	case *protocol.CheckVersionRequest:
		c := *r
		op.Record = &c
	case *protocol.PathWatchRequest:
		c := *r
		c.Watch = false // servers ignore it inside a multiRead
		op.Record = &c
	}
	*multiPath(op) = path
	return op
}

// multiResults takes the chroot off the results and finds the op that failed.
func (s *Session) multiResults(ops []protocol.MultiOp, results []protocol.MultiResult) ([]protocol.MultiResult, error) {
	if len(results) != len(ops) {
		return nil, &ReplyError{Op: protocol.OpMulti, Err: fmt.Errorf("%d results for %d ops", len(results), len(ops))}
	}
	failed := -1
	for i := range results {
		if results[i].Path != "" {
			results[i].Path = s.rel(results[i].Path)
		}
		if results[i].Type != protocol.OpError || results[i].Err == protocol.OK {
			continue
		}
		if failed < 0 || results[failed].Err == protocol.RuntimeInconsistency {
			failed = i
		}
	}
	if failed < 0 {
		return results, nil
	}
	return results, &OpError{Op: ops[failed].Type, Path: *multiPath(ops[failed]), Code: results[failed].Err}
}
