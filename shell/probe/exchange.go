package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"zookit/protocol"
	"zookit/protocol/certs"
)

// ErrTLSPort: the word went to a port that speaks TLS, and there is nothing to
// speak it with.
var ErrTLSPort = errors.New(`this port speaks TLS: say how in a profile ("help profiles") or with -client-configuration`)

// doubtAfter is how long a server that is asked without TLS may keep silent
// before it is looked whether the port speaks TLS: such a port waits for the
// rest of what it takes for a handshake.
const doubtAfter = time.Second

// Exchange sends a four-letter word and returns the whole answer: over TLS where
// the port speaks it, when there is TLS. Apache answers words on its secure port
// as on the other (NettyServerCnxn.receiveMessage in 3.8 and 3.9).
func (p *Prober) Exchange(ctx context.Context, server, word string) (string, error) {
	if p.TLS != nil && !p.isPlain(server) {
		answer, err := p.overTLS(ctx, server, word)
		if !errors.Is(err, certs.ErrNotTLS) {
			return answer, err
		}
		p.mu.Lock()
		if p.plain == nil {
			p.plain = map[string]bool{}
		}
		p.plain[server] = true
		p.mu.Unlock()
	}
	return p.openly(ctx, server, word)
}

func (p *Prober) isPlain(server string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plain[server]
}

// overTLS is the exchange on a port that speaks TLS; certs.ErrNotTLS when it does not.
func (p *Prober) overTLS(ctx context.Context, server, word string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return "", fmt.Errorf("%s to %s: %w", word, server, err)
	}
	client, err := certs.Client(ctx, conn, server, p.TLS)
	if errors.Is(err, certs.ErrNotTLS) {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("%s to %s: TLS: %w", word, server, err)
	}
	return protocol.FourLetterOn(ctx, client, word)
}

// openly is the exchange without TLS. A port that answers nothing is looked at
// again: it may speak TLS.
func (p *Prober) openly(ctx context.Context, server, word string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		answer string
		err    error
	}
	answered, tlsPort := make(chan result, 1), make(chan struct{}, 1)
	go func() {
		answer, err := protocol.FourLetter(ctx, server, word)
		answered <- result{answer, err}
	}()
	doubt := time.AfterFunc(doubtAfter, func() {
		if p.speaksTLS(ctx, server) {
			tlsPort <- struct{}{}
		}
	})
	defer doubt.Stop()
	select {
	case <-tlsPort:
		return "", ErrTLSPort
	case r := <-answered:
		if (r.err == nil && r.answer == "" || errors.Is(r.err, syscall.ECONNRESET)) && p.speaksTLS(ctx, server) {
			return "", ErrTLSPort
		}
		return r.answer, r.err
	}
}

// speaksTLS tells whether a port shows certificates.
func (p *Prober) speaksTLS(ctx context.Context, server string) bool {
	shown, err := p.Certificates(ctx, server)
	return err == nil && len(shown) > 0
}
