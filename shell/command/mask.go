package command

import (
	"strings"

	"zookit/shell/line"
)

// Mask is a line without its secrets: the arguments that a command
// marks as such (Command.Secret) are replaced. History holds lines so.
func Mask(compat *Compat, text string) string {
	tokens := line.Tokenize(text)
	var b strings.Builder
	at, word, secret := 0, 0, 0
	for _, t := range tokens {
		ends := t.Quote == 0 && strings.HasSuffix(t.Text, ";")
		if word == 0 {
			cmd := Lookup(compat, strings.TrimRight(t.Text, ";"))
			if secret = 0; cmd != nil {
				secret = cmd.Secret
			}
		}
		if body := strings.TrimRight(t.Text, ";"); secret > 0 && word >= secret && (body != "" || t.Quote != 0) {
			b.WriteString(text[at:t.Start] + "…")
			if ends {
				b.WriteString(t.Text[len(body):])
			}
			at = t.End
		}
		word++
		if ends || t.Quote == 0 && t.Text == ";" {
			word = 0
		}
	}
	return b.String() + text[at:]
}
