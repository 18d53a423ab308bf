package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/shell/export"
	"zookit/shell/walk"
)

// shownRefusals is how many refused znodes a report names.
const shownRefusals = 10

// subtreeReader goes through a subtree in the order of an export, on a server
// or in files.
type subtreeReader struct {
	s     Session
	root  string
	rest  AtRest // nil on a server
	stat  bool   // entries get their Stat
	limit int    // requests in flight; 0 is walk.DefaultLimit

	names    func(ctx context.Context, path string) (*protocol.NameList, *protocol.Stat, error) // nil where there is none
	progress func(done, pending int)

	refused []string // znodes that may not be read, and are left out with what is below; the first shownRefusals
	left    int      // how many there are

	masked []string // znodes whose ACLs have hidden digests; the first shownRefusals
	masks  int      // how many there are
}

func newSubtreeReader(s Session, root string) *subtreeReader {
	r := &subtreeReader{s: s, root: root, stat: true}
	r.rest, _ = atRest(s)
	r.names = findNames(s)
	return r
}

// nameLister lists very many children compactly, as *session.Session does.
type nameLister interface {
	ChildNames(ctx context.Context, path string) (*protocol.NameList, *protocol.Stat, error)
}

// findNames is that of a session, or of the one it wraps; nil when there is
// none.
func findNames(s any) func(ctx context.Context, path string) (*protocol.NameList, *protocol.Stat, error) {
	for s != nil {
		if l, ok := s.(nameLister); ok {
			return l.ChildNames
		}
		u, ok := s.(interface{ Unwrap() any })
		if !ok {
			return nil
		}
		s = u.Unwrap()
	}
	return nil
}

// each calls f for root and every znode below it. /zookeeper, which each
// ensemble has of its own, is part of it only when it is asked for by name.
func (r *subtreeReader) each(ctx context.Context, f func(*export.Entry) error) error {
	o := walk.Options{Data: true, ACL: true, Stat: true, Limit: r.limit, Progress: r.progress, Names: r.names}
	if r.ownsSystem() {
		o.Keep = func(parent, name string) bool { return parent != "/" || name != "zookeeper" }
	}
	return walk.Walk(ctx, r.s, r.root, o, func(n *walk.Node) error {
		if n.Err != nil {
			if n.Depth == 0 {
				return n.Err
			}
			note(&r.left, &r.refused, n.Path)
			return nil
		}
		if hidden(n.ACL) {
			note(&r.masks, &r.masked, n.Path)
		}
		e := &export.Entry{Path: n.Path, Data: n.Data, ACL: n.ACL}
		owner := n.Stat.EphemeralOwner
		if r.rest != nil {
			var err error
			if owner, err = r.rest.Owner(ctx, n.Path); err != nil {
				return err
			}
		}
		if e.Kind, e.TTLMs = export.KindOf(owner); e.Kind == export.Ephemeral {
			e.Owner = owner
		}
		if r.stat {
			e.Stat = n.Stat
		}
		return f(e)
	})
}

// ownsSystem tells that /zookeeper lies in the subtree and was not asked for.
func (r *subtreeReader) ownsSystem() bool { return r.root == "/" && r.s.Chroot() == "" }

// refusal says which znodes were left out because they may not be read; nil
// when there are none.
func (r *subtreeReader) refusal(name string) error {
	if r.left == 0 {
		return nil
	}
	return &Failure{Text: fmt.Sprintf("%s: %s may not be read by this session (addauth may help): %s", name,
		count(r.left, "znode"), andMore(r.refused, r.left)), Err: protocol.NoAuth}
}

// note counts a path and keeps the first ones.
func note(n *int, first *[]string, path string) {
	if *n++; *n <= shownRefusals {
		*first = append(*first, path)
	}
}

// maskedDigest ends the id of a digest that a server hides from whoever may not
// change the ACL (FinalRequestProcessor.handleGetACLRequest, Apache 3.9).
const maskedDigest = ":x"

// hidden tells that an ACL is not shown as it is: written back it would lock
// everybody out. One that lets everybody change it is shown whole to everybody.
func hidden(acl []protocol.ACL) bool {
	for _, a := range acl {
		if a.Scheme == "world" && a.Perms&protocol.PermAdmin != 0 {
			return false
		}
	}
	return slices.ContainsFunc(acl, func(a protocol.ACL) bool { return a.Scheme == "digest" && strings.HasSuffix(a.ID, maskedDigest) })
}

// hiddenACLs are the znodes with hidden ACLs among those that were seen.
type hiddenACLs struct {
	count int
	first []string // shownRefusals of them
}

func (h *hiddenACLs) see(path string, acl []protocol.ACL) {
	if hidden(acl) {
		note(&h.count, &h.first, path)
	}
}

// String names them.
func (h *hiddenACLs) String() string {
	return count(h.count, "znode") + ": " + andMore(h.first, h.count)
}

// sameACL compares what two ACLs allow, which does not depend on the order of
// their entries. Where one side hides its digests they are compared by their
// users alone.
func sameACL(a, b []protocol.ACL) bool {
	if slices.Equal(a, b) {
		return true
	}
	if hidden(a) || hidden(b) {
		a, b = masked(a), masked(b)
	}
	left, right := export.ACLText(a), export.ACLText(b)
	slices.Sort(left)
	slices.Sort(right)
	return slices.Equal(left, right)
}

func masked(acl []protocol.ACL) []protocol.ACL {
	acl = slices.Clone(acl)
	for i := range acl {
		if user, _, ok := strings.Cut(acl[i].ID, ":"); ok && acl[i].Scheme == "digest" {
			acl[i].ID = user + maskedDigest
		}
	}
	return acl
}

// counted is a number with its noun.
func counted[N int | int64](n N, noun string) string { return count(int(n), noun) }

// andMore lists paths, some of all.
func andMore(paths []string, all int) string {
	text := ""
	for i, p := range paths {
		if i > 0 {
			text += " "
		}
		text += p
	}
	if all > len(paths) {
		text += fmt.Sprintf(" and %d more", all-len(paths))
	}
	return text
}
