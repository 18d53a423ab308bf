package command

import (
	"context"
	"net"
	"strings"
	"time"

	"zookit/protocol"
)

// fourLetterTimeout bounds the whole exchange; a server answers at once and
// closes.
const fourLetterTimeout = 10 * time.Second

// fourLetterWords are those worth offering. stat is also a command.
var fourLetterWords = []string{
	"ruok", "srvr", "stat", "conf", "mntr", "cons", "dump", "envi", "wchs", "wchc", "wchp", "dirs", "isro", "crst", "srst",
}

var fourLetter = &Command{
	Name:    "4lw",
	In:      Own,
	Usage:   Usage{R38: "word [host:port]"},
	Args:    []Arg{{Name: "word", Kind: ChoiceArg, Words: fourLetterWords}, {Name: "server"}},
	Summary: "send a four-letter word to the server and print its answer",
	Help:    "The server is the one of this session unless another is named. It answers the words of its 4lw.commands.whitelist.",
	Example: []string{"4lw mntr", "4lw ruok zk2:2181"},
	Min:     1, Max: 2,
	Run: runFourLetter,
}

func runFourLetter(c *Context) error {
	word := c.Args[0]
	if len(word) != 4 {
		return &Failure{Text: "4lw: a word has four letters: " + word}
	}
	addr := ""
	if len(c.Args) > 1 {
		addr = c.Args[1]
		if _, _, err := net.SplitHostPort(addr); err != nil {
			addr = net.JoinHostPort(strings.Trim(addr, "[]"), "2181")
		}
	} else {
		s, err := c.Session()
		if err != nil {
			return err
		}
		if addr = s.Server(); addr == "" {
			return &Failure{Text: "4lw: there is no connection to a server now", Exit: ExitNoConnection}
		}
	}
	ctx, cancel := context.WithTimeout(c, fourLetterTimeout)
	defer cancel()
	answer, err := protocol.FourLetter(ctx, addr, word)
	if err != nil {
		return &Failure{Text: "4lw: " + err.Error(), Exit: ExitNoConnection, Err: err}
	}
	if c.Tables() {
		if rows := pairsOf(answer); rows != nil {
			return c.PrintTable([]string{addr, word}, rows)
		}
	}
	c.Print([]byte(answer))
	if !strings.HasSuffix(answer, "\n") {
		c.Print([]byte("\n"))
	}
	return nil
}

// pairsOf reads an answer whose lines are all pairs: "key\tvalue" as in mntr,
// "key=value" as in conf and envi, "Key: value" as in srvr. Nil when they are
// not.
func pairsOf(answer string) [][]string {
	lines := strings.Split(strings.TrimRight(answer, "\n"), "\n")
	if len(lines) < 2 {
		return nil
	}
	var rows [][]string
	for i, l := range lines {
		found := false
		for _, sep := range []string{"\t", "=", ": "} {
			if key, value, ok := strings.Cut(l, sep); ok {
				rows, found = append(rows, []string{strings.TrimSpace(key), strings.TrimSpace(value)}), true
				break
			}
		}
		if !found && i > 0 { // envi begins with a heading
			return nil
		}
	}
	return rows
}
