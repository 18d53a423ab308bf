package server

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// gcTuner sets the collector's percentage after every collection: the heap may
// grow by gcRoom and a quarter of what is live. Most of a large tree holds no
// pointers, so collecting it often costs little, while the default of 100 %
// would double its memory.
type gcTuner struct {
	stopped atomic.Bool
	before  int
}

const (
	gcRoom    = 24 << 20
	gcMost    = 400 // percent, of a small heap
	gcMeasure = "/gc/heap/live:bytes"
)

func startGCTuner() *gcTuner {
	t := &gcTuner{before: debug.SetGCPercent(gcMost)}
	t.arm()
	return t
}

// arm asks to be called after the next collection, through the finalizer of an
// object nothing refers to.
func (t *gcTuner) arm() {
	runtime.SetFinalizer(&struct{ b [16]byte }{}, func(any) {
		if t.stopped.Load() {
			return
		}
		t.tune()
		t.arm()
	})
}

func (t *gcTuner) tune() {
	sample := []metrics.Sample{{Name: gcMeasure}}
	metrics.Read(sample)
	if sample[0].Value.Kind() == metrics.KindUint64 {
		debug.SetGCPercent(gcPercent(sample[0].Value.Uint64()))
	}
}

// gcPercent is the growth allowed over a live heap of that many bytes.
func gcPercent(live uint64) int {
	if live == 0 {
		return gcMost
	}
	return int(min(gcMost, (gcRoom+live/4)*100/live))
}

// stop gives the percentage back that was set before.
func (t *gcTuner) stop() {
	if !t.stopped.Swap(true) {
		debug.SetGCPercent(t.before)
	}
}
