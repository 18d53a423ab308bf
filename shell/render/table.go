package render

import (
	"bytes"
	"slices"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// Table lays rows out under a header, for a terminal alone: every cell is made
// visible (see AppendVisible), line breaks included.
func Table(header []string, rows [][]string) ([]byte, error) {
	var out bytes.Buffer
	t := tablewriter.NewTable(&out, tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithRowAutoWrap(tw.WrapNone))
	t.Header(visibleCells(header))
	for _, row := range rows {
		if err := t.Append(visibleCells(row)); err != nil {
			return nil, err
		}
	}
	if err := t.Render(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// FitTable is Table for a terminal of so many columns; 0 is no limit. What the
// frame makes too wide stands in plain columns, without as many of those that
// can be spared as it takes: names of the header, the least important first.
// What is still too wide the terminal wraps.
func FitTable(header []string, rows [][]string, columns int, spare []string) ([]byte, error) {
	framed, err := Table(header, rows)
	if err != nil || columns <= 0 || widest(framed) <= columns {
		return framed, err
	}
	all := [][]string{visibleCells(header)}
	for _, row := range rows {
		all = append(all, visibleCells(row))
	}
	for {
		plain := AppendColumns(nil, all[0], all[1:])
		if widest(plain) <= columns || len(spare) == 0 {
			return plain, nil
		}
		if at := slices.Index(all[0], spare[0]); at >= 0 {
			for i, row := range all {
				all[i] = slices.Delete(row, at, at+1)
			}
		}
		spare = spare[1:]
	}
}

// widest is how many columns the widest line of a text takes.
func widest(text []byte) int {
	wide := 0
	for line := range strings.Lines(string(text)) {
		wide = max(wide, displaywidth.String(strings.TrimSuffix(line, "\n")))
	}
	return wide
}

func visibleCells(cells []string) []string {
	seen := make([]string, len(cells))
	for i, c := range cells {
		line := Visible(c)
		seen[i] = strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(line)
	}
	return seen
}
