// Package command is the shell's command table, one file a command, and what
// all commands share: the flag grammar, the texts of errors, the manners of
// Apache's releases (Compat) and the Shell that runs a line.
//
// Behaviour and texts are those of Apache's shell (ZooKeeperMain.java and the
// classes of org.apache.zookeeper.cli in 3.4.14, 3.8.0 and 3.9.5). The package
// neither parses the program's options nor knows the terminal: package shell
// does the one, shell/repl the other.
package command

import (
	"sort"
	"strings"
)

// Command is one entry of the table.
type Command struct {
	Name    string
	Aliases []string // other names of zkcli's own manner
	In      Release  // the releases that have it; 0 means all
	Usage   Usage
	Flags   []Flag
	Args    []Arg // for completion, in order; of the last one with Repeat, any number
	Summary string
	Help    string // what the summary leaves out; may be empty
	Example []string

	OneOf    bool   // the flags exclude one another
	Required bool   // one of the flags must be given
	RawArgs  bool   // the arguments are not looked through for flags
	Min      int    // arguments without which the command is misused
	Max      int    // most arguments it makes sense of in zkcli's own manner; 0 means any number
	Local    bool   // needs no session: never dials
	Old      bool   // an old name of another command: neither offered nor guessed
	Unpaged  bool   // its results do not end by themselves, or it has the terminal: no pager
	Data     int    // the argument that is data and may be @FILE, - or <<WORD (see Context.Data); 0 means none
	Secret   int    // number of the word, from 1, from which on the arguments are not for the history; 0 means none
	Tail     string // a flag that is followed by a command, up to a ; or the end
	Changes  bool   // it changes the znode it is run for: a person is asked first when many match a pattern
	Many     bool   // its paths may be patterns that it asks for itself (Context.Paths); others are run for each match
	Titled   bool   // run for several znodes, each result stands below the znode's path

	// Trouble is the exit code of failures where 1 says something else; 0: none.
	Trouble int

	Run func(*Context) error
}

// Usage is the syntax after the command's name, as each release prints it.
// An empty text falls back to the next newer release's.
type Usage struct{ R34, R38, R39, Own string }

// ArgKind says what an argument looks like, for completion.
type ArgKind int

const (
	AnyArg        ArgKind = iota // free text, a number
	PathArg                      // a znode path
	ChoiceArg                    // one of Arg.Words
	ACLArg                       // scheme:id:perms[,…]
	CommandArg                   // the name of a command, or a topic of help
	VerbArg                      // a command to be run
	ConnectionArg                // a connection or a profile
	TargetArg                    // a znode path, perhaps on another connection: prod:/app
	SessionArg                   // the id of a session
	FileArg                      // a file of this machine
	ServerArg                    // a server of the ensemble, host:port
	ChangeArg                    // the number of a change that undo can take back
	HolderArg                    // a znode path, or the id of a session
)

// Arg describes one positional argument.
type Arg struct {
	Name   string
	Kind   ArgKind
	Words  []Word
	Repeat bool
	New    bool // a path that need not be there: no pattern
}

// A Word is one value of a choice.
type Word struct {
	Text string
	Help string // one line; may be empty
}

// wordsOf are values that explain themselves.
func wordsOf(texts ...string) []Word {
	words := make([]Word, len(texts))
	for i, t := range texts {
		words[i].Text = t
	}
	return words
}

// in tells whether a release has what is marked with set; 0 means all have it.
func (r Release) in(set Release) bool { return set == 0 || set&r != 0 }

// Syntax is the command's name and what follows it, in the words of the
// release. Apache leaves a blank after a name that nothing follows.
func (c *Command) Syntax(compat *Compat) string {
	own, r39 := c.Usage.Own, c.Usage.R39
	r38 := c.Usage.R38
	if r39 == "" {
		r39 = r38
	}
	if own == "" {
		own = r39
	}
	if r38 == "" {
		r38 = r39
	}
	text := own
	switch compat.Release {
	case Release34:
		if text = c.Usage.R34; text == "" {
			text = r38
		}
	case Release38:
		text = r38
	case Release39:
		text = r39
	}
	if compat.Release == Own {
		return strings.TrimRight(c.Name+" "+text, " ")
	}
	return c.Name + " " + text
}

// FlagsIn lists the flags that the release knows.
func (c *Command) FlagsIn(compat *Compat) []Flag {
	flags := make([]Flag, 0, len(c.Flags))
	for _, f := range c.Flags {
		if compat.Release.in(f.In) {
			flags = append(flags, f)
		}
	}
	return flags
}

// Table lists the commands that a manner has, sorted by name as Apache sorts
// them (upper case first).
func Table(compat *Compat) []*Command {
	var list []*Command
	for _, c := range all {
		if compat.Release.in(c.In) {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// Lookup finds a command by its name or, in zkcli's own manner, an alias; nil
// when the manner has none.
func Lookup(compat *Compat, name string) *Command {
	for _, c := range all {
		if !compat.Release.in(c.In) {
			continue
		}
		if c.Name == name {
			return c
		}
		if compat.Release == Own {
			for _, a := range c.Aliases {
				if a == name {
					return c
				}
			}
		}
	}
	return nil
}

// Suggest names the command that was probably meant, or "".
func Suggest(compat *Compat, name string) string {
	best, bestAt := "", 3
	low := strings.ToLower(name)
	for _, c := range Table(compat) {
		if c.Old {
			continue
		}
		target := strings.ToLower(c.Name)
		d := distance(low, target)
		if len(low) >= 3 && strings.HasPrefix(target, low) {
			d = min(d, 1)
		}
		if d < bestAt && d < len(target) {
			best, bestAt = c.Name, d
		}
	}
	return best
}

// distance counts the single-character insertions, deletions, replacements and
// swaps of neighbours between two words; 9 for words too long to be one.
func distance(a, b string) int {
	if len(a) > 32 || len(b) > 32 {
		return 9
	}
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
