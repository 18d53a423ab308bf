// Package jute reads and writes the primitives of ZooKeeper's serialisation
// ("jute", BinaryInputArchive and BinaryOutputArchive in Apache 3.9): integers
// are big-endian, and buffers, strings and vectors carry a length.
//
//	type      bytes
//	bool      1: 0 or 1; the decoder takes any other value as true
//	int       4
//	long      8
//	buffer    int length, bytes; −1 is null, which is not the empty buffer
//	ustring   int length, UTF-8 bytes; −1 is null
//	vector    int count, elements; −1 is null
//	record    its fields one after the other, without framing
//
// A Decoder never allocates by a number it has read: lengths and counts are
// checked against the bytes that are there.
package jute

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

var (
	// ErrShort: the input ends inside a field.
	ErrShort = errors.New("input ends early")
	// ErrTooLong: a length or count is negative, or larger than the input.
	ErrTooLong = errors.New("length out of range")
)

// Decoder consumes a byte slice. The first error sticks: later calls return
// zero values, so a record is decoded straight through and Err asked once.
type Decoder struct {
	buf []byte
	off int
	err error

	// Borrow makes Buffer and String alias the input instead of copying it.
	// What they return is then valid only as long as the input is unchanged.
	Borrow bool
}

// NewDecoder returns a copying decoder of b.
func NewDecoder(b []byte) *Decoder { return &Decoder{buf: b} }

// Reset starts again on b and forgets the error; Borrow stays as it is.
func (d *Decoder) Reset(b []byte) { d.buf, d.off, d.err = b, 0, nil }

// Err is the first error met, or nil.
func (d *Decoder) Err() error { return d.err }

// Fail records err unless an error is recorded already.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Len is the number of bytes left; Offset the number consumed.
func (d *Decoder) Len() int    { return len(d.buf) - d.off }
func (d *Decoder) Offset() int { return d.off }

// Rest is what has not been consumed, aliasing the input.
func (d *Decoder) Rest() []byte { return d.buf[d.off:] }

func (d *Decoder) short(what string, n int) {
	d.Fail(fmt.Errorf("%s at offset %d needs %d bytes, %d left: %w", what, d.off, n, d.Len(), ErrShort))
}

// Bool reads one byte; any value but 0 is true.
func (d *Decoder) Bool() bool {
	if d.err != nil || d.Len() < 1 {
		d.short("bool", 1)
		return false
	}
	v := d.buf[d.off] != 0
	d.off++
	return v
}

// Int reads four bytes.
func (d *Decoder) Int() int32 {
	if d.err != nil || d.Len() < 4 {
		d.short("int", 4)
		return 0
	}
	v := int32(binary.BigEndian.Uint32(d.buf[d.off:]))
	d.off += 4
	return v
}

// Long reads eight bytes.
func (d *Decoder) Long() int64 {
	if d.err != nil || d.Len() < 8 {
		d.short("long", 8)
		return 0
	}
	v := int64(binary.BigEndian.Uint64(d.buf[d.off:]))
	d.off += 8
	return v
}

// Buffer reads a length and that many bytes: nil for null, non-nil and empty
// for an empty buffer.
func (d *Decoder) Buffer() []byte {
	b, null := d.bytes("buffer")
	switch {
	case null || d.err != nil:
		return nil
	case d.Borrow:
		return b
	}
	return append(make([]byte, 0, len(b)), b...)
}

// String reads a string; null reads as "". Use NullString where the two differ.
func (d *Decoder) String() string {
	s, _ := d.NullString()
	return s
}

// NullString reads a string and tells whether it was null.
func (d *Decoder) NullString() (s string, null bool) {
	b, null := d.bytes("string")
	if null || len(b) == 0 {
		return "", null
	}
	if d.Borrow {
		return unsafe.String(&b[0], len(b)), false
	}
	return string(b), false
}

func (d *Decoder) bytes(what string) (b []byte, null bool) {
	n := d.Int()
	switch {
	case d.err != nil:
		return nil, false
	case n == -1:
		return nil, true
	case n < 0 || int(n) > d.Len():
		d.Fail(fmt.Errorf("%s at offset %d: length %d, %d bytes left: %w", what, d.off-4, n, d.Len(), ErrTooLong))
		return nil, false
	}
	b = d.buf[d.off : d.off+int(n) : d.off+int(n)]
	d.off += int(n)
	return b, false
}

// Vector reads a count: −1 for a null vector. Every element takes at least
// elemSize bytes, so a count that the rest of the input cannot hold is refused
// before anything is allocated for it.
func (d *Decoder) Vector(elemSize int) int {
	n := d.Int()
	if d.err != nil {
		return 0
	}
	if n < -1 || int64(n)*int64(elemSize) > int64(d.Len()) {
		d.Fail(fmt.Errorf("vector at offset %d: count %d, %d bytes left: %w", d.off-4, n, d.Len(), ErrTooLong))
		return 0
	}
	return int(n)
}

// Strings reads a vector of strings; null reads as nil.
func (d *Decoder) Strings() []string {
	n := d.Vector(4)
	if n < 0 || d.err != nil {
		return nil
	}
	v := make([]string, 0, n)
	for range n {
		v = append(v, d.String())
		if d.err != nil {
			return nil
		}
	}
	return v
}
