package server

import (
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"zookit/protocol"
	"zookit/server/admin"
	"zookit/server/cnxn"
	"zookit/server/replica"
	"zookit/server/storage"
)

// pipeline owns the replica. It takes what connections submit, hands batches to
// the syncer, commits what is synced, and flushes the connections a commit has
// touched: in rounds, one at a time, on a goroutine of its own, or on that of a
// connection that has brought something (visit).
//
//	connections ──queue──▶ pipeline ──job──▶ syncer (append, one sync)
//	     ▲                   │  ▲               │
//	     └──────flush────────┘  └───synced──────┘
//
// A batch of one or two writes with nobody waiting behind it is synced by the
// pipeline itself (fewWrites).
//
// The queue has no bound of its own: connections bound what they submit
// (cnxn's gate).
type pipeline struct {
	rep   *replica.Replica
	store *storage.Store
	conns *cnxn.Server
	now   func() replica.Now
	log   *slog.Logger
	fail  func(error) // called once, by the pipeline, when it cannot go on

	members *members // nil of a server alone

	wake   chan struct{}
	synced chan syncResult
	jobs   chan syncJob
	stop   chan struct{}
	work   sync.WaitGroup // syncer, snapshots
	ran    sync.WaitGroup // the pipeline's goroutine

	mu    sync.Mutex
	queue []task

	// Of the pipeline's goroutine, between its turns.
	rang bool // the timer
	back []syncResult

	turn     sync.Mutex // held during a round; guards the replica and all below
	panicked error
	timer    *time.Timer
	ready    replica.Ready
	left     bool // ready is to be carried out yet, by the pipeline's own goroutine

	taken   []task
	held    []task // taken but not proposed: the replica does not accept for now
	ended   bool
	jobsOut int  // with the syncer
	slow    bool // the last sync took slowSync or longer
	// deadline is what the timer is set for, on the steady clock.
	deadline int64

	syncs     syncStats
	snapshots atomic.Int64
}

// task is a request for Propose, or a call with the replica in hand.
type task struct {
	request *replica.Request
	call    func(replica.Now)
}

type syncJob struct {
	roll    bool
	few     bool // a batch of fewWrites at most, and nothing else
	entries []storage.Entry
	// order is what one of several servers does instead of appending entries; what
	// it returns is called by the pipeline.
	order func() (after func(replica.Now), appended bool)
}

func (j *syncJob) empty() bool { return !j.roll && len(j.entries) == 0 && j.order == nil }

type syncResult struct {
	took  time.Duration // of the sync of a batch
	zxid  protocol.Zxid
	err   error
	after func(replica.Now)
}

func (p *pipeline) start() {
	p.wake = make(chan struct{}, 1)
	p.synced = make(chan syncResult, 2) // a roll and a batch may be out
	p.jobs = make(chan syncJob, 1)
	p.stop = make(chan struct{})
	p.timer = time.NewTimer(time.Hour)
	p.work.Go(p.syncer)
	if p.members != nil {
		p.members.start()
	}
	p.ran.Go(p.run)
}

// submit hands requests over, in order. It never blocks.
func (p *pipeline) submit(list []*replica.Request) {
	p.mu.Lock()
	for _, q := range list {
		p.queue = append(p.queue, task{request: q})
	}
	p.mu.Unlock()
	if p.conns.Few(maxGuests) {
		p.visit()
	} else {
		p.nudge()
	}
}

// maxGuests is up to how many clients their connections are guests: a round
// deepens the stack of the goroutine it runs on, and there may be ten thousand.
const maxGuests = 64

// do runs f on the pipeline's goroutine, behind what was submitted before.
func (p *pipeline) do(f func(replica.Now)) {
	p.mu.Lock()
	p.queue = append(p.queue, task{call: f})
	p.mu.Unlock()
	p.nudge()
}

func (p *pipeline) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run is the pipeline's goroutine.
func (p *pipeline) run() {
	defer p.leave()
	for p.ownTurn() {
		select {
		case <-p.wake:
		case <-p.timer.C:
			p.rang = true
		case r := <-p.synced:
			p.back = append(p.back, r)
		case <-p.stop:
			return
		}
	}
}

