package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/quorum"
)

// A Change is what a client asks for with reconfig: either servers that join or
// change (Joining) and ids that leave, or all members anew.
type Change struct {
	Request      *protocol.ReconfigRequest
	MultiAddress bool // multiAddress.enabled
	// StandaloneEnabled: an ensemble of one voter would be a server alone after its
	// next start, and is refused.
	StandaloneEnabled bool
}

// Of is the configuration after the change of now, with the version given. code
// is protocol.OK, or what a client is told (PrepRequestProcessor.pRequest2Txn of
// Apache 3.9.5); why says more for the log. What Apache stumbles over, ids that
// are no numbers and observers alone, is MarshallingError.
func (ch *Change) Of(now *quorum.Config, version int64) (next *quorum.View, code protocol.Code, why string) {
	var c *quorum.Config
	if ch.Request.NewMembers != nil {
		c, code, why = ch.whole(*ch.Request.NewMembers)
	} else {
		c, code, why = ch.step(now)
	}
	if code != protocol.OK {
		return nil, code, why
	}
	voters := (&Ensemble{Servers: *c}).voters()
	switch {
	case voters < 1:
		return nil, protocol.BadArguments, "the new configuration has no participant"
	case voters < 2 && ch.StandaloneEnabled:
		return nil, protocol.BadArguments, "the new configuration must have at least 2 participants; with standaloneEnabled=false in every zoo.cfg one is enough"
	}
	c.Version = version
	next, err := quorum.NewView(c)
	if err != nil {
		return nil, protocol.BadArguments, err.Error()
	}
	return next, protocol.OK, ""
}

// whole reads server, group and weight lines, with commas or line ends between
// them.
func (ch *Change) whole(text string) (*quorum.Config, protocol.Code, string) {
	props, err := parseProperties("newMembers", []byte(strings.ReplaceAll(text, ",", "\n")))
	if err != nil {
		return nil, protocol.BadArguments, err.Error()
	}
	last := map[string]int{}
	for i, prop := range props {
		last[prop.Key] = i
	}
	p := memberParser{multi: ch.MultiAddress}
	for i, prop := range props {
		switch {
		case !isMemberKey(prop.Key) && prop.Key != "version":
			return nil, protocol.BadArguments, fmt.Sprintf("%s is neither a server nor a group nor a weight", printable(cut(prop.Key)))
		case last[prop.Key] == i && prop.Key != "version":
			_, name, _ := strings.Cut(prop.Key, ".")
			if _, why := serverID(name); why != "" {
				return nil, protocol.MarshallingError, why
			}
			p.line(source{key: prop.Key, value: prop.Value})
		}
	}
	p.finish()
	if err := p.problems.err(); err != nil {
		return nil, protocol.BadArguments, err.Error()
	}
	voters := (&Ensemble{Servers: p.config}).voters()
	observers := len(p.config.Members) > voters
	if voters == 0 && (observers || !ch.StandaloneEnabled) || voters == 1 && observers && ch.StandaloneEnabled {
		return nil, protocol.MarshallingError, "observers need participants, and with standaloneEnabled more than one"
	}
	return &p.config, protocol.OK, ""
}

// step is now without the servers that leave and with those that join. One that
// joins takes the place of that of the same id.
func (ch *Change) step(now *quorum.Config) (*quorum.Config, protocol.Code, string) {
	if len(now.Groups) > 0 {
		return nil, protocol.BadArguments, "servers are added and removed one by one in an ensemble without groups alone; give all members anew"
	}
	next := &quorum.Config{Members: slices.Clone(now.Members)}
	for _, text := range listOf(ch.Request.Leaving) {
		sid, why := wholeNumber(text)
		if why != "" {
			return nil, protocol.MarshallingError, fmt.Sprintf("%s is no server id", printable(cut(text)))
		}
		next.Members = slices.DeleteFunc(next.Members, func(m quorum.Member) bool { return m.ID == sid })
	}
	for _, text := range listOf(ch.Request.Joining) {
		m, code, why := ch.joiner(text)
		if code != protocol.OK {
			return nil, code, why
		}
		next.Members = slices.DeleteFunc(next.Members, func(o quorum.Member) bool { return o.ID == m.ID })
		for i := range next.Members {
			if a, b, clash := shared(&m, &next.Members[i]); clash {
				return nil, protocol.BadArguments, fmt.Sprintf("%s of server.%d is %s of server.%d", a, m.ID, b, next.Members[i].ID)
			}
		}
		next.Members = append(next.Members, m)
	}
	slices.SortFunc(next.Members, func(a, b quorum.Member) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	if n := len(next.String()); n > quorum.MaxConfig-maxVersionText {
		return nil, protocol.BadArguments, fmt.Sprintf("the server lines have %d bytes, more than servers may tell each other (%d)", n, quorum.MaxConfig)
	}
	return next, protocol.OK, ""
}

// joiner reads server.N=host:port:port[:role];[host:]clientPort.
func (ch *Change) joiner(text string) (m quorum.Member, code protocol.Code, why string) {
	key, value, found := strings.Cut(text, "=")
	name, numbered := strings.CutPrefix(trim(key), "server.")
	if !found || !numbered || strings.Contains(value, "=") {
		return m, protocol.BadArguments, fmt.Sprintf("%s is not of the form server.N=host:port:port;clientPort", printable(cut(text)))
	}
	id, why := serverID(name)
	if why != "" {
		return m, protocol.MarshallingError, why
	}
	m, why = parseServerLine(id, trim(value))
	switch {
	case why != "":
		return m, protocol.BadArguments, fmt.Sprintf("server.%d: %s", id, why)
	case len(m.Addresses) > 1 && !ch.MultiAddress:
		return m, protocol.BadArguments, fmt.Sprintf("server.%d: several addresses need multiAddress.enabled=true", id)
	case m.Client == "":
		return m, protocol.BadArguments, fmt.Sprintf("server.%d: the client port is missing: host:port:port;clientPort", id)
	}
	return m, protocol.OK, ""
}

// listOf parts a list with commas as Apache does: blanks around an entry and
// empty entries do not count (StringUtils.split).
func listOf(text *string) (out []string) {
	if text == nil {
		return nil
	}
	for _, part := range strings.Split(*text, ",") {
		if part = trim(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// shared finds an address that two servers have both, those that every machine
// has aside (QuorumServer.checkAddressDuplicate).
func shared(a, b *quorum.Member) (of, is string, clash bool) {
	for _, x := range endpointsOf(a) {
		for _, y := range endpointsOf(b) {
			if x == y {
				return x, y, true
			}
		}
	}
	return "", "", false
}

func endpointsOf(m *quorum.Member) (out []string) {
	for _, a := range m.Addresses {
		if !everyones(a.Host) {
			out = append(out, a.Quorum(), a.Election())
		}
	}
	if host, port, ok := splitClient(m.Client); ok && !everyones(host) {
		out = append(out, joinHost(shortHost(host), port))
	}
	return out
}

// everyones tells that a host is one on every machine.
func everyones(host string) bool {
	ip, err := netip.ParseAddr(host)
	return anyAddress(host) || host == "localhost" || err == nil && ip.IsLoopback()
}
