package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"zookit/protocol"
	"zookit/shell/line"
	"zookit/shell/session"
)

// closeTimeout bounds the wait for the server's answer to closeSession.
const closeTimeout = 2 * time.Second

// Dial opens a session with the servers of a connect string. onEvent is called
// as session.Options.OnEvent says.
type Dial func(ctx context.Context, servers string, onEvent func(session.Event)) (Session, error)

// Shell runs command lines. It holds what outlives a command: the session, the
// lines so far, the exit code. Execute and Run are for one goroutine; Prompt,
// Current and the handling of events may be used from any.
type Shell struct {
	Compat  *Compat
	Out     *Console
	Dial    Dial
	Version string // of this program, for the version command
	Built   string // when, in words; may be empty
	Format  Format // of results

	// Interactive: somebody reads along. Session events are shown then, and
	// Confirm may be asked.
	Interactive bool
	// Confirm asks a person before something large is destroyed. Nil, as in a
	// script, means nobody is asked.
	Confirm func(question string) bool
	// SessionChanged is told that paths may mean something else now. May be nil.
	SessionChanged func()
	// StateChanged is told that the prompt has changed. May be nil.
	StateChanged func()

	mu      sync.Mutex // guards what follows
	servers string
	current Session
	closed  bool // by close: only connect opens a new session
	watches bool // printwatches
	lines   int  // executed so far

	history map[int]string
	exit    int
	quit    bool
}

// New is a Shell for the servers of a connect string. It connects when the
// first command needs it.
func New(compat *Compat, out *Console, dial Dial, servers string) *Shell {
	return &Shell{Compat: compat, Out: out, Dial: dial, servers: servers, watches: true, history: map[int]string{}}
}

// Exit is the exit code of the last command.
func (s *Shell) Exit() int { return s.exit }

// Done tells whether quit was executed.
func (s *Shell) Done() bool { return s.quit }

// Execute runs one line of input and returns its exit code. An empty line is
// none. In zkcli's own manner neither are blank lines and those that begin
// with #.
func (s *Shell) Execute(ctx context.Context, text string) int {
	if text == "" {
		return s.exit
	}
	trimmed := strings.TrimSpace(text)
	if !s.Compat.LineNoise && (trimmed == "" || trimmed[0] == '#') {
		return s.exit
	}
	args := line.Words(text)
	if trimmed == "" {
		// To Apache a line of blanks is a command whose name is its last.
		args = []string{text[len(text)-1:]}
	}
	s.history[s.count()] = text
	s.run(ctx, args)
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
	s.run(ctx, args)
	return s.exit
}

