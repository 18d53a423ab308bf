package session

import "sync"

// eventLimit bounds the events that wait for OnEvent. Who exceeds it is told
// how many were dropped; a shell that prints never comes near.
const eventLimit = 1 << 20

// eventQueue hands events to OnEvent in order, on a goroutine of its own, so
// that whoever adds one never waits.
type eventQueue struct {
	deliver func(Event)

	mu      sync.Mutex
	waiting []Event
	dropped int
	closed  bool

	wake chan struct{} // capacity 1
	done chan struct{} // closed when the last event was delivered
}

func newEventQueue(deliver func(Event)) *eventQueue {
	if deliver == nil {
		deliver = func(Event) {}
	}
	q := &eventQueue{deliver: deliver, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go q.run()
	return q
}

// add appends an event; after close it does nothing.
func (q *eventQueue) add(ev Event) {
	q.mu.Lock()
	switch {
	case q.closed:
	case len(q.waiting) >= eventLimit:
		q.dropped++
	default:
		q.waiting = append(q.waiting, ev)
	}
	q.mu.Unlock()
	q.signal()
}

// close lets the goroutine end once everything waiting is delivered.
func (q *eventQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

func (q *eventQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *eventQueue) run() {
	defer close(q.done)
	for {
		q.mu.Lock()
		batch, dropped, closed := q.waiting, q.dropped, q.closed
		q.waiting, q.dropped = nil, 0
		q.mu.Unlock()
		for _, ev := range batch {
			q.deliver(ev)
		}
		if dropped > 0 {
			q.deliver(noteEvent("%d events came faster than they could be shown and were dropped", dropped))
		}
		if len(batch) > 0 {
			continue
		}
		if closed {
			return
		}
		<-q.wake
	}
}
