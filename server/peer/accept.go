package peer

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"zookit/protocol/certs"
	"zookit/protocol/quorum"
	"zookit/server/election"
)

// acceptPause is the wait after a failed accept, such as one without a free
// file descriptor.
const acceptPause = 100 * time.Millisecond

func (m *Connections) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if m.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		if err != nil {
			m.log.say(ln.Addr().String(), "the election port accepts no connections", "error", err)
			select {
			case <-time.After(acceptPause):
				continue
			case <-m.ctx.Done():
				return
			}
		}
		m.mu.Lock()
		if len(m.callers) == maxCallers {
			oldest := m.callers[0]
			m.callers = m.callers[1:]
			_ = oldest.Close()
		}
		m.callers = append(m.callers, conn)
		if m.closed {
			_ = conn.Close()
		}
		m.spawn(func() { m.called(conn) })
		m.mu.Unlock()
	}
}

// called reads who calls, and keeps the connection or dials back.
func (m *Connections) called(conn net.Conn) {
	var hello quorum.InitialMessage
	wire, err := m.config.Security.accept(conn)
	if err == nil {
		err = conn.SetReadDeadline(time.Now().Add(m.config.SocketTimeout))
	}
	if err == nil {
		err = hello.Read(wire)
	}
	if err == nil && hello.Form == quorum.InitialBare && hello.ServerID>>56 == certs.HandshakeRecord {
		err = errors.New("it speaks TLS, which this server does not: set portUnification=true or sslQuorum=true here")
	}
	if err == nil {
		wire, err = m.authenticate(wire)
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	m.mu.Lock()
	at := slices.Index(m.callers, conn)
	if at >= 0 {
		m.callers = slices.Delete(m.callers, at, at+1)
	}
	if m.closed {
		m.mu.Unlock()
		_ = conn.Close()
		return
	}
	if at < 0 {
		err = fmt.Errorf("more than %d connections were waiting", maxCallers)
	}
	r, kept, err := m.admit(wire, &hello, err)
	m.mu.Unlock()
	if err != nil {
		m.log.say(conn.RemoteAddr().String(), "election connection refused", "error", err)
	}
	if !kept {
		_ = conn.Close()
		return
	}
	m.emit(election.Reached{Sid: r.sid})
}

// hosts are those of its server line; none of a stranger. mu is held.
func (r *remote) hosts() (list []string) {
	if r.stranger {
		return nil
	}
	for _, a := range r.addresses {
		if host, _, err := net.SplitHostPort(a); err == nil {
			list = append(list, host)
		}
	}
	return list
}

// authenticate lets a caller log in. Behind its initial message, as with Apache.
func (m *Connections) authenticate(wire net.Conn) (net.Conn, error) {
	from := wire.RemoteAddr().String()
	wire, note, err := m.config.Security.authenticate(wire)
	if note != nil {
		m.log.say(from, letIn, "why", note)
	}
	return wire, err
}

// admit decides what becomes of a caller. mu is held.
func (m *Connections) admit(conn net.Conn, hello *quorum.InitialMessage, err error) (r *remote, kept bool, _ error) {
	if err != nil {
		return nil, false, err
	}
	sid := hello.ServerID
	if sid == m.config.ID {
		return nil, false, fmt.Errorf("it comes from a server with this server's own id %d; correct myid there or here", sid)
	}
	anonymous := sid == quorum.AnonymousObserver
	if anonymous {
		m.anonymous--
		sid = m.anonymous
	}
	r = m.remotes[sid]
	if r == nil {
		if sid < 0 && !anonymous {
			return nil, false, fmt.Errorf("%d is no server id", sid)
		}
		if r = m.stranger(sid, calledFrom(conn, hello.Addresses)); r == nil {
			return nil, false, fmt.Errorf("server %d is not in the configuration, and %d such are connected", sid, maxStrangers)
		}
		m.log.say(conn.RemoteAddr().String(), "a server that is not in the configuration connects", "sid", sid)
	}
	if err := m.config.Security.vouch(conn, sid, r.hosts()); err != nil {
		m.forget(r)
		return nil, false, err
	}
	if !r.stranger && otherPort(hello.Addresses, r.addresses) {
		m.log.say(conn.RemoteAddr().String(), "a server says another election port of itself than its server line here: make the server lines the same on all servers; if they are, two servers have its id",
			"sid", sid, "says", hello.Addresses, "here", r.addresses)
	}
	if r.link != nil && !sameHost(r.link.conn.RemoteAddr(), conn.RemoteAddr()) {
		m.log.say(conn.RemoteAddr().String(), "a server connects from another host than before; if it has not moved, two servers have its id", "sid", sid, "before", r.link.conn.RemoteAddr().String())
	}
	if sid < m.config.ID && !anonymous {
		// Only connections of the larger id last: this server dials back.
		if r.link != nil {
			r.link.close()
			r.link = nil
		}
		m.dial(r)
		m.forget(r) // unless it is being dialled
		return r, false, nil
	}
	m.establish(r, conn)
	return r, true, nil
}

// otherPort reports that none of the ports a server says of itself is one of
// those it should have. Hosts may well have several names.
func otherPort(says, should []string) bool {
	port := func(address string) string {
		_, port, _ := net.SplitHostPort(address)
		return port
	}
	for _, a := range says {
		if slices.ContainsFunc(should, func(b string) bool { return port(a) == port(b) }) {
			return false
		}
	}
	return len(says) > 0
}

func sameHost(a, b net.Addr) bool {
	x, _, errX := net.SplitHostPort(a.String())
	y, _, errY := net.SplitHostPort(b.String())
	return errX == nil && errY == nil && x == y
}

// calledFrom are those of the addresses that are where the connection comes from.
func calledFrom(conn net.Conn, addresses []string) []string {
	from, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return nil
	}
	ip := net.ParseIP(from)
	return slices.DeleteFunc(slices.Clone(addresses), func(a string) bool {
		host, _, err := net.SplitHostPort(a)
		return err != nil || ip == nil || !ip.Equal(net.ParseIP(host))
	})
}
