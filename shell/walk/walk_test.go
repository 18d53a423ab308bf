package walk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"zookit/protocol"
)

// preorder is what a walk should visit, by recursion.
func preorder(t *tree, path string, depth, maxDepth int) []string {
	list := []string{fmt.Sprint(depth, " ", path)}
	if maxDepth > 0 && depth == maxDepth {
		return list
	}
	for _, name := range slices.Sorted(slices.Values(t.kids[path])) {
		list = append(list, preorder(t, protocol.Join(path, name), depth+1, maxDepth)...)
	}
	return list
}

func visited(t *testing.T, src Source, root string, o Options) []string {
	t.Helper()
	var list []string
	if err := Walk(t.Context(), src, root, o, func(n *Node) error {
		list = append(list, fmt.Sprint(n.Depth, " ", n.Path))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestWalkVisitsInPreOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		src := newTree()
		grow(src, 1+random.IntN(400), random)
		o := Options{Limit: 1 + random.IntN(20), MaxDepth: random.IntN(5), Data: seed%2 == 0, Stat: seed%3 == 0}
		if got, want := visited(t, src, "/", o), preorder(src, "/", 0, o.MaxDepth); !slices.Equal(got, want) {
			t.Fatalf("seed %d, %+v:\n%v\nwant\n%v", seed, o, got, want)
		}
		if src.most > o.Limit {
			t.Errorf("seed %d: %d requests at once, the limit is %d", seed, src.most, o.Limit)
		}
		for what, n := range src.asked {
			if n > 1 {
				t.Errorf("seed %d: %s was asked %d times", seed, what, n)
			}
		}
	}
}

func TestWalkGivesWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	src := newTree("/a", "/a/b", "/a/c")
	var last []string
	err := Walk(t.Context(), src, "/a", Options{Data: true, ACL: true}, func(n *Node) error {
		if string(n.Data) != "data of "+n.Path || len(n.ACL) != 1 || n.Stat.DataLength != int32(len(n.Data)) {
			t.Errorf("%s: data %q, ACL %v, Stat %+v", n.Path, n.Data, n.ACL, n.Stat)
		}
		if n.Last {
			last = append(last, n.Path)
		}
		return nil
	})
	if err != nil || !slices.Equal(last, []string{"/a", "/a/c"}) {
		t.Errorf("%v, last of their siblings: %v", err, last)
	}
	// A level that nobody wants the Stats of costs nothing.
	src = newTree("/a", "/a/b", "/a/c")
	visited(t, src, "/a", Options{MaxDepth: 1})
	if src.total != 2 {
		t.Errorf("names alone took %v", src.asked)
	}
}

func TestWalkHasLimitRequestsInFlight(t *testing.T) {
	t.Parallel()
	src := newTree()
	for i := range 100 {
		src.add(fmt.Sprint("/", i))
	}
	var mu sync.Mutex
	waiting, full := 0, make(chan struct{})
	src.before = func(_, path string) error {
		if path == "/" {
			return nil
		}
		mu.Lock()
		if waiting++; waiting == DefaultLimit {
			close(full)
		}
		mu.Unlock()
		<-full // answered only when as many are on their way
		return nil
	}
	visited(t, src, "/", Options{Stat: true})
	if src.most != DefaultLimit {
		t.Errorf("%d requests at once", src.most)
	}
}

