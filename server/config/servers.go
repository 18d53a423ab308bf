package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// A serverLine is one server.N=host:quorumPort:electionPort[:role][;[address:]clientPort].
type serverLine struct {
	id            int64
	observer      bool
	clientAddress string
	clientPort    int // unsetPort without one
	file          string
	line          int
	text          string
}

// serverLines collects the server lines of zoo.cfg or of the file dynamicConfigFile names.
func (l *loader) serverLines(props []property) []serverLine {
	file, lines := l.file, props
	if dynamic, ok := l.lines["dynamicConfigFile"]; ok {
		for _, p := range props {
			if strings.HasPrefix(p.Key, "server.") || strings.HasPrefix(p.Key, "group") || strings.HasPrefix(p.Key, "weight") {
				l.refuse(p.Line, p.Key, p.Value, "must be in the dynamic configuration file", fmt.Sprintf("move it to %s", printable(dynamic.Bare)))
			}
		}
		file = dynamic.Bare
		text, err := l.env.readFile(file)
		if err != nil {
			l.refuse(dynamic.Line, "dynamicConfigFile", file, readFailure(err), "give the path of a readable file, or remove the line")
			return nil
		}
		if lines, err = parseProperties(file, text); err != nil {
			l.problems = append(l.problems, err)
			return nil
		}
	}
	var servers []serverLine
	last := map[string]int{}
	for _, p := range lines {
		if !strings.HasPrefix(p.Key, "server.") {
			continue
		}
		s, why := parseServerLine(p.Key, p.Bare)
		if why != "" {
			l.problems = append(l.problems, &Error{File: file, Line: p.Line, Key: p.Key, Value: p.Bare, Why: why,
				Mend: "write server.N=host:2888:3888, and ;2181 behind it for the client port"})
			continue
		}
		s.file, s.line = file, p.Line
		if at, again := last[p.Key]; again {
			servers[at] = s
			continue
		}
		last[p.Key] = len(servers)
		servers = append(servers, s)
	}
	return servers
}

func parseServerLine(name, value string) (s serverLine, why string) {
	s.text, s.clientPort = value, unsetPort
	id, err := strconv.ParseInt(strings.TrimPrefix(name, "server."), 10, 64)
	if err != nil {
		return s, fmt.Sprintf("%s is not a number", printable(strings.TrimPrefix(name, "server.")))
	}
	s.id = id
	peers, client, hasClient := strings.Cut(value, ";")
	for i, peer := range strings.Split(peers, "|") {
		fields := splitAddress(peer)
		role := ""
		switch {
		case len(fields) == 4:
			role = strings.ToLower(trim(fields[3]))
		case len(fields) != 3 && !(len(fields) == 2 && i == 0):
			return s, "not of the form host:port:port"
		}
		for _, p := range fields[1:min(len(fields), 3)] {
			if _, ok := portNumber(p); !ok {
				return s, fmt.Sprintf("%s is not a port", printable(p))
			}
		}
		switch role {
		case "", "participant":
		case "observer":
			s.observer = true
		default:
			return s, fmt.Sprintf("%s is neither participant nor observer", printable(role))
		}
	}
	if !hasClient {
		return s, ""
	}
	fields := splitAddress(client)
	p, ok := portNumber(fields[len(fields)-1])
	if !ok || len(fields) > 2 {
		return s, fmt.Sprintf("%s is no client port", printable(client))
	}
	s.clientPort = p
	if len(fields) == 2 {
		s.clientAddress = fields[0]
	}
	return s, ""
}

// splitAddress cuts at colons outside of brackets and takes the brackets off.
func splitAddress(s string) []string {
	s = trim(s)
	if strings.HasPrefix(s, "[") {
		if end := strings.IndexByte(s, ']'); end > 0 {
			return append([]string{s[1:end]}, strings.Split(strings.TrimPrefix(s[end+1:], ":"), ":")...)
		}
	}
	return strings.Split(s, ":")
}

func portNumber(s string) (int, bool) {
	n, err := strconv.Atoi(trim(s))
	return n, err == nil && n >= 0 && n <= 65535
}

// servers decides between a server alone and an ensemble, which this release refuses.
func (l *loader) servers(lines []serverLine) {
	var voters, observers []serverLine
	for _, s := range lines {
		if s.observer {
			observers = append(observers, s)
		} else {
			voters = append(voters, s)
		}
	}
	alone := l.lines["standaloneEnabled"]
	standalone := !strings.EqualFold(alone.Bare, "false")
	refuse := func(s serverLine, why, mend string) {
		l.problems = append(l.problems, &Error{File: s.file, Line: s.line, Key: fmt.Sprintf("server.%d", s.id), Value: s.text, Why: why, Mend: mend})
	}
	switch {
	case len(voters) > 1:
		refuse(voters[1], fmt.Sprintf("an ensemble of %d voters is not supported by this release, which runs a server alone", len(voters)),
			"remove the server lines to run one server")
	case len(voters) == 0 && len(observers) > 0:
		refuse(observers[0], "observers without participants are an invalid configuration", "remove the server lines to run one server")
	case len(voters) == 1 && len(observers) > 0:
		refuse(observers[0], "observers without a quorum are an invalid configuration", "remove the server lines to run one server")
	case !standalone && len(voters) == 0:
		l.refuse(alone.Line, "standaloneEnabled", "false", "an ensemble without a server line", "remove the line to run one server")
	case !standalone:
		refuse(voters[0], "an ensemble of one voter is not supported by this release, which runs a server alone", "set standaloneEnabled=true or remove it")
	case len(voters) == 1:
		l.warnings = append(l.warnings, Warning{File: voters[0].file, Line: voters[0].line, Key: fmt.Sprintf("server.%d", voters[0].id),
			Text: "Invalid configuration, only one server specified (ignoring)"})
		l.clientPortOf(voters[0])
	}
}

// clientPortOf takes the client port from the only server line, as Apache does when myid is its number.
func (l *loader) clientPortOf(s serverLine) {
	c := l.config
	if s.clientPort == unsetPort || (c.MyID != -1 && c.MyID != s.id) {
		return
	}
	if c.ClientPort == unsetPort {
		if c.MyID == -1 {
			l.warn(s.line, fmt.Sprintf("server.%d", s.id), "there is no myid file, and Apache would open no client port; port %d of this line is used", s.clientPort)
		}
		c.ClientPort = s.clientPort
		if !anyAddress(s.clientAddress) {
			c.ClientPortAddress = s.clientAddress
		}
		return
	}
	if c.ClientPort != s.clientPort && c.MyID == s.id {
		at := l.lines["clientPort"]
		l.refuse(at.Line, at.Key, at.Bare, fmt.Sprintf("the line server.%d says client port %d", s.id, s.clientPort), "make the two agree, or keep one of them")
	}
}

func anyAddress(host string) bool {
	ip := net.ParseIP(host)
	return slices.Contains([]string{"", "*"}, host) || (ip != nil && ip.IsUnspecified())
}
