package render

import (
	"bytes"

	"github.com/fatih/color"
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
