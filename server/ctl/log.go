package ctl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// newHandler is the log on stderr: JSON lines, or lines that look like Apache's.
func newHandler(w io.Writer, json bool, myid int64) slog.Handler {
	if json {
		return slog.NewJSONHandler(jsonLines{w}, nil)
	}
	id := ""
	if myid >= 0 {
		id = strconv.FormatInt(myid, 10)
	}
	return &lineHandler{w: w, mu: &sync.Mutex{}, myid: id}
}

// jsonLines escapes what encoding/json leaves as it is and terminals obey: DEL and
// the control characters of Latin 1, U+009B among them, which stands for ESC [.
// They can be in strings alone.
type jsonLines struct{ w io.Writer }

func (j jsonLines) Write(line []byte) (int, error) {
	odd := func(r rune) bool { return unicode.IsControl(r) && r != '\n' }
	if !bytes.ContainsFunc(line, odd) {
		return j.w.Write(line)
	}
	var b []byte
	for _, r := range string(line) {
		if odd(r) {
			b = fmt.Appendf(b, `\u%04x`, r)
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	_, err := j.w.Write(b)
	return len(line), err
}

// lineHandler prints a record as Apache's log4j and logback layouts do, with the package and file for the class:
//
//	2026-11-23 12:00:00,123 [myid:] - INFO  [storage:recover.go@57] - message key=value
//
// A line never holds a control character, so no data can forge a second one.
type lineHandler struct {
	mu     *sync.Mutex // guards w; shared by the handlers of With
	w      io.Writer
	myid   string
	prefix string // attributes of With, encoded
	group  string // "a.b." of WithGroup
}

func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	b := make([]byte, 0, 256)
	b = r.Time.AppendFormat(b, "2006-01-02 15:04:05,000")
	b = append(b, " [myid:"...)
	b = append(b, h.myid...)
	b = append(b, "] - "...)
	b = fmt.Appendf(b, "%-5s [%s] - ", levelName(r.Level), source(r.PC))
	b = appendPlain(b, r.Message)
	b = append(b, h.prefix...)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, h.group, a)
		return true
	})
	b = append(b, '\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(b)
	return err
}

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next, b := *h, []byte(h.prefix)
	for _, a := range attrs {
		b = appendAttr(b, h.group, a)
	}
	next.prefix = string(b)
	return &next
}

func (h *lineHandler) WithGroup(name string) slog.Handler {
	next := *h
	if name != "" {
		next.group += name + "."
	}
	return &next
}

func levelName(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "ERROR"
	case level >= slog.LevelWarn:
		return "WARN"
	case level >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}

// source is package:file@line of the call.
func source(pc uintptr) string {
	if pc == 0 {
		return "main"
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	pkg, _, _ := strings.Cut(path.Base(frame.Function), ".")
	return fmt.Sprintf("%s:%s@%d", pkg, path.Base(frame.File), frame.Line)
}

func appendAttr(b []byte, group string, a slog.Attr) []byte {
	value := a.Value.Resolve()
	if a.Key == "" && value.Kind() != slog.KindGroup {
		return b
	}
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range value.Group() {
			b = appendAttr(b, group, inner)
		}
		return b
	}
	b = append(b, ' ')
	b = appendPlain(b, group)
	b = appendPlain(b, a.Key)
	b = append(b, '=')
	text := value.String()
	if text == "" || strings.ContainsFunc(text, needsQuotes) || !utf8.ValidString(text) {
		return strconv.AppendQuote(b, text)
	}
	return append(b, text...)
}

func needsQuotes(r rune) bool { return r <= ' ' || r == '"' || r == '=' || !unicode.IsPrint(r) }

// appendPlain appends text with what is not printable and broken UTF-8 escaped.
func appendPlain(b []byte, text string) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			b = fmt.Appendf(b, `\x%02x`, text[0])
		case !unicode.IsPrint(r):
			b = append(b, strings.Trim(strconv.QuoteRune(r), "'")...)
		default:
			b = append(b, text[:size]...)
		}
		text = text[size:]
	}
	return b
}
