package cnxn

import (
	"math"
	"testing"
	"time"
)

// The bucket: empty to the last token, filled by whole periods and never above
// its size, whatever the clock does.
func TestTokens(t *testing.T) {
	t.Parallel()
	bucket := func(th Throttle) *tokens {
		th.setDefaults()
		b := new(tokens)
		b.init(&th, 1000)
		return b
	}
	b := bucket(Throttle{Tokens: 3, FillMs: 10, FillCount: 2, FreezeMs: -1})
	for i, step := range []struct {
		atMs int64
		need int
		want bool
	}{
		{1000, 1, true}, {1000, 3, false}, {1000, 2, true}, {1000, 1, false},
		{1010, 1, false}, // a period is over when more than its time has passed
		{1011, 1, true}, {1011, 1, true}, {1011, 1, false},
		{1022, 3, false}, {1022, 2, true},
		{5000, 4, false}, {5000, 3, true}, {5000, 1, false}, // no more than its size
		{math.MaxInt64 / 2, 3, true}, {math.MaxInt64 / 2, 1, false},
	} {
		if got := b.take(step.atMs, step.need); got != step.want {
			t.Errorf("step %d: %+v gave %v", i, step, got)
		}
	}
	for range 2 {
		if b := bucket(Throttle{}); !b.take(0, 1<<30) {
			t.Error("without tokens there is no limit")
		}
	}
	b = bucket(Throttle{Tokens: 2, FillCount: 1, FillMs: 1000, FreezeMs: -1, Weighted: true, GlobalWeight: 3})
	if !b.take(1000, 6) || b.take(1000, 1) || b.take(2001, 4) || !b.take(2001, 3) {
		t.Error("with weights the configured numbers are those of sessions of the ensemble")
	}
}

// The chance to be dropped grows while the bucket is empty and falls while it is
// full enough, once in a freeze, between 0 and 1.
func TestDropChance(t *testing.T) {
	t.Parallel()
	th := Throttle{Tokens: 2, FillMs: 1_000_000, FreezeMs: 10, DropIncrease: 0.4, DropDecrease: 0.3, DecreaseRatio: 0.5}
	th.setDefaults()
	b := new(tokens)
	b.init(&th, 0)
	die := 0.9999
	b.random = func() float64 { return die }
	near := func(want float64) {
		t.Helper()
		if math.Abs(b.drop-want) > 1e-9 {
			t.Errorf("the chance is %v, want %v", b.drop, want)
		}
	}
	if !b.take(0, 2) {
		t.Fatal("the bucket is not full")
	}
	for i, want := range []float64{0.4, 0.8, 1, 1} {
		at := int64(i+1) * 11
		b.take(at, 1)
		b.take(at+10, 1) // within the freeze
		near(want)
	}
	die = 0
	if b.left = 2; b.take(100, 1) {
		t.Error("served against the chance")
	}
	near(0.7) // less than half is taken
	b.left = 1
	b.take(120, 2)
	near(0.4)
	b.left = 2
	b.take(140, 1)
	b.take(160, 1)
	near(0)
	if !b.take(162, 1) {
		t.Error("dropped without a chance to be")
	}
}

// Places among the writes under way: exactly as many as there may be.
func TestGatePlaces(t *testing.T) {
	t.Parallel()
	var g gate
	g.init(1000)
	g.most = 2
	places := 0
	for places < 5 && g.take() {
		places++
	}
	if places != 2 {
		t.Fatalf("%d places", places)
	}
	g.enter(1, 10) // has its place already
	if g.used() != 2 {
		t.Errorf("%d are under way", g.used())
	}
	waited := make(chan struct{})
	go func() {
		for !g.take() {
			g.awaitVacancy(time.Hour)
		}
		close(waited)
	}()
	g.leave(10)
	<-waited
	if g.take() {
		t.Error("a third place")
	}
}

func TestLargeRequests(t *testing.T) {
	t.Parallel()
	l := &largeRequests{threshold: 100, limit: 250}
	if !l.enter(100) || l.bytes.Load() != 0 {
		t.Error("a request of the threshold is large")
	}
	if !l.enter(101) || !l.enter(149) || l.enter(101) || l.check(101) == nil || l.check(100) != nil {
		t.Errorf("%d bytes are under way", l.bytes.Load())
	}
	l.leave(149)
	l.leave(50)
	if l.check(149) != nil || l.check(150) == nil || !l.enter(149) {
		t.Errorf("%d bytes are under way", l.bytes.Load())
	}
	if l := new(largeRequests); !l.enter(1<<30) || l.check(1<<30) != nil {
		t.Error("without a threshold there is a limit")
	}
}
