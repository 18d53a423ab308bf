package session

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// core is what all views of one session share.
type core struct {
	noCreate2 atomic.Bool // the server is older than 3.5
	watches   watchTable
}

// none is the empty record.
type none struct{}

func (none) AppendTo(b []byte) []byte   { return b }
func (none) Decode(*jute.Decoder) error { return nil }

// call is one request.
type call struct {
	op     protocol.OpCode
	path   string          // for errors, as the caller gave it
	req    protocol.Record // with the chroot
	reply  protocol.Record // nil when success has no body
	done   func()          // after reply is decoded, where it stands in the stream
	failed func(protocol.Code)
}

// Dial opens a session.
func Dial(ctx context.Context, o Options) (*Session, error) {
	_, chroot, err := ParseServers(o.Servers)
	if err != nil {
		return nil, err
	}
	return &Session{c: &core{}, chroot: chroot}, nil
}

func (c *core) call(ctx context.Context, r call) error               { return ErrClosed }
func (c *core) state() State                                         { return StateClosed }
func (c *core) sessionID() protocol.SessionID                        { return 0 }
func (c *core) server() string                                       { return "" }
func (c *core) timeout() time.Duration                               { return 0 }
func (c *core) listWatches() []Watch                                 { return nil }
func (c *core) listEphemerals() []string                             { return nil }
func (c *core) close(ctx context.Context) error                      { return nil }
func (c *core) createdBy(protocol.CreateFlag, string)                {}
func (c *core) deleted(string)                                       {}
func (c *core) multiDone([]protocol.MultiOp, []protocol.MultiResult) {}
func (c *core) removeWatches(string, protocol.WatcherType)           {}
func (c *core) addIdentity(*protocol.AuthRequest)                    {}
func (c *core) learnExistence(context.Context, string)               {}

type watchTable struct{}

func (*watchTable) Add(string, WatchKind)                 {}
func (*watchTable) Has(string, protocol.WatcherType) bool { return false }

func isCode(err error, code protocol.Code) bool { return errors.Is(err, code) }
