// Package bulk changes many znodes at once: it looks at a subtree and counts
// what is there (Survey, Plan), then sends the changes in multis, several of
// them on their way, each checked by version (Apply).
//
// It neither prints nor asks: package command does. What it holds in memory is
// the names and versions of a plan; data and ACLs pass by.
package bulk

import (
	"context"
	"sync"

	"zookit/protocol"
)

// Session is what bulk asks of a session. A session that also has MultiRead,
// ACLs and Beside, as *session.Session does, is read up to ten times as fast;
// one that wraps another shows it with Unwrap.
type Session interface {
	Create(ctx context.Context, path string, data []byte, acl []protocol.ACL, flags protocol.CreateFlag, ttlMs int64) (string, *protocol.Stat, error)
	Delete(ctx context.Context, path string, version int32) error
	Get(ctx context.Context, path string, watch bool) ([]byte, *protocol.Stat, error)
	Set(ctx context.Context, path string, data []byte, version int32) (*protocol.Stat, error)
	GetACL(ctx context.Context, path string) ([]protocol.ACL, *protocol.Stat, error)
	SetACL(ctx context.Context, path string, acl []protocol.ACL, version int32) (*protocol.Stat, error)
	Children(ctx context.Context, path string, watch bool) ([]string, *protocol.Stat, error)
	Multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error)
}

// readsInFlight is how many single reads are on their way at once.
const readsInFlight = 64

// parallel calls f(0) to f(n−1), up to limit at once and starting them in
// order, and returns the first error; after one nothing more is started.
func parallel(n, limit int, f func(i int) error) error {
	if n == 1 {
		return f(0)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		next  int
	)
	for range min(n, limit) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := first != nil || i >= n
				mu.Unlock()
				if stop {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}