func (s *Shell) run(ctx context.Context, args []string) {
	cmd, err := s.execute(ctx, args)
	s.settle(ctx)
	if err == nil {
		s.exit = ExitOK
	} else if !errors.Is(err, errQuit) {
		s.fail(cmd, err)
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
	if text != "" {
		s.Out.Warn(text)
	}
	s.exit = exit
}

// execute finds the command, splits its flags from its arguments and runs it.
func (s *Shell) execute(ctx context.Context, args []string) (*Command, error) {
	if len(args) == 0 {
		return nil, &Failure{Text: "No command entered"}
	}
	cmd := Lookup(s.Compat, args[0])
	if cmd == nil {
		return nil, s.notFound(args[0])
	}
	c := &Context{Context: ctx, Shell: s, Compat: s.Compat, Command: cmd, Args: args[1:], flags: map[string]string{}}
	if s.Compat.Noise && !cmd.Local && s.isClosed() {
		s.Out.Print([]byte("Not connected\n"))
		return cmd, nil
	}
	if !cmd.RawArgs {
		p, err := parseFlags(cmd.FlagsIn(s.Compat), args[1:], cmd.OneOf, cmd.Required)
		if err != nil {
			return cmd, err
		}
		c.Args, c.flags = p.args, p.values
	}
	if len(c.Args) < cmd.Min {
		return cmd, errUsage
	}
	if s.Compat.Release == Own && cmd.Max > 0 && len(c.Args) > cmd.Max {
		return cmd, errUsage
	}
	err := c.partly(cmd.Run(c))
	c.endEmit(err)
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
	if guess := Suggest(s.Compat, name); guess != "" {
		text += fmt.Sprintf(" (did you mean %q? \"help\" lists all)", guess)
	} else {
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

func (s *Shell) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Current is the open session, or nil.
func (s *Shell) Current() Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Prompt is the text before the line: servers as given, state of the session,
// number of the line.
func (s *Shell) Prompt() string {
	s.mu.Lock()
	servers, current, closed, lines := s.servers, s.current, s.closed, s.lines
	s.mu.Unlock()
	state := session.StateConnecting
	switch {
	case closed:
		state = session.StateClosed
	case current != nil:
		state = current.State()
	}
	return fmt.Sprintf("[zk: %s(%s) %d] ", servers, state, lines)
}

// session is the open session, or a new one unless close was said.
func (s *Shell) session(ctx context.Context) (Session, error) {
	s.mu.Lock()
	current, closed, servers := s.current, s.closed, s.servers
	s.mu.Unlock()
	switch {
	case current != nil:
		return current, nil
	case closed:
		return nil, errNotConnected
	}
	opened, err := s.Dial(ctx, servers, s.onEvent)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.current = opened
	s.mu.Unlock()
	if s.SessionChanged != nil {
		s.SessionChanged()
	}
	return opened, nil
}

// NeverConnected tells that no session has been opened since the start or the
// last connect.
func (s *Shell) NeverConnected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current == nil && !s.closed
}

// settle lets the events that have arrived be printed first, so that what a
// script prints is in the order in which it happened.
func (s *Shell) settle(ctx context.Context) {
	if open := s.Current(); open != nil {
		open.Settle(ctx)
	}
}

// Connect opens the session now instead of with the first command that needs
// it.
func (s *Shell) Connect(ctx context.Context) error {
	_, err := s.session(ctx)
	return err
}

// connectTo closes the session and opens one with other servers. When that
// fails the next command tries again.
func (s *Shell) connectTo(ctx context.Context, servers string) error {
	s.closeSession(true)
	s.mu.Lock()
	s.servers, s.closed = servers, false
	s.mu.Unlock()
	return s.Connect(ctx)
}

// Close ends the session, if there is one, when the shell ends. Announce tells
// the session's id (or, as Apache does, an event).
func (s *Shell) Close(announce bool) { s.closeSession(announce) }

// closeSession ends the session without the command's context: the user's
// interrupt must not leave ephemerals behind.
func (s *Shell) closeSession(announce bool) {
	s.mu.Lock()
	open := s.current
	s.current = nil
	s.mu.Unlock()
	if open == nil {
		if announce && s.Compat.ClosedEvent && !s.isClosed() && !s.quit {
			s.closedEvent() // Apache's shell would have connected by now
		}
		return
	}
	id := open.SessionID()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := open.Close(ctx)
	if s.SessionChanged != nil {
		s.SessionChanged()
	}
	switch {
	case err != nil && s.Compat.Release == Own:
		s.Out.Warn(err.Error())
	case !announce:
	case s.Compat.ClosedEvent:
		s.closedEvent()
	case s.Compat.Release == Own && id != 0:
		s.Out.Note(fmt.Sprintf("Session %v closed", id))
	}
}

func (s *Shell) closedEvent() {
	s.event(session.Event{Type: protocol.EventNone, State: session.Closed, Zxid: -1})
}

// onEvent prints what the session tells. In zkcli's own manner a script's
// stdout gets the events of znodes alone; what happens to the connection is
// news for stderr, and its being there is none.
func (s *Shell) onEvent(e session.Event) {
	s.mu.Lock()
	on := s.watches
	s.mu.Unlock()
	if e.Type == protocol.EventNone && s.StateChanged != nil {
		defer s.StateChanged()
	}
	switch {
	case e.State == session.Closed && e.Type == protocol.EventNone:
		// told by whoever closed it
	case e.Note != "":
		if s.Compat.Release == Own {
			s.Out.Note(e.Note)
		}
	case !on:
	case e.Type != protocol.EventNone || s.Compat.Noise:
		s.event(e)
	default:
		if text := newsOf(e, s.Interactive); text != "" {
			s.Out.Note(text)
		}
	}
}

func (s *Shell) event(e session.Event) {
	s.mu.Lock()
	on := s.watches
	s.mu.Unlock()
	if !on {
		return
	}
	state := e.State
	if state == "" {
		state = session.SyncConnected
	}
	zxid := e.Zxid
	if e.Type == protocol.EventNone {
		zxid = -1
	}
	s.Out.Event(state, e.Type.String(), e.Path, zxid, s.Compat.EventZxid)
}

// newsOf puts a change of the connection into words; "" when it is not worth
// them.
func newsOf(e session.Event, interactive bool) string {
	switch e.State {
	case session.Disconnected:
		if interactive { // elsewhere the command that misses it says so
			return "connection lost; trying to reconnect"
		}
	case session.SyncConnected:
		if interactive {
			return fmt.Sprintf("connected, session %v", e.Session)
		}
	case session.ConnectedReadOnly:
		return fmt.Sprintf("connected to a read-only server, session %v", e.Session)
	case session.AuthFailed:
		return "authentication failed"
	case session.Expired:
		text := fmt.Sprintf("session %v expired; going on in a new one", e.Session)
		if len(e.LostEphemerals) > 0 {
			text += "; ephemeral znodes lost: " + strings.Join(e.LostEphemerals, " ")
		}
		if len(e.LostWatches) > 0 {
			names := make([]string, len(e.LostWatches))
			for i, w := range e.LostWatches {
				names[i] = w.String()
			}
			text += "; watches lost: " + strings.Join(names, ", ")
		}
		return text
	}
	return ""
}
