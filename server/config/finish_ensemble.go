package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"zookit/protocol/quorum"
)

// ensemble decides between a server alone and one of several, as QuorumPeerConfig.parseDynamicConfig and checkValidity
// do, and checks what only several need.
func (l *loader) ensemble(props []property) {
	myid := l.readMyID()
	l.sasl()
	counted := l.members(props)
	if counted {
		counted = l.voters()
	}
	l.checkMyID(myid)
	if !counted {
		return
	}
	l.clientPortOfLine()
	c := l.config
	if !c.Distributed() {
		if at, set := l.lines["peerType"]; set && c.Ensemble.PeerType == observer {
			l.warn(at.Line, at.Key, "alone, a server is no observer; the line has no effect")
		}
		return
	}
	l.limit("initLimit", c.Ensemble.InitLimit, 10)
	l.limit("syncLimit", c.Ensemble.SyncLimit, 5)
	if n := c.Ensemble.ConnectLimit; n > 0 && n > math.MaxInt32/c.TickMs {
		l.limit("connectToLearnerMasterLimit", n, 10)
	}
	l.peerType()
	l.refusedInEnsemble()
	l.peerTLS()
	l.peerSASL()
	l.withoutEffect()
	l.clientPortIsFree()
	l.observerMasterPortIsFree()
}

// voters counts them; ok is false for a number that cannot work.
func (l *loader) voters() (ok bool) {
	e := &l.config.Ensemble
	voters := e.voters()
	observers := len(e.Servers.Members) - voters
	alone := l.lines["standaloneEnabled"]
	var first, firstObserver source
	for _, m := range slices.Backward(e.Servers.Members) {
		if m.Observer {
			firstObserver = e.source(m.ID)
		} else {
			first = e.source(m.ID)
		}
	}
	switch {
	case voters == 0 && !e.StandaloneEnabled:
		l.refuse(alone.Line, "standaloneEnabled", "false", "an ensemble without a server that votes", "add the server lines, or remove this line to run one server")
		return false
	case voters == 0 && observers > 0:
		l.problems = append(l.problems, firstObserver.refuse("observers without participants are an invalid configuration", "add the lines of the participants, or remove the server lines to run one server"))
		return false
	case voters == 1 && e.StandaloneEnabled && observers > 0:
		l.problems = append(l.problems, firstObserver.refuse("observers without a quorum are an invalid configuration", "set standaloneEnabled=false, or remove the server lines to run one server"))
		return false
	case voters == 1 && e.StandaloneEnabled:
		l.warnings = append(l.warnings, first.warn("Invalid configuration, only one server specified (ignoring)"))
	case voters == 1 || voters == 2:
		l.warnings = append(l.warnings, first.warn("No server failure will be tolerated. You need at least 3 servers."))
	case voters > 0 && voters%2 == 0:
		l.warnings = append(l.warnings, first.warn("Non-optimal configuration, consider an odd number of servers: %d voters tolerate no more failures than %d.", voters, voters-1))
	}
	return true
}

// limit checks a number of ticks that an ensemble cannot do without.
func (l *loader) limit(name string, ticks, usual int) {
	at, set := l.lines[name]
	switch {
	case l.failed(name):
	case !set:
		l.refuse(0, name, "", "not set, and an ensemble needs it", fmt.Sprintf("add the line %s=%d (ticks of %d ms), the same on every server", name, usual, l.config.TickMs))
	case ticks < 1:
		l.refuse(at.Line, name, at.Bare, "an ensemble needs at least one tick", fmt.Sprintf("write %s=%d", name, usual))
	case ticks > math.MaxInt32/l.config.TickMs:
		l.refuse(at.Line, name, at.Bare, fmt.Sprintf("with ticks of %d ms more milliseconds than a server can count", l.config.TickMs), fmt.Sprintf("write %s=%d", name, usual))
	}
}

// sasl checks the three switches against each other, for a server alone as well.
func (l *loader) sasl() {
	const enable, learner, server = "quorum.auth.enableSasl", "quorum.auth.learnerRequireSasl", "quorum.auth.serverRequireSasl"
	on := func(name string) bool { return strings.EqualFold(l.lines[name].Bare, "true") }
	for _, rule := range [][2]string{{server, enable}, {learner, enable}, {server, learner}} {
		if at := l.lines[rule[0]]; on(rule[0]) && !on(rule[1]) {
			l.refuse(at.Line, at.Key, at.Bare, rule[1]+" is not true", "set it, or remove this line")
			return
		}
	}
}

