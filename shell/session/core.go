package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"zookit/protocol"
)

// closeLimit bounds Close.
const closeLimit = 2 * time.Second

// core is what all views of one session share: the state of the connection and
// what the session must bring back on the next one.
//
// Goroutines: the library's reader of the current connection (Read of the tap:
// replies and events), one writer for each connection (run), the event queue's,
// and the callers'. All meet under mu, which is never held over a call into the
// library or over input and output.
type core struct {
	o      Options
	log    *slog.Logger
	chroot string   // for events
	list   []string // servers, as given
	addrs  []string // the same, shuffled

	zk     *zk.Conn
	ended  chan struct{} // closed when the library's loop has ended
	ctx    context.Context
	cancel context.CancelFunc // ends dialing and waiting
	hurry  chan struct{}      // capacity 1: somebody began to wait for a connection
	events *eventQueue
	wg     sync.WaitGroup // writers

	noCreate2 atomic.Bool // the server is older than 3.5

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when anything below changes that somebody waits for
	closed   bool
	cur      *tap   // the connection, from dialing on
	live     *tap   // the same, once identities and watches are restored
	trying   string // the server dialed last
	misses   int    // attempts in a row that led to no lasting connection
	refusals []int
	reasons  []error // the last, by the order of list; nil when none since the last connection
	expiries int     // sessions lost
	waiting  int     // callers that wait for a connection

	session   protocol.SessionID
	timeoutMs int32
	readOnly  bool          // the session is one of a read-only server
	seen      protocol.Zxid // every event of a change up to here has arrived
	lostAt    time.Time

	xid        int32
	identities []*protocol.AuthRequest
	watches    *watchTable
	ephemerals map[string]struct{}
	mayOwn     bool // an ephemeral's creation had no answer
}

// Dial opens a session. It returns when the first server has accepted it. An
// error is a *ServersError, before anything was dialed, or a *ConnectError.
// The context is for opening alone.
func Dial(ctx context.Context, o Options) (*Session, error) { return dial(ctx, o, 0) }

// dial opens a session with a server that is not behind a zxid.
func dial(ctx context.Context, o Options, seen protocol.Zxid) (*Session, error) {
	list, chroot, err := ParseServers(o.Servers)
	if err != nil {
		return nil, err
	}
	c := newCore(o, list, chroot)
	c.seen = seen
	timeout := min(max(c.o.SessionTimeout, time.Millisecond), maxSessionTimeout)
	conn, events, err := zk.Connect(c.addrs, timeout,
		zk.WithDialer(c.dial), zk.WithHostProvider(&hosts{c: c}),
		zk.WithMaxBufferSize(forwardLimit), zk.WithMaxConnBufferSize(forwardLimit),
		zk.WithLogger(libraryLog{c.log}))
	if err != nil {
		c.cancel()
		c.events.close()
		return nil, err
	}
	c.zk = conn
	go func() {
		defer close(c.ended)
		for range events {
		}
	}()
	s := &Session{c: c, chroot: chroot}
	if o.Background {
		return s, nil
	}
	if err := c.await(ctx); err != nil {
		_ = c.close(ctx)
		return nil, err
	}
	return s, nil
}

// maxSessionTimeout keeps the library's arithmetic in 32-bit milliseconds.
const maxSessionTimeout = 24 * 24 * time.Hour

func newCore(o Options, list []string, chroot string) *core {
	if o.SessionTimeout <= 0 {
		o.SessionTimeout = DefaultSessionTimeout
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = DefaultConnectTimeout
	}
	if o.MaxBuffer <= 0 {
		o.MaxBuffer = protocol.DefaultMaxBuffer
	}
	if o.MaxReply <= 0 {
		o.MaxReply = DefaultMaxReply
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &core{o: o, log: o.Logger, chroot: chroot, list: list, addrs: shuffled(list),
		ended: make(chan struct{}), hurry: make(chan struct{}, 1), changed: make(chan struct{}),
		refusals: make([]int, len(list)), reasons: make([]error, len(list)),
		events: newEventQueue(o.OnEvent), watches: newWatchTable(), ephemerals: map[string]struct{}{}}
	for _, id := range o.Identities {
		c.identities = append(c.identities, &protocol.AuthRequest{Scheme: id.Scheme, Auth: id.Auth})
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// await waits for the first connection.
func (c *core) await(ctx context.Context) error {
	wait := c.newPatience()
	defer wait.stop()
	none := &pending{}
	for {
		c.mu.Lock()
		err, live, changed := wait.over(none), c.live, c.changed
		c.mu.Unlock()
		if err == nil && live != nil {
			return nil
		}
		if err == nil {
			err = wait.pause(ctx, changed, none)
		}
		if err == nil {
			continue
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.connectError(ctx.Err())
	}
}

// connectError gathers why no server could be used. mu is held.
func (c *core) connectError(cause error) *ConnectError {
	e := &ConnectError{Cause: cause}
	for i, addr := range c.list {
		err := c.reasons[i]
		switch {
		case c.cur != nil && c.cur.addr == addr && c.cur.established:
			err = errRestoring
		case err == nil && c.trying == addr:
			err = errNoAnswer
		}
		e.Hosts = append(e.Hosts, HostError{Server: addr, Err: err})
	}
	return e
}

var (
	errRestoring = errors.New("connected, but it has not taken the session's identities and watches back yet")
	errNoAnswer  = errors.New("no answer yet")
)

// tell wakes everybody who waits for a change. mu is held.
func (c *core) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait counts those who wait for a connection; the first ends a long pause
// between attempts.
func (c *core) wait(more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting += more; c.waiting == 1 && more > 0 {
		select {
		case c.hurry <- struct{}{}:
		default:
		}
	}
}

// emit queues an event. Paths become the caller's.
func (c *core) emit(ev Event) {
	if ev.Path != "" {
		ev.Path = relative(c.chroot, ev.Path)
	}
	c.events.add(ev)
}

func noteEvent(format string, args ...any) Event {
	return Event{Type: protocol.EventNone, Zxid: -1, Note: fmt.Sprintf(format, args...)}
}

// close ends the session; see Session.Close.
func (c *core) close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	t, session, timeoutMs := c.cur, c.session, c.timeoutMs
	attached := t != nil && t.established
	c.tell()
	c.mu.Unlock()

	limit, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	if !attached {
		c.cancel()
		if t != nil {
			t.shut(errShut)
		}
	}
	go c.zk.Close() // it may wait longer than we do
	select {
	case <-c.ended:
	case <-limit.Done():
	}
	c.cancel()
	if t != nil {
		t.shut(errShut)
	}
	<-c.ended
	c.wg.Wait()
	c.emit(Event{Type: protocol.EventNone, State: Closed, Zxid: -1, Session: session})
	c.events.close()
	select {
	case <-c.events.done:
	case <-limit.Done():
	}
	c.mu.Lock()
	confirmed := t != nil && t.closeOK
	owner := len(c.ephemerals) > 0 || c.mayOwn
	c.mu.Unlock()
	if session == 0 || confirmed || !owner {
		return nil
	}
	return fmt.Errorf("closing session %v: the server did not confirm it; its ephemeral znodes stay until it times out (%v)",
		session, time.Duration(timeoutMs)*time.Millisecond)
}

func isCode(err error, code protocol.Code) bool { return errors.Is(err, code) }

// libraryLog gives the library's lines to ours, for debugging.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("go-zookeeper", "said", strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}
