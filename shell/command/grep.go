package command

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"

	"zookit/protocol"
	"zookit/shell/value"
	"zookit/shell/walk"
)

var grep = &Command{
	Name:  "grep",
	In:    Own,
	Usage: Usage{R38: "[-i] [-E] [-l | -c] [-n] [-R] [-a] text [path ...]"},
	Flags: []Flag{
		{Name: "i", Help: "no matter in which case"},
		{Name: "E", Help: "the text is a regular expression (RE2)"},
		{Name: "l", Help: "print the paths alone"},
		{Name: "c", Help: "print how many lines match, behind the path"},
		{Name: "n", Help: "print the number of the line"},
		{Name: "R", Help: "search everything below the paths as well"},
		allFlag,
	},
	Args:    []Arg{{Name: "text"}, {Name: "path", Kind: PathArg, Repeat: true}},
	Summary: "search the data and the names of znodes for a text",
	Help: "A line of data that contains the text is printed behind its path and a colon; a znode whose name contains it, as its path\n" +
		"alone. Data is searched as it is read: unpacked, when it is gzip, zlib, zstd or snappy. Of data that is no text only a\n" +
		"match is told. The exit code is 1 when nothing matches, or something may not be read. At the prompt no path is the one\n" +
		"that cd went to. -R leaves out what is below parents of more than 10,000 children with a word; -a goes in.",
	Example: []string{"grep -R host1 /app", "grep -iE 'time(out)?=[0-9]+' /app/*", "grep -Rl jdbc: /"},
	Min:     1,
	Many:    true,
	Run:     runGrep,
}

// GrepMatch is a match that grep found; with -l and -c a znode with some.
type GrepMatch struct {
	Path  string `json:"path"`
	In    string `json:"in,omitempty"`    // name, data; "" with -l and -c
	Line  int    `json:"line,omitempty"`  // of the data, from 1
	Text  string `json:"text,omitempty"`  // of the line; none when the data is no text
	Count int    `json:"count,omitempty"` // of matching lines, with -c
}

func runGrep(c *Context) error {
	expr := c.Args[0]
	if !c.Has("E") {
		expr = regexp.QuoteMeta(expr)
	}
	if c.Has("i") {
		expr = "(?i)" + expr
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return &Failure{Text: "grep: -E: " + err.Error()}
	}
	g := &grepper{c: c, re: re}
	if err := c.eachRoot(1, g.search); err != nil {
		return err
	}
	if g.found == 0 {
		if !c.Has("R") {
			return &Failure{Err: errNoMatchAbove}
		}
		return &Failure{Err: errNoMatch}
	}
	return nil
}

// errNoMatch ends a grep that found nothing, without a word.
var errNoMatch = errors.New("nothing matches")

// errNoMatchAbove is the same of a grep that did not look below.
var errNoMatchAbove = fmt.Errorf("%w here", errNoMatch)

type grepper struct {
	c     *Context
	re    *regexp.Regexp
	found int
}

func (g *grepper) search(s Session, root string) error {
	o := walk.Options{Data: true}
	if !g.c.Has("R") {
		o.MaxDepth = -1
	}
	return g.c.survey(s, root, o, g.look)
}

// look searches one znode.
func (g *grepper) look(n *walk.Node) error {
	inName := g.re.MatchString(protocol.Base(n.Path))
	lines, text := g.lines(n)
	if !inName && len(lines) == 0 {
		return nil
	}
	g.found++
	switch {
	case g.c.Has("l"):
		return g.c.Emit(&GrepMatch{Path: n.Path}, func() { g.c.Print([]byte(n.Path + "\n")) })
	case g.c.Has("c"):
		return g.c.Emit(&GrepMatch{Path: n.Path, Count: len(lines)}, func() { g.c.Printf("%s:%d\n", n.Path, len(lines)) })
	case inName:
		if err := g.c.Emit(&GrepMatch{Path: n.Path, In: "name"}, func() { g.c.Print([]byte(n.Path + "\n")) }); err != nil {
			return err
		}
	}
	if len(lines) > 0 && !text {
		return g.c.Emit(&GrepMatch{Path: n.Path, In: "data"}, func() { g.c.Printf("%s: the data, which is no text, matches\n", n.Path) })
	}
	for _, l := range lines {
		err := g.c.Emit(&GrepMatch{Path: n.Path, In: "data", Line: l.number, Text: string(l.text)}, func() { g.print(n.Path, l) })
		if err != nil {
			return err
		}
	}
	return nil
}

// grepLine is a line of data that matches.
type grepLine struct {
	number int // from 1
	text   []byte
}

// lines is the lines of a znode's data that match, and whether the data is
// text; of other data the whole is one line.
func (g *grepper) lines(n *walk.Node) (lines []grepLine, text bool) {
	if len(n.Data) == 0 {
		return nil, true
	}
	v := value.Decode(n.Path, n.Data)
	data := v.Data
	if !v.Kind.IsText() || !utf8.Valid(data) {
		if g.re.Match(data) {
			return []grepLine{{1, nil}}, false
		}
		return nil, false
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if line = bytes.TrimRight(line, "\r\n"); g.re.Match(line) {
			lines = append(lines, grepLine{number, line})
		}
	}
	return lines, true
}

// grepWidth is how much of a long line a terminal gets, around the match, in
// bytes.
const grepWidth = 240

func (g *grepper) print(path string, l grepLine) {
	text := l.text
	if g.c.Shell.Out.OutTerminal && len(text) > grepWidth {
		at := g.re.FindIndex(text)
		from := min(max(0, at[0]-grepWidth/3), len(text)-grepWidth)
		for from > 0 && !utf8.RuneStart(text[from]) {
			from--
		}
		to := from + grepWidth
		for to < len(text) && !utf8.RuneStart(text[to]) {
			to++
		}
		cut := fmt.Sprintf("… (%d bytes)", len(text))
		part := string(text[from:to])
		if from > 0 {
			part = "…" + part
		}
		text = []byte(part + cut)
	}
	if g.c.Has("n") {
		g.c.Printf("%s:%d:%s\n", path, l.number, text)
		return
	}
	g.c.Printf("%s:%s\n", path, text)
}
