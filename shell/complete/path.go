package complete

import (
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"zookit/protocol"
)

// maxShown bounds the znodes offered at once.
const maxShown = 50

// paths suggests the children of the znode whose path is typed up to the last slash, so that a slash behind a
// suggestion goes on below it.
func (c *cursor) paths() []Suggestion {
	typed := c.current.Text
	if typed == "" {
		typed = "/"
	}
	slash := strings.LastIndexByte(typed, '/')
	if typed[0] != '/' || c.lookup == nil {
		return nil
	}
	parent, prefix := typed[:slash], typed[slash+1:]
	if parent == "" {
		parent = "/"
	}
	if strings.HasPrefix(typed, "//") || protocol.ValidatePath(parent) != nil {
		return nil
	}
	names, ok := c.lookup.Children(parent)
	if !ok {
		return nil
	}
	names = withPrefix(names, prefix)
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
