package walk

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"zookit/protocol"
)

// tree is a Source in memory that counts what it is asked. The order of its
// children is not sorted.
type tree struct {
	data   map[string]string
	kids   map[string][]string
	refuse map[string]bool             // may not be read
	before func(op, path string) error // may fail any request

	mu     sync.Mutex
	asked  map[string]int // "children /a"
	total  int
	flying int
	most   int
}

func newTree(paths ...string) *tree {
	t := &tree{data: map[string]string{"/": ""}, kids: map[string][]string{}, refuse: map[string]bool{}, asked: map[string]int{}}
	for _, p := range paths {
		t.add(p)
	}
	return t
}

func (t *tree) add(path string) {
	t.data[path] = "data of " + path
	parent := protocol.Parent(path)
	t.kids[parent] = append(t.kids[parent], protocol.Base(path))
}

// enter counts a request; the function it returns ends it.
func (t *tree) enter(op, path string) (leave func(), err error) {
	t.mu.Lock()
	t.asked[op+" "+path]++
	t.total++
	t.flying++
	t.most = max(t.most, t.flying)
	t.mu.Unlock()
	leave = func() {
		t.mu.Lock()
		t.flying--
		t.mu.Unlock()
	}
	if t.before != nil {
		err = t.before(op, path)
	}
	if _, ok := t.data[path]; !ok && err == nil {
		err = protocol.NoNode
	}
	return leave, err
}

func (t *tree) stat(path string) *protocol.Stat {
	return &protocol.Stat{NumChildren: int32(len(t.kids[path])), DataLength: int32(len(t.data[path]))}
}

func (t *tree) Exists(_ context.Context, path string, _ bool) (*protocol.Stat, error) {
	leave, err := t.enter("exists", path)
	defer leave()
	if err != nil {
		return nil, err
	}
	return t.stat(path), nil
}

func (t *tree) Get(_ context.Context, path string, _ bool) ([]byte, *protocol.Stat, error) {
	leave, err := t.enter("get", path)
	defer leave()
	if t.refuse[path] {
		err = protocol.NoAuth
	}
	if err != nil {
		return nil, nil, err
	}
	return []byte(t.data[path]), t.stat(path), nil
}

func (t *tree) GetACL(_ context.Context, path string) ([]protocol.ACL, *protocol.Stat, error) {
	leave, err := t.enter("getacl", path)
	defer leave()
	if err != nil {
		return nil, nil, err
	}
	return protocol.OpenACL, t.stat(path), nil
}

func (t *tree) Children(_ context.Context, path string, _ bool) ([]string, *protocol.Stat, error) {
	leave, err := t.enter("children", path)
	defer leave()
	if t.refuse[path] {
		err = protocol.NoAuth
	}
	if err != nil {
		return nil, nil, err
	}
	names := slices.Clone(t.kids[path])
	slices.Reverse(names)
	return names, t.stat(path), nil
}

// grow adds n znodes at random places.
func grow(t *tree, n int, random *rand.Rand) {
	paths := []string{"/"}
	for i := range n {
		parent := paths[random.IntN(len(paths))]
		path := protocol.Join(parent, strconv.Itoa(i))
		t.add(path)
		paths = append(paths, path)
	}
}
