package walk

// rests is a heap (container/heap) of the rests in an order, the first one in
// pre-order on top.
type rests []*item

func (r rests) Len() int           { return len(r) }
func (r rests) Less(i, j int) bool { return before(r[i], r[j]) }
func (r rests) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].slot, r[j].slot = i, j
}

// Push implements heap.Interface.
func (r *rests) Push(x any) {
	rest := x.(*item)
	rest.slot = len(*r)
	*r = append(*r, rest)
}

// Pop implements heap.Interface.
func (r *rests) Pop() any {
	last := len(*r) - 1
	rest := (*r)[last]
	(*r)[last] = nil
	*r = (*r)[:last]
	return rest
}

// before tells whether the next node of one rest comes before that of another
// in pre-order: both are followed up to where they are children of one parent.
// A rest holds only children that were not asked for, so neither is above the
// other.
func before(a, b *item) bool {
	pa, ia := a.parent, a.index
	pb, ib := b.parent, b.index
	for pa.node.Depth > pb.node.Depth {
		pa, ia = pa.parent, pa.index
	}
	for pb.node.Depth > pa.node.Depth {
		pb, ib = pb.parent, pb.index
	}
	for pa != pb {
		pa, ia = pa.parent, pa.index
		pb, ib = pb.parent, pb.index
	}
	return ia < ib
}
