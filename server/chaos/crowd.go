//go:build linux

package chaos

import (
	"context"
	"errors"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// crowd makes the znodes that are there for good, and the clients.
func (e *ensemble) crowd(seed uint64) (list []*client, err error) {
	c, err := wire.Dial(e.nodes[0].door, wire.Options{TimeoutMs: 30_000})
	if err != nil {
		return nil, err
	}
	for _, q := range setup() {
		if err := c.Do(q.op, q.record, nil); err != nil {
			return nil, err
		}
	}
	if err := c.CloseSession(); err != nil {
		return nil, err
	}
	var targets []target
	for _, n := range e.nodes {
		targets = append(targets, target{n.sid, n.apache, n.client.addr()})
	}
	for id := range clients {
		list = append(list, newClient(id, seed, e.log.begin, targets, pace))
	}
	return list, nil
}

// settle: every client must have a write and a sync answered.
func (e *ensemble) settle(crowd []*client) {
	ctx, cancel := context.WithTimeout(context.Background(), settlePatience)
	defer cancel()
	var wg sync.WaitGroup
	for _, c := range crowd {
		wg.Go(func() {
			if err := c.finish(ctx); err != nil {
				e.fail(violation("V2 requests are answered", "%v", err))
			}
		})
	}
	wg.Wait()
}

// audit reads every znode at every server.
func (e *ensemble) audit() (list []*client) {
	ctx, cancel := context.WithTimeout(context.Background(), settlePatience)
	defer cancel()
	for i, n := range e.nodes {
		c := newClient(1000+i, 0, e.log.begin, []target{{n.sid, n.apache, n.client.addr()}}, time.Millisecond)
		list = append(list, c)
		if err := c.readAll(ctx); err != nil {
			e.fail(violation("V2 requests are answered", "%v: %v", n, err))
		}
	}
	return list
}

// readAll syncs and reads the tree below /chaos.
func (c *client) readAll(ctx context.Context) error {
	for ctx.Err() == nil {
		w, err := c.connect(c.targets[0])
		if err != nil {
			rest(ctx, 50*time.Millisecond)
			continue
		}
		todo := []call{{protocol.OpSync, &protocol.SyncRequest{Path: root}}}
		visit := func(path string) {
			todo = append(todo, call{protocol.OpGetData, &protocol.GetDataRequest{Path: path}}, call{protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: path}})
		}
		visit(root)
		var asked []*Op
		seen := 0
		c.work(ctx, w, func() bool {
			c.mu.Lock()
			for ; seen < len(asked) && asked[seen].Answered; seen++ {
				if r, ok := asked[seen].Reply.(*protocol.GetChildren2Response); ok {
					for _, name := range r.Children {
						visit(protocol.Join(asked[seen].path(), name))
					}
				}
			}
			c.mu.Unlock()
			if len(todo) > 0 {
				asked = append(asked, c.send(w, todo[0]))
				todo = todo[1:]
			}
			return seen < len(asked)
		})
		if len(asked) > 0 && seen == len(asked) && len(todo) == 0 {
			return nil
		}
	}
	return errors.New("its tree could not be read")
}

func collect(crowd []*client) *History {
	h := &History{}
	for _, c := range crowd {
		h.Ops = append(h.Ops, c.ops...)
		h.Conns = append(h.Conns, c.conns...)
		h.Seen = append(h.Seen, c.broken...)
		h.Expired = append(h.Expired, c.expired...)
	}
	return h
}
