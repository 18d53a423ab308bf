package complete

import (
	"strings"

	shellline "zookit/shell/line"
)

// lastStatement leaves the words of the command that the cursor is in, and tells whether it is behind a | or > of it.
// The word at the cursor loses the sign it begins with.
func (c *cursor) lastStatement(before []shellline.Token) (words []shellline.Token, results bool) {
	from, sign := 0, -1
	for i, t := range before {
		if t.Quote != 0 {
			continue
		}
		if strings.HasSuffix(t.Text, ";") {
			from, sign = i+1, -1
		} else if sign < 0 && (t.Text[0] == '|' || t.Text[0] == '>') {
			sign = i
		}
	}
	if text := c.current.Text; sign < 0 && c.current.Quote == 0 && text != "" && (text[0] == '|' || text[0] == '>') {
		return append(before[from:len(before):len(before)], c.current), true
	}
	return before[from:], sign >= 0
}

// redirected suggests the file behind > or >>. Behind | stands a command of the system, of which nothing is known
// here.
func (c *cursor) redirected(words []shellline.Token) []Suggestion {
	last := words[len(words)-1].Text
	if last != ">" && last != ">>" || words[len(words)-1].Quote != 0 || words[len(words)-1] == c.current {
		return nil
	}
	return c.known(File)
}

// known suggests words that only the world knows.
func (c *cursor) known(kind Kind) []Suggestion {
	world, ok := c.lookup.(World)
	if !ok {
		return nil
	}
	return c.words(world.Words(kind, c.current.Text))
}

// connections suggests connections and profiles with what follows their names.
func (c *cursor) connections(behind string) []Suggestion {
	world, ok := c.lookup.(World)
	if !ok || strings.Contains(c.current.Text, "/") || behind != "" && c.current.Text == "" {
		return nil
	}
	words := world.Words(Connection, c.current.Text)
	for i := range words {
		words[i].Text += behind
	}
	return c.words(words)
}