// ownTurn is a round of the pipeline's goroutine. It is false when the server
// has failed.
func (p *pipeline) ownTurn() bool {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.guarded(false)
	if p.panicked != nil && !p.ended {
		p.ended = true
		p.fail(p.panicked)
	}
	return !p.ended
}

// visit is a round on the goroutine of somebody who has queued something for
// it: that saves a lone write the way to another goroutine at every server it
// passes. What such a guest cannot do is left to the pipeline's own goroutine.
func (p *pipeline) visit() {
	if !p.turn.TryLock() {
		p.nudge()
		return
	}
	defer p.turn.Unlock()
	if !p.left && !p.ended {
		p.guarded(true)
	}
	if p.left || p.panicked != nil {
		p.nudge()
	}
}

// leave ends the pipeline: there are no turns after it.
func (p *pipeline) leave() {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.ended = true
	p.timer.Stop()
	close(p.jobs)
}

// guarded is a round in which a panic of the replica is a broken invariant: it
// ends the server, not the process.
func (p *pipeline) guarded(guest bool) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked = fmt.Errorf("request pipeline: %w: %v\n%s", replica.ErrInvariant, r, debug.Stack())
		}
	}()
	if p.panicked == nil {
		p.round(guest)
	}
}

// round takes in what there is, and does what comes of it.
func (p *pipeline) round(guest bool) {
	if !guest {
		p.settle()
	}
	if p.members != nil {
		p.members.step()
	}
	p.propose()
	p.handOut(guest)
	p.flush()
	p.setTimer()
}

// settle takes in what only the pipeline's goroutine hears of.
func (p *pipeline) settle() {
	if p.left {
		p.left = false
		p.carryOut()
	}
	if p.rang {
		p.rang, p.deadline = false, 0
		p.rep.Tick(p.now())
	}
	for _, r := range p.back {
		p.jobsOut--
		p.persisted(r)
	}
	clear(p.back)
	p.back = p.back[:0]
}

// propose gives the replica everything that was submitted.
func (p *pipeline) propose() {
	p.mu.Lock()
	p.taken, p.queue = p.queue, p.taken[:0]
	p.mu.Unlock()
	if len(p.held) > 0 {
		p.held = append(p.held, p.taken...)
		clear(p.taken)
	} else {
		p.held, p.taken = p.taken, p.held[:0]
	}
	if len(p.held) == 0 {
		return
	}
	now := p.now()
	done := 0
	for i := range p.held {
		if !p.rep.Accepting() {
			break
		}
		if t := &p.held[i]; t.call != nil {
			t.call(now)
		} else {
			p.rep.Propose(now, t.request)
		}
		done++
	}
	rest := copy(p.held, p.held[done:])
	clear(p.held[rest:])
	p.held = p.held[:rest]
}

// handOut carries out what the replica is ready for. A guest leaves the
// beginning and the end of a role alone, since it may be one of the
// connections that end with it, and is waited for.
func (p *pipeline) handOut(guest bool) {
	for more := true; more && !p.ended; {
		p.ready = p.rep.Ready()
		if p.left = guest && (p.ready.Role != nil || p.rep.Err() != nil); p.left {
			return
		}
		more = p.carryOut()
	}
}

// carryOut does what a Ready asks for. With more, a batch was synced
// meanwhile, which makes the replica ready for what comes behind it.
func (p *pipeline) carryOut() (more bool) {
	rd := &p.ready
	if err := p.rep.Err(); err != nil {
		p.end(err)
		return false
	}
	for _, n := range rd.Notes {
		logNote(p.log, n)
	}
	if rd.Snapshot != nil {
		p.snapshot(rd.Snapshot, rd.SnapshotZxid)
	}
	job := syncJob{roll: rd.Roll, entries: rd.Append, few: len(rd.Append) <= fewWrites}
	if p.members != nil {
		rd.CarryOut(p.members)
		job = p.members.carriedOut()
	}
	switch {
	case job.empty():
		return false
	case job.few && p.jobsOut == 0 && !p.slow && p.idle():
		p.persisted(p.sync(job))
		p.flush()
		return true
	}
	p.jobsOut++
	p.jobs <- job
	return false
}

