package sim

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// worthReaching is what a thousand seeds come upon: a simulator that no longer
// gets there checks less than it says.
var worthReaching = []string{
	"power cut", "recovery", "recovery from a snapshot and a log", "snapshot while serving", "fuzzy snapshot", "log rolled", "purge",
	"power cut before create", "power cut before write", "power cut before sync", "power cut before syncdir", "power cut before preallocate",
	"power cut before rename", "power cut before remove", "power cut before truncate",
	"failed write", "failed sync", "failed syncdir", "failed rename", "failed create",
	"no space for write", "tree from a disk compared with the history",
	"session expired", "session moved to another connection", "event replayed by setWatches",
	"damage refused", "damage survived",
}

// worthReachingTogether is what a thousand seeds of an ensemble come upon
// besides.
var worthReachingTogether = []string{
	"power cut", "recovery from a snapshot and a log", "snapshot while serving", "fuzzy snapshot", "log rolled", "purge",
	"power cut before write", "power cut before sync", "failed write", "failed sync",
	"no space for write", "tree from a disk compared with the history",
	"session expired", "session moved to another connection", "event replayed by setWatches",
	"leader established", "DIFF", "TRUNC", "SNAP", "DIFF from the log on disk", "snapshot from the leader",
	"damage refused", "damage survived",
	"seed with groups and weights", "seed with more than one group",
	"upgrading a local session, for it creates an ephemeral", "local session expired", "observer served by a follower",
}

// worthReachingDamaged is what a thousand seeds come upon whose disks are
// damaged.
var worthReachingDamaged = []string{
	"damage: bit flip at rest", "damage: bit flip while running", "damage: wiped disk", "damage: stale disk", "damage: swapped disks",
	"damage: lost write", "damage: misdirected write", "start in quarantine", "spoilt disk whole again", "a vote is cast in quarantine",
}

// TestSeeds plays SEEDS seeds of an ensemble from SEED on, for MINUTES at most
// (make sim, which make test calls); otherwise 60, or 30 when short.
func TestSeeds(t *testing.T) {
	t.Parallel()
	usual := uint64(60)
	if testing.Short() {
		usual = 30
	}
	seeds(t, NewEnsemblePlan, usual, worthReachingTogether)
}

// TestSeedsAlone plays seeds of one server.
func TestSeedsAlone(t *testing.T) {
	t.Parallel()
	usual := uint64(1000)
	if testing.Short() {
		usual = 200
	}
	seeds(t, NewPlan, usual, worthReaching)
}

// TestSeedsDamaged plays seeds of an ensemble whose disks are damaged.
func TestSeedsDamaged(t *testing.T) {
	t.Parallel()
	usual := uint64(60)
	if testing.Short() {
		usual = 30
	}
	seeds(t, NewDamagePlan, usual, worthReachingDamaged)
}

// worthReachingOutage is what a thousand seeds come upon in which everything goes
// down, with damaged disks: each of three is elected by votes from quarantine,
// whatever it was before, and each of five.
var worthReachingOutage = append(everyPart(),
	"outage: the undamaged ones are no quorum", "outage: the undamaged ones are a quorum", "outage: no disk is left that has everything",
	"outage: nobody leads until a disk is repaired", "start in quarantine", "spoilt disk whole again", "a vote is cast in quarantine",
	"damage: bit flip at rest", "damage: wiped disk",
)

func everyPart() (list []string) {
	for id := 1; id <= 5; id++ {
		for n := max(3, id|1); n <= 5; n += 2 {
			list = append(list, fmt.Sprintf("leader with votes from quarantine: s%d of %d, a follower before", id, n))
		}
		if id <= 3 { // for the first of five to lead before, much has to come together
			list = append(list, fmt.Sprintf("leader with votes from quarantine: s%d of 3, the leader before", id))
		}
	}
	return list
}

// TestSeedsOutage plays seeds of an ensemble that goes down as a whole, with
// damaged disks.
func TestSeedsOutage(t *testing.T) {
	t.Parallel()
	usual := uint64(60)
	if testing.Short() {
		usual = 30
	}
	seeds(t, NewOutagePlan, usual, worthReachingOutage)
}

// worthReachingChanging is what a thousand seeds come upon whose members change.
var worthReachingChanging = []string{
	"power cut", "TRUNC", "SNAP", "reconfig asked", "reconfig committed", "reconfig committed while a follower serves observers", "role ended: handed over to another leader", "role ended: the configuration has changed",
}

