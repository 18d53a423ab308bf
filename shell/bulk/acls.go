package bulk

import (
	"context"
	"errors"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/shell/session"
)

const (
	// aclsPerRead are asked for in a row.
	aclsPerRead = 512

	// aclsAhead is how many such reads may be on their way or wait for whoever
	// takes the ACLs: some MiB.
	aclsAhead = 32

	// The ACLs of a level of crewFrom znodes and more are read over crewSize
	// sessions beside the caller's. Apache's server reads one request of a
	// connection at a time, and the more connections have one, the less each
	// costs it: 3.8.0 on two processors answers some 18,000 getACL a second on
	// one connection, 50,000 on eight and up to 100,000 on 16 to 24. It takes 60
	// connections from one address by default (maxClientCnxns).
	crewFrom = 4000
	crewSize = 20

	// closeCrew bounds the wait for the ends of those sessions.
	closeCrew = 2 * time.Second

	// knownACLs bounds the different ACLs that are kept to share memory.
	knownACLs = 4096
)

// aclSource reads the ACLs of several znodes; *session.Session is one.
type aclSource interface {
	ACLs(ctx context.Context, paths []string) ([]session.ACLResult, error)
}

// singly reads them one by one from what cannot do better.
type singly struct{ Session }

func (s singly) ACLs(ctx context.Context, paths []string) ([]session.ACLResult, error) {
	out := make([]session.ACLResult, len(paths))
	err := parallel(len(paths), readsInFlight, func(i int) error {
		acl, st, err := s.GetACL(ctx, paths[i])
		if errors.Is(err, protocol.NoNode) || errors.Is(err, protocol.NoAuth) {
			out[i].Err = err
			return nil
		}
		if out[i].ACL = acl; st != nil {
			out[i].Stat = *st
		}
		return err
	})
	return out, err
}

// aclReader reads the ACLs of a survey, level by level.
type aclReader struct {
	s       Session
	main    aclSource                                           // the same
	open    func(ctx context.Context) (*session.Session, error) // nil when s has none beside it
	crew    [crewSize]member
	opening sync.WaitGroup
	known   map[string][]protocol.ACL // equal ACLs share memory
	key     []byte
}

// member is a session beside the caller's, nil when it could not be opened. It
// reads for one goroutine at a time.
type member struct {
	once sync.Once
	s    *session.Session
}

func newACLReader(s Session) *aclReader {
	a := &aclReader{s: s, main: singly{s}, known: map[string][]protocol.ACL{}}
	if many, ok := beneath[aclSource](s); ok {
		a.main = many
	}
	if opener, ok := beneath[interface {
		Beside(ctx context.Context) (*session.Session, error)
	}](s); ok {
		a.open = opener.Beside
	}
	return a
}

// aclBlock is one read.
type aclBlock struct {
	paths   []string
	results []session.ACLResult
	err     error
	done    chan struct{} // closed when results or err are there
}

