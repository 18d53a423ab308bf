package shell

import (
	"context"
	"io"
	"strings"

	"zookit/shell/command"
)

// bashCompletion answers bash: a line is what replaces the word at the cursor,
// in the quotation marks it began with or with backslashes. That word begins,
// for bash, behind the last of breaks that is not quoted.
func bashCompletion(ctx context.Context, env Env, breaks, line string) int {
	words, typed := bashWords(line)
	if len(words) == 0 {
		return command.ExitOK
	}
	ctx, cancel := context.WithTimeout(ctx, env.CompletionPatience)
	defer cancel()
	cut := 0
	if typed.quote == 0 {
		cut = strings.LastIndexFunc(typed.text, func(r rune) bool { return (r == ':' || r == '=') && strings.ContainsRune(breaks, r) }) + 1
	}
	var b strings.Builder
	for _, w := range candidates(ctx, env, words[1:], typed.text) {
		if rest, ok := strings.CutPrefix(w.Text, typed.text[:cut]); ok {
			b.WriteString(typed.quoted(rest) + "\n")
		}
	}
	_, _ = io.WriteString(env.Stdout, b.String())
	return command.ExitOK
}

// bashWord is a word as far as it is typed.
type bashWord struct {
	text  string // what it means
	quote byte   // the quotation mark that is still open; 0 is none
}

// bashSpecial are the characters that bash reads as others than themselves.
const bashSpecial = " \t\"'`\\$&|;<>()*?[]{}!#~"

// quoted writes text behind what is typed.
func (w bashWord) quoted(text string) string {
	special := bashSpecial
	switch w.quote {
	case '\'':
		return text
	case '"':
		special = "\"`\\$"
	}
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte(special, text[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// bashWords splits a line by bash's rules of quotation: the words before the
// last one, which is empty behind a blank, and the last.
func bashWords(line string) (before []string, last bashWord) {
	var word strings.Builder
	var quote byte
	inWord := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			if quote == '"' && strings.IndexByte("\"`\\$", line[i]) < 0 {
				word.WriteByte(c)
			}
			word.WriteByte(line[i])
			inWord = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t':
			if inWord {
				before = append(before, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	return before, bashWord{word.String(), quote}
}
