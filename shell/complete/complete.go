// Package complete says what could stand at the cursor of a command line: command names, flags, the words of a
// fixed choice, and znode paths. It decides from values alone; what the server would have to be asked for comes
// from a Lookup that answers from memory at once.
package complete

import (
	"strings"

	shellline "zookit/shell/line"
)

// Command is what completion has to know of one command.
type Command struct {
	Name    string // as typed, "getAcl"
	Summary string // one line, shown beside the name
	Hidden  bool   // known to the parser but not offered (aliases kept for old scripts)
	Flags   []Flag
	Args    []Arg // positional arguments in order; of the last one with Repeat, any number
}

// Flag is one option of a command.
type Flag struct {
	Name    string // with its dash, "-w"
	Summary string // one line
	Value   *Arg   // what follows the flag, nil when nothing does
}

// Arg says what an argument, or the value of a flag, looks like.
type Arg struct {
	Kind   Kind
	Words  []Word // the choice, for Choice
	Repeat bool   // further arguments are of the same kind
}

// Kind is the kind of an argument.
type Kind int

const (
	Other      Kind = iota // free text, a number: nothing to offer
	Path                   // a znode path
	Choice                 // one of Arg.Words
	ACL                    // scheme:id:perms[,scheme:id:perms...]
	Name                   // the name of a command
	Help                   // the same, or a topic of help
	Connection             // a connection or a profile
	Target                 // a znode path, perhaps on another connection: prod:/app
	Session                // the id of a session
	File                   // a file of this machine
	Server                 // a server of the ensemble
	Change                 // the number of a change that can be taken back
	Holder                 // a znode path, or the id of a session
)

// Word is one value of a choice.
type Word struct {
	Text    string
	Summary string
}

// Suggestion is one way to go on. Accepting it replaces the bytes [Start, cursor) of the line by Text.
type Suggestion struct {
	Start   int    // byte offset in the line
	Text    string // replacement, with the opening quotation mark when the argument needs one
	Close   string // the quotation mark that is still to be added when the argument ends here
	Label   string // what the drop-down shows: the name alone for a znode deep in the tree
	Summary string // one line beside it
}

// Lookup knows the children of znodes. It never blocks: it answers what it remembers and may ask for the rest
// behind the scenes.
type Lookup interface {
	// Children returns the names of the children of parent in ascending byte order and true, or false when they
	// are not known (yet). The slice belongs to the Lookup and is not written to.
	Children(parent string) ([]string, bool)
}

// World is a Lookup that knows more than znodes.
type World interface {
	Lookup
	// Words lists what there is of a kind that is not in the table. Files (File) are those whose names begin like
	// typed. What servers have to be asked for may come later, as with Children.
	Words(kind Kind, typed string) []Word
	// Statements tells whether ; | and > have their meaning.
	Statements() bool
}

// Complete returns the suggestions for line with the cursor at byte offset pos, in the order of the table for
// names and flags and in ascending order for znodes. What stands behind the cursor plays no part. It never blocks
// and looks at no more of the children of a znode than it offers, besides two binary searches.
func Complete(table []Command, line string, pos int, lookup Lookup) []Suggestion {
	before, current, open := shellline.Cursor(line, pos)
	c := cursor{table: table, lookup: lookup, current: current, open: open}
	if current.Quote != 0 && !open {
		return nil // right behind a closing quotation mark: the word is finished
	}
	if world, ok := lookup.(World); ok && world.Statements() {
		var results bool
		if before, results = c.lastStatement(before); results {
			return c.redirected(before)
		}
	}
	if len(before) == 0 {
		return c.names()
	}
	command, ok := find(table, before[0].Text)
	if !ok {
		return nil
	}
	return c.argument(command, before[1:])
}

// find returns the command of that name.
func find(table []Command, name string) (Command, bool) {
	for _, c := range table {
		if c.Name == name {
			return c, true
		}
	}
	return Command{}, false
}

