package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"zookit/protocol/quorum"
)

// A Resolver finds the addresses of a host name; a literal address is never asked for.
type Resolver func(host string) ([]netip.Addr, error)

// CheckMembers looks at the server lines of an ensemble as this machine sees them, before the first election: local are
// the addresses of its interfaces. What cannot work is refused, each line in one sentence (*Error, joined); what may
// work, or will once a name is known, is warned of. Ports that are taken show when they are bound: see Listen and
// PortTaken. Without an ensemble, or without a server line of its own, there is nothing to check.
//
// Apache starts with all of these, and tells of most in no other way than votes that never arrive.
func (c *Config) CheckMembers(local []netip.Addr, resolve Resolver) ([]Warning, error) {
	self, known := c.Self()
	if !c.Distributed() || !known {
		return nil, nil
	}
	k := memberCheck{config: c, self: self, local: map[netip.Addr]bool{}}
	for _, a := range local {
		k.local[a.WithZone("").Unmap()] = true
	}
	k.resolve(resolve)
	k.twins()
	for _, p := range k.endpoints {
		if p.sid == self.ID {
			k.own(p)
		} else {
			k.peer(p)
		}
	}
	k.swapped()
	return k.warnings, k.problems.err()
}

// An endpoint is one address of a server line with what its host resolves to.
type endpoint struct {
	sid   int64
	at    quorum.Address
	addrs []netip.Addr // sorted; empty when the host is not known
	cause error        // why it is not
}

type memberCheck struct {
	config    *Config
	self      quorum.Member
	local     map[netip.Addr]bool
	endpoints []endpoint // in the order of the servers
	warnings  []Warning
	problems  problems
}

func (k *memberCheck) refuse(sid int64, why, mend string) {
	k.problems = append(k.problems, k.config.Ensemble.source(sid).refuse(why, mend))
}

func (k *memberCheck) warn(sid int64, format string, args ...any) {
	k.warnings = append(k.warnings, k.config.Ensemble.source(sid).warn(format, args...))
}

// resolve asks for each name once.
func (k *memberCheck) resolve(ask Resolver) {
	type answer struct {
		addrs []netip.Addr
		err   error
	}
	answers := map[string]answer{}
	for _, m := range k.config.Ensemble.Servers.Members {
		for _, a := range m.Addresses {
			r, asked := answers[a.Host]
			if ip, err := netip.ParseAddr(a.Host); err == nil {
				r = answer{addrs: []netip.Addr{ip}}
			} else if !asked {
				r.addrs, r.err = ask(a.Host)
			}
			p := endpoint{sid: m.ID, at: a, cause: r.err}
			for _, ip := range r.addrs {
				p.addrs = append(p.addrs, ip.WithZone("").Unmap())
			}
			slices.SortFunc(p.addrs, netip.Addr.Compare)
			answers[a.Host] = r
			k.endpoints = append(k.endpoints, p)
		}
	}
}

// twins refuses two lines that mean one address: what the first of them hears is meant for the other.
func (k *memberCheck) twins() {
	for i, b := range k.endpoints {
		for _, a := range k.endpoints[:i] {
			port := samePort(a.at, b.at)
			if port == 0 || a.sid == b.sid {
				continue
			}
			if where, same := meet(a, b); same {
				k.refuse(b.sid, fmt.Sprintf("%s is an address of server.%d too", joinHost(where, port), a.sid), "give each server an address or ports of its own")
				break
			}
		}
	}
}

// samePort is a port that two addresses share, 0 without one.
func samePort(a, b quorum.Address) int {
	for _, port := range []int{a.QuorumPort, a.ElectionPort} {
		if port == b.QuorumPort || port == b.ElectionPort {
			return port
		}
	}
	return 0
}

// meet is a host that two of them share.
func meet(a, b endpoint) (host string, same bool) {
	if a.at.Host == b.at.Host {
		return a.at.Host, true
	}
	for _, ip := range a.addrs {
		if slices.Contains(b.addrs, ip) {
			return ip.String(), true
		}
	}
	return "", false
}

// here reports that an address is one of this machine's.
func (k *memberCheck) here(ip netip.Addr) bool {
	return ip.IsLoopback() || ip.IsUnspecified() || k.local[ip]
}

func (k *memberCheck) isHere(p endpoint) bool { return slices.ContainsFunc(p.addrs, k.here) }

