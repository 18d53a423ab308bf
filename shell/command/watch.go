package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/shell/session"
)

var watch = &Command{
	Name:  "watch",
	In:    Own,
	Usage: Usage{R38: "[-R] [-n count] [-exec command] path …"},
	Flags: []Flag{
		{Name: "R", Help: "the whole subtree", In: Own},
		{Name: "n", Arg: "count", Help: "end after so many changes", In: Own},
		{Name: "exec", Arg: "command", Help: "run by sh -c for each change, with ZK_PATH, ZK_KIND, ZK_ZXID and ZK_TIME, the new data on its stdin", In: Own},
	},
	Args:    []Arg{{Name: "path", Kind: PathArg, Repeat: true}},
	Summary: "show changes as they happen: time, zxid, kind, path, and what changed in the data",
	Help: "Ctrl-C ends it. After a lost connection the znodes are compared with what was last seen, so that changes show up late rather than\n" +
		"never; how often a znode changed in between is told by its version. On servers older than 3.6 one-shot watches are set again and again.",
	Example: []string{"watch /app/config", "watch -R /app", "watch -exec 'systemctl reload app' /app/config"},
	Many:    true,
	Min:     1,
	Unpaged: true,
	Run:     runWatch,
}

// WatchedChange is one change.
type WatchedChange struct {
	Time    time.Time `json:"time"`              // of its arrival here
	Zxid    string    `json:"zxid,omitempty"`    // 0x…; "" when the server (before 3.9) does not tell and the znode is gone
	Kind    string    `json:"kind"`              // created, changed, deleted, children
	Path    string    `json:"path"`              //
	Version *int32    `json:"version,omitempty"` // of the data now
	Missed  int32     `json:"missed,omitempty"`  // changes of the data since the last one shown that are not shown
	Late    bool      `json:"late,omitempty"`    // found by comparing after a lost connection
	Added   []string  `json:"added,omitempty"`   // children that are new
	Removed []string  `json:"removed,omitempty"` // children that are gone
	Old     []byte    `json:"old,omitempty"`     // data before, when it is known; in base64
	New     []byte    `json:"new,omitempty"`     // data now; in base64

	haveOld bool
	haveNew bool
	remark  string // why there is nothing to show of it
}

const (
	kindCreated  = "created"
	kindChanged  = "changed"
	kindDeleted  = "deleted"
	kindChildren = "children"
)

func runWatch(c *Context) error {
	count, err := c.number("n", 0, 1, 1<<30)
	if err != nil {
		return err
	}
	var paths []string
	for i := range c.Args {
		matching, err := c.Paths(i)
		if err != nil {
			return err
		}
		paths = append(paths, matching...)
	}
	var s Session
	for i, text := range paths {
		at, path, err := c.Target(text)
		if err != nil {
			return err
		}
		if s != nil && c.connectionAt(at) != c.connectionAt(s) {
			return &Failure{Text: "watch: the znodes are on several connections; watch those of one"}
		}
		s, paths[i] = at, path
	}
	t := newTail(c, s, paths, count)
	here := c.connectionAt(s)
	c.Shell.listen(here, t.take)
	defer c.Shell.listen(here, nil)
	err = t.run()
	t.stop()
	if errors.Is(err, errWatched) || c.Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	return err
}

var errWatched = errors.New("enough")

// listen lets f see the events of a connection first; what it takes is told to
// nobody else. It runs on the session's goroutine.
func (s *Shell) listen(c *connection, f func(*session.Event) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.listener = f
}

// A tail shows the changes of a few znodes or subtrees. Events come in through
// take, from the session's goroutine; everything else is the command's.
type tail struct {
	c         *Context
	s         Session
	paths     []string
	recursive bool
	left      int // changes until the end; 0 is no end

	oneShot bool // the server has no lasting watches
	known   *knownTree
	late    map[string]bool // shown after a reconnect; an event that the server replays for it tells nothing new

	mu     sync.Mutex
	queue  []session.Event
	awake  chan struct{} // capacity 1
	lostAt time.Time     // the connection is gone since
}

func newTail(c *Context, s Session, paths []string, count int) *tail {
	return &tail{c: c, s: s, paths: paths, recursive: c.Has("R"), left: count, known: newKnownTree(), late: map[string]bool{}, awake: make(chan struct{}, 1)}
}

// take keeps an event that is the tail's: changes of what it covers, and of the
// connection. The watches of the tail itself are not among those lost with a
// session, since it sets them again.
func (t *tail) take(e *session.Event) bool {
	switch {
	case e.Note != "":
		return false
	case e.Type != protocol.EventNone:
		if !t.covers(e.Path) {
			return false
		}
	case e.State == session.Expired:
		var others []session.Watch
		for _, w := range e.LostWatches {
			if !t.covers(w.Path) {
				others = append(others, w)
			}
		}
		e.LostWatches = others
	}
	t.mu.Lock()
	t.queue = append(t.queue, *e)
	t.mu.Unlock()
	select {
	case t.awake <- struct{}{}:
	default:
	}
	return e.Type != protocol.EventNone || e.State == session.Disconnected || e.State == session.SyncConnected
}

