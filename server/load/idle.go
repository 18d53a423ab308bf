package load

import (
	"context"
	"fmt"
)

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
