package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"zookit/protocol"
)

// Watchers opens sessions that all watch the data of one znode, changes it,
// and returns for each round the time from the change's request until the last
// notification has been read.
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
	watchers := make(Conns, 0, sessions)
	defer func() { watchers.Close() }()
	for range sessions {
		w, err := dialBlocking(addr)
		if err != nil {
			return nil, err
		}
		watchers = append(watchers, w)
	}

	order := rand.New(rand.NewPCG(1, 1)).Perm(sessions)
	var times []time.Duration
	for range rounds {
		for _, w := range watchers {
			if err := w.Call(protocol.OpGetData, &protocol.GetDataRequest{Path: path, Watch: true}, nil); err != nil {
				return nil, err
			}
		}
		begin := time.Now()
		if err := writer.Call(protocol.OpSetData, &protocol.SetDataRequest{Path: path, Data: []byte("y"), Version: -1}, nil); err != nil {
			return nil, err
		}
		// One reader takes them in a random order from blocking sockets, so that
		// it seldom waits and is woken for nothing else: what is measured is the
		// server.
		for _, i := range order {
			if _, err := watchers[i].Event(); err != nil {
				return nil, err
			}
		}
		times = append(times, time.Since(begin))
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
