package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"zookit/protocol"
)

// Watchers opens sessions that all watch the data of one znode, changes it,
// and returns the time from the change's request to the last notification.
// The figure is the median of the rounds.
func Watchers(ctx context.Context, addr, path string, sessions, rounds int) ([]time.Duration, error) {
	writer, err := Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	create := protocol.CreateRequest{Path: path, Data: []byte("x"), ACL: protocol.OpenACL}
	if err := writer.Call(protocol.OpCreate, &create, nil); err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	watchers, err := Idle(ctx, addr, sessions)
	if err != nil {
		return nil, err
	}
	defer watchers.Close()

	var times []time.Duration
	for range rounds {
		for _, w := range watchers {
			if err := w.Call(protocol.OpGetData, &protocol.GetDataRequest{Path: path, Watch: true}, nil); err != nil {
				return nil, err
			}
		}
		last := make([]time.Time, len(watchers))
		errs := make([]error, len(watchers))
		var wg sync.WaitGroup
		for i, w := range watchers {
			wg.Go(func() {
				_, errs[i] = w.Event()
				last[i] = time.Now()
			})
		}
		begin := time.Now()
		if err := writer.Call(protocol.OpSetData, &protocol.SetDataRequest{Path: path, Data: []byte("y"), Version: -1}, nil); err != nil {
			return nil, err
		}
		wg.Wait()
		var longest time.Duration
		for i := range last {
			if errs[i] != nil {
				return nil, errs[i]
			}
			longest = max(longest, last[i].Sub(begin))
		}
		times = append(times, longest)
	}
	return times, nil
}

// Conns are sessions held open.
type Conns []*Conn

// Close ends them all.
func (c Conns) Close() {
	for _, conn := range c {
		_ = conn.Close()
	}
}

// Idle opens sessions that do nothing.
func Idle(ctx context.Context, addr string, sessions int) (Conns, error) {
	var all Conns
	for range sessions {
		c, err := Dial(ctx, addr)
		if err != nil {
			all.Close()
			return nil, fmt.Errorf("session %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	return all, nil
}
