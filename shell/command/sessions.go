package command

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/shell/probe"
	"zookit/shell/walk"
)

var sessions = &Command{
	Name:    "sessions",
	In:      Own,
	Usage:   Usage{R38: "[-admin port] [session]"},
	Flags:   []Flag{adminFlag},
	Args:    []Arg{{Name: "session", Kind: SessionArg}},
	Summary: "list the sessions of the ensemble: client, server, age, ephemerals",
	Help: "With a session id everything about that one, with its ephemerals. The servers are asked as owner asks them; when none tells,\n" +
		"the sessions are those whose ephemerals a walk through the tree finds.",
	Example: []string{"sessions", "sessions 0x1000000cae20000"},
	Max:     1,
	Run:     runSessions,
}

// SessionRecord is a session as far as the servers tell of it.
type SessionRecord struct {
	Session     string     `json:"session"`               // 0x…
	Mine        bool       `json:"mine,omitempty"`        // it is this shell's
	Client      string     `json:"client,omitempty"`      // host:port; "" when not known or not connected
	Server      string     `json:"server,omitempty"`      // host:port of the server it is connected to
	ServerID    *int64     `json:"serverId,omitempty"`    // of that server
	Connected   *time.Time `json:"connected,omitempty"`   // since when the connection stands
	TimeoutMs   int64      `json:"timeoutMs,omitempty"`   // as granted
	LastOp      string     `json:"lastOp,omitempty"`      // Apache's four letters
	Queued      int64      `json:"queued"`                // requests not answered yet
	AvgMs       int64      `json:"avgLatencyMs"`          // of its requests
	AtLeastFrom *time.Time `json:"atLeastFrom,omitempty"` // the session is at least as old as this
	MadeBy      int64      `json:"madeBy"`                // id of the server that made the session, from its number
	MadeAfter   *time.Time `json:"madeAfter,omitempty"`   // when that server had started, from its number
	Ephemerals  []string   `json:"ephemerals,omitempty"`  // paths; of a list of sessions as well
	Partial     bool       `json:"partial,omitempty"`     // there may be more ephemerals elsewhere
	State       string     `json:"state,omitempty"`       // connected; unconnected: it ends at its timeout unless it returns
}

// facts are the lines about one session.
func (r *SessionRecord) facts(c *Context) []fact {
	id := r.Session
	if r.Mine {
		id += " (this session)"
	}
	server := r.Server
	if r.ServerID != nil {
		server += fmt.Sprintf(" (server %d)", *r.ServerID)
	}
	facts := []fact{{"session", id}, {"client", r.Client}, {"server", server}}
	if r.State == stateUnconnected {
		facts = append(facts, fact{"connection", "none now; the session ends at its timeout unless its client returns"})
	}
	if r.Connected != nil {
		facts = append(facts, fact{"connected", c.ago(*r.Connected)})
	}
	if r.AtLeastFrom != nil {
		facts = append(facts, fact{"age", "at least " + short(time.Since(*r.AtLeastFrom))})
	}
	if r.TimeoutMs > 0 {
		facts = append(facts, fact{"timeout", short(time.Duration(r.TimeoutMs) * time.Millisecond)})
	}
	facts = append(facts, fact{"lastOp", r.LastOp})
	made := fmt.Sprintf("server %d", r.MadeBy)
	if r.MadeAfter != nil {
		made += ", after its start at " + string(c.ago(*r.MadeAfter))
	}
	facts = append(facts, fact{"made by", made + ", by the session's number"})
	count := strconv.Itoa(len(r.Ephemerals))
	if r.Partial {
		count = "at least " + count
	}
	facts = append(facts, fact{"ephemerals", count})
	for _, p := range r.Ephemerals {
		facts = append(facts, fact{"ephemeral", p})
	}
	return facts
}

const (
	stateConnected   = "connected"
	stateUnconnected = "unconnected"
)

// sessionLook is what the servers of an ensemble told about sessions.
type sessionLook struct {
	c      *Context
	s      Session
	e      *ensemble
	stored bool // s reads files: the tree tells what there is to tell

	conns      map[protocol.SessionID]probe.Conn
	connsHeard bool // from at least one server
	allConns   bool // from every one
	connsUn    []*probe.UnheardError

	dump   *probe.Dump // nil: no server tells
	dumpUn []*probe.UnheardError
}

