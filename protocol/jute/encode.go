package jute

import "encoding/binary"

// AppendBool appends one byte, 0 or 1.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendInt appends four bytes, big-endian.
func AppendInt(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }

// AppendLong appends eight bytes, big-endian.
func AppendLong(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

// AppendBuffer appends a length and the bytes. A nil slice becomes the null
// buffer (length −1); an empty one has length 0. ZooKeeper keeps the two apart
// from the client to the disk.
func AppendBuffer(b, v []byte) []byte {
	if v == nil {
		return AppendInt(b, -1)
	}
	return append(AppendInt(b, int32(len(v))), v...)
}

// AppendString appends a length and the string's bytes. The null string
// (length −1) is written by AppendNull.
func AppendString(b []byte, s string) []byte {
	return append(AppendInt(b, int32(len(s))), s...)
}

// AppendNull appends the length −1: a null string, buffer or vector.
func AppendNull(b []byte) []byte { return AppendInt(b, -1) }

// AppendStrings appends a vector of strings; nil becomes the null vector.
func AppendStrings(b []byte, v []string) []byte {
	if v == nil {
		return AppendNull(b)
	}
	b = AppendInt(b, int32(len(v)))
	for _, s := range v {
		b = AppendString(b, s)
	}
	return b
}
