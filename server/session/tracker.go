package session

import (
	"cmp"
	"math"
	"slices"

	"zookit/protocol"
	"zookit/server/defect"
)

// Tracker holds the live sessions in buckets of one tick. A session that was
// last touched at t with timeout o expires at the next whole tick after t+o:
// ((t+o)/tick + 1)·tick.
type Tracker struct {
	tick    int64
	nextID  protocol.SessionID
	byID    map[protocol.SessionID]*Handle
	buckets map[int64]map[*Handle]struct{}
	// next is the earliest bucket that may hold a session; buckets before it
	// are empty. Meaningless while there are no sessions.
	next int64
}

// NewTracker returns a tracker without sessions. tickMs is at least 1; first is
// the id the next session gets (FirstID).
func NewTracker(tickMs int32, first protocol.SessionID) *Tracker {
	return &Tracker{
		tick:    int64(max(tickMs, 1)),
		nextID:  first,
		byID:    make(map[protocol.SessionID]*Handle),
		buckets: make(map[int64]map[*Handle]struct{}),
		next:    math.MaxInt64,
	}
}

// Len is the number of sessions, those being closed included.
func (t *Tracker) Len() int { return len(t.byID) }

// NextID is the id that the next session gets.
func (t *Tracker) NextID() protocol.SessionID { return t.nextID }

// Touched are the sessions heard of at or after since that are not being
// closed, by id: what a learner tells its leader.
func (t *Tracker) Touched(since int64) []*Handle {
	var out []*Handle
	for _, h := range t.byID {
		if !h.Closing() && h.Touched() >= since {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b *Handle) int { return cmp.Compare(a.id, b.id) })
	return out
}

// Lookup is the handle of a session, or nil.
func (t *Tracker) Lookup(id protocol.SessionID) *Handle { return t.byID[id] }

// Create makes a session under a new id.
func (t *Tracker) Create(timeoutMs int32, now int64) *Handle {
	return t.Track(t.NewID(), timeoutMs, now)
}

// NewID takes the next id that no session here has.
func (t *Tracker) NewID() protocol.SessionID {
	for {
		id := t.nextID
		t.nextID++
		if id != 0 && id != protocol.ContainerOwner && t.byID[id] == nil {
			return id
		}
	}
}

// Move gives a session to another tracker. Its handle stays the same, so that
// the connection that has it need not know.
func (t *Tracker) Move(h *Handle, to *Tracker) {
	t.unplace(h)
	delete(t.byID, h.id)
	to.byID[h.id] = h
	to.place(h, to.expiry(h))
}

// Track adds a session with a known id, or touches the one that is there.
func (t *Tracker) Track(id protocol.SessionID, timeoutMs int32, now int64) *Handle {
	h := t.byID[id]
	if h == nil {
		h = &Handle{id: id}
		t.byID[id] = h
	}
	h.timeout.Store(timeoutMs)
	h.Touch(now)
	t.place(h, t.expiry(h))
	return h
}

// Renew touches a session and gives it the timeout of its new connection. It is
// false, and nothing happens, when the session is unknown or being closed.
func (t *Tracker) Renew(id protocol.SessionID, timeoutMs int32, now int64) (*Handle, bool) {
	h := t.byID[id]
	if h == nil || h.Closing() {
		return nil, false
	}
	return t.Track(id, timeoutMs, now), true
}

// Close marks a session whose closeSession has been proposed. It will not
// expire any more and stays known until Remove.
func (t *Tracker) Close(h *Handle) {
	h.closing.Store(true)
	t.unplace(h)
}

// Remove forgets a session when its closeSession is committed.
func (t *Tracker) Remove(id protocol.SessionID) {
	if h := t.byID[id]; h != nil {
		h.closing.Store(true)
		t.unplace(h)
		delete(t.byID, id)
	}
}

// Expired returns the sessions whose time is over at now, by expiry time and
// then by id. The caller closes each; until then it is in no bucket.
func (t *Tracker) Expired(now int64) []*Handle {
	type lapsed struct {
		at int64
		h  *Handle
	}
	var due []lapsed
	for t.next <= now {
		set := t.buckets[t.next]
		delete(t.buckets, t.next)
		for h := range set {
			h.bucket = 0
			if at := t.expiry(h); at > now && !defect.Planted(defect.TouchIgnored) {
				t.place(h, at)
			} else {
				due = append(due, lapsed{at, h})
			}
		}
		t.advance()
	}
	slices.SortFunc(due, func(a, b lapsed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.h.id, b.h.id))
	})
	out := make([]*Handle, len(due))
	for i, d := range due {
		out[i] = d.h
	}
	return out
}

// Deadline is when Expired may have something to return: a lower bound, since
// touched sessions move when their old bucket is due. math.MaxInt64 is never.
func (t *Tracker) Deadline() int64 { return t.next }

// Bucket is the sessions that expire at one time.
type Bucket struct {
	At       int64 // steady clock, ms
	Sessions []protocol.SessionID
}

// Buckets lists the sessions by the time at which they would expire if nothing
// more were heard of them, earliest first.
func (t *Tracker) Buckets() []Bucket {
	at := make(map[int64][]protocol.SessionID)
	for id, h := range t.byID {
		if !h.Closing() {
			at[t.expiry(h)] = append(at[t.expiry(h)], id)
		}
	}
	out := make([]Bucket, 0, len(at))
	for when, ids := range at {
		slices.Sort(ids)
		out = append(out, Bucket{when, ids})
	}
	slices.SortFunc(out, func(a, b Bucket) int { return cmp.Compare(a.At, b.At) })
	return out
}

func (t *Tracker) expiry(h *Handle) int64 {
	return ((h.touched.Load()+int64(h.TimeoutMs()))/t.tick + 1) * t.tick
}

func (t *Tracker) place(h *Handle, at int64) {
	if h.bucket == at {
		return
	}
	t.unplace(h)
	set := t.buckets[at]
	if set == nil {
		set = make(map[*Handle]struct{})
		t.buckets[at] = set
	}
	set[h] = struct{}{}
	h.bucket = at
	t.next = min(t.next, at)
}

func (t *Tracker) unplace(h *Handle) {
	if h.bucket == 0 {
		return
	}
	set := t.buckets[h.bucket]
	delete(set, h)
	if len(set) == 0 {
		delete(t.buckets, h.bucket)
		if h.bucket == t.next {
			t.advance()
		}
	}
	h.bucket = 0
}

// advance finds the earliest bucket again. There are at most
// maxSessionTimeout/tick + 2 of them, unless the clock stood still.
func (t *Tracker) advance() {
	t.next = math.MaxInt64
	for at := range t.buckets {
		t.next = min(t.next, at)
	}
}
