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
			return violation("I7 no holes", "%v: %v", e.zxid, err)
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
			return violation("D1 acknowledged writes survive", "%v was answered at %v, which is not in the log; it ends at %v", c.seen[z][0], z, c.m.zxid)
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
			return violation("D3 the log holds what was asked", "%v removes %s, which is no empty container", t.Zxid, t.Body.(*txn.Delete).Path)
		}
		return nil
	case protocol.OpError:
		if t.Session == 0 { // a container that was no longer empty
			return nil
		}
	}
	if o == nil {
		return violation("D3 the log holds what was asked", "%v is xid %d (%v) of session %v, which no client sent", t.Zxid, t.Cxid, t.Type, t.Session)
	}
	if e, failed := t.Body.(*txn.Error); failed {
		return c.refused(t, o, e.Err)
	}
	if multi, ok := t.Body.(*txn.Multi); ok {
		return c.beforeMulti(t, o, multi)
	}
	path, code := c.m.expect(o.Type, o.Request)
	if code != protocol.OK {
		return violation("D3 refusals are right", "%v: %v must fail with %v", t.Zxid, o, code.Name())
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
		return violation("D3 refusals are right", "%v: %v failed with %v, and should be %v", t.Zxid, o, code.Name(), codeText(want))
	}
	return nil
}

func (c *checker) beforeMulti(t *txn.Txn, o *Op, multi *txn.Multi) *Violation {
	r, ok := o.Request.(*protocol.MultiRequest)
	if !ok || len(r.Ops) != len(multi.Txns) {
		return violation("D3 the log holds what was asked", "%v has %d ops; %v", t.Zxid, len(multi.Txns), o)
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
			return violation("D3 refusals are right", "%v: op %d of %v failed with %v, and should be %v", t.Zxid, i, o, e.Err.Name(), codeText(want))
		}
		if want != protocol.OK {
			return violation("D3 refusals are right", "%v: op %d of %v must fail with %v", t.Zxid, i, o, want.Name())
		}
		if v := c.sameRequest(m, t, op.Record, multi.Txns[i].Body, path); v != nil {
			return v
		}
		if _, err := m.change(t, multi.Txns[i].Body); err != nil {
			return violation("S8 a txn fits the tree before it", "op %d: %v", i, err)
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
		return violation("D3 the log holds what was asked", "%v is %+v where %+v was asked", t.Zxid, body, asked)
	}
	return nil
}

func (c *checker) sequence(m *model, t *txn.Txn, prefix, path string) *Violation {
	parent := protocol.Parent(path)
	n, err := strconv.Atoi(strings.TrimPrefix(path, prefix))
	node := m.nodes[parent]
	if err != nil || node == nil {
		return violation("S7 sequence numbers are never reused", "%v made %s for %s", t.Zxid, path, prefix)
	}
	key := fmt.Sprintf("%s %v", parent, node.stat.Czxid)
	if last, ok := c.m.sequence[key]; ok && int32(n) <= last {
		return violation("S7 sequence numbers are never reused", "%v gives number %d under %s after %d", t.Zxid, n, parent, last)
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
		return violation("D1 acknowledged writes survive", "%v was answered at %v, where the log has xid %d (%v) of session %v", o, o.Zxid, t.Cxid, t.Type, t.Session)
	}
	logged := protocol.OK
	if e, ok := t.Body.(*txn.Error); ok {
		logged = e.Err
	}
	if o.Code != logged {
		return violation("D3 replies tell the outcome", "%v: the reply says %v and the log %v", o, codeText(o.Code), codeText(logged))
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
		return violation("D3 replies tell the outcome", "%v: the reply says %s and the log %s", o, path, logged)
	}
	if stat == nil {
		return nil
	}
	n := c.m.nodes[path]
	if n == nil {
		return violation("D3 replies tell the outcome", "%v: there is no %s at %v", o, path, o.Zxid)
	}
	if want := n.clientStat(); *stat != want {
		return violation("D3 replies tell the outcome", "%v: Stat %+v, want %+v", o, *stat, want)
	}
	return nil
}

func (c *checker) answeredMulti(o *Op, r *protocol.MultiResponse, multi *txn.Multi) *Violation {
	if len(r.Results) != len(multi.Txns) {
		return violation("D3 replies tell the outcome", "%v: %d results of %d ops", o, len(r.Results), len(multi.Txns))
	}
	for i, result := range r.Results {
		_, failed := multi.Txns[i].Body.(*txn.Error)
		if asked := o.Request.(*protocol.MultiRequest).Ops[i].Type; !failed && result.Type != asked {
			return violation("D3 replies tell the outcome", "%v: op %d is %v and was answered as %v", o, i, asked, result.Type)
		}
		if failed != (result.Type == protocol.OpError) {
			return violation("D3 replies tell the outcome", "%v: op %d is %v in the reply and %v in the log", o, i, result.Type, multi.Txns[i].Type)
		}
		if b, ok := multi.Txns[i].Body.(*txn.Create); ok && b.Path != result.Path {
			return violation("D3 replies tell the outcome", "%v: op %d made %s and the reply says %s", o, i, b.Path, result.Path)
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
			return violation("S8 reads show one state", "%v: %v, and at %v there is no such znode", o, codeText(o.Code), o.Zxid)
		}
		return nil
	}
	if o.Code != protocol.OK {
		return violation("S8 reads show one state", "%v: %v, and at %v the znode is there", o, codeText(o.Code), o.Zxid)
	}
	var stat protocol.Stat
	switch r := o.Reply.(type) {
	case *protocol.GetDataResponse:
		stat = r.Stat
		if !bytes.Equal(r.Data, n.data) {
			return violation("S8 reads show one state", "%v: data %.20q, and at %v it is %.20q", o, r.Data, o.Zxid, n.data)
		}
	case *protocol.StatResponse:
		stat = r.Stat
	case *protocol.GetChildren2Response:
		stat = r.Stat
		got, want := slices.Sorted(slices.Values(r.Children)), slices.Sorted(slices.Values(n.children))
		if !slices.Equal(got, want) {
			return violation("S8 reads show one state", "%v: children %q, and at %v they are %q", o, got, o.Zxid, want)
		}
	}
	if want := n.clientStat(); stat != want && path != "/" {
		return violation("S8 reads show one state", "%v: Stat %+v, and at %v it is %+v", o, stat, o.Zxid, want)
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
