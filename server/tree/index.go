package tree

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// index finds a znode by the hash of its full path, which never changes since
// znodes are not renamed. It is an extendible hash table: the hash's upper bits
// choose a segment through dir, the lower ones a place in it (linear probing).
// A full segment doubles up to segmentSlots and then splits in two, so that no
// insertion ever moves more than one segment.
//
//	slot  0                        free
//	      hash << 32 | node
type index struct {
	key0, key1 uint64
	dir        []*segment
	bits       uint // dir has 1 << bits entries
}

type segment struct {
	slots []uint64
	n     int
	depth uint // the upper bits that all hashes here share
}

const (
	segmentSlots = 1 << 12
	maxDirBits   = 20 // room for 3·10^9 znodes; a full segment grows beyond that
)

func newIndex(key [2]uint64) index {
	return index{key0: key[0], key1: key[1], dir: []*segment{{slots: make([]uint64, 16)}}}
}

func (x *index) segment(h uint32) *segment { return x.dir[uint64(h)<<x.bits>>32] }

// insert adds a node that is not there.
func (x *index) insert(h, node uint32) {
	s := x.segment(h)
	for s.n*5 >= len(s.slots)*4 {
		if len(s.slots) < segmentSlots || s.depth >= maxDirBits {
			s.rebuild(2 * len(s.slots))
		} else {
			x.split(h, s)
		}
		s = x.segment(h)
	}
	s.put(uint64(h)<<32 | uint64(node))
}

func (s *segment) put(v uint64) {
	mask := len(s.slots) - 1
	i := int(v>>32) & mask
	for s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = v
	s.n++
}

func (s *segment) rebuild(size int) {
	old := s.slots
	s.slots, s.n = make([]uint64, size), 0
	for _, v := range old {
		if v != 0 {
			s.put(v)
		}
	}
}

// split divides the segment of h by one more bit of its hashes.
func (x *index) split(h uint32, s *segment) {
	if s.depth == x.bits {
		dir := make([]*segment, 2*len(x.dir))
		for i, seg := range x.dir {
			dir[2*i], dir[2*i+1] = seg, seg
		}
		x.dir, x.bits = dir, x.bits+1
	}
	old := s.slots
	depth := s.depth + 1
	low := &segment{slots: make([]uint64, len(old)), depth: depth}
	high := &segment{slots: make([]uint64, len(old)), depth: depth}
	for _, v := range old {
		switch {
		case v == 0:
		case v>>(64-depth)&1 == 0:
			low.put(v)
		default:
			high.put(v)
		}
	}
	// The entries of s are consecutive: half of them for each.
	span := 1 << (x.bits - s.depth)
	first := int(uint64(h)<<x.bits>>32) &^ (span - 1)
	for i := range span {
		if i < span/2 {
			x.dir[first+i] = low
		} else {
			x.dir[first+i] = high
		}
	}
}

// remove takes a node out and moves back those that were displaced past it.
func (x *index) remove(h, node uint32) {
	s := x.segment(h)
	mask := len(s.slots) - 1
	v := uint64(h)<<32 | uint64(node)
	i := int(h) & mask
	for s.slots[i] != v {
		if s.slots[i] == 0 {
			panic("tree: a znode is missing from the index")
		}
		i = (i + 1) & mask
	}
	s.n--
	for j := (i + 1) & mask; s.slots[j] != 0; j = (j + 1) & mask {
		home := int(s.slots[j]>>32) & mask
		if (j-home)&mask >= (j-i)&mask {
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = 0
}

// hash is SipHash-1-3 of a path under the tree's key, folded to 32 bits, so
// that nobody can choose paths that collide.
func (x *index) hash(path string) uint32 {
	v0 := x.key0 ^ 0x736f6d6570736575
	v1 := x.key1 ^ 0x646f72616e646f6d
	v2 := x.key0 ^ 0x6c7967656e657261
	v3 := x.key1 ^ 0x7465646279746573
	p := unsafe.Slice(unsafe.StringData(path), len(path))
	last := uint64(len(path)) << 56
	for len(p) >= 8 {
		m := binary.LittleEndian.Uint64(p)
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
		p = p[8:]
	}
	for i, c := range p {
		last |= uint64(c) << (8 * i)
	}
	v3 ^= last
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= last
	v2 ^= 0xff
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	h := v0 ^ v1 ^ v2 ^ v3
	return uint32(h ^ h>>32)
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}