// aclLevel is a level whose ACLs are being read, or the nil of one whose ACLs
// nobody wants. next belongs to one goroutine.
type aclLevel struct {
	blocks chan *aclBlock // in the level's order
	block  *aclBlock      // whose results are being taken
	taken  int            // of them
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// level begins to read the ACLs of n znodes, several reads at a time and no
// more than aclsAhead ahead of next. It ends with stop.
func (a *aclReader) level(ctx context.Context, n int, path func(i int) string) *aclLevel {
	ctx, cancel := context.WithCancel(ctx)
	l := &aclLevel{blocks: make(chan *aclBlock, aclsAhead), cancel: cancel}
	work := make(chan *aclBlock)
	l.wg.Go(func() {
		defer close(l.blocks)
		defer close(work)
		l.share(ctx, n, path, work)
	})
	crewed, readers := a.open != nil && n >= crewFrom, 2
	if crewed {
		readers = crewSize
	}
	for i := range readers {
		l.wg.Go(func() {
			var own *session.Session
			if crewed {
				own = a.member(ctx, i)
			}
			a.read(ctx, own, work)
		})
	}
	return l
}

// share makes the reads of a level.
func (l *aclLevel) share(ctx context.Context, n int, path func(i int) string, work chan<- *aclBlock) {
	for from := 0; from < n; from += aclsPerRead {
		b := &aclBlock{paths: make([]string, min(n-from, aclsPerRead)), done: make(chan struct{})}
		for i := range b.paths {
			b.paths[i] = path(from + i)
		}
		for _, to := range []chan<- *aclBlock{work, l.blocks} {
			select {
			case to <- b:
			case <-ctx.Done():
				return
			}
		}
	}
}

// member is the i-th session of the crew, nil when it cannot be opened.
func (a *aclReader) member(ctx context.Context, i int) *session.Session {
	m := &a.crew[i]
	m.once.Do(func() { m.s, _ = a.open(ctx) }) // the server may take no more connections: the others do it
	return m.s
}

// expect opens the crew while a level of n znodes is still being listed.
func (a *aclReader) expect(ctx context.Context, n int) {
	if a.open == nil || n < crewFrom {
		return
	}
	for i := range a.crew {
		a.opening.Go(func() { a.member(ctx, i) })
	}
}

// read carries reads out over a session of the crew, or over the caller's when
// there is none or it is lost.
func (a *aclReader) read(ctx context.Context, own *session.Session, work <-chan *aclBlock) {
	for b := range work {
		if own != nil {
			if b.results, b.err = own.ACLs(ctx, b.paths); b.err != nil {
				own = nil
			}
		}
		if own == nil {
			b.results, b.err = a.main.ACLs(ctx, b.paths)
		}
		close(b.done)
	}
}

// next is the ACL of the next znode of the level.
func (l *aclLevel) next(ctx context.Context) (session.ACLResult, error) {
	if l.block == nil || l.taken == len(l.block.results) {
		select {
		case l.block = <-l.blocks:
		case <-ctx.Done():
		}
		if l.block == nil || ctx.Err() != nil {
			return session.ACLResult{}, ctx.Err()
		}
		select {
		case <-l.block.done:
		case <-ctx.Done():
			return session.ACLResult{}, ctx.Err()
		}
		if l.block.err != nil {
			return session.ACLResult{}, l.block.err
		}
		l.taken = 0
	}
	l.taken++
	return l.block.results[l.taken-1], nil
}

// stop ends the reading of a level.
func (l *aclLevel) stop() {
	if l != nil {
		l.cancel()
		l.wg.Wait()
	}
}

// acl takes what was read of the ACL of a znode with a Stat; nil when it may
// not be read. An ACL that is not of that Stat was read before or after a
// change, or by a session that another server has: then the caller's session
// says what it is. An error that is NoNode tells that the znode is gone.
func (a *aclReader) acl(ctx context.Context, path string, st *protocol.Stat, r session.ACLResult) ([]protocol.ACL, error) {
	if r.Err == nil && r.Stat.Czxid == st.Czxid && r.Stat.Aversion == st.Aversion {
		return a.shared(r.ACL), nil
	}
	acl, _, err := a.s.GetACL(ctx, path)
	if errors.Is(err, protocol.NoAuth) {
		return nil, nil
	}
	return a.shared(acl), err
}

// shared is an equal ACL that is in memory already.
func (a *aclReader) shared(acl []protocol.ACL) []protocol.ACL {
	if acl == nil {
		return nil
	}
	a.key = protocol.AppendACLs(a.key[:0], acl)
	if known, ok := a.known[string(a.key)]; ok {
		return known
	}
	if len(a.known) == knownACLs {
		clear(a.known)
	}
	a.known[string(a.key)] = acl
	return acl
}

// close ends the sessions of the crew.
func (a *aclReader) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeCrew)
	defer cancel()
	a.opening.Wait()
	var wg sync.WaitGroup
	for i := range a.crew {
		if s := a.crew[i].s; s != nil {
			wg.Go(func() { _ = s.Close(ctx) }) // it holds nothing that could stay behind
		}
	}
	wg.Wait()
}
