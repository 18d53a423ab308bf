package repl

import (
	"bytes"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A stroke is what go-prompt is given at once: the bytes of one key it knows, a run of printable text, or one of
// the private codes below, which no terminal can send because decode never lets a zero byte through.
type stroke string

const (
	strokeEnter     stroke = "\r"
	strokeInterrupt stroke = "\x03"
	strokeEOF       stroke = "\x04"
	strokeBell      stroke = "\x07" // Ctrl-G: leaves the search
	strokeTab       stroke = "\t"
	strokeBackTab   stroke = "\x1b[Z"
	strokeUp        stroke = "\x1b[A"
	strokeDown      stroke = "\x1b[B"
	strokeRight     stroke = "\x1b[C"
	strokeLeft      stroke = "\x1b[D"
	strokeHome      stroke = "\x1b[1~"
	strokeEnd       stroke = "\x1b[4~"
	strokeDelete    stroke = "\x1b[3~"
	strokeSearch    stroke = "\x12"
	strokeBackspace stroke = "\x7f"
	strokeEscape    stroke = "\x1b"

	strokeWordLeft    stroke = "\x00b"
	strokeWordRight   stroke = "\x00f"
	strokeDeleteWord  stroke = "\x00d" // the word after the cursor
	strokeEraseWord   stroke = "\x00w" // the word before the cursor
	strokeRefresh     stroke = "\x00r" // draw again, ask for suggestions again
	strokeAccept      stroke = "\x00a" // take the selected suggestion
	strokeSetLine     stroke = "\x00l" // the line becomes what the search says
	strokeStartSearch stroke = "\x00s"
	strokeRecall      stroke = "\x00g"     // Alt-W: the line becomes Options.Recall and is run
	strokeEndInput    stroke = "\x1b[$;2~" // go-prompt's F24: a key it passes to the exit checker
	maxPaste                 = 4 << 20     // bytes of one bracketed paste that are awaited before it is used
	maxEscape                = 32          // bytes of an escape sequence before it is given up
	pasteEnd                 = "\x1b[201~"
	bracketedPasteOn         = "\x1b[?2004h"
	bracketedPasteOff        = "\x1b[?2004l"
)

// text tells whether the stroke is a run of printable characters.
func (s stroke) text() bool {
	return s != "" && s[0] >= ' ' && s != strokeBackspace
}

// decoder cuts the bytes of a terminal into strokes. It never splits a UTF-8 sequence or an escape sequence, and
// it drops what has no meaning here, so that no control character gets into a line.
type decoder struct {
	in      []byte
	crlf    bool // the last byte was \r: a \n belongs to it
	paste   bool // inside a bracketed paste
	body    int  // bytes at the beginning of in that are known to be pasted
	scanned int  // bytes of in that were searched for the end of the paste
}

// feed adds bytes as they were read.
func (d *decoder) feed(b []byte) { d.in = append(d.in, b...) }

// discard forgets what was typed ahead.
func (d *decoder) discard() { *d = decoder{} }

// interrupted tells whether a Ctrl-C was typed ahead, and forgets everything before it.
func (d *decoder) interrupted() bool {
	if d.paste || d.body > 0 || bytes.Contains(d.in, []byte(pasteStart)) {
		return false
	}
	i := bytes.LastIndexByte(d.in, strokeInterrupt[0])
	if i >= 0 {
		d.in = d.in[i+1:]
	}
	return i >= 0
}

const pasteStart = "\x1b[200~"

// next returns the next stroke, or "" when more bytes are needed. With final no more will come soon, and an
// unfinished sequence is taken as it is.
func (d *decoder) next(final bool) stroke {
	for len(d.in) > 0 {
		if d.crlf && d.in[0] == '\n' {
			d.take(1)
			d.crlf = false
			continue
		}
		if d.paste || d.body > 0 {
			s, more := d.nextPasted(final)
			if s != "" || more {
				return s
			}
			continue
		}
		s, n := decode(d.in, final)
		if n == 0 {
			return ""
		}
		d.crlf = d.in[0] == '\r'
		d.in = d.in[n:]
		if s == pasteStart {
			d.paste = true
			continue
		}
		if s != "" {
			return s
		}
	}
	return ""
}

// line takes a whole line, should one be there with nothing but text in it: of a paste, or typed ahead.
func (d *decoder) line() (string, bool) {
	ahead := *d
	var text strings.Builder
	for {
		switch s := ahead.next(false); {
		case s == strokeEnter:
			*d = ahead
			return text.String(), true
		case s.text() && text.Len()+len(s) <= maxLine:
			text.WriteString(string(s))
		default:
			return "", false
		}
	}
}

// nextPasted returns the next stroke of a paste: a run of text or the end of a line. Nothing is used before the
// whole paste is there: the rest of it would be read by a command, and echoed by the terminal. When the end does not
// come, what is there is used as a paste and what follows is not.
func (d *decoder) nextPasted(final bool) (s stroke, more bool) {
	if d.body == 0 {
		from := max(d.scanned-len(pasteEnd), 0)
		i := bytes.Index(d.in[from:], []byte(pasteEnd))
		switch {
		case i == 0 && from == 0:
			d.in = d.in[len(pasteEnd):]
			d.paste, d.scanned = false, 0
			return "", false
		case i >= 0:
			d.body = from + i
		case final || len(d.in) >= maxPaste:
			d.body = len(d.in)
			d.paste = false
		default:
			d.scanned = len(d.in)
			return "", true
		}
		d.scanned = 0
	}
	body := d.in[:d.body]
	n := 1
	if s = strokeEnter; body[0] == '\r' || body[0] == '\n' {
		d.crlf = body[0] == '\r'
	} else {
		if n = bytes.IndexAny(body, "\r\n"); n < 0 {
			n = len(body)
		}
		d.crlf = false
		s = stroke(printable(strings.ReplaceAll(strings.ToValidUTF8(string(body[:n]), "\uFFFD"), "\t", " ")))
	}
	d.take(n)
	return s, false
}

// take removes n bytes.
func (d *decoder) take(n int) {
	d.in = d.in[n:]
	d.body = max(d.body-n, 0)
}

// printable drops control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// decode returns the first stroke of b and its length; "" with a length is something to ignore, and length 0
// asks for more bytes.
func decode(b []byte, final bool) (stroke, int) {
	switch c := b[0]; {
	case c == '\x1b':
		return decodeEscape(b, final)
	case c == '\n' || c == '\r':
		return strokeEnter, 1
	case c < ' ' || c == 0x7f:
		return controlStroke(c), 1
	}
	n := 0
	for n < len(b) && b[n] >= ' ' && b[n] != 0x7f {
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 && !utf8.FullRune(b[n:]) && !final {
			break
		}
		n += size
	}
	return stroke(printable(strings.ToValidUTF8(string(b[:n]), "\uFFFD"))), n
}

// controlStroke maps a control byte: those go-prompt's Emacs keys know, and ours.
func controlStroke(c byte) stroke {
	const known = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0b\x0c\x0e\x10\x12\x15\x17\x7f"
	if strings.IndexByte(known, c) < 0 {
		return ""
	}
	return stroke(c)
}

// decodeEscape decodes what begins with ESC: CSI (ESC [), SS3 (ESC O), Alt with a character, or ESC alone.
func decodeEscape(b []byte, final bool) (stroke, int) {
	if len(b) == 1 {
		if final {
			return strokeEscape, 1
		}
		return "", 0
	}
	switch b[1] {
	case '[', 'O':
	case 'b':
		return strokeWordLeft, 2
	case 'f':
		return strokeWordRight, 2
	case 'd':
		return strokeDeleteWord, 2
	case 'w':
		return strokeRecall, 2
	case 0x7f, 0x08:
		return strokeEraseWord, 2
	case '\x1b', '\r', '\n', '\x03', '\x04':
		return strokeEscape, 1
	default:
		if !utf8.FullRune(b[1:]) && !final {
			return "", 0
		}
		_, size := utf8.DecodeRune(b[1:])
		return "", 1 + size
	}
	for n := 2; n < len(b); n++ {
		c := b[n]
		if c >= 0x40 && c <= 0x7e && !(b[1] == '[' && n == 2 && c == '[') {
			return escapeStroke(string(b[1 : n+1])), n + 1
		}
		if c < ' ' || c > 0x7e || n >= maxEscape {
			return "", n // broken off: what follows is a key of its own
		}
	}
	if final {
		return "", len(b)
	}
	return "", 0
}

// escapeStroke maps an escape sequence without its ESC. "" is a key without meaning here.
func escapeStroke(seq string) stroke {
	switch seq {
	case "[A", "OA":
		return strokeUp
	case "[B", "OB":
		return strokeDown
	case "[C", "OC":
		return strokeRight
	case "[D", "OD":
		return strokeLeft
	case "[H", "OH", "[1~", "[7~":
		return strokeHome
	case "[F", "OF", "[4~", "[8~":
		return strokeEnd
	case "[3~":
		return strokeDelete
	case "[Z":
		return strokeBackTab
	case "[1;5C", "[1;3C", "[5C", "Oc":
		return strokeWordRight
	case "[1;5D", "[1;3D", "[5D", "Od":
		return strokeWordLeft
	case "[3;5~":
		return strokeDeleteWord
	case "[200~":
		return pasteStart
	}
	return ""
}

// patience is how long to wait for the rest of what is there: for ever when there is nothing, shortly when an ESC
// may be the key of that name, longer when a character or a paste is on its way.
func (d *decoder) patience() time.Duration {
	switch {
	case len(d.in) == 0 && !d.paste:
		return -1
	case len(d.in) > 0 && d.in[0] == '\x1b' && !d.paste:
		return 50 * time.Millisecond
	}
	return time.Second
}
