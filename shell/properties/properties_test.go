package properties

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	text := "# comment\n! too\n\n a = b c \nk:v\nk2 v2\nk3\nlong = one,\\\n   two\\\\\n\\u0041\\ b=\\ud83d\\ude00\\n\r\nlast=x\\"
	pairs, err := Read(strings.NewReader(text), 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := []Pair{
		{"a", "b c ", 4}, {"k", "v", 5}, {"k2", "v2", 6}, {"k3", "", 7},
		{"long", `one,two\`, 8}, {"A b", "😀\n", 10}, {"last", "x", 11},
	}
	if len(pairs) != len(want) {
		t.Fatalf("got %v, want %v", pairs, want)
	}
	for i := range want {
		if pairs[i] != want[i] {
			t.Errorf("pair %d: got %+v, want %+v", i, pairs[i], want[i])
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`a=\u12`, `a=\u12zz`, strings.Repeat("x", 101)} {
		if pairs, err := Read(strings.NewReader(text), 100); err == nil {
			t.Errorf("%q was read as %v", text, pairs)
		}
	}
}
