//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/wire"
)

// memberFaults are played beside the others where the members may change.
var memberFaults = []kind{
	{"removed from the ensemble", 4, 2 * time.Second, ""},
	{"observes", 3, 2 * time.Second, ""},
}

// leave takes a server out of the ensemble, or away its vote, and brings it back
// after a time.
func (m *nemesis) leave(n *node, s Step) error {
	q := &protocol.ReconfigRequest{CurConfigID: -1}
	if s.Fault == "observes" {
		q.Joining = ptr(n.line("observer"))
	} else {
		q.Leaving = ptr(fmt.Sprint(n.sid))
	}
	err := m.e.reconfig(m.ctx, q, n)
	if err == nil {
		rest(m.ctx, s.Hold)
	}
	// Even a change without an answer may have been made.
	return errors.Join(err, m.e.voteAgain(m.ctx, n))
}

func ptr(s string) *string { return &s }

// line is the server line of a node where the members may change.
func (n *node) line(role string) string {
	return fmt.Sprintf("server.%d=%s:%d:%d:%s;%s:%d", n.sid, hostOf(n.sid), quorumPort, electionPort, role, hostOf(n.sid), clientPort)
}

// reconfig asks the servers in turn, that one last, until one has made the
// change or says why it never will.
func (e *ensemble) reconfig(ctx context.Context, q *protocol.ReconfigRequest, last *node) error {
	var nodes []*node
	for _, n := range e.nodes {
		if n != last {
			nodes = append(nodes, n)
		}
	}
	nodes = append(nodes, last)
	err := errors.New("not asked")
	for i := 0; ctx.Err() == nil; i++ {
		if err = nodes[i%len(nodes)].reconfig(q); err == nil {
			return nil
		}
		rest(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("reconfig: %w", err)
}

func (n *node) reconfig(q *protocol.ReconfigRequest) error {
	if n.mode() == "" {
		return fmt.Errorf("%v does not serve", n)
	}
	c, err := wire.Open(n.door)
	if err != nil {
		return err
	}
	defer c.Drop()
	defer time.AfterFunc(connectPatience+3*time.Second, c.Drop).Stop()
	if err := c.Connect(&protocol.ConnectRequest{TimeoutMs: 4000, Password: make([]byte, protocol.PasswordLen)}); err != nil {
		return err
	}
	if err := c.Auth("digest", "super:"+apache.SuperPassword); err != nil {
		return err
	}
	if err := c.Do(protocol.OpReconfig, q, nil); err != nil {
		return err
	}
	return c.CloseSession()
}

// voteAgain gives a server its vote back, until /zookeeper/config says so or ctx
// ends.
func (e *ensemble) voteAgain(ctx context.Context, n *node) error {
	q := &protocol.ReconfigRequest{Joining: ptr(n.line("participant")), CurConfigID: -1}
	var err error
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err = e.reconfig(attempt, q, n)
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

// everybodyVotes brings back who has been left out when the faults ended.
func (e *ensemble) everybodyVotes(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		text, err := e.config()
		if err != nil {
			rest(ctx, 100*time.Millisecond)
			continue
		}
		missing := false
		for _, n := range e.nodes {
			if !strings.Contains(text, n.line("participant")) {
				missing = true
				if err := e.voteAgain(ctx, n); err != nil {
					return fmt.Errorf("%v has no vote: %w", n, err)
				}
			}
		}
		if !missing {
			return nil
		}
	}
	return errors.New("no server tells the configuration")
}

// config is /zookeeper/config as the first server that answers shows it.
func (e *ensemble) config() (string, error) {
	for _, n := range e.nodes {
		if n.mode() == "" {
			continue
		}
		c, err := wire.Open(n.door)
		if err != nil {
			continue
		}
		timer := time.AfterFunc(connectPatience, c.Drop)
		var data protocol.GetDataResponse
		err = errors.Join(c.Connect(&protocol.ConnectRequest{TimeoutMs: 4000, Password: make([]byte, protocol.PasswordLen)}), c.Do(protocol.OpSync, &protocol.SyncRequest{Path: "/"}, nil))
		if err == nil {
			err = c.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: "/zookeeper/config"}, &data)
		}
		timer.Stop()
		if err == nil {
			_ = c.CloseSession()
			return string(data.Data), nil
		}
		c.Drop()
	}
	return "", errors.New("no server serves")
}
