package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// Invariants are the names of what is checked, with what each says.
var Invariants = map[string]string{
	"acknowledged writes survive":                  "what a client was told, or could read, is on disk after every crash, unchanged, and so are all txns before it",
	"logs are whole and contiguous":                "after a recovery every record is whole, each zxid follows the one before, and a log begins with the zxid of its name",
	"recovery never refuses":                       "after power cuts, kills and failing disks alone a server starts again unaided",
	"log holds what was asked":                     "every txn is some client's request, or the end of a session, or the removal of an empty container",
	"a txn fits the tree before it":                "no logged create finds its znode there, no delete a child, no setData another version; a failed one has no effect",
	"replies tell the outcome":                     "code, path and Stat of a write's reply are those of its txn",
	"refusals are right":                           "a write fails exactly when the tree before it demands so, with that code, and a multi as a whole",
	"reads show one state":                         "data, children and Stat of a read are those of the tree at the reply's zxid",
	"writes are linearizable":                      "a write that begins after another was answered has a higher zxid; a sync, and with one server a read, is not behind it",
	"replies come in request order":                "on every connection",
	"replies can be read":                          "every reply and event decodes, with no byte left over",
	"zxids of a session never go back":             "over all its connections",
	"a session's writes happen in order, and once": "xids of a session's txns rise, whatever connection they came by",
	"a session is made once":                       "no session id is given twice",
	"a session ends once":                          "by one closeSession, and never before it was made",
	"a session keeps its id":                       "over all its connections",
	"nothing happens in a session that is gone":    "no txn of it after its closeSession",
	"sessions do not expire early":                 "not before its timeout has passed since a request that was answered",
	"sessions that are gone end":                   "expiry told to a client is in the log; an abandoned session ends",
	"ephemerals go with their session":             "a closeSession removes all of its ephemerals and nothing else",
	"sequence numbers are never reused":            "they rise under each parent, also over restarts",
	"events precede the reply":                     "no reply shows a change before the event of a watch on it; a watch loses nothing, also over a reconnect",
	"watches fire once":                            "a one-shot watch gives one event; an event has a watch; events come in zxid order with the right type",
	"damage is never taken for an end":             "with one bit of the disk flipped, a server starts with the whole history, or refuses",
	"assertions hold":                              "the replica's own invariants, and storage works while the disk does",
	"I1 leadership":                                "one server leads an epoch",
	"I2 integrity":                                 "a zxid is one txn, in every log at any time",
	"I3 prefix consistency":                        "what is committed goes on from what was committed before",
	"I4 total order":                               "a txn follows the same one in every log",
	"I7 no holes":                                  "zxids follow each other in a log, and in what a learner is sent",
	"I8 epochs only rise":                          "acceptedEpoch and currentEpoch on disk never go back, the second is no higher, and nothing of an earlier epoch is acknowledged",
	"I9 durable before said":                       "what ACKEPOCH, LEADERINFO, NEWLEADER and ACK speak of is on the speaker's disk",
	"I10 commit rule":                              "what is committed is on the disks of a quorum in its epoch; COMMITs come in order",
	"I11 leader completeness":                      "a leader begins with all that is committed",
	"I12 TRUNC safety":                             "what is committed leaves a disk only while a quorum of others has it; a leader truncates to what it has",
	"I14 determinism":                              "the same history gives the same tree, in memory and from every disk",
	"V4 everybody comes back":                      "when faults have stopped, every server serves under one leader, level with it",
	"progress comes":                               "when faults have stopped, every client gets a session, a write and a sync, in bounded time",
}

// check looks at the whole history when a run is over.
func (w *world) check() {
	c := &checker{w: w, h: w.history, m: newModel(), asked: map[request]*Op{}, seen: map[protocol.Zxid][]*Op{}}
	for _, f := range []func() *Violation{c.replay, c.watches, c.order, c.sessions} {
		if v := f(); v != nil && w.broken == nil {
			v.At = -1
			w.broken = v
			if w.trace != nil {
				fmt.Fprintf(w.trace, "VIOLATION found in the history: %v\n", v)
			}
			return
		}
	}
}

func violation(invariant, format string, args ...any) *Violation {
	named(invariant)
	return &Violation{Invariant: invariant, Detail: fmt.Sprintf(format, args...)}
}

