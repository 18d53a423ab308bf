package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"zookit/server/election"
)

// dial begins to connect to a server, unless it is being dialled already. Each
// server has a dialer of its own, so that one that cannot be reached keeps
// nobody waiting. mu is held.
func (m *Connections) dial(r *remote) {
	if r.dialing || m.closed || len(r.addresses) == 0 {
		return
	}
	r.dialing = true
	dial := m.config.Dial
	if r.stranger {
		dial = m.dialStranger
	}
	addresses := r.addresses
	m.spawn(func() { m.connect(r, dial, addresses) })
}

func (m *Connections) connect(r *remote, dial dialFunc, addresses []string) {
	conn, err := m.reach(dial, addresses)
	if err == nil {
		err = m.greet(conn)
	}
	if err == nil {
		if err = m.config.Security.logIn(m.ctx, conn); err != nil {
			_ = conn.Close()
		}
	}
	m.mu.Lock()
	r.dialing = false
	switch {
	case err != nil:
		down := r.link == nil && !r.stranger
		m.forget(r)
		m.mu.Unlock()
		if down && m.ctx.Err() == nil {
			// That a server was down a moment ago does not hide that it is not trusted.
			m.log.once(fmt.Sprint("dial ", r.sid, errors.Is(err, errTLS), errors.Is(err, errSASL)), addresses[0], "cannot reach the election port of a server", "sid", r.sid, "error", err)
			m.emit(election.Unreachable{Sid: r.sid})
		}
	case r.sid > m.config.ID:
		// It has the larger id and dials back, now that it knows who asks.
		m.unanswered(r)
		m.forget(r)
		m.mu.Unlock()
		_ = conn.Close()
	default:
		m.establish(r, conn)
		m.mu.Unlock()
		m.emit(election.Reached{Sid: r.sid})
	}
}

// reach dials a server's election port.
func (m *Connections) reach(dial dialFunc, addresses []string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(m.ctx, m.config.ConnectTimeout)
	defer cancel()
	return dialAny(ctx, &m.running, dial, addresses)
}

// dialAny dials all addresses at once and takes the first that answers. What it
// leaves behind is counted in running.
func dialAny(ctx context.Context, running *sync.WaitGroup, dial func(context.Context, string) (net.Conn, error), addresses []string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, len(addresses))
	for _, a := range addresses {
		running.Go(func() {
			conn, err := dial(ctx, a)
			results <- result{conn, err}
		})
	}
	var failed []error
	for n := range addresses {
		got := <-results
		if got.err != nil {
			failed = append(failed, got.err)
			continue
		}
		cancel()
		running.Go(func() { // what answers too late is closed
			for range addresses[n+1:] {
				if late := <-results; late.err == nil {
					_ = late.conn.Close()
				}
			}
		})
		return got.conn, nil
	}
	return nil, errors.Join(failed...)
}

// greet sends the initial message.
func (m *Connections) greet(conn net.Conn) error {
	m.mu.Lock()
	greeting := m.greeting
	m.mu.Unlock()
	_ = conn.SetWriteDeadline(time.Now().Add(m.config.SocketTimeout))
	if _, err := conn.Write(greeting); err != nil {
		_ = conn.Close()
		return fmt.Errorf("initial message: %w", err)
	}
	return nil
}
