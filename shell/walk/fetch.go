package walk

import (
	"context"
	"errors"
	"slices"

	"zookit/protocol"
)

// fetch asks for one node: its data or Stat first, since a Stat may be had of
// what may not be read and tells how many children there are before they are
// asked for, then its ACL and the names of its children.
func (e *entry) fetch(ctx context.Context, src Source, o *Options) {
	n := &e.node
	deeper := o.MaxDepth == 0 || n.Depth < o.MaxDepth
	switch {
	case o.Data:
		var err error
		if n.Data, n.Stat, err = src.Get(ctx, n.Path, false); !e.keep(err) {
			return
		}
		if n.Err != nil { // the Stat needs no permission
			n.Data = nil
			st, err := src.Exists(ctx, n.Path, false)
			if e.keep(err) && err == nil {
				n.Stat = st
			}
		}
	case o.Stat || deeper:
		st, err := src.Exists(ctx, n.Path, false)
		if !e.keep(err) {
			return
		}
		n.Stat = st
	}
	if e.gone || e.err != nil {
		return
	}
	if o.ACL {
		acl, _, err := src.GetACL(ctx, n.Path)
		if !e.keep(err) {
			return
		}
		n.ACL = acl
	}
	if !deeper || n.Stat == nil || n.Stat.NumChildren == 0 {
		return
	}
	if o.Giant > 0 && n.Depth > 0 && int(n.Stat.NumChildren) > o.Giant {
		n.Giant = true
		return
	}
	if n.Err != nil {
		return
	}
	if n.Depth > 0 && int(n.Stat.NumChildren) > maxAhead {
		e.unlisted = true // until its turn: a few such lists are more than everything else
		return
	}
	e.list(ctx, src, o)
}

// list asks for the names of the children.
func (e *entry) list(ctx context.Context, src Source, o *Options) {
	n := &e.node
	if o.Names != nil && int(n.Stat.NumChildren) > maxAhead {
		e.listCompactly(ctx, o)
		return
	}
	names, _, err := src.Children(ctx, n.Path, false)
	if !e.keep(err) || err != nil {
		return
	}
	if o.Keep != nil {
		names = slices.DeleteFunc(names, func(name string) bool { return !o.Keep(n.Path, name) })
	}
	slices.Sort(names)
	n.Children = names
}

// listCompactly asks for the names of very many children.
func (e *entry) listCompactly(ctx context.Context, o *Options) {
	n := &e.node
	names, _, err := o.Names(ctx, n.Path)
	if !e.keep(err) || err != nil {
		return
	}
	if o.Keep != nil {
		names.Keep(func(name string) bool { return o.Keep(n.Path, name) })
	}
	names.Sort()
	e.names = names
}

// keep notes what an error means for the entry and tells whether the node is
// one to go on with: it is there, though parts of it may be refused.
func (e *entry) keep(err error) bool {
	var path *protocol.PathError
	switch {
	case err == nil:
		return true
	case errors.Is(err, protocol.NoNode):
		// Of the root, which somebody named, that is an answer.
		if e.gone = e.node.Depth > 0; !e.gone {
			e.err = err
		}
		return false
	case errors.Is(err, protocol.NoAuth), errors.As(err, &path):
		if e.node.Err == nil {
			e.node.Err = err
		}
		return true
	}
	e.err = err
	return false
}
