package value

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"zookit/shell/render"
)

// checkYAML says what is wrong with YAML; the library's message has the line.
// Aliases are not followed, so that no bomb goes off.
func checkYAML(data []byte) (err error) {
	defer func() {
		// The library reports most of what it dislikes by panics of its own
		// and recovers them; one it forgets shall not end the shell.
		if v := recover(); v != nil {
			err = fmt.Errorf("the YAML cannot be read: %v", v)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
		}
	}
}

// maxYAML bounds what is tried as YAML, in bytes.
const maxYAML = 1 << 20

var (
	yamlBegins = regexp.MustCompile(`^(---|- \S|"?[\w./-]+"?:(\s|$))`)
	yamlScalar = regexp.MustCompile(`^(-?[0-9][0-9_.]*([eE][-+]?[0-9]+)?|0x[0-9a-fA-F]+)$`)
	yamlName   = regexp.MustCompile(`^(\s*(?:- +)*)([^\s#:'"{\[&*!|>%@][^#:]*|"[^"]*"|'[^']*')(:)(\s.*)?$`)
)

// isYAML tells whether text is a mapping or a sequence of at least two lines
// that a YAML reader takes. A single "name: value" is as likely a sentence.
func isYAML(data []byte) bool {
	if len(data) > maxYAML || !bytes.ContainsRune(bytes.TrimSpace(data), '\n') {
		return false
	}
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, " \t\r\n")
		if len(line) == 0 || line[0] == '#' || line[0] == '%' {
			continue
		}
		return yamlBegins.Match(line) && checkYAML(data) == nil
	}
	return false
}

// yamlLine sets names, values and comments off; the layout is the author's.
func yamlLine(line string) render.Line {
	trimmed := strings.TrimLeft(line, " \t")
	if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "---") {
		return render.Line{{Role: render.Comment, Text: line}}
	}
	if m := yamlName.FindStringSubmatch(line); m != nil {
		out := render.Line{{Text: m[1]}, {Role: render.Name, Text: m[2]}, {Text: m[3]}}
		return appendYAMLValue(out, m[4])
	}
	rest := strings.TrimLeft(trimmed, "- ")
	head := line[:len(line)-len(rest)]
	return appendYAMLValue(render.Line{{Text: head}}, rest)
}

func appendYAMLValue(line render.Line, text string) render.Line {
	comment := ""
	if i := strings.Index(text, " #"); i >= 0 && !strings.ContainsAny(text[:i], `"'`) {
		text, comment = text[:i], text[i:]
	}
	value := strings.TrimSpace(text)
	role := render.Text
	switch {
	case yamlScalar.MatchString(value):
		role = render.Number
	case value == "true" || value == "false" || value == "null" || value == "~":
		role = render.Word
	}
	if text != "" {
		line = append(line, render.Span{Role: role, Text: text})
	}
	if comment != "" {
		line = append(line, render.Span{Role: render.Comment, Text: comment})
	}
	return line
}
