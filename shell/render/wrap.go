package render

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Hang is Wrap for a line of two columns that two or more blanks part: what goes
// onto further rows stands below the second one.
func Hang(line string, columns int) string {
	at := secondColumn(line)
	if at == 0 || at > columns/2 {
		return Wrap(line, columns)
	}
	return line[:at] + strings.ReplaceAll(Wrap(line[at:], columns-at), "\n", "\n"+strings.Repeat(" ", at))
}

// secondColumn is where the second column of a line begins, 0 when there is
// none. The first is of ASCII.
func secondColumn(line string) int {
	first := len(line) - len(strings.TrimLeft(line, " "))
	gap := strings.Index(line[first:], "  ")
	if gap < 0 {
		return 0
	}
	rest := line[first+gap:]
	return len(line) - len(strings.TrimLeft(rest, " "))
}

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
