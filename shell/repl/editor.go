package repl

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	prompt "github.com/c-bata/go-prompt"
	runewidth "github.com/mattn/go-runewidth"

	"zookit/shell/complete"
)

const (
	// maxDropDown is the height of the drop-down in rows, in a window that is high enough.
	maxDropDown = 10
	// minDropDown is the width in columns below which none is drawn (go-prompt panics with too little room).
	minDropDown = 12
	// wordBreaks end what go-prompt takes for the word being completed.
	wordBreaks = " /"

	interruptHint = "(the line is cleared; Ctrl-D or quit ends the shell)\n"
)

// editor reads lines on a terminal with go-prompt.
type editor struct {
	o       Options
	parser  *parser
	writer  *writer
	prompt  *prompt.Prompt
	search  *search
	history history             // the one in use; its lines are those of search
	resting map[string][]string // the lines of the others, by their files
	warned  bool                // about a history file

	// Used in go-prompt's goroutine, which is the one that calls readLine.
	prefix  string // the prompt as last asked for
	entered bool   // Enter ended the line
	ahead   bool   // go-prompt's history is not that of search
	shown   shown
}

// shown is what the drop-down was last made from.
type shown struct {
	line        string
	pos         int
	suggestions []prompt.Suggest
	mends       map[string]complete.Suggestion // by what go-prompt inserts in their place
	awaited     bool                           // a Tab came before them, and is to choose when they come
}

// newEditor sets up go-prompt. The terminal's modes are not touched before readLine.
func newEditor(o Options, t *terminal) (e *editor, err error) {
	defer func() {
		if v := recover(); v != nil { // go-prompt panics when it cannot open the terminal
			err = fmt.Errorf("terminal: %v", v)
		}
	}()
	e = &editor{o: o, search: &search{}, history: history{keep: o.Keep}, resting: map[string][]string{}}
	e.history.file = historyFile(o)
	e.search.replace(e.loaded())
	e.parser = newParser(t, o.In, o.Out, o.Printer, e.search)
	e.parser.recall = o.Recall
	e.writer = &writer{printer: o.Printer, colour: o.Getenv("NO_COLOR") == ""}
	e.writer.drawn = func(completes bool) { e.parser.frameDone(completes, len(e.shown.line)) }
	withoutTTY(func() {
		e.prompt = prompt.New(func(string) {}, e.complete, append(e.options(), prompt.OptionHistory(e.search.all()))...)
	})
	o.Printer.setRefresh(e.parser.refresh)
	return e, nil
}

// options are go-prompt's options other than the history.
func (e *editor) options() []prompt.Option {
	return []prompt.Option{
		prompt.OptionParser(e.parser),
		prompt.OptionWriter(e.writer),
		prompt.OptionLivePrefix(func() (string, bool) { return e.prefix, true }),
		prompt.OptionBreakLineCallback(func(*prompt.Document) { e.parser.lineEnded() }),
		prompt.OptionSetExitCheckerOnInput(func(string, bool) bool {
			leaves, redraws := e.parser.leaves()
			e.writer.mute = redraws
			return leaves
		}),
		prompt.OptionCompletionWordSeparator(wordBreaks),
		prompt.OptionMaxSuggestion(maxDropDown),
		prompt.OptionPrefixTextColor(prompt.DefaultColor),
		prompt.OptionPreviewSuggestionTextColor(prompt.DarkGreen),
		prompt.OptionSuggestionTextColor(prompt.White), prompt.OptionSuggestionBGColor(prompt.DarkGray),
		prompt.OptionSelectedSuggestionTextColor(prompt.Black), prompt.OptionSelectedSuggestionBGColor(prompt.Cyan),
		prompt.OptionDescriptionTextColor(prompt.LightGray), prompt.OptionDescriptionBGColor(prompt.DarkGray),
		prompt.OptionSelectedDescriptionTextColor(prompt.Black), prompt.OptionSelectedDescriptionBGColor(prompt.Cyan),
		prompt.OptionScrollbarThumbColor(prompt.LightGray), prompt.OptionScrollbarBGColor(prompt.DarkGray),
		prompt.OptionAddKeyBind(
			prompt.KeyBind{Key: prompt.ControlM, Fn: func(*prompt.Buffer) { e.entered = true }},
			prompt.KeyBind{Key: prompt.ControlC, Fn: func(*prompt.Buffer) {
				_, _ = io.WriteString(e.o.Printer, interruptHint)
				e.o.Cleared()
				e.prefix = e.prefixNow()
			}},
		),
		prompt.OptionAddASCIICodeBind(
			bind(strokeRefresh, func(*prompt.Buffer) {}),
			bind(strokeAccept, e.mend),
			bind(strokeRecall, func(b *prompt.Buffer) { setLine(b, e.o.Recall()) }),
			bind(strokeStartSearch, func(b *prompt.Buffer) { e.search.start(b.Text()) }),
			bind(strokeSetLine, func(b *prompt.Buffer) { setLine(b, e.search.result()) }),
			bind(strokeWordLeft, func(b *prompt.Buffer) { b.CursorLeft(wordBefore(b)) }),
			bind(strokeWordRight, func(b *prompt.Buffer) { b.CursorRight(wordAfter(b)) }),
			bind(strokeEraseWord, func(b *prompt.Buffer) { b.DeleteBeforeCursor(wordBefore(b)) }),
			bind(strokeDeleteWord, func(b *prompt.Buffer) {
				n := wordAfter(b)
				b.CursorRight(n)
				b.DeleteBeforeCursor(n)
			}),
		),
	}
}

