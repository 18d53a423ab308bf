package tree

// arena keeps the names and data of the znodes: one block a znode, the name
// followed by the data. Blocks come in size classes cut from chunks of 64 KiB
// without pointers; a chunk whose blocks are all free serves any class again,
// and beyond a small reserve its memory goes back to the collector. Blocks
// above maxBlock are allocated one by one.
//
//	ref  0                         no block
//	     chunk << 12 | slot        a block of the chunk's class
//	     1 << 31 | number          a large block
type arena struct {
	pages   pages
	mem     []*[chunkSize]byte // by chunk; nil when returned to the collector
	size    []uint16           // by chunk: the size of its blocks
	classes [len(blockSizes)]class
	spare   int // vacant chunks that still have memory

	large     [][]byte
	largeFree []uint32
}

type ref uint32

const (
	chunkSize  = 64 << 10
	slotBits   = 12
	maxChunks  = 1 << (31 - slotBits)
	maxBlock   = 16 << 10
	largeRef   = ref(1) << 31
	spareLimit = 32 // 2 MiB
)

// blockSizes are the classes: at most an eighth is lost to rounding up to
// 4 KiB, a fifth above.
var blockSizes = [...]uint16{
	16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128,
	144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512,
	576, 640, 704, 768, 832, 896, 960, 1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048,
	2304, 2560, 2816, 3072, 3328, 3584, 3840, 4096,
	4680, 5456, 6552, 8192, 9360, 10920, 13104, maxBlock,
}

// classBySize gives the class of a block of 8·i bytes or a little less.
var classBySize = func() (t [maxBlock/8 + 1]uint8) {
	c := 0
	for i := range t {
		if i*8 > int(blockSizes[c]) {
			c++
		}
		t[i] = uint8(c)
	}
	return t
}()

func classOf(n int) int { return int(classBySize[(n+7)/8]) }

// alloc returns a block of at least n bytes; n = 0 needs none.
func (a *arena) alloc(n int) ref {
	if n == 0 {
		return 0
	}
	if n > maxBlock {
		return a.allocLarge(n)
	}
	id := classOf(n)
	c := &a.classes[id]
	pg, slot, ok := a.pages.take(c)
	if !ok {
		if !a.grow(id) {
			return a.allocLarge(n) // 32 GiB of small blocks are in use
		}
		pg, slot, _ = a.pages.take(c)
	}
	return ref(pg<<slotBits | slot)
}

func (a *arena) grow(id int) bool {
	pg := a.pages.open(&a.classes[id], int32(id), chunkSize/int32(blockSizes[id]), maxChunks)
	if pg == 0 {
		return false
	}
	for len(a.mem) <= int(pg) {
		a.mem, a.size = append(a.mem, nil), append(a.size, 0)
	}
	a.size[pg] = blockSizes[id]
	if a.mem[pg] == nil {
		a.mem[pg] = new([chunkSize]byte)
	} else {
		a.spare--
	}
	return true
}

func (a *arena) allocLarge(n int) ref {
	b := make([]byte, n)
	if k := len(a.largeFree); k > 0 {
		i := a.largeFree[k-1]
		a.largeFree = a.largeFree[:k-1]
		a.large[i] = b
		return largeRef | ref(i)
	}
	a.large = append(a.large, b)
	return largeRef | ref(len(a.large)-1)
}

// bytes is the whole block, which may be longer than was asked for.
func (a *arena) bytes(r ref) []byte {
	switch {
	case r == 0:
		return nil
	case r&largeRef != 0:
		return a.large[r&^largeRef]
	}
	pg, slot := uint32(r)>>slotBits, uint32(r)&(1<<slotBits-1)
	size := uint32(a.size[pg])
	off := slot * size
	return a.mem[pg][off : off+size : off+size]
}

// fits tells whether n bytes belong into the block as it is: not too small,
// and not so large that space is wasted.
func (a *arena) fits(r ref, n int) bool {
	switch {
	case r == 0 || n == 0:
		return r == 0 && n == 0
	case r&largeRef != 0:
		return n > maxBlock && len(a.large[r&^largeRef]) == n
	}
	return n <= maxBlock && blockSizes[classOf(n)] == a.size[uint32(r)>>slotBits]
}

func (a *arena) free(r ref) {
	switch {
	case r == 0:
		return
	case r&largeRef != 0:
		i := uint32(r &^ largeRef)
		a.large[i] = nil
		a.largeFree = append(a.largeFree, i)
		return
	}
	pg, slot := uint32(r)>>slotBits, uint32(r)&(1<<slotBits-1)
	c := &a.classes[a.pages.list[pg].class]
	if !a.pages.give(c, pg, slot) {
		return
	}
	a.pages.close(c, pg)
	if a.spare < spareLimit {
		a.spare++
	} else {
		a.mem[pg] = nil
	}
}
