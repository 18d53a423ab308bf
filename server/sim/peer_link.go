package sim

import (
	"fmt"
	"io"
	"slices"

	"zookit/protocol/quorum"
	"zookit/server/peer"
	"zookit/server/storage"
	"zookit/server/zab"
)

// Directions of a peerLink.
const (
	toLeader = iota
	toLearner
)

// peerLink is a connection of the quorum port. What is sent arrives in order;
// after a reset nothing more does.
type peerLink struct {
	w     *world
	ends  [2]*process // by the direction towards it
	seats [2]*seat
	terms [2]int64
	conn  zab.Conn // the leader's number; the learner's is its term

	arrival [2]int64
	reset   bool
	over    [2]bool // the receiver of that direction has closed, or knows that the other has
	out     [2]outbox

	// The learner's side of a snapshot: its bytes, and what came behind it.
	streaming bool
	stream    []byte
	behind    []parcel
	told      int64 // progress was told last

	tap tap
}

// outbox is what one side has still to write.
type outbox struct {
	queue []outgoing
	busy  bool // with a log range or a snapshot
	last  bool // close when the queue is out
}

// outgoing is a message; snapshot is the content of a SnapshotStream.
type outgoing struct {
	zab.Message
	snapshot storage.Source
}

// drop ends a snapshot that is not sent: it is written to nowhere.
func (o *outgoing) drop() {
	if o.snapshot != nil {
		_ = storage.WriteSnapshotStream(nowhere{}, o.snapshot, peer.SnapshotEnd)
	}
}

type nowhere struct{}

func (nowhere) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// parcel is what one write put on the link: a packet, a piece of a snapshot, or
// the end.
type parcel struct {
	packet *quorum.Packet
	bytes  []byte
}

func newPeerLink(leader, learner *process, term int64) *peerLink {
	s := leader.seat
	s.next++
	l := &peerLink{w: leader.w, ends: [2]*process{leader, learner}, seats: [2]*seat{s, learner.seat}, terms: [2]int64{s.role.Term, term}, conn: s.next}
	s.down[l.conn] = l
	l.tap.hosted = s.role.State == quorum.Following
	l.w.ensemble.links = append(l.w.ensemble.links, l)
	s.peerEvent(s.role.Term, zab.Connected{Conn: l.conn})
	return l
}

func (l *peerLink) String() string { return fmt.Sprintf("the link of %v and %v", l.ends[0], l.ends[1]) }

// direction is where what p sends goes.
func (l *peerLink) direction(p *process) int {
	if p == l.ends[toLeader] {
		return toLearner
	}
	return toLeader
}

// open tells that a side still uses the connection.
func (l *peerLink) open(p *process) bool {
	towards := 1 - l.direction(p)
	return p.up && p.seat == l.seats[towards] && !l.over[towards]
}

func (l *peerLink) send(from *process, o outgoing) {
	out := &l.out[l.direction(from)]
	if out.last || !l.open(from) {
		o.drop()
		return
	}
	out.queue = append(out.queue, o)
	l.write(from)
}

// finish closes when what is queued is sent.
func (l *peerLink) finish(from *process) {
	l.out[l.direction(from)].last = true
	l.write(from)
}

// write is the writer of one side.
func (l *peerLink) write(from *process) {
	dir := l.direction(from)
	out := &l.out[dir]
	for len(out.queue) > 0 && !out.busy && l.open(from) {
		o := out.queue[0]
		out.queue = out.queue[1:]
		switch o.Kind {
		case zab.PacketMessage:
			l.put(dir, parcel{packet: &o.Packet})
		case zab.LogRange:
			l.writeRange(from, o)
		case zab.SnapshotStream:
			l.put(dir, parcel{packet: &o.Packet})
			l.writeSnapshot(from, o)
		}
	}
	if out.last && len(out.queue) == 0 && !out.busy && l.open(from) {
		l.close(from)
	}
}

// writeRange reads the log on disk, a while later.
func (l *peerLink) writeRange(from *process, o outgoing) {
	dir := l.direction(from)
	l.out[dir].busy = true
	from.do(l.w.between(50, 20*millisecond), func() {
		l.out[dir].busy = false
		if !l.open(from) {
			return
		}
		l.w.reached("DIFF from the log on disk")
		err := o.Range(from.store.ReadRange, func(p *quorum.Packet) error {
			p.Data = slices.Clone(p.Data)
			l.put(dir, parcel{packet: p})
			return nil
		})
		if err != nil {
			l.w.tracef("%v cannot send its log to %v: %v", from, l.ends[dir], err)
			l.close(from)
			return
		}
		l.write(from)
	})
}

// writeSnapshot writes a snapshot while the leader goes on.
func (l *peerLink) writeSnapshot(from *process, o outgoing) {
	dir := l.direction(from)
	l.out[dir].busy = true
	from.spawn(false, func(*fiber) error {
		return storage.WriteSnapshotStream(&streamWriter{l, from, dir}, o.snapshot, peer.SnapshotEnd)
	}, func(err error) {
		l.out[dir].busy = false
		if err != nil {
			l.close(from)
			return
		}
		l.write(from)
	})
}

