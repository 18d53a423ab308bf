package value

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"

	"zookit/shell/render"
)

// kindOf looks at unpacked data that is not empty.
func kindOf(data []byte) Kind {
	if !isText(data) {
		return Binary
	}
	begin := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(begin) == 0:
		return Text
	case (begin[0] == '{' || begin[0] == '[') && json.Valid(data):
		return JSON
	case begin[0] == '<' && checkXML(data) == nil:
		return XML
	case isProperties(data):
		return Properties
	case isYAML(data):
		return YAML
	}
	return Text
}

// Check tells what is wrong with data that is to be of the kind, with its
// line; nil for the kinds that cannot be wrong.
func (k Kind) Check(data []byte) error {
	switch k {
	case JSON:
		return checkJSON(data)
	case YAML:
		return checkYAML(data)
	case XML:
		return checkXML(data)
	}
	return nil
}

// isProperties tells whether every line that is neither blank nor a comment is
// name=value with a name of letters, digits and . _ - / : and there is one.
func isProperties(data []byte) bool {
	found := false
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' || line[0] == '!' {
			continue
		}
		name, _, ok := bytes.Cut(line, []byte("="))
		name = bytes.TrimRight(name, " \t")
		if !ok || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return !isNameRune(r) }) {
			return false
		}
		found = true
	}
	return found
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/:", r)
}

// propertyLine sets the name of a property off from its value.
func propertyLine(line string) render.Line {
	trimmed := strings.TrimLeft(line, " \t")
	if trimmed == "" || trimmed[0] == '#' || trimmed[0] == '!' {
		return render.Line{{Role: render.Comment, Text: line}}
	}
	name, value, _ := strings.Cut(line, "=")
	return render.Line{{Role: render.Name, Text: name}, {Text: "="}, {Role: render.Text, Text: value}}
}

// binaryKind names what begins with a well-known mark and is not unpacked here.
func binaryKind(data []byte) string {
	for _, m := range []struct{ mark, name string }{
		{"\xac\xed\x00\x05", "a serialised Java object"},
		{"\x04\x22\x4d\x18", "LZ4 frame"},
		{"BZh", "bzip2"},
		{"\xfd7zXZ\x00", "xz"},
		{"PK\x03\x04", "a zip archive"},
		{"\x89PNG\r\n", "a PNG image"},
		{"Obj\x01", "Avro"},
	} {
		if bytes.HasPrefix(data, []byte(m.mark)) {
			return m.name
		}
	}
	if len(data) == 4 || len(data) == 8 {
		return "binary (as a number " + number(data) + ")"
	}
	return ""
}

// number reads four or eight bytes as Java's DataOutputStream writes them.
func number(data []byte) string {
	if len(data) == 4 {
		return itoa(int64(int32(binary.BigEndian.Uint32(data))))
	}
	return itoa(int64(binary.BigEndian.Uint64(data)))
}