func (c *Context) lookAtSessions(s Session) (*sessionLook, error) {
	if _, stored := atRest(s); stored {
		return &sessionLook{c: c, s: s, e: &ensemble{}, stored: true}, nil
	}
	e, err := c.ensembleOf(c.connectionAt(s))
	if err != nil {
		return nil, err
	}
	l := &sessionLook{c: c, s: s, e: e, conns: map[protocol.SessionID]probe.Conn{}}
	conns, heard, unheard := e.connections(c)
	l.connsHeard, l.allConns, l.connsUn = heard, heard && len(unheard) == 0, unheard
	for _, k := range conns {
		l.conns[k.Session] = k
	}
	l.dump, l.dumpUn = e.dump(c)
	return l, c.Err()
}

// record is what was told about one session, without its ephemerals.
func (l *sessionLook) record(id protocol.SessionID) *SessionRecord {
	made := probe.FactsOf(id)
	r := &SessionRecord{Session: id.String(), Mine: id == l.s.SessionID(), MadeBy: made.Server}
	if !made.Started.IsZero() {
		r.MadeAfter = &made.Started
	}
	k, connected := l.conns[id]
	switch {
	case connected:
		r.State, r.Client, r.Server, r.Connected, r.TimeoutMs = stateConnected, k.Client, k.Server, &k.Established, k.TimeoutMs
		r.LastOp, r.Queued, r.AvgMs = k.LastOp, k.Queued, k.AvgMs
		r.AtLeastFrom = &k.Established
		if sid := l.e.idOf(k.Server); sid >= 0 {
			r.ServerID = &sid
		}
	case l.allConns:
		r.State = stateUnconnected
	}
	if r.Mine && r.Server == "" {
		r.Server = l.s.Server()
	}
	return r
}

// mostStats bounds how many ephemerals are asked for their age.
const mostStats = 100

// describe is everything about a session; path is one of its ephemerals, "" for
// none.
func (l *sessionLook) describe(id protocol.SessionID, path string) (*SessionRecord, error) {
	r := l.record(id)
	switch {
	case l.dump != nil:
		r.Ephemerals = l.visible(l.dump.Ephemerals[id])
	case path != "" && !l.c.Has("R") && !l.stored:
		found, _, err := ephemeralsBelow(l.c, l.s, protocol.Parent(path), 1)
		if err != nil {
			return nil, err
		}
		r.Ephemerals, r.Partial = found[id], true // there may be others elsewhere
	default:
		found, complete, err := ephemeralsBelow(l.c, l.s, "/", 0)
		if err != nil {
			return nil, err
		}
		r.Ephemerals, r.Partial = found[id], !complete
	}
	asked := r.Ephemerals[:min(len(r.Ephemerals), mostStats)]
	if path != "" && !slices.Contains(asked, path) {
		asked = append(slices.Clone(asked), path)
	}
	for _, p := range asked {
		st, err := l.s.Exists(l.c, p, false)
		if err != nil && !isCode(err) {
			return nil, err
		}
		if st == nil || st.EphemeralOwner != id {
			continue
		}
		if born := time.UnixMilli(st.Ctime); r.AtLeastFrom == nil || born.Before(*r.AtLeastFrom) {
			r.AtLeastFrom = &born
		}
	}
	return r, nil
}

// visible are the paths that this session can name.
func (l *sessionLook) visible(paths []string) []string {
	var list []string
	for _, p := range paths {
		if own, ok := inChroot(l.s.Chroot(), p); ok {
			list = append(list, own)
		}
	}
	return list
}

// tellMissing says what no server told and what would make them.
func (l *sessionLook) tellMissing() {
	if l.stored {
		return
	}
	if !l.allConns {
		l.c.tellUnheard("clients", l.connsUn)
	}
	if l.dump == nil {
		l.c.tellUnheard("ephemerals", l.dumpUn)
	}
}

// mostWalked bounds a walk for ephemerals.
const mostWalked = 1_000_000

// ephemeralsBelow finds ephemerals by their owner, down to depth levels below
// root (0 is all). complete is false when something could not be read or there
// was too much.
func ephemeralsBelow(c *Context, s Session, root string, depth int) (found map[protocol.SessionID][]string, complete bool, err error) {
	found, complete = map[protocol.SessionID][]string{}, true
	seen := 0
	err = walk.Walk(c, s, root, walk.Options{Stat: true, MaxDepth: depth}, func(n *walk.Node) error {
		if seen++; seen > mostWalked {
			complete = false
			return walk.Stop
		}
		if n.Err != nil {
			complete = false
		}
		if n.Stat != nil && n.Stat.EphemeralOwner != 0 {
			found[n.Stat.EphemeralOwner] = append(found[n.Stat.EphemeralOwner], n.Path)
		}
		return nil
	})
	return found, complete, err
}

