package prep

import (
	"zookit/protocol"
	"zookit/protocol/txn"
)

// multi prepares the ops one after the other under one zxid, each against what
// those before it leave. When one fails nothing of the multi remains: the txn
// holds OK for the ops before it, its code, and RuntimeInconsistency for those
// after it.
func (p *Prep) multi(q *Request, out *Txn) protocol.Code {
	var r protocol.MultiRequest
	if r.Decode(&p.dec) != nil || r.Reads() {
		return protocol.MarshallingError
	}
	// Apache turns each op into an Op when it decodes the multi; what an Op
	// cannot be is a multi that cannot be decoded.
	for _, op := range r.Ops {
		if c, ok := op.Record.(*protocol.CreateRequest); ok && (!c.Flags.Valid() || c.Flags.TTL() || c.ACL == nil) {
			return protocol.MarshallingError
		}
	}

	before := p.digest
	body := &txn.Multi{Txns: make([]txn.Sub, len(r.Ops))}
	failed := -1
	for i, op := range r.Ops {
		t, code := p.sub(q, out, op)
		if code != protocol.OK {
			failed, out.MultiErr = i, code
			break
		}
		body.Txns[i] = txn.Sub{Type: t, Body: out.Body}
		if op.Type == protocol.OpCreate2 {
			out.Create2 = append(out.Create2, i)
		}
	}
	if failed >= 0 {
		p.rollback(p.zxid)
		p.digest = before
		for i := range body.Txns {
			code := protocol.OK
			switch {
			case i == failed:
				code = out.MultiErr
			case i > failed:
				code = protocol.RuntimeInconsistency
			}
			body.Txns[i] = txn.Sub{Type: protocol.OpError, Body: &txn.Error{Err: code}}
		}
	}
	out.Body = body
	return protocol.OK
}

// sub prepares one op into out.Body and returns the type of its txn.
func (p *Prep) sub(q *Request, out *Txn, op protocol.MultiOp) (protocol.OpCode, protocol.Code) {
	switch r := op.Record.(type) {
	case *protocol.CreateRequest:
		c := create{protocol.OpCreate, r.Path, r.Data, r.ACL, r.Flags, -1}
		if r.Flags == protocol.FlagContainer {
			c.op = protocol.OpCreateContainer
		}
		return c.op, p.create(q, out, true, &c)
	case *protocol.CreateTTLRequest:
		c := create{protocol.OpCreateTTL, r.Path, r.Data, r.ACL, r.Flags, r.TTL}
		if !r.Flags.TTL() { // an Op without the TTL
			c.op, c.ttl = protocol.OpCreate, -1
			if r.Flags == protocol.FlagContainer {
				c.op = protocol.OpCreateContainer
			}
		}
		return c.op, p.create(q, out, true, &c)
	case *protocol.DeleteRequest:
		return op.Type, p.delete(q, out, true, r)
	case *protocol.SetDataRequest:
		return op.Type, p.setData(q, out, true, r)
	case *protocol.CheckVersionRequest:
		return op.Type, p.check(q, out, r)
	}
	return protocol.OpError, protocol.MarshallingError
}
