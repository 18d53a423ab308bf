package peer

import (
	"net"
	"slices"

	"zookit/protocol/quorum"
)

// Reconfigure follows another configuration, and one that is proposed, which may
// be nil: servers are dialed where they say. One that is in neither goes on as a
// server that is not in the configuration, while its connection stands.
func (m *Connections) Reconfigure(servers, next *quorum.Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.config.Servers = servers
	at := map[int64][]string{}
	for _, c := range []*quorum.Config{servers, next} {
		if c == nil {
			continue
		}
		for _, s := range c.Members {
			for _, a := range electionAddresses(s) {
				if !slices.Contains(at[s.ID], a) {
					at[s.ID] = append(at[s.ID], a)
				}
			}
		}
	}
	delete(at, m.config.ID)
	for sid, addresses := range at {
		r := m.remotes[sid]
		switch {
		case r == nil:
			m.remotes[sid] = &remote{sid: sid, addresses: addresses}
			continue
		case r.stranger:
			r.stranger = false
			m.strangers--
		}
		r.addresses = addresses
	}
	for sid, r := range m.remotes {
		if _, member := at[sid]; !member && !r.stranger && sid >= 0 {
			r.stranger = true
			m.strangers++
			m.forget(r)
		}
	}
	m.review()
}

// review ends connections to servers whose certificates do not name the hosts of
// the server lines that they have now. mu is held.
func (m *Connections) review() {
	for sid, r := range m.remotes {
		if r.link == nil {
			continue
		}
		if err := m.config.Security.vouch(r.link.conn, sid, r.hosts()); err != nil {
			m.log.say(r.link.conn.RemoteAddr().String(), "election connection closed", "error", err)
			r.link.close()
		}
	}
}

// Rebind accepts on other listeners than before, which it owns from now on, and
// says the addresses of self to those it dials. The connections stay.
func (m *Connections) Rebind(self quorum.Member, listeners []net.Listener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ln := range m.listeners {
		_ = ln.Close()
	}
	m.listeners = listeners
	m.greeting = greeting(self, m.config.MultiAddress)
	for _, ln := range listeners {
		if m.closed {
			_ = ln.Close()
			continue
		}
		m.running.Go(func() { m.accept(ln) })
	}
}
