package repl

import (
	"testing"

	"zookit/shell/repl/ptytest"
)

// What the terminal echoes for Ctrl-C may be on the screen before a command
// has ended its output, and we may hear of it before or after.
func TestPromptBehindAnEcho(t *testing.T) {
	t.Parallel()
	type step func(p *Printer, s *ptytest.Screen)
	key := func(_ *Printer, s *ptytest.Screen) { _, _ = s.Write([]byte("^C")) }
	heard := func(p *Printer, _ *ptytest.Screen) { p.Echoed() }
	says := func(text string) step { return func(p *Printer, _ *ptytest.Screen) { _, _ = p.Write([]byte(text)) } }
	for _, c := range []struct {
		steps []step
		want  string
	}{
		{[]step{key, heard, says("end\r\n")}, "^C\nend\nzk>"},
		{[]step{key, heard}, "^C\nzk>"},
		{[]step{key, says("end\r\n"), heard}, "^Cend\nzk>"},
		{[]step{says("some "), key, heard, says("end\r\n")}, "some ^C\nend\nzk>"},
		{[]step{says("some "), key, says("end"), heard}, "some ^Cend\nzk>"},
		{[]step{says("end\r\n")}, "end\nzk>"},
		{[]step{says("end")}, "end\nzk>"},
	} {
		s := ptytest.NewScreen(20, 5)
		p := NewPrinter(s)
		p.resize(20)
		for _, do := range c.steps {
			do(p, s)
		}
		if err := p.draw([]byte("zk> "), 4, 0); err != nil {
			t.Fatal(err)
		}
		if got := s.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
