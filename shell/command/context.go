package command

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"zookit/protocol"
	"zookit/shell/render"
	"zookit/shell/session"
)

// Session is what commands ask of a session; *session.Session is one. Paths
// are the user's, without the chroot.
type Session interface {
	Create(ctx context.Context, path string, data []byte, acl []protocol.ACL, flags protocol.CreateFlag, ttlMs int64) (string, *protocol.Stat, error)
	Delete(ctx context.Context, path string, version int32) error
	Exists(ctx context.Context, path string, watch bool) (*protocol.Stat, error)
	Get(ctx context.Context, path string, watch bool) ([]byte, *protocol.Stat, error)
	Set(ctx context.Context, path string, data []byte, version int32) (*protocol.Stat, error)
	GetACL(ctx context.Context, path string) ([]protocol.ACL, *protocol.Stat, error)
	SetACL(ctx context.Context, path string, acl []protocol.ACL, version int32) (*protocol.Stat, error)
	Children(ctx context.Context, path string, watch bool) ([]string, *protocol.Stat, error)
	Sync(ctx context.Context, path string) error
	Multi(ctx context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error)
	AddAuth(ctx context.Context, scheme string, auth []byte) error
	AddWatch(ctx context.Context, path string, recursive bool) error
	RemoveWatches(ctx context.Context, path string, kind protocol.WatcherType, local bool) error
	GetEphemerals(ctx context.Context, prefix string) ([]string, error)
	GetAllChildrenNumber(ctx context.Context, path string) (int, error)
	WhoAmI(ctx context.Context) ([]protocol.ClientInfo, error)
	Config(ctx context.Context, watch bool) ([]byte, *protocol.Stat, error)
	Reconfig(ctx context.Context, change *protocol.ReconfigRequest) ([]byte, *protocol.Stat, error)

	Chroot() string
	Absolute() Session // the same session without the chroot
	State() session.State
	SessionID() protocol.SessionID
	Settle(ctx context.Context) // until the events that have arrived are told
	Server() string             // host:port of the connection, "" when there is none
	Close(ctx context.Context) error
}

// Context is one run of a command. It ends when the user interrupts it.
type Context struct {
	context.Context
	Shell   *Shell
	Compat  *Compat
	Command *Command
	Args    []string // without the command's name and its flags
	flags   map[string]string
	wrote   atomic.Bool // something was written
	emitted int         // records printed
	handed  bool        // another command ran in its place and printed its own
	rows    tableRows   // records of FormatTable that wait to be printed
	line    []string    // the words of the line
	columns int         // of the terminal; 0 when it was not asked or does not tell

	recording sync.Mutex
	recorders []*recorder // one a connection; guarded by recording
	refused   int         // znodes named by refuse
	refusal   error       // of the first

	tail    []string        // the command behind Command.Tail
	literal map[string]bool // arguments that are no patterns
	mended  bool            // the line of zoo.cfg that lets servers tell more was shown

	unheard bool // it runs behind the scenes: notes are not printed

	hereText []byte // the lines below the command's, nil when it has none

	asking    sync.Mutex        // one question at a time
	permitted map[*Profile]bool // protected profiles whose name was typed; guarded by asking
}

// Has tells whether a flag was given.
func (c *Context) Has(flag string) bool { _, ok := c.flags[flag]; return ok }

// FlagValue is the value of a flag, "" when it was not given.
func (c *Context) FlagValue(flag string) string { return c.flags[flag] }

// Session is the open session; the first command that needs one makes it.
func (c *Context) Session() (Session, error) { return c.open(c.Shell.here()) }

// Open is the session and the path that the first argument is, for the many
// commands on one znode; the root when there is none. The path is checked first:
// a wrong one dials nobody.
func (c *Context) Open() (Session, string, error) {
	if len(c.Args) == 0 {
		s, err := c.Session()
		return s, "/", err
	}
	return c.Target(c.Args[0])
}

