package complete

import (
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"zookit/protocol"
	"zookit/shell/walk"
)

// maxShown bounds the znodes offered at once.
const maxShown = 50

// Here is a Lookup that knows where relative paths begin.
type Here interface {
	Lookup
	Dir() string // "" when there are none
}

// paths suggests the children of the znode whose path is typed up to the last slash, so that a slash behind a
// suggestion goes on below it. When the last element is a pattern they are those that match.
func (c *cursor) paths() []Suggestion {
	if c.lookup == nil {
		return nil
	}
	typed, dir := c.current.Text, ""
	if here, ok := c.lookup.(Here); ok {
		dir = here.Dir()
	}
	if typed == "" && (dir == "" || dir == "/") {
		typed = "/"
	}
	slash := strings.LastIndexByte(typed, '/')
	parent, prefix := typed[:slash+1], typed[slash+1:]
	switch {
	case strings.HasPrefix(typed, "/"):
	case dir == "" || slash == 0:
		return nil
	case slash < 0:
		parent = dir
	}
	if dir != "" {
		parent = walk.Resolve(dir, parent)
	} else if parent != "/" {
		parent = parent[:len(parent)-1]
	}
	if strings.HasPrefix(typed, "//") || protocol.ValidatePath(parent) != nil {
		return nil
	}
	names, ok := c.lookup.Children(parent)
	if !ok {
		return nil
	}
	if walk.IsPattern(prefix) && !c.open {
		names = matching(names, prefix)
	} else {
		names = withPrefix(names, prefix)
	}
	var list []Suggestion
	for i, name := range names {
		if len(list) == maxShown {
			list[maxShown-1].Summary = "... and " + grouped(len(names)-i) + " more: type on"
			break
		}
		if name == prefix || !writable(name) {
			continue
		}
		if s, ok := c.suggest(typed[:slash+1]+name, name, ""); ok {
			list = append(list, s)
		}
	}
	return list
}

// matching returns those of a sorted list that match a pattern.
func matching(names []string, pattern string) []string {
	var found []string
	for _, name := range names {
		if walk.Match(pattern, name) {
			found = append(found, name)
		}
	}
	return found
}

// withPrefix returns the part of a sorted list that begins with prefix.
func withPrefix(names []string, prefix string) []string {
	from := sort.SearchStrings(names, prefix)
	n := sort.Search(len(names)-from, func(i int) bool { return !strings.HasPrefix(names[from+i], prefix) })
	return names[from : from+n]
}

// writable tells whether a name can be put on a line: a server may send what no path may hold.
func writable(name string) bool {
	return name != "" && utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsControl) < 0
}

// grouped writes a number with a comma before each group of three digits.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
