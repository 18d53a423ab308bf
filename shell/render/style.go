package render

import (
	"bytes"
	"strings"

	"github.com/fatih/color"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// Style colours text for a terminal, or leaves it as it is.
type Style struct {
	on                     bool
	label, fault, headline *color.Color
	roles                  [roles]*color.Color
}

// NewStyle is a style with or without colour.
func NewStyle(colour bool) Style {
	make := func(attr color.Attribute) *color.Color {
		c := color.New(attr)
		if colour {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return c
	}
	s := Style{on: colour, label: make(color.FgCyan), fault: make(color.FgRed), headline: make(color.Bold)}
	for role, attr := range roleColours {
		s.roles[role] = make(attr)
	}
	return s
}

// Fault colours what went wrong.
func (s Style) Fault(text string) string {
	if !s.on {
		return text
	}
	return s.fault.Sprint(text)
}

// Headline sets off an event or a heading.
func (s Style) Headline(text string) string {
	if !s.on {
		return text
	}
	return s.headline.Sprint(text)
}

// AppendLabels colours the names in lines of the form "name = value".
func (s Style) AppendLabels(b, lines []byte) []byte {
	for len(lines) > 0 {
		line := lines
		if i := bytes.IndexByte(lines, '\n'); i >= 0 {
			line = lines[:i+1]
		}
		lines = lines[len(line):]
		if name, value, ok := bytes.Cut(line, []byte(" = ")); ok && s.on {
			b = append(b, s.label.Sprint(string(name))...)
			b = append(b, " = "...)
			b = append(b, value...)
		} else {
			b = append(b, line...)
		}
	}
	return b
}

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

func visibleCells(cells []string) []string {
	seen := make([]string, len(cells))
	for i, c := range cells {
		line := Visible(c)
		seen[i] = strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(line)
	}
	return seen
}
