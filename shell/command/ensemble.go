package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/shell/probe"
	"zookit/shell/session"
)

// adminFlag is of every command that may ask an AdminServer.
var adminFlag = Flag{Name: "admin", Arg: "port", Help: "port of the servers' AdminServer (default 8080)", In: Own}

// An ensemble is the servers to ask: those of /zookeeper/config, or of the
// connect string when that znode tells nobody.
type ensemble struct {
	*probe.Prober
	Config  *quorum.Config // nil: one server alone, one older than 3.5, or no session
	Members []member       // at least one
}

// A member is one server of an ensemble.
type member struct {
	ID       int64  // −1 when not known
	Addr     string // client port, host:port
	Observer bool
}

// reachTimeout bounds the look whether an address leads anywhere from here.
const reachTimeout = time.Second

// ensemble finds the servers to ask. It needs no server that serves: without
// one it is those of the connect string, which are told apart by asking them.
func (c *Context) ensemble() (*ensemble, error) { return c.ensembleOf(c.Shell.here()) }

// ensembleOf is that of a connection.
func (c *Context) ensembleOf(conn *connection) (*ensemble, error) {
	port := 0
	if c.Has("admin") {
		n, err := strconv.Atoi(c.FlagValue("admin"))
		if err != nil || n < 1 || n > 65535 {
			return nil, &Failure{Text: fmt.Sprintf("%s: -admin takes a port, a number from 1 to 65535, not %q", c.Command.Name, c.FlagValue("admin"))}
		}
		port = n
	}
	listed, err := c.listedServers(conn)
	if err != nil {
		return nil, err
	}
	prober, err := c.prober(conn)
	if err != nil {
		return nil, err
	}
	prober.AdminPort, prober.AdminTold = port, port != 0
	e := &ensemble{Prober: prober}
	if conn.sessionOf(c.Shell) != nil || c.someServes(e.Prober, listed) {
		if e.Config, err = c.configuration(conn); err != nil {
			return nil, err
		}
	}
	if e.Config != nil {
		current := ""
		if s := conn.sessionOf(c.Shell); s != nil {
			current = s.Server()
		}
		e.Members = clientMembers(e.Config, listed, current)
		switch {
		case sameAddress(e.Members):
			e.Members = nil // the configuration does not say which is which
		case !reachable(c, e.Members):
			c.note("none of the addresses in /zookeeper/config can be reached from here; asking those of the connect string")
			e.Members = nil
		}
	}
	if e.Members == nil {
		for _, addr := range listed {
			e.Members = append(e.Members, member{ID: -1, Addr: addr})
		}
		if e.Config != nil {
			e.identify(c)
		}
	}
	for _, m := range e.Members {
		e.Servers = append(e.Servers, m.Addr)
	}
	return e, nil
}

// prober asks servers of the connection that commands work on, over TLS where
// that does.
func (c *Context) prober(conn *connection) (*probe.Prober, error) {
	p := &probe.Prober{Timeout: c.Shell.AskTimeout}
	profile := conn.profile
	config := profile.TLS
	if config == nil {
		config = c.Shell.TLS
	}
	if config == nil {
		return p, nil
	}
	var err error
	if p.TLS, err = config(c); err != nil {
		return nil, &Failure{Text: fmt.Sprintf("%s: profile %s: tls: %v", c.Command.Name, profile.Label(), err), Exit: ExitClientConfig, Err: err}
	}
	return p, nil
}

// sameAddress tells whether two members were given one address: several servers
// of one machine whose client ports are in their zoo.cfg alone.
func sameAddress(members []member) bool {
	seen := map[string]bool{}
	for _, m := range members {
		if seen[m.Addr] {
			return true
		}
		seen[m.Addr] = true
	}
	return false
}

// identify asks servers of the connect string who they are (serverId of conf);
// those that do not tell stay unknown.
func (e *ensemble) identify(ctx context.Context) {
	addrs := make([]string, len(e.Members))
	for i, m := range e.Members {
		addrs[i] = m.Addr
	}
	for i, a := range askAll(ctx, addrs, func(ctx context.Context, server string) (string, error) { return e.Word(ctx, server, "conf") }) {
		for _, l := range strings.Split(a.value, "\n") {
			if text, ok := strings.CutPrefix(l, "serverId="); ok {
				if id, err := strconv.ParseInt(text, 10, 64); err == nil {
					if m, known := e.Config.Member(id); known {
						e.Members[i].ID, e.Members[i].Observer = id, m.Observer
					}
				}
			}
		}
	}
}

// listedServers are those of the connect string.
func (c *Context) listedServers(conn *connection) ([]string, error) {
	servers := conn.profile.Servers
	if strings.HasPrefix(servers, sourceScheme) {
		return nil, &Failure{Text: fmt.Sprintf("%s: %s holds data at rest, and there is no server to ask", c.Command.Name, servers)}
	}
	addrs, _, err := session.ParseServers(servers)
	return addrs, err
}

// someServes is false when every server is known not to serve, so that opening
// a session would only take time.
func (c *Context) someServes(p *probe.Prober, addrs []string) bool {
	for _, a := range askAll(c, addrs, func(ctx context.Context, addr string) (string, error) { return p.Word(ctx, addr, "srvr") }) {
		if a.err == nil || errors.Is(a.err, probe.ErrNotAllowed) || errors.Is(a.err, probe.ErrUnknownWord) {
			return true
		}
	}
	return false
}