// named panics unless the name is one of Invariants.
func named(invariant string) {
	if Invariants[invariant] == "" {
		panic("sim: no invariant is called " + invariant)
	}
}

type checker struct {
	w *world
	h *history
	m *model

	asked   map[request]*Op
	seen    map[protocol.Zxid][]*Op // answered, by the zxid of the reply
	expired []*txn.Txn              // ends of sessions that no client asked for
	changes [][]change              // by position in the log
}

type request struct {
	session protocol.SessionID
	xid     int32
}

// replay runs the log through the model, and compares every answered request
// with the model at its zxid.
func (c *checker) replay() *Violation {
	for _, o := range c.h.ops {
		c.asked[request{o.Session, o.Xid}] = o
	}
	for _, l := range c.h.conns {
		for _, p := range l.packets {
			if o := p.op; o != nil && o.Xid != protocol.XidPing {
				c.seen[o.Zxid] = append(c.seen[o.Zxid], o)
			}
		}
	}
	for _, e := range c.h.log {
		t, err := txn.Decode(e.payload)
		if err != nil {
			return violation("logs are whole and contiguous", "%v: %v", e.zxid, err)
		}
		o := c.asked[request{t.Session, t.Cxid}]
		if v := c.before(t, o); v != nil {
			return v
		}
		changes, err := c.m.apply(t)
		if err != nil {
			name, detail, _ := strings.Cut(err.Error(), ": ")
			return violation(name, "%s", detail)
		}
		c.changes = append(c.changes, changes)
		if t.Type == protocol.OpCloseSession && o == nil {
			c.expired = append(c.expired, t)
		}
		for _, o := range c.seen[t.Zxid] {
			if v := c.answered(o, t); v != nil {
				return v
			}
		}
		delete(c.seen, t.Zxid)
	}
	for _, z := range sortedKeys(c.seen) {
		if z > 0 {
			return violation("acknowledged writes survive", "%v was answered at %v, which is not in the log; it ends at %v", c.seen[z][0], z, c.m.zxid)
		}
	}
	return nil
}

// before compares a txn with the request behind it and the tree it meets.
func (c *checker) before(t *txn.Txn, o *Op) *Violation {
	switch t.Type {
	case protocol.OpCreateSession, protocol.OpCloseSession:
		return nil
	case protocol.OpDeleteContainer:
		n := c.m.nodes[t.Body.(*txn.Delete).Path]
		if n == nil || len(n.children) > 0 || n.created == 0 {
			return violation("log holds what was asked", "%v removes %s, which is no empty container", t.Zxid, t.Body.(*txn.Delete).Path)
		}
		return nil
	case protocol.OpError:
		if t.Session == 0 { // a container that was no longer empty
			return nil
		}
	}
	if o == nil {
		return violation("log holds what was asked", "%v is xid %d (%v) of session %v, which no client sent", t.Zxid, t.Cxid, t.Type, t.Session)
	}
	if e, failed := t.Body.(*txn.Error); failed {
		return c.refused(t, o, e.Err)
	}
	if multi, ok := t.Body.(*txn.Multi); ok {
		return c.beforeMulti(t, o, multi)
	}
	path, code := c.m.expect(o.Type, o.Request)
	if code != protocol.OK {
		return violation("refusals are right", "%v: %v must fail with %v", t.Zxid, o, code.Name())
	}
	return c.sameRequest(c.m, t, o.Request, t.Body, path)
}

// refused: an error txn is right when the model says so, or when the session
// was in no state to write.
func (c *checker) refused(t *txn.Txn, o *Op, code protocol.Code) *Violation {
	switch code {
	case protocol.SessionExpired, protocol.SessionMoved, protocol.UnknownSession:
		return nil
	}
	if _, want := c.m.expect(o.Type, o.Request); want != code {
		return violation("refusals are right", "%v: %v failed with %v, and should be %v", t.Zxid, o, code.Name(), codeText(want))
	}
	return nil
}

