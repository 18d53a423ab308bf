package tree

// nodeSet is a set of znodes that is walked in order of insertion: the
// ephemerals of a session, the containers, the TTL znodes.
type nodeSet struct {
	order []uint32 // 0 where one was removed
	pos   map[uint32]int
}

func (s *nodeSet) add(n uint32) {
	if s.pos == nil {
		s.pos = map[uint32]int{}
	}
	if _, ok := s.pos[n]; ok {
		return
	}
	s.pos[n] = len(s.order)
	s.order = append(s.order, n)
}

func (s *nodeSet) remove(n uint32) {
	i, ok := s.pos[n]
	if !ok {
		return
	}
	delete(s.pos, n)
	s.order[i] = 0
	if len(s.order) >= 16 && len(s.pos) < len(s.order)/2 {
		s.compact()
	}
}

func (s *nodeSet) compact() {
	kept := make([]uint32, 0, len(s.pos))
	s.pos = make(map[uint32]int, len(s.pos)) // a Go map does not shrink
	for _, n := range s.order {
		if n != 0 {
			s.pos[n] = len(kept)
			kept = append(kept, n)
		}
	}
	s.order = kept
}

func (s *nodeSet) len() int { return len(s.pos) }