// configuration is what /zookeeper/config holds; nil for a server alone, and
// where it cannot be read.
func (c *Context) configuration(conn *connection) (*quorum.Config, error) {
	s, err := c.open(conn)
	if errors.Is(err, protocol.ConnectionLoss) || errors.Is(err, errNotConnected) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data, _, err := s.Config(c, false)
	switch {
	case errors.Is(err, protocol.NoNode), errors.Is(err, protocol.NoAuth), errors.Is(err, protocol.ConnectionLoss):
		return nil, nil
	case err != nil:
		return nil, err
	}
	config, err := quorum.ParseConfig(string(data))
	if err != nil || len(config.Members) == 0 {
		return nil, nil
	}
	return config, nil
}

// clientMembers are the client addresses of a configuration. One that has none, as
// with clientPort in zoo.cfg, gets the port under which its host, or else
// another server, is in the connect string. An address of all interfaces stands
// for the host; a loopback one, for a session with a server elsewhere, for that
// server's host.
func clientMembers(config *quorum.Config, listed []string, current string) []member {
	currentHost, _, _ := net.SplitHostPort(current)
	members := make([]member, 0, len(config.Members))
	for _, m := range config.Members {
		host := m.Addresses[0].Host
		port := portOf(host, listed)
		if m.Client != "" {
			clientHost, clientPort, err := net.SplitHostPort(m.Client)
			if err == nil {
				port = clientPort
			}
			if ip := net.ParseIP(clientHost); clientHost != "" && (ip == nil || !ip.IsUnspecified()) {
				host = clientHost
			}
		}
		if loopback(host) && currentHost != "" && !loopback(currentHost) {
			host = currentHost
		}
		members = append(members, member{ID: m.ID, Addr: net.JoinHostPort(host, port), Observer: m.Observer})
	}
	return members
}

func portOf(host string, listed []string) string {
	for _, addr := range listed {
		if h, p, err := net.SplitHostPort(addr); err == nil && h == host {
			return p
		}
	}
	_, p, _ := net.SplitHostPort(listed[0])
	return p
}

// loopback tells whether a host, as it is written, is this machine whoever
// reads it.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// reachable tells whether at least one of the servers takes connections.
func reachable(ctx context.Context, members []member) bool {
	addrs := make([]string, len(members))
	for i, m := range members {
		addrs[i] = m.Addr
	}
	answers := askAll(ctx, addrs, func(ctx context.Context, addr string) (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, reachTimeout)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
		}
		return struct{}{}, err
	})
	return slices.ContainsFunc(answers, func(a answer[struct{}]) bool { return a.err == nil })
}

// An answer is what one server said.
type answer[T any] struct {
	server string
	value  T
	err    error
}

// askBound is how many servers are asked at a time.
const askBound = 16

// askAll asks servers side by side and returns their answers in their order.
func askAll[T any](ctx context.Context, servers []string, ask func(ctx context.Context, server string) (T, error)) []answer[T] {
	answers := make([]answer[T], len(servers))
	slots := make(chan struct{}, askBound)
	var wg sync.WaitGroup
	for i, server := range servers {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			value, err := ask(ctx, server)
			answers[i] = answer[T]{server, value, err}
		})
	}
	wg.Wait()
	return answers
}

// idOf is the id of the server at an address, −1 when it is not known.
func (e *ensemble) idOf(addr string) int64 {
	for _, m := range e.Members {
		if m.Addr == addr {
			return m.ID
		}
	}
	return -1
}

// connections asks every server who is connected. heard is false when none of
// them tells.
func (e *ensemble) connections(ctx context.Context) (conns []probe.Conn, heard bool, unheard []*probe.UnheardError) {
	answers := askAll(ctx, e.Servers, func(ctx context.Context, server string) ([]probe.Conn, error) {
		list, _, err := e.Conns(ctx, server)
		return list, err
	})
	for _, a := range answers {
		var u *probe.UnheardError
		switch {
		case errors.As(a.err, &u):
			unheard = append(unheard, u)
		case a.err == nil:
			heard = true
			conns = append(conns, a.value...)
		}
	}
	return conns, heard, unheard
}

// dump gathers the sessions and their ephemerals from every server that tells
// them: a server may know no more than the sessions of its own clients. Nil when
// none tells.
func (e *ensemble) dump(ctx context.Context) (*probe.Dump, []*probe.UnheardError) {
	answers := askAll(ctx, e.Servers, func(ctx context.Context, server string) (*probe.Dump, error) {
		d, _, err := e.Dump(ctx, server)
		return d, err
	})
	var all *probe.Dump
	var unheard []*probe.UnheardError
	for _, a := range answers {
		var u *probe.UnheardError
		switch {
		case errors.As(a.err, &u):
			unheard = append(unheard, u)
		case a.err == nil && all == nil:
			all = a.value
		case a.err == nil:
			all.Add(a.value)
		}
	}
	if all != nil {
		unheard = nil // one server knows the ephemerals of all
	}
	return all, unheard
}

// tellUnheard says on stderr what the servers did not tell and, once a command,
// which line of zoo.cfg would make them.
func (c *Context) tellUnheard(what string, unheard []*probe.UnheardError) {
	for _, u := range unheard {
		c.Shell.Out.Note(fmt.Sprintf("%s: %s does not tell: %s: %v; AdminServer: %v", what, u.Server, u.Word, u.First, u.Admin))
	}
	shut := slices.ContainsFunc(unheard, func(u *probe.UnheardError) bool { return errors.Is(u.First, probe.ErrNotAllowed) })
	if shut && !c.mended {
		c.mended = true
		c.Shell.Out.Note("this line in the servers' zoo.cfg lets them tell: " + probe.Mend + " (or -admin names the port of their AdminServer)")
	}
}
