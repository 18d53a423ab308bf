package server

import (
	"testing"

	"zookit/protocol/quorum"
)

// An observer tries each follower once before the leader, and begins with the
// next one when it has lost a good one.
func TestMasters(t *testing.T) {
	var servers quorum.Config
	for sid := int64(1); sid <= 4; sid++ {
		servers.Members = append(servers.Members, quorum.Member{ID: sid, Observer: sid == 4})
	}
	m := new(masters)
	m.follow(&servers)
	for range 5 {
		tried := map[int64]bool{}
		for range 2 {
			s, ok := m.choose(2)
			if !ok || s.ID == 2 || s.ID == 4 || tried[s.ID] {
				t.Fatalf("chose %d, %v after %v", s.ID, ok, tried)
			}
			tried[s.ID] = true
		}
		if s, ok := m.choose(2); ok {
			t.Errorf("all have failed, and %d is tried before the leader", s.ID)
		}
	}
	first, _ := m.choose(2)
	m.failed = 0
	second, ok := m.choose(2)
	if !ok || second.ID == first.ID {
		t.Errorf("after %d, which has gone, comes %d, %v", first.ID, second.ID, ok)
	}
	m.follow(&servers) // nothing has changed
	if s, ok := m.choose(2); !ok || s.ID != first.ID {
		t.Errorf("after %d comes %d, %v", second.ID, s.ID, ok)
	}
	m.follow(&quorum.Config{Members: servers.Members[:1]})
	if s, ok := m.choose(1); ok {
		t.Errorf("the only voter leads, and %d is chosen", s.ID)
	}
}
