package repl

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// search is the incremental search backwards in the history (Ctrl-R), as in readline: what is typed is looked for
// in older lines, Ctrl-R again goes on to the next older one, Enter runs the line, Ctrl-G and Ctrl-C give back the
// line as it was, and any other key goes on editing what was found.
type search struct {
	mu    sync.Mutex
	lines []string // oldest first
	on    bool
	query string
	at    int    // index in lines of what was found, len(lines) before that
	fails bool   // nothing older matches
	line  string // what the line is to become
	saved string // the line as it was
}

// maxLines bounds the lines held in memory; when there are more, the older half is dropped.
const maxLines = 10_000

// add appends a line to those searched, and tells whether others were dropped for it.
func (s *search) add(line string) (dropped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if dropped = len(s.lines) >= maxLines; dropped {
		s.lines = slices.Clone(s.lines[maxLines/2:])
	}
	s.lines = append(s.lines, line)
	return dropped
}

// replace makes other lines those searched.
func (s *search) replace(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = lines
}

// all returns a copy of the lines, oldest first.
func (s *search) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// start begins a search from the line being edited.
func (s *search) start(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on, s.query, s.at, s.fails, s.line, s.saved = true, "", len(s.lines), false, line, line
}

// active tells whether a search goes on.
func (s *search) active() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on
}

// prompt is the text before the line during a search.
func (s *search) prompt() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.on {
		return "", false
	}
	if s.fails {
		return "(failed reverse-i-search)`" + s.query + "': ", true
	}
	return "(reverse-i-search)`" + s.query + "': ", true
}

// result is what the line is to become.
func (s *search) result() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line
}

// stroke takes what was typed during a search. It returns what go-prompt is to do now and then.
func (s *search) stroke(k stroke) (now, then stroke) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case k.text():
		s.query += string(k)
		s.find(min(s.at, len(s.lines)-1))
	case k == strokeSearch:
		if s.query != "" {
			s.find(s.at - 1)
		}
	case k == strokeBackspace || k == "\x08":
		_, n := utf8.DecodeLastRuneInString(s.query)
		s.query = s.query[:len(s.query)-n]
		s.at = len(s.lines)
		s.find(s.at - 1)
	case k == strokeBell || k == strokeInterrupt:
		s.on, s.line = false, s.saved
	case k == strokeEscape:
		s.on = false
	default:
		s.on = false
		return strokeSetLine, k
	}
	return strokeSetLine, ""
}

// find looks for the query in lines[from] and older. The line stays as it is when nothing matches. The caller
// holds mu.
func (s *search) find(from int) {
	s.fails = false
	if s.query == "" {
		s.line = s.saved
		return
	}
	for i := from; i >= 0; i-- {
		if strings.Contains(s.lines[i], s.query) {
			s.at, s.line = i, s.lines[i]
			return
		}
	}
	s.fails = true
}
