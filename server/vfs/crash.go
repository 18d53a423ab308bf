package vfs

import (
	"math/rand"
	"time"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// memOp is one change of a file: a write, or a new size (off).
type memOp struct {
	truncate bool
	off      int64
	data     []byte
}

func (op memOp) apply(p *pages) {
	if op.truncate {
		p.truncate(op.off)
	} else {
		p.writeAt(op.data, op.off)
	}
}

// do changes a file and, if tracked, remembers the change until the next sync.
func (m *Mem) do(n *memNode, op memOp) {
	op.apply(&n.data)
	n.modTime = time.Now()
	if m.tracked {
		op.data = append([]byte(nil), op.data...)
		n.writes = append(n.writes, op)
	}
}

func (n *memNode) sync() {
	for _, op := range n.writes {
		if op.truncate && op.off < n.synced.size {
			n.shrunk++
		}
		op.apply(&n.synced)
	}
	n.writes = nil
}

// FailSync is what happens to a file when its sync fails because the kernel
// could not write it back: what was written since the last good sync counts as
// clean. It is there to be read, and no later sync brings it to the disk, unless
// it is written again; of each write rng decides whether it had arrived. Sizes,
// which are in the journal of a file system, still reach the disk.
func (m *Mem) FailSync(name string, rng *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(name)
	if n == nil || !m.tracked {
		return
	}
	kept := n.writes[:0:0]
	for _, op := range n.writes {
		switch {
		case op.truncate:
			kept = append(kept, op)
		case rng.Intn(2) == 0:
			op.apply(&n.synced)
		}
	}
	n.writes = kept
}

// dirChange makes name in dir lead to node; nil removes it.
type dirChange struct {
	dir  *memNode
	name string
	node *memNode
}

func (c dirChange) apply(entries map[string]*memNode) {
	if c.node == nil {
		delete(entries, c.name)
	} else {
		entries[c.name] = c.node
	}
}

// dirOp is one creation, removal or rename. A rename reaches the disk whole or
// not at all, as journals do it, also from one directory to another.
type dirOp struct{ changes []dirChange }

func (op *dirOp) touches(dir *memNode) bool {
	for _, c := range op.changes {
		if c.dir == dir {
			return true
		}
	}
	return false
}

func (op *dirOp) applyDurable() {
	for _, c := range op.changes {
		c.apply(c.dir.durable)
	}
}

func (m *Mem) syncDir(dir *memNode) {
	rest := m.pending[:0]
	for _, op := range m.pending {
		if op.touches(dir) {
			op.applyDurable()
		} else {
			rest = append(rest, op)
		}
	}
	clear(m.pending[len(rest):])
	m.pending = rest
}

// Crash returns the file system as a power cut at this moment may leave it; m
// itself goes on. What was synced is there. Of the rest, with rng nil nothing
// is there; otherwise rng decides, for each file and for the directories:
// nothing, everything, everything up to some point with the write at that
// point torn between sectors of 512 bytes, or each sector (each directory
// change) on its own, as when a disk reorders. A size may have reached the
// disk without the data, which then reads as zeros.
//
// Crash panics unless m comes from NewTrackedMem.
func (m *Mem) Crash(rng *rand.Rand) *Mem {
	if !m.tracked {
		panic("vfs: Crash of a Mem that does not track syncs")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &crash{m: newMem(true), rng: rng, files: make(map[*memNode]*memNode), view: make(map[*memNode]map[string]*memNode)}
	mode := c.mode()
	upTo := c.intn(len(m.pending) + 1)
	for i, op := range m.pending {
		if mode.keeps(c, i, upTo) {
			for _, ch := range op.changes {
				ch.apply(c.entries(ch.dir))
			}
		}
	}
	c.m.root = c.dir(m.root)
	return c.m
}

type crash struct {
	m     *Mem
	rng   *rand.Rand
	files map[*memNode]*memNode
	view  map[*memNode]map[string]*memNode // directories with kept changes
}

func (c *crash) intn(n int) int {
	if c.rng == nil {
		return 0
	}
	return c.rng.Intn(n)
}

// crashMode says which of a list of changes reached the disk.
type crashMode int

const (
	dropAll crashMode = iota
	keepAll
	keepPrefix
	keepAny
)

func (c *crash) mode() crashMode { return crashMode(c.intn(4)) }

func (mode crashMode) keeps(c *crash, i, upTo int) bool {
	switch mode {
	case keepAll:
		return true
	case keepPrefix:
		return i < upTo
	case keepAny:
		return c.intn(2) == 1
	}
	return false
}

func (c *crash) entries(dir *memNode) map[string]*memNode {
	e := c.view[dir]
	if e == nil {
		e = make(map[string]*memNode, len(dir.durable))
		for name, n := range dir.durable {
			e[name] = n
		}
		c.view[dir] = e
	}
	return e
}

// dir copies a directory as the crash left it. Names are taken in order, so
// that one seed gives one outcome.
func (c *crash) dir(old *memNode) *memNode {
	d := c.m.newDir(old.mode.Perm())
	d.modTime = old.modTime
	entries := c.entries(old)
	for _, name := range sortedNames(entries) {
		n := entries[name]
		copied := c.files[n]
		switch {
		case copied != nil:
		case n.mode.IsDir():
			copied = c.dir(n)
		default:
			copied = c.file(n)
			c.files[n] = copied
		}
		d.entries[name], d.durable[name] = copied, copied
	}
	return d
}

func (c *crash) file(old *memNode) *memNode {
	n := &memNode{mode: old.mode, modTime: old.modTime}
	n.synced = old.synced.clone()
	switch mode := c.mode(); mode {
	case dropAll:
	case keepAll:
		for _, op := range old.writes {
			op.apply(&n.synced)
		}
	case keepPrefix:
		c.keepPrefix(&n.synced, old.writes)
	case keepAny:
		c.keepSectors(&n.synced, old)
	}
	n.data = n.synced.clone()
	return n
}

// keepPrefix applies the ops up to some point, and of the next write a number
// of leading sectors.
func (c *crash) keepPrefix(p *pages, ops []memOp) {
	if len(ops) == 0 {
		return
	}
	upTo := c.intn(len(ops))
	for _, op := range ops[:upTo] {
		op.apply(p)
	}
	torn := ops[upTo]
	if torn.truncate {
		return
	}
	first := (torn.off/sector + 1) * sector // where the second sector begins
	end := first + int64(c.intn(len(torn.data)/sector+2)-1)*sector
	if n := min(end-torn.off, int64(len(torn.data))); n > 0 {
		p.writeAt(torn.data[:n], torn.off)
	}
}

// keepSectors lets every touched sector be as it was after some op, each on
// its own, and the size likewise, though never shorter than the data.
func (c *crash) keepSectors(p *pages, old *memNode) {
	touched := make(map[int64]bool)
	size := p.size
	var order []int64
	sizeAt := c.intn(len(old.writes) + 1)
	for i, op := range old.writes {
		end := op.off + int64(len(op.data))
		if op.truncate {
			if i < sizeAt {
				size = op.off
			}
			continue
		}
		if i < sizeAt {
			size = max(size, end)
		}
		for s := op.off / sector; s*sector < end; s++ {
			if !touched[s] {
				touched[s] = true
				order = append(order, s)
			}
		}
	}
	var buf [sector]byte
	for _, s := range order {
		version := c.intn(len(old.writes) + 1)
		if version == 0 {
			continue
		}
		start := s * sector
		image := pages{}
		p.readSector(&buf, start)
		image.writeAt(buf[:], 0)
		for _, op := range old.writes[:version] {
			op.applyWithin(&image, start)
		}
		image.readAt(buf[:], 0)
		n := min(old.data.size-start, sector)
		if n > 0 {
			p.writeAt(buf[:n], start)
		}
		if isZero(buf[:]) {
			continue
		}
		size = max(size, start+n)
	}
	p.truncate(size)
}

func (p *pages) readSector(buf *[sector]byte, off int64) {
	clear(buf[:])
	p.readAt(buf[:], off)
}

// applyWithin applies the part of an op that falls into the sector at start to
// an image of that sector.
func (op memOp) applyWithin(image *pages, start int64) {
	if op.truncate {
		if cut := op.off - start; cut < sector {
			image.truncate(max(cut, 0))
			image.truncate(sector)
		}
		return
	}
	from, to := max(op.off, start), min(op.off+int64(len(op.data)), start+sector)
	if from < to {
		image.writeAt(op.data[from-op.off:to-op.off], from-start)
	}
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
