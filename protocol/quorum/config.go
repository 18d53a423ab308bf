package quorum

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// MaxConfig bounds the text of a configuration, in bytes.
const MaxConfig = MaxNotification

// An Address is one host with the two ports servers reach each other on.
type Address struct {
	Host         string // without brackets
	QuorumPort   int
	ElectionPort int
}

// Quorum and Election are host:port.
func (a Address) Quorum() string   { return net.JoinHostPort(a.Host, strconv.Itoa(a.QuorumPort)) }
func (a Address) Election() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.ElectionPort)) }

// A Member is one server of an ensemble.
type Member struct {
	ID        int64
	Addresses []Address // one, or several with multiAddress.enabled
	Observer  bool
	Client    string // host:port of the client port; "" when it is not in the server line
}

// A Config says who the servers of an ensemble are and how their votes count.
// Its text is what notifications, NEWLEADER and the znode /zookeeper/config
// carry (toString of QuorumMaj and QuorumHierarchical):
//
//	server.N=host:quorumPort:electionPort[|…]:participant|observer[;clientHost:clientPort]
//	group.G=N:N:…
//	weight.N=W
//	version=HEX
//
// Lines end in \n, but for the last. Each kind comes in the order of a Java
// HashMap with those ids as keys: ascending for small ids, but 16 before 15.
type Config struct {
	Members []Member          // ascending by ID
	Groups  map[int64][]int64 // the sids of each group, ascending; none means that the majority rules
	Weights map[int64]int64   // by sid; a member without an entry has 1; used with groups alone
	Version int64             // 0 while reconfigEnabled is false
}

// Member is the member of that id.
func (c *Config) Member(sid int64) (Member, bool) {
	at, found := slices.BinarySearchFunc(c.Members, sid, func(m Member, id int64) int {
		switch {
		case m.ID < id:
			return -1
		case m.ID > id:
			return 1
		}
		return 0
	})
	if !found {
		return Member{}, false
	}
	return c.Members[at], true
}

// SameVoting reports that two configurations have the same voters, groups and
// weights. Their addresses may differ: each machine may know the others by
// names of its own.
func (c *Config) SameVoting(o *Config) bool {
	voters := func(c *Config) (ids []int64) {
		for _, m := range c.Members {
			if !m.Observer {
				ids = append(ids, m.ID)
			}
		}
		return ids
	}
	a, b := voters(c), voters(o)
	if !slices.Equal(a, b) || !maps.EqualFunc(c.Groups, o.Groups, slices.Equal[[]int64]) {
		return false
	}
	for _, sids := range c.Groups {
		for _, sid := range sids { // an observer's weight is part of its group's
			if c.weight(sid) != o.weight(sid) {
				return false
			}
		}
	}
	return true
}

func (c *Config) weight(sid int64) int64 {
	if w, set := c.Weights[sid]; set {
		return w
	}
	return 1
}

// String is the text Apache sends. With groups it has the weight of every
// participant, and those that were given besides.
func (c *Config) String() string {
	var b strings.Builder
	ids, weighed := []int64{}, maps.Clone(c.Weights)
	for _, m := range c.Members {
		ids = append(ids, m.ID)
		if len(c.Groups) > 0 && !m.Observer {
			if weighed == nil {
				weighed = map[int64]int64{}
			}
			weighed[m.ID] = c.weight(m.ID)
		}
	}
	for _, sid := range hashOrder(ids) {
		m, _ := c.Member(sid)
		fmt.Fprintf(&b, "server.%d=%s\n", m.ID, m)
	}
	if len(c.Groups) > 0 {
		c.appendGroups(&b)
		for _, sid := range hashOrder(slices.Collect(maps.Keys(weighed))) {
			fmt.Fprintf(&b, "weight.%d=%d\n", sid, weighed[sid])
		}
	}
	fmt.Fprintf(&b, "version=%x", uint64(c.Version))
	return b.String()
}

// appendGroups prints the members of a group in the order of one map of all
// members of groups, as Apache keeps them.
func (c *Config) appendGroups(b *strings.Builder) {
	var grouped []int64
	for _, sids := range c.Groups {
		grouped = append(grouped, sids...)
	}
	rank := map[int64]int{}
	for i, sid := range hashOrder(grouped) {
		rank[sid] = i
	}
	for _, gid := range hashOrder(slices.Collect(maps.Keys(c.Groups))) {
		sids := slices.Clone(c.Groups[gid])
		slices.SortFunc(sids, func(a, b int64) int { return rank[a] - rank[b] })
		separator := "="
		fmt.Fprintf(b, "group.%d", gid)
		for _, sid := range slices.Compact(sids) {
			fmt.Fprintf(b, "%s%d", separator, sid)
			separator = ":"
		}
		b.WriteByte('\n')
	}
}

