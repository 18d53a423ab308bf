package command

import (
	"fmt"
	"strings"
)

// Release is a set of shells: zkcli's own manner and the releases of Apache's
// shell that zkcli can imitate.
type Release uint8

const (
	Release34 Release = 1 << iota // 3.4.14
	Release38                     // 3.8.0
	Release39                     // 3.9.5
	Own                           // zkcli itself

	Apache  = Release34 | Release38 | Release39
	Since38 = Release38 | Release39 | Own
	Since39 = Release39 | Own
	Every   = Apache | Own
)

// Compat says in which manner results are printed. It chooses texts, streams
// and exit codes; what is sent to the server never depends on it. A command or
// flag that a release did not have is unknown in its manner.
type Compat struct {
	Name    string  // "" for zkcli's own manner, else "3.4", "3.8", "3.9"
	Release Release // one bit: picks commands, flags and usage texts

	// Noise: "Connecting to …", the welcome lines, session events on stdout,
	// "Not connected" on stdout after everything that needs a session.
	Noise bool
	// ClosedEvent: closing is told by an event state:Closed rather than by the
	// session's id on stderr.
	ClosedEvent bool
	// EventZxid ends event lines with the zxid.
	EventZxid bool
	// CreatedOnStderr: "Created /p" is not a result.
	CreatedOnStderr bool
	// StatOnStderr, and StatAlways for get, set and setAcl without -s.
	StatOnStderr, StatAlways bool
	// Unsorted: children in the server's order.
	Unsorted bool
	// ShortQuota: quota lines hold count and bytes alone.
	ShortQuota bool
	// QuotaComment: setquota repeats its arguments on stderr.
	QuotaComment bool
	// SilentMisuse: too few arguments do nothing, without a word.
	SilentMisuse bool
	// UsageDump: an unknown command prints the usage of all.
	UsageDump bool
	// JavaNames: messages carry the names of the exceptions they come from.
	JavaNames bool
	// Deprecations: notices about the 3.4 forms of get, ls, stat and delete.
	Deprecations bool
	// NullAsText: the missing data of a znode is the text null also where it is
	// to be encoded.
	NullAsText bool
	// AnyWatchWord: whatever follows the path of get, ls and stat means a watch.
	AnyWatchWord bool
	// GluedACLErrors: the failures of setAcl -R go to stdout without line
	// breaks and are forgotten.
	GluedACLErrors bool
	// SyncReturned: sync prints "Sync returned 0".
	SyncReturned bool
	// AuthUnheard: addauth does not wait for the server's verdict.
	AuthUnheard bool
	// RedoOnStdout: what redo refuses is told on stdout.
	RedoOnStdout bool
	// Quitting: quit says so.
	Quitting bool
	// LineNoise: a blank line and a # are commands like any other word.
	LineNoise bool
	// Exits is how failures become exit codes.
	Exits ExitRule
	// NoAuthText begins the line for NoAuth.
	NoAuthText string
}

// ExitRule is how failures become exit codes.
type ExitRule uint8

const (
	ExitOwn    ExitRule = iota // every failure counts; 3 and 4 for lost connections
	ExitApache                 // 1, and 0 for what Apache prints without raising
	ExitNone                   // 0 for whatever the shell caught
)

// Compats are the manners by name, "" first.
var compats = []Compat{
	{
		Release: Own, EventZxid: true, NoAuthText: "Insufficient permission : ",
	},
	{
		Name: "3.4", Release: Release34,
		Noise: true, CreatedOnStderr: true, StatOnStderr: true, StatAlways: true, Unsorted: true,
		ShortQuota: true, QuotaComment: true, SilentMisuse: true, UsageDump: true, JavaNames: true,
		AnyWatchWord: true, SyncReturned: true, AuthUnheard: true, RedoOnStdout: true, Quitting: true,
		LineNoise: true, Exits: ExitNone, NoAuthText: "Authentication is not valid : ",
	},
	{
		Name: "3.8", Release: Release38,
		Noise: true, ClosedEvent: true, CreatedOnStderr: true, UsageDump: true, JavaNames: true,
		Deprecations: true, AnyWatchWord: true, GluedACLErrors: true, AuthUnheard: true, NullAsText: true,
		LineNoise: true, Exits: ExitApache, NoAuthText: "Insufficient permission : ",
	},
	{
		Name: "3.9", Release: Release39,
		Noise: true, ClosedEvent: true, EventZxid: true, CreatedOnStderr: true, UsageDump: true, JavaNames: true,
		Deprecations: true, AnyWatchWord: true, GluedACLErrors: true, AuthUnheard: true, NullAsText: true,
		LineNoise: true, Exits: ExitApache, NoAuthText: "Insufficient permission : ",
	},
}

// CompatFor finds a manner by name; "" is zkcli's own.
func CompatFor(name string) (*Compat, error) {
	var names []string
	for i := range compats {
		if compats[i].Name == name {
			c := compats[i]
			return &c, nil
		}
		if compats[i].Name != "" {
			names = append(names, compats[i].Name)
		}
	}
	return nil, fmt.Errorf("unknown release %q to be compatible with: choose %s", name, strings.Join(names, ", "))
}