// showSession prints everything about the session of a number.
func showSession(c *Context, number string) error {
	id, err := probe.ParseSession(number)
	if err != nil {
		return &Failure{Text: c.Command.Name + ": " + err.Error()}
	}
	s, err := c.Session()
	if err != nil {
		return err
	}
	l, err := c.lookAtSessions(s)
	if err != nil {
		return err
	}
	return l.printOne(id)
}

func runSessions(c *Context) error {
	s, err := c.Session()
	if err != nil {
		return err
	}
	if len(c.Args) > 0 {
		return showSession(c, c.Args[0])
	}
	l, err := c.lookAtSessions(s)
	if err != nil {
		return err
	}
	records, err := l.all()
	if err != nil {
		return err
	}
	header := []string{"session", "client", "server", "connected", "timeout", "last op", "queued", "avg ms", "ephemerals"}
	err = Rows(c, header, records, func(r *SessionRecord) []string {
		connected, timeout, id := "-", "-", r.Session
		if r.Connected != nil {
			connected = short(time.Since(*r.Connected))
		}
		if r.TimeoutMs > 0 {
			timeout = short(time.Duration(r.TimeoutMs) * time.Millisecond)
		}
		if r.Mine {
			id += " *"
		}
		client, queued, avg := r.Client, "-", "-"
		switch r.State {
		case stateUnconnected:
			client = "(not connected)"
		case stateConnected:
			queued, avg = strconv.FormatInt(r.Queued, 10), strconv.FormatInt(r.AvgMs, 10)
		}
		ephemerals := strconv.Itoa(len(r.Ephemerals))
		if r.Partial {
			ephemerals = "-"
		}
		return []string{id, dash(client), dash(r.Server), connected, timeout, dash(r.LastOp), queued, avg, ephemerals}
	}, "queued", "avg ms", "timeout", "last op", "ephemerals", "connected", "server")
	l.tellMissing()
	return err
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// all lists every session that any server told of, by server and client.
func (l *sessionLook) all() ([]*SessionRecord, error) {
	var ephemerals map[protocol.SessionID][]string
	partial := false
	ids := []protocol.SessionID{l.s.SessionID()}
	switch {
	case l.dump != nil:
		ephemerals = l.dump.Ephemerals
		ids = append(ids, l.dump.Sessions...)
	case !l.connsHeard:
		found, complete, err := ephemeralsBelow(l.c, l.s, "/", 0)
		if err != nil {
			return nil, err
		}
		ephemerals, partial = found, !complete
		if !l.stored {
			l.c.Shell.Out.Note("no server lists the sessions; these are those whose ephemerals the tree has")
		}
	default:
		partial = true
	}
	for id := range ephemerals {
		ids = append(ids, id)
	}
	for id := range l.conns {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var records []*SessionRecord
	for _, id := range slices.Compact(ids) {
		if id == 0 {
			continue
		}
		r := l.record(id)
		r.Partial = partial
		r.Ephemerals = ephemerals[id]
		if l.dump != nil {
			r.Ephemerals = l.visible(ephemerals[id])
		}
		records = append(records, r)
	}
	slices.SortStableFunc(records, func(a, b *SessionRecord) int {
		return cmp.Or(strings.Compare(a.Server, b.Server), strings.Compare(a.Client, b.Client))
	})
	return records, nil
}

// printOne prints what is known about one session, and fails when every server
// was asked and none knows it.
func (l *sessionLook) printOne(id protocol.SessionID) error {
	_, connected := l.conns[id]
	known := connected || id == l.s.SessionID()
	if d := l.dump; d != nil {
		known = known || slices.Contains(d.Sessions, id) || len(d.Ephemerals[id]) > 0
		if !known && len(d.Sessions) > 0 {
			return &Failure{Text: fmt.Sprintf("%s: no session %v: it has ended, or never was; \"sessions\" lists those there are", l.c.Command.Name, id)}
		}
	}
	r, err := l.describe(id, "")
	if err != nil {
		return err
	}
	if !known && len(r.Ephemerals) == 0 && l.connsHeard {
		l.c.Shell.Out.Note(fmt.Sprintf("no server that tells knows session %v", id))
	}
	err = l.c.Emit(r, func() { l.c.printFacts(r.facts(l.c)) })
	l.tellMissing()
	return err
}
