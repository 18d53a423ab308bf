package cnxn

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"zookit/protocol"
	"zookit/protocol/certs"
)

// A Secure is what clients under TLS need.
type Secure struct {
	Config  *tls.Config
	Timeout time.Duration // of a handshake; ConnectWait bounds it too
	// Identify is who the holder of a client's certificate is: identities that
	// are added to the connection's address. It is not called for a client
	// without a certificate. An error ends the connection.
	Identify func(c *x509.Certificate, from net.Addr) ([]protocol.ID, error)
	// Plain lets the clients of New's listener come without TLS or with it
	// (client.portUnification); they come without otherwise.
	Plain bool
}

// errHandshake ends a connection whose client is not let in.
var errHandshake = errors.New("TLS")

// Secure lets Serve accept clients under TLS on ln as well; ln may be nil when
// it is for the listener of New. It is called before Serve, at most once.
func (s *Server) Secure(ln *net.TCPListener, secure *Secure) {
	s.secure, s.secureLn = secure, ln
}

// admitSecure starts a connection that begins with a handshake.
func (s *Server) admitSecure(nc *net.TCPConn, plain bool) {
	sh := &shaking{Conn: nc, wire: nc, secure: s.secure, plain: plain}
	if c := s.open(plainSocket{sh}); c != nil {
		s.start(c)
	}
}

// shaking is a connection that begins with a handshake. Nothing is read or
// written before shake has returned.
type shaking struct {
	net.Conn            // the client's TCP connection: addresses, deadlines, closing
	wire     halfCloser // what is read and written
	secure   *Secure
	plain    bool // it may come without TLS
}

func (c *shaking) Read(b []byte) (int, error)  { return c.wire.Read(b) }
func (c *shaking) Write(b []byte) (int, error) { return c.wire.Write(b) }
func (c *shaking) CloseWrite() error           { return c.wire.CloseWrite() }

// shake returns the identities that the client's certificate proves.
func (c *shaking) shake(until time.Time) ([]protocol.ID, error) {
	if limit := time.Now().Add(c.secure.Timeout); c.secure.Timeout > 0 && limit.Before(until) {
		until = limit
	}
	ctx, done := context.WithDeadline(context.Background(), until)
	defer done()
	under := &begun{c.Conn.(halfCloser), bufio.NewReaderSize(c.Conn, 16)}
	if err := c.Conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	first, err := under.in.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] != certs.HandshakeRecord {
		if c.plain {
			c.wire = under
			return nil, nil
		}
		return nil, fmt.Errorf("%w: the client does not speak it; this is secureClientPort", errHandshake)
	}
	t := tls.Server(under, c.secure.Config)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	c.wire = certs.Channel{Conn: t}
	if shown := (certs.Channel{Conn: t}).Peer(); shown != nil {
		ids, err := c.secure.Identify(shown, c.RemoteAddr())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errHandshake, err)
		}
		return ids, nil
	}
	return nil, nil
}

// begun is a connection whose first bytes were looked at.
type begun struct {
	halfCloser
	in *bufio.Reader
}

func (b *begun) Read(p []byte) (int, error) { return b.in.Read(p) }

// prove shakes hands with a client that does, and adds who it is.
func (c *Conn) prove() error {
	plain, ok := c.sock.(plainSocket)
	if !ok {
		return nil
	}
	sh, ok := plain.halfCloser.(*shaking)
	if !ok {
		return nil
	}
	ids, err := sh.shake(c.since.Add(c.server.cfg.ConnectWait))
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return nil
	}
	all := append([]protocol.ID(nil), c.IDs()...)
	all = append(all, ids...)
	c.certified = ids
	c.ids.Store(&all)
	for _, id := range ids {
		c.authenticated = c.authenticated || slices.Contains(c.server.cfg.RequireAuth, id.Scheme)
	}
	return nil
}