func TestWalkSurvivesWhatVanishesOrRefuses(t *testing.T) {
	t.Parallel()
	src := newTree("/a", "/gone", "/gone/x", "/half", "/half/x", "/secret", "/secret/x", "/z")
	src.refuse["/secret"] = true
	src.before = func(op, path string) error {
		if path == "/gone" || path == "/half" && op == "children" {
			return protocol.NoNode
		}
		return nil
	}
	var list []string
	for _, o := range []Options{{}, {Data: true}} {
		list = nil
		err := Walk(t.Context(), src, "/", o, func(n *Node) error {
			list = append(list, fmt.Sprint(n.Path, " ", n.Err, " ", n.Stat.NumChildren))
			return nil
		})
		want := []string{"/ <nil> 5", "/a <nil> 0", "/secret " + protocol.NoAuth.Error() + " 1", "/z <nil> 0"}
		if err != nil || !slices.Equal(list, want) {
			t.Errorf("%+v: %v\n%q\nwant\n%q", o, err, list, want)
		}
	}
	if err := Walk(t.Context(), src, "/missing", Options{}, nil); !errors.Is(err, protocol.NoNode) {
		t.Errorf("a root that is not there: %v", err)
	}
}

func TestWalkStopsAtGiants(t *testing.T) {
	t.Parallel()
	src := newTree("/big", "/small")
	for i := range 4 {
		src.add(fmt.Sprint("/big/", i))
	}
	for i := range 3 {
		src.add(fmt.Sprint("/small/", i))
	}
	want := []string{"0 /", "1 /big", "1 /small", "2 /small/0", "2 /small/1", "2 /small/2"}
	if got := visited(t, src, "/", Options{Giant: 3}); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if src.asked["children /big"] > 0 {
		t.Error("the children of the giant were asked for")
	}
	if got := visited(t, src, "/big", Options{Giant: 3}); len(got) != 5 {
		t.Errorf("the giant that was named: %v", got)
	}
	if got := visited(t, src, "/", Options{}); len(got) != 10 {
		t.Errorf("without a bound: %v", got)
	}
}

func TestWalkSkipsAndStops(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 2))
		src := newTree()
		grow(src, 300, random)
		all := preorder(src, "/", 0, 0)
		skip := strings.Fields(all[1+random.IntN(len(all)-1)])[1]
		want := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return strings.Contains(s, " "+skip+"/") })
		var got []string
		pending := -1
		err := Walk(t.Context(), src, "/", Options{Stat: true, Progress: func(_, p int) { pending = p }}, func(n *Node) error {
			got = append(got, fmt.Sprint(n.Depth, " ", n.Path))
			if n.Path == skip {
				return SkipBelow
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) || pending != 0 {
			t.Fatalf("seed %d without what is below %s: %v, %d pending\n%v\nwant\n%v", seed, skip, err, pending, got, want)
		}
		stop, n := random.IntN(len(all)), 0
		err = Walk(t.Context(), src, "/", Options{}, func(*Node) error {
			if n++; n > stop {
				return Stop
			}
			return nil
		})
		if err != nil || n != stop+1 {
			t.Errorf("stopped at %d: %v after %d", stop, err, n)
		}
	}
}

func TestWalkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	src := newTree()
	grow(src, 500, rand.New(rand.NewPCG(3, 3)))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Walk(ctx, src, "/", Options{}, func(*Node) error {
		if n++; n == 100 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != 100 {
		t.Errorf("%v after %d", err, n)
	}
}

// A connection that is lost ends the walk, whatever node it hit, with what came
// before visited.
func TestWalkEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 4))
		src := newTree()
		grow(src, 300, random)
		all := preorder(src, "/", 0, 0)
		fails := strings.Fields(all[random.IntN(len(all))])[1]
		src.before = func(_, path string) error {
			if path == fails {
				return lost
			}
			return nil
		}
		var got []string
		err := Walk(t.Context(), src, "/", Options{}, func(n *Node) error {
			got = append(got, fmt.Sprint(n.Depth, " ", n.Path))
			return nil
		})
		if !errors.Is(err, lost) || !slices.Equal(got, all[:len(got)]) || src.flying != 0 {
			t.Fatalf("seed %d: %v after %v, %d in flight", seed, err, got, src.flying)
		}
	}
}

