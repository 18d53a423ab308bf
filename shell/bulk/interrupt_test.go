package bulk

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"zookit/protocol"
	"zookit/shell/session"
)

// slowly is a session that answers a multi after a time, unless its context
// ends first.
type slowly struct {
	*fake
	takes time.Duration
}

func (s slowly) Multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	select {
	case <-time.After(s.takes):
		return s.fake.Multi(ctx, ops)
	case <-ctx.Done():
		return nil, &session.CanceledError{Op: protocol.OpMulti, Sent: true, Cause: ctx.Err()}
	}
}

// What is on its way at an interrupt is carried out all the same: it is waited
// for, for a while, so that the report and the journal hold it.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("/")
			var paths []string
			for c := 'a'; c <= 'z'; c++ {
				paths = append(paths, "/"+string(c))
			}
			takes := 900 * time.Millisecond // so that the second ten are interrupted
			if !answers {
				takes = time.Hour
			}
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			begin, noted := time.Now(), 0
			report, err := Apply(ctx, slowly{f, takes}, creates(paths...), Options{Batch: 1, Ordered: true,
				Done: func(steps []Step, _ []protocol.MultiResult) { noted += len(steps) }})
			took := time.Since(begin)
			if report.Done != noted || noted != len(f.multis) {
				t.Errorf("%+v, %d noted, %d carried out", report, noted, len(f.multis))
			}
			if answers && (noted != 2*inFlight || report.Unknown != 0 || !errors.Is(err, context.DeadlineExceeded) || took != 2*takes) {
				t.Errorf("%+v, %v, after %v", report, err, took)
			}
			if !answers && (noted != 0 || report.Unknown != inFlight || err == nil || took != 1500*time.Millisecond+patience) {
				t.Errorf("no answer: %+v, %v, after %v", report, err, took)
			}
		})
	}
}
