package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"

	"zookit/protocol"
	"zookit/protocol/certs"
	"zookit/protocol/jute"
)

// hosts says where to connect next. It is the zk.HostProvider of the library,
// whose own resolves every name at the start and fails when one is unknown.
// The library waits a second after each round of the list; we pace ourselves
// in dial, so the list never ends here, except when the session is closing:
// then the end of the list makes the library look at its quit channel.
type hosts struct {
	c    *core
	next int // the library calls Next from one goroutine
}

func (h *hosts) Init([]string) error { return nil }
func (h *hosts) Len() int            { return len(h.c.addrs) }
func (h *hosts) Connected()          {}
func (h *hosts) Next() (string, bool) {
	i := h.next % len(h.c.addrs)
	h.next = i + 1
	return h.c.addrs[i], h.c.ctx.Err() != nil || h.c.isClosed()
}

const (
	firstPause = 100 * time.Millisecond
	lastPause  = time.Second
)

// attempt is what one server gets for accepting and answering the handshake:
// its share of the connect timeout, less a tenth so that its silence is named
// before the whole times out. A long share is halved: Apache never answers a
// connection that it accepts while it starts, but it answers the next.
func (c *core) attempt() time.Duration {
	share := c.o.ConnectTimeout * 9 / 10 / time.Duration(len(c.addrs))
	return max(share/2, min(share, shortAttempt), 10*time.Millisecond)
}

const shortAttempt = 2 * time.Second

// dial is the library's dialer: one attempt at one server.
func (c *core) dial(_, addr string, _ time.Duration) (net.Conn, error) {
	if err := c.pause(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.trying = addr
	c.mu.Unlock()
	deadline := time.Now().Add(c.attempt())
	ctx, cancel := context.WithDeadline(c.ctx, deadline)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err == nil && c.o.TLS != nil {
		conn, err = secure(ctx, conn, addr, c.o.TLS)
	}
	if err != nil {
		if c.ctx.Err() != nil {
			return nil, c.ctx.Err()
		}
		c.refused(addr, c.refusal(err, nil))
		return nil, err
	}
	return c.adopt(newTap(c, conn, addr, deadline))
}

// pause waits before another round of the list: longer and longer while nobody
// wants the connection, shortly when somebody does.
func (c *core) pause() error {
	c.mu.Lock()
	rounds := c.misses / len(c.addrs)
	between := c.misses > 0 && c.misses%len(c.addrs) == 0
	wanted := c.waiting > 0
	c.mu.Unlock()
	if !between {
		return c.ctx.Err()
	}
	pause := lastPause
	if rounds < 5 {
		pause = min(firstPause<<(rounds-1), lastPause)
	}
	hurry := c.hurry
	if wanted {
		pause, hurry = firstPause, nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-c.ctx.Done():
	}
	return c.ctx.Err()
}

func secure(ctx context.Context, conn net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	client, err := certs.Client(ctx, conn, addr, config)
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return client, nil
}

// shuffled is the list in random order, so that clients spread over the
// servers.
func shuffled(addrs []string) []string {
	out := make([]string, len(addrs))
	for i, j := range rand.Perm(len(addrs)) {
		out[i] = addrs[j]
	}
	return out
}

// refusalError is why a server could not be used, in words.
type refusalError struct {
	text string
	err  error
}

func (e *refusalError) Error() string { return e.text }
func (e *refusalError) Unwrap() error { return e.err }

// refusal puts the failure of an attempt into words; t is the connection when
// the failure came after TCP (and TLS) had one.
func (c *core) refusal(err error, t *tap) error {
	say := func(format string, args ...any) error {
		return &refusalError{text: fmt.Sprintf(format, args...), err: err}
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return say("no answer within %v", c.attempt().Round(time.Millisecond))
	case errors.As(err, &dns) && dns.IsNotFound:
		return say("unknown host %s", dns.Name)
	case errors.As(err, &dns):
		return say("looking up %s: %s", dns.Name, dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("connection refused")
	case t == nil && errors.As(err, &op):
		return say("%v", op.Err)
	case t == nil:
		return err
	case errors.Is(err, protocol.ErrFrameLength), errors.Is(err, jute.ErrShort), errors.Is(err, jute.ErrTooLong), errors.Is(err, errHandshake):
		if c.o.TLS == nil {
			return say("it does not answer as a ZooKeeper server (%v); is it a TLS port?", err)
		}
		return say("it does not answer as a ZooKeeper server (%v)", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return say("%s", c.silentClose())
	}
	return err
}

// silentClose lists why a server closes a connection instead of answering the
// connect request; it gives no reason itself.
func (c *core) silentClose() string {
	text := "it closed the connection without an answer: it is not serving, or has too many connections of this client"
	if !c.o.ReadOnly {
		text += ", or is read-only"
	}
	if c.o.TLS == nil {
		text += ", or speaks TLS on this port"
	}
	c.mu.Lock()
	seen, session := c.seen, c.session
	c.mu.Unlock()
	if session != 0 && seen > 0 {
		text += fmt.Sprintf(", or holds less than this session has seen (zxid %v)", seen)
	}
	return text
}
