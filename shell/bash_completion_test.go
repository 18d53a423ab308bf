package shell

import (
	"slices"
	"testing"
)

// A line is split as bash splits it, and what completes it is written in the
// same quotation.
func TestBashWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line   string
		before []string
		typed  string
		whole  string // the completion "a b$'\"" in the quotation that is open
	}{
		{`zkcli get /a`, []string{"zkcli", "get"}, "/a", `a\ b\$\'\"`},
		{`zkcli get `, []string{"zkcli", "get"}, "", `a\ b\$\'\"`},
		{`zkcli  get	'/a b' x`, []string{"zkcli", "get", "/a b"}, "x", `a\ b\$\'\"`},
		{`zkcli get /a\ b`, []string{"zkcli", "get"}, "/a b", `a\ b\$\'\"`},
		{`zkcli get "/a `, []string{"zkcli", "get"}, "/a ", `a b\$'\"`},
		{`zkcli get "/a \"x\n`, []string{"zkcli", "get"}, `/a "x\n`, `a b\$'\"`},
		{`zkcli get '/a\`, []string{"zkcli", "get"}, `/a\`, `a b$'"`},
		{`zkcli get /a"b c"'d'`, []string{"zkcli", "get"}, "/ab cd", `a\ b\$\'\"`},
		{`zkcli set /a "" x`, []string{"zkcli", "set", "/a", ""}, "x", `a\ b\$\'\"`},
		{`zkcli get /a\`, []string{"zkcli", "get"}, `/a\`, `a\ b\$\'\"`},
		{``, nil, "", `a\ b\$\'\"`},
	} {
		before, typed := bashWords(c.line)
		if !slices.Equal(before, c.before) || typed.text != c.typed || typed.quoted(`a b$'"`) != c.whole {
			t.Errorf("%s: %q, %q, %s; want %q, %q, %s", c.line, before, typed.text, typed.quoted(`a b$'"`), c.before, c.typed, c.whole)
		}
	}
}
