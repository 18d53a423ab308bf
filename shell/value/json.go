package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zookit/shell/render"
)

const (
	// maxIndent bounds the levels that are indented; deeper ones stay at the
	// last one's column.
	maxIndent = 32
	// maxGrowth and maxSlack bound how much longer than the data, in bytes, its
	// layout may be: text of many levels and few bytes is left as it stands.
	maxGrowth, maxSlack = 4, 64 << 10
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// checkJSON says in which line JSON is wrong.
func checkJSON(data []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := min(max(int(syntax.Offset)-1, 0), len(data))
		line := bytes.Count(data[:at], []byte("\n")) + 1
		column := at - bytes.LastIndexByte(data[:at], '\n')
		return fmt.Errorf("line %d, column %d: %s", line, column, syntax.Error())
	}
	return err
}

// jsonLayout lays out valid JSON, two blanks a level. Numbers, escapes, the
// order of names and repeated names stay as they are.
type jsonLayout struct {
	data  []byte
	at    int
	lines []render.Line
	line  render.Line
	depth int
	bytes int // laid out so far
}

// jsonLines lays out valid JSON; what its layout would make too long stays as
// it stands.
func jsonLines(data []byte) []render.Line {
	l := jsonLayout{data: data}
	for l.at < len(data) {
		l.token()
		if l.bytes > maxGrowth*len(data)+maxSlack {
			return eachLine(data, plainLine)
		}
	}
	return append(l.lines, l.line)
}

func (l *jsonLayout) put(role render.Role, text string) {
	l.bytes += len(text)
	l.line = append(l.line, render.Span{Role: role, Text: text})
}

// breakLine begins a line at the current level.
func (l *jsonLayout) breakLine() {
	l.lines = append(l.lines, l.line)
	indent := strings.Repeat("  ", min(l.depth, maxIndent))
	l.line = nil
	l.bytes++
	if indent != "" {
		l.put(render.Plain, indent)
	}
}

func (l *jsonLayout) token() {
	c := l.data[l.at]
	switch c {
	case ' ', '\t', '\r', '\n':
		l.at++
	case '{', '[':
		l.at++
		if next := l.next(); next == '}' || next == ']' {
			l.put(render.Plain, string(c)+string(next))
			l.at++
			return
		}
		l.put(render.Plain, string(c))
		l.depth++
		l.breakLine()
	case '}', ']':
		l.at++
		l.depth--
		l.breakLine()
		l.put(render.Plain, string(c))
	case ',':
		l.at++
		l.put(render.Plain, ",")
		l.breakLine()
	case ':':
		l.at++
		l.put(render.Plain, ": ")
	case '"':
		text := l.quoted()
		role := render.Text
		if l.next() == ':' {
			role = render.Name
		}
		l.put(role, text)
	default:
		text := l.literal()
		role := render.Number
		if c == 't' || c == 'f' || c == 'n' {
			role = render.Word
		}
		l.put(role, text)
	}
}

// next skips blanks and tells the byte behind them, 0 at the end.
func (l *jsonLayout) next() byte {
	for l.at < len(l.data) && strings.IndexByte(" \t\r\n", l.data[l.at]) >= 0 {
		l.at++
	}
	if l.at == len(l.data) {
		return 0
	}
	return l.data[l.at]
}

// quoted takes a string with its quotation marks.
func (l *jsonLayout) quoted() string {
	begin := l.at
	for l.at++; l.at < len(l.data) && l.data[l.at] != '"'; l.at++ {
		if l.data[l.at] == '\\' {
			l.at++
		}
	}
	l.at = min(l.at+1, len(l.data))
	return string(l.data[begin:l.at])
}

// literal takes a number or a word.
func (l *jsonLayout) literal() string {
	begin := l.at
	for l.at < len(l.data) && strings.IndexByte(" \t\r\n,]}:", l.data[l.at]) < 0 {
		l.at++
	}
	return string(l.data[begin:l.at])
}
