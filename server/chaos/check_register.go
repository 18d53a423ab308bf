package chaos

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// porcupineTime bounds the search for one znode. A history that is not decided
// by then is a violation: the load is bounded so that it is decided in
// milliseconds.
const porcupineTime = 30 * time.Second

// registerState is what porcupine knows of a znode.
type registerState struct {
	exists  bool
	version int32
}

// registerStep is a request and its outcome.
type registerStep struct {
	op      protocol.OpCode
	version int32 // asked for
	code    protocol.Code
	result  int32 // version after a set
}

var registerModel = porcupine.Model{
	Init: func() any { return registerState{} },
	Step: func(state, input, _ any) (bool, any) {
		s, in := state.(registerState), input.(registerStep)
		code, next := s.step(in)
		return code == in.code && (code != protocol.OK || in.op != protocol.OpSetData || next.version == in.result), next
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprintf("%+v", input) },
}

func (s registerState) step(in registerStep) (protocol.Code, registerState) {
	switch {
	case in.op == protocol.OpCreate && s.exists:
		return protocol.NodeExists, s
	case in.op == protocol.OpCreate:
		return protocol.OK, registerState{exists: true}
	case !s.exists:
		return protocol.NoNode, s
	case in.version != -1 && in.version != s.version:
		return protocol.BadVersion, s
	case in.op == protocol.OpDelete:
		return protocol.OK, registerState{}
	}
	return protocol.OK, registerState{true, s.version + 1}
}

// registers gives each register's writes to porcupine, as clients saw them. Of
// those without an answer, the ones that the log has done may take effect at any
// time after they were sent, and the others never.
func (c *checker) registers() {
	histories := map[string][]porcupine.Operation{}
	for _, o := range c.h.Ops {
		if !writes(o.Type) {
			continue
		}
		until := int64(math.MaxInt64)
		var list []registerStep
		var paths []string
		if o.Answered {
			until = int64(o.Done)
			paths, list = answered(o)
		} else if t := c.byOp[o]; t != nil {
			paths, list = logged(t.Body)
		}
		for i, path := range paths {
			histories[path] = append(histories[path], porcupine.Operation{ClientId: o.Conn.Client, Input: list[i], Call: int64(o.Sent), Return: until})
		}
	}
	for n := range registers {
		path := register(n)
		switch porcupine.CheckOperationsTimeout(registerModel, histories[path], porcupineTime) {
		case porcupine.Illegal:
			c.fail(violation("S1 writes are linearizable", "porcupine finds no order for the %d writes of %s", len(histories[path]), path).at(path))
		case porcupine.Unknown:
			c.fail(violation("S1 writes are linearizable", "porcupine did not decide the %d writes of %s in %v", len(histories[path]), path, porcupineTime).at(path))
		}
	}
}

// answered are the steps that a client was told of. A multi that failed does
// nothing, and may fail for a reason of another znode.
func answered(o *Op) (paths []string, list []registerStep) {
	switch o.Code {
	case protocol.SessionExpired, protocol.SessionMoved, protocol.UnknownSession:
		return nil, nil
	}
	if m, ok := o.Request.(*protocol.MultiRequest); ok {
		r, _ := o.Reply.(*protocol.MultiResponse)
		for i := range m.Ops {
			if r == nil || i >= len(r.Results) || r.Results[i].Type == protocol.OpError {
				return nil, nil
			}
			if path, s, ok := asked(m.Ops[i].Record); ok {
				s.result = r.Results[i].Stat.Version
				paths, list = append(paths, path), append(list, s)
			}
		}
		return paths, list
	}
	path, s, ok := asked(o.Request)
	if !ok {
		return nil, nil
	}
	s.code = o.Code
	if r, ok := o.Reply.(*protocol.StatResponse); ok {
		s.result = r.Stat.Version
	}
	return []string{path}, []registerStep{s}
}

// asked is a request as a step with outcome OK.
func asked(r protocol.Record) (path string, s registerStep, ok bool) {
	switch r := r.(type) {
	case *protocol.CreateRequest:
		return r.Path, registerStep{op: protocol.OpCreate}, true
	case *protocol.DeleteRequest:
		return r.Path, registerStep{op: protocol.OpDelete, version: r.Version}, true
	case *protocol.SetDataRequest:
		return r.Path, registerStep{op: protocol.OpSetData, version: r.Version}, true
	}
	return "", s, false
}

// logged are the steps of a txn that nobody was told of.
func logged(body protocol.Record) (paths []string, list []registerStep) {
	switch b := body.(type) {
	case *txn.Create:
		return []string{b.Path}, []registerStep{{op: protocol.OpCreate}}
	case *txn.Delete:
		return []string{b.Path}, []registerStep{{op: protocol.OpDelete, version: -1}}
	case *txn.SetData:
		return []string{b.Path}, []registerStep{{op: protocol.OpSetData, version: -1, result: b.Version}}
	case *txn.Multi:
		for _, sub := range b.Txns {
			if _, failed := sub.Body.(*txn.Error); failed {
				return nil, nil
			}
			p, l := logged(sub.Body)
			paths, list = append(paths, p...), append(list, l...)
		}
	}
	return paths, list
}
