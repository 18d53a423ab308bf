// Package value says what the data of a znode is: what it is packed in, its
// kind (JSON, YAML, XML, properties, text, binary), how it is laid out for a
// person, and, for znodes of well-known systems, what it means in a sentence.
//
// It takes bytes and returns values, and never fails: data that is not what it
// looks like is text or binary. Data is hostile until render makes it visible;
// the lines, names and summaries here hold it as it is. What unpacking may
// yield is bounded by MaxUnpacked, what laying out may add by maxGrowth.
package value

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"zookit/shell/render"
)

// Kind is what the unpacked data is.
type Kind uint8

const (
	Absent     Kind = iota // the znode has no data
	Empty                  // it has data of no bytes
	Text                   // UTF-8
	JSON                   // an object or an array
	YAML                   // a mapping or a sequence of at least two lines
	XML                    // one element and what belongs around it
	Properties             // name=value on every line
	Record                 // a binary record whose fields are known
	Binary
)

var kindNames = [...]string{"absent", "empty", "text", "json", "yaml", "xml", "properties", "record", "binary"}

// String is the name of the kind, in lower case.
func (k Kind) String() string { return kindNames[k] }

// IsText tells whether the data can be shown and edited as it is.
func (k Kind) IsText() bool { return k >= Empty && k <= Properties }

// Value is the data of a znode, understood.
type Value struct {
	Kind   Kind
	Layers []Layer // what it is packed in, outermost first
	Raw    []byte  // as it is stored
	Data   []byte  // unpacked; Raw when there are no layers

	// Summary says in a sentence what the znode of a well-known system means;
	// "" for others.
	Summary string
	// Note says why data is not shown as what it is, "" when it is.
	Note string
	// Fields are those of a Record, in their order.
	Fields []Field
}

// Field is a named part of a binary record.
type Field struct{ Name, Value string }

// Decode finds out what the data of the znode at path is. Nil data is that of
// a znode without any. The Value shares the bytes of data.
func Decode(path string, data []byte) *Value {
	v := &Value{Raw: data, Data: data}
	switch {
	case data == nil:
		v.Kind = Absent
	case len(data) == 0:
		v.Kind = Empty
	default:
		v.unpack()
		v.Kind = kindOf(v.Data)
	}
	v.recognise(path)
	return v
}

// Plain tells whether the data is plain text and there is nothing to say of it.
func (v *Value) Plain() bool {
	return v.Kind.IsText() && len(v.Layers) == 0 && v.Summary == "" && v.Note == ""
}

// Headline says what the data is beside its lines, in one line: the summary,
// the layers, the size of what is binary. "" when there is nothing to say.
func (v *Value) Headline() string {
	var parts []string
	if v.Summary != "" {
		parts = append(parts, v.Summary)
	}
	var names []string
	for _, l := range v.Layers {
		names = append(names, l.String())
	}
	if len(names) > 0 {
		parts = append(parts, strings.Join(names, ", ")+": "+size(len(v.Raw))+", unpacked "+size(len(v.Data)))
	}
	if v.Note != "" {
		parts = append(parts, v.Note)
	}
	if v.Kind == Binary && v.Summary == "" && v.Note == "" {
		text := "binary, " + size(len(v.Data))
		if what := binaryKind(v.Data); what != "" {
			text = what + ", " + size(len(v.Data))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func size(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.Itoa(n) + " bytes"
}

// Lines lays the data out for a person: indented, each part with its role.
// What is absent or empty has no lines.
func (v *Value) Lines() []render.Line {
	switch v.Kind {
	case Absent, Empty:
		return nil
	case JSON:
		return jsonLines(v.Data)
	case XML:
		return xmlLines(v.Data)
	case YAML:
		return eachLine(v.Data, yamlLine)
	case Properties:
		return eachLine(v.Data, propertyLine)
	case Record:
		lines := make([]render.Line, len(v.Fields))
		for i, f := range v.Fields {
			lines[i] = render.Line{{Role: render.Name, Text: f.Name}, {Text: " = "}, {Role: render.Text, Text: f.Value}}
		}
		return lines
	case Binary:
		return eachLine(render.AppendHexDump(nil, v.Data), plainLine)
	}
	return eachLine(v.Data, plainLine)
}

// eachLine lays text out line by line. A line break at its end begins no line.
func eachLine(text []byte, layOut func(string) render.Line) []render.Line {
	var lines []render.Line
	for line := range strings.Lines(string(text)) {
		lines = append(lines, layOut(strings.TrimSuffix(line, "\n")))
	}
	return lines
}

func plainLine(line string) render.Line { return render.Line{{Text: line}} }

// isText tells whether data is UTF-8 without the control characters that no
// text has: all but tab, line feed, form feed, carriage return and escape.
func isText(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	for _, c := range data {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r' && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return true
}
