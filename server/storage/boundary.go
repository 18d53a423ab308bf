package storage

import "zookit/protocol"

// boundaries are the ends of epochs: of the first txn of an epoch, the txn that
// came before it. Within an epoch zxids follow each other, so that a txn that is
// missing from the logs shows; at the end of an epoch nothing tells, for the next
// one begins with the counter 1 behind any txn. A record there that cannot be read,
// and that recovery could do without as a snapshot holds it, would be left out for a
// learner that is sent the logs. So these cross the end of an epoch only where this
// Store has seen what came before: in its recovery, behind the snapshot that this
// began with, or in Append.
type boundaries struct {
	seen map[protocol.Zxid]protocol.Zxid
}

// maxBoundaries bounds what is kept; the oldest go first.
const maxBoundaries = 1024

// passed notes that z came behind prev.
func (b *boundaries) passed(prev, z protocol.Zxid) {
	if prev.Epoch() == z.Epoch() {
		return
	}
	if b.seen == nil {
		b.seen = map[protocol.Zxid]protocol.Zxid{}
	}
	b.seen[z] = prev
	for len(b.seen) > maxBoundaries {
		oldest := z
		for first := range b.seen {
			oldest = min(oldest, first)
		}
		delete(b.seen, oldest)
	}
}

// adjoin tells that nothing was between two records.
func (b *boundaries) adjoin(prev, z protocol.Zxid) bool {
	if prev.Epoch() == z.Epoch() {
		return z == prev+1
	}
	was, known := b.seen[z]
	return known && was == prev
}

// adjoin tells that nothing was between two records of the logs, as far as this
// Store knows.
func (s *Store) adjoin(prev, z protocol.Zxid) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends.adjoin(prev, z)
}
