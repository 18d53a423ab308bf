package render

import "testing"

func TestHang(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line    string
		columns int
		want    string
	}{
		{"  -a   one two", 14, "  -a   one two"},
		{"  -a   one two three", 16, "  -a   one two\n       three"},
		{"cd  go to a znode", 10, "cd  go to\n    a\n    znode"},
		{"one two three", 8, "one two\nthree"},
		{"a long first  one two", 16, "a long first \none two"},
		{"", 8, ""},
		{"  -a   one two", 0, "  -a   one two"},
	} {
		if got := Hang(c.line, c.columns); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.line, c.columns, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"one two three", 13, "one two three"},
		{"one two three", 12, "one two\nthree"},
		{"one two three", 7, "one two\nthree"},
		{"one two three", 6, "one\ntwo\nthree"},
		{"one two three", 1, "one\ntwo\nthree"},
		{"one two three", 0, "one two three"},
		{"first\n  indented more", 10, "first\n  indented\nmore"},
		{"世界 世界", 8, "世界\n世界"},
		{"世界 世界", 9, "世界 世界"},
		{"averylongword is left", 8, "averylongword\nis left"},
	} {
		if got := Wrap(c.text, c.columns); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}
