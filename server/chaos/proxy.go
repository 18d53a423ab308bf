package chaos

import (
	"net"
	"sync"
	"time"
)

// A Fault is what a proxy does to the bytes that pass. The zero Fault lets them
// pass.
type Fault struct {
	Delay  time.Duration // before each piece that was read
	Drip   bool          // pieces of one to a few bytes, a millisecond each
	Stall  [2]bool       // nothing passes towards the server, towards the caller; nothing is lost either
	Refuse bool          // new connections are reset
}

// The directions of a link.
const (
	toServer = iota
	toCaller
)

// A proxy is a listener whose connections go on to a server. Faults concern all
// of its connections.
type proxy struct {
	ln   net.Listener
	dial func() (net.Conn, error)
	// patience is how long a connection is held for a server that does not listen.
	// Without a proxy it would be refused, which the caller would meet with another
	// attempt a moment later; one that is accepted and then reset is another thing.
	patience time.Duration

	mu     sync.Mutex
	fault  Fault
	change chan struct{} // closed when fault changes
	pairs  map[*pair]bool
	closed bool
	wg     sync.WaitGroup
}

// pair is one connection through a proxy.
type pair struct {
	caller, server net.Conn
	dead           chan struct{} // closed: the connection carries nothing any more, and nobody is told
	killed         bool
	gone           chan struct{} // closed with the connection
	once           sync.Once
}

func (c *pair) close() {
	c.once.Do(func() {
		close(c.gone)
		_ = c.caller.Close()
		_ = c.server.Close()
	})
}

func newProxy(ln net.Listener, patience time.Duration, dial func() (net.Conn, error)) *proxy {
	p := &proxy{ln: ln, dial: dial, patience: patience, change: make(chan struct{}), pairs: map[*pair]bool{}}
	p.wg.Go(p.accept)
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) close() {
	_ = p.ln.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.pairs {
		c.close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *proxy) accept() {
	for {
		caller, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(caller) })
	}
}

func (p *proxy) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func (p *proxy) serve(caller net.Conn) {
	p.mu.Lock()
	refuse := p.fault.Refuse || p.closed
	p.mu.Unlock()
	if refuse {
		reset(caller)
		return
	}
	server, err := p.dial()
	for until := time.Now().Add(p.patience); err != nil && time.Now().Before(until) && !p.ended(); server, err = p.dial() {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		reset(caller)
		return
	}
	c := &pair{caller: caller, server: server, dead: make(chan struct{}), gone: make(chan struct{})}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		c.close()
		return
	}
	p.pairs[c] = true
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.pump(c, toServer, caller, server) })
	wg.Go(func() { p.pump(c, toCaller, server, caller) })
	wg.Wait()
	c.close()
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// pump carries one direction until its end, or the connection's.
func (p *proxy) pump(c *pair, direction int, from, to net.Conn) {
	defer func() {
		select {
		case <-c.dead: // neither end learns of the other's
			<-c.gone
		default:
			c.close()
		}
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.pass(c, direction, to, buf[:n]) || err != nil {
			return
		}
	}
}

// pass writes a piece under the faults there are. false: the connection is over.
func (p *proxy) pass(c *pair, direction int, to net.Conn, b []byte) bool {
	delayed := false
	for len(b) > 0 {
		p.mu.Lock()
		f, change := p.fault, p.change
		p.mu.Unlock()
		n := len(b)
		switch {
		case f.Stall[direction]:
			select {
			case <-change:
				continue
			case <-c.gone:
				return false
			case <-c.dead:
				return false
			}
		case f.Delay > 0 && !delayed:
			delayed = true
			if !c.wait(f.Delay) {
				return false
			}
			continue
		case f.Drip:
			n = min(n, 1+len(b)%7)
			if !c.wait(time.Millisecond) {
				return false
			}
		}
		select {
		case <-c.dead:
			return false
		default:
		}
		if _, err := to.Write(b[:n]); err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

func (c *pair) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.gone:
	case <-c.dead:
	}
	return false
}

// set replaces the fault.
func (p *proxy) set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	close(p.change)
	p.change = make(chan struct{})
}

// resetAll breaks every connection.
func (p *proxy) resetAll() { p.breakThose(func(*pair) bool { return true }) }

func (p *proxy) reap() { p.breakThose(func(c *pair) bool { return c.killed }) }

func (p *proxy) breakThose(which func(*pair) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		if !which(c) {
			continue
		}
		for _, end := range []net.Conn{c.caller, c.server} {
			if t, ok := end.(*net.TCPConn); ok {
				_ = t.SetLinger(0)
			}
		}
		c.close()
	}
}

// killAll makes every connection half-open: it stands, and carries nothing. New
// ones are not concerned. reap resets such connections, as the kernel does when
// it has sent in vain for long enough; here it would have nothing to send, since
// the proxy takes what comes.
func (p *proxy) killAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		if !c.killed {
			c.killed = true
			close(c.dead)
		}
	}
}
