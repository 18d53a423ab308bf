package value

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"zookit/shell/render"
)

// checkXML says in which line XML is wrong: it is one element, its tags match.
func checkXML(data []byte) error {
	d := newXMLDecoder(data)
	elements, depth := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("line %d: %s", syntax.Line, syntax.Msg)
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				elements++
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return errors.New("there is text outside the element")
			}
		}
	}
	if elements != 1 {
		return fmt.Errorf("it has %d elements at the top, not one", elements)
	}
	return nil
}

// newXMLDecoder reads what is in UTF-8 already, whatever it says it is.
func newXMLDecoder(data []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return d
}

// xmlLines lays out valid XML that stands on one line, an element a line, and
// colours what has lines of its own already.
func xmlLines(data []byte) []render.Line {
	pieces := xmlPieces(data)
	if bytes.ContainsRune(bytes.TrimSpace(data), '\n') {
		return xmlAsWritten(pieces)
	}
	return xmlIndented(pieces, maxGrowth*len(data)+maxSlack, data)
}

// xmlPiece is a token as it stands in the data.
type xmlPiece struct {
	text string
	kind byte // 's' a start tag, 'e' an end tag, 'c' text, 'o' anything else
}

func xmlPieces(data []byte) []xmlPiece {
	d := newXMLDecoder(data)
	var pieces []xmlPiece
	for {
		begin := d.InputOffset()
		token, err := d.RawToken()
		if err != nil {
			return pieces
		}
		kind := byte('o')
		switch token.(type) {
		case xml.StartElement:
			kind = 's'
		case xml.EndElement:
			kind = 'e'
		case xml.CharData:
			kind = 'c'
		}
		// The end tag that <a/> stands for takes no bytes.
		pieces = append(pieces, xmlPiece{string(data[begin:d.InputOffset()]), kind})
	}
}

func (p xmlPiece) role() render.Role {
	switch p.kind {
	case 'c':
		return render.Text
	case 'o':
		return render.Comment
	}
	return render.Name
}

func xmlAsWritten(pieces []xmlPiece) []render.Line {
	var lines []render.Line
	var line render.Line
	for _, p := range pieces {
		for i, part := range strings.Split(p.text, "\n") {
			if i > 0 {
				lines, line = append(lines, line), nil
			}
			if part != "" {
				line = append(line, render.Span{Role: p.role(), Text: part})
			}
		}
	}
	if line != nil {
		lines = append(lines, line)
	}
	return lines
}

// xmlIndented puts an element on a line; one that holds text alone stays
// whole. Data whose layout has more than limit bytes stays as it stands.
func xmlIndented(pieces []xmlPiece, limit int, data []byte) []render.Line {
	var lines []render.Line
	var line render.Line
	depth, bytes := 0, 0
	begin := func() {
		if line != nil {
			lines = append(lines, line)
		}
		indent := strings.Repeat("  ", min(depth, maxIndent))
		bytes += len(indent) + 1
		line = render.Line{}
		if indent != "" {
			line = append(line, render.Span{Text: indent})
		}
	}
	for i, p := range pieces {
		if bytes += len(p.text); bytes > limit {
			return eachLine(data, plainLine)
		}
		if p.kind == 'e' {
			depth--
		}
		switch {
		case p.text == "":
			continue
		case p.kind == 'c' && strings.TrimSpace(p.text) == "":
			continue
		case p.kind == 'c', p.kind == 'e' && i > 0 && (pieces[i-1].kind == 'c' && strings.TrimSpace(pieces[i-1].text) != "" || pieces[i-1].kind == 's'):
		default:
			begin()
		}
		line = append(line, render.Span{Role: p.role(), Text: p.text})
		if p.kind == 's' {
			depth++
		}
	}
	if line != nil {
		lines = append(lines, line)
	}
	return lines
}