// covers tells whether a change of the path is to be shown.
func (t *tail) covers(path string) bool { return t.rootOf(path) != "" }

// rootOf is the watched path that a path belongs to, "" for none.
func (t *tail) rootOf(path string) string {
	for _, p := range t.paths {
		if p == path || t.recursive && within(path, p) {
			return p
		}
	}
	return ""
}

// run sets the watches and shows changes until the context ends, something
// fails, or there were enough.
func (t *tail) run() error {
	for _, p := range t.paths {
		if err := t.begin(p); err != nil {
			return err
		}
	}
	if t.oneShot {
		t.forgetRefusal()
	}
	what := strings.Join(t.paths, ", ")
	if t.recursive {
		what += " and everything below"
	}
	t.c.Shell.Out.Note("watching " + what + "; Ctrl-C ends it")
	for {
		select {
		case <-t.c.Done():
			return t.c.Err()
		case <-t.awake:
		}
		t.mu.Lock()
		events := t.queue
		t.queue = nil
		t.mu.Unlock()
		for _, e := range events {
			if err := t.handle(e); err != nil {
				return err
			}
		}
		if t.c.Shell.Out.Flush() != nil {
			return nil // nobody reads any more; the shell says so
		}
	}
}

// begin sets the watch of one path and looks at what is there.
func (t *tail) begin(path string) error {
	if !t.oneShot {
		err := t.s.AddWatch(t.c, path, t.recursive)
		switch {
		case errors.Is(err, protocol.Unimplemented):
			t.oneShot = true
			t.c.Shell.Out.Note("this server has no lasting watches (it is older than 3.6); one-shot watches are set again after each change, " +
				"so changes in quick succession may be shown as one")
		case err != nil:
			return err
		}
	}
	return t.look(path, remember)
}

// forgetRefusal drops the loss of the connection that an old server closed with
// its refusal: the watches were set on the one after it.
func (t *tail) forgetRefusal() {
	t.s.Settle(t.c)
	t.mu.Lock()
	defer t.mu.Unlock()
	var kept []session.Event
	for _, e := range t.queue {
		switch {
		case e.Type != protocol.EventNone:
			kept = append(kept, e)
		case e.State == session.Disconnected:
			kept = append(kept, e)
		default:
			kept = slices.DeleteFunc(kept, func(k session.Event) bool { return k.Type == protocol.EventNone })
		}
	}
	t.queue = kept
}

// handle shows what an event is about.
func (t *tail) handle(e session.Event) error {
	if e.Type == protocol.EventNone {
		return t.connectionChanged(e)
	}
	switch e.Type {
	case protocol.EventNodeCreated, protocol.EventNodeDataChanged:
		return t.changed(e)
	case protocol.EventNodeDeleted:
		return t.deleted(e)
	case protocol.EventNodeChildrenChanged:
		return t.childrenChanged(e)
	}
	return nil // a watch that was removed
}

// connectionChanged compares everything after a reconnect. Lasting watches are
// set again by the session, unless it expired.
func (t *tail) connectionChanged(e session.Event) error {
	switch e.State {
	case session.Disconnected:
		if t.lostAt.IsZero() {
			t.lostAt = time.Now()
			t.c.Shell.Out.Note(clock(t.lostAt) + "  connection lost; what changes now is shown after the reconnect")
		}
	case session.SyncConnected, session.ConnectedReadOnly, session.Expired:
		if t.lostAt.IsZero() && e.State != session.Expired {
			return nil
		}
		if e.State == session.Expired && !t.oneShot {
			for _, p := range t.paths {
				if err := t.s.AddWatch(t.c, p, t.recursive); err != nil {
					return err
				}
			}
		}
		away := ""
		if !t.lostAt.IsZero() {
			away = " after " + short(time.Since(t.lostAt))
		}
		t.lostAt = time.Time{}
		t.c.Shell.Out.Note(clock(time.Now()) + "  connected to " + t.s.Server() + away + "; comparing with what was last seen")
		for _, p := range t.paths {
			if err := t.look(p, late); err != nil {
				return err
			}
		}
		if t.known.partial {
			t.c.Shell.Out.Note(fmt.Sprintf("more than %d znodes are watched; changes of the others while the connection was away may have been missed", mostKnown))
		}
	}
	return nil
}

// stop removes the lasting watches, also after an interrupt. The one-shot ones
// stay until they fire or the session ends: no old server takes them back.
func (t *tail) stop() {
	if t.oneShot {
		return
	}
	kind := protocol.WatcherPersistent
	if t.recursive {
		kind = protocol.WatcherPersistentRecursive
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.c), closeTimeout)
	defer cancel()
	for _, p := range t.paths {
		_ = t.s.RemoveWatches(ctx, p, kind, true)
	}
	t.s.Settle(ctx)
}

// clock is a time of day.
func clock(t time.Time) string { return t.Format("15:04:05.000") }
