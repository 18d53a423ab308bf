package tree

import "math/bits"

// pages hands out numbered slots grouped in pages, class by class. A page
// belongs to one class until its last slot is given back; then it may serve
// another. It knows nothing of the memory behind the slots.
//
// Page 0 and slot numbers made from it are never handed out, so that 0 can
// mean "none".
type pages struct {
	list   []page
	vacant []uint32 // pages of no class
}

// page is the bookkeeping of one page.
type page struct {
	used  []uint64 // one bit a slot
	slots int32
	live  int32
	hint  int32 // no free slot lies in a word before this one
	class int32
	// The pages of a class that have a free slot form a list.
	prev, next uint32
	listed     bool
}

// class is the head of the list of a class's pages with room.
type class struct{ head uint32 }

// take reserves a slot of the class in a page that has room.
func (p *pages) take(c *class) (pg, slot uint32, ok bool) {
	if c.head == 0 {
		return 0, 0, false
	}
	pg = c.head
	h := &p.list[pg]
	w := h.hint
	for h.used[w] == ^uint64(0) {
		w++
	}
	h.hint = w
	bit := bits.TrailingZeros64(^h.used[w])
	h.used[w] |= 1 << bit
	h.live++
	if h.live == h.slots {
		p.unlist(c, pg)
	}
	return pg, uint32(w)<<6 | uint32(bit), true
}

// give returns a slot and tells whether its page is now empty. A slot that is
// not in use is a broken invariant of the tree.
func (p *pages) give(c *class, pg, slot uint32) (empty bool) {
	h := &p.list[pg]
	w, mask := int32(slot>>6), uint64(1)<<(slot&63)
	if h.used[w]&mask == 0 {
		panic("tree: a slot was freed twice")
	}
	h.used[w] &^= mask
	h.hint = min(h.hint, w)
	h.live--
	if !h.listed {
		p.enlist(c, pg)
	}
	return h.live == 0
}

// open makes a page for the class and returns its number, below limit; 0 when
// there is none left.
func (p *pages) open(c *class, classID, slots int32, limit uint32) uint32 {
	var pg uint32
	switch {
	case len(p.vacant) > 0:
		pg = p.vacant[len(p.vacant)-1]
		p.vacant = p.vacant[:len(p.vacant)-1]
	case uint32(len(p.list)) >= limit:
		return 0
	default:
		if len(p.list) == 0 {
			p.list = append(p.list, page{})
		}
		pg = uint32(len(p.list))
		p.list = append(p.list, page{})
	}
	h := &p.list[pg]
	words := int(slots+63) / 64
	if cap(h.used) >= words {
		h.used = h.used[:words]
		clear(h.used)
	} else {
		h.used = make([]uint64, words)
	}
	if tail := slots & 63; tail != 0 {
		h.used[words-1] = ^uint64(0) << tail // beyond the last slot
	}
	h.slots, h.live, h.hint, h.class = slots, 0, 0, classID
	p.enlist(c, pg)
	return pg
}

// close takes an empty page from its class.
func (p *pages) close(c *class, pg uint32) {
	p.unlist(c, pg)
	p.vacant = append(p.vacant, pg)
}

func (p *pages) enlist(c *class, pg uint32) {
	h := &p.list[pg]
	h.prev, h.next, h.listed = 0, c.head, true
	if c.head != 0 {
		p.list[c.head].prev = pg
	}
	c.head = pg
}

func (p *pages) unlist(c *class, pg uint32) {
	h := &p.list[pg]
	if !h.listed {
		return
	}
	if h.prev != 0 {
		p.list[h.prev].next = h.next
	} else {
		c.head = h.next
	}
	if h.next != 0 {
		p.list[h.next].prev = h.prev
	}
	h.prev, h.next, h.listed = 0, 0, false
}