// Tables tells whether results may be laid out as tables.
func (c *Context) Tables() bool {
	return c.Compat.Release == Own && (c.Shell.Out.OutTerminal || c.Shell.Format == FormatTable)
}

// PrintTable prints rows under a header, as the terminal's width allows
// (render.FitTable): spare are columns that may be left out, the least
// important first.
func (c *Context) PrintTable(header []string, rows [][]string, spare ...string) error {
	b, err := render.FitTable(header, rows, c.width(), spare)
	if err == nil {
		c.Shell.settle(c)
		c.Shell.Out.PrintStyled(b)
	}
	return err
}

// width is how many columns results may take, 0 when there is no limit. The
// terminal is asked once a command.
func (c *Context) width() int {
	out := c.Shell.Out
	if c.columns == 0 && out.OutTerminal && out.Width != nil {
		c.columns = out.Width()
	}
	return c.columns
}

// Printf writes to stdout. On a terminal what is not text is made visible.
func (c *Context) Printf(format string, args ...any) {
	c.Print(fmt.Appendf(nil, format, args...))
}

// Print writes to stdout, behind the events that came before the result. On a
// terminal what is not text is made visible.
func (c *Context) Print(b []byte) {
	c.Shell.settle(c)
	c.Shell.Out.Print(b)
}

// PrintLines writes data laid out for a person to stdout: made visible
// wherever it goes, coloured where colour is wanted.
func (c *Context) PrintLines(lines []render.Line) {
	c.Shell.settle(c)
	c.Shell.Out.PrintStyled(c.Shell.Out.OutStyle.AppendLines(nil, lines))
}

// Warn writes a line to stderr.
func (c *Context) Warn(text string) { c.Shell.Out.Warn(text) }

// note prints what is no failure, unless nobody asked.
func (c *Context) note(text string) {
	if !c.unheard {
		c.Shell.Out.Note(text)
	}
}

// PrintStat writes the Stat where the release puts it.
func (c *Context) PrintStat(st *protocol.Stat) {
	c.Shell.settle(c)
	b := render.AppendStat(nil, st, c.Shell.Out.location())
	if c.Compat.StatOnStderr {
		c.Shell.Out.Warn(string(b[:len(b)-1]))
		return
	}
	c.Shell.Out.PrintStat(b)
}

// versionFlag is the value of -v, or the positional argument at i that the 3.4
// shell took for it, or −1 (any version).
//
// Differs from Apache: 3.5 and later ignore the positional version and write
// unconditionally, which loses updates; it is honoured here.
func (c *Context) versionFlag(i int) (int32, error) {
	text, given := c.flags["v"]
	if !given {
		if i < 0 || len(c.Args) <= i {
			return -1, nil
		}
		text = c.Args[i]
	}
	v, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		e := &NumberError{Input: text, What: c.Command.Name + ": the version"}
		if !given {
			e.Hint = "data that contains blanks must be quoted"
		}
		return 0, e
	}
	return int32(v), nil
}

// watchAsked tells whether get, ls or stat shall set a watch: with -w, or in
// the 3.4 form, a word behind the path.
func (c *Context) watchAsked() (bool, error) {
	if len(c.Args) < 2 {
		return c.Has("w"), nil
	}
	if c.Compat.Deprecations {
		c.Warn("'" + c.Command.Name + " path [watch]' has been deprecated. Please use '" + c.Command.Name +
			map[string]string{"get": " [-s] [-w] path", "ls": " [-w] path", "stat": " [-w] path"}[c.Command.Name] + "' instead.")
	}
	if c.Compat.AnyWatchWord {
		return true, nil
	}
	switch c.Args[1] {
	case "watch", "true", "1":
		return true, nil
	}
	return false, &Failure{Text: fmt.Sprintf("%s: what is %q behind the path? Only the word watch can stand there; a name with blanks must be quoted",
		c.Command.Name, c.Args[1])}
}
