// Package properties reads files in the format of java.util.Properties, which
// ZooKeeper's client configuration and dynamic configuration have.
//
// The format, as Properties.load of Java 17 documents it: one pair a logical
// line; the key ends at the first "=", ":" or blank that is not escaped; lines
// whose first character is "#" or "!" are comments; a backslash at the end of a
// line joins the next one, whose leading blanks are dropped; \t \n \r \f \uXXXX
// are characters and any other escaped character is itself.
package properties

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Pair is a key with its value and the line it begins on, from 1.
type Pair struct {
	Key, Value string
	Line       int
}

// Read reads all pairs in the order of the file, repeated keys included. A
// file longer than limit bytes is an error.
func Read(r io.Reader, limit int) ([]Pair, error) {
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(text) > limit {
		return nil, fmt.Errorf("it is longer than %d bytes", limit)
	}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n")
	var pairs []Pair
	for i := 0; i < len(lines); i++ {
		line := strings.TrimLeft(lines[i], " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		start := i + 1
		for continued(line) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimLeft(lines[i], " \t\f")
		}
		if continued(line) {
			line = line[:len(line)-1]
		}
		key, value := split(line)
		p := Pair{Line: start}
		if p.Key, err = unescape(key); err == nil {
			p.Value, err = unescape(value)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", start, err)
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// continued tells whether a line ends in an odd number of backslashes.
func continued(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

// split finds the end of the key; blanks around one "=" or ":" belong to
// neither side.
func split(line string) (key, value string) {
	end := len(line)
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
		} else if strings.IndexByte("=: \t\f", line[i]) >= 0 {
			end = i
			break
		}
	}
	key, value = line[:end], strings.TrimLeft(line[end:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return key, value
}

func unescape(text string) (string, error) {
	if strings.IndexByte(text, '\\') < 0 {
		return text, nil
	}
	var b strings.Builder
	var units []uint16 // \uXXXX in a row, which may form surrogate pairs
	flush := func() {
		b.WriteString(string(utf16.Decode(units)))
		units = units[:0]
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' || i+1 == len(text) {
			flush()
			b.WriteByte(c)
			continue
		}
		i++
		if text[i] == 'u' {
			if i+4 >= len(text) {
				return "", fmt.Errorf(`\u needs four hexadecimal digits`)
			}
			v, err := strconv.ParseUint(text[i+1:i+5], 16, 16)
			if err != nil {
				return "", fmt.Errorf(`\u%s is no character`, text[i+1:i+5])
			}
			units = append(units, uint16(v))
			i += 4
			continue
		}
		flush()
		switch text[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		default:
			b.WriteByte(text[i])
		}
	}
	flush()
	return b.String(), nil
}
