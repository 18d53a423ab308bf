package bulk

import (
	"context"
	"fmt"
	"iter"

	"zookit/protocol"
)

// SetACLRequest makes a step that sets an ACL. No multi can hold one.
func SetACLRequest(path string, acl []protocol.ACL, version int32) protocol.MultiOp {
	return protocol.MultiOp{Type: protocol.OpSetACL, Record: &protocol.SetACLRequest{Path: path, ACL: acl, Version: version}}
}

// PathOf is the path of an op.
func PathOf(op protocol.MultiOp) string {
	switch r := op.Record.(type) {
	case *protocol.CreateRequest:
		return r.Path
	case *protocol.CreateTTLRequest:
		return r.Path
	case *protocol.DeleteRequest:
		return r.Path
	case *protocol.SetDataRequest:
		return r.Path
	case *protocol.SetACLRequest:
		return r.Path
	case *protocol.CheckVersionRequest:
		return r.Path
	}
	return ""
}

// size is the length of an op in a multi, in bytes.
func size(op protocol.MultiOp) int {
	const header = 9
	switch r := op.Record.(type) {
	case *protocol.CreateRequest:
		return header + 4 + len(r.Path) + 4 + len(r.Data) + protocol.ACLsLen(r.ACL) + 4
	case *protocol.CreateTTLRequest:
		return header + 4 + len(r.Path) + 4 + len(r.Data) + protocol.ACLsLen(r.ACL) + 4 + 8
	case *protocol.SetDataRequest:
		return header + 4 + len(r.Path) + 4 + len(r.Data) + 4
	}
	return header + 4 + len(PathOf(op)) + 4
}

// batches cuts steps by number and by bytes on the wire. A level that needs
// several batches ends one, so that they can go at the same time; small levels
// share one. Levels mean nothing when steps are ordered. A step that goes alone
// has a batch of its own.
func batches(steps iter.Seq[Step], limit int, ordered bool) iter.Seq[*batch] {
	return func(yield func(*batch) bool) {
		b := newBatch()
		bytes, split := 0, false // split: the level began in an earlier batch
		flush := func() bool {
			if len(b.steps) == 0 {
				return true
			}
			out := b
			b, bytes = newBatch(), 0
			return yield(out)
		}
		for step := range steps {
			n := size(step.Op)
			if count := len(b.steps); count > 0 {
				last := b.steps[count-1]
				newLevel := last.Level != step.Level && !ordered
				full := count >= limit || bytes+n > MaxBatchBytes
				alone := last.single() || step.single()
				switch {
				case newLevel && (split || full || alone):
					if !flush() {
						return
					}
					split = false
				case full || alone:
					if !flush() {
						return
					}
					split = true
				case newLevel:
					b.whole = true
				}
			}
			b.steps = append(b.steps, step)
			bytes += n
		}
		flush()
	}
}

func newBatch() *batch { return &batch{ended: make(chan struct{})} }

// one sends an op that is not part of a multi.
func one(ctx context.Context, s Session, op protocol.MultiOp) (protocol.MultiResult, error) {
	result := protocol.MultiResult{Type: op.Type}
	stat := func(st *protocol.Stat, err error) (protocol.MultiResult, error) {
		if st != nil {
			result.Stat = *st
		}
		return result, err
	}
	switch r := op.Record.(type) {
	case *protocol.CreateRequest:
		path, st, err := s.Create(ctx, r.Path, r.Data, r.ACL, r.Flags, 0)
		result.Path = path
		return stat(st, err)
	case *protocol.CreateTTLRequest:
		path, st, err := s.Create(ctx, r.Path, r.Data, r.ACL, r.Flags, r.TTL)
		result.Path = path
		return stat(st, err)
	case *protocol.DeleteRequest:
		return result, s.Delete(ctx, r.Path, r.Version)
	case *protocol.SetDataRequest:
		st, err := s.Set(ctx, r.Path, r.Data, r.Version)
		return stat(st, err)
	case *protocol.SetACLRequest:
		st, err := s.SetACL(ctx, r.Path, r.ACL, r.Version)
		return stat(st, err)
	}
	return result, fmt.Errorf("%v cannot be sent by itself", op.Type)
}