// peerType warns as QuorumPeerConfig.setupPeerType does: the server lines decide.
func (l *loader) peerType() {
	self, known := l.config.Self()
	if !known {
		return
	}
	role := participant
	if self.Observer {
		role = observer
	}
	e := &l.config.Ensemble
	// Without the line an observer's is participant, and Apache warns; it is how everybody configures observers of 3.5+.
	if at, set := l.lines["peerType"]; set && e.PeerType != role {
		l.warn(at.Line, at.Key, "the line server.%d says %s, which counts; make the two agree", self.ID, role)
	}
	e.PeerType = role
}

// refusedInEnsemble refuses what would break a promise in silence.
func (l *loader) refusedInEnsemble() {
	for _, r := range []struct{ name, asks, why, mend string }{
		{"oraclePath", "", "an ensemble of two with an oracle is not supported by this release", "remove the line, and use three servers"},
	} {
		if at, set := l.lines[r.name]; set && (r.asks == "" || strings.EqualFold(at.Bare, r.asks)) {
			l.refuse(at.Line, at.Key, at.Bare, r.why, r.mend)
		}
	}
}

// withoutEffect warns of what an ensemble of Apache's does and this release does not.
func (l *loader) withoutEffect() {
	const text = "accepted without effect: %s"
	for _, d := range l.defined {
		if d.key.effect == ensemble && d.key.note != "" && d.key.asks(d.value) {
			l.warnAt(d.origin, d.name, text, d.key.note)
		}
	}
	for name, at := range l.lines {
		if k, _ := findKey(name); k.effect == ensemble && k.note != "" && k.asks(at.Bare) {
			l.warn(at.Line, name, text, k.note)
		}
	}
	e := &l.config.Ensemble
	if at, set := l.lines["multiAddress.enabled"]; set && e.MultiAddress && slices.ContainsFunc(e.Servers.Members, func(m quorum.Member) bool { return len(m.Addresses) > 1 }) {
		l.warn(at.Line, at.Key, "taken from here; for several addresses in a server line Apache needs -Dzookeeper.multiAddress.enabled=true too")
	}
}

// clientPortOfLine takes the client port from this server's line, as QuorumPeerConfig.setupClientPort does.
func (l *loader) clientPortOfLine() {
	c := l.config
	self, known := c.Self()
	if !known && c.MyID == -1 && !c.Distributed() && len(c.Ensemble.Servers.Members) == 1 {
		self, known = c.Ensemble.Servers.Members[0], true
	}
	host, port, ok := splitClient(self.Client)
	if !known || !ok {
		return
	}
	at := c.Ensemble.source(self.ID)
	if c.ClientPort == unsetPort {
		if c.MyID == -1 {
			l.warnings = append(l.warnings, at.warn("there is no myid file, and Apache would open no client port; port %d of this line is used", port))
		}
		l.takeClientPort(host, port)
		return
	}
	if c.MyID != self.ID || l.failed("clientPort") {
		return
	}
	written := l.lines["clientPort"]
	if c.ClientPort != port {
		l.refuse(written.Line, written.Key, written.Bare, fmt.Sprintf("the line server.%d says client port %d", self.ID, port), "make the two agree, or keep one of them")
		return
	}
	if !anyAddress(c.ClientPortAddress) {
		a, errA := netip.ParseAddr(c.ClientPortAddress)
		b, errB := netip.ParseAddr(host)
		if errA == nil && errB == nil && a.Unmap() != b.Unmap() {
			written = l.lines["clientPortAddress"]
			l.refuse(written.Line, written.Key, written.Bare, fmt.Sprintf("the line server.%d says client address %s", self.ID, host), "make the two agree, or keep one of them")
			return
		}
	}
	l.takeClientPort(host, port)
}

func (l *loader) takeClientPort(host string, port int) {
	l.config.ClientPort, l.config.ClientPortAddress = port, ""
	if !anyAddress(host) {
		l.config.ClientPortAddress = shortHost(host)
	}
}

// clientPortIsFree refuses a client port that is one of this server's two others on the same address.
func (l *loader) clientPortIsFree() {
	c := l.config
	self, _ := c.Self()
	for _, a := range self.Addresses {
		if c.ClientPort == 0 || (c.ClientPort != a.QuorumPort && c.ClientPort != a.ElectionPort) {
			continue
		}
		if anyAddress(c.ClientPortAddress) || anyAddress(a.Host) || c.Ensemble.ListenOnAllIPs || javaHost(c.ClientPortAddress) == a.Host {
			l.problems = append(l.problems, c.Ensemble.source(self.ID).refuse(fmt.Sprintf("port %d is this server's client port too", c.ClientPort), "use three different ports"))
			return
		}
	}
}
