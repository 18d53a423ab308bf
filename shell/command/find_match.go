package command

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/shell/render"
	"zookit/shell/session"
	"zookit/shell/walk"
)

// findTypes are the letters of find -type.
const findTypes = "pesct"

// matcher is the conditions of find. All hold for what it finds.
type matcher struct {
	name     string
	regex    *regexp.Regexp
	types    string
	size     *compared
	children *compared
	depth    *compared
	created  *compared // ms ago
	modified *compared // ms ago
	owner    protocol.SessionID
	acl      string
	empty    bool

	stat  bool  // Stats are looked at
	nowMs int64 // since 1970
}

func newMatcher(c *Context) (*matcher, error) {
	m := &matcher{name: c.FlagValue("name"), types: c.FlagValue("type"), acl: c.FlagValue("acl"), empty: c.Has("empty"), nowMs: time.Now().UnixMilli()}
	var err error
	number := func(text string) (int64, error) { return strconv.ParseInt(text, 10, 32) }
	age := func(text string) (int64, error) { d, err := parseAge(text); return d.Milliseconds(), err }
	for _, f := range []struct {
		flag  string
		to    **compared
		parse func(string) (int64, error)
	}{{"size", &m.size, parseSize}, {"children", &m.children, number}, {"depth", &m.depth, number}, {"age", &m.created, age}, {"mtime", &m.modified, age}} {
		if !c.Has(f.flag) {
			continue
		}
		if *f.to, err = parseCompared(c.FlagValue(f.flag), f.parse); err != nil {
			return nil, fmt.Errorf("-%s: %w", f.flag, err)
		}
	}
	if c.Has("regex") {
		if m.regex, err = regexp.Compile(c.FlagValue("regex")); err != nil {
			return nil, fmt.Errorf("-regex: %w", err)
		}
	}
	if odd := strings.Trim(m.types, findTypes); odd != "" || c.Has("type") && m.types == "" {
		return nil, fmt.Errorf("-type: %q is no type: write p, e, s, c, t, or several of them", m.types)
	}
	if text := c.FlagValue("owner"); c.Has("owner") {
		id, err := strconv.ParseUint(text, 0, 64)
		if err != nil || id == 0 {
			return nil, fmt.Errorf("-owner: %q is no session: write 0x and its number, as ls -l does", text)
		}
		m.owner = protocol.SessionID(id)
	}
	m.stat = m.size != nil || m.children != nil || m.created != nil || m.modified != nil || m.types != "" || m.owner != 0 || m.empty
	return m, nil
}

// matches tells whether all conditions hold; those on what the server refused
// to show do not.
func (m *matcher) matches(n *walk.Node, owner protocol.SessionID) bool {
	switch {
	case m.name != "" && !walk.Match(m.name, protocol.Base(n.Path)),
		m.regex != nil && !m.regex.MatchString(n.Path),
		m.depth != nil && !m.depth.holds(int64(n.Depth)),
		m.acl != "" && !m.inACL(n.ACL):
		return false
	case !m.stat:
		return true
	case n.Stat == nil:
		return false
	}
	st := n.Stat
	return (m.size == nil || m.size.holds(int64(st.DataLength))) &&
		(m.children == nil || m.children.holds(int64(st.NumChildren))) &&
		(m.created == nil || m.created.holds(m.nowMs-st.Ctime)) &&
		(m.modified == nil || m.modified.holds(m.nowMs-st.Mtime)) &&
		(m.owner == 0 || owner == m.owner) &&
		(!m.empty || st.DataLength == 0 && st.NumChildren == 0) &&
		(m.types == "" || m.isType(n.Path, owner))
}

func (m *matcher) isType(path string, owner protocol.SessionID) bool {
	return strings.Contains(m.types, typeOf(owner)[:1]) || strings.Contains(m.types, "s") && isSequential(path)
}

func (m *matcher) inACL(acl []protocol.ACL) bool {
	for _, a := range acl {
		if strings.Contains(a.Scheme+":"+a.ID+":"+render.Perms(a.Perms), m.acl) {
			return true
		}
	}
	return false
}

// isLost tells that an error is about the connection or the session, so that
// the next request would fare no better.
func isLost(err error) bool {
	var loss *session.ConnectionLossError
	var connect *session.ConnectError
	return errors.As(err, &loss) || errors.As(err, &connect) || errors.Is(err, errNotConnected) || errors.Is(err, session.ErrClosed)
}