// hashOrder sorts ids as a java.util.HashMap<Long, …> lists its keys: by the
// slot of a table of 16, which doubles when it is more than three quarters
// full. Keys of one slot come in the order of their insertion there, which
// depends on other lines of zoo.cfg, and ascend here. A twin counts once.
func hashOrder(ids []int64) []int64 {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	slots := 16
	for len(ids) > slots/4*3 {
		slots *= 2
	}
	slot := func(id int64) int {
		h := uint32(id) ^ uint32(uint64(id)>>32) // Long.hashCode
		return int(h^h>>16) & (slots - 1)        // HashMap.hash
	}
	slices.SortStableFunc(ids, func(a, b int64) int { return slot(a) - slot(b) })
	return ids
}

// String is the value of the member's server line.
func (m Member) String() string {
	var b strings.Builder
	for i, a := range m.Addresses {
		if i > 0 {
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%s:%d:%d", bracketed(a.Host), a.QuorumPort, a.ElectionPort)
	}
	if m.Observer {
		b.WriteString(":observer")
	} else {
		b.WriteString(":participant")
	}
	if m.Client != "" {
		b.WriteString(";" + m.Client)
	}
	return b.String()
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// ParseConfig reads the text of a configuration. Lines other than server,
// group, weight and version are left out. The error names the line.
func ParseConfig(text string) (*Config, error) {
	if len(text) > MaxConfig {
		return nil, fmt.Errorf("configuration of %d bytes, %d are allowed", len(text), MaxConfig)
	}
	c := &Config{}
	for line := range strings.SplitSeq(text, "\n") {
		key, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if !found {
			continue
		}
		if err := c.parseLine(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("configuration: %.200q: %w", line, err)
		}
	}
	slices.SortFunc(c.Members, func(a, b Member) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	for i := 1; i < len(c.Members); i++ {
		if c.Members[i].ID == c.Members[i-1].ID {
			return nil, fmt.Errorf("configuration: server.%d is there twice", c.Members[i].ID)
		}
	}
	return c, nil
}

func (c *Config) parseLine(key, value string) (err error) {
	kind, name, _ := strings.Cut(key, ".")
	if kind == "version" && name == "" {
		version, err := strconv.ParseUint(value, 16, 64)
		c.Version = int64(version)
		return err
	}
	if kind != "server" && kind != "group" && kind != "weight" {
		return nil
	}
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return err
	}
	switch kind {
	case "server":
		m, err := parseMember(id, value)
		c.Members = append(c.Members, m)
		return err
	case "group":
		return c.parseGroup(id, value)
	}
	weight, err := strconv.ParseInt(value, 10, 64)
	if err != nil || weight < 0 {
		return fmt.Errorf("%q is no weight", value)
	}
	if c.Weights == nil {
		c.Weights = map[int64]int64{}
	}
	c.Weights[id] = weight
	return nil
}

func (c *Config) parseGroup(id int64, value string) error {
	var sids []int64
	for _, text := range strings.Split(value, ":") {
		sid, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		sids = append(sids, sid)
	}
	slices.Sort(sids)
	if c.Groups == nil {
		c.Groups = map[int64][]int64{}
	}
	if _, again := c.Groups[id]; again {
		return fmt.Errorf("the group is there twice")
	}
	c.Groups[id] = sids
	return nil
}

// parseMember reads the value of a server line. A role may stand behind any
// of several addresses, as Apache writes it behind the last.
func parseMember(id int64, value string) (m Member, err error) {
	m.ID = id
	peers, client, _ := strings.Cut(value, ";")
	m.Client = client
	for _, text := range strings.Split(peers, "|") {
		host, rest, err := cutHost(text)
		if err != nil {
			return m, err
		}
		fields := strings.Split(rest, ":")
		if len(fields) == 3 {
			switch strings.ToLower(fields[2]) {
			case "participant":
			case "observer":
				m.Observer = true
			default:
				return m, fmt.Errorf("%q is neither participant nor observer", fields[2])
			}
			fields = fields[:2]
		}
		if len(fields) != 2 {
			return m, fmt.Errorf("not of the form host:port:port")
		}
		a := Address{Host: host}
		for i, to := range []*int{&a.QuorumPort, &a.ElectionPort} {
			port, err := strconv.ParseUint(fields[i], 10, 16)
			if err != nil {
				return m, fmt.Errorf("%q is not a port", fields[i])
			}
			*to = int(port)
		}
		m.Addresses = append(m.Addresses, a)
	}
	return m, nil
}

// cutHost takes the host off host:rest; an IPv6 address stands in brackets.
func cutHost(s string) (host, rest string, err error) {
	if inner, bracket := strings.CutPrefix(s, "["); bracket {
		if host, rest, found := strings.Cut(inner, "]:"); found {
			return host, rest, nil
		}
	} else if host, rest, found := strings.Cut(s, ":"); found {
		return host, rest, nil
	}
	return "", "", fmt.Errorf("not of the form host:port:port")
}
