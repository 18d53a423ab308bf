package command

import (
	"testing"

	"zookit/shell/line"
)

// Every example of the table is a line that its command understands.
func TestExamplesAreUnderstood(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	own := b.Compat
	for _, cmd := range Table(own) {
		for _, e := range cmd.Example {
			list, err := line.Split(e)
			if err != nil || len(list) == 0 {
				t.Errorf("%s: %q: %v", cmd.Name, e, err)
				continue
			}
			if first, _ := b.leading(list[0].Words); Lookup(own, first[0]) != cmd {
				t.Errorf("%s: %q is about another command", cmd.Name, e)
			}
			for _, st := range list {
				words, _ := b.leading(st.Words)
				of := Lookup(own, words[0])
				if of == nil {
					t.Errorf("%s: %q: no command %s", cmd.Name, e, st.Words[0])
					continue
				}
				p, err := b.split(of, words[1:])
				if err != nil || len(p.args) < of.Min || of.Max > 0 && len(p.args) > of.Max {
					t.Errorf("%s: %q is misuse: %v", cmd.Name, e, err)
				}
			}
		}
	}
}
