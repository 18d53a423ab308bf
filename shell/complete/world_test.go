package complete

import (
	"slices"
	"strings"
	"testing"
)

// fakeWorld knows two connections and a file.
type fakeWorld struct {
	asked *[]string
	apart bool // without statements
}

func (w fakeWorld) Statements() bool { return !w.apart }

func (w fakeWorld) Children(parent string) ([]string, bool) {
	*w.asked = append(*w.asked, parent)
	return map[string][]string{
		"/": {"app", "brokers", "worker-0000000007"}, "/app": {"max-connections", "timeout"}, "prod:/": {"there"},
	}[parent], true
}

func (w fakeWorld) Words(kind Kind, typed string) []Word {
	return map[Kind][]Word{
		Connection: {{"prod", "CONNECTED"}, {"h:2181", "none"}}, Session: {{"0xabc", "this shell's"}}, File: {{"notes.txt", ""}},
	}[kind]
}

func TestWorld(t *testing.T) {
	t.Parallel()
	path := Arg{Kind: Path}
	table := []Command{
		{Name: "get", Args: []Arg{path}}, {Name: "cp", Args: []Arg{{Kind: Target, Repeat: true}}},
		{Name: "use", Args: []Arg{{Kind: Connection}}}, {Name: "kill", Args: []Arg{{Kind: Session}}}, {Name: "getAllChildrenNumber"},
	}
	for _, c := range []struct {
		line  string
		apart bool
		want  string // texts with blanks between
	}{
		{"get /app; get /br", false, "/brokers"},
		{"get /app;get /br", false, ""}, // inside a word ; is data: the word is the second argument
		{"get /app; us", false, "use"},
		{"get /app; get /br", true, ""},
		{"get /app > no", false, "notes.txt"},
		{"get /app | gr", false, ""},
		{"get /app >", false, ""},
		{"use ", false, "prod h:2181"},
		{"use p", false, "prod"},
		{"kill 0x", false, "0xabc"},
		{"cp pr", false, "prod:/"},
		{"cp prod:/", false, "prod:/there"},
		{"get prod:/th", false, "prod:/there"},
		{"cp /a prod:/t", false, "prod:/there"},
		// What begins so comes first; only when nothing does, what holds the characters.
		{"get /wk7", false, "/worker-0000000007"},
		{"get /app/mc", false, "/app/max-connections"},
		{"get /app/t", false, "/app/timeout"},
		{"get /app/zz", false, ""},
		{"gacn", false, "getAllChildrenNumber"},
	} {
		var asked []string
		var got []string
		for _, s := range Complete(table, c.line, len(c.line), fakeWorld{&asked, c.apart}) {
			got = append(got, s.Text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q (asked %q)", c.line, got, c.want, asked)
		}
		if strings.Contains(c.line, "prod:/t") && !slices.Contains(asked, "prod:/") {
			t.Errorf("%s: asked %q", c.line, asked)
		}
	}
}
