package command

import (
	"fmt"
	"strings"

	"zookit/protocol"
	"zookit/shell/session"
)

// onEvent prints what a session tells. In zkcli's own manner a script's stdout
// gets the events of znodes alone; what happens to the connection is news for
// stderr, and its being there is none.
func (s *Shell) onEvent(c *connection, e session.Event) {
	s.mu.Lock()
	listener := c.listener
	s.mu.Unlock()
	if listener != nil && listener(&e) {
		return
	}
	s.mu.Lock()
	on, where := s.watches, ""
	if c != s.conn && s.Compat.Release == Own {
		where = c.profile.Label() + ":"
	}
	if e.State == session.Expired && e.Type == protocol.EventNone {
		c.lost = append(c.lost, e.LostWatches...)
		c.expired = len(c.lost) > 0 || len(e.LostEphemerals) > 0
	}
	s.mu.Unlock()
	if e.Type == protocol.EventNone && s.StateChanged != nil {
		defer s.StateChanged()
	}
	switch {
	case e.State == session.Closed && e.Type == protocol.EventNone:
		// told by whoever closed it
	case e.Note != "":
		if s.Compat.Release == Own {
			s.Out.Note(spaced(where) + e.Note)
		}
	case !on:
	case e.Type != protocol.EventNone || s.Compat.Noise:
		s.event(where, e)
	default:
		if text := newsOf(e, s.Interactive); text != "" {
			s.Out.Note(spaced(where) + text)
		}
	}
}

// spaced puts a blank behind the name of another connection.
func spaced(where string) string {
	if where == "" {
		return ""
	}
	return where + " "
}

// event prints an event; where is put before its path.
func (s *Shell) event(where string, e session.Event) {
	if !s.printsWatches() {
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
	path := e.Path
	if path != "" {
		path = where + path
	}
	s.Out.Event(state, e.Type.String(), path, zxid, s.Compat.EventZxid)
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
			if interactive {
				text += " (Alt-W or \"rewatch\" sets them again)"
			}
		}
		return text
	}
	return ""
}
