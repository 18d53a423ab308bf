package bulk

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"zookit/protocol"
)

const (
	DefaultBatch = 1000 // steps in one multi, as in Apache's deleteall
	inFlight     = 10   // multis on their way at once, as there

	// MaxBatchBytes keeps a multi below half of the default jute.maxbuffer
	// whatever the batch asked for: a server drops the connection of whoever
	// sends more than it takes.
	MaxBatchBytes = protocol.DefaultMaxBuffer / 2
)

// Step is one change. Steps come in the order of their levels: those of one
// level do not depend on one another, and those of a level are sent when all
// of the levels before it are done, or with them in one multi. Options.Ordered
// says otherwise.
type Step struct {
	Level int
	Alone bool             // it is not to be part of a multi
	Of    any              // the caller's own, for Resolve and Done
	Op    protocol.MultiOp // a create of any kind, delete, setData, check; or OpSetACL, which goes alone
}

// single tells that a step goes in a request of its own.
func (s *Step) single() bool { return s.Alone || s.Op.Type == protocol.OpSetACL }

// Path is the znode that the step changes.
func (s *Step) Path() string { return PathOf(s.Op) }

// Options say how steps are sent.
type Options struct {
	Batch int // steps in one multi; 0 sends one by one, each when the one before it is done
	Rate  int // steps a second at most; 0 is as fast as the server

	// Ordered: a step may depend on any before it, and levels mean nothing.
	// Requests still are on their way several at once, since a server carries
	// those of a session out in their order; one that is refused waits for
	// those before it and is sent once more.
	Ordered bool
	// Stats asks for the Stats of what is created, which Done gets. Those of
	// a server before 3.5 are zero: it does not tell them.
	Stats bool

	// Resolve is asked about a step that the server refused. It returns what to
	// send instead (nothing leaves the step out), or the error that ends it all.
	// Nil leaves out deletes of znodes that are gone and ends with everything
	// else. It is called by one goroutine at a time.
	Resolve func(step Step, err error) ([]Step, error)

	// Done gets the steps of each request that succeeded and their results. It
	// is called by one goroutine at a time, with Ordered in the steps' order.
	// May be nil.
	Done func(steps []Step, results []protocol.MultiResult)
	// Progress is told how many steps are done. May be nil.
	Progress func(done int)
}

// Report is how far Apply came.
type Report struct {
	Done    int    // steps that the server carried out
	LeftOut int    // steps that turned out not to be needed
	Unknown int    // steps that were sent and not answered: they may be done
	Next    string // the path of the first step that failed, "" when none did
}

// patience is how long the requests on their way are waited for when ctx has
// ended: they are carried out all the same, and what they did is to be known.
const patience = 2 * time.Second

// Apply sends steps until all are done, one fails or ctx ends. Steps that fit
// into one batch go in one multi, so all or none; otherwise several multis are
// on their way at once, and nothing new is sent after a failure.
func Apply(ctx context.Context, s Session, steps iter.Seq[Step], o Options) (Report, error) {
	a := &apply{s: s, o: o, start: time.Now(), slots: make(chan struct{}, inFlight)}
	if a.o.Resolve == nil {
		a.o.Resolve = LeaveOutGone
	}
	limit := max(o.Batch, 1)
	if o.Rate > 0 {
		limit = min(limit, max(1, o.Rate/4))
	}
	sending, stop := lasting(ctx, patience)
	defer stop()
	for batch := range batches(steps, limit, o.Ordered) {
		if err := a.submit(ctx, sending, batch); err != nil {
			break
		}
	}
	a.wg.Wait()
	return a.report, a.err
}

// lasting is a context that ends some time after another.
func lasting(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() {
		unhook()
		cancel()
	}
}

// LeaveOutGone is the usual Resolve: what is to be deleted and is gone needs no
// deleting.
func LeaveOutGone(step Step, err error) ([]Step, error) {
	if step.Op.Type == protocol.OpDelete && errors.Is(err, protocol.NoNode) {
		return nil, nil
	}
	return nil, err
}

type apply struct {
	s     Session
	o     Options
	start time.Time
	sent  int // steps
	slots chan struct{}
	wg    sync.WaitGroup

	level int    // of the batches on their way
	alone bool   // the batch on its way spans levels
	last  *batch // submitted last

	noStats atomic.Bool // the server tells no Stats of what is created

	mu     sync.Mutex // guards what follows, and is held around the callbacks
	report Report
	err    error
}

// batch is some steps for one request.
type batch struct {
	steps []Step
	whole bool // it spans levels: no other may be on its way

	before *batch        // with Ordered, the one sent before it
	ended  chan struct{} // closed when it is done or has failed
}

