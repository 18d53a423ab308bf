package command

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zookit/shell/session"
)

// identified is a session that notes the identities it is given.
type identified struct {
	*fakeSession
	given []string
}

func (s *identified) AddAuth(_ context.Context, scheme string, auth []byte) error {
	s.given = append(s.given, scheme+" "+string(auth))
	return nil
}

func TestAddAuthSources(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from file\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line  string
		stdin string
		want  string // given, or what stderr contains
		exit  int
	}{
		{"addauth digest joe:secret", "", "digest joe:secret", 0},
		{"addauth x509", "", "x509 ", 0},
		{"addauth digest joe @" + file, "", "digest joe:from file", 0},
		{"addauth digest @" + file, "", "digest from file", 0},
		{"addauth -l digest @joe:x", "", "digest @joe:x", 0},
		{"addauth digest joe -", "typed\r\nnext\n", "digest joe:typed", 0},
		{"addauth digest -", "joe:typed", "digest joe:typed", 0},
		{"addauth -env SECRET digest joe", "", "digest joe:from env", 0},
		{"addauth -env SECRET digest", "", "digest from env", 0},
		{"addauth -command 'echo out; echo more' digest joe", "", "digest joe:out", 0},
		{"addauth -env NONE digest joe", "", "the environment variable NONE is not set", 1},
		{"addauth -command 'exit 3' digest joe", "", "exit 3: exit status 3", 1},
		{"addauth digest joe @/nowhere/secret", "", "/nowhere/secret: no such file", 1},
		{"addauth digest @", "", "@ without the name of a file", 1},
		{"addauth digest joe -", "\n", "stdin has no line", 1},
		{"addauth digest joe -", "none", "- is stdin, from which the commands come", 1},
		{"addauth -env SECRET digest joe -", "", "a secret comes from one place", 1},
		{"addauth digest joe:x -", "y", "a password stands behind the user already", 1},
		{"addauth digest joe secret", "", "usage: addauth", 1},
	} {
		b := newBench(t, "")
		s := &identified{fakeSession: b.fake}
		b.Shell.Dial = func(context.Context, string, func(session.Event)) (Session, error) { return s, nil }
		b.Getenv = func(name string) string { return map[string]string{"SECRET": "from env"}[name] }
		if c.stdin != "none" {
			b.Stdin = strings.NewReader(c.stdin)
		}
		_, stderr, exit := b.do(c.line)
		switch {
		case exit != c.exit:
			t.Errorf("%s: exit %d, %s", c.line, exit, stderr)
		case exit == 0 && !slices.Equal(s.given, []string{c.want}):
			t.Errorf("%s: %q, want %q", c.line, s.given, c.want)
		case exit != 0 && (!strings.Contains(stderr, c.want) || s.given != nil):
			t.Errorf("%s: %q, given %q; want %q", c.line, stderr, s.given, c.want)
		}
	}
	// Apache's shell knows no sources.
	b := newBench(t, "3.9")
	s := &identified{fakeSession: b.fake}
	b.Shell.Dial = func(context.Context, string, func(session.Event)) (Session, error) { return s, nil }
	if b.do("addauth digest @x y"); !slices.Equal(s.given, []string{"digest @x"}) {
		t.Errorf("3.9: %q", s.given)
	}
}

// Of stdin no more is taken than the line.
func TestAddAuthLeavesStdin(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a")
	s := &identified{fakeSession: b.fake}
	b.Shell.Dial = func(context.Context, string, func(session.Event)) (Session, error) { return s, nil }
	b.Stdin = strings.NewReader("secret\ndata of the znode")
	b.do("addauth digest joe -", "set /a -")
	if got := string(b.fake.data["/a"]); got != "data of the znode" || !slices.Equal(s.given, []string{"digest joe:secret"}) {
		t.Errorf("set %q, given %q", got, s.given)
	}
}
