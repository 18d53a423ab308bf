package protocol

import (
	"fmt"

	"zookit/protocol/jute"
)

// A multi and its reply are a list of headers {int type, bool done, int err}
// (MultiHeader), each but the last followed by a record; the last has type −1
// and done set.

// MultiOp is one operation of a multi or multiRead.
type MultiOp struct {
	Type   OpCode
	Record Record // *CreateRequest, *CreateTTLRequest, *DeleteRequest, *SetDataRequest, *CheckVersionRequest; *GetDataRequest or *GetChildrenRequest in a multiRead
}

// MultiRequest is the body of multi and multiRead.
type MultiRequest struct{ Ops []MultiOp }

func appendMultiHeader(b []byte, t OpCode, done bool, err Code) []byte {
	b = jute.AppendInt(b, int32(t))
	b = jute.AppendBool(b, done)
	return jute.AppendInt(b, int32(err))
}

func (r *MultiRequest) AppendTo(b []byte) []byte {
	for _, op := range r.Ops {
		b = appendMultiHeader(b, op.Type, false, -1)
		b = op.Record.AppendTo(b)
	}
	return appendMultiHeader(b, -1, true, -1)
}

// Decode takes writes and checks alone or reads alone; a mixture, or any other
// type, is an error, as in Apache (MultiOperationRecord).
func (r *MultiRequest) Decode(d *jute.Decoder) error {
	r.Ops = nil
	reads := false
	for {
		t, done, _ := OpCode(d.Int()), d.Bool(), d.Int()
		if d.Err() != nil || done {
			return field("multi request", d)
		}
		var rec Record
		isRead := false
		switch t {
		case OpCreate, OpCreate2, OpCreateContainer:
			rec = new(CreateRequest)
		case OpCreateTTL:
			rec = new(CreateTTLRequest)
		case OpDelete:
			rec = new(DeleteRequest)
		case OpSetData:
			rec = new(SetDataRequest)
		case OpCheck:
			rec = new(CheckVersionRequest)
		case OpGetData, OpGetChildren:
			rec, isRead = new(PathWatchRequest), true
		default:
			return fmt.Errorf("multi request: %v cannot be part of one", t)
		}
		if len(r.Ops) > 0 && isRead != reads {
			return fmt.Errorf("multi request: %v after %v: reads and writes cannot be mixed", t, r.Ops[0].Type)
		}
		reads = isRead
		if err := rec.Decode(d); err != nil {
			return fmt.Errorf("multi request: op %d: %w", len(r.Ops), err)
		}
		r.Ops = append(r.Ops, MultiOp{t, rec})
	}
}

// Reads tells whether the ops are those of a multiRead.
func (r *MultiRequest) Reads() bool {
	return len(r.Ops) > 0 && (r.Ops[0].Type == OpGetData || r.Ops[0].Type == OpGetChildren)
}

// MultiResult is the outcome of one op. A failed one has type OpError and its
// code; the type of createContainer and createTTL is OpCreate2.
type MultiResult struct {
	Type     OpCode
	Err      Code
	Path     string   // create, create2
	Stat     Stat     // create2, setData, getData
	Data     []byte   // getData
	Children []string // getChildren
}

// AppendMultiOK appends the header of a result without error; its record
// follows. It serves a writer that has the record in another form than
// MultiResult.
func AppendMultiOK(b []byte, t OpCode) []byte { return appendMultiHeader(b, t, false, OK) }

// AppendTo appends the header and the record of one result.
func (m *MultiResult) AppendTo(b []byte) []byte {
	b = appendMultiHeader(b, m.Type, false, m.Err)
	switch m.Type {
	case OpError:
		b = jute.AppendInt(b, int32(m.Err))
	case OpCreate:
		b = jute.AppendString(b, m.Path)
	case OpCreate2, OpCreateContainer, OpCreateTTL:
		b = m.Stat.AppendTo(jute.AppendString(b, m.Path))
	case OpSetData:
		b = m.Stat.AppendTo(b)
	case OpGetData:
		b = m.Stat.AppendTo(jute.AppendBuffer(b, m.Data))
	case OpGetChildren:
		b = jute.AppendStrings(b, m.Children)
	}
	return b
}

// MultiResponse is the reply of multi and multiRead.
type MultiResponse struct{ Results []MultiResult }

func (r *MultiResponse) AppendTo(b []byte) []byte {
	for i := range r.Results {
		b = r.Results[i].AppendTo(b)
	}
	return AppendMultiEnd(b)
}

// AppendMultiEnd appends the header that ends a multi or its reply.
func AppendMultiEnd(b []byte) []byte { return appendMultiHeader(b, -1, true, -1) }

func (r *MultiResponse) Decode(d *jute.Decoder) error {
	r.Results = nil
	for {
		t, done, code := OpCode(d.Int()), d.Bool(), Code(d.Int())
		if d.Err() != nil || done {
			return field("multi response", d)
		}
		m := MultiResult{Type: t, Err: code}
		switch t {
		case OpError:
			m.Err = Code(d.Int())
		case OpCreate:
			m.Path = d.String()
		case OpCreate2, OpCreateContainer, OpCreateTTL:
			m.Path = d.String()
			_ = m.Stat.Decode(d)
		case OpSetData:
			_ = m.Stat.Decode(d)
		case OpGetData:
			m.Data = d.Buffer()
			_ = m.Stat.Decode(d)
		case OpGetChildren:
			m.Children = d.Strings()
		case OpDelete, OpCheck:
		default:
			return fmt.Errorf("multi response: result %d has unknown type %d", len(r.Results), int32(t))
		}
		r.Results = append(r.Results, m)
	}
}
