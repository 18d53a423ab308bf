//go:build defects

package sim

import (
	"testing"

	"zookit/server/defect"
)

// maxSeeds is how many seeds a defect may take to be found.
const maxSeeds = 2000

// TestDefects switches every defect on and looks for the first seed that shows
// it. It runs with the build tag defects, started by TestItBites.
func TestDefects(t *testing.T) {
	for _, s := range defect.Switches {
		*s.On = true
		seeds := 0
		failed := play(1, maxSeeds, func(*Result) { seeds++ })
		*s.On = false
		if failed == nil {
			t.Errorf("%-22s not found in %d seeds (%s)", s.Name, maxSeeds, s.What)
			continue
		}
		t.Logf("%-22s seed %4d  %s", s.Name, failed.Seed, failed.Violation.Invariant)
	}
}
