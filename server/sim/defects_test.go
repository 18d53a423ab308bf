//go:build defects

package sim

import (
	"os"
	"slices"
	"testing"

	"zookit/server/defect"
)

// maxSeeds is how many seeds a defect may take to be found.
const maxSeeds = 2000

// TestDefects plants one defect after the other and looks for the first seed
// that shows it. It runs with the build tag defects (make defects); DEFECT names
// one to plant alone, STARTS=n begins at n seeds and tells the median of what
// was needed.
func TestDefects(t *testing.T) {
	defer defect.Plant(defect.None)
	starts := number("STARTS", 1)
	for d, about := range defect.All {
		if only := os.Getenv("DEFECT"); about.Name == "" || only != "" && only != about.Name {
			continue
		}
		defect.Plant(defect.Defect(d))
		plan, servers := NewEnsemblePlan, "ensemble"
		switch about.Shown {
		case defect.InAlone:
			plan, servers = NewPlan, "one server"
		case defect.InDamaged:
			plan, servers = NewDamagePlan, "damaged"
		case defect.InOutage:
			plan, servers = NewOutagePlan, "outage"
		case defect.InChanging:
			plan, servers = NewChangingPlan, "changing"
		case defect.InCores:
			continue
		}
		var needed []uint64
		found := map[string]int{}
		for i := range starts {
			first := max(1, about.First) + i*100_000
			failed := play(plan, first, maxSeeds, func(*Result) {})
			if failed == nil {
				t.Errorf("%-22s not found in %d seeds from %d on (%s)", about.Name, maxSeeds, first, about.What)
				continue
			}
			needed = append(needed, failed.Seed-first+1)
			found[failed.Violation.Invariant]++
		}
		if slices.Sort(needed); len(needed) > 0 {
			t.Logf("%-22s %-10s %4d seeds (%v)  %v", about.Name, servers, needed[len(needed)/2], needed, found)
		}
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
