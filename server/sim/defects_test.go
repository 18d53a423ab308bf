//go:build defects

package sim

import (
	"testing"

	"zookit/server/defect"
)

// maxSeeds is how many seeds a defect may take to be found.
const maxSeeds = 2000

// TestDefects plants one defect after the other and looks for the first seed
// that shows it. It runs with the build tag defects, started by TestItBites.
func TestDefects(t *testing.T) {
	defer defect.Plant(defect.None)
	for d, about := range defect.All {
		if about.Name == "" || about.In == "zab" {
			continue
		}
		defect.Plant(defect.Defect(d))
		failed := play(1, maxSeeds, func(*Result) {})
		if failed == nil {
			t.Errorf("%-22s not found in %d seeds (%s)", about.Name, maxSeeds, about.What)
			continue
		}
		t.Logf("%-22s seed %4d  %s", about.Name, failed.Seed, failed.Violation.Invariant)
	}
}

// What is left of a failing plan after Shrink still fails, by the same
// invariant, and is short enough to read; explain shows it with its trace.
func TestShrink(t *testing.T) {
	defect.Plant(defect.EventAfterReply)
	defer defect.Plant(defect.None)
	failed := play(1, maxSeeds, func(*Result) {})
	if failed == nil {
		t.Fatal("no seed fails")
	}
	whole := NewPlan(failed.Seed)
	small := Shrink(whole, 400)
	r := small.Run(true)
	if r.Violation == nil || r.Violation.Invariant != failed.Violation.Invariant {
		t.Fatalf("the shrunk plan gives %v, the whole %v", r.Violation, failed.Violation)
	}
	if len(small.Actions) > 10 {
		t.Errorf("%d of %d actions are left", len(small.Actions), len(whole.Actions))
	}
	t.Log(explain(failed.Seed))
}