// What is asked for ahead is bounded, and the bound keeps nobody from going on
// where the first of many siblings has much below it.
func TestWalkAsksAheadWithinBounds(t *testing.T) {
	t.Parallel()
	const wide = 3 * maxAhead
	src := newTree("/0")
	for i := range wide {
		src.add(fmt.Sprintf("/%d", i+1))
		src.add(fmt.Sprintf("/0/%d", i))
	}
	for i := range 50 {
		src.add(fmt.Sprintf("/0/0/%d", i))
	}
	seen, most := 0, 0
	err := Walk(t.Context(), src, "/", Options{}, func(*Node) error {
		seen++
		src.mu.Lock()
		most = max(most, len(src.asked)-seen)
		src.mu.Unlock()
		return nil
	})
	if err != nil || seen != 2*wide+52 {
		t.Errorf("%v after %d", err, seen)
	}
	if bound := maxAhead + 2*DefaultLimit; most > bound {
		t.Errorf("%d requests ahead of the visits, more than %d", most, bound)
	}
}

// TestWalkListsLargeParentsInTurn: the names of one large parent are held at a
// time, those of the next are asked for when the walk has come to it.
func TestWalkListsLargeParentsInTurn(t *testing.T) {
	t.Parallel()
	src := newTree()
	const parents, children = 3, maxAhead + 1
	for p := range parents {
		parent := fmt.Sprintf("/p%d", p)
		src.add(parent)
		for c := range children {
			src.add(fmt.Sprintf("%s/c%05d", parent, c))
		}
	}
	seen := 0
	err := Walk(t.Context(), src, "/", Options{Limit: 4}, func(n *Node) error {
		seen++
		src.mu.Lock()
		defer src.mu.Unlock()
		for p := range parents {
			if n.Depth == 2 && !n.Last {
				break // often enough
			}
			parent := fmt.Sprintf("/p%d", p)
			if src.asked["children "+parent] > 0 && n.Path < parent {
				return fmt.Errorf("%s was listed when the walk was at %s", parent, n.Path)
			}
		}
		if n.Depth == 1 && len(n.Children) != children {
			return fmt.Errorf("%s has %d children", n.Path, len(n.Children))
		}
		return nil
	})
	if want := 1 + parents*(1+children); err != nil || seen != want {
		t.Errorf("%d of %d visited, %v", seen, want, err)
	}
	if src.most > 4 {
		t.Errorf("%d requests at once", src.most)
	}
}

// TestWalkWithNames: parents with very many children are listed by
// Options.Names, and visited as ever.
func TestWalkWithNames(t *testing.T) {
	t.Parallel()
	src := newTree("/few", "/few/a", "/many", "/many/c00007/below")
	for c := range maxAhead + 100 {
		src.add(fmt.Sprintf("/many/c%05d", c))
	}
	o := Options{Data: true, Keep: func(parent, name string) bool { return name != "c00003" }}
	want := visited(t, src, "/", o)
	listed := 0
	names := func(_ context.Context, path string) (*protocol.NameList, *protocol.Stat, error) {
		listed++
		var list protocol.NameList
		for _, name := range src.kids[path] {
			if err := list.Add(name); err != nil {
				return nil, nil, err
			}
		}
		return &list, src.stat(path), nil
	}
	o.Names = names
	if got := visited(t, src, "/", o); !slices.Equal(got, want) || len(got) < maxAhead || listed != 1 {
		t.Errorf("%d visited, %d wanted; %d listed", len(got), len(want), listed)
	}
	o.Names = func(context.Context, string) (*protocol.NameList, *protocol.Stat, error) {
		return nil, nil, protocol.NoAuth
	}
	if got := visited(t, src, "/", o); len(got) != 4 {
		t.Errorf("refused: %q", got)
	}
	// The walk can be ended in the midst of it.
	o.Names = names
	seen := 0
	if err := Walk(t.Context(), src, "/many", o, func(n *Node) error {
		if seen++; seen == 50 {
			return Stop
		}
		return nil
	}); err != nil || seen != 50 {
		t.Errorf("%d, %v", seen, err)
	}
}
