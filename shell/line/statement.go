package line

import (
	"errors"
	"strings"
)

// Statement is one command of a line with where its results go.
type Statement struct {
	Words  []string
	Text   string // the command as typed, without what follows it
	File   string // of > and >>, "" for none
	Append bool   // >>
	Pipe   string // the external command behind |, "" for none
}

var (
	errNoFile    = errors.New(`behind > stands the name of one file (data that begins with > goes between quotation marks: ">x")`)
	errNoProgram = errors.New(`behind | stands a command of the system (data that begins with | goes between quotation marks: "|x")`)
	errNothing   = errors.New("there is no command before > or |")
)

// Split cuts a line into its commands, in zkcli's own grammar. That is
// Tokenize's with signs that Apache's does not have:
//
//   - ; at the beginning or the end of a word ends a command;
//   - > and >> at the beginning of a word send the results to a file, whose
//     name follows at once or as the next word, and after which the command
//     ends;
//   - | at the beginning of a word sends them to a command of the system: all
//     that follows, up to a ; outside of its quotation marks.
//
// Inside a word, and anywhere in a word between quotation marks, the signs are
// data. An empty command between two ; is none.
func Split(line string) ([]Statement, error) {
	s := splitter{line: line}
	for s.at = skipSpace(line, 0); s.at < len(line); s.at = skipSpace(line, s.at) {
		var err error
		switch line[s.at] {
		case ';':
			s.end(s.at)
			s.at++
		case '|':
			err = s.pipe()
		case '>':
			err = s.redirect()
		default:
			s.word()
		}
		if err != nil {
			return nil, err
		}
	}
	s.end(len(line))
	return s.done, nil
}

type splitter struct {
	line string
	at   int // what comes next, no blank
	done []Statement
	now  Statement
	from int // where now begins
}

// word takes a word; a ; at its end is left for the loop.
func (s *splitter) word() {
	t, ok := next(s.line, s.at)
	if !ok {
		s.at++ // an unpaired quotation mark
		return
	}
	s.at = t.End
	if t.Quote == 0 {
		t.Text = strings.TrimRight(t.Text, ";")
		s.at = t.Start + len(t.Text)
	}
	if len(s.now.Words) == 0 {
		s.from = t.Start
	}
	s.now.Words = append(s.now.Words, t.Text)
}

// end finishes a command whose text ends at i.
func (s *splitter) end(i int) {
	if len(s.now.Words) > 0 {
		if s.now.Text == "" {
			s.now.Text = strings.TrimSpace(s.line[s.from:i])
		}
		s.done = append(s.done, s.now)
	}
	s.now = Statement{}
}

// redirect takes > or >> with the file, which is the last of its command.
func (s *splitter) redirect() error {
	if len(s.now.Words) == 0 {
		return errNothing
	}
	text := strings.TrimSpace(s.line[s.from:s.at])
	s.at++
	if s.now.Append = strings.HasPrefix(s.line[s.at:], ">"); s.now.Append {
		s.at++
	}
	s.at = skipSpace(s.line, s.at)
	words := len(s.now.Words)
	if s.at < len(s.line) && strings.IndexByte(";|>", s.line[s.at]) < 0 {
		s.word()
	}
	if len(s.now.Words) == words || s.now.Words[words] == "" {
		return errNoFile
	}
	s.now.File, s.now.Words, s.now.Text = s.now.Words[words], s.now.Words[:words], text
	s.at = skipSpace(s.line, s.at)
	if s.at < len(s.line) && s.line[s.at] != ';' {
		return errNoFile
	}
	return nil
}

// pipe takes | with the external command.
func (s *splitter) pipe() error {
	if len(s.now.Words) == 0 {
		return errNothing
	}
	end := externalEnd(s.line, s.at+1)
	program := strings.TrimSpace(s.line[s.at+1 : end])
	if program == "" || program[0] == '|' {
		return errNoProgram
	}
	s.now.Pipe, s.now.Text = program, strings.TrimSpace(s.line[s.from:s.at])
	s.at = end
	return nil
}

// externalEnd finds the ; that ends a command of the system, by the quotation
// rules of a Unix shell.
func externalEnd(line string, i int) int {
	var quote byte
	for ; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';':
			return i
		}
	}
	return len(line)
}
