//go:build interop

package interop

import (
	"errors"
	"fmt"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// Sessions are the ensemble's: a client that goes to another server keeps its
// session and ephemerals, one that is heard of by any server lives, and one that
// is not dies everywhere.
func TestSessions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, kinds string }{
		{"ours leads", "oAo"},
		{"Apache leads", "AoA"},
		{"three of ours", "ooo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnsemble(t, tt.kinds, nil)
			e.startLedBy3(2)

			// From each server to each other, the one before killed once.
			c := e.session(1, nil)
			e.ephemeral(c, "/moves")
			for _, to := range []int64{2, 3, 1, 3, 2} {
				c.Drop()
				c = e.session(to, c)
				e.ephemeral(c, fmt.Sprintf("/moves-to-%d", to))
			}
			e.member(2).kill()
			c = e.session(1, c)
			e.start(2)
			e.awaitMode(2, "follower")
			for sid := int64(1); sid <= 3; sid++ {
				if !e.exists(sid, "/moves") || !e.exists(sid, "/moves-to-3") {
					t.Errorf("server %d has lost an ephemeral", sid)
				}
			}

			// c is heard of by a follower until all the others are expired.
			var dead []string
			for sid := int64(1); sid <= 3; sid++ {
				d := e.session(sid, nil)
				path := fmt.Sprintf("/dead-%d", sid)
				e.ephemeral(d, path)
				d.Drop()
				dead = append(dead, path)
			}
			for _, path := range dead {
				e.await(path+" to go", func() bool {
					if err := ping(c); err != nil {
						t.Fatal(err)
					}
					return !e.exists(1, path) && !e.exists(2, path) && !e.exists(3, path)
				})
			}
			if !e.exists(2, "/moves") {
				t.Error("a session that was heard of is expired")
			}
			if err := c.CloseSession(); err != nil {
				t.Fatal(err)
			}
			e.await("the ephemerals of a closed session to go", func() bool {
				return !e.exists(1, "/moves") && !e.exists(2, "/moves") && !e.exists(3, "/moves")
			})
			e.malformed()
			e.sameTrees()
		})
	}
}

// malformed sends bodies that cannot be decoded to every member: a follower
// forwards them, and the leader's answer is the same whoever is which.
func (e *ensemble) malformed() {
	e.t.Helper()
	for sid := int64(1); sid <= 3; sid++ {
		c := e.session(sid, nil)
		for _, op := range []protocol.OpCode{protocol.OpCreate, protocol.OpSetData, protocol.OpDelete, protocol.OpSetACL} {
			xid, err := c.Send(op, []byte{0x7f, 0xff, 0xff, 0xff})
			if err != nil {
				e.t.Fatal(err)
			}
			r, err := c.Receive()
			if err != nil {
				e.t.Fatalf("%v at server %d: %v", op, sid, err)
			}
			if r.Xid != xid || r.Err != protocol.MarshallingError {
				e.t.Errorf("%v at server %d got %+v", op, sid, r)
			}
		}
		if err := c.CloseSession(); err != nil {
			e.t.Fatal(err)
		}
	}
}

// sessionMs is short, so that sessions expire soon, and long enough for a busy
// machine to keep one alive.
const sessionMs = 8000

// session opens a session at a member, or takes up that of another connection.
func (e *ensemble) session(sid int64, of *wire.Conn) *wire.Conn {
	e.t.Helper()
	return e.sessionFor(sid, of, sessionMs)
}

// sessionFor is session with a timeout of its own.
func (e *ensemble) sessionFor(sid int64, of *wire.Conn, timeoutMs int32) *wire.Conn {
	e.t.Helper()
	o := wire.Options{TimeoutMs: timeoutMs}
	if of != nil {
		o.Session, o.Password = of.Session.Session, of.Session.Password
	}
	var c *wire.Conn
	e.await(fmt.Sprintf("a session at server %d", sid), func() bool {
		if e.mode(sid) == "" {
			return false
		}
		var err error
		if c, err = wire.Dial(e.member(sid).addr(), o); err != nil {
			return false
		}
		if of != nil && c.Session.Session != of.Session.Session {
			e.t.Fatalf("server %d does not know session %v", sid, of.Session.Session)
		}
		return true
	})
	return c
}

func (e *ensemble) ephemeral(c *wire.Conn, path string) {
	e.t.Helper()
	err := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL, Flags: protocol.FlagEphemeral}, nil)
	if err != nil && !errors.Is(err, protocol.NodeExists) {
		e.t.Fatalf("create %s: %v", path, err)
	}
}

// exists looks at a member with a session of its own, again when a change of
// the leader takes it the connection.
func (e *ensemble) exists(sid int64, path string) (there bool) {
	e.t.Helper()
	e.await(fmt.Sprintf("server %d to answer", sid), func() bool {
		c, err := e.dial(sid)
		if err != nil {
			return false
		}
		defer c.Drop()
		if err := c.Do(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil); err != nil {
			return false
		}
		err = c.Do(protocol.OpExists, &protocol.ExistsRequest{Path: path}, nil)
		there = err == nil
		return (err == nil || errors.Is(err, protocol.NoNode)) && c.CloseSession() == nil
	})
	return there
}

func ping(c *wire.Conn) error {
	if err := c.SendXid(protocol.XidPing, protocol.OpPing, nil); err != nil {
		return err
	}
	_, err := c.Receive()
	return err
}
