package command

import (
	"fmt"
	"strings"

	"zookit/shell/render"
	"zookit/shell/session"
)

// Words of zkcli's own prompt beside those of session.State.
const (
	stateSuspended = "SUSPENDED" // the connection is lost, the session may still live
	stateExpired   = "EXPIRED"   // the session is gone; nothing was done about its watches yet
)

// Prompt is the text before the line: the profile or the servers as given, the
// state of the session, the number of the line. Where that is not plain from
// the name, the state is followed by the server that serves it; a path that cd
// went to stands behind both.
func (s *Shell) Prompt() string {
	s.mu.Lock()
	here, lines, inText := *s.conn, s.lines, s.text != nil
	s.mu.Unlock()
	if inText {
		return "> "
	}
	inMulti := ""
	if n := s.queued.Load(); n > 0 {
		inMulti = fmt.Sprintf(" multi %d", n-1)
	}
	where := ""
	if dir := here.dirOrRoot(); dir != "/" && s.Compat.Release == Own {
		where = shortPath(dir) + " "
	}
	name := here.profile.Label()
	if s.Compat.Release == Own {
		name = shortServers(name)
	}
	return fmt.Sprintf("[zk: %s(%s) %s%d%s] ", name, s.stateOf(&here), where, lines, inMulti)
}

// shortServers is a connect string with the first of several servers alone: the
// state says which of them serves.
func shortServers(list string) string {
	first, rest, several := strings.Cut(list, ",")
	if !several {
		return list
	}
	chroot := ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		chroot = rest[i:]
	}
	return first + ",…" + chroot
}

// promptPath is how much of a path the prompt shows, in characters.
const promptPath = 32

// shortPath is a path, or the end of a long one, as a terminal may show it.
func shortPath(path string) string {
	text := []rune(render.Visible(path))
	if len(text) <= promptPath {
		return string(text)
	}
	return "…" + string(text[len(text)-promptPath+1:])
}

// stateOf is the state of a connection in words. c is the caller's own.
func (s *Shell) stateOf(c *connection) string {
	switch {
	case c.closed:
		return string(session.StateClosed)
	case c.session == nil:
		return string(session.StateConnecting)
	}
	state := c.session.State()
	if s.Compat.Release != Own {
		return string(state)
	}
	text := string(state)
	switch {
	case state == session.StateConnecting && c.session.SessionID() != 0:
		text = stateSuspended
	case c.expired:
		text = stateExpired
	}
	if server := c.session.Server(); server != "" && (c.profile.Name != "" || strings.Contains(c.profile.Servers, ",")) {
		text += " to " + server
	}
	if c.profile.ReadOnly {
		text += ", readonly"
	}
	return text
}
