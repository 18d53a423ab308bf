package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"zookit/protocol"
	"zookit/protocol/jute"
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
}

// Dial opens a session. It returns when the first server has accepted it. An
// error is a *ServersError, before anything was dialed, or a *ConnectError.
// The context is for opening alone.
func Dial(ctx context.Context, o Options) (*Session, error) {
	list, chroot, err := ParseServers(o.Servers)
	if err != nil {
		return nil, err
	}
	c := newCore(o, list, chroot)
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

// adopt makes a fresh connection the current one.
func (c *core) adopt(t *tap) (*tap, error) {
	c.mu.Lock()
	old, closed := c.cur, c.closed
	if !closed {
		c.cur = t
	}
	c.mu.Unlock()
	if old != nil {
		old.shut(errShut)
	}
	if closed {
		t.shut(errShut)
		return nil, ErrClosed
	}
	return t, nil
}

// connectRequest completes the library's connect request: the read-only flag,
// the timeout asked for at first instead of the one granted last, and the last
// zxid seen, which the library does not know because our replies pass it by. A
// server that is behind it refuses us, so the session never goes back in time.
// The session of a read-only server ends with it, so a new one is asked for.
func (c *core) connectRequest(packet []byte) ([]byte, error) {
	var r protocol.ConnectRequest
	if len(packet) < 4 {
		return nil, errHandshake
	}
	if err := r.Decode(jute.NewDecoder(packet[4:])); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.HasReadOnly, r.ReadOnly = true, c.o.ReadOnly
	r.TimeoutMs = int32(min(max(c.o.SessionTimeout, time.Millisecond), maxSessionTimeout) / time.Millisecond)
	r.LastZxidSeen = c.seen
	if c.readOnly {
		r.Session, r.Password = 0, make([]byte, protocol.PasswordLen)
	}
	return protocol.AppendFrame(nil, &r), nil
}

// attach takes a connection on which a server has accepted the session.
func (c *core) attach(t *tap, r *protocol.ConnectResponse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != 0 && c.session != r.Session && !c.readOnly {
		c.loseSession()
	}
	c.session, c.timeoutMs, c.readOnly = r.Session, r.TimeoutMs, r.ReadOnly
	clear(c.reasons)
	t.established, t.since = true, time.Now()
	if t.err != nil || c.closed {
		return
	}
	c.emit(Event{Type: protocol.EventNone, State: c.connectedWord(), Zxid: -1, Session: r.Session})
	c.wg.Add(1)
	go c.run(t)
	c.tell()
}

func (c *core) connectedWord() string {
	if c.readOnly {
		return ConnectedReadOnly
	}
	return SyncConnected
}

// expired takes the answer that there is no such session. The library asks for
// a new one next.
func (c *core) expired(t *tap) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == 0 || c.readOnly {
		return &refusalError{text: "it refused to open a session", err: errHandshake}
	}
	t.settled = true
	c.loseSession()
	return nil
}

// loseSession forgets what ended with the session and tells so. mu is held.
func (c *core) loseSession() {
	ev := Event{Type: protocol.EventNone, State: Expired, Zxid: -1, Session: c.session}
	for _, p := range slices.Sorted(maps.Keys(c.ephemerals)) {
		ev.LostEphemerals = append(ev.LostEphemerals, relative(c.chroot, p))
	}
	for _, w := range c.watches.List() {
		ev.LostWatches = append(ev.LostWatches, Watch{Path: relative(c.chroot, w.Path), Kind: w.Kind})
	}
	c.watches.Clear()
	clear(c.ephemerals)
	c.session, c.timeoutMs, c.readOnly, c.seen = 0, 0, false, 0
	c.expiries++
	c.emit(ev)
	c.tell()
}

// refused counts a failed attempt at a server.
func (c *core) refused(addr string, reason error) {
	c.log.Debug("connecting failed", "server", addr, "reason", reason)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.misses++
	if i := slices.Index(c.list, addr); i >= 0 {
		c.refusals[i]++
		c.reasons[i] = reason
	}
	c.tell()
}

// lost takes the end of a connection: its requests get their answer.
func (c *core) lost(t *tap, err error) {
	var reason error
	if !t.attached() {
		reason = c.refusal(err, t)
	}
	c.mu.Lock()
	t.err = err
	if c.cur == t {
		c.cur = nil
	}
	if c.live == t {
		c.live = nil
	}
	for _, p := range t.pending {
		if p.sent {
			p.result <- &ConnectionLossError{Op: p.op, Path: p.path, Sent: true, Reason: c.lossReason(err)}
		} else {
			p.result <- errNotSent
		}
	}
	t.pending, t.queue = map[int32]*pending{}, nil
	switch {
	case c.closed:
	case t.established:
		c.lostAt = time.Now()
		var final *OpError
		switch {
		case c.lostAt.Sub(t.since) >= lastPause || errors.As(err, &final):
			c.misses = 0
		default:
			c.misses++ // a server that accepts and hangs up is not hammered
		}
		c.emit(Event{Type: protocol.EventNone, State: Disconnected, Zxid: -1, Session: c.session})
	}
	refused := !t.established && !t.settled && !c.closed
	c.tell()
	c.mu.Unlock()
	if refused {
		c.refused(t.addr, reason)
	}
}

