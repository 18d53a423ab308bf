package complete

import (
	"slices"
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
// suggestion goes on below it. When the last element is a pattern they are those that match; when an earlier one is,
// those below all that match.
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
	where := ""
	if c.targets {
		if i := strings.Index(typed, ":/"); i > 0 && !strings.Contains(typed[:i], "/") {
			where, dir = typed[:i+1], ""
		}
	}
	slash := strings.LastIndexByte(typed, '/')
	parent, prefix := typed[:slash+1], typed[slash+1:]
	parent = parent[len(where):]
	switch {
	case strings.HasPrefix(typed[len(where):], "/"):
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
	var names []string
	var in map[string]string // where a name was found, below a pattern
	if walk.IsPattern(parent) && !c.open {
		names, in = c.below(where, c.matches(where, parent))
	} else {
		names, _ = c.lookup.Children(where + parent)
	}
	if walk.IsPattern(prefix) && !c.open {
		names = matching(names, prefix)
	} else {
		names = alike(names, prefix)
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
		text, summary := name, ""
		if in != nil {
			// Between quotation marks the pattern would be a name, so a blank becomes one of its own.
			text, summary = strings.ReplaceAll(name, " ", "?"), "in "+in[name]
		}
		if s, ok := c.suggest(typed[:slash+1]+text, name, summary); ok {
			list = append(list, s)
		}
	}
	return list
}

// maxMatches bounds the parents that a pattern stands for here.
const maxMatches = 32

// matches are the znodes that a path with patterns before its last slash stands for, as far as their parents' children
// are known; none for one with **.
func (c *cursor) matches(where, pattern string) []string {
	found := []string{"/"}
	for element := range strings.SplitSeq(strings.Trim(pattern, "/"), "/") {
		var next []string
		for _, parent := range found {
			switch {
			case element == "**":
				return nil
			case !walk.IsPattern(element):
				next = append(next, protocol.Join(parent, element))
				continue
			}
			names, _ := c.lookup.Children(where + parent)
			for _, name := range matching(names, element) {
				if next = append(next, protocol.Join(parent, name)); len(next) == maxMatches {
					break
				}
			}
		}
		found = next[:min(len(next), maxMatches)]
	}
	return found
}

// below are the names of the children of several znodes, sorted, and for each where it was found.
func (c *cursor) below(where string, parents []string) (names []string, in map[string]string) {
	first, count := map[string]string{}, map[string]int{}
	for _, parent := range parents {
		children, _ := c.lookup.Children(where + parent)
		for _, n := range children {
			if count[n]++; count[n] == 1 {
				first[n] = parent
				names = append(names, n)
			}
		}
	}
	for n, k := range count {
		if k > 1 {
			first[n] = grouped(k) + " of " + grouped(len(parents))
		}
	}
	slices.Sort(names)
	return names, first
}

// alike returns the names that begin with prefix or, when none does, those that hold its characters in their order.
func alike(names []string, prefix string) []string {
	found := withPrefix(names, prefix)
	if len(found) > 0 || len(prefix) < 2 {
		return found
	}
	found = nil
	for _, n := range names {
		if fuzzy(n, prefix) {
			if found = append(found, n); len(found) > maxShown {
				break
			}
		}
	}
	return found
}

// fuzzy tells whether a name holds the characters of what was typed, at least two, in their order and without regard
// to case, beginning with the first of a word in it.
func fuzzy(name, typed string) bool {
	if len(typed) < 2 {
		return false
	}
	for i := range len(name) {
		begins := i == 0 || !letter(name[i-1]) || name[i] >= 'A' && name[i] <= 'Z'
		if begins && lower(name[i]) == lower(typed[0]) && holds(name[i:], typed) {
			return true
		}
	}
	return false
}

// holds tells whether text holds the bytes of want in their order, without regard to case.
func holds(text, want string) bool {
	for i := 0; i < len(text) && want != ""; i++ {
		if lower(text[i]) == lower(want[0]) {
			want = want[1:]
		}
	}
	return want == ""
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func letter(c byte) bool {
	return lower(c) >= 'a' && lower(c) <= 'z' || c >= '0' && c <= '9' || c >= 0x80
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
