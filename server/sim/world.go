package sim

import (
	"bytes"
	"container/heap"
	"fmt"
	"math/rand/v2"
)

// Virtual time is in microseconds since the beginning of the run.
const (
	millisecond = 1000
	second      = 1000 * millisecond
)

// wallStart is the wall clock at time 0, Unix ms.
const wallStart = 1_700_000_000_000

// world is one run.
type world struct {
	plan  *Plan
	now   int64
	queue eventQueue
	seq   uint64
	rng   *rand.Rand // latencies and the outcomes of power cuts

	processes []*process
	ensemble  *ensemble // nil: a server alone
	clients   []*client
	history   *history
	ledger    *ledger // checks the servers
	changes   int     // reconfigs asked for
	judge     *judge  // checks what clients see
	events    int

	trace *bytes.Buffer  // nil: no trace is kept
	met   map[string]int // what happened how often; see Result.Met

	blackout blackout

	broken *Violation
}

// Violation is an invariant that did not hold.
type Violation struct {
	Invariant string // one of the names in Invariants
	Detail    string
	At        int64 // virtual microseconds
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s, at %s: %s", v.Invariant, clockText(v.At), v.Detail)
}

type event struct {
	at  int64
	seq uint64 // of equal times, the first made goes first
	do  func()
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}

// after does something once delay has passed.
func (w *world) after(delay int64, do func()) { w.at(w.now+delay, do) }

func (w *world) at(t int64, do func()) {
	w.seq++
	heap.Push(&w.queue, event{max(t, w.now), w.seq, do})
}

// runUntil lets the events up to t happen, or until done says so.
func (w *world) runUntil(t int64, done func() bool) {
	for w.broken == nil && len(w.queue) > 0 && w.queue[0].at <= t && !done() {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		w.events++
		e.do()
	}
	if w.broken == nil && !done() {
		w.now = t
	}
}

func never() bool { return false }

// between draws from [lo, hi).
func (w *world) between(lo, hi int64) int64 { return lo + w.rng.Int64N(max(hi-lo, 1)) }

// violated records the first broken invariant; the run ends with it.
func (w *world) violated(invariant, format string, args ...any) {
	named(invariant)
	if w.broken == nil {
		w.broken = &Violation{invariant, fmt.Sprintf(format, args...), w.now}
		w.tracef("VIOLATION %s: %s", invariant, w.broken.Detail)
	}
}

// met counts something worth reaching.
func (w *world) reached(what string) { w.met[what]++ }

// tracef adds a line to the trace.
func (w *world) tracef(format string, args ...any) {
	if w.trace == nil {
		return
	}
	fmt.Fprintf(w.trace, "%s ", clockText(w.now))
	fmt.Fprintf(w.trace, format, args...)
	w.trace.WriteByte('\n')
}

func clockText(us int64) string {
	return fmt.Sprintf("%3d.%06d", us/second, us%second)
}
