package ctl

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

type secretText struct{}

func (secretText) LogValue() slog.Value { return slog.StringValue("resolved") }

func TestLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	h := newHandler(&b, false, 3)
	when := time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, time.UTC)
	tests := []struct {
		name  string
		log   slog.Handler
		level slog.Level
		msg   string
		attrs []slog.Attr
		want  string
	}{
		{"plain", h, slog.LevelInfo, "following", []slog.Attr{slog.Int("leader", 1)}, "2026-11-23 12:00:00,123 [myid:3] - INFO  [main] - following leader=1\n"},
		{"quotes", h, slog.LevelWarn, "slow sync", []slog.Attr{slog.String("file", "a b"), slog.String("empty", "")}, `2026-11-23 12:00:00,123 [myid:3] - WARN  [main] - slow sync file="a b" empty=""` + "\n"},
		{"one line", h, slog.LevelError, "a\nb\x1b[31m", []slog.Attr{slog.String("v", "x\ny"), slog.String("bad", "\xff")}, `2026-11-23 12:00:00,123 [myid:3] - ERROR [main] - a\nb\x1b[31m v="x\ny" bad="\xff"` + "\n"},
		{"with", h.WithAttrs([]slog.Attr{slog.Int("a", 1)}).WithGroup("g").WithAttrs([]slog.Attr{slog.Int("b", 2)}), slog.LevelInfo, "m", []slog.Attr{slog.Group("in", slog.Int("c", 3)), slog.Any("d", secretText{})},
			"2026-11-23 12:00:00,123 [myid:3] - INFO  [main] - m a=1 g.b=2 g.in.c=3 g.d=resolved\n"},
	}
	for _, tt := range tests {
		b.Reset()
		r := slog.NewRecord(when, tt.level, tt.msg, 0)
		r.AddAttrs(tt.attrs...)
		if err := tt.log.Handle(t.Context(), r); err != nil || b.String() != tt.want {
			t.Errorf("%s: %v\ngot  %swant %s", tt.name, err, b.String(), tt.want)
		}
	}
	b.Reset()
	slog.New(newHandler(&b, false, -1)).Debug("not printed")
	slog.New(newHandler(&b, true, -1)).Info("json", "k", 1)
	if got := b.String(); !strings.HasPrefix(got, `{"time":`) || !strings.HasSuffix(got, `"msg":"json","k":1}`+"\n") {
		t.Errorf("got %q", got)
	}
}

func TestPercentFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		live uint64
		want int64
	}{{0, 800}, {1 << 20, 800}, {4 << 20, 800}, {32 << 20, 100}, {64 << 20, 50}, {128 << 20, 25}, {10 << 30, 25}} {
		if got := percentFor(tt.live); got != tt.want {
			t.Errorf("live %d MiB: %d %%, want %d %%", tt.live>>20, got, tt.want)
		}
	}
}

// TestZK5058LogLines: whatever is logged, as a message, a key, a group or a value,
// makes one line, and nothing in it reaches the terminal as a command.
func TestZK5058LogLines(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"a\r\n2026-11-23 12:00:00,000 [myid:1] - INFO  [main] - forged", "\x1b[2J\x1b]0;title\a", "\x00\x7f\b", "\u0085\u009b31m", "\u2028\u2029",
		"\u202eright to left", "\xff\xc3", "\n",
	} {
		for _, json := range []bool{false, true} {
			var b bytes.Buffer
			h := newHandler(&b, json, 1)
			r := slog.NewRecord(when, slog.LevelWarn, text, 0)
			r.AddAttrs(slog.String(text, text), slog.Any("error", errors.New(text)), slog.Any("list", []string{text}), slog.Group(text, slog.String("in", text)))
			if err := h.WithGroup(text).WithAttrs([]slog.Attr{slog.String("with", text)}).Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			line, ended := strings.CutSuffix(b.String(), "\n")
			odd := strings.IndexFunc(line, func(r rune) bool {
				return unicode.IsControl(r) || !json && (r == utf8.RuneError || !unicode.IsPrint(r))
			})
			if !ended || odd >= 0 {
				t.Errorf("%q in JSON %v is logged as %q", text, json, b.String())
			}
		}
	}
}
