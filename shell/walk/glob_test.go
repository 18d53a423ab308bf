package walk

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
)

func TestGlob(t *testing.T) {
	t.Parallel()
	src := newTree("/a", "/a/x1", "/a/x1/c", "/a/x2", "/a/x2/c", "/a/x2/d", "/a/y", "/a/y/z", "/a/y/z/c",
		"/a/[odd]", "/a/o", "/star*", "/star*/k", "/stars", "/stars/k")
	for _, c := range []struct{ pattern, want string }{
		{"/a/x*", "/a/x1 /a/x2"},
		{"/a/x?/c", "/a/x1/c /a/x2/c"},
		{"/a/[xy]*", "/a/x1 /a/x2 /a/y"},
		{"/a/[!x]", "/a/o /a/y"},
		{"/*", "/a /star* /stars"},
		{"/**/c", "/a/x1/c /a/x2/c /a/y/z/c"},
		{"/a/**", "/a /a/[odd] /a/o /a/x1 /a/x1/c /a/x2 /a/x2/c /a/x2/d /a/y /a/y/z /a/y/z/c"},
		{"/a/**/**/z/*", "/a/y/z/c"},
		{"/**/x2/**", "/a/x2 /a/x2/c /a/x2/d"},
		{"/a/[odd]", "/a/[odd]"}, // is there, so it is no pattern
		{`/a/\[odd]`, "/a/[odd]"},
		{"/a/[odd", ""},
		{"/star*", "/star*"},
		{"/star*/k", "/star*/k"},
		{"/sta?*/k", "/star*/k /stars/k"},
		{"/b/*", ""},
		{"/a/x*/nothing", ""},
	} {
		got, err := Glob(t.Context(), src, c.pattern, nil)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v; want %q", c.pattern, got, err, c.want)
		}
	}
}

func TestGlobAsksWhereItCanMatch(t *testing.T) {
	t.Parallel()
	src := newTree("/a", "/a/b", "/c", "/c/b", "/secret", "/secret/b")
	src.refuse["/secret"] = true
	var refused []string
	got, err := Glob(t.Context(), src, "/[as]*/b", func(path string, err error) {
		refused = append(refused, fmt.Sprint(path, " ", errors.Is(err, protocol.NoAuth)))
	})
	if err != nil || strings.Join(got, " ") != "/a/b" || strings.Join(refused, ",") != "/secret true" {
		t.Errorf("%q, refused %q, %v", got, refused, err)
	}
	if src.asked["exists /c"]+src.asked["children /c"] > 0 {
		t.Errorf("/c was asked for: %v", src.asked)
	}
}

func TestGlobIsBounded(t *testing.T) {
	t.Parallel()
	src := newTree("/a")
	for i := range MaxMatches {
		src.add(fmt.Sprint("/a/", i))
	}
	if got, err := Glob(t.Context(), src, "/a/*", nil); err != nil || len(got) != MaxMatches {
		t.Errorf("%d matches, %v", len(got), err)
	}
	src.add("/a/x")
	if _, err := Glob(t.Context(), src, "/a/*", nil); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
}
