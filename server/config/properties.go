package config

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// maxFileBytes bounds a configuration file; Apache's own sample is about 1 KiB.
const maxFileBytes = 1 << 20

// A property is one logical line of a Java properties file.
type property struct {
	Key   string
	Value string // the whole value, trimmed as QuorumPeerConfig trims it
	Line  int    // of the first natural line, from 1

	// Comment is the ` # text` that guides print after a value and Java takes as part of it; "" without one.
	// Bare is the value before it.
	Comment string
	Bare    string

	NonASCII bool // raw bytes above 0x7f, which Java reads as ISO 8859-1
}

// parseProperties reads java.util.Properties syntax: '=', ':' or blanks between key and value, '#' and '!' comment
// lines, '\' at the end of a line to continue it, the escapes \t \n \r \f and \uXXXX, and any other escaped character
// for itself. Bytes are ISO 8859-1, as Properties.load(InputStream) reads them.
func parseProperties(file string, text []byte) ([]property, error) {
	if len(text) > maxFileBytes {
		return nil, &Error{File: file, Why: fmt.Sprintf("%d bytes is more than a configuration file may have (%d)", len(text), maxFileBytes), Mend: "give the path of a zoo.cfg"}
	}
	r := lineReader{text: text, line: 1}
	var props []property
	for {
		raw, line, ok := r.next()
		if !ok {
			return props, nil
		}
		p, why := splitProperty(raw)
		if why != "" {
			return props, &Error{File: file, Line: line, Why: why, Mend: `write \u and four hexadecimal digits, or \\ for a backslash`}
		}
		p.Line = line
		props = append(props, p)
	}
}

// lineReader cuts a file into logical lines with their escapes intact.
type lineReader struct {
	text  []byte
	pos   int
	line  int // of pos
	start int // where the logical line begins that next returned
}

// next returns the next logical line that is neither blank nor a comment, and the number of its first natural line.
func (r *lineReader) next() (raw []byte, line int, ok bool) {
	for r.pos < len(r.text) {
		if len(raw) == 0 {
			r.start = r.pos
		}
		r.skipBlanks()
		if len(raw) == 0 {
			line = r.line
			if r.pos < len(r.text) && (r.text[r.pos] == '#' || r.text[r.pos] == '!') {
				r.natural()
				continue
			}
		}
		part := r.natural()
		if continued(part) {
			raw = append(raw, part[:len(part)-1]...)
			continue
		}
		raw = append(raw, part...)
		if len(raw) > 0 {
			return raw, line, true
		}
	}
	return raw, line, len(raw) > 0
}

func (r *lineReader) skipBlanks() {
	for r.pos < len(r.text) && isBlank(r.text[r.pos]) {
		r.pos++
	}
}

// natural returns the rest of the natural line and steps over its end (\n, \r or \r\n).
func (r *lineReader) natural() []byte {
	start := r.pos
	for r.pos < len(r.text) && r.text[r.pos] != '\n' && r.text[r.pos] != '\r' {
		r.pos++
	}
	part := r.text[start:r.pos]
	if r.pos < len(r.text) {
		if r.text[r.pos] == '\r' && r.pos+1 < len(r.text) && r.text[r.pos+1] == '\n' {
			r.pos++
		}
		r.pos++
		r.line++
	}
	return part
}

// continued reports an odd number of backslashes at the end.
func continued(part []byte) bool {
	n := 0
	for n < len(part) && part[len(part)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// splitProperty parts key and value and resolves the escapes; why is "" when both are well formed.
func splitProperty(raw []byte) (p property, why string) {
	keyEnd := 0
	for keyEnd < len(raw) && raw[keyEnd] != '=' && raw[keyEnd] != ':' && !isBlank(raw[keyEnd]) {
		if raw[keyEnd] == '\\' && keyEnd+1 < len(raw) {
			keyEnd++
		}
		keyEnd++
	}
	valueStart, separated := keyEnd, false
	for valueStart < len(raw) {
		c := raw[valueStart]
		if (c == '=' || c == ':') && !separated {
			separated = true
		} else if !isBlank(c) {
			break
		}
		valueStart++
	}
	rawValue := raw[valueStart:]
	if p.Key, why = unescape(raw[:keyEnd]); why != "" {
		return p, why
	}
	if p.Value, why = unescape(rawValue); why != "" {
		return p, why
	}
	p.Key, p.Value = trim(p.Key), trim(p.Value)
	p.Bare = p.Value
	if at := commentStart(rawValue); at >= 0 {
		// Both halves are well formed: the cut never falls inside an escape.
		bare, _ := unescape(rawValue[:at])
		comment, _ := unescape(rawValue[at:])
		p.Bare, p.Comment = trim(bare), trim(comment)
	}
	for _, c := range raw {
		p.NonASCII = p.NonASCII || c > 0x7f
	}
	return p, ""
}

// commentStart finds a '#' that begins the value or follows a blank in it; -1 without one. An escaped \# belongs to the
// value.
func commentStart(rawValue []byte) int {
	for i := 0; i < len(rawValue); i++ {
		switch {
		case rawValue[i] == '\\':
			i++
		case rawValue[i] == '#' && (i == 0 || isBlank(rawValue[i-1])):
			return i
		}
	}
	return -1
}

// trim drops what java.lang.String.trim drops: everything up to U+0020.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

func unescape(raw []byte) (s string, why string) {
	var b strings.Builder
	var high rune // a pending high surrogate from \uD8xx
	put := func(r rune) {
		if high != 0 {
			joined := utf16.DecodeRune(high, r)
			b.WriteRune(joined) // U+FFFD when r is no low surrogate
			lone := joined == '\uFFFD'
			high = 0
			if !lone {
				return
			}
		}
		if r >= 0xd800 && r < 0xdc00 {
			high = r
			return
		}
		b.WriteRune(r)
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			put(rune(raw[i]))
			continue
		}
		i++
		if i == len(raw) {
			break
		}
		switch c := raw[i]; c {
		case 't':
			put('\t')
		case 'n':
			put('\n')
		case 'r':
			put('\r')
		case 'f':
			put('\f')
		case 'u':
			r, ok := hex4(raw[i+1:])
			if !ok {
				return "", `malformed \uXXXX escape`
			}
			put(r)
			i += 4
		default:
			put(rune(c))
		}
	}
	if high != 0 {
		b.WriteRune('\uFFFD')
	}
	return b.String(), ""
}

func hex4(raw []byte) (r rune, ok bool) {
	if len(raw) < 4 {
		return 0, false
	}
	for _, c := range raw[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
