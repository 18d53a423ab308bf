package sim

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// before compares a txn with the request behind it and the tree it meets.
func (j *judge) before(t *txn.Txn, o *Op) *Violation {
	switch t.Type {
	case protocol.OpCreateSession, protocol.OpCloseSession:
		return nil
	case protocol.OpReconfig:
		if asReconfig(t) {
			return nil
		}
	case protocol.OpDeleteContainer:
		n := j.m.nodes[t.Body.(*txn.Delete).Path]
		if n == nil || len(n.children) > 0 || n.created == 0 {
			return violation("D3 the log holds what was asked", "%v removes %s, which is no empty container", t.Zxid, t.Body.(*txn.Delete).Path)
		}
		return nil
	case protocol.OpError:
		if t.Session == 0 || asReconfig(t) { // a container that was no longer empty
			return nil
		}
	}
	if o == nil {
		return violation("D3 the log holds what was asked", "%v is xid %d (%v) of session %v, which no client sent", t.Zxid, t.Cxid, t.Type, t.Session)
	}
	if e, failed := t.Body.(*txn.Error); failed {
		return j.refused(t, o, e.Err)
	}
	if multi, ok := t.Body.(*txn.Multi); ok {
		return j.beforeMulti(t, o, multi)
	}
	path, code := j.m.expect(o.Type, o.Request)
	if code != protocol.OK {
		return violation("D3 refusals are right", "%v: %v must fail with %v", t.Zxid, o, code.Name())
	}
	return j.sameRequest(j.m, t, o.Request, t.Body, path)
}

// refused: an error txn is right when the model says so, or when the session
// was in no state to write.
func (j *judge) refused(t *txn.Txn, o *Op, code protocol.Code) *Violation {
	switch code {
	case protocol.SessionExpired, protocol.SessionMoved, protocol.UnknownSession:
		return nil
	}
	if code == protocol.EphemeralOnLocalSession && j.mayRefuseEphemerals(o.Session) && ephemeral(o.Request) {
		return nil
	}
	if _, want := j.m.expect(o.Type, o.Request); want != code {
		return violation("D3 refusals are right", "%v: %v failed with %v, and should be %v", t.Zxid, o, code.Name(), codeText(want))
	}
	return nil
}

func (j *judge) beforeMulti(t *txn.Txn, o *Op, multi *txn.Multi) *Violation {
	r, ok := o.Request.(*protocol.MultiRequest)
	if !ok || len(r.Ops) != len(multi.Txns) {
		return violation("D3 the log holds what was asked", "%v has %d ops; %v", t.Zxid, len(multi.Txns), o)
	}
	m := j.m.clone()
	m.zxid = t.Zxid
	for i, op := range r.Ops {
		path, want := m.expect(op.Type, op.Record)
		if e, failed := multi.Txns[i].Body.(*txn.Error); failed {
			switch {
			case e.Err == protocol.OK && want == protocol.OK: // undone: the one that failed comes later
				m.pretend(t, op.Record, path)
				continue
			case e.Err == want, e.Err == protocol.SessionExpired, e.Err == protocol.SessionMoved, e.Err == protocol.UnknownSession,
				e.Err == protocol.EphemeralOnLocalSession && j.mayRefuseEphemerals(o.Session) && ephemeral(op.Record):
				return nil
			}
			return violation("D3 refusals are right", "%v: op %d of %v failed with %v, and should be %v", t.Zxid, i, o, e.Err.Name(), codeText(want))
		}
		if want != protocol.OK {
			return violation("D3 refusals are right", "%v: op %d of %v must fail with %v", t.Zxid, i, o, want.Name())
		}
		if v := j.sameRequest(m, t, op.Record, multi.Txns[i].Body, path); v != nil {
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
func (j *judge) sameRequest(m *model, t *txn.Txn, asked, body protocol.Record, path string) *Violation {
	same := false
	switch r := asked.(type) {
	case *protocol.CreateRequest:
		switch b := body.(type) {
		case *txn.Create:
			if r.Flags.Sequential() {
				if v := j.sequence(m, t, r.Path, b.Path); v != nil {
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

func (j *judge) sequence(m *model, t *txn.Txn, prefix, path string) *Violation {
	parent := protocol.Parent(path)
	n, err := strconv.Atoi(strings.TrimPrefix(path, prefix))
	node := m.nodes[parent]
	if err != nil || node == nil {
		return violation("S7 sequence numbers are never reused", "%v made %s for %s", t.Zxid, path, prefix)
	}
	key := fmt.Sprintf("%s %v", parent, node.stat.Czxid)
	if last, ok := j.m.sequence[key]; ok && int32(n) <= last {
		return violation("S7 sequence numbers are never reused", "%v gives number %d under %s after %d", t.Zxid, n, parent, last)
	}
	j.m.sequence[key] = int32(n)
	return nil
}
