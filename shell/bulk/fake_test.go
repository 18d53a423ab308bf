package bulk

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"zookit/protocol"
	"zookit/shell/session"
)

// fake is a tree in memory behind Session and MultiRead.
type fake struct {
	Session // nil: what is not here is not used
	mu      sync.Mutex
	znodes  map[string]*znode
	multis  [][]string                                           // paths of each multi
	singles []string                                             // paths of single writes
	before  func(f *fake, op protocol.OpCode, path string) error // before each op; mu is held
	old     bool                                                 // a server without multiRead
	refuse  func(ops []protocol.MultiOp) error                   // a multi as a whole; mu is held
}

type znode struct {
	data []byte
	acl  []protocol.ACL
	stat protocol.Stat
}

func newFake(paths ...string) *fake {
	f := &fake{znodes: map[string]*znode{}}
	for _, p := range paths {
		f.add(p)
	}
	return f
}

func (f *fake) add(path string) *znode {
	z := &znode{data: []byte(path), acl: protocol.OpenACL}
	f.znodes[path] = z
	return z
}

func (f *fake) children(path string) []string {
	var names []string
	for p := range f.znodes {
		if p != "/" && protocol.Parent(p) == path {
			names = append(names, protocol.Base(p))
		}
	}
	slices.Sort(names)
	return names
}

func (f *fake) read(op protocol.OpCode, path string) protocol.MultiResult {
	fail := func(code protocol.Code) protocol.MultiResult {
		return protocol.MultiResult{Type: protocol.OpError, Err: code}
	}
	if f.before != nil {
		if err := f.before(f, op, path); err != nil {
			return fail(err.(protocol.Code))
		}
	}
	z := f.znodes[path]
	if z == nil {
		return fail(protocol.NoNode)
	}
	st := z.stat
	st.DataLength, st.NumChildren = int32(len(z.data)), int32(len(f.children(path)))
	return protocol.MultiResult{Type: op, Data: z.data, Stat: st, Children: f.children(path)}
}

func (f *fake) MultiRead(_ context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.old {
		return nil, &session.OpError{Op: protocol.OpMultiRead, Code: protocol.Unimplemented}
	}
	var out []protocol.MultiResult
	for _, op := range ops {
		out = append(out, f.read(op.Type, op.Record.(*protocol.PathWatchRequest).Path))
	}
	return out, nil
}

func (f *fake) single(op protocol.OpCode, path string) (protocol.MultiResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.read(op, path)
	if r.Type == protocol.OpError {
		return r, &session.OpError{Op: op, Path: path, Code: r.Err}
	}
	return r, nil
}

func (f *fake) Get(_ context.Context, path string, _ bool) ([]byte, *protocol.Stat, error) {
	r, err := f.single(protocol.OpGetData, path)
	return r.Data, &r.Stat, err
}

func (f *fake) Children(_ context.Context, path string, _ bool) ([]string, *protocol.Stat, error) {
	r, err := f.single(protocol.OpGetChildren, path)
	return r.Children, &r.Stat, err
}

func (f *fake) GetACL(_ context.Context, path string) ([]protocol.ACL, *protocol.Stat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	z := f.znodes[path]
	if z == nil {
		return nil, nil, &session.OpError{Op: protocol.OpGetACL, Path: path, Code: protocol.NoNode}
	}
	return slices.Clone(z.acl), &z.stat, nil
}

func (f *fake) SetACL(_ context.Context, path string, acl []protocol.ACL, _ int32) (*protocol.Stat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.singles = append(f.singles, path)
	f.znodes[path].acl = acl
	return &protocol.Stat{Aversion: 1}, nil
}

func (f *fake) Delete(_ context.Context, path string, version int32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.singles = append(f.singles, path)
	if code := f.delete(path, version); code != protocol.OK {
		return &session.OpError{Op: protocol.OpDelete, Path: path, Code: code}
	}
	return nil
}

func (f *fake) delete(path string, version int32) protocol.Code {
	z := f.znodes[path]
	switch {
	case z == nil:
		return protocol.NoNode
	case version >= 0 && version != z.stat.Version:
		return protocol.BadVersion
	case len(f.children(path)) > 0:
		return protocol.NotEmpty
	}
	delete(f.znodes, path)
	return protocol.OK
}

func (f *fake) Multi(_ context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var paths []string
	for _, op := range ops {
		paths = append(paths, PathOf(op))
	}
	if f.refuse != nil {
		if err := f.refuse(ops); err != nil {
			return nil, err
		}
	}
	f.multis = append(f.multis, paths)
	saved := maps.Clone(f.znodes)
	results := make([]protocol.MultiResult, len(ops))
	for i, op := range ops {
		code := protocol.OK
		if f.before != nil {
			if err := f.before(f, protocol.OpMulti, paths[i]); err != nil {
				return nil, err
			}
		}
		switch r := op.Record.(type) {
		case *protocol.DeleteRequest:
			code = f.delete(r.Path, r.Version)
		case *protocol.CreateRequest:
			switch {
			case f.znodes[r.Path] != nil:
				code = protocol.NodeExists
			case f.znodes[protocol.Parent(r.Path)] == nil:
				code = protocol.NoNode
			default:
				f.znodes[r.Path] = &znode{data: r.Data, acl: r.ACL}
			}
		}
		results[i].Type = op.Type
		if code != protocol.OK {
			for j := range results {
				results[j] = protocol.MultiResult{Type: protocol.OpError}
				if j > i {
					results[j].Err = protocol.RuntimeInconsistency
				}
			}
			results[i].Err = code
			for p, z := range f.znodes { // what others deleted in between stays deleted
				saved[p] = z
			}
			f.znodes = restore(saved, f.znodes, ops[:i])
			return results, &session.OpError{Op: op.Type, Path: paths[i], Code: code}
		}
	}
	return results, nil
}

// restore takes back the ops of a multi that failed.
func restore(saved, now map[string]*znode, done []protocol.MultiOp) map[string]*znode {
	for _, op := range done {
		path := PathOf(op)
		if op.Type == protocol.OpDelete {
			now[path] = saved[path]
		} else {
			delete(now, path)
		}
	}
	return now
}

func (f *fake) left() string {
	return strings.Join(slices.Sorted(maps.Keys(f.znodes)), " ")
}
