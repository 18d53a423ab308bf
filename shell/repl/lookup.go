package repl

import (
	"context"
	"time"

	"zookit/shell/complete"
)

// Fetch answers a question of a complete.Cache, in any order.
type Fetch func(ctx context.Context, q complete.Question) ([]string, error)

// NewLookup returns a complete.Cache that is filled by fetch, one goroutine and at most lookupTimeout a question,
// and that refreshes the drop-down of printer when an answer has arrived. After a change of session (connect)
// call its Reset; questions end with ctx.
func NewLookup(ctx context.Context, fetch Fetch, printer *Printer) *complete.Cache {
	var cache *complete.Cache
	ask := func(q complete.Question) {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
			defer cancel()
			names, err := fetch(ctx, q)
			if cache.Answer(q, names, err) {
				printer.Refresh()
			}
		}()
	}
	cache = complete.NewCache(ask, time.Now)
	return cache
}

const lookupTimeout = 5 * time.Second
