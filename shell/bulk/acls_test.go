package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/shell/session"
)

// counting is a session that counts those opened beside it and, of its own
// reads, the ACLs.
type counting struct {
	*session.Session
	besides, own atomic.Int64
}

func (c *counting) Beside(ctx context.Context) (*session.Session, error) {
	s, err := c.Session.Beside(ctx)
	if err == nil {
		c.besides.Add(1)
	}
	return s, err
}

func (c *counting) ACLs(ctx context.Context, paths []string) ([]session.ACLResult, error) {
	c.own.Add(int64(len(paths)))
	return c.Session.ACLs(ctx, paths)
}

// Of a subtree of any size all ACLs are read: over sessions beside the caller's
// from crewFrom siblings on, as far as the server lets them in, and over the
// caller's own otherwise. No session stays behind.
func TestSurveyReadsAllACLs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ siblings, connections int }{
		"few":     {crewFrom - 1, 0},
		"many":    {crewFrom, 0},
		"bounded": {crewFrom, 4}, // ours, the one that plants, and two more
		"alone":   {crewFrom, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cfg := zktest.Config()
			cfg.MaxClientCnxns = test.connections
			server := zktest.StartConfig(t, cfg)
			want := map[string][]protocol.ACL{"/t": protocol.OpenACL}
			other := zktest.Dial(t, server.Addr())
			other.Create("/t", nil, protocol.FlagPersistent)
			for from := 0; from < test.siblings; from += 500 {
				var ops []protocol.MultiOp
				for i := from; i < min(from+500, test.siblings); i++ {
					path, acl := fmt.Sprintf("/t/%05d", i), protocol.OpenACL
					if i%997 == 5 { // as it was created: no version tells of it
						acl = []protocol.ACL{{Perms: protocol.PermAll, Scheme: "ip", ID: "127.0.0.1"}}
					}
					want[path] = acl
					ops = append(ops, protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: path, ACL: acl}})
				}
				other.Must(protocol.OpMulti, &protocol.MultiRequest{Ops: ops}, new(protocol.MultiResponse))
			}
			one, err := session.Dial(ctx, session.Options{Servers: server.Addr()})
			if err != nil {
				t.Fatal(err)
			}
			defer one.Close(ctx)
			s := &counting{Session: one}
			p, err := Survey(ctx, s, "/t", SurveyOptions{ACLs: true, Visit: func(n *Node) error {
				if !slices.Equal(n.ACL, want[n.Path]) {
					return fmt.Errorf("%s: ACL %v, not %v", n.Path, n.ACL, want[n.Path])
				}
				delete(want, n.Path)
				return nil
			}})
			if err != nil || p.Count != test.siblings+1 || len(want) != 0 {
				t.Fatalf("%v; %d left", err, len(want))
			}
			if alone := test.siblings < crewFrom || test.connections == 2; alone && s.besides.Load() != 0 || !alone && s.besides.Load() == 0 ||
				test.connections == 4 && s.besides.Load() != 2 || name == "many" && (s.own.Load() != 1 || s.besides.Load() != crewSize) {
				t.Errorf("%d sessions beside, %d ACLs over its own", s.besides.Load(), s.own.Load())
			}
			if test.connections == 0 { // or dump would be one too many
				if dump := zktest.Word(t, server.Addr(), "dump"); strings.Count(dump, "\n\t0x") != 2 {
					t.Errorf("other sessions than ours and the one that plants are left:\n%s", dump)
				}
			}
		})
	}
}

// An ACL that was read of another znode, or before it was changed, is read
// again by the caller's own session; what is gone by then is left out.
func TestACLOfAnotherMoment(t *testing.T) {
	t.Parallel()
	now := []protocol.ACL{{Perms: protocol.PermRead, Scheme: "world", ID: "anyone"}}
	f := newFake("/t", "/t/changed", "/t/anew", "/t/gone", "/t/hidden", "/t/same")
	for path := range f.znodes {
		f.znodes[path].acl, f.znodes[path].stat = now, protocol.Stat{Czxid: 7, Aversion: 1}
	}
	of := stale{f, func(path string, r *session.ACLResult) {
		switch path {
		case "/t/changed":
			*r = session.ACLResult{ACL: protocol.OpenACL, Stat: protocol.Stat{Czxid: 7}}
		case "/t/anew":
			*r = session.ACLResult{ACL: protocol.OpenACL, Stat: protocol.Stat{Czxid: 6, Aversion: 1}}
		case "/t/gone":
			r.Err = protocol.NoNode
		case "/t/hidden":
			r.Err = protocol.NoAuth
		}
	}}
	seen := map[string][]protocol.ACL{}
	p, err := Survey(t.Context(), of, "/t", SurveyOptions{ACLs: true, Visit: func(n *Node) error {
		seen[n.Path] = n.ACL
		return nil
	}})
	if err != nil || p.Count != 5 || len(seen) != 5 {
		t.Fatalf("%+v, %v, %v", p, seen, err)
	}
	for _, path := range []string{"/t", "/t/changed", "/t/anew", "/t/same"} {
		if !slices.Equal(seen[path], now) {
			t.Errorf("%s: %v", path, seen[path])
		}
	}
	if acl, there := seen["/t/hidden"]; acl != nil || !there {
		t.Errorf("an ACL that may not be read: %v, %v", acl, there)
	}
	lost := errors.New("lost")
	if _, err := Survey(t.Context(), failing{of, lost}, "/t", SurveyOptions{ACLs: true}); !errors.Is(err, lost) {
		t.Errorf("a failure of all: %v", err)
	}
}

// stale is a fake whose ACLs, several at a time, are not those of the moment.
type stale struct {
	*fake
	change func(path string, r *session.ACLResult)
}

func (s stale) ACLs(ctx context.Context, paths []string) ([]session.ACLResult, error) {
	out, err := singly{s.fake}.ACLs(ctx, paths)
	for i, path := range paths {
		s.change(path, &out[i])
	}
	return out, err
}

func (s stale) GetACL(ctx context.Context, path string) ([]protocol.ACL, *protocol.Stat, error) {
	switch path {
	case "/t/gone":
		return nil, nil, &session.OpError{Op: protocol.OpGetACL, Path: path, Code: protocol.NoNode}
	case "/t/hidden":
		return nil, nil, &session.OpError{Op: protocol.OpGetACL, Path: path, Code: protocol.NoAuth}
	}
	return s.fake.GetACL(ctx, path)
}

// failing is a session whose connection is lost.
type failing struct {
	stale
	err error
}

func (f failing) ACLs(context.Context, []string) ([]session.ACLResult, error) { return nil, f.err }
