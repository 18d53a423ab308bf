//go:build defects

package zab

import (
	"testing"

	"zookit/server/defect"
)

// TestDefects plants what the simulator cannot show, and demands that the random
// schedules find it.
func TestDefects(t *testing.T) {
	defer defect.Plant(defect.None)
	for d, about := range defect.All {
		if about.Shown != defect.InCores {
			continue
		}
		defect.Plant(defect.Defect(d))
		found := false
		for n := uint64(1); n <= 4000; n++ {
			if _, err := runSeed(n, 3000, false, nil); err != nil {
				t.Logf("%-22s seed %4d  %.110v", about.Name, n, err)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("%-22s not found (%s)", about.Name, about.What)
		}
	}
}