type streamWriter struct {
	l    *peerLink
	from *process
	dir  int
}

func (s *streamWriter) Write(b []byte) (int, error) {
	if !s.l.open(s.from) || s.from.disk.dead {
		return 0, io.ErrClosedPipe
	}
	s.l.put(s.dir, parcel{bytes: slices.Clone(b)})
	s.l.seats[toLeader].peerEvent(s.l.terms[toLeader], zab.StreamProgress{Conn: s.l.conn})
	return len(b), nil
}

// put puts a parcel on its way.
func (l *peerLink) put(dir int, x parcel) {
	if x.packet != nil {
		l.tap.sent(l, dir, x.packet)
	}
	w := l.w
	t := w.ensemble.latency(l.ends[1-dir], l.ends[dir])
	t = max(t, l.arrival[dir])
	l.arrival[dir] = t
	to, run := l.ends[dir], l.ends[dir].run
	w.at(t, func() {
		if l.reset || l.over[dir] {
			return
		}
		to.perform(run, func() { l.arrived(dir, x) })
	})
}

func (l *peerLink) arrived(dir int, x parcel) {
	if l.over[dir] {
		return
	}
	if dir == toLearner && l.streaming {
		switch {
		case x.bytes != nil:
			l.stream = append(l.stream, x.bytes...)
			if l.w.now-l.told > 200*millisecond {
				l.told = l.w.now
				l.seats[dir].peerEvent(l.terms[dir], zab.StreamProgress{Conn: zab.Conn(l.terms[dir])})
			}
			return
		case x.packet != nil:
			l.behind = append(l.behind, x)
			return
		}
	}
	l.take(dir, x)
}

// take hands a packet, or the end, to the core.
func (l *peerLink) take(dir int, x parcel) {
	s, id := l.seats[dir], l.conn
	if dir == toLearner {
		id = zab.Conn(l.terms[dir])
	}
	switch {
	case x.packet != nil:
		l.tap.received(l, dir, x.packet)
		s.peerEvent(l.terms[dir], zab.Received{Conn: id, Packet: *x.packet})
		l.streaming = l.streaming || dir == toLearner && x.packet.Type == quorum.Snap
	case x.bytes == nil:
		l.ended(dir)
	}
}

// streamed: the snapshot is read, and packets are again.
func (l *peerLink) streamed() {
	l.streaming = false
	behind := l.behind
	l.behind = nil
	for i, x := range behind {
		if l.streaming {
			l.behind = append(l.behind, behind[i:]...)
			return
		}
		l.take(toLearner, x)
	}
}

// ended: the receiver of a direction learns that the connection is gone.
func (l *peerLink) ended(dir int) {
	if l.over[dir] {
		return
	}
	l.over[dir] = true
	s, id := l.seats[dir], l.conn
	if dir == toLearner {
		id = zab.Conn(l.terms[dir])
	}
	s.peerEvent(l.terms[dir], zab.Disconnected{Conn: id})
	l.forget(dir)
	l.abandon(dir)
}

func (l *peerLink) forget(dir int) {
	if s := l.seats[dir]; dir == toLeader && s.down != nil {
		delete(s.down, l.conn)
	}
	if l.over[0] && l.over[1] {
		e := l.w.ensemble
		e.links = slices.DeleteFunc(e.links, func(o *peerLink) bool { return o == l })
	}
}

// abandon drops what one side has not written.
func (l *peerLink) abandon(towards int) {
	out := &l.out[1-towards]
	queue := out.queue
	out.queue = nil
	for i := range queue {
		queue[i].drop()
	}
}

// close ends the connection by one side: what it has written arrives, then the
// end. It hears nothing more.
func (l *peerLink) close(by *process) {
	towards := 1 - l.direction(by)
	if l.over[towards] {
		return
	}
	l.over[towards] = true
	l.abandon(towards)
	l.put(1-towards, parcel{})
	s := l.seats[towards]
	id := l.conn
	if towards == toLearner {
		id = zab.Conn(l.terms[towards])
	}
	if by.up {
		s.peerEvent(l.terms[towards], zab.Disconnected{Conn: id})
	}
	l.forget(towards)
}

// vanish is what a power cut at one side does: nothing more arrives, and the
// other side may hear of it or not.
func (l *peerLink) vanish(at *process) {
	towards := 1 - l.direction(at)
	l.over[towards] = true
	l.reset = true
	l.abandon(towards)
	l.forget(towards)
	other, run := l.ends[1-towards], l.ends[1-towards].run
	if l.w.rng.IntN(2) == 0 {
		l.w.after(l.w.between(20, 50*millisecond), func() { other.perform(run, func() { l.ended(1 - towards) }) })
	}
}

// cut resets the connection: what is under way is lost, and each side hears of
// it in its own time.
func (l *peerLink) cut() {
	l.reset = true
	for dir, to := range l.ends {
		run := to.run
		l.w.after(l.w.between(20, 50*millisecond), func() { to.perform(run, func() { l.ended(dir) }) })
	}
}
