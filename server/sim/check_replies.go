package sim

import (
	"bytes"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// answered compares a reply with the tree at its zxid, and that of a write with
// the txn there.
func (j *judge) answered(o *Op) *Violation {
	switch o.Type {
	case protocol.OpSync, protocol.OpAddWatch, protocol.OpSetWatches2:
		return nil
	case protocol.OpGetData, protocol.OpExists, protocol.OpGetChildren2:
		return j.read(o)
	}
	if o.Zxid == 0 {
		return nil
	}
	i, ok := j.w.ledger.at[o.Zxid]
	if !ok {
		return violation("D1 acknowledged writes survive", "%v was answered at %v, which is no txn; the history ends at %v", o, o.Zxid, j.m.zxid)
	}
	t := j.txns[i]
	if t.Session != o.Session || t.Cxid != o.Xid {
		return violation("D1 acknowledged writes survive", "%v was answered at %v, where the log has xid %d (%v) of session %v", o, o.Zxid, t.Cxid, t.Type, t.Session)
	}
	logged := protocol.OK
	if e, ok := t.Body.(*txn.Error); ok {
		logged = e.Err
	}
	if o.Code == protocol.EphemeralOnLocalSession && logged != protocol.OK && j.mayRefuseEphemerals(o.Session) && ephemeral(o.Request) {
		return nil // what the learner says for a leader that does not know the session
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
		return j.answeredMulti(o, r, t.Body.(*txn.Multi))
	}
	switch b := t.Body.(type) {
	case *txn.Create:
		return j.outcome(o, b.Path, path, stat)
	case *txn.CreateContainer:
		return j.outcome(o, b.Path, path, stat)
	case *txn.SetData:
		return j.outcome(o, b.Path, b.Path, stat)
	}
	return nil
}

func (j *judge) outcome(o *Op, logged, path string, stat *protocol.Stat) *Violation {
	if path != logged {
		return violation("D3 replies tell the outcome", "%v: the reply says %s and the log %s", o, path, logged)
	}
	if stat == nil {
		return nil
	}
	n := j.m.at(path, o.Zxid)
	if n == nil {
		return violation("D3 replies tell the outcome", "%v: there is no %s at %v", o, path, o.Zxid)
	}
	if want := n.clientStat(); *stat != want {
		return violation("D3 replies tell the outcome", "%v: Stat %+v, want %+v", o, *stat, want)
	}
	return nil
}

func (j *judge) answeredMulti(o *Op, r *protocol.MultiResponse, multi *txn.Multi) *Violation {
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
func (j *judge) read(o *Op) *Violation {
	if o.Code == protocol.SessionExpired {
		return nil
	}
	path := o.Request.(*protocol.PathWatchRequest).Path
	n := j.m.at(path, o.Zxid)
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
		if !sameSet(r.Children, n.children) {
			return violation("S8 reads show one state", "%v: children %q, and at %v they are %q", o, r.Children, o.Zxid, n.children)
		}
	}
	if want := n.clientStat(); stat != want && path != "/" {
		return violation("S8 reads show one state", "%v: Stat %+v, and at %v it is %+v", o, stat, o.Zxid, want)
	}
	return nil
}
