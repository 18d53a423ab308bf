package line

import (
	"fmt"
	"strings"
	"testing"
)

func show(list []Statement) string {
	var parts []string
	for _, s := range list {
		text := fmt.Sprintf("%q", s.Words)
		if s.File != "" {
			text += fmt.Sprintf(" to %q append=%v", s.File, s.Append)
		}
		if s.Pipe != "" {
			text += fmt.Sprintf(" into %q", s.Pipe)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{"get /a", `["get" "/a"]`},
		{"get /a; ls /", `["get" "/a"]; ["ls" "/"]`},
		{"get /a ;ls / ;; ; quit;", `["get" "/a"]; ["ls" "/"]; ["quit"]`},
		{" ; ", ""},
		{"get /a | grep x | wc -l", `["get" "/a"] into "grep x | wc -l"`},
		{"get /a |wc; ls /", `["get" "/a"] into "wc"; ["ls" "/"]`},
		{`get /a | sed 's/;/\;/' \; "a;b"; ls /`, `["get" "/a"] into "sed 's/;/\\;/' \\; \"a;b\""; ["ls" "/"]`},
		{"get /a > f", `["get" "/a"] to "f" append=false`},
		{"get /a >f;ls /", "error"},
		{"get /a >f; ls /", `["get" "/a"] to "f" append=false; ["ls" "/"]`},
		{"get /a >> 'my file'", `["get" "/a"] to "my file" append=true`},
		{`get /a >>"f;"; ls /`, `["get" "/a"] to "f;" append=true; ["ls" "/"]`},
		// Data.
		{"set /a x;y", `["set" "/a" "x;y"]`},
		{"set /a a|b>c", `["set" "/a" "a|b>c"]`},
		{"set /a 'x;' ; ls /", `["set" "/a" "x;"]; ["ls" "/"]`},
		{`set /a ";" ">" "|"`, `["set" "/a" ";" ">" "|"]`},
		{`set /a {"a":"b;c"}`, `["set" "/a" "{\"a\":\"b;c\"}"]`},
		{"set /a =>;", `["set" "/a" "=>"]`},
		{"set /a it's;", `["set" "/a" "it's"]`},
		// Misuse.
		{"> f", "error"}, {"| wc", "error"}, {"get /a >", "error"}, {"get /a > ;", "error"}, {"get /a > a b", "error"},
		{"get /a > f | wc", "error"}, {"get /a |", "error"}, {"get /a || b", "error"}, {"get /a > ''", "error"},
	} {
		got, err := Split(c.line)
		text := show(got)
		if err != nil {
			text = "error"
		}
		if text != c.want {
			t.Errorf("%s: %s, %v; want %s", c.line, text, err, c.want)
		}
	}
	got, err := Split(`create /a 'x'  > f; get "/a b"|wc; get /c  | wc`)
	if err != nil || got[0].Text != "create /a 'x'" || got[1].Text != `get "/a b"` || got[2].Text != "get /c" {
		t.Errorf("texts: %+v, %v", got, err)
	}
}

// A line without the signs means to both grammars the same, whatever else is
// in it.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"get /a", `set /a "b c" 'd`, "a'b \"c\"d", " \t x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Split(text)
		if strings.ContainsAny(text, ";|>") {
			return
		}
		var words []string
		if len(got) > 0 {
			words = got[0].Words
		}
		if want := Words(text); err != nil || len(got) > 1 || fmt.Sprint(words) != fmt.Sprint(want) || len(words) != len(want) {
			t.Errorf("%q: %q, %v; want %q", text, words, err, want)
		}
	})
}