// own checks an address of this server's line: it is bound, and said to the others.
func (k *memberCheck) own(p endpoint) {
	everywhere := k.config.Ensemble.ListenOnAllIPs
	name := printable(p.at.Host)
	switch {
	case len(p.addrs) == 0 && everywhere:
		k.warn(p.sid, "%s, this server's own host, resolves to nothing here%s; the others must know it", name, because(p.cause))
	case len(p.addrs) == 0:
		k.refuse(p.sid, fmt.Sprintf("%s, this server's own host, resolves to nothing here%s", name, because(p.cause)),
			"enter it in the DNS or in /etc/hosts, or write an address of this machine")
	case all(p.addrs, netip.Addr.IsLoopback) && k.distant() != nil:
		remote := k.distant()
		literal := p.at.Host == "localhost" || isLiteral(p.at.Host)
		if everywhere && !literal {
			return // it listens on every interface, and the others resolve the name themselves
		}
		mend := fmt.Sprintf("let %s resolve to an address the others reach (its line in /etc/hosts is the usual cause), or set quorumListenOnAllIPs=true", name)
		if literal {
			mend = "write a name or an address the others reach"
		}
		k.refuse(p.sid, fmt.Sprintf("this server's own host is %s, the loopback address, which server.%d on another machine cannot reach", p.addrs[0], remote.sid), mend)
	case !k.isHere(p) && k.swap() != nil:
		// swapped says more.
	case !k.isHere(p) && everywhere:
		k.warn(p.sid, "%s is none of this machine's addresses; that is right behind a translated address, and a wrong myid otherwise", p.addrs[0])
	case !k.isHere(p):
		k.refuse(p.sid, fmt.Sprintf("%s is none of this machine's addresses, so the quorum port cannot be bound", p.addrs[0]),
			fmt.Sprintf("mend the address or myid (it says %d), or set quorumListenOnAllIPs=true behind a translated address", p.sid))
	}
}

// peer checks an address of another server's line: it is dialled.
func (k *memberCheck) peer(p endpoint) {
	switch {
	case len(p.addrs) == 0:
		k.warn(p.sid, "%s resolves to nothing here%s; server %d is not reached until the name is known", printable(p.at.Host), because(p.cause), p.sid)
	case all(p.addrs, netip.Addr.IsUnspecified) && k.distant() != nil:
		k.refuse(p.sid, fmt.Sprintf("%s is no address to reach another server at", p.addrs[0]), "write the host of that server; 0.0.0.0 can only stand in a server's own line")
	case all(p.addrs, netip.Addr.IsLoopback) && k.distant() != nil:
		k.warn(p.sid, "%s is the loopback address, so server %d is only reached if it runs on this machine", p.addrs[0], p.sid)
	}
}

// distant is a server on another machine, nil when all that are known are on this one.
func (k *memberCheck) distant() *endpoint {
	for i, p := range k.endpoints {
		if p.sid != k.self.ID && len(p.addrs) > 0 && !k.isHere(p) {
			return &k.endpoints[i]
		}
	}
	return nil
}

// swap is a peer's address that is one of this machine's interfaces while none of this server's own is: the myid of
// another machine. nil otherwise.
func (k *memberCheck) swap() *endpoint {
	var found *endpoint
	for i, p := range k.endpoints {
		if p.sid == k.self.ID && (len(p.addrs) == 0 || k.isHere(p)) {
			return nil
		}
		if p.sid != k.self.ID && found == nil && slices.ContainsFunc(p.addrs, func(ip netip.Addr) bool { return k.local[ip] && !ip.IsLoopback() }) {
			found = &k.endpoints[i]
		}
	}
	return found
}

func (k *memberCheck) swapped() {
	if peer := k.swap(); peer != nil {
		k.refuse(k.self.ID, fmt.Sprintf("myid says %d, but this machine has the address of server.%d, %s", k.self.ID, peer.sid, printable(peer.at.Host)),
			fmt.Sprintf("write %d into myid, or mend the server lines", peer.sid))
	}
}

func all(addrs []netip.Addr, is func(netip.Addr) bool) bool {
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(ip netip.Addr) bool { return !is(ip) })
}

func isLiteral(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// because is the cause behind what was seen, on one line.
func because(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf(" (%s)", strings.ReplaceAll(err.Error(), "\n", " "))
}
