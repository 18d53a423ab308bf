package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"zookit/protocol/certs"
)

// DefaultHandshakeTimeout is ssl.quorum.handshakeDetectionTimeoutMillis'
// default.
const DefaultHandshakeTimeout = 5 * time.Second

// A Security is what stands before what is said on the ports between servers;
// a nil one is nothing. Until a caller has passed it nothing else of what it
// sends is looked at, but for the initial message of the election port, behind
// which Apache has put SASL.
//
//	election port   TLS, initial message, SASL, notifications
//	quorum port     TLS, SASL, packets
//
// Facts come from QuorumCnxManager, Learner, LearnerHandler, UnifiedServerSocket
// and ZKTrustManager of Apache ZooKeeper 3.9.5.
//
// Differs from Apache: the certificate of a caller must name a host of the
// server line whose id it claims, where Apache takes any host at the other end,
// by a reverse look-up if need be.
type Security struct {
	// Keys are for TLS; nil: there is none.
	Keys *certs.Keys
	// Plain accepts callers without TLS too (portUnification), DialPlain dials
	// without it (sslQuorum is not set).
	Plain, DialPlain bool
	// AnyServer takes a certificate of any name from a server that is dialed
	// (ssl.quorum.hostnameVerification=false), AnyCaller from one that calls
	// (ssl.quorum.clientHostnameVerification=false).
	AnyServer, AnyCaller bool
	// Timeout bounds the handshakes of one connection together; 0:
	// DefaultHandshakeTimeout.
	Timeout time.Duration
	// SASL is the other way to tell servers from strangers; nil: it is not used.
	SASL *SASL
}

// What a connection has failed by, beside the network.
var (
	errTLS  = errors.New("TLS")
	errSASL = errors.New("SASL")
)

func (s *Security) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return DefaultHandshakeTimeout
}

// dialer puts the handshake behind the dialing of an address; strangers may show
// a certificate of any name.
func (s *Security) dialer(dial dialFunc, stranger bool) dialFunc {
	if s == nil || s.Keys == nil || s.DialPlain {
		return dial
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		conn, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		if s.AnyServer || stranger {
			host = ""
		}
		ctx, done := context.WithTimeout(ctx, s.timeout())
		defer done()
		t := tls.Client(conn, s.Keys.Client(host))
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("%w with %s: %w", errTLS, address, explain(err))
		}
		return certs.Channel{Conn: t}, nil
	}
}

type dialFunc = func(ctx context.Context, address string) (net.Conn, error)

// accept shakes hands with a caller, in its time. It leaves conn without a
// deadline.
func (s *Security) accept(conn net.Conn) (net.Conn, error) {
	if s == nil || s.Keys == nil {
		return conn, nil
	}
	_ = conn.SetDeadline(time.Now().Add(s.timeout()))
	wire, err := s.shake(conn)
	_ = conn.SetDeadline(time.Time{})
	return wire, err
}

func (s *Security) shake(conn net.Conn) (net.Conn, error) {
	peeked := newPeeked(conn)
	first, err := peeked.in.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] != certs.HandshakeRecord {
		if s.Plain {
			return peeked, nil
		}
		return nil, errors.New("it does not speak TLS, which sslQuorum asks for: set sslQuorum=true there too, or portUnification=true here until all servers have it")
	}
	t := tls.Server(peeked, s.Keys.Server())
	if err := t.Handshake(); err != nil {
		return nil, fmt.Errorf("%w: %w", errTLS, explain(err))
	}
	return certs.Channel{Conn: t}, nil
}

// vouch tells whether the certificate of a caller is one of the server whose id
// it claims: it must name one of its hosts. hosts are empty for an id of no
// server line, whose holder has no vote; there any trusted certificate will do.
func (s *Security) vouch(conn net.Conn, sid int64, hosts []string) error {
	if s == nil || s.AnyCaller || len(hosts) == 0 {
		return nil
	}
	if p, ok := conn.(*peeked); ok {
		conn = p.Conn // below SASL
	}
	t, ok := conn.(certs.Channel)
	if !ok {
		return nil
	}
	shown := t.Peer()
	if shown == nil {
		return nil // ssl.quorum.clientAuth asks for none
	}
	for _, h := range hosts {
		if shown.VerifyHostname(h) == nil {
			return nil
		}
	}
	return fmt.Errorf("it claims to be server %d, whose host is %s, but its certificate is for %s: give that server a certificate with its host among the subject alternative names",
		sid, strings.Join(hosts, " or "), names(shown))
}

// names are what a certificate is valid for.
func names(c *x509.Certificate) string {
	list := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	const most = 8
	if len(list) > most {
		list = append(list[:most], "…")
	}
	if len(list) == 0 {
		return "no host"
	}
	return fmt.Sprintf("%q", list)
}

// explain says in other words what Go's errors leave to be guessed.
func explain(err error) error {
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &record):
		return errors.New("what came is no TLS: is sslQuorum=true set on the other server, and portUnification=false there only when all have it?")
	case errors.As(err, &verify) && len(verify.UnverifiedCertificates) > 0:
		return fmt.Errorf("the certificate of %s: %w", names(verify.UnverifiedCertificates[0]), verify.Err)
	}
	return err
}

// alert tells that the other side has ended TLS with a reason, such as a
// certificate it does not take: TLS 1.3 says so after the handshake.
func alert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// peeked is a connection whose first bytes can be looked at.
type peeked struct {
	net.Conn
	in *bufio.Reader
}

func newPeeked(conn net.Conn) *peeked { return &peeked{conn, bufio.NewReaderSize(conn, 16)} }

func (p *peeked) Read(b []byte) (int, error) { return p.in.Read(b) }

// transport is the TCP connection below.
func transport(conn net.Conn) *net.TCPConn {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c
		case certs.Channel:
			conn = c.NetConn()
		case *peeked:
			conn = c.Conn
		default:
			return nil
		}
	}
}
