package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol/quorum"
)

// nextSuffix is QuorumPeerConfig.nextDynamicConfigFileSuffix.
const nextSuffix = ".dynamic.next"

const serverLineMend = "write server.N=host:2888:3888, and ;2181 behind it for the client port"

// members reads who the servers are, from zoo.cfg or from the file that dynamicConfigFile names; ok is false when a
// line was refused, so that counting them would mislead.
func (l *loader) members(props []property) (ok bool) {
	dynamic, separate := l.lines["dynamicConfigFile"]
	e := &l.config.Ensemble
	if !separate {
		var found bool
		e.Servers, e.lines, found = l.parseMembers(l.file, props)
		return found
	}
	for _, p := range props {
		if isMemberKey(p.Key) {
			l.refuse(p.Line, p.Key, p.Value, "must be in the dynamic configuration file", fmt.Sprintf("move it to %s", printable(dynamic.Bare)))
			ok = true
		}
	}
	e.DynamicFile = dynamic.Bare
	lines, readable := l.dynamicFile(dynamic)
	if !readable || ok {
		return false
	}
	if e.Servers, e.lines, ok = l.parseMembers(dynamic.Bare, lines); !ok {
		return false
	}
	e.Servers.Version = versionOfName(dynamic.Bare)
	if !e.ReconfigEnabled {
		l.nextMembers()
	}
	return true
}

func isMemberKey(name string) bool {
	return strings.HasPrefix(name, "server.") || strings.HasPrefix(name, "group") || strings.HasPrefix(name, "weight")
}

// dynamicFile reads the file that dynamicConfigFile names, in which server, group and weight lines stand alone.
func (l *loader) dynamicFile(at property) (lines []property, ok bool) {
	file := at.Bare
	text, err := l.env.readFile(file)
	if err != nil {
		l.refuse(at.Line, "dynamicConfigFile", file, readFailure(err), "give the path of a readable file, or remove the line")
		return nil, false
	}
	if lines, err = parseProperties(file, text); err != nil {
		l.problems = append(l.problems, err)
		return nil, false
	}
	ok = true
	for _, p := range lines {
		s := source{file, p.Line, p.Key, p.Bare}
		switch {
		case p.Key == "version":
			l.problems = append(l.problems, s.refuse("the version is not written into this file", "remove the line; the name of the file ends with the version"))
			ok = false
		case !isMemberKey(p.Key):
			l.problems = append(l.problems, s.refuse("neither a server nor a group nor a weight", fmt.Sprintf("move it to %s", printable(l.file))))
			ok = false
		case p.Comment != "":
			l.warnings = append(l.warnings, s.warn("the trailing comment %s is left out; Apache would take it as part of the value: put it on a line of its own", printable(p.Comment)))
		}
	}
	return lines, ok
}

// versionOfName is what the name of a dynamic configuration file ends with, a hexadecimal number behind the last dot;
// 0 without one (QuorumPeerConfig.getVersionFromFilename).
func versionOfName(file string) int64 {
	n, err := strconv.ParseInt(file[strings.LastIndexByte(file, '.')+1:], 16, 64)
	if err != nil || !strings.Contains(file, ".") {
		return 0
	}
	return n
}

// nextMembers warns of a configuration that was proposed and not committed, which Apache leaves beside zoo.cfg.
func (l *loader) nextMembers() {
	file := l.file + nextSuffix
	if _, err := l.env.readFile(file); !errors.Is(err, fs.ErrNotExist) {
		l.warnAt(file, "", "a change of the ensemble was proposed and not finished; this server goes by the configuration before it: set reconfigEnabled=true to have it finished, or remove the file")
	}
}

// parseMembers reads the server, group and weight lines among the properties of a file; ok is false when one is refused.
func (l *loader) parseMembers(file string, props []property) (c quorum.Config, lines map[int64]source, ok bool) {
	last := map[string]int{}
	for i, p := range props {
		last[p.Key] = i
	}
	p := memberParser{multi: l.config.Ensemble.MultiAddress}
	for i, prop := range props {
		if last[prop.Key] == i {
			p.line(source{file, prop.Line, prop.Key, prop.Bare})
		}
	}
	p.finish()
	l.problems = append(l.problems, p.problems...)
	l.warnings = append(l.warnings, p.warnings...)
	return p.config, p.lines, len(p.problems) == 0
}

// A memberParser gathers a configuration from its lines.
type memberParser struct {
	multi    bool // multiAddress.enabled
	config   quorum.Config
	lines    map[int64]source // of the servers
	grouped  map[int64]source // by sid
	weighed  source           // the first weight
	problems problems
	warnings []Warning
}

func (p *memberParser) refuse(s source, why, mend string) {
	p.problems = append(p.problems, s.refuse(why, mend))
}

