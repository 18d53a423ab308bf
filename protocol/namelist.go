package protocol

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"slices"

	"zookit/protocol/jute"
)

// NameList is many names, such as those of a million children, in little more
// memory than their bytes: 5 bytes a name beside its text, and nothing that the
// garbage collector has to follow. The zero value is empty.
type NameList struct {
	chunks [][]byte // a varint length and a name, one behind the other
	at     []uint32 // for each name, its chunk and its place there
}

const (
	nameChunkBits = 20
	nameChunk     = 1 << nameChunkBits // bytes
	maxNameChunks = 1 << (32 - nameChunkBits)

	// MaxListedName is the longest name a NameList takes, in bytes. A packet of
	// the default jute.maxbuffer has no room for a longer one.
	MaxListedName = nameChunk - binary.MaxVarintLen32
)

// Len is the number of names.
func (l *NameList) Len() int { return len(l.at) }

// Name is the name at i, counted from 0.
func (l *NameList) Name(i int) string { return string(l.bytes(i)) }

func (l *NameList) bytes(i int) []byte {
	chunk := l.chunks[l.at[i]>>nameChunkBits][l.at[i]&(nameChunk-1):]
	n, head := binary.Uvarint(chunk)
	return chunk[head : head+int(n)]
}

// All yields the names.
func (l *NameList) All() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for i := range l.at {
			if !yield(i, l.Name(i)) {
				return
			}
		}
	}
}

// Sort brings the names into the order of their bytes.
func (l *NameList) Sort() {
	chunks := l.chunks
	name := func(at uint32) []byte {
		chunk := chunks[at>>nameChunkBits][at&(nameChunk-1):]
		n, head := binary.Uvarint(chunk)
		return chunk[head : head+int(n)]
	}
	slices.SortFunc(l.at, func(a, b uint32) int { return bytes.Compare(name(a), name(b)) })
}

// Keep leaves out the names that keep refuses.
func (l *NameList) Keep(keep func(name string) bool) {
	left := l.at[:0]
	for i, at := range l.at {
		if keep(l.Name(i)) {
			left = append(left, at)
		}
	}
	l.at = left
}

// room makes room for a name of n bytes and returns it.
func (l *NameList) room(n int) ([]byte, error) {
	if n > MaxListedName {
		return nil, fmt.Errorf("a name of %d bytes, %d are the most: %w", n, MaxListedName, jute.ErrTooLong)
	}
	last := len(l.chunks) - 1
	if last < 0 || len(l.chunks[last])+binary.MaxVarintLen32+n > nameChunk {
		if last++; last == maxNameChunks {
			return nil, fmt.Errorf("more than %d MiB of names: %w", maxNameChunks, jute.ErrTooLong)
		}
		l.chunks = append(l.chunks, make([]byte, 0, max(n+binary.MaxVarintLen32, l.nextChunk())))
	}
	chunk := l.chunks[last]
	l.at = append(l.at, uint32(last)<<nameChunkBits|uint32(len(chunk)))
	chunk = binary.AppendUvarint(chunk, uint64(n))
	start := len(chunk)
	chunk = slices.Grow(chunk, n)[:start+n]
	l.chunks[last] = chunk
	return chunk[start:], nil
}

// nextChunk keeps short lists small.
func (l *NameList) nextChunk() int {
	if len(l.chunks) == 0 {
		return 4 << 10
	}
	return nameChunk
}

// Add appends a name.
func (l *NameList) Add(name string) error {
	b, err := l.room(len(name))
	copy(b, name)
	return err
}

// NamesResponse is the reply of getChildren2 (GetChildren2Response) for a znode
// that may have very many children: it can be read off the connection without
// being held as a packet.
type NamesResponse struct {
	Children NameList
	Stat     Stat
}

func (r *NamesResponse) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, int32(r.Children.Len()))
	for _, name := range r.Children.All() {
		b = jute.AppendString(b, name)
	}
	return r.Stat.AppendTo(b)
}

func (r *NamesResponse) Decode(d *jute.Decoder) error {
	r.Children = NameList{}
	for range d.Vector(4) { // −1 is null
		if err := r.Children.Add(d.String()); err != nil {
			d.Fail(err)
		}
		if d.Err() != nil {
			break
		}
	}
	_ = r.Stat.Decode(d)
	return field("get children2 response", d)
}

// ReadReply reads the reply, which takes n bytes.
func (r *NamesResponse) ReadReply(in *bufio.Reader, n int) error {
	r.Children = NameList{}
	left := n
	number := func() (int, error) {
		var b [4]byte
		if left -= 4; left < 0 {
			return 0, jute.ErrShort
		}
		_, err := io.ReadFull(in, b[:])
		return int(int32(binary.BigEndian.Uint32(b[:]))), err
	}
	count, err := number()
	if err != nil {
		return err
	}
	for range count { // −1 is null
		length, err := number()
		if err != nil {
			return err
		}
		if length = max(length, 0); length > left {
			return fmt.Errorf("a name of %d bytes, %d are left: %w", length, left, jute.ErrTooLong)
		}
		left -= length
		b, err := r.Children.room(length)
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
	}
	if left != StatLen {
		return fmt.Errorf("%d bytes behind the names, a Stat takes %d: %w", left, StatLen, jute.ErrTooLong)
	}
	st := make([]byte, left)
	if _, err := io.ReadFull(in, st); err != nil {
		return err
	}
	return r.Stat.Decode(jute.NewDecoder(st))
}
