package config

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// What java.util.Properties (OpenJDK 17) made of these texts, keys and values trimmed.
func TestPropertiesAsJava(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"a=1\nb:2\nc 3\nd\t4\n e = 5 \n", `1 "a"="1"; 2 "b"="2"; 3 "c"="3"; 4 "d"="4"; 5 "e"="5"`},
		{"#c\n!d\n  # e\na=1#b\n", `4 "a"="1#b"`},
		{"a=1\\\n   2\\\n3\nb=2", `1 "a"="123"; 4 "b"="2"`},
		{"a\\=b=c\na\\:b:c\na\\ b c\n", `1 "a=b"="c"; 2 "a:b"="c"; 3 "a b"="c"`},
		{"k=v\\\n\nx=y\n", `1 "k"="v"; 3 "x"="y"`},
		{"k=\\\n#notacomment\n", `1 "k"="#notacomment"`},
		{"\\\n#comment?\nz=1\n", `3 "z"="1"`},
		{"a==b\nc=:d\ne : = f\n", `1 "a"="=b"; 2 "c"=":d"; 3 "e"="= f"`},
		{"u=\\u0041\\u00e4\\uD83D\\uDE00\n", `1 "u"="Aä😀"`},
		{"end2=a\\\\\\", `1 "end2"="a\\"`},
		{"a=x\\t\\n\\r\\f\\q\\\\\n", `1 "a"="x\t\n\r\fq\\"`},
		{"x=1\r\ny=2\rz=3\r\n\r\nw=4\\\r\n  5\n", `1 "x"="1"; 2 "y"="2"; 3 "z"="3"; 5 "w"="45"`},
		{"=v\n:v2\n", `1 ""="v"; 2 ""="v2"`},
		{"key\n", `1 "key"=""`},
		{"\xe4=\xff\n", `1 "ä"="ÿ"`},
		{"\f a\f=\fb\n", `1 "a"="b"`},
		{"a\\\nb=c\n", `1 "ab"="c"`},
		{"a\\\n   =c\n", `1 "a"="c"`},
		{"   \\\n   \\\n  k=v\n", `3 "k"="v"`},
		{"x=\\\r\ny=1\n", `1 "x"="y=1"`},
		{"", ""},
		{"\\", ""},
	}
	for _, tt := range tests {
		props, err := parseProperties("f", []byte(tt.text))
		var got []string
		for _, p := range props {
			got = append(got, fmt.Sprintf("%d %q=%q", p.Line, p.Key, p.Value))
		}
		if s := strings.Join(got, "; "); err != nil || s != tt.want {
			t.Errorf("%q:\ngot  %s (%v)\nwant %s", tt.text, s, err, tt.want)
		}
	}
	for _, text := range []string{"a=\\u", "a=\\u00g0", "\\u12=x", "ok=1\nb=\\uD83"} {
		if _, err := parseProperties("f", []byte(text)); err == nil {
			t.Errorf("%q: accepted; Java refuses it", text)
		}
	}
	if props, _ := parseProperties("f", []byte("a=\\ud83d!")); props[0].Value != "\uFFFD!" {
		t.Errorf("a lone surrogate is %q", props[0].Value)
	}
}

// Nothing panics, lines count up, and what was read is read again the same once it is written with every character
// escaped.
func FuzzProperties(f *testing.F) {
	for _, seed := range []string{minimal, "a=1 # c\n", "a\\=b:c\\\n d", "u=\\ud83d\\ude00", "\r\r\n!x\n k  v", "a=\\ #b", "#", "\\\n\\\n=\\"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		props, err := parseProperties("f", text)
		if err != nil {
			return
		}
		var again bytes.Buffer
		before := 0
		for _, p := range props {
			if p.Line <= before {
				t.Fatalf("line %d after line %d", p.Line, before)
			}
			before = p.Line
			if !strings.HasPrefix(p.Value, p.Bare) {
				t.Fatalf("bare %q is no beginning of %q", p.Bare, p.Value)
			}
			again.WriteString(escaped(p.Key) + "=" + escaped(p.Value) + "\n")
		}
		second, err := parseProperties("f", again.Bytes())
		if err != nil || len(second) != len(props) {
			t.Fatalf("%v: %d properties became %d in %q", err, len(props), len(second), again.String())
		}
		for i, p := range second {
			if p.Key != props[i].Key || p.Value != props[i].Value || p.Comment != "" {
				t.Fatalf("%+v became %+v", props[i], p)
			}
		}
		// A whole configuration made of it never panics either.
		_, _, _ = Parse("f", append([]byte(minimal), text...), memEnv(nil, nil, string(text)))
	})
}

func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}