// lossReason names why a connection ended under a request.
func (c *core) lossReason(err error) error {
	switch {
	case c.closed:
		return ErrClosed
	case errors.Is(err, errShut):
		return nil
	}
	return err
}

// saw notes the zxid of a reply: every event of a change up to it came before.
// The zxid of a notification is none of that, since other events of the same
// change may follow. mu is held.
func (c *core) saw(zxid protocol.Zxid) { c.seen = max(c.seen, zxid) }

// passing looks at a reply for the library.
func (c *core) passing(t *tap, h protocol.ReplyHeader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saw(h.Zxid)
	switch h.Xid {
	case protocol.XidPing:
		t.pinged = false
	case t.closeXid:
		t.closeOK = h.Err == protocol.OK
	}
}

// fired takes a watch event. A ping behind it tells, by its zxid, that this
// change need not be replayed after a reconnect: events before 3.9 carry no
// zxid, and a persistent watch would show the change twice.
func (c *core) fired(t *tap, zxid protocol.Zxid, ev *protocol.WatcherEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ev.Type == protocol.EventNodeDeleted {
		delete(c.ephemerals, ev.Path)
	}
	if !c.watches.Fire(ev.Type, ev.Path, t.replaying) {
		return
	}
	c.emit(Event{Type: ev.Type, State: SyncConnected, Path: ev.Path, Zxid: zxid})
	if !t.pinged && c.watches.Lasting() > 0 {
		t.pinged, t.pingDue = true, true
		t.signal()
	}
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
	confirmed := session == 0
	if t != nil {
		t.shut(errShut)
		c.mu.Lock()
		confirmed = confirmed || t.closeOK
		c.mu.Unlock()
	}
	<-c.ended
	c.wg.Wait()
	c.emit(Event{Type: protocol.EventNone, State: Closed, Zxid: -1, Session: session})
	c.events.close()
	select {
	case <-c.events.done:
	case <-limit.Done():
	}
	if confirmed {
		return nil
	}
	return fmt.Errorf("closing session %v: the server did not confirm it; its ephemeral znodes stay until it times out (%v)",
		session, time.Duration(timeoutMs)*time.Millisecond)
}

func (c *core) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *core) state() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return StateClosed
	case c.cur == nil || !c.cur.established:
		return StateConnecting
	case c.readOnly:
		return StateReadOnly
	}
	return StateConnected
}

func (c *core) sessionID() protocol.SessionID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

func (c *core) server() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cur == nil || !c.cur.established {
		return ""
	}
	return c.cur.addr
}

func (c *core) timeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.timeoutMs) * time.Millisecond
}

func (c *core) listWatches() []Watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.watches.List()
	for i := range list {
		list[i].Path = relative(c.chroot, list[i].Path)
	}
	return list
}

func (c *core) listEphemerals() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, p := range slices.Sorted(maps.Keys(c.ephemerals)) {
		list = append(list, relative(c.chroot, p))
	}
	return list
}

// createdBy and the others below keep the books of what the session owns. They
// run where the reply stands in the stream, with mu held.
func (c *core) createdBy(flags protocol.CreateFlag, path string) {
	if flags.Ephemeral() {
		c.ephemerals[path] = struct{}{}
	}
}

func (c *core) multiDone(ops []protocol.MultiOp, results []protocol.MultiResult) {
	if len(results) != len(ops) {
		return
	}
	for i, op := range ops {
		switch r := op.Record.(type) {
		case *protocol.CreateRequest:
			if results[i].Type != protocol.OpError {
				c.createdBy(r.Flags, results[i].Path)
			}
		case *protocol.DeleteRequest:
			if results[i].Type == protocol.OpDelete {
				delete(c.ephemerals, r.Path)
			}
		}
	}
}

func (c *core) removeWatches(path string, kind protocol.WatcherType) {
	for _, ev := range c.watches.Remove(path, kind) {
		c.emit(Event{Type: ev, State: SyncConnected, Path: path, Zxid: -1})
	}
}

func (c *core) holdsWatch(path string, kind protocol.WatcherType) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watches.Has(path, kind)
}

// forgetWatches is removeWatches for a caller that does not hold mu.
func (c *core) forgetWatches(path string, kind protocol.WatcherType) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeWatches(path, kind)
}

func (c *core) addIdentity(r *protocol.AuthRequest) {
	same := func(o *protocol.AuthRequest) bool {
		return o.Scheme == r.Scheme && string(o.Auth) == string(r.Auth)
	}
	if !slices.ContainsFunc(c.identities, same) {
		c.identities = append(c.identities, r)
	}
}

// learnExistence finds out whether the znode under a new lasting watch exists,
// for the comparison after a reconnect. Not to know is no failure: the session
// then says after a reconnect that it may have missed something.
func (c *core) learnExistence(ctx context.Context, path string) {
	var st protocol.StatResponse
	_ = c.call(ctx, call{op: protocol.OpExists, path: path, req: &protocol.PathWatchRequest{Path: path}, reply: &st,
		done: func() { c.watches.Learn(path, present) },
		failed: func(code protocol.Code) {
			if code == protocol.NoNode {
				c.watches.Learn(path, missing)
			}
		}})
}

func isCode(err error, code protocol.Code) bool { return errors.Is(err, code) }

// libraryLog gives the library's lines to ours, for debugging.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("go-zookeeper", "said", strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}
