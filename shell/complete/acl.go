package complete

import "strings"

// schemes are the beginnings of an ACL's item, with the id where there is only one.
var schemes = []Word{
	{"world:anyone:", "everybody"},
	{"auth::", "whoever has authenticated in this session"},
	{"digest:", "user:base64(sha1(user:password))"},
	{"ip:", "address[/bits]"},
	{"x509:", "subject of the client's certificate"},
	{"sasl:", "principal"},
}

// perms are the usual sets of permissions.
var perms = []Word{
	{"cdrwa", "create, delete, read, write, admin"},
	{"cdrw", "create, delete, read, write"},
	{"r", "read"},
}

// acls suggests for the last item of a comma-separated list of scheme:id:perms. Scheme and permissions end at the
// first and the last colon.
func (c *cursor) acls() []Suggestion {
	typed := c.current.Text
	done := typed[:strings.LastIndexByte(typed, ',')+1]
	item := typed[len(done):]
	first, last := strings.IndexByte(item, ':'), strings.LastIndexByte(item, ':')
	words := schemes
	switch {
	case first < 0 || first == last && strings.HasPrefix("world:anyone:", item):
	case first == last || strings.HasPrefix(item, "digest:") && strings.Count(item, ":") < 3:
		return nil // an id
	default:
		done, item, words = done+item[:last+1], item[last+1:], perms
	}
	var list []Suggestion
	for _, w := range words {
		if strings.HasPrefix(w.Text, item) && w.Text != item {
			if s, ok := c.suggest(done+w.Text, w.Text, w.Summary); ok {
				list = append(list, s)
			}
		}
	}
	return list
}
