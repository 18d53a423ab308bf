package storage

import (
	"fmt"
	"sync"
	"testing"

	"zookit/protocol"
	"zookit/server/vfs"
)

// TestBesideAppend runs snapshots, purges and look-ups beside appends and
// rolls, as a serving server does.
func TestBesideAppend(t *testing.T) {
	t.Parallel()
	cfg := memConfig(vfs.NewMem())
	s, st := start(t, cfg)
	var mu sync.Mutex // guards st, as the server's state lock does
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for z := protocol.Zxid(1); z <= 600; z += 3 {
			batch := entries(z, z+2, 30)
			if err := s.Append(batch); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			for _, e := range batch {
				st.nodes[fmt.Sprintf("/n%d", e.Zxid)] = ""
				st.last = e.Zxid
			}
			mu.Unlock()
			if z%50 == 1 {
				if err := s.Roll(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for _, work := range []func() error{
		func() error { mu.Lock(); defer mu.Unlock(); return s.Snapshot(st.last, st) },
		func() error { return s.Purge(2) },
		func() error { _, _, err := s.Sizes(); return err },
	} {
		wg.Go(func() {
			for {
				if err := work(); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	wg.Wait()
	must(t, s.Close())
	_, st, _ = mustOpen(t, cfg)
	st.holds(t, 600)
}

// TestAppendAllocatesNothing on a real file.
func TestAppendAllocatesNothing(t *testing.T) {
	s, _ := start(t, Config{DataDir: t.TempDir(), NoSync: true})
	defer s.Close()
	batches := make([][]Entry, 1, 300)
	for z := protocol.Zxid(1); len(batches) < cap(batches); z += 2 {
		batches = append(batches, entries(z, z+1, 100))
	}
	next := 0
	allocs := testing.AllocsPerRun(len(batches)-2, func() {
		next++
		must(t, s.Append(batches[next]))
	})
	if allocs > 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}
