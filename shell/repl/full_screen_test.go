package repl

import (
	"reflect"
	"strings"
	"testing"

	"zookit/shell/repl/ptytest"
)

func TestKeyNames(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string][]string{
		"q": {"q"}, "\x1b": {"esc"}, "\x03": {"ctrl-c"}, "\t\r": {"tab", "enter"}, "é+": {"é", "+"},
		"\x1b[A\x1b[B\x1bOC\x1b[D": {"up", "down", "right", "left"}, "\x1b[5~\x1b[6~\x1b[H": {"pgup", "pgdn", "home"},
		"\x1b[1;5Aq": {"q"}, "\x1b[": {"esc", "["}, "\x1b[200~": nil, "\x00\x7f": nil,
	} {
		if got := keyNames([]byte(sent)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", sent, got, want)
		}
	}
}

// A frame covers all of the one before, whatever was longer there, and never
// scrolls.
func TestFrame(t *testing.T) {
	t.Parallel()
	screen := ptytest.NewScreen(12, 4)
	draw := func(rows ...ScreenRow) string {
		_, _ = screen.Write(frame(rows, 12, 4, false))
		return screen.String()
	}
	long := ScreenRow{Text: "wide 世界 and more"}
	if got := draw(ScreenRow{Text: "head", Bold: true}, long, long, long, long); got != strings.TrimSuffix("head\n"+strings.Repeat("wide 世界 an\n", 3), "\n") {
		t.Errorf("got\n%s", got)
	}
	if got := draw(ScreenRow{Text: "a", Mark: true}, ScreenRow{Text: "b"}); got != "a\nb" {
		t.Errorf("got\n%s", got)
	}
	if got := draw(); got != "" {
		t.Errorf("got\n%s", got)
	}
	if got := fit("世界", 3); got != "世 " {
		t.Errorf("a wide character that does not fit: %q", got)
	}
}
