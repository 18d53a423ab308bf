//go:build interop

package interop

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest/wire"
)

// localSessions counts the local sessions of a member, by its dump.
func (e *ensemble) localSessions(sid int64) string {
	e.t.Helper()
	answer, err := protocol.FourLetter(e.t.Context(), e.member(sid).addr(), "dump")
	if err != nil {
		e.t.Fatal(err)
	}
	_, n, found := strings.Cut(answer, "Local Session Sets (")
	_, n, _ = strings.Cut(n, "/(")
	n, _, _ = strings.Cut(n, ")")
	if !found {
		e.t.Fatalf("server %d knows no local sessions:\n%s", sid, answer)
	}
	return n
}

// Sessions that begin on one server, of either kind, write without being known
// to the leader, of either kind; their first ephemeral makes them the
// ensemble's, which expires them with what they own.
func TestLocalSessions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, kinds string }{
		{"ours leads", "oAo"},
		{"Apache leads", "AoA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, tt.kinds, nil, "localSessionsEnabled=true", "localSessionsUpgradingEnabled=true")
			e.startLedBy3(2)
			for sid := int64(1); sid <= 3; sid++ {
				c := e.session(sid, nil)
				if got := e.localSessions(sid); got != "1" {
					t.Errorf("server %d has %s local sessions", sid, got)
				}
				plain := fmt.Sprintf("/plain-%d", sid)
				if err := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: plain, ACL: protocol.OpenACL}, nil); err != nil {
					t.Fatalf("server %d: %v", sid, err)
				}
				mine := fmt.Sprintf("/mine-%d", sid)
				e.ephemeral(c, mine)
				c.Drop()
				c = e.session(sid%3+1, c) // by now every server knows it
				e.ephemeral(c, mine+"-moved")
				for at := int64(1); at <= 3; at++ {
					if !e.exists(at, mine) || !e.exists(at, mine+"-moved") || !e.exists(at, plain) {
						t.Errorf("server %d misses what the session of server %d wrote", at, sid)
					}
				}
				if sid == 2 { // one is closed, the others expire
					if err := c.CloseSession(); err != nil {
						t.Fatal(err)
					}
				}
				c.Drop()
			}
			for sid := int64(1); sid <= 3; sid++ {
				for _, path := range []string{fmt.Sprintf("/mine-%d", sid), fmt.Sprintf("/mine-%d-moved", sid)} {
					e.await(path+" to go", func() bool { return !e.exists(1, path) && !e.exists(2, path) && !e.exists(3, path) })
				}
			}
			e.sameTrees()
		})
	}
}

// Without upgrading, an ephemeral is refused in the same words by members of
// both kinds.
func TestEphemeralsOfLocalSessions(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "AoA", nil, "localSessionsEnabled=true")
	e.startLedBy3(2)
	ephemeral := &protocol.CreateRequest{Path: "/e", ACL: protocol.OpenACL, Flags: protocol.FlagEphemeral}
	for sid := int64(1); sid <= 3; sid++ {
		c := e.session(sid, nil)
		for _, op := range []protocol.OpCode{protocol.OpCreate, protocol.OpCreate2} {
			if err := c.Do(op, ephemeral, nil); !errors.Is(err, protocol.EphemeralOnLocalSession) {
				t.Errorf("server %d: %v: %v", sid, op, err)
			}
		}
		want := protocol.SessionExpired // by a leader that does not know the session
		if sid == 3 {
			want = protocol.EphemeralOnLocalSession
		}
		if got := e.multiOf(c, ephemeral); got != want {
			t.Errorf("server %d: in a multi: %v, want %v", sid, got, want)
		}
		if err := c.CloseSession(); err != nil {
			t.Errorf("server %d: close: %v", sid, err)
		}
		moved, err := wire.Dial(e.member(sid%3+1).addr(), wire.Options{Session: c.Session.Session, Password: c.Session.Password})
		if err != nil || moved.Session.TimeoutMs != 0 {
			t.Errorf("server %d takes a session of server %d: %v", sid%3+1, sid, err)
		}
	}
	e.sameTrees()
}

// multiOf is the outcome of a create in a multi.
func (e *ensemble) multiOf(c *wire.Conn, r *protocol.CreateRequest) protocol.Code {
	e.t.Helper()
	var reply protocol.MultiResponse
	xid, err := c.Send(protocol.OpMulti, (&protocol.MultiRequest{Ops: []protocol.MultiOp{{Type: protocol.OpCreate, Record: r}}}).AppendTo(nil))
	if err != nil {
		e.t.Fatal(err)
	}
	got, err := c.Receive()
	if err != nil || got.Xid != xid {
		e.t.Fatalf("%+v, %v", got, err)
	}
	if err := reply.Decode(jute.NewDecoder(got.Body)); err != nil || len(reply.Results) != 1 {
		e.t.Fatalf("%+v, %v", got, err)
	}
	return reply.Results[0].Err
}
