package repl

import (
	"bytes"
	"context"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// A ScreenRow is a row of a full screen. Its text is visible characters alone;
// what is wider than the window is cut.
type ScreenRow struct {
	Text string
	Bold bool // a heading
	Mark bool // in reverse
}

// A FullScreen is a program that has the whole window for a while, as top has.
// Draw and Key are called from one goroutine, that of RunFullScreen.
type FullScreen struct {
	// Draw returns the rows for a window of that size; more than it has are left
	// out.
	Draw func(cols, rows int) []ScreenRow
	// Key is told each key: a character, or up, down, left, right, pgup, pgdn,
	// home, end, tab, enter, esc, ctrl-c. True ends the program.
	Key func(key string) bool
	// Changed asks for another drawing.
	Changed <-chan struct{}
}

const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leaveScreen = "\x1b[?25h\x1b[?1049l"

	// screenPause is how soon a change of the window's size or the end of the
	// context is noticed.
	screenPause = 100 * time.Millisecond
)

// RunFullScreen shows s on the other screen of the terminal until Key says so,
// ctx ends (its cause) or the terminal is gone. The terminal is then as it was:
// modes, cursor and what was on it. In windows that are too small it shows what
// fits.
func RunFullScreen(ctx context.Context, in, out *os.File, s FullScreen) (err error) {
	t, err := openTerminal(in, out)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.raw(); err != nil {
		return err
	}
	defer func() {
		if _, e := out.WriteString(leaveScreen); err == nil {
			err = e
		}
		if e := t.restore(); err == nil {
			err = e
		}
	}()
	if _, err := out.WriteString(enterScreen); err != nil {
		return err
	}
	cols, rows := 0, 0
	var keys [256]byte
	for {
		c, r := windowSize(out)
		resized := c != cols || r != rows
		cols, rows = c, r
		changed := resized
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.Changed:
			changed = true
		default:
		}
		if changed {
			if _, err := out.Write(frame(s.Draw(cols, rows), cols, rows, resized)); err != nil {
				return err
			}
		}
		n, err := t.read(keys[:], screenPause)
		if err != nil {
			return err
		}
		for _, key := range keyNames(keys[:n]) {
			if s.Key(key) {
				return nil
			}
		}
		if n > 0 {
			if _, err := out.Write(frame(s.Draw(cols, rows), cols, rows, false)); err != nil {
				return err
			}
		}
	}
}

// frame is what draws rows over the whole window: each padded to its width, so
// that nothing of the frame before stays.
func frame(list []ScreenRow, cols, rows int, clear bool) []byte {
	var b bytes.Buffer
	b.WriteString("\x1b[H")
	if clear {
		b.WriteString("\x1b[2J\x1b[H")
	}
	for i := range min(len(list), rows) {
		if i > 0 {
			b.WriteString("\r\n")
		}
		text := fit(list[i].Text, cols)
		switch {
		case list[i].Mark:
			b.WriteString("\x1b[7m" + text + "\x1b[0m")
		case list[i].Bold:
			b.WriteString("\x1b[1m" + text + "\x1b[0m")
		default:
			b.WriteString(text)
		}
	}
	if len(list) < rows {
		if len(list) > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("\x1b[J")
	}
	return b.Bytes()
}

// fit cuts or pads text to a width in columns.
func fit(text string, cols int) string {
	text = displaywidth.TruncateString(text, cols, "")
	return text + strings.Repeat(" ", cols-displaywidth.String(text))
}

// escapes are the keys that send more than a character.
var escapes = map[string]string{
	"[A": "up", "[B": "down", "[C": "right", "[D": "left", "OA": "up", "OB": "down", "OC": "right", "OD": "left",
	"[5~": "pgup", "[6~": "pgdn", "[H": "home", "[F": "end", "OH": "home", "OF": "end", "[1~": "home", "[4~": "end",
}

// keyNames are the keys in what a terminal has sent. A sequence it does not
// know is no key.
func keyNames(b []byte) []string {
	var names []string
	for len(b) > 0 {
		switch c := b[0]; {
		case c == 0x1b && len(b) > 2 && (b[1] == '[' || b[1] == 'O'):
			end := 2
			for end < len(b)-1 && (b[end] < 0x40 || b[end] > 0x7e) {
				end++
			}
			if name, ok := escapes[string(b[1:end+1])]; ok {
				names = append(names, name)
			}
			b = b[end+1:]
			continue
		case c == 0x1b:
			names = append(names, "esc")
		case c == 0x03:
			names = append(names, "ctrl-c")
		case c == '\t':
			names = append(names, "tab")
		case c == '\r' || c == '\n':
			names = append(names, "enter")
		case c >= ' ' && c != 0x7f:
			_, n := utf8.DecodeRune(b)
			names = append(names, string(b[:n]))
			b = b[n:]
			continue
		}
		b = b[1:]
	}
	return names
}
