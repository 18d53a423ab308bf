package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
)

// What help prints fits a terminal of 80 columns, word for word, with flags and
// summaries in their column.
func TestHelpFits(t *testing.T) {
	t.Parallel()
	own, _ := CompatFor("")
	texts := []string{overview(own)}
	for _, c := range Table(own) {
		texts = append(texts, c.Explain(own))
	}
	for i := range topics {
		texts = append(texts, topics[i].text)
	}
	for _, text := range texts {
		got := fitted(text, 80)
		if !slices.Equal(strings.Fields(got), strings.Fields(text)) {
			t.Errorf("other words:\n%s\nof\n%s", got, text)
		}
		for _, line := range strings.Split(got, "\n") {
			if displaywidth.String(line) > 80 {
				t.Errorf("too long: %q", line)
			}
		}
	}
	if got, want := fitted("watch   shows what changes\nstatus  shows servers", 18), "watch   shows what\n        changes\nstatus  shows\n        servers"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	prose := strings.Repeat("word ", 22) + "end\nand on"
	if got := fitted(prose, 200); strings.Contains(got, "\n") || fitted(prose, 0) != prose {
		t.Errorf("prose does not flow: %q", got)
	}
}
