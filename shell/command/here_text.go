package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zookit/shell/line"
)

// maxHere bounds the lines of a here-text, in bytes with their line breaks.
const maxHere = 16 << 20

// hereText is the text below a line with <<WORD, while it is being read.
type hereText struct {
	list    []line.Statement // of the line that began it
	at      int              // which of them it is for
	word    string
	text    strings.Builder
	lines   int
	tooLong bool
}

// hereWord is the word of an argument <<WORD: letters, digits and _; "" for
// another argument.
func hereWord(arg string) string {
	word, ok := strings.CutPrefix(arg, "<<")
	if !ok || word == "" || strings.ContainsFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	}) {
		return ""
	}
	return word
}

// beginsHere tells the word up to which the lines below belong to a command; ""
// when it is whole.
func (s *Shell) beginsHere(args []string) string {
	cmd := Lookup(s.Compat, args[0])
	if cmd == nil || cmd.Data == 0 {
		return ""
	}
	p, err := s.split(cmd, args[1:])
	if err != nil || len(p.args) <= cmd.Data {
		return ""
	}
	if _, given := p.values[literal.Name]; given {
		return ""
	}
	return hereWord(p.args[cmd.Data])
}

// beginHere has the lines that follow belong to the text of one of the
// commands, should there be one that wants such.
func (s *Shell) beginHere(list []line.Statement) error {
	var here *hereText
	for i, st := range list {
		word := s.beginsHere(st.Words)
		switch {
		case word != "" && here != nil:
			return errors.New("only one command of a line can have a text below it (<<" + here.word + ", <<" + word + ")")
		case word != "":
			here = &hereText{list: list, at: i, word: word}
		}
	}
	s.mu.Lock()
	s.text = here
	s.mu.Unlock()
	return nil
}

// command is the name of the command that the text is for.
func (h *hereText) command() string { return h.list[h.at].Words[0] }

// InText tells that the next line belongs to a here-text.
func (s *Shell) InText() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text != nil
}

// DropText forgets the here-text that is being read, and the command with it.
func (s *Shell) DropText() {
	s.mu.Lock()
	s.text = nil
	s.mu.Unlock()
}

// EndInput is told that no line follows, and returns the exit code. A here-text
// that has not ended is an error: half a value must not be written.
func (s *Shell) EndInput() int {
	s.mu.Lock()
	here := s.text
	s.text = nil
	s.mu.Unlock()
	if here != nil {
		s.Out.Warn(fmt.Sprintf("%s: the text below <<%s is not ended by a line %s; nothing was done", here.command(), here.word, here.word))
		s.exit = ExitFailed
	}
	return s.exit
}

// hereLine takes a line of the text; the last one runs the command.
func (s *Shell) hereLine(ctx context.Context, text string) int {
	here := s.text
	if strings.TrimSuffix(text, "\r") != here.word {
		if here.text.Len()+len(text) >= maxHere {
			here.tooLong = true
			return s.exit
		}
		if here.lines++; here.lines > 1 {
			here.text.WriteByte('\n')
		}
		here.text.WriteString(text)
		return s.exit
	}
	s.DropText()
	if here.tooLong {
		s.Out.Warn(fmt.Sprintf("%s: the text below <<%s has more than %d MiB; name a file with @FILE", here.command(), here.word, maxHere>>20))
		s.exit = ExitFailed
	} else {
		s.runAll(ctx, here.list, here.at, []byte(here.text.String()))
	}
	s.mu.Lock()
	s.lines++
	s.mu.Unlock()
	return s.exit
}
