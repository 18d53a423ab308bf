package repl

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// strokes decodes bytes that come in the given pieces, and joins neighbouring text.
func strokes(pieces ...string) []stroke {
	var d decoder
	var list []stroke
	take := func(final bool) {
		for s := d.next(final); s != ""; s = d.next(final) {
			if n := len(list); n > 0 && s.text() && list[n-1].text() {
				list[n-1] += s
				continue
			}
			list = append(list, s)
		}
	}
	for _, p := range pieces {
		d.feed([]byte(p))
		take(false)
	}
	take(true)
	return list
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want []stroke
	}{
		{"ls /\r", []stroke{"ls /", strokeEnter}},
		{"one\r\ntwo\nthree", []stroke{"one", strokeEnter, "two", strokeEnter, "three"}},
		{"日本\x03", []stroke{"日本", strokeInterrupt}},
		{"a\x00b\x1cc", []stroke{"abc"}},
		{"a\u0085b", []stroke{"ab"}},
		{"a\xe6\x97b\xff", []stroke{"a\uFFFDb\uFFFD"}},
		{"\x1b[A\x1bOB\x1b[1;5D\x1b[C", []stroke{strokeUp, strokeDown, strokeWordLeft, strokeRight}},
		{"\x1b[1~\x1b[8~\x1b[3~\x1b[Z\x7f", []stroke{strokeHome, strokeEnd, strokeDelete, strokeBackTab, strokeBackspace}},
		{"\x1b[15~x\x1b[[Ay\x1b[<0;1;1Mz\x1b[200zA", []stroke{"xyzA"}},
		{"\x1bb\x1bf\x1bd\x1b\x7f\x1bü!", []stroke{strokeWordLeft, strokeWordRight, strokeDeleteWord, strokeEraseWord, "!"}},
		{"\x1b", []stroke{strokeEscape}},
		{"\x1b\x1b[A", []stroke{strokeEscape, strokeUp}},
		{"\x1b[12\rx", []stroke{strokeEnter, "x"}},
		{"\x1b[" + strings.Repeat("1", 100) + "x", []stroke{stroke(strings.Repeat("1", 100-maxEscape+2)) + "x"}},
		{"\x1b[200~a\tb\x1b[Ac\r\nd\re\n\x03\x1b[201~f", []stroke{"a b[Ac", strokeEnter, "d", strokeEnter, "e", strokeEnter, "f"}},
		{"\x1b[200~\x1b[201~x", []stroke{"x"}},
		{"\x1b[200~a\r\x1b[201~\n\x1b[200~b\xff\x1b[201~", []stroke{"a", strokeEnter, "b\uFFFD"}},
		{"\x1b[200~never ends\rx", []stroke{"never ends", strokeEnter, "x"}},
		{"\x1b[$;2~", nil}, // our own codes cannot be typed
		{"\x00r\x00a", []stroke{"ra"}},
	} {
		if got := strokes(tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
		single := strings.SplitAfter(tt.in, "")
		if utf8.ValidString(tt.in) && !strings.HasPrefix(tt.in, "\x1b\x1b") {
			if got := strokes(single...); !slices.Equal(got, tt.want) {
				t.Errorf("%q byte by byte: got %q, want %q", tt.in, got, tt.want)
			}
		}
	}
}

// A paste of many lines takes time in proportion to its length.
func TestLongPaste(t *testing.T) {
	t.Parallel()
	const lines = 200_000
	in := pasteStart + strings.Repeat("ls /zookeeper\r", lines) + pasteEnd
	var d decoder
	enters := 0
	for len(in) > 0 {
		n := min(len(in), readSize)
		d.feed([]byte(in[:n]))
		in = in[n:]
		for s := d.next(false); s != ""; s = d.next(false) {
			if s == strokeEnter {
				enters++
			}
		}
	}
	if enters != lines || d.paste || len(d.in) > 0 {
		t.Errorf("%d lines, want %d; left %d bytes", enters, lines, len(d.in))
	}
}

// Whatever comes and however it is cut, no control character gets into the text, no rune is split, everything is
// taken, and the cuts play no part.
func FuzzDecode(f *testing.F) {
	f.Add("ls /\r\x1b[A\x1b[200~x\ry\x1b[201~日", 3, 11)
	f.Add("\x1b[[\x1bO\xe6\x97", 1, 2)
	f.Fuzz(func(t *testing.T, in string, i, j int) {
		if len(in) > 1<<16 {
			return
		}
		i = min(max(i, 0), len(in))
		j = min(max(j, i), len(in))
		whole := strokes(in)
		if cut := strokes(in[:i], in[i:j], in[j:]); utf8.ValidString(in) && !slices.Equal(cut, whole) {
			t.Errorf("%q cut at %d and %d: %q, whole: %q", in, i, j, cut, whole)
		}
		for _, s := range whole {
			if s.text() && (!utf8.ValidString(string(s)) || strings.IndexFunc(string(s), unicode.IsControl) >= 0) {
				t.Errorf("%q: text %q", in, s)
			}
			if s[0] == 0 && s != strokeWordLeft && s != strokeWordRight && s != strokeDeleteWord && s != strokeEraseWord {
				t.Errorf("%q: private code %q was typed", in, s)
			}
		}
	})
}
