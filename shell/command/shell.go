package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"zookit/shell/journal"
	"zookit/shell/line"
)

// Shell runs command lines. It holds what outlives a command: the session, the
// lines so far, the exit code. Execute and Run are for one goroutine; Prompt,
// Current and the handling of events may be used from any.
type Shell struct {
	Compat *Compat
	Out    *Console
	Dial   Dial
	// TLS is Profile.TLS of servers that no profile names. May be nil.
	TLS     func(context.Context) (*tls.Config, error)
	Version string // of this program, for the version command
	Built   string // when, in words; may be empty
	Format  Format // of results

	// Interactive: somebody reads along. Session events are shown then, and
	// Confirm may be asked.
	Interactive bool
	// Confirm asks a person before something large is destroyed. Nil, as in a
	// script, means nobody is asked.
	Confirm func(question string) bool
	// AskWord asks for a word to be typed, for protected profiles; false when
	// there was no answer. May be nil.
	AskWord func(question string) (string, bool)
	// AskSecret asks for a secret, which the terminal does not show; false when
	// there was no answer. Nil where there is no terminal to ask at.
	AskSecret func(ctx context.Context, question string) (string, bool)
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Yes answers every question, as -y does.
	Yes bool
	// Pager shows long results; nil means none.
	Pager *Pager
	// Stop ends a line of several commands at the first that fails.
	Stop bool
	// Foreground gives the terminal to an external program: what it writes to,
	// and what to call when it has ended. Nil means stdout as it is.
	Foreground func() (stdout io.Writer, done func())
	// Journal keeps changes for undo. Nil keeps none.
	Journal *journal.Journal
	// FullScreen runs a program on the whole window of the terminal. Nil: there
	// is no terminal.
	FullScreen FullScreen
	// SessionChanged is told that paths may mean something else now. May be nil.
	SessionChanged func()
	// StateChanged is told that the prompt has changed. May be nil.
	StateChanged func()

	// Profiles finds a profile by its name: nil, nil when there is none. May be
	// nil, as may ProfileNames, which lists them.
	Profiles     func(name string) (*Profile, error)
	ProfileNames func() []string
	// OpenSource opens an offline source: what follows file: in a target or a
	// connect string. May be nil.
	OpenSource func(ctx context.Context, source string) (Session, error)

	// AskTimeout bounds a question to one server about itself; 0 is
	// probe.DefaultTimeout.
	AskTimeout time.Duration

	// Stdin is what - reads; nil where the commands come from there.
	Stdin io.Reader
	// Edit runs the user's editor on a file and returns when it has ended. Nil
	// where there is none.
	Edit func(file string) error

	mu      sync.Mutex // guards what follows
	conns   []*connection
	conn    *connection // of conns: commands work on it
	watches bool        // printwatches
	lines   int         // executed so far
	text    *hereText   // being read

	txn     *transaction // between multi and commit or abort; nil otherwise
	queued  atomic.Int32 // operations in txn, 1 more while there is one
	history map[int]string
	literal map[string]bool // words of the line that stand between quotation marks
	exit    int
	quit    bool
}

// New is a Shell for the servers of a connect string. It connects when the
// first command needs it.
func New(compat *Compat, out *Console, dial Dial, servers string) *Shell {
	return NewFor(compat, out, dial, &Profile{Servers: servers})
}

// NewFor is New for a profile.
func NewFor(compat *Compat, out *Console, dial Dial, p *Profile) *Shell {
	first := &connection{profile: p}
	return &Shell{Compat: compat, Out: out, Dial: dial, conns: []*connection{first}, conn: first, watches: true, history: map[int]string{}}
}

// Exit is the exit code of the last command.
func (s *Shell) Exit() int { return s.exit }

// Done tells whether quit was executed.
func (s *Shell) Done() bool { return s.quit }

// Execute runs one line of input and returns its exit code. An empty line is
// none. In zkcli's own manner neither are blank lines and those that begin
// with #.
func (s *Shell) Execute(ctx context.Context, text string) int {
	if s.InText() {
		return s.hereLine(ctx, text)
	}
	if text == "" {
		return s.exit
	}
	trimmed := strings.TrimSpace(text)
	if !s.Compat.LineNoise && (trimmed == "" || trimmed[0] == '#') {
		return s.exit
	}
	s.history[s.count()] = text
	s.literal = quotedWords(text)
	if s.Compat.Release == Own {
		s.statements(ctx, text)
		if s.InText() {
			return s.exit
		}
	} else {
		args := line.Words(text)
		if trimmed == "" {
			// To Apache a line of blanks is a command whose name is its last.
			args = []string{text[len(text)-1:]}
		}
		s.run(ctx, args, nil)
	}
	s.mu.Lock()
	s.lines++
	s.mu.Unlock()
	return s.exit
}