// promptColors are go-prompt's colours by their names; no name is the terminal's own.
var promptColors = map[string]prompt.Color{
	"red": prompt.DarkRed, "green": prompt.DarkGreen, "yellow": prompt.Brown,
	"blue": prompt.DarkBlue, "magenta": prompt.Purple, "cyan": prompt.Cyan,
}

// bind makes fn what a private stroke does.
func bind(s stroke, fn prompt.KeyBindFunc) prompt.ASCIICodeBind {
	return prompt.ASCIICodeBind{ASCIICode: []byte(s), Fn: fn}
}

// readLine lets the user edit a line. go-prompt's Input is left and entered again, with the line as it is, when
// the window has changed, since it looks at its size only when it begins.
func (e *editor) readLine() (string, error) {
	e.turn()
	if line, ok := e.lineAhead(); ok {
		return line, nil
	}
	if e.ahead {
		e.ahead = false
		_ = prompt.OptionHistory(e.search.all())(e.prompt)
	}
	for {
		if err := e.parser.again(); err != nil {
			return "", err
		}
		e.o.Printer.control(bracketedPasteOn)
		e.entered, e.shown, e.prefix = false, shown{line: e.shown.line}, e.prefixNow()
		e.fitDropDown()
		_ = prompt.OptionPrefixTextColor(promptColors[e.o.Color()])(e.prompt)
		line := e.prompt.Input()
		err := e.parser.again()
		if err == nil && e.writer.mute {
			continue
		}
		e.o.Printer.leave(bracketedPasteOff)
		if err != nil {
			return "", err
		}
		e.shown = shown{}
		if !e.entered {
			return "", io.EOF // Ctrl-D on an empty line
		}
		e.remember(line)
		return line, nil
	}
}

// lineAhead takes a line that is there as a whole, without go-prompt: that one takes twenty milliseconds for each
// thing it is given, and somebody may have pasted a thousand lines.
func (e *editor) lineAhead() (string, bool) {
	if e.parser.again() != nil {
		return "", false
	}
	line, ok := e.parser.lineAhead()
	if !ok {
		return "", false
	}
	_ = e.o.Printer.endLine([]byte(e.prefixNow() + line + "\n"))
	e.ahead = true // go-prompt has not seen it
	e.remember(line)
	return line, true
}

// fitDropDown keeps the drop-down to half of the window.
func (e *editor) fitDropDown() {
	_, rows := windowSize(e.o.Out)
	height := min(max(rows/2, 1), maxDropDown)
	_ = prompt.OptionMaxSuggestion(uint16(height))(e.prompt)
}

// remember adds a line to the history.
func (e *editor) remember(line string) {
	if e.o.Verbatim() {
		e.ahead = true // go-prompt has remembered it
		return
	}
	if strings.TrimSpace(line) == "" {
		return
	}
	masked := e.o.Mask(line)
	if e.search.add(masked) || masked != line {
		e.ahead = true // what go-prompt remembers is not that
	}
	line = masked
	e.warn(e.history.add(line))
}

// turn goes on with the history that the next line belongs to. What a history holds beside its file (lines that are
// not to be kept) rests here meanwhile.
func (e *editor) turn() {
	file := historyFile(e.o)
	if file == e.history.file {
		return
	}
	e.resting[e.history.file] = e.search.all()
	e.history.file = file
	lines, known := e.resting[file]
	if !known {
		lines = e.loaded()
	}
	e.search.replace(lines)
	e.ahead = true
}

// historyFile is the file of the history that the next line belongs to, "" when nothing is kept.
func historyFile(o Options) string {
	if file := o.HistoryFile(); file != os.DevNull {
		return file
	}
	return ""
}

// loaded is what earlier runs left in the history file.
func (e *editor) loaded() []string {
	lines, err := e.history.load()
	e.warn(err)
	return lines
}

// warn prints once that the history file cannot be used.
func (e *editor) warn(err error) {
	if err == nil || e.warned {
		return
	}
	e.warned = true
	fmt.Fprintf(e.o.Printer, "%v; lines are not kept for the next run\n", err)
}

// prefixNow is the prompt as it is to be shown.
func (e *editor) prefixNow() string {
	if p, ok := e.search.prompt(); ok {
		return p
	}
	return printable(e.o.Prompt())
}