// cursor is the place where something is to be suggested.
type cursor struct {
	table   []Command
	lookup  Lookup
	current shellline.Token // as far as it is typed
	open    bool            // its quotation mark is not closed yet
	targets bool            // a path may name a connection
}

// argument suggests for a word behind the command's name and the words given.
func (c *cursor) argument(command Command, given []shellline.Token) []Suggestion {
	used := make(map[string]bool)
	flags, position := true, 0
	var value *Arg // the value the last flag is waiting for
	for _, g := range given {
		switch {
		case value != nil:
			value = nil
		case flags && g.Text == "--":
			flags = false
		case flags && len(g.Text) > 1 && g.Text[0] == '-':
			used[g.Text] = true
			for _, f := range command.Flags {
				if f.Name == g.Text {
					value = f.Value
				}
			}
		default:
			position++
		}
	}
	if value != nil {
		return c.kind(*value)
	}
	if flags && strings.HasPrefix(c.current.Text, "-") {
		return c.flags(command, used)
	}
	if n := len(command.Args); n > 0 {
		if position < n {
			return c.kind(command.Args[position])
		}
		if command.Args[n-1].Repeat {
			return c.kind(command.Args[n-1])
		}
	}
	return nil
}

// kind suggests values of an argument.
func (c *cursor) kind(arg Arg) []Suggestion {
	switch arg.Kind {
	case Choice:
		return c.words(arg.Words)
	case ACL:
		return c.acls()
	case Name:
		return c.names()
	case Path, Target:
		world, ok := c.lookup.(World)
		c.targets = ok && world.Statements()
		return append(c.paths(), c.connections(":/")...)
	case Connection:
		return c.connections("")
	case Session, File, Server, Change:
		return c.known(arg.Kind)
	case Help:
		return append(c.names(), c.known(Help)...)
	case Holder:
		if strings.HasPrefix(c.current.Text, "0") {
			return append(c.known(Session), c.paths()...)
		}
		return c.paths()
	}
	return nil
}

// names suggests names of commands.
func (c *cursor) names() []Suggestion {
	words := make([]Word, 0, len(c.table))
	for _, command := range c.table {
		if !command.Hidden {
			words = append(words, Word{command.Name, command.Summary})
		}
	}
	return c.words(words)
}

// flags suggests the flags that are not given yet.
func (c *cursor) flags(command Command, used map[string]bool) []Suggestion {
	words := make([]Word, 0, len(command.Flags))
	for _, f := range command.Flags {
		if !used[f.Name] {
			words = append(words, Word{f.Name, f.Summary})
		}
	}
	return c.words(words)
}

// words suggests those that are like the word at the cursor.
func (c *cursor) words(words []Word) []Suggestion {
	var list []Suggestion
	for _, w := range Alike(words, c.current.Text) {
		if s, ok := c.suggest(w.Text, w.Text, w.Summary); ok {
			list = append(list, s)
		}
	}
	return list
}

// Alike returns the words that begin like what was typed, no matter in which case, or, when none does, those that hold
// its characters in their order.
func Alike(words []Word, typed string) []Word {
	var list, loose []Word
	for _, w := range words {
		if len(w.Text) >= len(typed) && strings.EqualFold(w.Text[:len(typed)], typed) {
			list = append(list, w)
		} else if fuzzy(w.Text, typed) {
			loose = append(loose, w)
		}
	}
	if list == nil {
		return loose
	}
	return list
}

// suggest puts a word in the place of the one at the cursor, in quotation marks where it is in some already or
// needs them. It is false for a word that cannot be written.
func (c *cursor) suggest(word, label, summary string) (Suggestion, bool) {
	s := Suggestion{Start: c.current.Start, Text: word, Label: label, Summary: summary}
	if c.open {
		s.Close = string(c.current.Quote)
		s.Text = s.Close + word
		return s, !strings.Contains(word, s.Close)
	}
	quoted, ok := shellline.Quote(word)
	if ok && quoted != word {
		s.Close = quoted[len(quoted)-1:]
		s.Text = quoted[:len(quoted)-1]
	}
	return s, ok
}
