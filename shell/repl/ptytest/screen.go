package ptytest

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	runewidth "github.com/mattn/go-runewidth"
)

// Screen is what somebody in front of a terminal sees. It knows the few control sequences the shell sends, wraps
// long rows and scrolls.
type Screen struct {
	cols, rows int
	cells      [][]rune // a wide character fills its second cell with 0
	x, y       int
	rest       []byte // an unfinished sequence
	unknown    []string
	other      *Screen // what was there before a full-screen program; nil when there is none
}

// NewScreen returns a blank screen.
func NewScreen(cols, rows int) *Screen {
	s := &Screen{cols: cols, rows: rows}
	s.clear()
	return s
}

func (s *Screen) clear() {
	s.cells = nil
	for range s.rows {
		s.cells = append(s.cells, blankRow(s.cols))
	}
}

func blankRow(cols int) []rune { return []rune(strings.Repeat(" ", cols)) }

// String is what is to be seen, without blanks at the ends of rows and without blank rows at the end.
func (s *Screen) String() string {
	var b strings.Builder
	for _, row := range s.cells {
		b.WriteString(strings.TrimRight(strings.ReplaceAll(string(row), "\x00", ""), " "))
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

// Write draws what a program has written. It takes everything and never fails.
func (s *Screen) Write(b []byte) (int, error) {
	s.rest = append(s.rest, b...)
	for len(s.rest) > 0 {
		n := s.step(s.rest)
		if n == 0 {
			break
		}
		s.rest = s.rest[n:]
	}
	return len(b), nil
}

// step takes one character or sequence and returns its length, 0 when it is unfinished.
func (s *Screen) step(b []byte) int {
	switch c := b[0]; {
	case c == '\r':
		s.x = 0
	case c == '\n':
		s.down()
	case c == '\b':
		s.x = max(s.x-1, 0)
	case c == '\a':
	case c == 0x1b:
		return s.escape(b)
	case c < ' ':
		s.unknown = append(s.unknown, strconv.Quote(string(c)))
	default:
		if !utf8.FullRune(b) {
			return 0
		}
		r, n := utf8.DecodeRune(b)
		s.put(r)
		return n
	}
	return 1
}

func (s *Screen) put(r rune) {
	w := runewidth.RuneWidth(r)
	if w == 0 {
		return // it belongs to the character before
	}
	if s.x+w > s.cols {
		s.x = 0
		s.down()
	}
	s.cells[s.y][s.x] = r
	if w == 2 {
		s.cells[s.y][s.x+1] = 0
	}
	s.x += w
}

func (s *Screen) down() {
	if s.y < s.rows-1 {
		s.y++
		return
	}
	s.cells = append(s.cells[1:], blankRow(s.cols))
}

func (s *Screen) up() {
	if s.y > 0 {
		s.y--
		return
	}
	s.cells = append([][]rune{blankRow(s.cols)}, s.cells[:s.rows-1]...)
}

func (s *Screen) escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case 'D':
		s.down()
		return 2
	case 'M':
		s.up()
		return 2
	case '(', ')': // a character set
		if len(b) < 3 {
			return 0
		}
		return 3
	case ']': // the title of the window, up to a bell
		return bytes.IndexByte(b, '\a') + 1
	case '[':
	default:
		s.unknown = append(s.unknown, strconv.Quote(string(b[:2])))
		return 2
	}
	end := 2
	for end < len(b) && (b[end] < 0x40 || b[end] > 0x7e) {
		end++
	}
	if end == len(b) {
		return 0
	}
	arg := string(b[2:end])
	n, err := strconv.Atoi(arg)
	if err != nil || n == 0 {
		n = 1
	}
	x := min(s.x, s.cols-1)
	switch final := b[end]; {
	case final == 'A':
		s.y = max(s.y-n, 0)
	case final == 'B':
		s.y = min(s.y+n, s.rows-1)
	case final == 'C':
		s.x = min(x+n, s.cols-1)
	case final == 'D':
		s.x = max(x-n, 0)
	case final == 'H' && arg == "":
		s.x, s.y = 0, 0
	case final == 'J' && arg == "2":
		s.clear()
	case final == 'J' && arg == "":
		copy(s.cells[s.y][x:], blankRow(s.cols-x))
		for y := s.y + 1; y < s.rows; y++ {
			s.cells[y] = blankRow(s.cols)
		}
	case final == 'K' && arg == "":
		copy(s.cells[s.y][x:], blankRow(s.cols-x))
	case final == 'h' && arg == "?1049":
		if s.other == nil {
			before := *s
			s.other = &before
		}
		s.clear()
		s.x, s.y = 0, 0
	case final == 'l' && arg == "?1049":
		if before := s.other; before != nil {
			s.cells, s.x, s.y, s.other = before.cells, before.x, before.y, nil
		}
	case final == 'm', final == 'h', final == 'l':
	default:
		s.unknown = append(s.unknown, strconv.Quote(string(b[:end+1])))
	}
	return end + 1
}