// submit sends a batch, in the context sending, as soon as those it depends on
// are done. An error means that there is no use in going on.
func (a *apply) submit(ctx, sending context.Context, b *batch) error {
	level := b.steps[0].Level
	switch {
	case a.o.Ordered:
		b.before, a.last = a.last, b
	case level != a.level || b.whole || a.alone || a.o.Batch <= 0:
		a.wg.Wait()
	}
	a.level, a.alone = level, b.whole
	if err := a.pace(ctx); err != nil {
		return err
	}
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		a.fail("", ctx.Err())
	}
	if err := a.failed(); err != nil {
		return err
	}
	a.sent += len(b.steps)
	a.wg.Go(func() {
		defer func() { <-a.slots }()
		defer close(b.ended)
		a.send(sending, b)
		b.before = nil // all before it have ended; let go of them
	})
	return nil
}

// pace waits until the rate allows what comes next.
func (a *apply) pace(ctx context.Context) error {
	if a.o.Rate <= 0 {
		return nil
	}
	due := a.start.Add(time.Duration(float64(a.sent) / float64(a.o.Rate) * float64(time.Second)))
	wait := time.NewTimer(time.Until(due))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		a.fail("", ctx.Err())
		return ctx.Err()
	}
}

func (a *apply) failed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

func (a *apply) fail(path string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err, a.report.Next = err, path
	}
}

// send sends steps until they are done. One that the server refuses is
// resolved, and the others are sent again: a refused multi has done nothing.
func (a *apply) send(ctx context.Context, b *batch) {
	steps := b.steps
	for len(steps) > 0 {
		early := b.early()
		bad, results, err := a.request(ctx, steps)
		if b.before != nil {
			<-b.before.ended
		}
		if err == nil {
			a.done(steps, results)
			return
		}
		if bad < 0 {
			a.lost(steps, err)
			return
		}
		if b.before != nil && a.failed() != nil {
			return // what it depends on is not there
		}
		if early {
			continue // what it depends on may not have been there yet
		}
		a.mu.Lock()
		instead, err := a.o.Resolve(steps[bad], err)
		if err == nil && len(instead) == 0 {
			a.report.LeftOut++
		}
		a.mu.Unlock()
		if err != nil {
			a.fail(steps[bad].Path(), err)
			return
		}
		rest := append([]Step(nil), steps[:bad]...)
		steps = append(append(rest, instead...), steps[bad+1:]...)
	}
	if b.before != nil {
		<-b.before.ended
	}
}

// lost notes steps that no verdict came for.
func (a *apply) lost(steps []Step, err error) {
	var sent interface{ OutcomeUnknown() bool }
	if errors.As(err, &sent) && sent.OutcomeUnknown() {
		a.mu.Lock()
		a.report.Unknown += len(steps)
		a.mu.Unlock()
	}
	a.fail(steps[0].Path(), err)
}

// early tells that the batch before, on which this one may depend, has not
// ended.
func (b *batch) early() bool {
	if b.before == nil {
		return false
	}
	select {
	case <-b.before.ended:
		return false
	default:
		return true
	}
}

func (a *apply) done(steps []Step, results []protocol.MultiResult) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Done += len(steps)
	if a.o.Done != nil {
		a.o.Done(steps, results)
	}
	if a.o.Progress != nil {
		a.o.Progress(a.report.Done)
	}
}

// request sends steps in one request. When the server refuses them, bad is the
// index of the one at fault; −1 when there was no verdict.
func (a *apply) request(ctx context.Context, steps []Step) (bad int, results []protocol.MultiResult, err error) {
	if len(steps) == 1 && (a.o.Batch <= 0 || steps[0].single()) {
		result, err := one(ctx, a.s, steps[0].Op)
		if err != nil && !isCode(err) {
			return -1, nil, err
		}
		return 0, []protocol.MultiResult{result}, err
	}
	stats := a.o.Stats && !a.noStats.Load()
	results, err = a.s.Multi(ctx, opsOf(steps, stats))
	if err == nil {
		return 0, results, nil
	}
	if stats && results == nil && errors.Is(err, protocol.MarshallingError) {
		a.noStats.Store(true) // a 3.4 server, which knows no create2; it has done nothing
		return a.request(ctx, steps)
	}
	bad = -1
	for i, r := range results {
		if r.Type == protocol.OpError && r.Err != protocol.OK && r.Err != protocol.RuntimeInconsistency {
			bad = i
			break
		}
	}
	return bad, nil, err
}

// opsOf is a multi of steps; with stats, creates are those that tell the Stat.
func opsOf(steps []Step, stats bool) []protocol.MultiOp {
	ops := make([]protocol.MultiOp, len(steps))
	for i := range steps {
		ops[i] = steps[i].Op
		if stats && ops[i].Type == protocol.OpCreate {
			ops[i].Type = protocol.OpCreate2
		}
	}
	return ops
}
