package peer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server/election"
)

// DefaultConnectTimeout is zookeeper.cnxTimeout's default.
const DefaultConnectTimeout = 5 * time.Second

const (
	// maxCallers bounds the connections whose initial message has not come
	// yet; one more takes the place of the oldest.
	maxCallers = 64
	// maxStrangers bounds the servers of ids that are in no configuration.
	maxStrangers = 32
)

// A ConnectionsConfig says who this server is and who the others are.
type ConnectionsConfig struct {
	ID             int64
	Servers        *quorum.Config
	Addresses      []quorum.Address // of this server, when it is not one of Servers
	ConnectTimeout time.Duration    // to dial (zookeeper.cnxTimeout); 0: DefaultConnectTimeout
	SocketTimeout  time.Duration    // for the initial message, and for one write (quorumCnxnTimeoutMs); 0: ConnectTimeout
	KeepAlive      bool             // zookeeper.tcpKeepAlive
	MultiAddress   bool             // multiAddress.enabled: tell all addresses of this server, not the first alone
	Log            *slog.Logger     // nil: nothing is logged

	// Dial makes a connection to host:port; nil is TCP with KeepAlive.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	Security *Security // nil: none
}

// Connections are the election connections of one server.
type Connections struct {
	config       ConnectionsConfig // but for Servers fixed
	dialStranger dialFunc
	log          *refusals
	events       chan election.Event
	ctx          context.Context // done when Close is called
	cancel       context.CancelFunc
	running      sync.WaitGroup

	mu        sync.Mutex // guards all below, the fields of remotes, and config.Servers
	listeners []net.Listener
	greeting  []byte            // the initial message
	remotes   map[int64]*remote // the configured servers but this one, and strangers
	strangers int
	anonymous int64      // the last number given to an observer without an id: −1, −2, …
	callers   []net.Conn // accepted, before their initial message, oldest first
	closed    bool
}

// A remote is another server.
type remote struct {
	sid       int64
	addresses []string // of its election port
	stranger  bool     // its id is in no configuration; forgotten with its connection

	waiting []byte // the newest message not sent yet, with its length; nil: none
	last    []byte // the last one sent
	link    *link  // nil: no connection
	dialing bool
	lost
	config string // the last configuration it sent that was checked
}

// NewConnections starts to accept on the listeners, which it owns from now on.
func NewConnections(c ConnectionsConfig, listeners ...net.Listener) (*Connections, error) {
	self, member := c.Servers.Member(c.ID)
	if !member {
		self = quorum.Member{ID: c.ID, Addresses: c.Addresses}
	}
	if len(self.Addresses) == 0 {
		return nil, fmt.Errorf("election connections: server %d has no address", c.ID)
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = DefaultConnectTimeout
	}
	if c.SocketTimeout <= 0 {
		c.SocketTimeout = c.ConnectTimeout
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		d := net.Dialer{KeepAliveConfig: keepAlive(c.KeepAlive), KeepAlive: -1}
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	strangers := c.Security.dialer(c.Dial, true)
	c.Dial = c.Security.dialer(c.Dial, false)
	m := &Connections{config: c, dialStranger: strangers, listeners: listeners, greeting: greeting(self, c.MultiAddress), log: newRefusals(c.Log),
		events: make(chan election.Event), remotes: map[int64]*remote{}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	for _, s := range c.Servers.Members {
		if s.ID != c.ID {
			m.remotes[s.ID] = &remote{sid: s.ID, addresses: electionAddresses(s)}
		}
	}
	for _, ln := range listeners {
		m.running.Go(func() { m.accept(ln) })
	}
	return m, nil
}

func electionAddresses(s quorum.Member) []string {
	var out []string
	for _, a := range s.Addresses {
		out = append(out, a.Election())
	}
	return out
}

// greeting is the initial message of this server: with its first address, as
// 3.5 and later read it, or with all of them, as 3.6 and later do.
func greeting(self quorum.Member, multi bool) []byte {
	m := quorum.InitialMessage{Form: quorum.InitialAddress, ServerID: self.ID, Addresses: electionAddresses(self)[:1]}
	if multi {
		m.Form, m.Addresses = quorum.InitialAddresses, electionAddresses(self)
	}
	return m.AppendTo(nil)
}

// keepAlive is the operating system's keep-alive or none.
func keepAlive(on bool) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: on, Idle: -1, Interval: -1, Count: -1}
}

// Events are what the election core is to be told: Received, Reached and
// Unreachable. The channel has no buffer: while nobody reads it, the
// connections wait, each with one message. It is never closed; Close ends the
// waiting.
func (m *Connections) Events() <-chan election.Event { return m.events }

// Send hands a notification to the connection of its receiver, which it
// dials if there is none. It does not wait. A message not sent yet is
// replaced; one to a server that is neither configured nor connected is
// dropped.
func (m *Connections) Send(msg election.Message) {
	b := msg.Notification.AppendTo(make([]byte, 4, 64+len(msg.Notification.Config)))
	copy(b, jute.AppendInt(nil, int32(len(b)-4)))
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.remotes[msg.To]
	if r == nil || m.closed {
		return
	}
	r.waiting, r.given = b, time.Now()
	if r.link != nil {
		r.link.wake()
	} else {
		m.dial(r)
	}
}

// Connected are the ids of the servers a connection stands to, in no order.
func (m *Connections) Connected() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sids []int64
	for sid, r := range m.remotes {
		if r.link != nil {
			sids = append(sids, sid)
		}
	}
	return sids
}

// Close ends all connections and waits for what runs. It may be called again.
func (m *Connections) Close() {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		m.cancel()
		for _, ln := range m.listeners {
			_ = ln.Close()
		}
		for _, c := range m.callers {
			_ = c.Close()
		}
		for _, r := range m.remotes {
			if r.link != nil {
				r.link.close()
			}
		}
	}
	m.mu.Unlock()
	m.running.Wait()
}

// emit tells the driver, and waits for it.
func (m *Connections) emit(ev election.Event) {
	select {
	case m.events <- ev:
	case <-m.ctx.Done():
	}
}

// spawn runs f unless the connections are closed. mu is held.
func (m *Connections) spawn(f func()) {
	if !m.closed {
		m.running.Go(f)
	}
}

// stranger is the remote of an id that is in no configuration, nil when there
// are too many. mu is held.
func (m *Connections) stranger(sid int64, addresses []string) *remote {
	if m.strangers == maxStrangers {
		return nil
	}
	m.strangers++
	r := &remote{sid: sid, addresses: addresses, stranger: true}
	m.remotes[sid] = r
	return r
}

// forget drops a stranger that has neither connection nor dialer. mu is held.
func (m *Connections) forget(r *remote) {
	if r.stranger && r.link == nil && !r.dialing && m.remotes[r.sid] == r {
		delete(m.remotes, r.sid)
		m.strangers--
	}
}
