package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zookit/protocol"
	"zookit/shell/session"
)

// Exit codes of a command (and of zkcli, whose code is that of its last).
const (
	ExitOK           = 0
	ExitFailed       = 1   // failed or misused
	ExitClientConfig = 2   // bad client configuration
	ExitNoConnection = 3   // no connection, nothing was written (Apache: 1)
	ExitUnknown      = 4   // connection lost, something was or may have been written (Apache: 1)
	ExitNotFound     = 127 // unknown command
	ExitInterrupted  = 130
)

// Failure is a command that did not do what it was asked for. Text is the line
// for stderr, lines when Apache prints several. Soft marks what Apache prints
// without raising, so that it exits with 0. Raw texts are whole already.
type Failure struct {
	Text string
	Exit int // 0 means ExitFailed
	Soft bool
	Err  error
}

func (f *Failure) Error() string { return f.Text }
func (f *Failure) Unwrap() error { return f.Err }

// NumberError is an argument that is no number, where Apache's shell dies of
// an uncaught NumberFormatException.
type NumberError struct {
	Input string
	What  string
	Hint  string
}

func (e *NumberError) Error() string {
	text := fmt.Sprintf("%s is not a number: %q", e.What, e.Input)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// errUsage is a command with too few arguments: its syntax is the message.
var errUsage = errors.New("usage")

// errQuit ends the shell.
var errQuit = errors.New("quit")

// errNotConnected: the session was closed and nothing connected since.
var errNotConnected = errors.New("not connected")

// Describe is the text for stderr, without a line break at its end, and the
// exit code of a failed command. An empty text prints nothing.
func (c *Compat) Describe(cmd *Command, err error) (text string, exit int) {
	if e := (*inner)(nil); errors.As(err, &e) {
		cmd = e.cmd
	}
	text, exit, caught := c.describe(cmd, err)
	if e := (*partlyError)(nil); errors.As(err, &e) {
		if exit == ExitNoConnection {
			exit = ExitUnknown
		}
		if c.Release == Own {
			text += "; what the command wrote before stays"
		}
	}
	if c.Exits != ExitOwn && (exit == ExitNoConnection || exit == ExitUnknown) {
		exit = ExitFailed
	}
	switch c.Exits {
	case ExitApache:
		if f := (*Failure)(nil); errors.As(err, &f) && f.Soft {
			exit = ExitOK
		}
	case ExitNone:
		if caught && exit != ExitInterrupted {
			exit = ExitOK
		}
	}
	return text, exit
}

// describe also tells whether 3.4 catches such an error.
func (c *Compat) describe(cmd *Command, err error) (text string, exit int, caught bool) {
	var (
		failure  *Failure
		parse    *ParseError
		number   *NumberError
		path     *protocol.PathError
		op       *session.OpError
		loss     *session.ConnectionLossError
		canceled *session.CanceledError
		servers  *session.ServersError
		connect  *session.ConnectError
		large    *session.TooLargeError
		frozen   *session.FrozenError
	)
	switch {
	case errors.Is(err, errUsage):
		return c.usage(cmd), ExitFailed, true
	case errors.As(err, &canceled):
		return c.interrupted(canceled), ExitInterrupted, true
	case errors.As(err, &failure):
		exit = failure.Exit
		if exit == 0 {
			exit = ExitFailed
		}
		return failure.Text, exit, true
	case errors.As(err, &parse) && cmd != nil:
		if c.JavaNames {
			return "org.apache.commons.cli." + parse.Class + ": " + parse.Text, ExitFailed, true
		}
		return cmd.Name + ": " + parse.Text + c.parseHint(cmd, parse), ExitFailed, true
	case errors.As(err, &number):
		if c.JavaNames {
			return `Exception in thread "main" java.lang.NumberFormatException: For input string: "` + number.Input + `"`, ExitFailed, false
		}
		return number.Error(), ExitFailed, true
	case errors.As(err, &large) && cmd != nil && c.Release == Own:
		return fmt.Sprintf("%s: the request has %d bytes, but a server takes %d (its jute.maxbuffer); nothing was sent. "+
			"Where the server's is larger, say so with -client-configuration FILE and jute.maxbuffer in it",
			strings.TrimSpace(cmd.Name+" "+large.Path), large.Size, large.Limit), ExitFailed, true
	case errors.As(err, &frozen) && cmd != nil:
		return fmt.Sprintf("%s: this profile is readonly, so nothing was sent; \"use\" or \"connect\" turns to one that may write", cmd.Name), ExitFailed, true
	case errors.As(err, &servers):
		return servers.Error(), ExitFailed, false
	case errors.As(err, &path):
		if c.Release == Release34 {
			return "Command failed: java.lang.IllegalArgumentException: " + path.Error(), ExitFailed, true
		}
		return path.Error(), ExitFailed, true
	case errors.As(err, &loss):
		return c.connectionLost(loss)
	case errors.As(err, &connect):
		return c.connectionLost(&session.ConnectionLossError{Reason: connect})
	case errors.Is(err, errNotConnected), errors.Is(err, session.ErrClosed):
		return "Not connected: the session is closed; \"connect\" opens a new one", ExitNoConnection, true
	case errors.As(err, &op):
		text, caught = c.keeperText(op.Code, op.Path)
		if c.Release == Own && op.Code == protocol.Unimplemented {
			text += tooOld(op)
		}
		return text, ExitFailed, caught
	case errors.Is(err, context.Canceled):
		return "interrupted", ExitInterrupted, true
	}
	return err.Error(), ExitFailed, true
}

// keeperText is the message for an error code of the server, and whether 3.4
// catches that one (CliWrapperException.java in 3.9, ZooKeeperMain.processCmd
// in 3.4).
func (c *Compat) keeperText(code protocol.Code, path string) (text string, caught bool) {
	switch code {
	case protocol.NoNode:
		return "Node does not exist: " + path, true
	case protocol.NodeExists:
		return "Node already exists: " + path, true
	case protocol.NotEmpty:
		return "Node not empty: " + path, true
	case protocol.NoChildrenForEphemerals:
		return "Ephemerals cannot have children: " + path, true
	case protocol.NotReadOnly:
		return "Not a read-only call: " + path, true
	case protocol.InvalidACL:
		return "Acl is not valid : " + path, true
	case protocol.NoAuth:
		return c.NoAuthText + path, true
	case protocol.BadArguments:
		return "Arguments are not valid : " + path, true
	case protocol.BadVersion:
		return "version No is not valid : " + path, true
	}
	raw := code.Error()
	if path != "" {
		raw += " for " + path
	}
	if c.Release == Release34 {
		return `Exception in thread "main" org.apache.zookeeper.KeeperException: ` + raw, false
	}
	switch code {
	case protocol.QuotaExceeded:
		return "Quota has exceeded : " + path, true
	case protocol.ReconfigInProgress:
		return "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)", true
	case protocol.NewConfigNoQuorum:
		return "No quorum of new config is connected and up-to-date with the leader of last committed config - " +
			"try invoking reconfiguration after new servers are connected and synced", true
	}
	return raw, true
}

// connectionLost says, in zkcli's own manner, what became of the request.
func (c *Compat) connectionLost(e *session.ConnectionLossError) (text string, exit int, caught bool) {
	exit = ExitNoConnection
	if e.OutcomeUnknown() {
		exit = ExitUnknown
	}
	text, caught = c.keeperText(protocol.ConnectionLoss, e.Path)
	if c.Release != Own {
		return text, exit, caught
	}
	var connect *session.ConnectError
	switch {
	case errors.As(e.Reason, &connect):
		text += ": " + connect.Error()
	case e.Reason != nil:
		text += ": " + e.Reason.Error()
	}
	switch {
	case e.OutcomeUnknown():
		text += "; the request was sent, so it may have been carried out: look before you repeat it"
	case e.Sent:
		text += "; the request only reads, so it can be repeated"
	default:
		text += "; nothing was sent"
	}
	return text, exit, caught
}

func (c *Compat) interrupted(e *session.CanceledError) string {
	switch {
	case e.OutcomeUnknown():
		return "interrupted: the request was sent, so it may have been carried out"
	case e.Sent:
		return "interrupted"
	}
	return "interrupted: nothing was sent"
}

// usage is what misuse prints: the syntax and, where the release has it, the
// list of flags (ZOOKEEPER-4850).
func (c *Compat) usage(cmd *Command) string {
	switch {
	case c.SilentMisuse:
		return ""
	case c.Release == Own:
		return "usage: " + cmd.Syntax(c)
	case c.Release == Release39 && (cmd.Name == "get" || cmd.Name == "set"):
		return cmd.Syntax(c) + "\n" + flagList(cmd.FlagsIn(c))
	}
	return cmd.Syntax(c)
}

// flagList lays flags out as Commons CLI's HelpFormatter does: sorted without
// regard to case, descriptions in one column, a line break at the end.
func flagList(flags []Flag) string {
	sorted := sortedFlags(flags)
	names := make([]string, len(sorted))
	wide := 0
	for i, f := range sorted {
		names[i] = " -" + f.Name
		if f.Arg != "" {
			names[i] += " <arg>"
		}
		wide = max(wide, len(names[i]))
	}
	var b strings.Builder
	for i, f := range sorted {
		fmt.Fprintf(&b, "%-*s   %s\n", wide, names[i], f.Help)
	}
	return b.String()
}

// parseHint helps with data that looks like a flag.
func (c *Compat) parseHint(cmd *Command, e *ParseError) string {
	if e.Class == "UnrecognizedOptionException" && (cmd.Name == "create" || cmd.Name == "set") {
		return ` (data that begins with "-" goes behind "--"); usage: ` + cmd.Syntax(c)
	}
	return "; usage: " + cmd.Syntax(c)
}

// isCode tells whether the server answered with an error code, so that the
// next request may fare better.
func isCode(err error) bool {
	var op *session.OpError
	return errors.As(err, &op)
}