func (c *checker) beforeMulti(t *txn.Txn, o *Op, multi *txn.Multi) *Violation {
	r, ok := o.Request.(*protocol.MultiRequest)
	if !ok || len(r.Ops) != len(multi.Txns) {
		return violation("log holds what was asked", "%v has %d ops; %v", t.Zxid, len(multi.Txns), o)
	}
	m := c.m.clone()
	m.zxid = t.Zxid
	for i, op := range r.Ops {
		path, want := m.expect(op.Type, op.Record)
		if e, failed := multi.Txns[i].Body.(*txn.Error); failed {
			switch {
			case e.Err == protocol.OK && want == protocol.OK: // undone: the one that failed comes later
				m.pretend(t, op.Record, path)
				continue
			case e.Err == want, e.Err == protocol.SessionExpired, e.Err == protocol.SessionMoved, e.Err == protocol.UnknownSession:
				return nil
			}
			return violation("refusals are right", "%v: op %d of %v failed with %v, and should be %v", t.Zxid, i, o, e.Err.Name(), codeText(want))
		}
		if want != protocol.OK {
			return violation("refusals are right", "%v: op %d of %v must fail with %v", t.Zxid, i, o, want.Name())
		}
		if v := c.sameRequest(m, t, op.Record, multi.Txns[i].Body, path); v != nil {
			return v
		}
		if _, err := m.change(t, multi.Txns[i].Body); err != nil {
			return violation("a txn fits the tree before it", "op %d: %v", i, err)
		}
	}
	return nil
}

// sameRequest tells that a body does what was asked, and with a sequential
// create that its number is new. m is the tree before it.
func (c *checker) sameRequest(m *model, t *txn.Txn, asked, body protocol.Record, path string) *Violation {
	same := false
	switch r := asked.(type) {
	case *protocol.CreateRequest:
		switch b := body.(type) {
		case *txn.Create:
			if r.Flags.Sequential() {
				if v := c.sequence(m, t, r.Path, b.Path); v != nil {
					return v
				}
			}
			same = b.Path == path && bytes.Equal(b.Data, r.Data) && b.Ephemeral == r.Flags.Ephemeral()
		case *txn.CreateContainer:
			same = b.Path == path && bytes.Equal(b.Data, r.Data) && r.Flags == protocol.FlagContainer
		}
	case *protocol.DeleteRequest:
		b, ok := body.(*txn.Delete)
		same = ok && b.Path == r.Path
	case *protocol.SetDataRequest:
		b, ok := body.(*txn.SetData)
		same = ok && b.Path == r.Path && bytes.Equal(b.Data, r.Data)
	}
	if !same {
		return violation("log holds what was asked", "%v is %+v where %+v was asked", t.Zxid, body, asked)
	}
	return nil
}

func (c *checker) sequence(m *model, t *txn.Txn, prefix, path string) *Violation {
	parent := protocol.Parent(path)
	n, err := strconv.Atoi(strings.TrimPrefix(path, prefix))
	node := m.nodes[parent]
	if err != nil || node == nil {
		return violation("sequence numbers are never reused", "%v made %s for %s", t.Zxid, path, prefix)
	}
	key := fmt.Sprintf("%s %v", parent, node.stat.Czxid)
	if last, ok := c.m.sequence[key]; ok && int32(n) <= last {
		return violation("sequence numbers are never reused", "%v gives number %d under %s after %d", t.Zxid, n, parent, last)
	}
	c.m.sequence[key] = int32(n)
	return nil
}

// answered compares a reply with the tree at its zxid; t is the txn there.
func (c *checker) answered(o *Op, t *txn.Txn) *Violation {
	switch o.Type {
	case protocol.OpSync, protocol.OpAddWatch:
		return nil
	case protocol.OpSetWatches2:
		c.viewOf(o)
		return nil
	case protocol.OpGetData, protocol.OpExists, protocol.OpGetChildren2:
		return c.read(o)
	}
	if t.Session != o.Session || t.Cxid != o.Xid {
		return violation("acknowledged writes survive", "%v was answered at %v, where the log has xid %d (%v) of session %v", o, o.Zxid, t.Cxid, t.Type, t.Session)
	}
	logged := protocol.OK
	if e, ok := t.Body.(*txn.Error); ok {
		logged = e.Err
	}
	if o.Code != logged {
		return violation("replies tell the outcome", "%v: the reply says %v and the log %v", o, codeText(o.Code), codeText(logged))
	}
	if o.Code != protocol.OK {
		return nil
	}
	path, stat := "", (*protocol.Stat)(nil)
	switch r := o.Reply.(type) {
	case *protocol.PathResponse:
		path = r.Path
	case *protocol.Create2Response:
		path, stat = r.Path, &r.Stat
	case *protocol.StatResponse:
		stat = &r.Stat
	case *protocol.MultiResponse:
		return c.answeredMulti(o, r, t.Body.(*txn.Multi))
	}
	switch b := t.Body.(type) {
	case *txn.Create:
		return c.outcome(o, b.Path, path, stat)
	case *txn.CreateContainer:
		return c.outcome(o, b.Path, path, stat)
	case *txn.SetData:
		return c.outcome(o, b.Path, b.Path, stat)
	}
	return nil
}

