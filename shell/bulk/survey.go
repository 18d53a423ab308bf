package bulk

import (
	"context"
	"errors"

	"zookit/protocol"
)

// Node is a znode that a survey has read.
type Node struct {
	Path string
	Data []byte         // nil is null
	ACL  []protocol.ACL // with SurveyOptions.ACLs; nil when it may not be read
	Stat protocol.Stat
}

// SurveyOptions say what to read beside names, versions and counts.
type SurveyOptions struct {
	// ACLs are read of all znodes. A server has no request for several of them,
	// so that they take longer than everything else about a large subtree.
	ACLs bool
	// Visit gets every znode, parents before their children, on the caller's
	// goroutine. May be nil. The node is Visit's to keep.
	Visit func(*Node) error
	// Progress is told how many znodes were seen. May be nil.
	Progress func(seen int)
}

// Survey looks at a subtree. A znode that vanishes meanwhile is left out; one
// that may not be read is in Refused and nothing below it is seen. A root that
// cannot be read is an error.
func Survey(ctx context.Context, s Session, root string, o SurveyOptions) (*Plan, error) {
	v := &survey{
		reader: newReader(s), o: o, acls: newACLReader(s),
		plan: &Plan{Root: root, Ephemerals: map[protocol.SessionID]int{}, nodes: []node{{name: root, parent: -1}}},
	}
	defer v.acls.close(ctx)
	for from := 0; from < len(v.plan.nodes); {
		to := len(v.plan.nodes)
		v.plan.levels = append(v.plan.levels, from)
		if err := v.level(ctx, from, to); err != nil {
			return nil, err
		}
		from = to
	}
	return v.plan, nil
}

type survey struct {
	*reader
	o    SurveyOptions
	plan *Plan
	acls *aclReader
}

// level reads the znodes of a level and appends their children.
func (v *survey) level(ctx context.Context, from, to int) error {
	p := v.plan
	var parents []string
	var counts []int32
	var indexes []int32
	path := func(i int) string { return p.path(from + i) }
	var acls *aclLevel
	if v.o.ACLs {
		acls = v.acls.level(ctx, to-from, path)
		defer acls.stop()
	}
	err := v.each(ctx, to-from, path, func(first int, window []read, paths []string) error {
		for i := range window {
			w, at := &window[i], from+first+i
			acl, err := v.acl(ctx, acls, paths[i], w)
			if err != nil {
				return err
			}
			if w.err != nil {
				if err := v.missing(at, w.err); err != nil {
					return err
				}
				continue
			}
			p.nodes[at].version = w.stat.Version
			v.count(&w.stat)
			if w.stat.NumChildren > 0 {
				parents, counts, indexes = append(parents, paths[i]), append(counts, w.stat.NumChildren), append(indexes, int32(at))
			}
			if v.o.Visit != nil {
				if err := v.o.Visit(&Node{Path: paths[i], Data: w.data, ACL: acl, Stat: w.stat}); err != nil {
					return err
				}
			}
		}
		if v.o.Progress != nil {
			v.o.Progress(p.Count)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.children(ctx, parents, counts, indexes)
}

// acl is the ACL of the next znode of a level. When there is no such znode any
// more, that becomes the error of the read.
func (v *survey) acl(ctx context.Context, acls *aclLevel, path string, w *read) ([]protocol.ACL, error) {
	if acls == nil {
		return nil, nil
	}
	r, err := acls.next(ctx)
	if err != nil || w.err != nil {
		return nil, err
	}
	acl, err := v.acls.acl(ctx, path, &w.stat, r)
	if errors.Is(err, protocol.NoNode) {
		w.err, err = err, nil
	}
	return acl, err
}

// missing takes a znode that could not be read.
func (v *survey) missing(at int, err error) error {
	if at == 0 {
		return err
	}
	v.plan.nodes[at].gone = true
	if !errors.Is(err, protocol.NoNode) {
		v.plan.Refused = append(v.plan.Refused, err)
	}
	return nil
}

func (v *survey) count(st *protocol.Stat) {
	p := v.plan
	p.Count++
	p.Bytes += int64(st.DataLength)
	if st.Cversion > st.NumChildren {
		p.Counters++
	}
	switch {
	case st.EphemeralOwner == protocol.ContainerOwner:
		p.Containers++
	case protocol.TTLOf(st.EphemeralOwner, true) > 0:
		p.TTL++
	case st.EphemeralOwner != 0:
		p.Ephemerals[st.EphemeralOwner]++
	}
}

// children lists the next level.
func (v *survey) children(ctx context.Context, parents []string, counts []int32, indexes []int32) error {
	if v.o.ACLs {
		next := 0
		for _, n := range counts {
			next += int(n)
		}
		v.acls.expect(ctx, next)
	}
	lists, err := v.lists(ctx, parents, counts)
	if err != nil {
		return err
	}
	p := v.plan
	for i, l := range lists {
		if l.err != nil {
			// It was read a moment ago: its data, by the same permission.
			if !errors.Is(l.err, protocol.NoNode) {
				p.Refused = append(p.Refused, l.err)
			}
			continue
		}
		for _, name := range l.children {
			p.nodes = append(p.nodes, node{name: name, parent: indexes[i]})
		}
	}
	return nil
}
