package render

import "github.com/fatih/color"

// Role is what a piece of shown data is, for its colour.
type Role uint8

const (
	Plain   Role = iota
	Name         // of a field, an element, a property
	Text         // a string
	Number       // a number
	Word         // true, false, null
	Comment      // a comment, and what the shell itself says beside the data
	Added        // in a diff
	Removed
	roles int = iota
)

// Span is a piece of a line. Its text is data: it is made visible when it is
// appended to what a terminal gets.
type Span struct {
	Role Role
	Text string
}

// Line is a line of spans, without its line break.
type Line []Span

// roleColours are the colours of the roles; Plain has none.
var roleColours = [roles]color.Attribute{
	Name: color.FgCyan, Text: color.FgGreen, Number: color.FgYellow, Word: color.FgMagenta,
	Comment: color.Faint, Added: color.FgGreen, Removed: color.FgRed,
}

// Paint makes text visible and colours it.
func (s Style) Paint(role Role, text string) string {
	text = Visible(text)
	if !s.on || role == Plain || int(role) >= roles || text == "" {
		return text
	}
	return s.roles[role].Sprint(text)
}

// AppendLines appends lines, each with a line break. Their text is made
// visible, line breaks inside a span included.
func (s Style) AppendLines(b []byte, lines []Line) []byte {
	for _, line := range lines {
		for _, span := range line {
			b = append(b, s.Paint(span.Role, span.Text)...)
		}
		b = append(b, '\n')
	}
	return b
}

// AppendPlain appends the lines' text as it stands, for what is no terminal.
func AppendPlain(b []byte, lines []Line) []byte {
	for _, line := range lines {
		for _, span := range line {
			b = append(b, span.Text...)
		}
		b = append(b, '\n')
	}
	return b
}