// fewWrites is the largest batch the pipeline syncs itself when nobody else is
// waiting: the way to the syncer and back costs a lone client more than the
// wait costs a request that comes meanwhile, which would have to wait for this
// sync anyhow.
const fewWrites = 2

// slowSync is the time from which a sync is left to the syncer again: while a
// member's disk is slow, its pipeline has the other servers to listen to.
const slowSync = 5 * time.Millisecond

// idle tells that nothing was submitted or has arrived since the last round.
func (p *pipeline) idle() bool {
	p.mu.Lock()
	waiting := len(p.queue) + len(p.held)
	p.mu.Unlock()
	return waiting == 0 && (p.members == nil || p.members.idle())
}

// syncer appends and syncs one batch at a time.
func (p *pipeline) syncer() {
	for j := range p.jobs {
		p.synced <- p.sync(j)
	}
}

func (p *pipeline) sync(j syncJob) syncResult {
	if j.roll {
		if err := p.store.Roll(); err != nil {
			return syncResult{err: fmt.Errorf("begin a new txn log: %w", err)}
		}
	}
	begin := time.Now()
	if j.order != nil {
		after, appended := j.order()
		r := syncResult{after: after}
		if appended {
			r.took = time.Since(begin)
			p.syncs.add(r.took)
		}
		return r
	}
	if len(j.entries) == 0 {
		return syncResult{}
	}
	if err := p.store.Append(j.entries); err != nil {
		return syncResult{err: fmt.Errorf("write the txn log: %w", err)}
	}
	r := syncResult{zxid: j.entries[len(j.entries)-1].Zxid, took: time.Since(begin)}
	p.syncs.add(r.took)
	return r
}

// persisted commits a batch; the connections it touched are flushed after the
// next batch is with the disk.
func (p *pipeline) persisted(r syncResult) {
	if r.took > 0 {
		p.slow = r.took >= slowSync
	}
	switch {
	case r.err != nil:
		p.end(r.err)
	case r.after != nil:
		r.after(p.now())
	case r.zxid != 0:
		p.rep.Persisted(p.now(), r.zxid)
	}
}

// flush writes to the connections that were touched.
func (p *pipeline) flush() {
	if !p.ended {
		p.conns.Flush()
	}
}

// end is the final failed state: no request is completed after it.
func (p *pipeline) end(err error) {
	if p.ended {
		return
	}
	p.ended = true
	p.rep.Failed(err)
	p.fail(err)
}

// snapshot writes a snapshot beside the pipeline.
func (p *pipeline) snapshot(src storage.Source, zxid protocol.Zxid) {
	p.work.Go(func() {
		err := p.store.Snapshot(zxid, src)
		if err == nil {
			p.snapshots.Add(1)
		}
		p.do(func(replica.Now) { p.rep.SnapshotDone(err) })
	})
}

// setTimer wakes the pipeline at the replica's deadline.
func (p *pipeline) setTimer() {
	at := p.rep.Deadline()
	if at == p.deadline {
		return
	}
	p.deadline = at
	wait := time.Hour
	if at != math.MaxInt64 {
		wait = min(wait, max(0, time.Duration(at-p.now().MonoMs)*time.Millisecond))
	}
	p.timer.Reset(wait)
}

// logNote logs what the replica noted.
func logNote(log *slog.Logger, n replica.Note) {
	args := make([]any, 0, 6)
	if n.Session != 0 {
		args = append(args, "session", n.Session)
	}
	if n.Path != "" {
		args = append(args, "path", n.Path)
	}
	if n.Ms != 0 {
		args = append(args, "ms", n.Ms)
	}
	log.Info(n.Text, args...)
}

// syncStats counts syncs; read by Status.
type syncStats struct {
	slowMs int64 // fsync.warningthresholdms

	mu sync.Mutex
	s  admin.SyncStats
}

func (s *syncStats) add(d time.Duration) {
	ms := d.Milliseconds()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s.Count == 0 || ms < s.s.MinMs {
		s.s.MinMs = ms
	}
	s.s.Count++
	s.s.SumMs += ms
	s.s.MaxMs = max(s.s.MaxMs, ms)
	if s.slowMs > 0 && ms > s.slowMs {
		s.s.Slow++
	}
}

func (s *syncStats) read() admin.SyncStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s
}
