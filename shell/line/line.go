// Package line splits a line of the shell into words by the rules of Apache's
// (ZooKeeperMain.MyCommandOptions.parseCommand, 3.4 to 3.9):
//
//   - words stand between whitespace, which is space, \t, \n, \v, \f and \r;
//   - a word that begins with a quotation mark, single or double, extends to
//     the next one of its kind and loses both; what follows directly is a word
//     of its own;
//   - a quotation mark inside a word is part of it, and nothing is escaped:
//     there is no backslash, no # and no joining;
//   - a quotation mark without its partner is dropped where a word begins.
//
// Apache's expression takes a line of blanks, and a blank before an unpaired
// quotation mark, for part of a word. Differs from Apache: blanks never are.
package line

import "strings"

// Token is one word of a line.
type Token struct {
	Text  string // without the quotation marks
	Start int    // byte offset of its first byte in the line, the quotation mark included
	End   int    // byte offset behind its last
	Quote byte   // ' or ", 0 when it is not quoted
}

// Tokenize splits a line. Every line has a meaning, so there is no error.
func Tokenize(line string) []Token {
	var tokens []Token
	for i := skipSpace(line, 0); i < len(line); i = skipSpace(line, i) {
		t, ok := next(line, i)
		if !ok {
			i++ // an unpaired quotation mark
			continue
		}
		tokens = append(tokens, t)
		i = t.End
	}
	return tokens
}

// Words is the text of the tokens.
func Words(line string) []string {
	tokens := Tokenize(line)
	words := make([]string, len(tokens))
	for i, t := range tokens {
		words[i] = t.Text
	}
	return words
}

// Cursor splits a line for somebody who is typing at byte offset pos: the words
// before, and the one the cursor is in, as far as it is typed. That one is empty
// after a blank. After a quotation mark that is still unpaired it is all that
// follows, blanks included, with open set, since the partner may yet come.
func Cursor(line string, pos int) (before []Token, current Token, open bool) {
	line = line[:min(max(pos, 0), len(line))]
	for i := skipSpace(line, 0); i < len(line); i = skipSpace(line, i) {
		t, ok := next(line, i)
		if !ok {
			return before, Token{Text: line[i+1:], Start: i, End: len(line), Quote: line[i]}, true
		}
		if t.End == len(line) {
			return before, t, false
		}
		before = append(before, t)
		i = t.End
	}
	return before, Token{Start: len(line), End: len(line)}, false
}

// Quote writes a word so that Tokenize reads it back, with quotation marks
// where it needs them. It is false for a word that cannot be written: one that
// needs them and contains both kinds.
func Quote(word string) (string, bool) {
	switch {
	case word != "" && word[0] != '"' && word[0] != '\'' && !strings.ContainsAny(word, " \t\n\v\f\r"):
		return word, true
	case !strings.Contains(word, `"`):
		return `"` + word + `"`, true
	case !strings.Contains(word, `'`):
		return `'` + word + `'`, true
	}
	return "", false
}

// next reads the word that begins at i, which is no blank; false means that
// there is a quotation mark without a partner.
func next(line string, i int) (Token, bool) {
	if q := line[i]; q == '"' || q == '\'' {
		n := strings.IndexByte(line[i+1:], q)
		if n < 0 {
			return Token{}, false
		}
		return Token{Text: line[i+1 : i+1+n], Start: i, End: i + n + 2, Quote: q}, true
	}
	end := i
	for end < len(line) && !isSpace(line[end]) {
		end++
	}
	return Token{Text: line[i:end], Start: i, End: end}, true
}

func skipSpace(line string, i int) int {
	for i < len(line) && isSpace(line[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
