package walk

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"zookit/protocol"
)

// MaxMatches bounds what Glob returns.
const MaxMatches = 100_000

// ErrTooMany is a pattern that more than MaxMatches znodes match.
var ErrTooMany = fmt.Errorf("more than %d znodes match", MaxMatches)

// IsPattern tells whether a path has an element with *, ? or [.
func IsPattern(path string) bool { return strings.ContainsAny(path, "*?[") }

// Match tells whether a name matches a pattern: * is any text, ? any character,
// [a-c] one of a set and [^a-c] or [!a-c] one of the others, and \ takes the
// meaning from the character behind it. A pattern that is none (an unclosed [)
// matches itself.
func Match(pattern, name string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	if err != nil {
		return pattern == name
	}
	return ok
}

// Glob lists the znodes that match an absolute pattern, sorted as a walk visits
// them. Each element matches the elements of a path one by one (Match); the
// element ** matches any number of them, none included. The list is empty when
// nothing matches. refused is told what may not be looked into; nil ignores it.
//
// A znode whose name is the pattern itself wins: it is the only match then.
func Glob(ctx context.Context, src Source, pattern string, refused func(path string, err error)) ([]string, error) {
	_, err := src.Exists(ctx, pattern, false)
	switch {
	case err == nil:
		return []string{pattern}, nil
	case !errors.Is(err, protocol.NoNode):
		return nil, err
	}
	elements := strings.Split(pattern[1:], "/")
	g := &globber{root: "/", refused: refused}
	for len(elements) > 0 && !IsPattern(elements[0]) {
		g.root = protocol.Join(g.root, elements[0])
		elements = elements[1:]
	}
	if len(elements) == 0 {
		return nil, nil
	}
	g.elements = elements
	o := Options{MaxDepth: len(elements), Keep: g.keep}
	if slices.Contains(elements, "**") {
		o.MaxDepth = 0
	}
	err = Walk(ctx, src, g.root, o, g.visit)
	if errors.Is(err, protocol.NoNode) {
		return nil, nil
	}
	return g.found, err
}

// globber matches paths below root against the elements of a pattern. Where in
// the pattern one may be behind a path is a state: the numbers of the elements
// that may come next, without repetition; len(elements) is a match.
type globber struct {
	root     string // what stands before the first element with a pattern
	elements []string
	refused  func(path string, err error)
	found    []string
}

func (g *globber) visit(n *Node) error {
	if n.Err != nil && g.refused != nil {
		g.refused(n.Path, n.Err)
	}
	if !slices.Contains(g.state(n.Path), len(g.elements)) {
		return nil
	}
	if len(g.found) == MaxMatches {
		return ErrTooMany
	}
	g.found = append(g.found, n.Path)
	return nil
}

// keep leaves out whatever cannot lead to a match.
func (g *globber) keep(parent, name string) bool { return len(g.step(g.state(parent), name)) > 0 }

// state is that behind a path, which is the root or below it.
func (g *globber) state(path string) []int {
	state := g.closure(nil, 0)
	rest := strings.TrimPrefix(strings.TrimPrefix(path, g.root), "/")
	for name := range strings.SplitSeq(rest, "/") {
		if name != "" {
			state = g.step(state, name)
		}
	}
	return state
}

// step is the state behind one more name.
func (g *globber) step(state []int, name string) []int {
	var next []int
	for _, at := range state {
		switch {
		case at == len(g.elements):
		case g.elements[at] == "**":
			next = g.closure(next, at)
		case Match(g.elements[at], name):
			next = g.closure(next, at+1)
		}
	}
	return next
}

// closure adds an element's number, and those behind it as long as it is **.
func (g *globber) closure(state []int, at int) []int {
	for ; !slices.Contains(state, at); at++ {
		state = append(state, at)
		if at == len(g.elements) || g.elements[at] != "**" {
			break
		}
	}
	return state
}
