package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"zookit/protocol/certs"
	"zookit/protocol/certs/certtest"
)

// answering is a port that answers each word with a text, over TLS when there
// is a configuration, and counts the connections.
func answering(t *testing.T, config *tls.Config) (addr string, conns *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conns = &atomic.Int32{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			if config != nil {
				c = tls.Server(c, config)
			}
			go func() {
				defer c.Close()
				var word [4]byte
				if _, err := io.ReadFull(c, word[:]); err == nil && word == [4]byte{'s', 'r', 'v', 'r'} {
					_, _ = io.WriteString(c, "it stands")
				}
			}()
		}
	}()
	return l.Addr().String(), conns
}

// A word goes over TLS where the port speaks it; one that does not is asked
// openly, and at once the next time; and who has nothing to speak TLS with is
// told that the port does.
func TestExchange(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t, "zoo")
	id := ca.Issue(t, certtest.Subject{Name: "server", Hosts: []string{"127.0.0.1"}})
	pair, err := tls.LoadX509KeyPair(id.PEM, id.PEM)
	if err != nil {
		t.Fatal(err)
	}
	secure, _ := answering(t, &tls.Config{Certificates: []tls.Certificate{pair}})
	open, opened := answering(t, nil)
	config, err := certs.Options{Trust: certs.Store{File: ca.PEM}}.Config()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	p := &Prober{TLS: config}
	if answer, err := p.Exchange(ctx, secure, "srvr"); answer != "it stands" || err != nil {
		t.Errorf("over TLS: %q, %v", answer, err)
	}
	for want := int32(2); want <= 3; want++ {
		if answer, err := p.Exchange(ctx, open, "srvr"); answer != "it stands" || err != nil || opened.Load() != want {
			t.Errorf("openly: %q, %v, %d connections, want %d", answer, err, opened.Load(), want)
		}
	}
	if _, err := (&Prober{}).Exchange(ctx, secure, "srvr"); !errors.Is(err, ErrTLSPort) {
		t.Errorf("without TLS: %v", err)
	}
	stranger, err := certs.Options{Trust: certs.Store{File: certtest.NewCA(t, "other").PEM}}.Config()
	if err != nil {
		t.Fatal(err)
	}
	unknown := &tls.CertificateVerificationError{}
	if _, err := (&Prober{TLS: stranger}).Exchange(ctx, secure, "srvr"); !errors.As(err, &unknown) {
		t.Errorf("a certificate of nobody: %v", err)
	}
}
