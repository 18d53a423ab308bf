package walk

import "testing"

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dir, text, want string }{
		{"/", "a", "/a"},
		{"/a/b", "c/d", "/a/b/c/d"},
		{"/a/b", ".", "/a/b"},
		{"/a/b", "..", "/a"},
		{"/a/b", "../../../../x", "/x"},
		{"/a/b", "./c/../d/", "/a/b/d"},
		{"/a", "/", "/"},
		{"/a", "/b/", "/b"},
		{"/a", "/b/../c", "/c"},
		{"/a", "...", "/a/..."},
		{"/a", "b//c", "/a/b//c"},
		{"/a", "//", "/"},
		{"/a", "", ""},
	} {
		if got := Resolve(c.dir, c.text); got != c.want {
			t.Errorf("%q in %s: %q, want %q", c.text, c.dir, got, c.want)
		}
	}
}
