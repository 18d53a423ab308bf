package bulk

import (
	"context"
	"errors"

	"zookit/protocol"
	"zookit/shell/session"
)

const (
	// multiReads are on their way at once.
	multiReads = 8

	// A multiRead asks for the data of so many znodes. A server assembles the
	// answer in memory, so that it is bounded by this many times what a znode
	// can hold, and by replyBytes once the znodes have shown their size.
	dataPerRead = 64
	replyBytes  = 1 << 20

	// namesPerRead bounds the names that one multiRead of children asks for,
	// unless one znode alone has more.
	namesPerRead = 20_000

	// requestBytes bounds the paths in one request: half of the default
	// jute.maxbuffer.
	requestBytes = protocol.DefaultMaxBuffer / 2
)

// multiReader reads several znodes in one request, since Apache 3.6.
type multiReader interface {
	MultiRead(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error)
}

// reader reads many znodes of a session.
type reader struct {
	s     Session
	multi multiReader // nil when the session or its server has none
	size  int         // mean bytes of data of the znodes read last
}

func newReader(s Session) *reader {
	multi, _ := beneath[multiReader](s)
	return &reader{s: s, multi: multi}
}

// beneath finds what else a session can do, or one that it wraps.
func beneath[T any](s any) (found T, ok bool) {
	for s != nil {
		if found, ok = s.(T); ok {
			return found, true
		}
		u, wraps := s.(interface{ Unwrap() any })
		if !wraps {
			break
		}
		s = u.Unwrap()
	}
	return found, false
}

// read is the outcome for one znode.
type read struct {
	data     []byte
	stat     protocol.Stat
	children []string
	err      error // a code of the server
}

// ahead is a window of znodes that is being read.
type ahead struct {
	paths []string
	reads []read
	err   error
	done  chan struct{} // closed when reads and err are there
}

// each reads the data and Stat of znodes and calls visit for each window of
// them, in order. The next window is read while one is visited, so memory holds
// some MiB.
func (r *reader) each(ctx context.Context, n int, path func(i int) string, visit func(first int, window []read, paths []string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var next *ahead
	defer func() {
		cancel()
		if next != nil {
			<-next.done
		}
	}()
	from, asked := 0, 0
	ask := func() {
		if next = nil; asked < n {
			next = r.ask(ctx, asked, n, path)
			asked += len(next.paths)
		}
	}
	for ask(); next != nil; {
		<-next.done
		w := next
		if w.err != nil {
			return w.err
		}
		r.learn(w.reads)
		ask()
		if err := visit(from, w.reads, w.paths); err != nil {
			return err
		}
		from += len(w.paths)
	}
	return nil
}

// ask begins to read the next of n znodes. One window is read at a time, so
// that r belongs to it.
func (r *reader) ask(ctx context.Context, from, n int, path func(i int) string) *ahead {
	per, windows := r.chunk()
	a := &ahead{paths: make([]string, min(n-from, per*windows)), done: make(chan struct{})}
	for i := range a.paths {
		a.paths[i] = path(from + i)
	}
	go func() {
		defer close(a.done)
		a.reads, a.err = r.window(ctx, protocol.OpGetData, a.paths, per)
	}()
	return a
}

// learn notes how large the znodes are.
func (r *reader) learn(reads []read) {
	bytes := 0
	for _, w := range reads {
		bytes += len(w.data)
	}
	r.size = bytes / len(reads)
}

// chunk is how many znodes one multiRead shall ask for, and how many of them
// go at once.
func (r *reader) chunk() (per, windows int) {
	per = min(dataPerRead, max(1, replyBytes/max(r.size, 1)))
	windows = multiReads
	if r.size > replyBytes/8 {
		windows = 2
	}
	return per, windows
}

// lists reads the names of the children of znodes; counts are how many each
// had when it was looked at.
func (r *reader) lists(ctx context.Context, paths []string, counts []int32) ([]read, error) {
	out := make([]read, 0, len(paths))
	for from := 0; from < len(paths); {
		to, names := from, int32(0)
		for to < len(paths) && to-from < dataPerRead*multiReads && (to == from || names+counts[to] <= namesPerRead) {
			names += counts[to]
			to++
		}
		got, err := r.window(ctx, protocol.OpGetChildren, paths[from:to], max(1, (to-from+multiReads-1)/multiReads))
		if err != nil {
			return nil, err
		}
		out = append(out, got...)
		from = to
	}
	return out, nil
}

// window reads all paths, per of them in a request.
func (r *reader) window(ctx context.Context, op protocol.OpCode, paths []string, per int) ([]read, error) {
	out := make([]read, len(paths))
	if r.multi != nil {
		parts := cut(paths, per)
		err := parallel(len(parts), multiReads, func(i int) error {
			return r.multiRead(ctx, op, paths[parts[i].from:parts[i].to], out[parts[i].from:parts[i].to])
		})
		if !errors.Is(err, protocol.Unimplemented) {
			return out, err
		}
		r.multi = nil // a server before 3.6
	}
	err := parallel(len(paths), readsInFlight, func(i int) error {
		var st *protocol.Stat
		var err error
		if op == protocol.OpGetChildren {
			out[i].children, st, err = r.s.Children(ctx, paths[i], false)
		} else {
			out[i].data, st, err = r.s.Get(ctx, paths[i], false)
		}
		if err != nil && !isCode(err) {
			return err
		}
		if out[i].err = err; st != nil {
			out[i].stat = *st
		}
		return nil
	})
	return out, err
}

func (r *reader) multiRead(ctx context.Context, op protocol.OpCode, paths []string, out []read) error {
	ops := make([]protocol.MultiOp, len(paths))
	for i, p := range paths {
		ops[i] = protocol.MultiOp{Type: op, Record: &protocol.PathWatchRequest{Path: p}}
	}
	results, err := r.multi.MultiRead(ctx, ops)
	if err != nil {
		return err
	}
	for i, res := range results {
		out[i] = read{data: res.Data, stat: res.Stat, children: res.Children}
		if res.Type == protocol.OpError {
			out[i] = read{err: &session.OpError{Op: op, Path: paths[i], Code: res.Err}}
		}
	}
	return nil
}

// span is paths[from:to].
type span struct{ from, to int }

// cut splits paths by number and by bytes on the wire.
func cut(paths []string, per int) []span {
	const perOp = 9 + 4 + 1 // multi header, length of the path, watch
	var parts []span
	from, size := 0, 0
	for i, p := range paths {
		if n := len(p) + perOp; i > from && (i-from >= per || size+n > requestBytes) {
			parts = append(parts, span{from, i})
			from, size = i, 0
		}
		size += len(p) + perOp
	}
	return append(parts, span{from, len(paths)})
}

// isCode tells that the server answered with an error code.
func isCode(err error) bool {
	var op *session.OpError
	return errors.As(err, &op)
}

// Look is what a znode is now.
type Look struct {
	Data []byte
	Stat protocol.Stat
	Err  error // a code of the server, NoNode for one
}

// LookAt reads the data and Stat of znodes, several in a request.
func LookAt(ctx context.Context, s Session, paths []string) ([]Look, error) {
	out := make([]Look, len(paths))
	err := newReader(s).each(ctx, len(paths), func(i int) string { return paths[i] }, func(first int, window []read, _ []string) error {
		for i, w := range window {
			out[first+i] = Look{w.data, w.stat, w.err}
		}
		return nil
	})
	return out, err
}
