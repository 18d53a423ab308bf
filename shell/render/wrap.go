package render

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Wrap breaks the lines of a text for a terminal of that many columns between
// words, instead of anywhere as a terminal does. A word that is longer than a
// line is left to the terminal, and so is everything when columns are not known
// (0).
func Wrap(text string, columns int) string {
	if columns < 1 || displaywidth.String(text) <= columns {
		return text
	}
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		at := 0
		for j, word := range strings.Split(line, " ") {
			wide := displaywidth.String(word)
			switch {
			case j == 0:
			case at+1+wide > columns && at > 0:
				b.WriteByte('\n')
				at = 0
			default:
				b.WriteByte(' ')
				at++
			}
			b.WriteString(word)
			at += wide
		}
	}
	return b.String()
}
