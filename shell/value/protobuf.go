package value

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message by field number; the last of a repeated field
// counts. Nil is no message.
type message map[protowire.Number]part

// part is the value of one field.
type part struct {
	bytes  []byte // of a string or a message
	number uint64 // of a varint
}

// parseMessage reads varints and strings; false for what is no message, has
// other wire types, or no fields.
func parseMessage(data []byte) (message, bool) {
	m := message{}
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return nil, false
		}
		data = data[n:]
		var p part
		switch kind {
		case protowire.VarintType:
			p.number, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			p.bytes, n = protowire.ConsumeBytes(data)
		default:
			return nil, false
		}
		if n < 0 {
			return nil, false
		}
		data = data[n:]
		m[number] = p
	}
	return m, len(m) > 0
}

// text is a field that is a string, "" when it is none.
func (m message) text(number protowire.Number) string {
	if b := m[number].bytes; isText(b) {
		return string(b)
	}
	return ""
}

// sub is a field that is a message.
func (m message) sub(number protowire.Number) message {
	s, _ := parseMessage(m[number].bytes)
	return s
}

// number is a varint as text.
func (m message) number(number protowire.Number) string { return itoa(int64(m[number].number)) }

func (m message) has(number protowire.Number) bool { _, ok := m[number]; return ok }
