package sim

import (
	"cmp"
	"slices"
)

// Shrink leaves out of a failing plan whatever it can while the same invariant
// still breaks, in at most runs runs.
func Shrink(p *Plan, runs int) *Plan {
	first := p.Run(false)
	if first.Violation == nil {
		return p
	}
	fails := func(actions []Action) bool {
		runs--
		q := &Plan{Seed: p.Seed, Options: p.Options, Actions: actions, Heal: p.Heal}
		r := q.Run(false)
		return r.Violation != nil && r.Violation.Invariant == first.Violation.Invariant
	}
	best := p.Actions
	for size := cmp.Or(len(best)/2, 1); runs > 0; {
		cut := false
		for i := 0; i < len(best) && runs > 0; {
			rest := slices.Concat(best[:i], best[min(i+size, len(best)):])
			if fails(rest) {
				best, cut = rest, true
			} else {
				i += size
			}
		}
		if size == 1 && !cut {
			break
		}
		size = max(size/2, 1)
	}
	return &Plan{Seed: p.Seed, Options: p.Options, Actions: best, Heal: p.Heal}
}