// Run runs one command given as words and returns its exit code.
func (s *Shell) Run(ctx context.Context, args []string) int {
	if s.Compat.Release == Own {
		s.history[s.count()] = strings.Join(args, " ")
	}
	s.literal = nil
	s.run(ctx, args, nil)
	return s.exit
}

func (s *Shell) run(ctx context.Context, args []string, here []byte) {
	cmd, err := s.execute(ctx, args, here)
	s.settle(ctx)
	if err == nil {
		s.exit = ExitOK
	} else if !errors.Is(err, errQuit) {
		s.fail(cmd, err)
		if text := s.hint(ctx, cmd, err); text != "" {
			s.Out.Note(text)
		}
	}
	if err := s.Out.Flush(); err != nil {
		if !errors.Is(err, syscall.EPIPE) { // whoever read it has had enough
			s.Out.Warn("stdout: " + err.Error())
		}
		s.exit = ExitFailed
	}
}

func (s *Shell) fail(cmd *Command, err error) {
	text, exit := s.Compat.Describe(cmd, err)
	if cmd != nil && cmd.Trouble != 0 && exit != ExitInterrupted && !errors.Is(err, errDiffer) {
		exit = cmd.Trouble
	}
	if text != "" {
		s.Out.Warn(text)
	}
	s.exit = exit
}

// execute finds the command, splits its flags from its arguments and runs it.
// Here is the text below its line, nil when there is none.
func (s *Shell) execute(ctx context.Context, args []string, here []byte) (*Command, error) {
	if len(args) == 0 {
		return nil, &Failure{Text: "No command entered"}
	}
	args, before := s.leading(args)
	cmd := Lookup(s.Compat, args[0])
	if cmd == nil {
		return nil, s.notFound(args[0])
	}
	c := &Context{Context: ctx, Shell: s, Compat: s.Compat, Command: cmd, Args: args[1:], flags: map[string]string{}, literal: s.literal, line: args, hereText: here}
	if s.Compat.Noise && !cmd.Local && s.isClosed() {
		s.Out.Print([]byte("Not connected\n"))
		return cmd, nil
	}
	if cmd.In == Own {
		c.Args = shortened(cmd, c.Args)
	}
	p, err := s.split(cmd, c.Args)
	if err != nil {
		return cmd, err
	}
	c.Args, c.flags, c.tail = p.args, p.values, p.tail
	for _, given := range []struct {
		flags []Flag
		p     *parsed
	}{{globalFlags, before}, {cmd.GlobalFlags(s.Compat), p}} {
		back, err := s.apply(cmd, given.flags, given.p)
		defer back()
		if err != nil {
			return cmd, err
		}
	}
	if len(c.Args) < cmd.Min {
		return cmd, errUsage
	}
	if s.Compat.Release == Own && cmd.Max > 0 && len(c.Args) > cmd.Max {
		return cmd, errUsage
	}
	defer s.page(cmd)()
	err = c.partly(c.runEach())
	if errors.Is(err, errQueued) {
		err = nil
	}
	c.keepChanges()
	err = c.endEmit(err)
	if err == nil && s.Compat.Noise && cmd.Local && s.isClosed() {
		s.Out.Print([]byte("Not connected\n")) // Apache goes on to where a session is needed
	}
	return cmd, err
}

// notFound is the failure of an unknown command. Apache prints the usage of
// all of them, and says "Command not found" twice in one line.
func (s *Shell) notFound(name string) error {
	if s.Compat.UsageDump {
		text := usageDump(s.Compat)
		if s.Compat.Release != Release34 {
			text += "\nCommand not found: Command not found " + name
		}
		return &Failure{Text: text, Exit: ExitNotFound}
	}
	text := "Command not found: " + name
	profile := ""
	if s.ProfileNames != nil && s.Compat.Release == Own {
		profile = nearest(name, s.ProfileNames())
	}
	switch guess := Suggest(s.Compat, name); {
	case profile != "" && (guess == "" || distance(name, profile) <= distance(name, guess)):
		text += fmt.Sprintf(" (did you mean the profile %q? At the prompt \"use %[1]s\" goes there)", profile)
	case guess != "":
		text += fmt.Sprintf(" (did you mean %q? \"help\" lists all)", guess)
	default:
		text += " (\"help\" lists what there is)"
	}
	return &Failure{Text: text, Exit: ExitNotFound}
}

// usageDump is the syntax of all commands (ZooKeeperMain.usage).
func usageDump(compat *Compat) string {
	var b strings.Builder
	b.WriteString("ZooKeeper -server host:port ")
	if compat.Release != Release34 {
		b.WriteString("-client-configuration properties-file ")
	}
	b.WriteString("cmd args")
	for _, c := range Table(compat) {
		b.WriteString("\n\t" + c.Syntax(compat))
	}
	return b.String()
}

// count is how many lines have been executed.
func (s *Shell) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines
}