func (c *checker) outcome(o *Op, logged, path string, stat *protocol.Stat) *Violation {
	if path != logged {
		return violation("replies tell the outcome", "%v: the reply says %s and the log %s", o, path, logged)
	}
	if stat == nil {
		return nil
	}
	n := c.m.nodes[path]
	if n == nil {
		return violation("replies tell the outcome", "%v: there is no %s at %v", o, path, o.Zxid)
	}
	if want := n.clientStat(); *stat != want {
		return violation("replies tell the outcome", "%v: Stat %+v, want %+v", o, *stat, want)
	}
	return nil
}

func (c *checker) answeredMulti(o *Op, r *protocol.MultiResponse, multi *txn.Multi) *Violation {
	if len(r.Results) != len(multi.Txns) {
		return violation("replies tell the outcome", "%v: %d results of %d ops", o, len(r.Results), len(multi.Txns))
	}
	for i, result := range r.Results {
		_, failed := multi.Txns[i].Body.(*txn.Error)
		if failed != (result.Type == protocol.OpError) {
			return violation("replies tell the outcome", "%v: op %d is %v in the reply and %v in the log", o, i, result.Type, multi.Txns[i].Type)
		}
		if b, ok := multi.Txns[i].Body.(*txn.Create); ok && b.Path != result.Path {
			return violation("replies tell the outcome", "%v: op %d made %s and the reply says %s", o, i, b.Path, result.Path)
		}
	}
	return nil
}

// read compares a read with the tree.
func (c *checker) read(o *Op) *Violation {
	if o.Code == protocol.SessionExpired {
		return nil
	}
	path := o.Request.(*protocol.PathWatchRequest).Path
	n := c.m.nodes[path]
	if n == nil {
		if o.Code != protocol.NoNode {
			return violation("reads show one state", "%v: %v, and at %v there is no such znode", o, codeText(o.Code), o.Zxid)
		}
		return nil
	}
	if o.Code != protocol.OK {
		return violation("reads show one state", "%v: %v, and at %v the znode is there", o, codeText(o.Code), o.Zxid)
	}
	var stat protocol.Stat
	switch r := o.Reply.(type) {
	case *protocol.GetDataResponse:
		stat = r.Stat
		if !bytes.Equal(r.Data, n.data) {
			return violation("reads show one state", "%v: data %.20q, and at %v it is %.20q", o, r.Data, o.Zxid, n.data)
		}
	case *protocol.StatResponse:
		stat = r.Stat
	case *protocol.GetChildren2Response:
		stat = r.Stat
		got, want := slices.Sorted(slices.Values(r.Children)), slices.Sorted(slices.Values(n.children))
		if !slices.Equal(got, want) {
			return violation("reads show one state", "%v: children %q, and at %v they are %q", o, got, o.Zxid, want)
		}
	}
	if want := n.clientStat(); stat != want && path != "/" {
		return violation("reads show one state", "%v: Stat %+v, and at %v it is %+v", o, stat, o.Zxid, want)
	}
	return nil
}

// viewOf keeps what the tree says of the paths of a setWatches.
func (c *checker) viewOf(o *Op) {
	r := o.Request.(*protocol.SetWatches2Request)
	o.seen = map[string]zxids{}
	for _, list := range [][]string{r.Data, r.Exist, r.Child} {
		for _, path := range list {
			o.seen[path] = c.m.zxids(path)
		}
	}
}
