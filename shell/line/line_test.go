package line

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		want []string
	}{
		{``, nil},
		{" \t ", nil},
		{`ls /`, []string{"ls", "/"}},
		{"  ls\t /  ", []string{"ls", "/"}},
		{`set /q "a b"`, []string{"set", "/q", "a b"}},
		{`set /q 'a "x" b'`, []string{"set", "/q", `a "x" b`}},
		{`set /q "double 'in' q"`, []string{"set", "/q", `double 'in' q`}},
		{`set /q {"k":"v w"}`, []string{"set", "/q", `{"k":"v`, `w"}`}},
		{`set /q pre"mid dle"post`, []string{"set", "/q", `pre"mid`, `dle"post`}},
		{`set /q "abc`, []string{"set", "/q", "abc"}},
		{`set /q "abc def`, []string{"set", "/q", "abc", "def"}},
		{`set /q "`, []string{"set", "/q"}},
		{`set /q ""`, []string{"set", "/q", ""}},
		{`set /q a\\ b`, []string{"set", "/q", `a\\`, "b"}},
		{`set /q "a"b'c'`, []string{"set", "/q", "a", "b'c'"}},
		{`set /q "a"'c'`, []string{"set", "/q", "a", "c"}},
		{`set /q "'a b'`, []string{"set", "/q", "a b"}},
		{`set /q it's "o k"`, []string{"set", "/q", "it's", "o k"}},
		{"get /\u00e9 \u00a0", []string{"get", "/\u00e9", "\u00a0"}},
		{`# comment`, []string{"#", "comment"}},
	}
	for _, tt := range tests {
		if got := Words(tt.line); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line    string // the cursor is at |
		before  []string
		current Token
		open    bool
	}{
		{`|`, nil, Token{}, false},
		{`g|et /a`, nil, Token{"g", 0, 1, 0}, false},
		{`get |`, []string{"get"}, Token{"", 4, 4, 0}, false},
		{`get /a/b| -s`, []string{"get"}, Token{"/a/b", 4, 8, 0}, false},
		{`get "/a b|`, []string{"get"}, Token{"/a b", 4, 9, '"'}, true},
		{`get "/a b|c" -s`, []string{"get"}, Token{"/a b", 4, 9, '"'}, true},
		{`get "|`, []string{"get"}, Token{"", 4, 5, '"'}, true},
		{`get '/a b'|`, []string{"get"}, Token{"/a b", 4, 10, '\''}, false},
		{`get '/a b' |`, []string{"get", "/a b"}, Token{"", 11, 11, 0}, false},
		{`get /a"b|`, []string{"get"}, Token{`/a"b`, 4, 8, 0}, false},
	}
	for _, tt := range tests {
		pos := strings.IndexByte(tt.line, '|')
		line := tt.line[:pos] + tt.line[pos+1:]
		before, current, open := Cursor(line, pos)
		var words []string
		for _, b := range before {
			words = append(words, b.Text)
		}
		if !slices.Equal(words, tt.before) || current != tt.current || open != tt.open {
			t.Errorf("%q: got %q %+v %v", tt.line, words, current, open)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"": `""`, "/a": "/a", "/a b": `"/a b"`, `a"b`: `a"b`, `"a`: `'"a'`, `'a`: `"'a"`, `a "b`: `'a "b'`,
	} {
		if got, ok := Quote(word); !ok || got != want {
			t.Errorf("%q: got %q %v, want %q", word, got, ok, want)
		}
	}
	if got, ok := Quote(`a 'b' "c"`); ok {
		t.Errorf("a word that cannot be written became %q", got)
	}
}

// apacheWords is Apache's expression, with Java's meaning of \s. What it does
// with blanks that it takes for words is in the last result.
func apacheWords(line string) (words []string, blanks bool) {
	for _, m := range apachePattern.FindAllStringSubmatch(line, -1) {
		w := m[1]
		blanks = blanks || w != "" && isSpace(w[0])
		if len(w) >= 2 && (w[0] == '"' || w[0] == '\'') && w[len(w)-1] == w[0] {
			w = w[1 : len(w)-1]
		}
		words = append(words, w)
	}
	return words, blanks
}

var apachePattern = regexp.MustCompile(`[ \t\n\x0b\f\r]*([^"'][^ \t\n\x0b\f\r]*|"[^"]*"|'[^']*')[ \t\n\x0b\f\r]*`)

func FuzzTokenize(f *testing.F) {
	for _, s := range []string{``, ` `, `get "/a b" 'c d' e"f`, `"`, `"'`, `' "`, `a"b c"d`, `set /x {"k":"v w"}`, "\"\x80\" \xff", " \"a", `"" ''`} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, line string, pos int) {
		tokens := Tokenize(line)
		end := 0
		var words []string
		for _, tok := range tokens {
			if tok.Start < end || tok.End <= tok.Start || tok.End > len(line) {
				t.Fatalf("%q: token %+v after %d", line, tok, end)
			}
			end = tok.End
			raw := line[tok.Start:tok.End]
			if tok.Quote != 0 {
				raw = raw[1 : len(raw)-1]
			}
			if raw != tok.Text {
				t.Fatalf("%q: token %+v is %q", line, tok, raw)
			}
			words = append(words, tok.Text)
			if q, ok := Quote(tok.Text); ok && !slices.Equal(Words(q), []string{tok.Text}) {
				t.Fatalf("%q quoted is %q, which reads %q", tok.Text, q, Words(q))
			}
		}
		if want, blanks := apacheWords(line); !blanks && strings.ToValidUTF8(line, "") == line && !slices.Equal(words, want) {
			t.Fatalf("%q: got %q, Apache has %q", line, words, want)
		}
		_, current, open := Cursor(line, pos)
		if cut := min(max(pos, 0), len(line)); current.End != cut || current.Start > cut || open && current.Quote == 0 {
			t.Fatalf("%q at %d: %+v", line, pos, current)
		}
	})
}
