package ctl

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// The collector's policy. Resident memory is what operators pay for, and a server's live heap is its tree, so the heap
// may grow by a fixed slack or by a quarter of what is live, whichever is more: a small server collects seldom, and one
// with a gigabyte of znodes stays at 1.25 GiB instead of Go's usual 2. The operator's GOGC, when set, holds instead.
const (
	slackBytes   = 32 << 20
	growthShare  = 4 // a quarter of the live heap
	minPercent   = 100 / growthShare
	maxPercent   = 800 // the runtime's floor of 4 MiB times this is slackBytes
	liveHeapName = "/gc/heap/live:bytes"
)

// setCollector applies the policy after each collection; stop ends that.
func setCollector(getenv func(string) string) (stop func()) {
	if getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(maxPercent)
	c := &collector{}
	c.percent.Store(maxPercent)
	c.watch()
	return func() {
		c.stopped.Store(true)
		debug.SetGCPercent(before)
	}
}

type collector struct {
	stopped atomic.Bool
	percent atomic.Int64
}

// watch arms a finalizer on a fresh object: it runs once after the next collection and arms the following one.
func (c *collector) watch() {
	runtime.SetFinalizer(&sentinel{c: c}, func(s *sentinel) {
		if s.c.stopped.Load() {
			return
		}
		s.c.adjust(liveHeap())
		s.c.watch()
	})
}

type sentinel struct{ c *collector }

// adjust sets the percentage for a live heap; SetGCPercent stops the world, so small changes are left alone.
func (c *collector) adjust(live uint64) {
	percent, now := percentFor(live), c.percent.Load()
	if percent > now+now/8 || percent < now-now/8 {
		debug.SetGCPercent(int(percent))
		c.percent.Store(percent)
	}
}

func percentFor(live uint64) int64 {
	if live == 0 {
		return maxPercent
	}
	return min(max(int64(slackBytes*100/live), minPercent), maxPercent)
}

func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: liveHeapName}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