// complete is go-prompt's completer, called before every frame. The list stays as it is while somebody chooses
// from it: go-prompt keeps the number of the chosen one.
func (e *editor) complete(d prompt.Document) []prompt.Suggest {
	if d.Text == "" && d.LastKeyStroke() == prompt.Escape {
		return nil // go-prompt resets its list, with an empty document; Escape itself it is never given
	}
	e.prefix = e.prefixNow()
	line, pos := d.Text, len(d.TextBeforeCursor())
	switch d.LastKeyStroke() {
	case prompt.Tab, prompt.BackTab, prompt.Up, prompt.Down:
		if len(e.shown.suggestions) > 0 && line == e.shown.line && pos == e.shown.pos {
			return e.shown.suggestions
		}
	}
	tab := d.LastKeyStroke() == prompt.Tab
	e.shown = shown{line: line, pos: pos, awaited: tab || e.shown.awaited && line == e.shown.line && pos == e.shown.pos}
	cols := e.o.Printer.width() - runewidth.StringWidth(e.prefix)
	if e.o.Complete == nil || e.o.Verbatim() || cols < minDropDown || e.search.active() || e.parser.typedAhead() {
		return nil
	}
	if line == "" && !tab {
		return nil // a list of every command under every empty line is noise
	}
	e.shown.fill(e.o.Complete(line, pos))
	if len(e.shown.suggestions) > 0 && e.shown.awaited {
		if e.shown.awaited = false; line != "" {
			e.parser.press(strokeTab)
		}
	}
	return e.shown.suggestions
}

// fill turns suggestions into what go-prompt wants: the text that replaces the word before the cursor, from the
// last of wordBreaks. One that changes more than this word (a quotation mark that has to go before the whole argument)
// or needs one behind it is mended when it is accepted.
func (s *shown) fill(suggestions []complete.Suggestion) {
	word := strings.LastIndexAny(s.line[:s.pos], wordBreaks) + 1
	for _, c := range suggestions {
		text, ok := c.Text, true
		if c.Start < word {
			text, ok = strings.CutPrefix(c.Text, s.line[c.Start:word])
		} else if c.Start > word {
			text = s.line[word:c.Start] + c.Text
		}
		if !ok {
			text = c.Label
		}
		if !ok || c.Close != "" {
			if s.mends == nil {
				s.mends = make(map[string]complete.Suggestion)
			}
			s.mends[text] = c
		}
		s.suggestions = append(s.suggestions, prompt.Suggest{Text: text, Description: c.Summary})
	}
}

// mend is called when a suggestion has just been accepted, and puts the rest of it right.
func (e *editor) mend(b *prompt.Buffer) {
	s := e.shown
	if len(s.mends) == 0 {
		return
	}
	word := strings.LastIndexAny(s.line[:s.pos], wordBreaks) + 1
	before := b.Document().TextBeforeCursor()
	inserted, ok := strings.CutPrefix(before, s.line[:word])
	c, known := s.mends[inserted]
	if !ok || !known {
		return
	}
	text := c.Text
	if !e.parser.wordGoesOn() && !strings.HasPrefix(b.Document().TextAfterCursor(), c.Close) {
		text += c.Close
	}
	b.DeleteBeforeCursor(utf8.RuneCountInString(before[c.Start:]))
	b.InsertText(text, false, true)
}

// setLine replaces the line.
func setLine(b *prompt.Buffer, line string) {
	b.CursorRight(utf8.RuneCountInString(b.Document().TextAfterCursor()))
	b.DeleteBeforeCursor(utf8.RuneCountInString(b.Text()))
	b.InsertText(line, false, true)
}

// wordBefore is the distance in runes to the beginning of the word before the cursor.
func wordBefore(b *prompt.Buffer) int {
	before := b.Document().TextBeforeCursor()
	trimmed := strings.TrimRight(before, wordBreaks)
	start := strings.LastIndexAny(trimmed, wordBreaks) + 1
	return utf8.RuneCountInString(before[start:])
}

// wordAfter is the distance in runes to the end of the word after the cursor.
func wordAfter(b *prompt.Buffer) int {
	after := b.Document().TextAfterCursor()
	trimmed := strings.TrimLeft(after, wordBreaks)
	end := strings.IndexAny(trimmed, wordBreaks)
	if end < 0 {
		end = len(trimmed)
	}
	return utf8.RuneCountInString(after[:len(after)-len(trimmed)+end])
}

// stop makes readLine return err.
func (e *editor) stop(err error) { e.parser.stop(err) }

// interrupt does not want a SIGINT at the prompt: Ctrl-C is a key there, so somebody wants the process to end.
func (e *editor) interrupt() bool { return false }

// redraw draws the prompt for another size of the window, and takes the terminal's modes back after a stop.
func (e *editor) redraw() { e.parser.resized() }

// commandStarts tells whether Ctrl-C was typed while the line was on its way.
func (e *editor) commandStarts() bool { return e.parser.interrupted() }

// commandInterrupted forgets what was typed or pasted ahead: it was meant to follow what has just been stopped.
func (e *editor) commandInterrupted() {
	e.parser.discard()
	e.o.Printer.Echoed()
}

// close gives the terminal back.
func (e *editor) close() {
	e.o.Printer.setRefresh(nil)
	e.o.Printer.leave("")
	e.parser.close()
}
