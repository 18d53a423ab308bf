//go:build defects

package sim

import (
	"os"
	"testing"

	"zookit/server/defect"
)

// maxSeeds is how many seeds a defect may take to be found.
const maxSeeds = 2000

// TestDefects plants one defect after the other and looks for the first seed
// that shows it. It runs with the build tag defects (make defects); DEFECT names
// one to plant alone.
func TestDefects(t *testing.T) {
	defer defect.Plant(defect.None)
	for d, about := range defect.All {
		if only := os.Getenv("DEFECT"); about.Name == "" || only != "" && only != about.Name {
			continue
		}
		defect.Plant(defect.Defect(d))
		plan, servers := NewEnsemblePlan, "ensemble"
		switch about.Shown {
		case defect.InAlone:
			plan, servers = NewPlan, "one server"
		case defect.InCores:
			continue
		}
		failed := play(plan, 1, maxSeeds, func(*Result) {})
		if failed == nil {
			t.Errorf("%-22s not found in %d seeds (%s)", about.Name, maxSeeds, about.What)
			continue
		}
		t.Logf("%-22s %-10s seed %4d  %s", about.Name, servers, failed.Seed, failed.Violation.Invariant)
	}
}

// What is left of a failing plan after Shrink still fails, by the same
// invariant, and is short enough to read; explain shows it with its trace.
func TestShrink(t *testing.T) {
	defect.Plant(defect.EventAfterReply)
	defer defect.Plant(defect.None)
	failed := play(NewPlan, 1, maxSeeds, func(*Result) {})
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
	t.Log(explain(whole))
}
