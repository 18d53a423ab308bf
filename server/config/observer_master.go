package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"zookit/protocol/quorum"
)

// observerMasterPort is none at 0 and below.
func observerMasterPort(c *Config, v string) (note, why, mend string) {
	n, why := wholeNumber(v)
	if why == "" && n > 65535 {
		why = "not a port"
	}
	if why != "" {
		return "", why, "write a port from 1 to 65535, or leave the line out"
	}
	c.Ensemble.ObserverMasterPort = int(max(n, 0))
	return "", "", ""
}

// ListenObservers are the addresses at which a server with this line serves observers while it follows, host:port each:
// those of its quorum port, on observerMasterPort. None without that key, and of an observer.
func (c *Config) ListenObservers(self quorum.Member) (addresses []string) {
	port := c.Ensemble.ObserverMasterPort
	if port <= 0 || self.Observer {
		return nil
	}
	for _, a := range self.Addresses {
		host := a.Host
		if c.Ensemble.ListenOnAllIPs {
			host = ""
		}
		if at := net.JoinHostPort(host, strconv.Itoa(port)); !slices.Contains(addresses, at) {
			addresses = append(addresses, at)
		}
	}
	return addresses
}

// observerMasterPortIsFree refuses a port for observers that is another of this server's.
func (l *loader) observerMasterPortIsFree() {
	c := l.config
	self, _ := c.Self()
	port, at := c.Ensemble.ObserverMasterPort, l.lines["observerMasterPort"]
	if port <= 0 || self.Observer {
		return
	}
	what := ""
	for _, a := range self.Addresses {
		switch port {
		case a.QuorumPort:
			what = "quorum port"
		case a.ElectionPort:
			what = "election port"
		}
	}
	if port == c.ClientPort {
		what = "client port"
	}
	if what != "" {
		l.refuse(at.Line, at.Key, at.Bare, fmt.Sprintf("it is this server's %s too", what), "use four different ports; observerMasterPort is the same on every server")
	}
}
