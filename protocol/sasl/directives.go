package sasl

import (
	"errors"
	"fmt"
	"strings"
)

// parse reads directives: name=value, or name="value" with backslashes before
// what is meant literally, separated by commas, blanks around them (RFC 2831, 7.1
// and 7.2).
func parse(token []byte) (map[string]string, error) {
	if len(token) > MaxToken {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(token), MaxToken)
	}
	d := map[string]string{}
	rest := string(token)
	for {
		rest = strings.TrimLeft(rest, ", \t\r\n")
		if rest == "" {
			return d, nil
		}
		name, after, ok := strings.Cut(rest, "=")
		if name = strings.ToLower(strings.TrimRight(name, " \t\r\n")); !ok || name == "" || strings.ContainsAny(name, "\", \t") {
			return nil, errors.New("not a list of name=value")
		}
		if _, twice := d[name]; twice {
			return nil, fmt.Errorf("%q stands twice in it", name)
		}
		var err error
		if d[name], rest, err = value(strings.TrimLeft(after, " \t\r\n")); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
	}
}

// value takes one value off a text; behind it stands a comma or nothing.
func value(text string) (v, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ", \t\r\n\"")
		if end < 0 {
			end = len(text)
		}
		v, rest = text[:end], text[end:]
	} else {
		var b strings.Builder
		i := 1
		for ; i < len(text) && text[i] != '"'; i++ {
			if text[i] == '\\' && i+1 < len(text) {
				i++
			}
			b.WriteByte(text[i])
		}
		if i >= len(text) {
			return "", "", errors.New("the quotation mark is not closed")
		}
		v, rest = b.String(), text[i+1:]
	}
	if rest = strings.TrimLeft(rest, " \t\r\n"); rest != "" && rest[0] != ',' {
		return "", "", errors.New("there is something behind the value")
	}
	return v, rest, nil
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// listed reports that a list with commas has a word.
func listed(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(w) == word {
			return true
		}
	}
	return false
}
