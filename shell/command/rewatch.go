package command

import (
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/shell/session"
)

var rewatch = &Command{
	Name:    "rewatch",
	In:      Own,
	Summary: "set the watches again that ended with an expired session",
	Help: "A session that expires takes its watches and its ephemeral znodes with it. The prompt says EXPIRED then, and at it\n" +
		"Alt-W runs this command. What happened in between is not told; the ephemerals are not made again.",
	Max: 0,
	Run: runRewatch,
}

// RewatchRecord is a watch that was set, by addWatch or again.
type RewatchRecord struct {
	Path string `json:"path"`
	Kind string `json:"kind"` // data, exist, children, persistent, recursive
}

func runRewatch(c *Context) error {
	if len(c.Args) > 0 {
		return errUsage
	}
	sh, here := c.Shell, c.Shell.here()
	sh.mu.Lock()
	lost := here.lost
	sh.mu.Unlock()
	s, err := c.Session()
	if err != nil {
		return err
	}
	for len(lost) > 0 {
		w := lost[0]
		if err := watchAgain(c, s, w); err != nil && !errors.Is(err, protocol.NoNode) {
			return err
		}
		lost = lost[1:]
		sh.mu.Lock()
		here.lost = lost
		sh.mu.Unlock()
		r := RewatchRecord{w.Path, w.Kind.String()}
		if err := c.Emit(r, func() { c.Printf("watching %s\n", w) }); err != nil {
			return err
		}
	}
	sh.mu.Lock()
	here.expired = false
	sh.mu.Unlock()
	return nil
}

// watchAgain sets one watch. One for the data of a znode that is gone by now
// waits for its creation.
func watchAgain(c *Context, s Session, w session.Watch) error {
	var err error
	switch w.Kind {
	case session.WatchData, session.WatchExist:
		_, err = s.Exists(c, w.Path, true)
	case session.WatchChildren:
		_, _, err = s.Children(c, w.Path, true)
	case session.WatchPersistent:
		err = s.AddWatch(c, w.Path, false)
	case session.WatchRecursive:
		err = s.AddWatch(c, w.Path, true)
	}
	if errors.Is(err, protocol.NoNode) && w.Kind == session.WatchChildren {
		c.Shell.Out.Note(fmt.Sprintf("%s is gone, and its watch with it", w.Path))
	}
	return err
}

// Recall is the line that one key at the prompt runs: after a session has
// expired with watches, the one that sets them again.
func (s *Shell) Recall() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn.expired && len(s.conn.lost) > 0 && s.Compat.Release == Own {
		return rewatch.Name
	}
	return ""
}
