package config

import (
	"errors"
	"fmt"
	"strings"
)

// An Error is a configuration that cannot work: where, what, why and the mend. Exit code 2.
type Error struct {
	File  string // the file, or "-D argument", "SERVER_JVMFLAGS", …
	Line  int    // 0 when the source has no lines
	Key   string // "" when the line has none
	Value string // as written; "" for a secret
	Why   string
	Mend  string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(place(e.File, e.Line))
	if e.Key != "" {
		b.WriteString(e.Key)
		if e.Value != "" {
			fmt.Fprintf(&b, "=%s", printable(shortened(e.Value)))
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Why)
	if e.Mend != "" {
		b.WriteString("; ")
		b.WriteString(e.Mend)
	}
	return b.String()
}

// maxShown bounds how much of a value a message repeats.
const maxShown = 400

func shortened(value string) string {
	if len(value) <= maxShown {
		return value
	}
	return strings.ToValidUTF8(value[:maxShown], "") + "…"
}

// A Warning is something the operator should know; the server starts all the same.
type Warning struct {
	File string
	Line int
	Key  string
	Text string
}

func (w Warning) String() string {
	s := place(w.File, w.Line)
	if w.Key != "" {
		s += printable(w.Key) + ": "
	}
	return s + w.Text
}

// A DirError is a data directory that cannot be used. Exit code 3.
type DirError struct {
	Key  string // dataDir or dataLogDir
	Dir  string
	Why  string
	Mend string
	Err  error // the cause from the operating system, nil without one
}

func (e *DirError) Error() string {
	s := fmt.Sprintf("%s %s: %s", e.Key, printable(e.Dir), e.Why)
	if e.Mend != "" {
		s += "; " + e.Mend
	}
	return s
}

func (e *DirError) Unwrap() error { return e.Err }

func place(file string, line int) string {
	switch {
	case file == "":
		return ""
	case line == 0:
		return file + ": "
	}
	return fmt.Sprintf("%s:%d: ", file, line)
}

// printable quotes a text that would break the line or the terminal it is printed on.
func printable(s string) string {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\uFFFD' || (r >= 0x80 && r < 0xa0) {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}

// problems collects every line that is wrong, so that one start names them all.
type problems []error

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	if len(p) == 1 {
		return p[0]
	}
	return errors.Join(p...)
}
