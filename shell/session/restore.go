package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zookit/protocol"
)

// restore brings the session's identities and watches back on a new
// connection, in this order, since the server delivers an event only to who may
// read its znode; then it opens the connection to requests. False means the
// connection is gone.
func (c *core) restore(t *tap) bool {
	if !c.restoreIdentities(t) {
		return false
	}
	zxid, before, ok := c.restoreWatches(t)
	if !ok {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.replaying = false
	if t.err != nil {
		return false
	}
	// A server that has executed nothing new has nothing that was missed.
	if zxid != before {
		if blind := c.watches.Blind(); len(blind) > 0 && !c.lostAt.IsZero() {
			for i := range blind {
				blind[i] = relative(c.chroot, blind[i])
			}
			c.emit(noteEvent("the connection was lost for %v: changes at or below %s, under a persistent watch, may have been missed",
				time.Since(c.lostAt).Round(100*time.Millisecond), some(blind)))
		}
	}
	c.live = t
	c.tell()
	return true
}

// restoreIdentities sends the identities again. One that is refused is dropped,
// or else every connection would end here: the server closes it.
func (c *core) restoreIdentities(t *tap) bool {
	c.mu.Lock()
	identities := slices.Clone(c.identities)
	c.mu.Unlock()
	for _, id := range identities {
		_, err := c.exchange(t, call{op: protocol.OpAuth, req: id, failed: func(code protocol.Code) {
			c.identities = slices.DeleteFunc(c.identities, func(o *protocol.AuthRequest) bool { return o == id })
			c.emit(Event{Type: protocol.EventNone, State: AuthFailed, Zxid: -1, Session: c.session})
			c.emit(noteEvent("the server refused the session's %s identity (%s); the session goes on without it", id.Scheme, code.Name()))
		}})
		if err != nil {
			t.shut(err)
			return false
		}
	}
	return true
}

// restoreWatches sets the watches again. It returns the server's last zxid and
// the one up to which we had seen everything.
func (c *core) restoreWatches(t *tap) (zxid, before protocol.Zxid, ok bool) {
	c.mu.Lock()
	before = c.seen
	reqs := c.watches.Rearm(before, min(rearmLimit, c.o.MaxBuffer/2))
	t.replaying = true
	c.mu.Unlock()
	zxid = before
	for i := range reqs {
		r := call{op: protocol.OpSetWatches2, req: &reqs[i]}
		lasting := len(reqs[i].Persistent)+len(reqs[i].PersistentRecursive) > 0
		if !lasting { // also understood before 3.6
			r.op = protocol.OpSetWatches
			r.req = &protocol.SetWatchesRequest{RelativeZxid: before, Data: reqs[i].Data, Exist: reqs[i].Exist, Child: reqs[i].Child}
		}
		r.failed = func(code protocol.Code) {
			if code == protocol.Unimplemented && lasting {
				// It closes the connection and would so the next.
				c.emit(noteEvent("%s knows no persistent watches (it is older than 3.6); they are gone: %s", t.addr, some(c.relatives(c.watches.DropLasting()))))
				return
			}
			c.emit(noteEvent("the server did not take the watches back (%s): %s", code.Name(), some(c.rearmed(&reqs[i]))))
		}
		var err error
		zxid, err = c.exchange(t, r)
		var refused *OpError
		if err != nil && !(errors.As(err, &refused) && !finalCode(r.op, refused.Code)) {
			t.shut(err)
			return 0, 0, false
		}
	}
	return zxid, before, true
}

// exchange sends one request on a connection that is not open to requests yet,
// from its writer, and waits for the reply.
func (c *core) exchange(t *tap, r call) (protocol.Zxid, error) {
	p, err := c.encode(r)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	if t.err != nil {
		c.mu.Unlock()
		return 0, t.err
	}
	c.enter(t, p)
	p.sent = true
	c.mu.Unlock()
	if _, err := t.write(p.packet); err != nil {
		t.shut(err)
		return 0, err
	}
	err = <-p.result
	return p.zxid, err
}

func (c *core) rearmed(r *protocol.SetWatches2Request) []string {
	return c.relatives(slices.Concat(r.Data, r.Exist, r.Child, r.Persistent, r.PersistentRecursive))
}

func (c *core) relatives(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = relative(c.chroot, p)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// some is a list of paths for a sentence.
func some(paths []string) string {
	const most = 10
	if len(paths) <= most {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), len(paths)-most)
}