// TestSeedsChanging plays seeds of an ensemble whose members change.
func TestSeedsChanging(t *testing.T) {
	t.Parallel()
	usual := uint64(40)
	if testing.Short() {
		usual = 20
	}
	seeds(t, NewChangingPlan, usual, worthReachingChanging)
}

func seeds(t *testing.T, plan func(uint64) *Plan, usual uint64, worth []string) {
	first, count := number("SEED", 1), number("SEEDS", usual)
	begin := time.Now()
	var total Result
	seeds, met := 0, map[string]int{}
	failed := play(plan, first, count, func(r *Result) {
		seeds++
		for what, n := range r.Met {
			met[what] += n
		}
		total.Requests += r.Requests
		total.Answered += r.Answered
		total.Writes += r.Writes
		total.Txns += r.Txns
		total.Events += r.Events
		total.Boots += r.Boots
		total.Virtual += r.Virtual
	})
	report := t.Logf
	if os.Getenv("SEEDS") != "" {
		report = func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	}
	faults := 0
	for what, n := range met {
		if strings.HasPrefix(what, "fault: ") {
			faults += n
		}
	}
	report("%d seeds from %d on in %v: %d requests (%d answered), %d writes acknowledged, %d txns, %d faults, %d starts of a server, %d steps, %.1f simulated hours",
		seeds, first, time.Since(begin).Round(time.Millisecond), total.Requests, total.Answered, total.Writes, total.Txns, faults, total.Boots, total.Events,
		float64(total.Virtual)/second/3600)
	for _, what := range slices.Sorted(maps.Keys(met)) {
		report("%8d %s", met[what], what)
	}
	if failed != nil {
		t.Fatal(explain(plan(failed.Seed)))
	}
	if seeds >= 1000 && first == 1 {
		for _, what := range worth {
			if met[what] == 0 {
				t.Errorf("%d seeds never came upon: %s", seeds, what)
			}
		}
	}
}

func number(name string, otherwise uint64) uint64 {
	n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// play runs seeds on every core and returns the failure of the lowest seed, or
// nil. tally is called for one result at a time.
func play(plan func(uint64) *Plan, first, count uint64, tally func(*Result)) *Result {
	var next atomic.Uint64
	var stop atomic.Bool
	var mu sync.Mutex
	var failed *Result
	var work sync.WaitGroup
	// A world makes far more garbage than it holds: a quarter of the time went to
	// collecting it. Its heap stays below 200 MB a core.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	end := time.Now().Add(time.Duration(number("MINUTES", 1e6)) * time.Minute)
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := next.Add(1) - 1; i < count && !stop.Load() && time.Now().Before(end); i = next.Add(1) - 1 {
				r := plan(first + i).Run(false)
				mu.Lock()
				tally(r)
				if r.Violation != nil && (failed == nil || r.Seed < failed.Seed) {
					failed = r
					stop.Store(true)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return failed
}

// explain tells a failure: seed, commit, what is left of the plan, the trace.
func explain(whole *Plan) string {
	small := Shrink(whole, 400)
	r := small.Run(true)
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, commit %s: %v\n", whole.Seed, commit(), r.Violation)
	target := "sim"
	if whole.Options.Voters == 0 {
		target = "sim-alone"
	}
	if whole.Options.Damaged {
		target = "sim-damaged"
	}
	if slices.ContainsFunc(whole.Actions, func(a Action) bool { return a.Kind == DoOutage }) {
		target = "sim-outage"
	}
	fmt.Fprintf(&b, "again: make %s SEED=%d SEEDS=1\n\nwhat is left of the plan (%d of %d actions), faults until %s:\n",
		target, whole.Seed, len(small.Actions), len(whole.Actions), clockText(small.Heal))
	for _, a := range small.Actions {
		fmt.Fprintf(&b, "  %v\n", a)
	}
	fmt.Fprintf(&b, "\ntrace:\n%s", r.Trace)
	return b.String()
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// The same seed gives the same trace, to the byte.
func TestTraceIsTheSame(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 30; seed++ {
		plan := NewPlan
		if seed%2 == 0 {
			plan = NewEnsemblePlan
		}
		a, b := plan(seed).Run(true), plan(seed).Run(true)
		if !bytes.Equal(a.Trace, b.Trace) {
			t.Fatalf("seed %d: two traces, of %d and %d bytes, differ at byte %d", seed, len(a.Trace), len(b.Trace), differAt(a.Trace, b.Trace))
		}
		if len(a.Trace) < 1000 {
			t.Errorf("seed %d: a trace of %d bytes", seed, len(a.Trace))
		}
	}
}

func differAt(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