func (p *memberParser) line(s source) {
	kind, name, _ := strings.Cut(s.key, ".")
	if kind != "server" && kind != "group" && kind != "weight" {
		return
	}
	id, why := serverID(name)
	if why != "" {
		p.refuse(s, why, serverLineMend)
		return
	}
	switch kind {
	case "server":
		p.server(id, s)
	case "group":
		p.group(id, s)
	case "weight":
		p.weight(id, s)
	}
}

func (p *memberParser) server(id int64, s source) {
	m, why := parseServerLine(id, s.value)
	if why == "" && len(m.Addresses) > 1 && !p.multi {
		p.refuse(s, "several addresses in one line need multiAddress.enabled=true", "add that line on every server of 3.6 or newer, or keep one address")
		return
	}
	if why != "" {
		p.refuse(s, why, serverLineMend)
		return
	}
	if other, twice := p.lines[id]; twice {
		p.refuse(s, fmt.Sprintf("the same id as %s", printable(other.key)), "give every server an id of its own")
		return
	}
	if p.lines == nil {
		p.lines = map[int64]source{}
	}
	p.lines[id] = s
	p.config.Members = append(p.config.Members, m)
	if id > math.MaxUint8 {
		p.warnings = append(p.warnings, s.warn("an id above 255: the session ids of two servers whose ids agree in the lowest byte can be the same"))
	}
}

func (p *memberParser) group(id int64, s source) {
	if p.config.Groups == nil {
		p.config.Groups, p.grouped = map[int64][]int64{}, map[int64]source{}
	}
	if _, twice := p.config.Groups[id]; twice {
		p.refuse(s, "this group is there twice", "keep one of the two lines")
		return
	}
	var sids []int64
	// String.split leaves out empty parts at the end.
	for _, text := range strings.Split(strings.TrimRight(s.value, ":"), ":") {
		sid, why := serverID(text)
		if why != "" {
			p.refuse(s, why, "write group.N=1:2:3, the ids of its servers")
			return
		}
		if other, twice := p.grouped[sid]; twice {
			p.refuse(s, fmt.Sprintf("server %d is in %s already", sid, other.key), "keep every server in one group")
			return
		}
		p.grouped[sid] = s
		sids = append(sids, sid)
	}
	slices.Sort(sids)
	p.config.Groups[id] = sids
}

func (p *memberParser) weight(id int64, s source) {
	weight, why := wholeNumber(s.value)
	if why == "" && weight < 0 {
		why = "out of range"
	}
	if why != "" {
		p.refuse(s, why, "write a whole number of at least 0")
		return
	}
	if p.config.Weights == nil {
		p.config.Weights = map[int64]int64{}
		p.weighed = s
	}
	p.config.Weights[id] = weight
}

// finish puts the servers in order, and checks what the lines are together.
func (p *memberParser) finish() {
	slices.SortFunc(p.config.Members, func(a, b quorum.Member) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	if len(p.problems) > 0 {
		return
	}
	if n := len(p.config.String()); n > quorum.MaxConfig-maxVersionText && len(p.config.Members) > 0 {
		last := p.lines[p.config.Members[len(p.config.Members)-1].ID]
		p.refuse(last, fmt.Sprintf("the server lines have %d bytes, more than servers may tell each other (%d)", n, quorum.MaxConfig), "use fewer servers")
		return
	}
	if p.config.Groups != nil || p.config.Weights != nil {
		p.hierarchy()
	}
}

// maxVersionText is what the longest version adds to the text of a configuration with version 0.
const maxVersionText = 15

// hierarchy checks groups and weights against the servers (QuorumHierarchical.parse).
func (p *memberParser) hierarchy() {
	for _, m := range p.config.Members {
		s, in := p.grouped[m.ID]
		_, weighed := p.config.Weights[m.ID]
		switch {
		case !m.Observer && !in && p.config.Groups == nil:
			p.refuse(p.weighed, fmt.Sprintf("weights count in groups alone, and server %d is in none", m.ID), "add group lines with every voter, or remove the weights")
			return
		case !m.Observer && !in:
			p.refuse(p.lines[m.ID], "this server is in no group", "add its id to one of the group lines")
		case m.Observer && in && !weighed:
			p.refuse(s, fmt.Sprintf("server %d observes and has no weight", m.ID), "take it out of the group: it has no vote")
		}
	}
	for sid, s := range p.grouped {
		if _, known := p.lines[sid]; !known {
			p.refuse(s, fmt.Sprintf("there is no server.%d", sid), "take it out of the group, or add its server line")
		}
	}
	slices.SortStableFunc(p.problems, func(a, b error) int { return a.(*Error).Line - b.(*Error).Line })
	if len(p.problems) > 0 || len(p.config.Members) == 0 || p.config.Groups == nil {
		return
	}
	if _, err := quorum.NewVerifier(&p.config); err != nil && slices.ContainsFunc(p.config.Members, func(m quorum.Member) bool { return !m.Observer }) {
		first := p.grouped[p.config.Members[0].ID]
		p.refuse(first, "with these groups and weights no set of servers is a quorum", "give the groups weight: more than half of them decide, each by more than half of its weight")
	}
}
