package render

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// AppendColumns appends a header and rows in columns two blanks apart, for what
// is no terminal: a line a row, cut at no width, no blanks at its end. A cell
// that looks like a number is set to the right.
func AppendColumns(b []byte, header []string, rows [][]string) []byte {
	all := append([][]string{header}, rows...)
	wide := make([]int, len(header))
	right := make([]bool, len(header))
	for i := range header {
		right[i] = len(rows) > 0
		for _, row := range all {
			wide[i] = max(wide[i], displaywidth.String(row[i]))
		}
		for _, row := range rows {
			right[i] = right[i] && numeric(row[i])
		}
	}
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			gap := strings.Repeat(" ", wide[i]-displaywidth.String(cell))
			if right[i] {
				line.WriteString(gap + cell)
			} else {
				line.WriteString(cell + gap)
			}
			line.WriteString("  ")
		}
		b = append(append(b, strings.TrimRight(line.String(), " ")...), '\n')
	}
	return b
}

func numeric(cell string) bool {
	return cell == "-" || strings.Trim(cell, "0123456789.,+-%") == "" && cell != ""
}
