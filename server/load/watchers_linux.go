package load

import (
	"context"
	"fmt"
	"time"

	"zookit/protocol"
)

// Watchers opens sessions that all watch the data of one znode, changes it,
// and returns for each round the time from the change's request until the last
// notification had arrived at its client. The clients sleep meanwhile, as they
// would on machines of their own; the kernel notes when each packet came.
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
	var watchers Conns
	var sockets []*stamped
	defer func() { watchers.Close() }()
	for range sessions {
		c, s, err := dialStamped(addr)
		if err != nil {
			return nil, err
		}
		watchers, sockets = append(watchers, c), append(sockets, s)
	}

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
		time.Sleep(asleep)
		var last time.Time
		for i, w := range watchers {
			if _, err := w.Event(); err != nil {
				return nil, err
			}
			if at := sockets[i].last; at.After(last) {
				last = at
			}
		}
		times = append(times, last.Round(0).Sub(begin.Round(0)))
	}
	return times, nil
}

// asleep is how long the clients leave the machine to the server; an event that
// takes longer is waited for.
const asleep = 150 * time.Millisecond
