//go:build defects

package zab

import "testing"

// TestDefects puts in one defect after the other and demands that the random
// schedules and the checkers find it.
func TestDefects(t *testing.T) {
	defer func() { seed = defectNone }()
	for d := defectNone + 1; d < defects; d++ {
		seed = d
		found := false
		for n := uint64(1); n <= 4000; n++ {
			if _, err := runSeed(n, 3000, false, nil); err != nil {
				t.Logf("%-32v seed %4d  %.110v", d, n, err)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("%v: not found", d)
		}
	}
}
