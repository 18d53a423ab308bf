package repl

import (
	"strconv"
	"strings"
	"unicode"

	prompt "github.com/c-bata/go-prompt"
)

// writer is our prompt.ConsoleWriter: it collects what go-prompt draws and puts it on the screen through the
// Printer. go-prompt draws two things, told apart by the calls they consist of:
//
//   - a frame (Render): moves to the first column of the prompt, HideCursor, prompt, line, drop-down, ShowCursor, Flush;
//   - the end of a line (BreakLine): moves to the same place, EraseDown, prompt, line, newline, Flush.
//
// go-prompt's own moves at the beginning of both are ignored, since they go wrong when the prompt's text or the
// width has changed in between; the Printer knows where the cursor is. It is used by one goroutine.
type writer struct {
	printer *Printer
	colour  bool
	drawn   func(completes bool) // after a frame
	buf     []byte
	frame   bool    // between HideCursor and Flush
	shown   bool    // ShowCursor was called: the frame is whole
	erase   bool    // EraseDown outside a frame
	clear   bool    // the screen was cleared (Ctrl-L)
	mute    bool    // the end of the line is not to be seen: it goes on
	selects bool    // a suggestion is drawn as selected
	styled  bool    // a colour or reverse video is on
	cursor  Printer // x and y while a frame is composed
}

var _ prompt.ConsoleWriter = (*writer)(nil)

// Flush puts on the screen what was collected.
func (w *writer) Flush() error {
	defer func() { w.buf, w.frame, w.shown, w.erase, w.clear = w.buf[:0], false, false, false, false }()
	switch {
	case w.frame && w.shown:
		err := w.printer.draw(w.buf, w.cursor.x, w.cursor.y)
		w.drawn(w.selects)
		return err
	case w.clear:
		return w.printer.cleared()
	case w.erase && !w.mute && len(w.buf) > 0:
		return w.printer.endLine(w.buf)
	}
	return nil
}

// WriteRaw writes bytes as they are.
func (w *writer) WriteRaw(data []byte) {
	w.buf = append(w.buf, data...)
	if w.frame {
		w.cursor.advance(data)
	}
}

// Write writes text; control characters in it are shown as question marks.
func (w *writer) Write(data []byte) { w.WriteStr(string(data)) }

// WriteRawStr writes text as it is.
func (w *writer) WriteRawStr(data string) { w.WriteRaw([]byte(data)) }

// WriteStr writes text; control characters in it are shown as question marks.
func (w *writer) WriteStr(data string) {
	w.WriteRaw([]byte(strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return '?'
		}
		return r
	}, data)))
}

// EraseScreen is go-prompt's Ctrl-L: the screen is cleared.
func (w *writer) EraseScreen() { w.clear = true }

// EraseDown erases what is below and right of the cursor.
func (w *writer) EraseDown() {
	if !w.frame {
		w.erase = true
		return
	}
	w.buf = append(w.buf, eraseDown...)
}

// EraseUp, EraseStartOfLine, EraseEndOfLine and EraseLine are not used by go-prompt's renderer.
func (w *writer) EraseUp()          { w.sequence("1J") }
func (w *writer) EraseStartOfLine() { w.sequence("1K") }
func (w *writer) EraseEndOfLine()   { w.sequence("K") }
func (w *writer) EraseLine()        { w.sequence("2K") }

// HideCursor begins a frame.
func (w *writer) HideCursor() {
	w.buf = append(w.buf[:0], hideCursor...)
	w.frame, w.shown, w.mute, w.selects = true, false, false, false
	w.cursor.x, w.cursor.y, w.cursor.cols = 0, 0, w.printer.width()
}

// ShowCursor ends a frame.
func (w *writer) ShowCursor() {
	w.buf = append(w.buf, showCursor...)
	w.shown = true
}

// CursorGoTo moves to a place of the screen; go-prompt does so only after clearing it.
func (w *writer) CursorGoTo(int, int) {}

// CursorUp moves the cursor up n rows.
func (w *writer) CursorUp(n int) { w.move(0, -n) }

// CursorDown moves the cursor down n rows.
func (w *writer) CursorDown(n int) { w.move(0, n) }

// CursorForward moves the cursor right n columns.
func (w *writer) CursorForward(n int) { w.move(n, 0) }

// CursorBackward moves the cursor left n columns.
func (w *writer) CursorBackward(n int) { w.move(-n, 0) }

// move moves the cursor in a frame.
func (w *writer) move(x, y int) {
	if !w.frame {
		return
	}
	w.cursor.x, w.cursor.y = max(w.cursor.x+x, 0), max(w.cursor.y+y, 0)
	for _, m := range []struct {
		n    int
		code string
	}{{-y, "A"}, {y, "B"}, {x, "C"}, {-x, "D"}} {
		if m.n > 0 {
			w.sequence(strconv.Itoa(m.n) + m.code)
		}
	}
}

// AskForCPR, SaveCursor and UnSaveCursor are not used by go-prompt's renderer.
func (w *writer) AskForCPR()    {}
func (w *writer) SaveCursor()   { w.sequence("s") }
func (w *writer) UnSaveCursor() { w.sequence("u") }

// ScrollDown moves down a row, scrolling at the bottom of the screen.
func (w *writer) ScrollDown() {
	w.buf = append(w.buf, "\x1bD"...)
	w.cursor.y++
}

// ScrollUp moves up a row.
func (w *writer) ScrollUp() {
	w.buf = append(w.buf, "\x1bM"...)
	w.cursor.y = max(w.cursor.y-1, 0)
}

// SetTitle does nothing: the title of the window is not ours.
func (w *writer) SetTitle(string) {}

// ClearTitle does nothing: the title of the window is not ours.
func (w *writer) ClearTitle() {}

// SetColor chooses colours. go-prompt asks for bold exactly where it draws the selected suggestion; without
// colour that one is shown in reverse video.
func (w *writer) SetColor(fg, bg prompt.Color, bold bool) {
	w.selects = w.selects || bold
	plain := !bold && (!w.colour || fg == prompt.DefaultColor && bg == prompt.DefaultColor)
	if plain && !w.styled {
		return
	}
	w.styled = !plain
	switch {
	case plain:
		w.sequence("0m")
	case !w.colour:
		w.sequence("7m")
	case bold:
		w.sequence("0;1;" + colourCode(fg, 30) + ";" + colourCode(bg, 40) + "m")
	default:
		w.sequence("0;" + colourCode(fg, 30) + ";" + colourCode(bg, 40) + "m")
	}
}

// colourCode is the number of a colour in an SGR sequence; base is 30 for text and 40 for background.
func colourCode(c prompt.Color, base int) string {
	switch {
	case c >= prompt.DarkGray:
		return strconv.Itoa(base + 60 + int(c-prompt.DarkGray))
	case c >= prompt.Black:
		return strconv.Itoa(base + int(c-prompt.Black))
	}
	return strconv.Itoa(base + 9)
}

// sequence appends a control sequence.
func (w *writer) sequence(s string) {
	w.buf = append(w.buf, "\x1b["...)
	w.buf = append(w.buf, s...)
}
