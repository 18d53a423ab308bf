// Package complete says what could stand at the cursor of a command line: command names, flags, the words of a
// fixed choice, and znode paths. It decides from values alone; what the server would have to be asked for comes
// from a Lookup that answers from memory at once.
package complete

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
	Other  Kind = iota // free text, a number: nothing to offer
	Path               // a znode path
	Choice             // one of Arg.Words
	ACL                // scheme:id:perms[,scheme:id:perms...]
	Name               // the name of a command (help)
)

// Word is one value of a choice.
type Word struct {
	Text    string
	Summary string
}

// Suggestion is one way to go on. Accepting it replaces the bytes [Start, cursor) of the line by Text.
type Suggestion struct {
	Start   int    // byte offset in the line
	Text    string // replacement, quotes included when the argument needs them
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

// Complete returns the suggestions for line with the cursor at byte offset pos, best first.
func Complete(table []Command, line string, pos int, lookup Lookup) []Suggestion {
	return nil
}
