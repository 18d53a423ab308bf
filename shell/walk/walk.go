// Package walk visits subtrees of znodes in order while asking for what comes
// next, several requests at a time. It knows neither sessions nor the terminal:
// what it asks is a Source, what it finds goes to a function.
package walk

import (
	"context"
	"errors"
	"sync"

	"zookit/protocol"
)

// Source answers the questions of a walk. A session is one, and so is whatever
// holds znodes; it is asked by several goroutines at once.
type Source interface {
	// Children is the names of a znode's children, in any order, and its Stat.
	Children(ctx context.Context, path string, watch bool) ([]string, *protocol.Stat, error)
	// Get is a znode's data, nil for null, and its Stat.
	Get(ctx context.Context, path string, watch bool) ([]byte, *protocol.Stat, error)
	// Exists is a znode's Stat.
	Exists(ctx context.Context, path string, watch bool) (*protocol.Stat, error)
	// GetACL is a znode's ACL and Stat.
	GetACL(ctx context.Context, path string) ([]protocol.ACL, *protocol.Stat, error)
}

// DefaultLimit is how many requests a walk has in flight.
const DefaultLimit = 16

// GiantParent is how many children make a parent one that commands for looking
// around do not go into unasked: Options.Giant for those that stop there.
const GiantParent = 10_000

// Options of Walk. The zero value visits everything and asks for no more than
// that takes.
type Options struct {
	Limit    int // requests in flight; 0 is DefaultLimit
	MaxDepth int // levels below the root; 0 is all, negative none

	// What nodes are to have. Without Stat and Data the znodes at MaxDepth are
	// not asked for at all, so that Node.Stat is nil there.
	Data, ACL, Stat bool

	// Giant is the number of children above which a parent is visited but not
	// gone into (Node.Giant is set); 0 is no bound. It does not apply to the
	// root, which was named.
	Giant int

	// Names lists the children of parents that have more than maxAhead, in less
	// memory than Source.Children takes; Node.Children stays nil for those. May
	// be nil.
	Names func(ctx context.Context, path string) (*protocol.NameList, *protocol.Stat, error)

	// Keep tells whether a child is part of the walk; one that is not is never
	// asked for. It is called by several goroutines at once. Nil keeps all.
	Keep func(parent, name string) bool

	// Progress is told, after every visit, how many znodes were visited and how
	// many more are known of. It must return soon. May be nil.
	Progress func(done, pending int)
}

// Node is a znode as a walk found it. The visitor may keep it; Children is not
// to be changed.
type Node struct {
	Path  string
	Depth int  // levels below the root of the walk
	Last  bool // of its parent's Children

	Stat *protocol.Stat // nil when it was not asked for, or refused as well
	Data []byte         // with Options.Data; nil for null, and when refused
	ACL  []protocol.ACL // with Options.ACL; nil when refused

	// Children is the sorted names of the children that are part of the walk;
	// nil when there are none or they were not asked for (MaxDepth, Giant, Err),
	// or Options.Names has them.
	Children []string
	// Giant: it has more children than Options.Giant, which are left out.
	Giant bool
	// Err is the server's refusal to show the znode or a part of it (NoAuth, or
	// a name that cannot be asked for). What lies below is left out then.
	Err error
}

var (
	// SkipBelow is what a visitor returns to leave out what lies below a node.
	//lint:ignore ST1012 an answer, not a failure, as fs.SkipDir is
	SkipBelow = errors.New("skip what lies below")
	// Stop is what a visitor returns to end the walk without an error.
	//lint:ignore ST1012 as above
	Stop = errors.New("stop")
)

// Walk visits root and the znodes below it in pre-order, siblings in ascending
// byte order, on the calling goroutine. A znode that vanished before it was
// asked for is left out, unless it is the root. One that may not be read is
// visited with Err.
//
// Walk ends with the first error of visit (nil for Stop), with the source's
// error when it is about more than one znode (a lost connection), or when ctx
// ends, with its error; what was visited until then was visited in order.
// Memory is bounded by what maxAhead says and Limit replies, beside the names of
// the siblings on the way to the node that is visited.
func Walk(ctx context.Context, src Source, root string, o Options, visit func(*Node) error) error {
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &walker{ctx: ctx, src: src, o: o, visit: visit, results: make(chan *entry, o.Limit)}
	defer w.wg.Wait()
	defer cancel()
	w.order.root(root)
	err := w.run()
	if errors.Is(err, Stop) {
		return nil
	}
	return err
}

// walker is a walk on its way. One goroutine owns all of it; fetching
// goroutines get an entry and give it back through results.
type walker struct {
	ctx   context.Context
	src   Source
	o     Options
	visit func(*Node) error

	order   order       // what is known and not visited yet
	flying  int         // requests in flight
	results chan *entry // answered; capacity Limit
	wg      sync.WaitGroup
	done    int   // visited
	failure error // the first answer that ends the walk; nothing new is asked
}

func (w *walker) run() error {
	for w.order.head() != nil {
		w.start()
		e := w.order.head().entry
		if e == nil || !e.answered || e.unlisted && w.failure != nil {
			if w.flying == 0 {
				return w.failure // nothing new is asked after it
			}
			if err := w.wait(); err != nil {
				return err
			}
			continue
		}
		if e.unlisted {
			list := func() error { return w.list(e) }
			if w.flying == w.o.Limit {
				list = w.wait // for room among the requests in flight
			}
			if err := list(); err != nil {
				return err
			}
			continue
		}
		w.collect()
		if err := w.show(e); err != nil {
			return err
		}
	}
	return nil
}

// start asks for what comes next, as far as the bounds allow.
func (w *walker) start() {
	for w.flying < w.o.Limit && w.failure == nil {
		e := w.order.next(w.o.Limit)
		if e == nil {
			return
		}
		w.flying++
		w.wg.Go(func() {
			e.fetch(w.ctx, w.src, &w.o)
			w.results <- e
		})
	}
}

// list asks for the children of the node whose turn it is.
func (w *walker) list(e *entry) error {
	e.unlisted = false
	done := make(chan struct{})
	w.wg.Go(func() {
		e.list(w.ctx, w.src, &w.o)
		close(done)
	})
	select {
	case <-done:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	if w.failure == nil {
		w.failure = e.err
	}
	w.order.relisted(e)
	return nil
}

// wait takes one answer.
func (w *walker) wait() error {
	select {
	case e := <-w.results:
		w.take(e)
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// collect takes the answers that are there.
func (w *walker) collect() {
	for {
		select {
		case e := <-w.results:
			w.take(e)
		default:
			return
		}
	}
}

func (w *walker) take(e *entry) {
	w.flying--
	if w.failure == nil {
		w.failure = e.err
	}
	w.order.answered(e)
}

// show visits the first node of the order and takes it out.
func (w *walker) show(e *entry) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	w.order.drop(e)
	switch {
	case e.err != nil:
		return e.err
	case e.gone:
		return nil
	}
	err := w.visit(&e.node)
	if errors.Is(err, SkipBelow) {
		w.order.skipBelow(e)
		err = nil
	}
	w.done++
	if err == nil && w.o.Progress != nil {
		w.o.Progress(w.done, w.order.pending)
	}
	return err
}
